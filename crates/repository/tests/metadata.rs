//! What is written is read back; what is broken is refused, without a panic and without filling the memory.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[allow(dead_code, reason = "each test file uses its part")]
mod records;

use proptest::prelude::*;
use records::{capability, dependency, evr, file, record};
use repository::metadata::compression::{Compression, CompressionError, fold, limit, unfold};
use repository::metadata::{filelists, metalink, primary, repomd};
use repository::write::{WriteOptions, render, write};
use rpm_model::{Changelog, FileKind, PackageFile, PackageRecord, Requirement};

fn plain(records: &[PackageRecord], kind: &str) -> String {
    let rendered = render(records, &WriteOptions::default()).unwrap();
    let (_, bytes) = rendered.files.iter().find(|(name, _)| name.contains(kind)).unwrap();
    String::from_utf8(unfold(bytes, 1 << 30).unwrap()).unwrap()
}

fn rich_record() -> PackageRecord {
    let mut record = record(
        "thing-2:1.0~rc1-3.x86_64",
        &["libthing.so.1()(64bit)", "virtual = 1:2-3"],
        &["libc.so.6", "b >= 1"],
    );
    record.requires.push(Requirement { dependency: dependency("(a if (b or c >= 2) else d)"), pre: false });
    record.requires.push(Requirement { dependency: dependency("/bin/sh"), pre: true });
    record.conflicts = vec![dependency("old < 2"), dependency("(x unless y)")];
    record.obsoletes = vec![capability("older <= 1.0-1")];
    record.recommends = vec![dependency("extra")];
    record.suggests = vec![dependency("(p and q)")];
    record.supplements = vec![dependency("lang = 5")];
    record.enhances = vec![dependency("z > 1")];
    record.files = vec![
        file("/usr/bin/a&b<c>\"d'"),
        PackageFile { path: "/etc/dir".into(), kind: FileKind::Directory },
        PackageFile { path: "/etc/ghost".into(), kind: FileKind::Ghost },
    ];
    record
}

/// `libc.so.6` moves behind the others, as createrepo_c has it.
fn as_written(mut record: PackageRecord) -> PackageRecord {
    let is_libc = |one: &Requirement| one.dependency.to_string().starts_with("libc.so.6");
    record.requires.sort_by_key(is_libc);
    record
}

#[test]
fn records_are_read_back() {
    let text = plain(&[rich_record()], "primary");
    assert_eq!(primary::parse(&text, "primary.xml").unwrap(), [as_written(rich_record())]);
}

#[test]
fn file_lists_are_read_back() {
    let text = plain(&[rich_record()], "filelists");
    let found = filelists::read(text.as_bytes(), "filelists.xml", &|_| true).unwrap();
    assert_eq!(found.get(rich_record().checksum.hex()), Some(&rich_record().files));
    let some = filelists::read(text.as_bytes(), "filelists.xml", &|path| path == "/etc/ghost").unwrap();
    assert_eq!(some.values().map(Vec::len).sum::<usize>(), 1);
}

#[test]
fn of_a_change_log_the_newest_entries_are_written() {
    let mut record = rich_record();
    let entry = |number: u64| Changelog {
        author: format!("me <me@x> - {number}"),
        time: number,
        text: "- a & b".into(),
    };
    record.changelogs = (0..12).map(entry).collect();
    let text = plain(&[record], "other");
    assert!(
        !text.contains("date=\"1\"") && text.contains("date=\"2\"") && text.contains("date=\"11\""),
        "{text}"
    );
    assert!(
        text.contains("<changelog author=\"me &lt;me@x&gt; - 2\" date=\"2\">- a &amp; b</changelog>"),
        "{text}"
    );
}

#[test]
fn large_documents_are_cut_and_read_in_order() {
    let records: Vec<_> =
        (0..6000).map(|number| record(&format!("p{number:05}-1-1.noarch"), &["x", "y = 1"], &[])).collect();
    let text = plain(&records, "primary");
    assert!(text.len() > 4 << 20, "large enough to be cut: {}", text.len());
    assert_eq!(primary::parse(&text, "primary.xml").unwrap(), records);
    let late = text.rfind("<version epoch=\"0\"").unwrap();
    let broken = format!("{}<version epoch=\"none\"{}", &text[..late], &text[late + 18..]);
    let line = text[..late].lines().count();
    let error = primary::parse(&broken, "primary.xml").unwrap_err();
    assert_eq!(
        (error.line, error.problem.as_str()),
        (line, "`none` (attribute `epoch`) is not a valid number")
    );
}

