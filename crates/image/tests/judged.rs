//! Whole images of the server's root tree, judged by the programs that other people wrote: e2fsck, sgdisk, qemu-img and others.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a failed judge ends the test, a skipped one says so"
)]

use std::collections::BTreeMap;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};

use host_tools::{Bind, Call, Output, Sandbox, progress::Silent};
use image::tree::{Kind, TreePath};
use image::{
    Account, Boot, BuiltImage, Compression, DiskFormat, Identity, InitrdContent, PasswordPolicy, Places,
    RootFileSystem, Seed, Selinux, SelinuxMode, Signers, Size, Slots, Specification, Tools, Units, build,
    compose,
};
use object::{Object as _, ObjectSection as _};
use testkit::prepared;

const EPOCH: u64 = 1_790_000_000;

struct Judge {
    /// Programs that judge.
    root: PathBuf,
    /// Programs that make images.
    tools: PathBuf,
    tree: PathBuf,
    folder: tempfile::TempDir,
}

impl Judge {
    fn find() -> Option<Self> {
        Some(Self {
            root: prepared::judge_root()?,
            tools: prepared::tools_root()?,
            tree: prepared::server_tree()?,
            folder: tempfile::tempdir().unwrap(),
        })
    }

    fn places<'a>(&'a self, work: &'a Path, output: &'a Path) -> Places<'a> {
        Places {
            root: &self.tree,
            deferred: &[],
            tools: &self.tools,
            work,
            output,
            kept: None,
            bill: None,
            signers: Signers::default(),
            most_mebibytes: None,
        }
    }

    fn build(&self, specification: &Specification, name: &str) -> BuiltImage {
        self.build_signed(specification, name, Signers::default())
    }

    fn build_signed(&self, specification: &Specification, name: &str, signers: Signers<'_>) -> BuiltImage {
        let (work, output) = (self.folder.path().join("work").join(name), self.folder.path().join(name));
        let places = Places { signers, ..self.places(&work, &output) };
        let built = build(specification, &places, &Seed([7; 32]), EPOCH, &Silent)
            .unwrap_or_else(|error| panic!("{}", chain(&error)));
        for (stage, time) in &built.stages {
            println!("{name}: {stage} {:.2} s", time.as_secs_f64());
        }
        println!(
            "{name}: initrd {} bytes, kernel image {} bytes, root {} bytes",
            built.initrd_bytes, built.kernel_image_bytes, built.root_bytes
        );
        built
    }

    /// The kernel image of an EFI system partition has the bytes that ukify makes of the same parts.
    fn compares_with_ukify(&self, esp: &Path, path: &str) {
        let volume =
            fatfs::FileSystem::new(std::fs::File::open(esp).unwrap(), fatfs::FsOptions::new()).unwrap();
        let mut ours = Vec::new();
        volume.root_dir().open_file(path).unwrap().read_to_end(&mut ours).unwrap();
        let program = object::File::parse(&ours[..]).unwrap();
        let section = |name: &str| program.section_by_name(name).unwrap().data().unwrap();
        let text = |name: &str| std::str::from_utf8(section(name)).unwrap();
        let put = |name: &str, bytes: &[u8]| {
            let path = self.folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        };
        let options = host_tools::ukify::Options {
            linux: &put("linux", section(".linux")),
            initrds: vec![put("initrd", section(".initrd"))],
            command_line: text(".cmdline"),
            os_release: text(".osrel"),
            uname: text(".uname"),
            stub: &self.tools.join("usr/lib/systemd/boot/efi/linuxx64.efi.stub"),
            source_date_epoch: EPOCH,
        };
        let theirs = self.folder.path().join("ukify.efi");
        host_tools::ukify::build(&Sandbox::new(&self.tools).read_only_root(true), &options, &theirs).unwrap();
        assert!(std::fs::read(&theirs).unwrap() == ours, "ukify makes other bytes: see {}", theirs.display());
    }

    /// Runs a program of the judge's root, with the folder at `/mnt`.
    fn ask(&self, program: &str, arguments: &[&str]) -> Output {
        let sandbox = Sandbox::new(&self.root).bind(Bind::writable(self.folder.path(), "/mnt"));
        sandbox
            .run(&Call::new(program).args(arguments).accept_any_status())
            .unwrap_or_else(|error| panic!("{}", chain(&error)))
    }

    fn agrees(&self, program: &str, arguments: &[&str]) -> String {
        let output = self.ask(program, arguments);
        let said = output.stdout_text() + &output.stderr_text();
        assert!(output.status.success(), "{program} {arguments:?}: {said}");
        said
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text += &format!("\n  caused by: {cause}");
        source = cause.source();
    }
    text
}

fn specification(root: RootFileSystem) -> Specification {
    Specification {
        name: "disk".into(),
        identity: Identity {
            os_release: "NAME=Lazuli\nID=lazuli\nVERSION_ID=1.0\nPRETTY_NAME=\"Lazuli 1.0\"\n".into(),
            host_name: Some("lazuli".into()),
            ..Identity::default()
        },
        removed: Vec::new(),
        overlays: Vec::new(),
        additions: Vec::new(),
        accounts: vec![Account {
            name: "ada".into(),
            number: None,
            group: None,
            comment: "Ada".into(),
            home: "/home/ada".into(),
            shell: "/bin/bash".into(),
            groups: Vec::new(),
            password: PasswordPolicy::Locked,
            authorized_keys: Vec::new(),
        }],
        units: Units { enable: vec!["ssh.service".into()], ..Units::default() },
        selinux: Some(Selinux { policy: "default".into(), mode: SelinuxMode::Permissive, modules: None }),
        kernel_command_line: "console=ttyS0 security=selinux selinux=1 enforcing=0 systemd.firstboot=no"
            .into(),
        initrd: InitrdContent::base(),
        boot: Boot::Menu { seconds: 0 },
        esp_mebibytes: 256,
        root,
        slots: None,
        disk_mebibytes: None,
        formats: vec![DiskFormat::Raw, DiskFormat::Qcow2, DiskFormat::Vhd],
    }
}

