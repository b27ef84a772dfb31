//! Files within source archives, changed.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{Read, Write};

use spec_overlay::{ApplyError, Effect, FileEvent, Glob, GoRegex, Overlay, apply, is_archive_name};
use tar::{Archive, Builder, EntryType, Header};

use super::case::Files;

/// What is in a made archive: a path, a kind, a mode, and bytes or a link's target.
type Item<'a> = (&'a str, EntryType, u32, &'a [u8]);

const AGAVE: &[Item<'_>] = &[
    ("agave-1/", EntryType::Directory, 0o700, b""),
    ("agave-1/z.c", EntryType::Regular, 0o644, b"int z;\n"),
    ("agave-1/configure", EntryType::Regular, 0o755, b"check=yes\ncheck=yes\n"),
    ("agave-1/tests/a.c", EntryType::Regular, 0o600, b"int a;\n"),
    ("agave-1/link", EntryType::Symlink, 0o777, b"tests/a.c"),
];

fn archive(items: &[Item<'_>]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (path, kind, mode, bytes) in items {
        let mut header = Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_mode(*mode);
        header.set_mtime(1_700_000_000);
        header.set_uid(1000);
        header.set_gid(1000);
        if *kind == EntryType::Regular {
            header.set_size(bytes.len() as u64);
            builder.append_data(&mut header, path, *bytes).unwrap();
        } else if *kind == EntryType::Directory {
            header.set_size(0);
            builder.append_data(&mut header, path, &b""[..]).unwrap();
        } else {
            header.set_size(0);
            builder.append_link(&mut header, path, std::str::from_utf8(bytes).unwrap()).unwrap();
        }
    }
    builder.into_inner().unwrap()
}

fn applied(name: &str, bytes: Vec<u8>, overlays: &[Overlay]) -> Result<(Vec<u8>, Vec<Effect>), ApplyError> {
    let files =
        Files { files: BTreeMap::from([(name.to_owned(), bytes)]), archives: true, ..Files::default() };
    let applied = apply(b"Name: agave\n", overlays, &files)?;
    assert_eq!(applied.repacked, [name]);
    assert_eq!(applied.spec, b"Name: agave\n");
    Ok((files.after(&applied.files).remove(name).unwrap(), applied.effects))
}

fn remove(name: &str, file: &str) -> Overlay {
    Overlay::RemoveFile { file: Glob::new(file).unwrap(), archive: Some(name.to_owned()) }
}

fn replace(name: &str, file: &str, regex: &str, replacement: &str) -> Overlay {
    Overlay::ReplaceInFile {
        file: Glob::new(file).unwrap(),
        archive: Some(name.to_owned()),
        regex: GoRegex::new(regex).unwrap(),
        replacement: replacement.to_owned(),
    }
}

fn contents(bytes: &[u8]) -> Vec<(String, EntryType, u32, Vec<u8>)> {
    let mut archive = Archive::new(bytes);
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let header = entry.header().clone();
        assert_eq!((header.uid().unwrap(), header.gid().unwrap(), header.mtime().unwrap()), (0, 0, 0));
        let path = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
        let mut bytes = entry.link_name_bytes().unwrap_or_default().into_owned();
        entry.read_to_end(&mut bytes).unwrap();
        (path, header.entry_type(), header.mode().unwrap(), bytes)
    });
    entries.collect()
}

fn chain(error: &dyn Error) -> String {
    let cause = error.source().map(|cause| format!(": {}", chain(cause))).unwrap_or_default();
    format!("{error}{cause}")
}

#[test]
fn files_go_and_change_and_the_rest_is_packed_in_order() {
    let name = "agave-1.tar";
    let overlays = [remove(name, "tests/**"), replace(name, "configure", "(?m)^check=yes$", "check=no")];
    let (bytes, effects) = applied(name, archive(AGAVE), &overlays).unwrap();
    let wanted: Vec<(&str, EntryType, u32, &[u8])> = vec![
        ("agave-1/", EntryType::Directory, 0o700, b""),
        ("agave-1/configure", EntryType::Regular, 0o755, b"check=no\ncheck=no\n"),
        ("agave-1/link", EntryType::Symlink, 0o777, b"tests/a.c"),
        ("agave-1/tests/", EntryType::Directory, 0o755, b""),
        ("agave-1/z.c", EntryType::Regular, 0o644, b"int z;\n"),
    ];
    let wanted: Vec<_> = wanted
        .into_iter()
        .map(|(path, kind, mode, bytes)| (path.to_owned(), kind, mode, bytes.to_vec()))
        .collect();
    assert_eq!(contents(&bytes), wanted);
    assert_eq!(effects[0].files[0].path, "tests/a.c");
    assert_eq!(effects[1].files[0].what, FileEvent::Changed { matches: 2 });
}

