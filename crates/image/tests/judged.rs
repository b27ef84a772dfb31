//! Whole images, judged by the programs that other people wrote: run with `LAZULI_JUDGE_ROOT` naming a root directory that
//! has e2fsck, debugfs, sgdisk, qemu-img and the others, and `LAZULI_JUDGE_TREE` naming an installed root tree with a kernel.
#![allow(missing_docs, clippy::print_stdout)]

use std::path::PathBuf;

use host_tools::{Bind, Call, Output, Sandbox, progress::Silent};
use image::{
    Account, Boot, BuiltImage, Compression, DiskFormat, Identity, InitrdContent, PasswordPolicy, Places, RootFileSystem, Seed, Size,
    Specification, build,
};

const EPOCH: u64 = 1_790_000_000;

struct Judge {
    root: PathBuf,
    tree: PathBuf,
    folder: PathBuf,
    _kept: Option<tempfile::TempDir>,
}

impl Judge {
    fn find() -> Option<Self> {
        let (Ok(root), Ok(tree)) = (std::env::var("LAZULI_JUDGE_ROOT"), std::env::var("LAZULI_JUDGE_TREE")) else {
            println!("skipped: LAZULI_JUDGE_ROOT and LAZULI_JUDGE_TREE do not name a root of tools and an installed tree");
            return None;
        };
        let (folder, kept) = match std::env::var("LAZULI_JUDGE_OUTPUT") {
            Ok(folder) => (PathBuf::from(folder), None),
            Err(_) => {
                let folder = tempfile::tempdir().unwrap();
                (folder.path().to_path_buf(), Some(folder))
            }
        };
        std::fs::create_dir_all(&folder).unwrap();
        Some(Self { root: root.into(), tree: tree.into(), folder, _kept: kept })
    }

    fn build(&self, specification: &Specification, name: &str) -> BuiltImage {
        let places = Places {
            root: &self.tree,
            tools: &self.root,
            work: &self.folder.join("work").join(name),
            output: &self.folder.join(name),
        };
        let built = build(specification, &places, &Seed([7; 32]), EPOCH, &Silent).unwrap_or_else(|error| panic!("{}", chain(&error)));
        for (stage, time) in &built.stages {
            println!("{name}: {stage} {:.2} s", time.as_secs_f64());
        }
        println!("{name}: initrd {} bytes, kernel image {} bytes, root {} bytes", built.initrd_bytes, built.kernel_image_bytes, built.root_bytes);
        built
    }

    /// Runs a program of the judge's root, with the folder at `/mnt`.
    fn ask(&self, program: &str, arguments: &[&str]) -> Output {
        let sandbox = Sandbox::new(&self.root).bind(Bind::writable(&self.folder, "/mnt"));
        sandbox.run(&Call::new(program).args(arguments).accept_any_status()).unwrap_or_else(|error| panic!("{}", chain(&error)))
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
        },
        removed: Vec::new(),
        overlays: Vec::new(),
        accounts: vec![Account {
            name: "ada".into(),
            number: None,
            comment: "Ada".into(),
            home: "/home/ada".into(),
            shell: "/bin/bash".into(),
            groups: Vec::new(),
            password: PasswordPolicy::Locked,
            authorized_keys: Vec::new(),
        }],
        selinux_policy: Some("default".into()),
        kernel_command_line: "console=ttyS0 security=selinux selinux=1 enforcing=0 systemd.firstboot=no".into(),
        initrd: InitrdContent::base(),
        boot: Boot::Menu { seconds: 0 },
        esp_mebibytes: 256,
        root,
        disk_mebibytes: None,
        formats: vec![DiskFormat::Raw, DiskFormat::Qcow2, DiskFormat::Vhd],
    }
}

fn ext4() -> Specification {
    specification(RootFileSystem::Ext4 { label: "root".into(), size: Size::Fit { free_mebibytes: 256 } })
}

#[test]
fn a_disk_image_satisfies_every_judge() {
    let Some(judge) = Judge::find() else { return };
    let built = judge.build(&ext4(), "ext4");
    println!("{built:#?}");
    let said = judge.agrees("sgdisk", &["-v", "/mnt/ext4/disk.raw"]);
    assert!(said.contains("No problems found"), "{said}");
    judge.agrees("sfdisk", &["--verify", "/mnt/ext4/disk.raw"]);
    judge.agrees("qemu-img", &["check", "/mnt/ext4/disk.qcow2"]);
    judge.agrees("qemu-img", &["compare", "/mnt/ext4/disk.raw", "/mnt/ext4/disk.qcow2"]);
    judge.agrees("qemu-img", &["compare", "-f", "raw", "-F", "vpc", "/mnt/ext4/disk.raw", "/mnt/ext4/disk.vhd"]);
    let information = judge.agrees("qemu-img", &["info", "--output=json", "-f", "vpc", "/mnt/ext4/disk.vhd"]);
    let information: serde_json::Value = serde_json::from_str(&information).unwrap();
    assert_eq!(information["virtual-size"].as_u64().unwrap() % (1 << 20), 0);
    judge.agrees("systemd-dissect", &["--validate", "--image-policy=*", "/mnt/ext4/disk.raw"]);
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let Some(judge) = Judge::find() else { return };
    let digests = |built: &BuiltImage| built.files.iter().map(|file| file.sha256.clone()).collect::<Vec<_>>();
    for (name, specification) in [
        ("same-ext4", ext4()),
        ("same-erofs", specification(RootFileSystem::Erofs { label: "root".into(), compression: Compression::Lz4 })),
    ] {
        let first = judge.build(&specification, &format!("{name}-1"));
        let umask = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
        std::thread::sleep(std::time::Duration::from_millis(1100));
        let second = judge.build(&specification, &format!("{name}-2"));
        rustix::process::umask(umask);
        assert_eq!(digests(&first), digests(&second), "{name}");
    }
}

