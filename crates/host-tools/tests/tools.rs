//! The tools themselves, over a root that has them; without it these tests say so and pass.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use host_tools::debugfs::Attribute;
use host_tools::matchpathcon::FileKind;
use host_tools::mkfs_erofs::Compression;
use host_tools::{
    Call, Sandbox, ToolError, debugfs, depmod, e2fsck, fsck_erofs, matchpathcon, mke2fs, mkfs_erofs,
    qemu_img, ukify, veritysetup,
};
use tempfile::TempDir;

const UUID: &str = "11111111-2222-4333-8444-555555555555";
const LABEL: &[u8] = b"system_u:object_r:etc_t:s0\0";

/// The sandbox over the root with tools, and an empty directory to work in.
fn world() -> Option<(Sandbox, TempDir)> {
    let root = testkit::prepared::tools_root()?;
    Some((Sandbox::new(root).read_only_root(true), TempDir::new().unwrap()))
}

/// A small tree with everything that is easily lost: owner, mode, link, device, attribute.
fn write_archive(out: &mut dyn Write) -> io::Result<()> {
    let mut archive = tar::Builder::new(out);
    let mut add = |path: &str, kind: tar::EntryType, mode: u32, data: &[u8], link: Option<&str>| {
        archive.append_pax_extensions([("SCHILY.xattr.security.selinux", LABEL)])?;
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(70_000);
        header.set_gid(8);
        header.set_mtime(1_600_000_000);
        header.set_size(data.len() as u64);
        header.set_device_major(1)?;
        header.set_device_minor(3)?;
        match link {
            Some(link) => archive.append_link(&mut header, path, link),
            None => archive.append_data(&mut header, path, data),
        }
    };
    add("./", tar::EntryType::Directory, 0o755, b"", None)?;
    add("./etc", tar::EntryType::Directory, 0o755, b"", None)?;
    add("./etc/tool", tar::EntryType::Regular, 0o4755, &[b'x'; 100_000], None)?;
    add("./etc/twin", tar::EntryType::Link, 0o4755, b"", Some("./etc/tool"))?;
    add("./etc/link", tar::EntryType::Symlink, 0o777, b"", Some("tool"))?;
    add("./null", tar::EntryType::Char, 0o666, b"", None)?;
    archive.finish()
}

fn ext4_options() -> mke2fs::Options {
    mke2fs::Options {
        uuid: UUID.into(),
        hash_seed: UUID.into(),
        label: "root".into(),
        block_size: 4096,
        blocks: 4096,
        inodes: None,
        features: vec!["verity".into()],
        reserved_percent: 0,
        source_date_epoch: 1_700_000_000,
    }
}

fn ask(sandbox: &Sandbox, image: &Path, question: &str) -> String {
    let bound = sandbox.clone().bind(host_tools::Bind::read_only(image, "/run/image"));
    bound.run(&Call::new("debugfs").args(["-R", question, "/run/image"])).unwrap().stdout_text()
}

#[test]
fn ext4_holds_what_the_archive_held_and_the_attributes_added() {
    let Some((sandbox, work)) = world() else { return };
    let image = work.path().join("root.ext4");
    mke2fs::make(&sandbox, &ext4_options(), mke2fs::Source::Stream(&mut |out| write_archive(out)), &image)
        .unwrap();
    let attribute =
        Attribute { path: b"/etc/tool".to_vec(), name: "security.selinux".into(), value: LABEL.to_vec() };
    debugfs::set_attributes(&sandbox, &image, &[attribute], 1_700_000_000).unwrap();
    e2fsck::check(&sandbox, &image).unwrap();
    assert_eq!(fs::metadata(&image).unwrap().len(), 4096 * 4096);
    let tool = ask(&sandbox, &image, "stat /etc/tool");
    assert!(tool.contains("Mode:  04755") && tool.contains("User: 70000   Group:     8"), "{tool}");
    assert!(tool.contains("Links: 2"), "{tool}");
    assert!(ask(&sandbox, &image, "ea_list /etc/tool").contains("\"system_u:object_r:etc_t:s0\\000\""));
    assert!(ask(&sandbox, &image, "stat /null").contains("Device major/minor number: 01:03"));
    let missing = Attribute { path: b"/nothere".to_vec(), name: "user.x".into(), value: Vec::new() };
    let error = debugfs::set_attributes(&sandbox, &image, &[missing], 0).unwrap_err();
    assert!(matches!(&error, ToolError::Answer { said, .. } if said.contains("File not found")), "{error}");
}

