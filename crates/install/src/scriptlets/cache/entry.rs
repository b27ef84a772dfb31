//! What a run read, wrote and said, in; the bytes of a file that keeps it, out, and back. What is damaged is refused.
//!
//! A file is: the mark, the lengths and SHA-256 digests of its two parts, then the parts. The first has everything but the content of
//! written files, so that comparing needs to read no more.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use host_tools::sandbox::recording::{
    Attributes, Detail, Entry, EntryKind, Kind, Owner, Recording, Seen, There, Time, Written,
};
use sha2::{Digest as _, Sha256};

/// A run that can be repeated without running anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) recording: Recording,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
}

/// The first part of a file: content of written files is only named by its place in the second.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) seen: Vec<(Vec<u8>, Seen)>,
    rest: Vec<u8>,
    content_length: u64,
    content_digest: [u8; 32],
    content_start: u64,
}

/// Of this format: another version's files are not even looked for.
pub(super) const MARK: &[u8; 24] = b"lazuli kept scriptlet 1\n";
const HEADER: usize = MARK.len() + 2 * (8 + 32);
/// More than any real one, in bytes: 256 MiB and 2 GiB.
const MOST: [u64; 2] = [256 << 20, 2 << 30];

impl Kept {
    /// The whole file.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut content = Vec::new();
        let mut head = Writer::default();
        head.number(self.recording.seen.len() as u64);
        for (path, seen) in &self.recording.seen {
            head.bytes(path);
            head.seen(seen);
        }
        let mut rest = Writer::default();
        rest.bytes(&self.stdout);
        rest.bytes(&self.stderr);
        rest.number(self.recording.written.len() as u64);
        for (path, written) in &self.recording.written {
            rest.bytes(path);
            rest.written(written, &mut content);
        }
        head.bytes(&rest.0);
        let mut file = MARK.to_vec();
        for part in [&head.0, &content] {
            file.extend((part.len() as u64).to_le_bytes());
            file.extend(Sha256::digest(part));
        }
        file.extend(head.0);
        file.extend(content);
        file
    }
}

impl Head {
    /// Reads and proves the first part; nothing where the file is damaged or none of ours.
    pub(super) fn read(file: &File) -> Option<Head> {
        let mut header = [0; HEADER];
        file.read_exact_at(&mut header, 0).ok()?;
        let mut reader = Reader(header.strip_prefix(MARK)?);
        let (head_length, head_digest) = (reader.number()?, reader.digest()?);
        let (content_length, content_digest) = (reader.number()?, reader.digest()?);
        let whole = (HEADER as u64).checked_add(head_length)?.checked_add(content_length)?;
        if head_length > MOST[0] || content_length > MOST[1] || file.metadata().ok()?.len() != whole {
            return None;
        }
        let mut head = vec![0; usize::try_from(head_length).ok()?];
        file.read_exact_at(&mut head, HEADER as u64).ok()?;
        if <[u8; 32]>::from(Sha256::digest(&head)) != head_digest {
            return None;
        }
        let mut reader = Reader(&head);
        let count = reader.number()?;
        let mut seen = Vec::new();
        for _ in 0..count {
            seen.push((reader.path()?, reader.seen()?));
        }
        let rest = reader.bytes()?;
        reader.0.is_empty().then_some(Head {
            seen,
            rest,
            content_length,
            content_digest,
            content_start: HEADER as u64 + head_length,
        })
    }

    /// Reads and proves the second part.
    pub(super) fn finish(self, file: &File) -> Option<Kept> {
        let mut content = vec![0; usize::try_from(self.content_length).ok()?];
        file.read_exact_at(&mut content, self.content_start).ok()?;
        if <[u8; 32]>::from(Sha256::digest(&content)) != self.content_digest {
            return None;
        }
        let mut reader = Reader(&self.rest);
        let (stdout, stderr, count) = (reader.bytes()?, reader.bytes()?, reader.number()?);
        let mut written = Vec::new();
        for _ in 0..count {
            written.push((reader.path()?, reader.written(&content)?));
        }
        reader.0.is_empty().then_some(Kept {
            recording: Recording { seen: self.seen, written },
            stdout,
            stderr,
        })
    }
}

/// A name for what was read: the same for files that would be used in the same state of a root.
pub(super) fn name_of(seen: &[(Vec<u8>, Seen)]) -> String {
    let mut writer = Writer::default();
    for (path, seen) in seen {
        writer.bytes(path);
        writer.seen(seen);
    }
    hex::encode(&Sha256::digest(&writer.0)[..16])
}

