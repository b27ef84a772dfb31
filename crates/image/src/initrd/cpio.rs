//! A tree in; a `newc` archive as the kernel unpacks it out: in path order, with numbered inodes and one time for all.

use std::io::{self, Write};

use crate::tree::{Kind, Tree};

/// Writes the whole archive with its trailer; hard links become files of their own.
pub(super) fn write(tree: &Tree, modified: u64, output: &mut impl Write) -> io::Result<()> {
    let entries = tree.entries().filter(|(path, _)| !path.is_root());
    for (number, (path, entry)) in entries.enumerate() {
        let (format, device, data) = match &entry.kind {
            Kind::Directory => (0o040_000, (0, 0), Vec::new()),
            Kind::File(_) | Kind::HardLink(_) => {
                (0o100_000, (0, 0), tree.read(path).map_err(io::Error::other)?)
            }
            Kind::SymbolicLink(target) => (0o120_000, (0, 0), target.clone()),
            Kind::CharacterDevice { major, minor } => (0o020_000, (*major, *minor), Vec::new()),
            Kind::BlockDevice { major, minor } => (0o060_000, (*major, *minor), Vec::new()),
            Kind::Pipe => (0o010_000, (0, 0), Vec::new()),
        };
        let links = if entry.kind == Kind::Directory { 2 } else { 1 };
        let header = Header {
            inode: number as u64 + 1,
            mode: format | entry.mode,
            user: entry.user,
            group: entry.group,
            links,
            modified,
            device,
        };
        write_member(&header, path.as_bytes(), &data, output)?;
    }
    let trailer = Header { inode: 0, mode: 0, user: 0, group: 0, links: 1, modified: 0, device: (0, 0) };
    write_member(&trailer, b"TRAILER!!!", &[], output)
}

struct Header {
    inode: u64,
    mode: u32,
    user: u32,
    group: u32,
    links: u32,
    modified: u64,
    device: (u32, u32),
}

fn write_member(header: &Header, name: &[u8], data: &[u8], output: &mut impl Write) -> io::Result<()> {
    let Header { inode, mode, user, group, links, modified, device: (major, minor) } = header;
    let (size, name_size) = (data.len(), name.len() + 1);
    write!(
        output,
        "070701{inode:08x}{mode:08x}{user:08x}{group:08x}{links:08x}{modified:08x}{size:08x}{:08x}{:08x}{major:08x}{minor:08x}{name_size:08x}{:08x}",
        0, 0, 0
    )?;
    output.write_all(name)?;
    output.write_all(&[0])?;
    pad(110 + name_size, output)?;
    output.write_all(data)?;
    pad(size, output)
}

fn pad(length: usize, output: &mut impl Write) -> io::Result<()> {
    output.write_all(&[0; 3][..(4 - length % 4) % 4])
}

#[cfg(test)]
mod tests {
    use crate::tree::{Entry, Tree, TreePath};

    #[test]
    fn members_are_aligned_and_numbered() {
        let mut tree = Tree::default();
        tree.insert(TreePath::root(), Entry::directory(0o755, 0));
        tree.insert(TreePath::parse("ab").unwrap(), Entry::file(*b"hello", 0o644, 0));
        let mut bytes = Vec::new();
        super::write(&tree, 0x10, &mut bytes).unwrap();
        let expected = "07070100000001000081a40000000000000000000000010000001000000005000000000000000000000000000000000000000300000000ab\0\0\0\0hello\0\0\0";
        assert_eq!(std::str::from_utf8(&bytes[..expected.len()]).unwrap(), expected);
        assert_eq!(bytes.len() % 4, 0);
        assert!(bytes.windows(11).any(|window| window == b"TRAILER!!!\0"));
    }
}
