//! The index of packages against the records that it was made from, and the two readers of primary metadata against each other.
//!
//! `LAZULI_METADATA` names folders with repodata/ to judge with, divided by `:`; without it, the prepared repository is taken.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use repository::metadata::compression::unfold;
use repository::metadata::primary_views::{Scan, scan};
use repository::metadata::{primary, repomd};
use rpm_model::{FileKind, PackageFile, PackageRecord, Requirement};
use solver::flat::{Index, IndexBuilder, of_records};
use solver::{IndexedRepository, Repository, Request, Universe, solve};
use support::metadata::record;
use testkit::prepared;

/// More bytes than any metadata has.
const LARGEST: u64 = 8 << 30;

/// Every kind of relation and file, and letters that XML has to write in another way.
const DOCUMENT: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<metadata xmlns="http://linux.duke.edu/metadata/common" xmlns:rpm="http://linux.duke.edu/metadata/rpm" packages="2">
<package type="rpm">
  <name>a&amp;b</name>
  <arch>x86_64</arch>
  <version epoch="1" ver="2.0~rc1" rel="3"/>
  <checksum type="sha256" pkgid="YES">00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff</checksum>
  <summary>a &lt;summary&gt;</summary>
  <description>lines
of text</description>
  <packager/>
  <url>here</url>
  <time file="5" build="1793347681"/>
  <size package="6000000000" installed="7" archive="8"/>
  <location xml:base="https://elsewhere/r" href="p/a.rpm"/>
  <format>
    <rpm:license>MIT</rpm:license>
    <rpm:vendor>V</rpm:vendor>
    <rpm:group></rpm:group>
    <rpm:buildhost/>
    <rpm:sourcerpm>a.src.rpm</rpm:sourcerpm>
    <rpm:header-range start="1" end="2"/>
    <rpm:provides>
      <rpm:entry name="a&amp;b" flags="EQ" epoch="1" ver="2.0~rc1" rel="3"/>
      <rpm:entry name="bare"/>
      <rpm:entry name="open" flags="GE" ver="2"/>
    </rpm:provides>
    <rpm:requires>
      <rpm:entry name="/usr/bin/sh" pre="1"/>
      <rpm:entry name="(x or (y if z &gt;= 2))"/>
      <rpm:entry name="unknown-version" flags="LT"/>
      <rpm:entry name="bare" flags="LE" epoch="0" ver="3" rel=""></rpm:entry>
    </rpm:requires>
    <rpm:conflicts>
      <rpm:entry name="(c unless /etc/d)"/>
    </rpm:conflicts>
    <rpm:obsoletes>
      <rpm:entry name="old" flags="LT" epoch="0" ver="2" rel="1"/>
      <rpm:entry name="(never or ever)"/>
    </rpm:obsoletes>
    <rpm:suggests><rpm:entry name="s"/></rpm:suggests>
    <rpm:enhances><rpm:entry name="e"/></rpm:enhances>
    <rpm:recommends><rpm:entry name="r"/></rpm:recommends>
    <rpm:supplements><rpm:entry name="(u and w)"/></rpm:supplements>
    <file>/usr/bin/a</file>
    <file type="dir">/etc/a</file>
    <file type="ghost">/etc/a/g&apos;</file>
  </format>
</package>
<package type="rpm">
  <name>z</name>
  <arch>noarch</arch>
  <version epoch="0" ver="1" rel="1"/>
  <checksum type="sha512" pkgid="YES">DIGEST</checksum>
  <location href="z.rpm"/>
  <format/>
</package>
</metadata>
"#;

fn document() -> String {
    // The other reader takes an empty `format` as well, which no writer makes.
    DOCUMENT.replace("DIGEST", &"0f".repeat(64)).replace("<format/>", "<format></format>")
}

/// The bytes of the index by the fast reader; nothing when it leaves the document to the other one.
fn quickly(text: &str) -> Option<Vec<u8>> {
    let mut builder = IndexBuilder::default();
    // A boolean dependency that cannot be read is refused by both.
    let scanned = scan(text.as_bytes(), |package| builder.add(package)).unwrap().ok()?;
    (scanned == Scan::Whole).then(|| builder.finish())
}

fn slowly(text: &str) -> Option<Vec<u8>> {
    primary::parse(text, "primary.xml").ok().map(|records| of_records(&records).unwrap())
}

/// What an index keeps of a record.
fn kept(record: &PackageRecord) -> PackageRecord {
    let mut kept = PackageRecord::new(record.nevra.clone(), record.checksum.clone());
    kept.location.clone_from(&record.location);
    kept.location_base.clone_from(&record.location_base);
    kept.package_size = record.package_size;
    kept.installed_size = record.installed_size;
    kept.build_time = record.build_time;
    kept.vendor.clone_from(&record.vendor);
    kept.provides.clone_from(&record.provides);
    kept.requires.clone_from(&record.requires);
    kept.conflicts.clone_from(&record.conflicts);
    kept.obsoletes.clone_from(&record.obsoletes);
    kept.recommends.clone_from(&record.recommends);
    kept.suggests.clone_from(&record.suggests);
    kept.supplements.clone_from(&record.supplements);
    kept.enhances.clone_from(&record.enhances);
    kept.files.clone_from(&record.files);
    kept
}

#[test]
fn both_readers_make_the_same_index() {
    let text = document();
    assert_eq!(quickly(&text).unwrap(), slowly(&text).unwrap());
}

