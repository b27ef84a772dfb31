//! A sealed root in slots, judged by what will open, verify and enlarge it.

use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use image::signing::Signer;
use image::{BuiltImage, Compression, DiskFormat, RootFileSystem, Signers, Size, Slots, Specification};
use object::{Object as _, ObjectSection as _};
use release::manifest::Salt;
use release::{ImageName, Manifest, Sha256Digest, Version};

use crate::judge::{Judge, specification};

fn sealed(version: &str) -> Specification {
    let root = RootFileSystem::Erofs {
        label: "root".into(),
        size: Size::Fixed { mebibytes: 1024 },
        compression: Compression::Lz4,
        inline_tails: false,
    };
    let slots = Slots {
        image: ImageName::parse("host").unwrap(),
        version: Version::parse(version).unwrap(),
        count: 2,
        salt: Salt::new(vec![7; 32]).unwrap(),
        tree_mebibytes: 9,
        signature_mebibytes: Some(1),
    };
    Specification {
        slots: Some(slots),
        esp_mebibytes: 128,
        disk_mebibytes: Some(3000),
        formats: vec![DiskFormat::Raw, DiskFormat::Qcow2],
        ..specification(root)
    }
}

fn bytes_of(path: &Path, start: u64, length: u64) -> Vec<u8> {
    let mut file = fs::File::open(path).unwrap();
    file.seek(SeekFrom::Start(start)).unwrap();
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes).unwrap();
    bytes
}

fn digests(built: &BuiltImage) -> Vec<String> {
    let payload = built.payload.iter().flat_map(|payload| &payload.files);
    let disks = built.files.iter().map(|file| file.sha256.clone());
    let cosi = built.cosi.iter().map(|file| file.sha256.clone());
    disks.chain(cosi).chain(payload.map(|file| file.sha256.to_string())).collect()
}

#[test]
fn a_sealed_image_satisfies_every_judge() {
    let Some(judge) = Judge::find() else { return };
    let made = judge.agrees(
        "openssl",
        &[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            "/mnt/key.pem",
            "-out",
            "/mnt/certificate.pem",
            "-days",
            "3650",
            "-subj",
            "/CN=test",
        ],
    );
    assert!(!made.contains("rror"), "{made}");
    let in_folder = |name: &str| judge.folder.path().join(name);
    let tools = host_tools::Sandbox::new(&judge.tools);
    let signer = Signer::from_files(&tools, &in_folder("key.pem"), &in_folder("certificate.pem")).unwrap();
    let signers = Signers { secure_boot: Some(&signer), root_hash: Some(&signer) };
    let specification = Specification { cosi: true, ..sealed("1.0") };
    let built = judge.build_signed(&specification, "sealed", signers);
    let payload = built.payload.as_ref().unwrap();
    let disk = in_folder("sealed/disk.raw");

    // What is published is what lies on the disk, and the manifest tells its digests.
    let manifest = Manifest::parse(&fs::read(payload.folder.join("manifest.json")).unwrap()).unwrap();
    let root_start = 129 << 20;
    let on_disk = [
        (&manifest.files.root, root_start),
        (&manifest.files.verity, root_start + (1024 << 20)),
        (manifest.files.verity_signature.as_ref().unwrap(), root_start + (1033 << 20)),
    ];
    for (file, start) in on_disk {
        let published = fs::read(payload.folder.join(file.name.as_str())).unwrap();
        assert_eq!(Sha256Digest::of(&published), file.sha256, "{}", file.name);
        assert!(bytes_of(&disk, start, file.size) == published, "{}", file.name);
    }

    let root_hash = manifest.verity.root_hash.to_string();
    let published = |name: &str| format!("/mnt/sealed/host_1.0.payload/{name}");
    judge.agrees("veritysetup", &["verify", &published("root.erofs"), &published("root.verity"), &root_hash]);
    judge.agrees("fsck.erofs", &[&published("root.erofs")]);
    let said = judge.agrees("sgdisk", &["-v", "/mnt/sealed/disk.raw"]);
    assert!(said.contains("No problems found"), "{said}");
    judge.agrees("qemu-img", &["compare", "/mnt/sealed/disk.raw", "/mnt/sealed/disk.qcow2"]);
    // The root hash is read from the signature's partition, or given.
    let policy = "--image-policy=root=signed:esp=unprotected:=absent";
    judge.agrees("systemd-dissect", &["--validate", policy, "/mnt/sealed/disk.raw"]);
    let given = format!("--root-hash={root_hash}");
    judge.agrees("systemd-dissect", &["--validate", &given, policy, "/mnt/sealed/disk.raw"]);
    let other = format!("--root-hash={}", "0".repeat(64));
    let refused = judge.ask("systemd-dissect", &["--validate", &other, "/mnt/sealed/disk.raw"]);
    assert!(!refused.status.success(), "no root has this hash");
    repart_adds_what_is_missing_and_touches_nothing_else(&judge);

    let esp = judge.esp(&built, &specification);
    judge.agrees("fsck.fat", &["-n", "/mnt/esp"]);
    for path in ["EFI/Linux/host_1.0.efi", "EFI/BOOT/BOOTX64.EFI", "EFI/systemd/systemd-bootx64.efi"] {
        fs::write(in_folder("program.efi"), judge.file_of_esp(&esp, path)).unwrap();
        judge.agrees("sbverify", &["--cert", "/mnt/certificate.pem", "/mnt/program.efi"]);
    }
    let kernel = judge.file_of_esp(&esp, "EFI/Linux/host_1.0.efi");
    assert!(kernel == fs::read(payload.folder.join("linux.efi")).unwrap());
    let program = object::File::parse(&kernel[..]).unwrap();
    let command_line = program.section_by_name(".cmdline").unwrap().data().unwrap();
    let expected = format!("roothash={root_hash} rootfstype=erofs ro console=ttyS0");
    assert!(command_line.starts_with(expected.as_bytes()), "{}", String::from_utf8_lossy(command_line));

    let listed = judge.agrees("tar", &["-tf", "/mnt/sealed/disk.cosi"]);
    let regions = ["primary-gpt", "esp", "root", "root-verity", "root-verity-sig"];
    let regions: String = regions.iter().map(|name| format!("images/{name}.rawzst\n")).collect();
    assert_eq!(listed, format!("cosi-marker\nmetadata.json\n{regions}"));
    let metadata = judge.agrees("tar", &["-xOf", "/mnt/sealed/disk.cosi", "metadata.json"]);
    let metadata: serde_json::Value = serde_json::from_str(&metadata).unwrap();
    let root =
        metadata["images"].as_array().unwrap().iter().find(|image| image["mountPoint"] == "/").unwrap();
    assert_eq!(root["verity"]["roothash"], root_hash.as_str());
    assert_eq!(root["verity"]["image"]["path"], "images/root-verity.rawzst");

    let again = judge.build_signed(&specification, "again", signers);
    assert_eq!(digests(&built), digests(&again));
}

