//! A tree in; a `newc` archive as the kernel unpacks it out: in path order and with one time for all.

use std::io::{self, Write};

use crate::tree::{Kind, Tree};

const HEADER: u64 = 110;
const BLOCK: u64 = 4096;
/// The kernel takes names up to here, the zeros behind them counted (`PATH_MAX`).
const LONGEST_NAME: u64 = 4096;

/// Where a file's content begins in the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alignment {
    /// At a multiple of four bytes, as the format demands.
    Words,
    /// At a multiple of 4096 bytes, where it is as long as that: its blocks are then those that a file system has. Zeros behind the
    /// name fill the room, which the kernel's documentation of the format allows. No number tells how many files come before, so
    /// that a new file changes no other's blocks.
    Blocks,
}

/// Writes the whole archive with its trailer; hard links become files of their own.
pub(super) fn write(
    tree: &Tree,
    modified: u64,
    alignment: Alignment,
    output: &mut impl Write,
) -> io::Result<()> {
    let mut archive = Archive { output, length: 0, alignment };
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
            // Only files with several names are told apart by it, and here every file has one.
            inode: if alignment == Alignment::Words { number as u64 + 1 } else { 0 },
            mode: format | entry.mode,
            user: entry.user,
            group: entry.group,
            links,
            modified,
            device,
        };
        archive.member(&header, path.as_bytes(), &data)?;
    }
    archive.member(&Header { links: 1, ..Header::default() }, b"TRAILER!!!", &[])
}

#[derive(Default)]
struct Header {
    inode: u64,
    mode: u32,
    user: u32,
    group: u32,
    links: u32,
    modified: u64,
    device: (u32, u32),
}

struct Archive<'a, W> {
    output: &'a mut W,
    /// Bytes written.
    length: u64,
    alignment: Alignment,
}

