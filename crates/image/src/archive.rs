//! A tree in; a POSIX tar stream with owners, labels, capabilities, devices and hard links out, in path order and without the
//! traces of the machine it was made on.
//!
//! Extended attributes travel as `SCHILY.xattr.*` records, which both mke2fs and mkfs.erofs read. So an image can have labels
//! and devices that the user who builds it could not set on any disk.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};

use crate::tree::{Content, Entry, Kind, Tree, TreePath};

const BLOCK: usize = 512;
/// The largest number that the eleven octal digits of a header hold.
const LARGEST_OCTAL: u64 = 0o777_7777_7777;
const LARGEST_ID: u32 = 0o777_7777;

/// Writes the whole tree, closed by the end marker; the root directory is the entry `./`.
pub(crate) fn write(tree: &Tree, output: impl Write) -> io::Result<()> {
    let output = &mut BufWriter::with_capacity(1 << 20, output);
    for (path, entry) in tree.entries() {
        // mke2fs takes owner, mode and time anew from every name of a file: they all say the same.
        let file = match &entry.kind {
            Kind::HardLink(first) => tree.get(first).unwrap_or(entry),
            _ => entry,
        };
        let named = Entry { kind: entry.kind.clone(), attributes: entry.attributes.clone(), ..*file };
        write_entry(path, &named, output)?;
    }
    output.write_all(&[0; 2 * BLOCK])?;
    output.flush()
}

fn write_entry(path: &TreePath, entry: &Entry, output: &mut impl Write) -> io::Result<()> {
    let mut name = [b"./", path.as_bytes()].concat();
    if entry.kind == Kind::Directory && !path.is_root() {
        name.push(b'/');
    }
    let mut header = Header::new(entry);
    let mut records = Vec::new();
    if name.len() > 100 {
        record(&mut records, "path", &name);
    }
    match &entry.kind {
        Kind::HardLink(first) => header.link(&[b"./", first.as_bytes()].concat(), &mut records),
        Kind::SymbolicLink(target) => header.link(target, &mut records),
        _ => {}
    }
    let size = if let Kind::File(content) = &entry.kind { content.size() } else { 0 };
    if size > LARGEST_OCTAL {
        record(&mut records, "size", size.to_string().as_bytes());
    }
    for (key, number) in [("uid", entry.user), ("gid", entry.group)] {
        if number > LARGEST_ID {
            record(&mut records, key, number.to_string().as_bytes());
        }
    }
    // mke2fs would set these two to 1970.
    for key in ["atime", "ctime"] {
        record(&mut records, key, entry.modified.to_string().as_bytes());
    }
    if !matches!(entry.kind, Kind::HardLink(_)) {
        for (attribute, value) in &entry.attributes {
            record(&mut records, &format!("SCHILY.xattr.{attribute}"), value);
        }
    }
    if !records.is_empty() {
        let mut extension = Header::extension(records.len() as u64);
        extension.name(b"./pax");
        output.write_all(&extension.finish())?;
        output.write_all(&records)?;
        pad(records.len() as u64, output)?;
    }
    header.name(&name[..name.len().min(100)]);
    header.octal(124, 12, size.min(LARGEST_OCTAL));
    output.write_all(&header.finish())?;
    if let Kind::File(content) = &entry.kind {
        write_content(content, output)?;
        pad(size, output)?;
    }
    Ok(())
}

fn write_content(content: &Content, output: &mut impl Write) -> io::Result<()> {
    match content {
        Content::Bytes(bytes) => output.write_all(bytes),
        Content::OnDisk { path, size } => {
            let name = |error: io::Error| {
                io::Error::new(error.kind(), format!("cannot read {}: {error}", path.display()))
            };
            let mut file = File::open(path).map_err(name)?.take(*size);
            let copied = io::copy(&mut file, output)?;
            if copied != *size {
                let message = format!("{} became shorter while the image was made", path.display());
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
            }
            Ok(())
        }
    }
}

fn pad(length: u64, output: &mut impl Write) -> io::Result<()> {
    let over = usize::try_from(length % BLOCK as u64).unwrap_or(0);
    if over == 0 { Ok(()) } else { output.write_all(&[0; BLOCK][over..]) }
}

/// One `length key=value` line, where the length counts itself.
fn record(records: &mut Vec<u8>, key: &str, value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut digits = rest.to_string().len();
    if (rest + digits).to_string().len() > digits {
        digits += 1;
    }
    records.extend_from_slice(format!("{} {key}=", rest + digits).as_bytes());
    records.extend_from_slice(value);
    records.push(b'\n');
}

struct Header([u8; BLOCK]);

