//! The two readers of file lists against each other: what the fast one takes at all, it takes as the other one does.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use repository::metadata::filelists::{self, FilesByPackage};
use repository::metadata::plain_filelists;

/// Every kind of file, and letters that XML has to write in another way.
const DOCUMENT: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<filelists xmlns="http://linux.duke.edu/metadata/filelists" packages="3">
<package pkgid="ab01" name="tool" arch="x86_64">
  <version epoch="2" ver="1.0" rel="3"/>
  <file>/usr/bin/tool &amp; more</file>
  <file type="dir">/etc/tool.d</file>
  <file type="ghost">/etc/tool&apos;s state</file>
</package>
<package pkgid="ab02" name="empty" arch="noarch"><version epoch="0" ver="1" rel="1"/></package>
<package pkgid="ab01" name="tool" arch="x86_64">
  <version epoch="2" ver="1.0" rel="3"></version>
  <file>/usr/bin/again</file>
</package>
</filelists>
"#;

fn quickly(text: &str) -> Option<FilesByPackage> {
    plain_filelists::scan(text.as_bytes(), &|_| true).unwrap()
}

fn slowly(text: &str) -> Option<FilesByPackage> {
    filelists::read(text.as_bytes(), "filelists.xml", &|_| true).ok()
}

#[test]
fn both_readers_find_the_same_files() {
    let found = quickly(DOCUMENT).unwrap();
    assert_eq!(found, slowly(DOCUMENT).unwrap());
    let paths: Vec<&str> = found["ab01"].iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["/usr/bin/tool & more", "/etc/tool.d", "/etc/tool's state", "/usr/bin/again"]);
    let some = plain_filelists::scan(DOCUMENT.as_bytes(), &|path| path.ends_with("more")).unwrap().unwrap();
    assert_eq!(some.values().map(Vec::len).sum::<usize>(), 1);
}

#[test]
fn whatever_is_not_plain_is_left_to_the_other_reader() {
    for (plain, other) in [
        ("  <file>/usr", "  <!-- a comment --><file>/usr"),
        ("/usr/bin/tool", "<![CDATA[/usr/bin/tool]]>"),
        ("/usr/bin/tool", "/usr/bin/&#116;ool"),
        ("/usr/bin/tool", "/usr/bin\r\n/tool"),
        ("/usr/bin/again</file>", "/usr/bin/again</fils>"),
        ("pkgid=\"ab02\"", "pkgid='ab02'"),
        (" pkgid=\"ab02\"", ""),
        ("<version epoch=\"0\" ver=\"1\" rel=\"1\"/>", "<mood/>"),
        ("</filelists>", ""),
        ("</filelists>", "</filelists><more/>"),
        ("</filelists>", "</filelists><package pkgid=\"ab03\"></package>"),
        ("encoding=\"UTF-8\"", "encoding=\"latin1\""),
        ("<filelists ", "<lists "),
    ] {
        let changed = DOCUMENT.replacen(plain, other, 1);
        assert_ne!(changed, DOCUMENT, "{plain}");
        assert_eq!(quickly(&changed), None, "{other}");
    }
}

#[test]
fn no_change_makes_the_readers_disagree() {
    let letters = [b'<', b'>', b'"', b'&', b'/', b' ', b'x', b'\n'];
    let mut taken = 0;
    for at in 0..DOCUMENT.len() {
        for letter in letters {
            let mut changed = DOCUMENT.as_bytes().to_vec();
            changed[at] = letter;
            for candidate in [String::from_utf8(changed).unwrap(), DOCUMENT[..at].to_owned()] {
                if let Some(quick) = quickly(&candidate) {
                    taken += 1;
                    assert_eq!(Some(quick), slowly(&candidate), "byte {at} becomes {:?}", char::from(letter));
                }
            }
        }
    }
    assert!(taken > 500, "{taken}");
}

#[test]
fn a_long_document_is_read_in_parts_and_in_order() {
    let package = |number: usize| {
        let files: String =
            (0..number % 50).map(|file| format!("  <file>/f{file}/{number}</file>\n")).collect();
        format!(
            "<package pkgid=\"{:04x}\" name=\"p\" arch=\"noarch\">\n  <version epoch=\"0\" ver=\"1\" rel=\"1\"/>\n{files}</package>\n",
            number % 3000
        )
    };
    let packages: String = (0..5000).map(package).collect();
    let text = format!("<filelists packages=\"5000\">\n{packages}</filelists>\n");
    assert!(text.len() > 2 << 20, "long enough to be cut: {}", text.len());
    assert!(quickly(&text).unwrap() == slowly(&text).unwrap());
    assert!(quickly(&text.replace("</filelists>", "")).is_none());
    let late = text.replacen("/f3/4004<", "/f3/&who;4004<", 1);
    assert_ne!(late, text);
    assert_eq!(quickly(&late), None);
}