#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn number(&mut self, number: u64) {
        self.0.extend(number.to_le_bytes());
    }

    fn signed(&mut self, number: i64) {
        self.0.extend(number.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend(bytes);
    }

    fn tag(&mut self, tag: u8) {
        self.0.push(tag);
    }

    fn optional<T>(&mut self, value: Option<&T>, put: impl FnOnce(&mut Self, &T)) {
        self.tag(u8::from(value.is_some()));
        if let Some(value) = value {
            put(self, value);
        }
    }

    fn seen(&mut self, seen: &Seen) {
        let Seen::There(there) = seen else { return self.tag(0) };
        match &there.kind {
            Kind::File => self.tag(1),
            Kind::Directory => self.tag(2),
            Kind::Link(target) => {
                self.tag(3);
                self.bytes(target);
            }
            Kind::Special(device) => {
                self.tag(4);
                self.number(*device);
            }
        }
        for number in [there.mode, there.user, there.group] {
            self.number(u64::from(number));
        }
        self.optional(there.detail.as_ref(), |writer, detail| {
            writer.signed(detail.size);
            writer.number(detail.links);
            writer.signed(detail.seconds);
            writer.number(detail.nanoseconds);
        });
        for digest in [&there.content, &there.attributes] {
            self.optional(digest.as_ref(), |writer, digest| writer.0.extend(digest));
        }
    }

    fn written(&mut self, written: &Written, content: &mut Vec<u8>) {
        match written {
            Written::Absent => self.tag(0),
            Written::Changed { owner, time } => {
                self.tag(1);
                self.optional(owner.as_ref(), Self::owner);
                self.optional(time.as_ref(), |writer, time| writer.time(*time));
            }
            Written::Entry(entry) => {
                self.tag(2);
                self.kind(&entry.kind, content);
                self.owner(&entry.owner);
                self.time(entry.time);
            }
        }
    }

    fn kind(&mut self, kind: &EntryKind, all: &mut Vec<u8>) {
        match kind {
            EntryKind::File { content, in_place } => {
                self.tag(if *in_place { 1 } else { 0 });
                self.number(all.len() as u64);
                self.number(content.len() as u64);
                all.extend(content.iter());
            }
            EntryKind::HardLink { to } => {
                self.tag(2);
                self.bytes(to);
            }
            EntryKind::Directory => self.tag(3),
            EntryKind::Link { target } => {
                self.tag(4);
                self.bytes(target);
            }
            EntryKind::Special(device) => {
                self.tag(5);
                self.number(*device);
            }
        }
    }

    fn owner(&mut self, owner: &Owner) {
        for number in [owner.mode, owner.user, owner.group] {
            self.number(u64::from(number));
        }
        self.number(owner.attributes.len() as u64);
        for field in owner.attributes.iter().flat_map(|(name, value)| [name, value]) {
            self.bytes(field);
        }
    }

    fn time(&mut self, time: Time) {
        match time {
            Time::Recent => self.tag(0),
            Time::At(seconds, nanoseconds) => {
                self.tag(1);
                self.signed(seconds);
                self.number(nanoseconds);
            }
        }
    }
}