#[test]
fn contents_are_changed_once_through_links_that_stay_inside() {
    let name = "links.tar";
    let items: &[Item<'_>] = &[
        ("top/a.c", EntryType::Regular, 0o644, b"xx\n"),
        ("top/lib/impl", EntryType::Regular, 0o644, b"x\n"),
        ("top/sub/a.c", EntryType::Symlink, 0o777, b"../a.c"),
        ("top/sub/b.c", EntryType::Symlink, 0o777, b"../lib/link"),
        ("top/lib/link", EntryType::Symlink, 0o777, b"./impl"),
        ("top/circle.c", EntryType::Symlink, 0o777, b"circle.c"),
        ("top/folder.c", EntryType::Symlink, 0o777, b"sub"),
        ("top/dangling.c", EntryType::Symlink, 0o777, b"gone"),
    ];
    let (bytes, effects) = applied(name, archive(items), &[replace(name, "**/*.c", "x", "xy")]).unwrap();
    let texts: Vec<_> = contents(&bytes)
        .into_iter()
        .filter(|(_, kind, ..)| *kind == EntryType::Regular)
        .map(|(path, _, _, bytes)| (path, String::from_utf8(bytes).unwrap()))
        .collect();
    let wanted = [("top/a.c", "xyxy\n"), ("top/lib/impl", "xy\n")];
    assert_eq!(texts, wanted.map(|(path, text)| (path.to_owned(), text.to_owned())));
    let changed: Vec<_> = effects[0].files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(changed, ["a.c", "lib/impl"]);
    for only in ["circle.c", "folder.c", "dangling.c"] {
        let error = applied(name, archive(items), &[replace(name, only, "x", "y")]).unwrap_err();
        assert!(chain(&error).contains("leads to no file"), "{}", chain(&error));
    }
}

#[test]
fn each_compression_is_kept_whatever_the_name_says() {
    let plain = archive(AGAVE);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).unwrap();
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 0);
    xz.write_all(&plain).unwrap();
    let forms = [gzip.finish().unwrap(), xz.finish().unwrap(), zstd::encode_all(&plain[..], 1).unwrap()];
    let name = "agave-1.tgz";
    let (unpacked, _) = applied(name, plain, &[remove(name, "z.c")]).unwrap();
    for form in forms {
        let (bytes, _) = applied(name, form.clone(), &[remove(name, "z.c")]).unwrap();
        assert_eq!(bytes[..2], form[..2]);
        let mut read = Vec::new();
        match bytes[0] {
            0x1f => flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut read).unwrap(),
            0xfd => liblzma::read::XzDecoder::new(&bytes[..]).read_to_end(&mut read).unwrap(),
            _ => zstd::Decoder::new(&bytes[..]).unwrap().read_to_end(&mut read).unwrap(),
        };
        assert_eq!(read, unpacked);
        let (again, _) = applied(name, form, &[remove(name, "z.c")]).unwrap();
        assert_eq!(again, bytes, "the same archive gives the same bytes");
    }
}