#[test]
fn ext4_is_the_same_from_a_stream_and_from_a_file_and_again() {
    let Some((sandbox, work)) = world() else { return };
    let path = |name: &str| work.path().join(name);
    fs::write(path("one"), vec![0xff; 20 << 20]).unwrap();
    let archive = path("root.tar");
    write_archive(&mut fs::File::create(&archive).unwrap()).unwrap();
    let options = ext4_options();
    mke2fs::make(&sandbox, &options, mke2fs::Source::Stream(&mut |out| write_archive(out)), &path("one"))
        .unwrap();
    mke2fs::make(&sandbox, &options, mke2fs::Source::Archive(&archive), &path("two")).unwrap();
    std::thread::sleep(std::time::Duration::from_secs(1));
    mke2fs::make(&sandbox, &options, mke2fs::Source::Archive(&archive), &path("three")).unwrap();
    let bytes = fs::read(path("one")).unwrap();
    assert!(bytes == fs::read(path("two")).unwrap());
    assert!(bytes == fs::read(path("three")).unwrap());
}

#[test]
fn ext4_that_is_too_small_fails_with_the_tool_s_words() {
    let Some((sandbox, work)) = world() else { return };
    let mut options = ext4_options();
    options.blocks = 400;
    let big = work.path().join("tree");
    fs::create_dir(&big).unwrap();
    fs::write(big.join("file"), vec![1; 4 << 20]).unwrap();
    let error = mke2fs::make(&sandbox, &options, mke2fs::Source::Directory(&big), &work.path().join("image"));
    let error = error.unwrap_err().to_string();
    assert!(
        error.starts_with("mke2fs failed with exit status 1") && error.contains("allocate block"),
        "{error}"
    );
}

#[test]
fn a_damaged_ext4_is_told() {
    let Some((sandbox, work)) = world() else { return };
    let image = work.path().join("root.ext4");
    mke2fs::make(&sandbox, &ext4_options(), mke2fs::Source::Stream(&mut |out| write_archive(out)), &image)
        .unwrap();
    let mut bytes = fs::read(&image).unwrap();
    bytes[4096 * 2..4096 * 200].fill(0x55);
    fs::write(&image, bytes).unwrap();
    let error = e2fsck::check(&sandbox, &image).unwrap_err();
    assert!(matches!(error, ToolError::Damaged { .. }), "{error}");
    fs::write(&image, "no file system").unwrap();
    assert!(matches!(e2fsck::check(&sandbox, &image), Err(ToolError::Damaged { .. })));
}

#[test]
fn erofs_is_sound_labelled_and_the_same_again() {
    let Some((sandbox, work)) = world() else { return };
    let mut options = mkfs_erofs::Options {
        uuid: UUID.into(),
        label: "root".into(),
        compression: Compression::Lz4hc { level: 9 },
        cluster_size: 65_536,
        source_date_epoch: 1_700_000_000,
        extra: Vec::new(),
    };
    let make = |options: &mkfs_erofs::Options, source: mkfs_erofs::Source<'_>, name: &str| {
        let image = work.path().join(name);
        mkfs_erofs::make(&sandbox, options, source, &image).unwrap();
        fsck_erofs::check(&sandbox, &image).unwrap();
        fs::read(image).unwrap()
    };
    let archive = work.path().join("root.tar");
    write_archive(&mut fs::File::create(&archive).unwrap()).unwrap();
    let one = make(&options, mkfs_erofs::Source::Stream(&mut |out| write_archive(out)), "one");
    let two = make(&options, mkfs_erofs::Source::Archive(&archive), "two");
    assert!(one == two);
    assert!(contains(&one, b"object_r:etc_t:s0"), "labels of the archive are kept");

    let policy = work.path().join("file_contexts");
    fs::write(&policy, "/.*\tsystem_u:object_r:default_t:s0\n/etc(/.*)?\tsystem_u:object_r:new_t:s0\n")
        .unwrap();
    let tree = work.path().join("tree");
    fs::create_dir_all(tree.join("etc")).unwrap();
    options.compression = Compression::None;
    let source = mkfs_erofs::Source::Directory { path: &tree, file_contexts: Some(&policy) };
    assert!(contains(&make(&options, source, "three"), b"object_r:new_t:s0"));

    let damaged = work.path().join("two");
    let mut bytes = two;
    bytes[1024..1100].fill(0x55);
    fs::write(&damaged, bytes).unwrap();
    assert!(matches!(fsck_erofs::check(&sandbox, &damaged), Err(ToolError::Damaged { .. })));
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

