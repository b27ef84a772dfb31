//! Random source archives, and what is in one whatever compressed it.

use std::io::{Read as _, Write as _};

use serde_json::{Value, json};
use tar::{Builder, EntryType, Header};

use crate::case::Case;
use crate::random::Random;

const NAMES: &[&str] =
    &["src-1.0.tar.gz", "src-1.0.tar.xz", "src-1.0.tar.zst", "src-1.0.tar", "src.tgz", "SRC.TXZ", "src.tzst"];

/// A case whose overlays reach into archives.
pub fn case(random: &mut Random) -> Case {
    let name = random.pick(NAMES);
    let other = random.pick(NAMES);
    let mut files =
        vec![(name.to_owned(), archive(random, name)), ("loose.txt".to_owned(), b"loose\n".to_vec())];
    if other != name && random.percent(40) {
        files.push((other.to_owned(), archive(random, other)));
    }
    let overlays = (0..=random.below(2))
        .map(|_| {
            let archive = if random.percent(80) { name } else { other };
            overlay(random, archive)
        })
        .collect();
    Case { spec: b"Name: archives\n".to_vec(), files, sources: Vec::new(), overlays }
}

/// The bytes inside of an archive's compression; other files as they are.
pub fn unpacked(name: &str, bytes: &[u8]) -> Vec<u8> {
    let lower = name.to_lowercase();
    if ![".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.zst", ".tzst", ".tar"]
        .iter()
        .any(|end| lower.ends_with(end))
    {
        return bytes.to_vec();
    }
    let mut plain = Vec::new();
    let read = match bytes {
        [0x1f, 0x8b, ..] => flate2::read::GzDecoder::new(bytes).read_to_end(&mut plain),
        [0xfd, b'7', ..] => liblzma::read::XzDecoder::new(bytes).read_to_end(&mut plain),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            zstd::stream::read::Decoder::new(bytes).and_then(|mut decoder| decoder.read_to_end(&mut plain))
        }
        _ => return bytes.to_vec(),
    };
    if read.is_err() { bytes.to_vec() } else { plain }
}

/// A file for a person to read: an archive as the list of what is in it.
pub fn shown(name: &str, bytes: &[u8]) -> String {
    let plain = unpacked(name, bytes);
    let mut lines = Vec::new();
    let mut archive = tar::Archive::new(plain.as_slice());
    for entry in archive.entries().into_iter().flatten() {
        let Ok(mut entry) = entry else { return plain.escape_ascii().to_string() };
        let mut content = Vec::new();
        let Ok(_) = entry.read_to_end(&mut content) else { return plain.escape_ascii().to_string() };
        let header = entry.header();
        let (kind, mode) = (header.entry_type(), header.mode().unwrap_or_default());
        let (path, link) = (entry.path_bytes(), entry.link_name_bytes().unwrap_or_default());
        lines.push(format!(
            "  {kind:?} {mode:o} {} {} {}",
            path.escape_ascii(),
            link.escape_ascii(),
            content.escape_ascii()
        ));
    }
    if lines.is_empty() { plain.escape_ascii().to_string() } else { format!("\n{}", lines.join("\n")) }
}

fn overlay(random: &mut Random, archive: &str) -> Value {
    let file = random.pick(&[
        "*",
        "**",
        "**/*",
        "a.txt",
        "*.txt",
        "deep/*",
        "**/b.txt",
        "missing",
        "src-1.0/a.txt",
        "lin?",
        "deep",
        "x.spec",
        ".git/config",
    ]);
    if random.percent(50) {
        return json!({"type": "file-remove", "archive": archive, "file": file});
    }
    // Through links this crate changes a file once, and the other program as often as it meets it.
    let file = if matches!(file, "*" | "**" | "**/*" | "lin?") { "**/*.txt" } else { file };
    let regex = random.pick(&["a", "(?m)^", "x*", "line", "\\n", "none of them"]);
    json!({"type": "file-search-replace", "archive": archive, "file": file, "regex": regex, "replacement": random.pick(&["", "new", "$1"])})
}

