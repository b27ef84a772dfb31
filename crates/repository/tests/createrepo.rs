//! createrepo_c as judge: `tests/createrepo_c/` holds what version 1.2.1 wrote for the packages that this test builds; where
//! createrepo_c is there, it is asked anew.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::Path;

use host_tools::{Bind, Call, Sandbox};
use repository::metadata::compression::unfold;
use repository::metadata::primary;
use repository::write::{WriteOptions, render, scan};
use rpm::{BuildConfig, CompressionType, Dependency, FileOptions, PackageBuilder};
use rpm_model::PackageRecord;

fn build(folder: &Path) {
    let config = || BuildConfig::v4().source_date(1_600_000_000_u32).compression(CompressionType::Gzip);
    let mut tool = PackageBuilder::new("tool", "1.0~rc1", "MIT OR Apache-2.0", "x86_64", "A tool & <more>");
    tool.using_config(config())
        .epoch(2)
        .release("3.test")
        .description("Several\nlines \"quoted\" & 'marked' <angled>\n")
        .url("https://example.org/?a=1&b=2")
        .vendor("A vendor")
        .packager("A packager <packager@example.org>")
        .group("System/Tools")
        .build_host("builder")
        .provides(Dependency::eq("virtual(tool)", "5"))
        .provides(Dependency::any("config(tool)"))
        .requires(Dependency::any("libc.so.6()(64bit)"))
        .requires(Dependency::any("libc.so.6(GLIBC_2.2.5)(64bit)"))
        .requires(Dependency::any("libc.so.6(GLIBC_2.34)(64bit)"))
        .requires(Dependency::any("libc.so.6(GLIBC_2.4)(64bit)"))
        .requires(Dependency::any("/usr/bin/tool"))
        .requires(Dependency::any("/usr/share/tool/data"))
        .requires(Dependency::any("config(tool)"))
        .requires(Dependency::any("twice"))
        .requires(Dependency::any("twice"))
        .requires(Dependency::script_pre("/bin/sh"))
        .requires(Dependency::any("/bin/sh"))
        .requires(Dependency::greater_eq("other", "1:2-3"))
        .requires(Dependency::any("(a if (b or c >= 2) else d)"))
        .conflicts(Dependency::less("older", "2"))
        .obsoletes(Dependency::less_eq("ancient", "0.9-1"))
        .recommends(Dependency::any("wanted"))
        .suggests(Dependency::any("hint"))
        .supplements(Dependency::any("(lang and tool)"))
        .enhances(Dependency::any("base"))
        .pre_install_script("true")
        .add_changelog_entry("One <one@example.org> - 1", "- first", 1_500_000_000_u32)
        .add_changelog_entry("Two <two@example.org> - 2", "- second & last", 1_550_000_000_u32);
    for (path, options) in [
        ("/usr/bin/tool", FileOptions::new("/usr/bin/tool").permissions(0o755)),
        ("/etc/tool.conf", FileOptions::new("/etc/tool.conf").config()),
        ("/usr/share/tool/data", FileOptions::new("/usr/share/tool/data")),
        ("/usr/lib/sendmail", FileOptions::new("/usr/lib/sendmail")),
    ] {
        tool.with_file_contents(path, options).unwrap();
    }
    tool.with_dir_entry(FileOptions::dir("/etc/tool.d")).unwrap();
    tool.with_ghost(FileOptions::ghost("/etc/tool.state")).unwrap();
    write(&mut tool, &folder.join("tool.rpm"));

    let mut plain = PackageBuilder::new("plain", "1", "MIT", "noarch", "Nothing in it");
    plain.using_config(config()).release("1").description("Nothing").requires(Dependency::any("tool"));
    fs::create_dir_all(folder.join("below")).unwrap();
    write(&mut plain, &folder.join("below/plain.rpm"));
}

fn write(builder: &mut PackageBuilder, path: &Path) {
    builder.build().unwrap().write_file(path).unwrap();
}

fn judged(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/createrepo_c").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A folder of packages, and our metadata of them: name of the file without its checksum, and text.
fn ours() -> (tempfile::TempDir, Vec<(String, String)>) {
    let folder = tempfile::tempdir().unwrap();
    build(folder.path());
    let rendered = render(&scan(folder.path()).unwrap(), &WriteOptions::default()).unwrap();
    let text = |bytes: &[u8]| String::from_utf8(unfold(bytes, 1 << 24).unwrap()).unwrap();
    let files = rendered.files.iter().map(|(name, bytes)| {
        let short = name.rsplit('-').next().unwrap_or(name).trim_end_matches(".zst");
        (short.to_owned(), text(bytes))
    });
    (folder, files.collect())
}

/// The times of the files on the judge's disk are nobody's matter.
fn without_file_time(text: &str, name: &str) -> Vec<PackageRecord> {
    let mut records = primary::parse(text, name).unwrap();
    records.iter_mut().for_each(|record| record.file_time = 0);
    records.sort_by(|a, b| a.location.cmp(&b.location));
    records
}

fn packages_of(text: &str) -> Vec<String> {
    let mut packages: Vec<String> = text
        .split("<package ")
        .skip(1)
        .map(|one| one.split("</package>").next().unwrap_or(one).to_owned())
        .collect();
    packages.sort();
    packages
}

#[test]
fn metadata_means_what_createrepo_c_wrote() {
    let (_folder, files) = ours();
    compare(&files, judged);
}

#[test]
fn metadata_means_what_createrepo_c_writes() {
    let Some(root) = testkit::prepared::judge_root() else { return };
    let (folder, files) = ours();
    let work = tempfile::tempdir().unwrap();
    let call = Call::new("createrepo_c").args(["--general-compress-type", "gz"]).args([
        "--simple-md-filenames",
        "-o",
        "/mnt/made",
        "/mnt/packages",
    ]);
    let sandbox = Sandbox::new(root)
        .read_only_root(true)
        .bind(Bind::read_only(folder.path(), "/mnt/packages"))
        .bind(Bind::writable(work.path(), "/mnt/made"));
    sandbox.run(&call).unwrap();
    compare(&files, |name| {
        let file = fs::read(work.path().join("repodata").join(format!("{name}.gz"))).unwrap();
        String::from_utf8(unfold(&file, 1 << 24).unwrap()).unwrap()
    });
}

/// Our metadata against createrepo_c's.
fn compare(files: &[(String, String)], theirs: impl Fn(&str) -> String) {
    let text = |name: &str| &files.iter().find(|(file, _)| file == name).unwrap().1;
    let (ours, records) =
        (without_file_time(text("primary.xml"), "ours"), without_file_time(&theirs("primary.xml"), "theirs"));
    assert_eq!(ours.len(), 2);
    for (ours, theirs) in ours.iter().zip(&records) {
        assert_eq!(ours, theirs);
    }
    assert_eq!(ours.len(), records.len());
    assert_eq!(packages_of(text("filelists.xml")), packages_of(&theirs("filelists.xml")));
    assert_eq!(packages_of(text("other.xml")), packages_of(&theirs("other.xml")));
}

#[test]
fn a_damaged_package_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("broken.rpm"), b"\xed\xab\xee\xdb and not more").unwrap();
    let error = scan(folder.path()).unwrap_err();
    let path = folder.path().join("broken.rpm");
    assert_eq!(
        error.to_string(),
        format!("{} is not a sound RPM (remove it or fetch it again)", path.display())
    );
}