struct Reader<'b>(&'b [u8]);

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*array)
    }

    fn number(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn small(&mut self) -> Option<u32> {
        u32::try_from(self.number()?).ok()
    }

    fn signed(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }

    fn tag(&mut self) -> Option<u8> {
        self.array::<1>().map(|[tag]| tag)
    }

    fn digest(&mut self) -> Option<[u8; 32]> {
        self.array()
    }

    fn bytes(&mut self) -> Option<Vec<u8>> {
        let length = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes.to_vec())
    }

    /// Absolute, and without anything that would lead elsewhere.
    fn path(&mut self) -> Option<Vec<u8>> {
        let path = self.bytes()?;
        let names = path.strip_prefix(b"/")?;
        let is_plain = |name: &[u8]| !name.is_empty() && name != b"." && name != b".." && !name.contains(&0);
        (names.is_empty() || names.split(|byte| *byte == b'/').all(is_plain)).then_some(path)
    }

    fn optional<T>(&mut self, take: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        match self.tag()? {
            0 => Some(None),
            1 => Some(Some(take(self)?)),
            _ => None,
        }
    }

    fn seen(&mut self) -> Option<Seen> {
        let kind = match self.tag()? {
            0 => return Some(Seen::Absent),
            1 => Kind::File,
            2 => Kind::Directory,
            3 => Kind::Link(self.bytes()?),
            4 => Kind::Special(self.number()?),
            _ => return None,
        };
        let (mode, user, group) = (self.small()?, self.small()?, self.small()?);
        let detail = self.optional(|reader| {
            Some(Detail {
                size: reader.signed()?,
                links: reader.number()?,
                seconds: reader.signed()?,
                nanoseconds: reader.number()?,
            })
        })?;
        let content = self.optional(Self::digest)?;
        let attributes = self.optional(Self::digest)?;
        Some(Seen::There(There { kind, mode, user, group, detail, content, attributes }))
    }

    fn written(&mut self, content: &[u8]) -> Option<Written> {
        Some(match self.tag()? {
            0 => Written::Absent,
            1 => Written::Changed { owner: self.optional(Self::owner)?, time: self.optional(Self::time)? },
            2 => {
                Written::Entry(Entry { kind: self.kind(content)?, owner: self.owner()?, time: self.time()? })
            }
            _ => return None,
        })
    }

    fn kind(&mut self, all: &[u8]) -> Option<EntryKind> {
        Some(match self.tag()? {
            place @ (0 | 1) => {
                let start = usize::try_from(self.number()?).ok()?;
                let end = start.checked_add(usize::try_from(self.number()?).ok()?)?;
                EntryKind::File { content: Arc::new(all.get(start..end)?.to_vec()), in_place: place == 1 }
            }
            2 => EntryKind::HardLink { to: self.path()? },
            3 => EntryKind::Directory,
            4 => EntryKind::Link { target: self.bytes()? },
            5 => EntryKind::Special(self.number()?),
            _ => return None,
        })
    }

    fn owner(&mut self) -> Option<Owner> {
        let (mode, user, group) = (self.small()?, self.small()?, self.small()?);
        let mut attributes = Attributes::new();
        for _ in 0..self.number()? {
            attributes.push((self.bytes()?, self.bytes()?));
        }
        Some(Owner { mode, user, group, attributes })
    }

    fn time(&mut self) -> Option<Time> {
        Some(match self.tag()? {
            0 => Time::Recent,
            1 => Time::At(self.signed()?, self.number()?),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn kept() -> Kept {
        let there = There {
            kind: Kind::File,
            mode: 0o100_644,
            user: 1,
            group: 2,
            detail: Some(Detail { size: 3, links: 1, seconds: -4, nanoseconds: 5 }),
            content: Some([6; 32]),
            attributes: None,
        };
        let owner =
            Owner { mode: 0o644, user: 0, group: 0, attributes: vec![(b"user.a".to_vec(), b"b".to_vec())] };
        let file = |content: &[u8], in_place| {
            let kind = EntryKind::File { content: Arc::new(content.to_vec()), in_place };
            Written::Entry(Entry { kind, owner: owner.clone(), time: Time::Recent })
        };
        Kept {
            recording: Recording {
                seen: vec![
                    (
                        b"/".to_vec(),
                        Seen::There(There { kind: Kind::Directory, detail: None, ..there.clone() }),
                    ),
                    (b"/a".to_vec(), Seen::Absent),
                    (b"/etc/\xff".to_vec(), Seen::There(there.clone())),
                    (b"/l".to_vec(), Seen::There(There { kind: Kind::Link(b"../x".to_vec()), ..there })),
                ],
                written: vec![
                    (b"/a".to_vec(), file(b"content", false)),
                    (b"/b".to_vec(), file(b"", true)),
                    (b"/c".to_vec(), Written::Absent),
                    (b"/d".to_vec(), Written::Changed { owner: None, time: Some(Time::At(-1, 7)) }),
                ],
            },
            stdout: b"said".to_vec(),
            stderr: Vec::new(),
        }
    }

    fn read(bytes: &[u8]) -> Option<Kept> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        Head::read(&file)?.finish(&file)
    }

    #[test]
    fn what_is_kept_comes_back() {
        assert_eq!(read(&kept().to_bytes()), Some(kept()));
    }

    #[test]
    fn a_cut_file_and_every_changed_byte_are_noticed() {
        let bytes = kept().to_bytes();
        for at in 0..bytes.len() {
            assert_eq!(read(&bytes[..at]), None, "cut at {at}");
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert_eq!(read(&damaged), None, "damaged at {at}");
        }
    }

    #[test]
    fn paths_that_would_lead_elsewhere_are_refused() {
        for path in ["etc", "/etc/../x", "//x", "/./x", "/x/"] {
            let mut kept = kept();
            kept.recording.written[0].0 = path.into();
            assert_eq!(read(&kept.to_bytes()), None, "{path}");
        }
    }
}