impl<W: Write> Archive<'_, W> {
    fn member(&mut self, header: &Header, name: &[u8], data: &[u8]) -> io::Result<()> {
        let size = data.len() as u64;
        let mut name_size = name.len() as u64 + 1;
        if self.alignment == Alignment::Blocks && size >= BLOCK {
            if self.fill(name_size) > LONGEST_NAME {
                // Once more the root directory, as the kernel has it anyway, with so long a name that this one's is short.
                let root =
                    Header { mode: 0o040_755, links: 2, modified: header.modified, ..Header::default() };
                let far = self.length + HEADER * 2 + name_size + 8;
                let filler = far.next_multiple_of(BLOCK) - far + 2;
                self.write(&root, b".", filler.min(LONGEST_NAME - 4), &[])?;
            }
            name_size = self.fill(name_size);
        }
        self.write(header, name, name_size, data)
    }

    /// The size of a name that the content behind it begins a block with.
    fn fill(&self, name_size: u64) -> u64 {
        let start = self.length + HEADER;
        (start + name_size).next_multiple_of(BLOCK) - start
    }

    fn write(&mut self, header: &Header, name: &[u8], name_size: u64, data: &[u8]) -> io::Result<()> {
        let Header { inode, mode, user, group, links, modified, device: (major, minor) } = header;
        let size = data.len();
        write!(
            self.output,
            "070701{inode:08x}{mode:08x}{user:08x}{group:08x}{links:08x}{modified:08x}{size:08x}{:08x}{:08x}{major:08x}{minor:08x}{name_size:08x}{:08x}",
            0, 0, 0
        )?;
        self.length += HEADER;
        self.output.write_all(name)?;
        self.length += name.len() as u64;
        self.zeros(name_size - name.len() as u64)?;
        self.zeros(self.length.next_multiple_of(4) - self.length)?;
        self.output.write_all(data)?;
        self.length += size as u64;
        self.zeros(self.length.next_multiple_of(4) - self.length)
    }

    fn zeros(&mut self, count: u64) -> io::Result<()> {
        io::copy(&mut io::Read::take(io::repeat(0), count), self.output)?;
        self.length += count;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Alignment;
    use crate::tree::{Entry, Tree, TreePath};

    #[test]
    fn members_are_aligned_and_numbered() {
        let mut tree = Tree::default();
        tree.insert(TreePath::root(), Entry::directory(0o755, 0));
        tree.insert(TreePath::parse("ab").unwrap(), Entry::file(*b"hello", 0o644, 0));
        let mut bytes = Vec::new();
        super::write(&tree, 0x10, Alignment::Words, &mut bytes).unwrap();
        let expected = "07070100000001000081a40000000000000000000000010000001000000005000000000000000000000000000000000000000300000000ab\0\0\0\0hello\0\0\0";
        assert_eq!(std::str::from_utf8(&bytes[..expected.len()]).unwrap(), expected);
        assert_eq!(bytes.len() % 4, 0);
        assert!(bytes.windows(11).any(|window| window == b"TRAILER!!!\0"));
    }

    /// Where each member's content is, by the rules of the kernel's unpacker.
    fn unpacked(bytes: &[u8]) -> Vec<(String, usize, usize)> {
        let field = |place: usize, number: usize| {
            let text = &bytes[place + 6 + number * 8..][..8];
            usize::from_str_radix(std::str::from_utf8(text).unwrap(), 16).unwrap()
        };
        let mut members = Vec::new();
        let mut place = 0;
        loop {
            assert_eq!(&bytes[place..place + 6], b"070701", "at {place}");
            let (size, name_size) = (field(place, 6), field(place, 11));
            assert!(name_size <= 4096);
            let name = &bytes[place + 110..place + 110 + name_size];
            assert_eq!(name[name_size - 1], 0);
            let name: Vec<u8> = name.iter().copied().take_while(|byte| *byte != 0).collect();
            let content = (place + 110 + name_size).next_multiple_of(4);
            if name == b"TRAILER!!!" {
                return members;
            }
            members.push((String::from_utf8(name).unwrap(), content, size));
            place = (content + size).next_multiple_of(4);
        }
    }

    #[test]
    fn contents_of_a_block_or_more_begin_blocks_wherever_the_ones_before_end() {
        let mut tree = Tree::default();
        tree.insert(TreePath::root(), Entry::directory(0o755, 0));
        let long = "n".repeat(200);
        for number in 0..600 {
            let path = TreePath::parse(format!("{number:03}{long}")).unwrap();
            tree.insert(path, Entry::file(vec![7; 4000 + number * 37], 0o644, 0));
        }
        let mut bytes = Vec::new();
        super::write(&tree, 1, Alignment::Blocks, &mut bytes).unwrap();
        let members = unpacked(&bytes);
        assert_eq!(members.iter().filter(|(name, ..)| name != ".").count(), 600);
        // A block has room for most names: the root comes again now and then only.
        assert!(members.iter().filter(|(name, ..)| name == ".").count() < 60);
        for (name, place, size) in members {
            assert!(size < 4096 || place % 4096 == 0, "{name} is at {place}");
            assert!(bytes[place..place + size].iter().all(|byte| *byte == 7));
        }
    }

    #[test]
    fn a_new_file_leaves_the_blocks_of_others_alone() {
        let archive = |names: &[(&str, u8)]| {
            let mut tree = Tree::default();
            for (name, fill) in names {
                let path = TreePath::parse(*name).unwrap();
                tree.insert(path, Entry::file(vec![*fill; 4096 * 5 + 10], 0o644, 0));
            }
            let mut bytes = Vec::new();
            super::write(&tree, 1, Alignment::Blocks, &mut bytes).unwrap();
            bytes
        };
        let old = archive(&[("a", 1), ("c", 3), ("d", 4)]);
        let new = archive(&[("a", 1), ("b", 2), ("c", 3), ("d", 4)]);
        let known: std::collections::BTreeSet<&[u8]> = old.chunks(4096).collect();
        // Five whole blocks of `b`, the one with its end and the name of `c`, and the one before, which names `b` now.
        assert_eq!(new.chunks(4096).filter(|block| !known.contains(block)).count(), 7);
    }
}