impl Header {
    fn new(entry: &Entry) -> Self {
        let mut header = Self::empty();
        header.octal(100, 8, u64::from(entry.mode));
        header.octal(108, 8, u64::from(entry.user.min(LARGEST_ID)));
        header.octal(116, 8, u64::from(entry.group.min(LARGEST_ID)));
        header.octal(136, 12, entry.modified);
        header.0[156] = match &entry.kind {
            Kind::File(_) => b'0',
            Kind::HardLink(_) => b'1',
            Kind::SymbolicLink(_) => b'2',
            Kind::CharacterDevice { .. } => b'3',
            Kind::BlockDevice { .. } => b'4',
            Kind::Directory => b'5',
            Kind::Pipe => b'6',
        };
        if let Kind::CharacterDevice { major, minor } | Kind::BlockDevice { major, minor } = &entry.kind {
            header.octal(329, 8, u64::from(*major));
            header.octal(337, 8, u64::from(*minor));
        }
        header
    }

    fn extension(size: u64) -> Self {
        let mut header = Self::empty();
        header.octal(100, 8, 0o644);
        header.octal(108, 8, 0);
        header.octal(116, 8, 0);
        header.octal(124, 12, size);
        header.octal(136, 12, 0);
        header.0[156] = b'x';
        header
    }

    fn empty() -> Self {
        let mut header = Self([0; BLOCK]);
        header.0[257..265].copy_from_slice(b"ustar\x0000");
        header
    }

    fn name(&mut self, name: &[u8]) {
        self.0[..name.len()].copy_from_slice(name);
    }

    fn link(&mut self, target: &[u8], records: &mut Vec<u8>) {
        if target.len() > 100 {
            record(records, "linkpath", target);
        }
        let kept = target.len().min(100);
        self.0[157..157 + kept].copy_from_slice(&target[..kept]);
    }

    fn octal(&mut self, offset: usize, length: usize, value: u64) {
        let digits = format!("{value:0width$o}", width = length - 1);
        self.0[offset..offset + length - 1].copy_from_slice(digits.as_bytes());
    }

    fn finish(mut self) -> [u8; BLOCK] {
        self.0[148..156].fill(b' ');
        let sum: u64 = self.0.iter().map(|byte| u64::from(*byte)).sum();
        let digits = format!("{sum:06o}\0 ");
        self.0[148..156].copy_from_slice(digits.as_bytes());
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::write;
    use crate::tree::{Entry, Kind, Tree, TreePath};

    fn path(text: &str) -> TreePath {
        TreePath::parse(text).unwrap()
    }

    #[test]
    fn another_reader_finds_everything_that_was_written() {
        let mut tree = Tree::default();
        tree.insert(TreePath::root(), Entry::directory(0o755, 3));
        let long = "d".repeat(120);
        let mut program = Entry::file(*b"content", 0o4755, 3);
        (program.user, program.group) = (7, 3_000_000);
        program.attributes.insert("security.selinux".into(), b"u:r:t:s0\0".to_vec());
        tree.insert(path("bin"), program);
        tree.insert(path("link"), Entry::symbolic_link("x".repeat(150), 3));
        let mut hard = Entry::file(*b"", 0o4755, 3);
        hard.kind = Kind::HardLink(path("bin"));
        tree.insert(path(&long), hard);
        let mut device = Entry::file(*b"", 0o600, 3);
        device.kind = Kind::CharacterDevice { major: 5, minor: 1 };
        tree.insert(path("tty"), device);

        let mut bytes = Vec::new();
        write(&tree, &mut bytes).unwrap();
        let mut archive = tar::Archive::new(&bytes[..]);
        let mut seen = Vec::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let attributes: Vec<(String, Vec<u8>)> = entry
                .pax_extensions()
                .unwrap()
                .into_iter()
                .flatten()
                .map(|record| record.unwrap())
                .map(|record| (record.key().unwrap().to_owned(), record.value_bytes().to_vec()))
                .filter(|(key, _)| key.starts_with("SCHILY"))
                .collect();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            let header = entry.header();
            let target = entry.link_name_bytes().map(|name| name.len());
            seen.push((
                entry.path().unwrap().display().to_string(),
                header.mode().unwrap(),
                header.entry_type().as_byte(),
                target,
                text,
                attributes,
            ));
        }
        let label = vec![("SCHILY.xattr.security.selinux".to_owned(), b"u:r:t:s0\0".to_vec())];
        assert_eq!(
            seen,
            [
                ("./".to_owned(), 0o755, b'5', None, String::new(), vec![]),
                ("./bin".to_owned(), 0o4755, b'0', None, "content".to_owned(), label),
                (format!("./{long}"), 0o4755, b'1', Some(5), String::new(), vec![]),
                ("./link".to_owned(), 0o777, b'2', Some(150), String::new(), vec![]),
                ("./tty".to_owned(), 0o600, b'3', None, String::new(), vec![]),
            ]
        );
    }
}