/// The data partition of a host is made at its first boot.
fn repart_adds_what_is_missing_and_touches_nothing_else(judge: &Judge) {
    let definitions = judge.folder.path().join("repart.d");
    fs::create_dir_all(&definitions).unwrap();
    fs::write(definitions.join("50-var.conf"), "[Partition]\nType=var\nFormat=ext4\nSizeMinBytes=256M\n")
        .unwrap();
    let said = judge.agrees(
        "systemd-repart",
        &[
            "--dry-run=yes",
            "--empty=refuse",
            "--json=short",
            "--definitions=/mnt/repart.d",
            "/mnt/sealed/disk.raw",
        ],
    );
    let text = said.lines().find(|line| line.starts_with('[')).unwrap_or_else(|| panic!("{said}"));
    let partitions: serde_json::Value = serde_json::from_str(text).unwrap();
    let activities: Vec<&str> =
        partitions.as_array().unwrap().iter().map(|one| one["activity"].as_str().unwrap()).collect();
    assert_eq!(activities.iter().filter(|activity| **activity == "create").count(), 1, "{said}");
    assert!(
        activities.iter().all(|activity| ["create", "unchanged", "unknown"].contains(activity)),
        "{said}"
    );
}

#[test]
fn versions_differ_where_their_files_do() {
    let Some(judge) = Judge::find() else { return };
    let (one, two) = (judge.build(&sealed("1.0"), "one"), judge.build(&sealed("1.1"), "two"));
    let root =
        |built: &BuiltImage| fs::read(built.payload.as_ref().unwrap().folder.join("root.erofs")).unwrap();
    let (one, two) = (root(&one), root(&two));
    let known: std::collections::HashSet<&[u8]> = one.chunks(4096).collect();
    let new = two.chunks(4096).filter(|block| !known.contains(block)).count();
    // os-release alone says another version: its own block, its inode's, the superblock.
    assert!(new <= 8, "{new} of {} blocks are new", two.len() / 4096);
}
