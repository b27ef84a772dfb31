//! The root trees and programs that tests build and judge with, and the specifications that they build.

use std::io::{Read, Seek};
use std::path::{Path, PathBuf};

use host_tools::{Bind, Call, Output, Sandbox, progress::Silent};
use image::{
    Account, Boot, BuiltImage, Compression, DiskFormat, Identity, InitrdContent, PasswordPolicy, Places,
    RootFileSystem, Seed, Selinux, SelinuxMode, Signers, Size, Specification, Units, build,
};
use object::LittleEndian;
use object::{Object as _, ObjectSection as _};
use testkit::prepared;

pub const EPOCH: u64 = 1_790_000_000;

pub struct Judge {
    /// Programs that judge.
    pub root: PathBuf,
    /// Programs that make images.
    pub tools: PathBuf,
    pub tree: PathBuf,
    pub folder: tempfile::TempDir,
}

impl Judge {
    pub fn find() -> Option<Self> {
        Some(Self {
            root: prepared::judge_root()?,
            tools: prepared::tools_root()?,
            tree: prepared::server_tree()?,
            folder: tempfile::tempdir().unwrap(),
        })
    }

    pub fn places<'a>(&'a self, work: &'a Path, output: &'a Path) -> Places<'a> {
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

    pub fn build(&self, specification: &Specification, name: &str) -> BuiltImage {
        self.build_signed(specification, name, Signers::default())
    }

    pub fn build_signed(
        &self,
        specification: &Specification,
        name: &str,
        signers: Signers<'_>,
    ) -> BuiltImage {
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

    /// The kernel image of an EFI system partition is in memory what ukify makes of the same parts; in the file its sections lie
    /// further apart.
    pub fn compares_with_ukify(&self, esp: &Path, path: &str) {
        let ours = self.file_of_esp(esp, path);
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
        let judged = in_memory(&std::fs::read(&theirs).unwrap());
        for (ours, judged) in in_memory(&ours).iter().zip(&judged) {
            assert!(ours == judged, "{ours:?}\nukify makes\n{judged:?}\nsee {}", theirs.display());
        }
        assert_eq!(in_memory(&ours).len(), judged.len());
    }

    /// Names of all files in the initrd of a kernel image, as cpio reads them.
    pub fn initrd_of(&self, esp: &Path, path: &str) -> String {
        let kernel_image = self.file_of_esp(esp, path);
        let program = object::File::parse(&kernel_image[..]).unwrap();
        let initrd = program.section_by_name(".initrd").unwrap();
        std::fs::write(self.folder.path().join("initrd"), initrd.data().unwrap()).unwrap();
        self.agrees("cpio", &["--list", "--quiet", "--file=/mnt/initrd"])
    }

    /// The EFI system partition by itself, in the file `esp` of the folder: fsck.fat knows no offset.
    pub fn esp(&self, built: &BuiltImage, specification: &Specification) -> PathBuf {
        let esp = self.folder.path().join("esp");
        let mut raw = std::fs::File::open(&built.files[0].path).unwrap();
        raw.seek(std::io::SeekFrom::Start(1 << 20)).unwrap();
        let mut file = std::fs::File::create(&esp).unwrap();
        std::io::copy(&mut raw.take(specification.esp_mebibytes << 20), &mut file).unwrap();
        esp
    }

    /// A file of an EFI system partition.
    pub fn file_of_esp(&self, esp: &Path, path: &str) -> Vec<u8> {
        let volume =
            fatfs::FileSystem::new(std::fs::File::open(esp).unwrap(), fatfs::FsOptions::new()).unwrap();
        let mut bytes = Vec::new();
        volume.root_dir().open_file(path).unwrap().read_to_end(&mut bytes).unwrap();
        bytes
    }

    /// Runs a program of the judge's root, with the folder at `/mnt`.
    pub fn ask(&self, program: &str, arguments: &[&str]) -> Output {
        let sandbox = Sandbox::new(&self.root).bind(Bind::writable(self.folder.path(), "/mnt"));
        sandbox
            .run(&Call::new(program).args(arguments).accept_any_status())
            .unwrap_or_else(|error| panic!("{}", chain(&error)))
    }

    pub fn agrees(&self, program: &str, arguments: &[&str]) -> String {
        let output = self.ask(program, arguments);
        let said = output.stdout_text() + &output.stderr_text();
        assert!(output.status.success(), "{program} {arguments:?}: {said}");
        said
    }
}

/// What firmware makes of an EFI program: its headers, and its sections with their places, rights and contents.
fn in_memory(bytes: &[u8]) -> Vec<(String, [u32; 3], release::Sha256Digest)> {
    let program = object::read::pe::PeFile64::parse(bytes).unwrap();
    let header = program.nt_headers().optional_header;
    let first = [
        header.address_of_entry_point.get(LittleEndian),
        header.size_of_image.get(LittleEndian),
        u32::from(header.dll_characteristics.get(LittleEndian).0),
    ];
    let mut parts = vec![("headers".to_owned(), first, release::Sha256Digest::of(b""))];
    for section in program.section_table().iter() {
        let size = section.virtual_size.get(LittleEndian);
        let numbers =
            [section.virtual_address.get(LittleEndian), size, section.characteristics.get(LittleEndian).0];
        let content = section.pe_data(bytes).unwrap();
        let content = &content[..content.len().min(size as usize)];
        let name = String::from_utf8_lossy(section.raw_name()).into_owned();
        parts.push((name, numbers, release::Sha256Digest::of(content)));
    }
    parts
}

pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text += &format!("\n  caused by: {cause}");
        source = cause.source();
    }
    text
}

pub fn specification(root: RootFileSystem) -> Specification {
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
        unpacked_modules: false,
        initrd: InitrdContent::base(),
        initrd_packing: image::InitrdPacking::Zstd,
        boot: Boot::Menu { seconds: 0 },
        esp_mebibytes: 256,
        root,
        slots: None,
        disk_mebibytes: None,
        formats: vec![DiskFormat::Raw, DiskFormat::Qcow2, DiskFormat::Vhd],
        cosi: false,
    }
}

pub fn ext4() -> Specification {
    specification(RootFileSystem::Ext4 { label: "root".into(), size: Size::Fit { free_mebibytes: 256 } })
}

pub fn erofs() -> Specification {
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