fn ext4() -> Specification {
    specification(RootFileSystem::Ext4 { label: "root".into(), size: Size::Fit { free_mebibytes: 256 } })
}

fn erofs() -> Specification {
    let mut specification = specification(RootFileSystem::Erofs {
        label: "root".into(),
        size: Size::Fit { free_mebibytes: 0 },
        compression: Compression::Lz4,
        inline_tails: true,
    });
    // Nobody can write to EROFS: changes live in memory and are gone with the power.
    specification.kernel_command_line += " systemd.volatile=overlay";
    specification
}

#[test]
fn a_disk_image_satisfies_every_judge() {
    let Some(judge) = Judge::find() else { return };
    for (name, specification) in [("ext4", ext4()), ("erofs", erofs())] {
        let built = judge.build(&specification, name);
        assert!(built.initrd_bytes < 20 << 20, "{} bytes of initrd", built.initrd_bytes);
        let disk = |ending: &str| format!("/mnt/{name}/disk.{ending}");
        let said = judge.agrees("sgdisk", &["-v", &disk("raw")]);
        assert!(said.contains("No problems found"), "{said}");
        judge.agrees("sfdisk", &["--verify", &disk("raw")]);
        judge.agrees("qemu-img", &["check", &disk("qcow2")]);
        judge.agrees("qemu-img", &["compare", &disk("raw"), &disk("qcow2")]);
        judge.agrees("qemu-img", &["compare", "-f", "raw", "-F", "vpc", &disk("raw"), &disk("vhd")]);
        let information = judge.agrees("qemu-img", &["info", "--output=json", "-f", "vpc", &disk("vhd")]);
        let information: serde_json::Value = serde_json::from_str(&information).unwrap();
        assert_eq!(information["virtual-size"].as_u64().unwrap() % (1 << 20), 0);
        judge.agrees(
            "systemd-dissect",
            &["--validate", "--image-policy=root=unprotected:esp=unprotected:=absent", &disk("raw")],
        );
        // The EFI system partition by itself, since fsck.fat knows no offset.
        let esp = judge.folder.path().join("esp");
        let mut raw = std::fs::File::open(&built.files[0].path).unwrap();
        raw.seek(std::io::SeekFrom::Start(1 << 20)).unwrap();
        std::io::copy(
            &mut raw.take(specification.esp_mebibytes << 20),
            &mut std::fs::File::create(&esp).unwrap(),
        )
        .unwrap();
        judge.agrees("fsck.fat", &["-n", "-v", "/mnt/esp"]);
        judge.compares_with_ukify(&esp, &built.plan.esp_files[1]);
    }
}

#[test]
fn every_path_gets_the_label_that_libselinux_gives_it() {
    let Some(judge) = Judge::find() else { return };
    let tools = Tools::new(&judge.tools, judge.folder.path(), EPOCH);
    let (work, output) = (judge.folder.path().join("work"), judge.folder.path().join("output"));
    let tree = compose(&ext4(), &judge.places(&work, &output), &tools, EPOCH).unwrap();
    let files = judge.folder.path().join("contexts");
    let policy = TreePath::parse("etc/selinux/default/contexts/files").unwrap();
    std::fs::create_dir_all(&files).unwrap();
    for path in tree.list(&policy).into_iter().filter(|path| !path.name().ends_with(b".bin")) {
        if let Ok(bytes) = tree.read(&path) {
            std::fs::write(files.join(String::from_utf8_lossy(path.name()).as_ref()), bytes).unwrap();
        }
    }
    let mut by_kind: BTreeMap<&str, Vec<(String, String)>> = BTreeMap::new();
    for (path, entry) in tree.entries() {
        let kind = match entry.kind {
            Kind::Directory => "d",
            Kind::SymbolicLink(_) => "l",
            Kind::File(_) => "f",
            _ => continue,
        };
        let label = entry.attributes.get("security.selinux").map_or("<<none>>".to_owned(), |label| {
            String::from_utf8_lossy(label.strip_suffix(b"\0").unwrap()).into_owned()
        });
        by_kind.entry(kind).or_default().push((path.to_string(), label));
    }
    let mut compared = 0;
    for (kind, paths) in by_kind {
        for part in paths.chunks(500) {
            let arguments: Vec<&str> = ["-n", "-N", "-f", "/mnt/contexts/file_contexts", "-m", kind]
                .into_iter()
                .chain(part.iter().map(|(path, _)| path.as_str()))
                .collect();
            let said = judge.ask("matchpathcon", &arguments).stdout_text();
            let answers: Vec<&str> = said.lines().collect();
            assert_eq!(answers.len(), part.len(), "{said}");
            for ((path, label), answer) in part.iter().zip(answers) {
                assert_eq!(label, answer, "{kind} {path}");
                compared += 1;
            }
        }
    }
    println!("{compared} labels are the same");
    assert!(compared > 1000);
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let Some(judge) = Judge::find() else { return };
    let digests = |built: &BuiltImage| built.files.iter().map(|file| file.sha256.clone()).collect::<Vec<_>>();
    for (name, specification) in [("same-ext4", ext4()), ("same-erofs", erofs())] {
        let first = judge.build(&specification, &format!("{name}-1"));
        let umask = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
        std::thread::sleep(std::time::Duration::from_millis(1100));
        let second = judge.build(&specification, &format!("{name}-2"));
        rustix::process::umask(umask);
        assert_eq!(digests(&first), digests(&second), "{name}");
    }
}