#[test]
fn an_index_gives_the_records_back() {
    let records = primary::parse(&document(), "primary.xml").unwrap();
    let bytes = of_records(&records).unwrap();
    let index = Index::open(&bytes[..]).unwrap();
    assert_eq!(index.package_count(), records.len());
    for (number, record) in records.iter().enumerate() {
        assert_eq!(index.record(number), kept(record));
    }
}

#[test]
fn whatever_is_not_plain_is_left_to_the_other_reader() {
    let text = document();
    for (plain, other) in [
        ("<format>", "<!-- a comment --><format>"),
        ("<name>z</name>", "<name><![CDATA[z]]></name>"),
        ("<name>z</name>", "<name>&#122;</name>"),
        ("<name>z</name>", "<name>z</nome>"),
        ("href=\"z.rpm\"", "href='z.rpm'"),
        ("<arch>noarch</arch>", ""),
        ("ver=\"1\" rel=\"1\"/>", "ver=\"1\"/>"),
        ("build=\"1793347681\"", "build=\"soon\""),
        ("<rpm:vendor>V</rpm:vendor>", "<rpm:mood>V</rpm:mood>"),
        ("type=\"rpm\">\n  <name>z", "type=\"deb\">\n  <name>z"),
        ("</metadata>", ""),
        ("</metadata>", "</metadata><more/>"),
        ("flags=\"LT\"", "flags=\"XX\""),
    ] {
        let changed = text.replacen(plain, other, 1);
        assert_ne!(changed, text, "{plain}");
        assert_eq!(quickly(&changed), None, "{other}");
    }
}

/// What the fast reader takes at all, it takes as the other one does, wherever a byte is changed or the text ends.
#[test]
fn no_change_makes_the_readers_disagree() {
    let text = document();
    let letters = [b'<', b'>', b'"', b'&', b'/', b' ', b'x', b'\n'];
    let mut taken = 0;
    for at in 0..text.len() {
        let letter = letters[at % letters.len()];
        let mut changed = text.clone().into_bytes();
        changed[at] = letter;
        for candidate in [String::from_utf8(changed).unwrap(), text[..at].to_owned()] {
            if let Some(quick) = quickly(&candidate) {
                taken += 1;
                // Not `assert_eq`: nobody wants to see these bytes.
                assert!(Some(quick) == slowly(&candidate), "byte {at} becomes {:?}", char::from(letter));
            }
        }
    }
    assert!(taken > 100, "{taken}");
}

/// Damage within the bounds that a checksum would have found: other answers, but no crash.
#[test]
fn damaged_bytes_never_crash() {
    let records = primary::parse(&document(), "primary.xml").unwrap();
    let whole = of_records(&records).unwrap();
    for at in 0..whole.len() {
        for value in [0, 0x7f, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] = value;
            let Ok(index) = Index::open(bytes) else { continue };
            for number in 0..index.package_count().min(4) {
                let _anything = index.record(number);
            }
            let repository = IndexedRepository { id: "up", priority: 99, cost: 1000, index, files: &[] };
            let universe = Universe::of_indexes("x86_64", [repository], None);
            if universe.package_count() < 1000 {
                let _anything = universe.unresolved_paths();
                let _anything = solve(&universe, &Request::install(["z", "a&b", "/usr/bin/a"]).unwrap());
            }
        }
    }
    for length in 0..whole.len() {
        assert!(Index::open(&whole[..length]).is_err(), "cut to {length}");
    }
}

#[test]
fn files_and_paths_of_dependencies_are_found() {
    let mut owner = record("owner-1-1.noarch".parse().unwrap());
    owner.files.push(PackageFile { path: "/usr/bin/tool".to_owned(), kind: FileKind::File });
    let mut user = record("user-1-1.noarch".parse().unwrap());
    for path in ["/usr/bin/tool", "/usr/share/absent"] {
        let dependency = rpm_model::Dependency::parse(path).unwrap();
        user.requires.push(Requirement { dependency, pre: false });
    }
    let packages = [owner, user];
    let repositories = [Repository { id: "up", priority: 99, cost: 1000, packages: &packages }];
    let universe = Universe::new("x86_64", &repositories);
    assert_eq!(universe.unresolved_paths().into_iter().collect::<Vec<_>>(), ["/usr/share/absent"]);
}

#[test]
fn real_metadata_is_read_alike_by_both() {
    for folder in folders() {
        let text = plain_primary(&folder);
        let quick = quickly(&text).unwrap_or_else(|| panic!("{} is not plain", folder.display()));
        assert!(quick == slowly(&text).unwrap(), "{} is read differently", folder.display());
    }
}

fn folders() -> Vec<PathBuf> {
    match std::env::var_os("LAZULI_METADATA") {
        Some(folders) => std::env::split_paths(&folders).collect(),
        None => prepared::repository().into_iter().collect(),
    }
}

fn plain_primary(folder: &Path) -> String {
    let text = |path: &Path| String::from_utf8(unfold(&fs::read(path).unwrap(), LARGEST).unwrap()).unwrap();
    let repomd = repomd::parse(&text(&folder.join("repodata/repomd.xml")), "repomd.xml").unwrap();
    text(&folder.join(&repomd.entry("primary").unwrap().location))
}

#[test]
fn a_parenthesis_that_begins_no_boolean_dependency_belongs_to_a_name() {
    let text = "repo available 0 testtags <inline>\n#>=Pkg: (A 1 1 x86_64\n#>=Pkg: B 1 1 x86_64\nsystem x86_64 rpm\njob install name B\n";
    let testcase = solver::testcase::Testcase::read(text.as_bytes(), &|_| None).unwrap();
    let answer = testcase.segments()[0].answer();
    assert!(format!("{answer:?}").contains("B-1-1.x86_64"), "{answer:?}");
}