#[test]
fn labels_depend_on_path_and_kind() {
    let Some((sandbox, work)) = world() else { return };
    let policy = work.path().join("file_contexts");
    fs::write(
        &policy,
        "/.*\ta:b:default_t:s0\n/usr/bin/y\t-l\ta:b:lnk_t:s0\n/dev(/.*)?\t<<none>>\n/etc\t-d\ta:b:etc_t:s0\n",
    )
    .unwrap();
    let mut paths: Vec<(PathBuf, FileKind)> = vec![
        ("/usr/bin/y".into(), FileKind::Link),
        ("/usr/bin/y".into(), FileKind::File),
        ("/dev/null".into(), FileKind::CharacterDevice),
        ("/etc".into(), FileKind::Directory),
    ];
    paths.extend(
        (0..30_000).map(|number| (format!("/usr/share/some/long/path/{number}").into(), FileKind::File)),
    );
    let labels = matchpathcon::labels(&sandbox, &policy, &paths).unwrap();
    let text: Vec<_> = labels.iter().map(|label| label.as_deref().unwrap_or("none")).collect();
    assert_eq!(text[..4], ["a:b:lnk_t:s0", "a:b:default_t:s0", "none", "a:b:etc_t:s0"]);
    assert!(text[4..].iter().all(|label| *label == "a:b:default_t:s0"));
}

#[test]
fn verity_finds_one_flipped_bit() {
    let Some((sandbox, work)) = world() else { return };
    let (data, hashes) = (work.path().join("data"), work.path().join("hashes"));
    fs::write(&data, vec![7; 1 << 20]).unwrap();
    let options = veritysetup::Options { uuid: UUID.into(), salt: "00ff".into() };
    let root_hash = veritysetup::format(&sandbox, &options, &data, &hashes).unwrap();
    veritysetup::verify(&sandbox, &data, &hashes, &root_hash).unwrap();
    let again = veritysetup::format(&sandbox, &options, &data, &work.path().join("more")).unwrap();
    assert_eq!(
        (root_hash.as_str(), fs::read(&hashes).unwrap()),
        (&*again, fs::read(work.path().join("more")).unwrap())
    );
    let mut bytes = fs::read(&data).unwrap();
    bytes[500_000] ^= 1;
    fs::write(&data, bytes).unwrap();
    let error = veritysetup::verify(&sandbox, &data, &hashes, &root_hash).unwrap_err();
    assert!(matches!(error, ToolError::Damaged { .. }), "{error}");
}