#[test]
fn paths_begin_at_the_top_if_there_are_several_things_there() {
    let name = "flat.tar";
    let items: &[Item<'_>] =
        &[("./a.c", EntryType::Regular, 0o644, b"a"), ("b/c.c", EntryType::Regular, 0o644, b"c")];
    let (bytes, effects) = applied(name, archive(items), &[remove(name, "b/*.c")]).unwrap();
    let paths: Vec<String> = contents(&bytes).into_iter().map(|(path, ..)| path).collect();
    assert_eq!(paths, ["a.c", "b/"]);
    assert_eq!(effects[0].matches, 1);
}

#[test]
fn names_longer_than_a_header_survive() {
    let name = "long.tar";
    let long = format!("top/{}/{}.c", "d".repeat(90), "f".repeat(120));
    let target = "t".repeat(150);
    let items: &[Item<'_>] = &[
        (&long, EntryType::Regular, 0o644, b"x"),
        ("top/l", EntryType::Symlink, 0o777, target.as_bytes()),
        ("top/z", EntryType::Regular, 0o644, b""),
    ];
    let (bytes, _) = applied(name, archive(items), &[remove(name, "z")]).unwrap();
    let contents = contents(&bytes);
    assert_eq!(contents[2].0, long);
    assert_eq!((contents[3].0.as_str(), contents[3].3.as_slice()), ("top/l", target.as_bytes()));
}

#[test]
fn what_cannot_be_packed_again_is_an_error() {
    for (items, what) in [
        (vec![("x", EntryType::Fifo, 0o644, &b"y"[..])], "no regular file"),
        (vec![("x", EntryType::Link, 0o644, b"y")], "no regular file"),
        (vec![("d/l", EntryType::Symlink, 0o777, b"../../x")], "out of the archive"),
        (vec![("l", EntryType::Symlink, 0o777, b"/etc/passwd")], "out of the archive"),
        (vec![("l", EntryType::Symlink, 0o777, b"d"), ("l/x", EntryType::Regular, 0o644, b"")], "twice"),
        (vec![("a", EntryType::Regular, 0o644, b""), ("a", EntryType::Symlink, 0o777, b"b")], "twice"),
    ] {
        let error = applied("a.tar", archive(&items), &[remove("a.tar", "**")]).unwrap_err();
        assert!(chain(&error).contains(what), "{}", chain(&error));
    }
    let mut outside = archive(&[("aa/x", EntryType::Regular, 0o644, b"")]);
    outside[..2].copy_from_slice(b"..");
    let sum: u32 = outside[..512]
        .iter()
        .enumerate()
        .map(|(at, byte)| match at {
            148..156 => 32,
            _ => u32::from(*byte),
        })
        .sum();
    outside[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let error = applied("a.tar", outside, &[remove("a.tar", "**")]).unwrap_err();
    assert!(chain(&error).contains("out of the archive"), "{}", chain(&error));
}

#[test]
fn damaged_archives_are_errors() {
    let plain = archive(AGAVE);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).unwrap();
    let gzip = gzip.finish().unwrap();
    for (bytes, what) in [
        (plain[..700].to_vec(), "no tar archive"),
        (b"PK\x03\x04".repeat(200), "no tar archive"),
        (gzip[..gzip.len() / 2].to_vec(), "damaged"),
    ] {
        let error = applied("a.tar.gz", bytes, &[remove("a.tar.gz", "**")]).unwrap_err();
        assert!(chain(&error).contains(what), "{}", chain(&error));
    }
}

#[test]
fn an_error_names_its_overlay_and_the_nearest_file() {
    let overlays = [remove("a.tar", "z.c"), remove("a.tar", "configur")];
    let error = applied("a.tar", archive(AGAVE), &overlays).unwrap_err();
    assert_eq!(error.index, 1);
    assert_eq!(error.nearest.unwrap().text, "configure");
    let error = applied("a.zip", archive(AGAVE), &[remove("a.zip", "z.c")]).unwrap_err();
    assert!(chain(&error).contains("ends in none of"), "{}", chain(&error));
}

#[test]
fn without_downloads_archives_are_left_alone() {
    let applied = apply(b"Name: agave\n", &[remove("a.tar", "z.c")], &Files::default()).unwrap();
    assert!(applied.effects[0].left_out);
    assert!(applied.files.is_empty() && applied.repacked.is_empty());
}

#[test]
fn archive_names_are_told_by_their_endings() {
    for name in ["a.tar", "a.TAR.GZ", "a.tgz", "a.tar.xz", "a.txz", "a.tar.zst", "a.tzst"] {
        assert!(is_archive_name(name), "{name}");
    }
    for name in ["a.zip", "a.tar.bz2", "a.tar.lzma", "tar", "a.gz"] {
        assert!(!is_archive_name(name), "{name}");
    }
}