fn archive(random: &mut Random, name: &str) -> Vec<u8> {
    let top = random.pick(&["src-1.0/", "src-1.0/", "src-1.0/", "", "./src-1.0/"]);
    let mut builder = Builder::new(Vec::new());
    if !top.is_empty() && random.percent(60) {
        append(&mut builder, top, EntryType::Directory, 0o755, b"", "");
    }
    for _ in 0..=random.below(6) {
        let inner = random.pick(&[
            "a.txt",
            "b.txt",
            "deep/b.txt",
            "deep/",
            "deep.txt",
            "deep/er/c.sh",
            "x.spec",
            ".git/config",
            "ünïcode.txt",
            "a",
            "empty",
        ]);
        let long = format!("{}/{inner}", "long-name-".repeat(12));
        let inner = if random.percent(5) { &long } else { inner };
        let path = format!("{top}{inner}");
        let mode = [0o644, 0o755, 0o600, 0o444, 0o4755, 0o664][random.below(6)];
        if path.ends_with('/') {
            append(&mut builder, &path, EntryType::Directory, 0o700, b"", "");
            continue;
        }
        let content =
            random.pick::<[u8]>(&[b"line a\nline b\n", b"", b"xaxax", b"\xff\xfe\n", b"line a\r\n"]);
        match random.below(40) {
            0 => append(&mut builder, &format!("{top}hard"), EntryType::Link, mode, b"", "a.txt"),
            1 => append(&mut builder, &format!("{top}pipe"), EntryType::Fifo, mode, b"", ""),
            2 => append(&mut builder, "../out.txt", EntryType::Regular, mode, content, ""),
            3..=6 => {
                let target = random.pick(&[
                    "a.txt",
                    "deep/b.txt",
                    "../a.txt",
                    "../../etc/passwd",
                    "/etc/passwd",
                    "missing",
                ]);
                append(&mut builder, &format!("{top}link"), EntryType::Symlink, 0o777, b"", target);
            }
            _ => append(&mut builder, &path, EntryType::Regular, mode, content, ""),
        }
    }
    if top.is_empty() || random.percent(15) {
        append(&mut builder, "beside.txt", EntryType::Regular, 0o644, b"line\n", "");
    }
    let plain = builder.into_inner().expect("written to memory");
    // Some are not what their name says.
    compressed(if random.percent(90) { name } else { random.pick(NAMES) }, &plain)
}

fn append(
    builder: &mut Builder<Vec<u8>>,
    path: &str,
    kind: EntryType,
    mode: u32,
    content: &[u8],
    target: &str,
) {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_mtime(1_700_000_000);
    header.set_uid(1000);
    header.set_gid(1000);
    header.set_size(content.len() as u64);
    let in_header = path.len() <= 100;
    if in_header {
        // The builder would refuse paths that leave the folder.
        let field = &mut header.as_old_mut().name;
        field[..path.len()].copy_from_slice(path.as_bytes());
    }
    let field = &mut header.as_old_mut().linkname;
    field[..target.len()].copy_from_slice(target.as_bytes());
    header.set_cksum();
    let written = if in_header {
        builder.append(&header, content)
    } else {
        builder.append_data(&mut header, path, content)
    };
    written.expect("written to memory");
}

fn compressed(name: &str, plain: &[u8]) -> Vec<u8> {
    let lower = name.to_lowercase();
    if lower.ends_with("gz") {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(plain).expect("written to memory");
        encoder.finish().expect("written to memory")
    } else if lower.ends_with("xz") {
        let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
        encoder.write_all(plain).expect("written to memory");
        encoder.finish().expect("written to memory")
    } else if lower.ends_with("zst") {
        zstd::stream::encode_all(plain, 1).expect("written to memory")
    } else {
        plain.to_vec()
    }
}