#[test]
fn a_unified_kernel_image_holds_its_parts_and_is_the_same_again() {
    let Some((sandbox, work)) = world() else { return };
    let stub = sandbox.root().join("usr/lib/systemd/boot/efi/linuxx64.efi.stub");
    let initrd = work.path().join("initrd");
    fs::write(&initrd, "first").unwrap();
    let more = work.path().join("more");
    fs::write(&more, "second").unwrap();
    // Any PE file may stand for the kernel.
    let kernel = sandbox.root().join("usr/lib/systemd/boot/efi/systemd-bootx64.efi");
    let options = ukify::Options {
        linux: &kernel,
        initrds: vec![initrd, more],
        command_line: "root=LABEL=root console=ttyS0",
        os_release: "ID=lazuli\nNAME=Lazuli\n",
        uname: "7.2.0-test",
        stub: &stub,
        source_date_epoch: 1_700_000_000,
    };
    let (one, two) = (work.path().join("one.efi"), work.path().join("two.efi"));
    ukify::build(&sandbox, &options, &one).unwrap();
    ukify::build(&sandbox, &options, &two).unwrap();
    assert!(fs::read(&one).unwrap() == fs::read(&two).unwrap());
    let bound = sandbox.clone().bind(host_tools::Bind::read_only(&one, "/run/one.efi"));
    let said = bound.run(&Call::new("ukify").args(["inspect", "/run/one.efi"])).unwrap().stdout_text();
    for part in ["root=LABEL=root console=ttyS0", "NAME=Lazuli", "7.2.0-test"] {
        assert!(said.contains(part), "{part} in {said}");
    }
    let refused = ukify::Options { command_line: "@/etc/shadow", ..options };
    assert_eq!(
        ukify::build(&sandbox, &refused, &two).unwrap_err().to_string(),
        "cannot tell ukify the command line \"@/etc/shadow\": it begins with @"
    );
}

#[test]
fn disks_change_format_and_are_checked() {
    // Our own images are made without qemu-img, so that it is a judge's program.
    let Some(root) = testkit::prepared::judge_root() else { return };
    let (sandbox, work) = (Sandbox::new(root).read_only_root(true), TempDir::new().unwrap());
    let (raw, qcow2, vhd) = (work.path().join("raw"), work.path().join("qcow2"), work.path().join("vhd"));
    fs::write(&raw, vec![7; 2 << 20]).unwrap();
    let from = (&*raw, qemu_img::Format::Raw);
    qemu_img::convert(&sandbox, from, (&qcow2, qemu_img::Format::Qcow2), &["compression_type=zstd"]).unwrap();
    let info = qemu_img::info(&sandbox, &qcow2).unwrap();
    assert_eq!((&*info.format, info.virtual_size, info.cluster_size), ("qcow2", 2 << 20, Some(65_536)));
    qemu_img::check(&sandbox, &qcow2, qemu_img::Format::Qcow2).unwrap();
    qemu_img::convert(&sandbox, from, (&vhd, qemu_img::Format::Vpc), &["subformat=fixed", "force_size=on"])
        .unwrap();
    assert_eq!(fs::metadata(&vhd).unwrap().len(), (2 << 20) + 512);
    qemu_img::check(&sandbox, &raw, qemu_img::Format::Raw).unwrap();
    let mut bytes = fs::read(&qcow2).unwrap();
    // The first entry of the table of clusters now points far behind the end.
    let table = usize::try_from(u64::from_be_bytes(bytes[40..48].try_into().unwrap())).unwrap();
    bytes[table..table + 8].copy_from_slice(&0x8000_0000_7fff_0000_u64.to_be_bytes());
    fs::write(&qcow2, bytes).unwrap();
    let error = qemu_img::check(&sandbox, &qcow2, qemu_img::Format::Qcow2).unwrap_err();
    assert!(matches!(error, ToolError::Damaged { .. }), "{error}");
}

#[test]
fn depmod_writes_tables_into_the_root_and_nowhere_else() {
    let Some((sandbox, work)) = world() else { return };
    let modules = work.path().join("usr/lib/modules/7.2.0-test");
    fs::create_dir_all(&modules).unwrap();
    std::os::unix::fs::symlink("usr/lib", work.path().join("lib")).unwrap();
    fs::write(modules.join("modules.order"), "").unwrap();
    fs::write(modules.join("modules.builtin"), "kernel/fs/ext4/ext4.ko\n").unwrap();
    depmod::run(&sandbox, work.path(), "7.2.0-test").unwrap();
    assert!(modules.join("modules.dep").exists() && modules.join("modules.builtin.bin").exists());
    assert!(depmod::run(&sandbox, work.path(), "0.0-missing").is_err());
}