#[test]
fn the_order_of_the_input_does_not_matter() {
    let records = [
        record("b-1-1.noarch", &[], &[]),
        record("a-2-1.noarch", &[], &[]),
        record("a-10-1.noarch", &[], &[]),
    ];
    let mut turned = records.clone();
    turned.reverse();
    let rendered = render(&records, &WriteOptions::default()).unwrap();
    assert_eq!(rendered, render(&turned, &WriteOptions::default()).unwrap());
    let read = primary::parse(&plain(&records, "primary"), "primary.xml").unwrap();
    let versions: Vec<_> =
        read.iter().map(|record| (record.nevra.name.as_str(), record.nevra.evr.clone())).collect();
    assert_eq!(
        versions,
        [("a", evr("2-1")), ("a", evr("10-1")), ("b", evr("1-1"))],
        "by name, then from old to new"
    );
    let repomd = repomd::parse(std::str::from_utf8(&rendered.files[3].1).unwrap(), "repomd.xml").unwrap();
    assert_eq!(repomd.revision, "1600000000", "the newest build time");
}

#[test]
fn old_metadata_and_rests_of_a_killed_run_are_replaced() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &[record("a-1-1.noarch", &[], &[])], &WriteOptions::default()).unwrap();
    std::fs::create_dir(folder.path().join("repodata.new")).unwrap();
    std::fs::write(folder.path().join("repodata.new/half"), b"x").unwrap();
    let written =
        write(folder.path(), &[record("b-1-1.noarch", &[], &[])], &WriteOptions::default()).unwrap();
    assert_eq!(written.packages, 1);
    let names: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["repodata"]);
    assert_eq!(
        std::fs::read_dir(folder.path().join("repodata")).unwrap().count(),
        4,
        "nothing of the old one is left"
    );
}

#[test]
fn two_packages_of_one_version_are_told() {
    let (one, mut two) = (record("a-1-1.noarch", &[], &[]), record("a-1-1.noarch", &[], &[]));
    (two.checksum, two.location) = (repository::checksum::sha256(b"other"), "other/a.rpm".into());
    let rendered = render(&[one, two], &WriteOptions::default()).unwrap();
    assert_eq!(rendered.written.duplicates, ["a-1-1.noarch"]);
}

#[test]
fn truncated_documents_are_refused_wherever_they_end() {
    let records = [rich_record()];
    let (first, lists) = (plain(&records, "primary"), plain(&records, "filelists"));
    let table = render(&records, &WriteOptions::default()).unwrap().files.pop().unwrap().1;
    let table = String::from_utf8(table).unwrap();
    for end in (0..first.trim_end().len()).filter(|end| first.is_char_boundary(*end)) {
        assert!(primary::parse(&first[..end], "p").is_err(), "{end}");
    }
    for end in 0..lists.trim_end().len() {
        assert!(filelists::read(&lists.as_bytes()[..end], "f", &|_| true).is_err(), "{end}");
    }
    for end in 0..table.trim_end().len() {
        assert!(repomd::parse(&table[..end], "r").is_err(), "{end}");
    }
}

#[test]
fn what_is_missing_is_named_with_its_place() {
    let text = plain(&[record("a-1-1.noarch", &[], &[])], "primary").replace("  <arch>noarch</arch>\n", "");
    let error = primary::parse(&text, "primary.xml").unwrap_err();
    assert_eq!(error.to_string(), "primary.xml:26:11: package `a` lacks its architecture");
    let text = plain(&[rich_record()], "primary").replace("(a if (b or c", "(a if (b xor c");
    let error = primary::parse(&text, "primary.xml").unwrap_err();
    assert!(error.problem.starts_with("boolean dependency `(a if (b xor c"), "{error}");
}

#[test]
fn unknown_elements_are_passed_over() {
    let text = plain(&[record("a-1-1.noarch", &[], &[])], "primary");
    let text = text.replace("<format>", "<new><name>evil</name></new><format><rpm:newer a=\"1\"/>");
    let text = text
        .replace("<package type=\"rpm\">", "<package type=\"other\"><x/></package><package type=\"rpm\">");
    let read = primary::parse(&text, "primary.xml").unwrap();
    assert_eq!(read, [record("a-1-1.noarch", &[], &[])]);
}

#[test]
fn entities_of_a_document_type_are_not_expanded() {
    let text = "<!DOCTYPE r [<!ENTITY x \"boom\">]><repomd><revision>&x;</revision></repomd>";
    let error = repomd::parse(text, "repomd.xml").unwrap_err();
    assert_eq!(error.problem, "unknown entity `&x;`");
}

#[test]
fn compressions_are_told_by_their_first_bytes_and_unfolded() {
    let text = b"some text ".repeat(1000);
    for compression in
        [Compression::None, Compression::Gzip, Compression::Xz, Compression::Zstd, Compression::Bzip2]
    {
        let folded = fold(&text, compression).unwrap();
        assert_eq!(Compression::detect(&folded).unwrap(), compression);
        assert_eq!(unfold(&folded, 10_000).unwrap(), text, "{compression:?}");
        assert_eq!(fold(&text, compression).unwrap(), folded, "{compression:?}: the same bytes each time");
        let short = unfold(&folded, 9_999).unwrap_err();
        assert!(matches!(short, CompressionError::TooLarge { limit: 9_999 }), "{compression:?}: {short}");
        if compression != Compression::None {
            let cut = unfold(&folded[..folded.len() - 3], 10_000);
            assert!(matches!(cut, Err(CompressionError::Broken(_))), "{compression:?}");
        }
    }
    assert!(matches!(unfold(b"\0ZCK1 rest", 10), Err(CompressionError::Zchunk)));
}

#[test]
fn a_bomb_is_stopped_whatever_it_promises() {
    let bomb = fold(&vec![0; 300 << 20], Compression::Zstd).unwrap();
    let most = limit(bomb.len() as u64, Some(300 << 20));
    assert!(most < 100 << 20, "{most}");
    assert!(matches!(unfold(&bomb, most), Err(CompressionError::TooLarge { .. })));
}

#[test]
fn a_metalink_without_checksums_is_refused() {
    let text = "<metalink><files><file name=\"repomd.xml\"><resources/></file></files></metalink>";
    assert_eq!(
        metalink::parse(text, "m").unwrap_err().problem,
        "the metalink names no checksum of repomd.xml"
    );
    assert!(metalink::parse("<html/>", "m").is_err());
}

fn any_text() -> impl Strategy<Value = String> {
    // Everything that XML can hold.
    proptest::string::string_regex("[ -~\n\t\r\u{a0}-\u{d7ff}\u{10000}-\u{10fff}]{0,40}").unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_survives_writing_and_reading(
        summary in any_text(), description in any_text(), name in "[a-z][a-z0-9+._-]{0,20}", path in any_text(), provided in any_text(),
    ) {
        let mut one = record("a-1-1.noarch", &[], &[]);
        one.nevra.name = name;
        (one.summary, one.description) = (summary, description);
        one.files = vec![file(&format!("/etc/{path}"))];
        one.provides.push(rpm_model::Capability::any(format!("virtual({provided})")));
        let read = primary::parse(&plain(std::slice::from_ref(&one), "primary"), "primary.xml").unwrap();
        prop_assert_eq!(&read, std::slice::from_ref(&one));
        let lists = filelists::read(plain(std::slice::from_ref(&one), "filelists").as_bytes(), "f", &|_| true).unwrap();
        prop_assert_eq!(&lists[one.checksum.hex()], &one.files);
    }

    #[test]
    fn no_damage_makes_the_parsers_panic(at in 0..4000_usize, letter in any::<char>(), remove in 0..30_usize) {
        let text = plain(&[rich_record()], "primary");
        let start = (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap();
        let end = (start + remove..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
        let damaged = format!("{}{letter}{}", &text[..start], &text[end.max(start)..]);
        // Either is fine; a panic is not.
        drop(primary::parse(&damaged, "p"));
        drop(filelists::read(damaged.as_bytes(), "f", &|_| true));
        drop(repomd::parse(&damaged, "r"));
        drop(metalink::parse(&damaged, "m"));
    }
}
