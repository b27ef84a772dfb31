//! The name of a file in `EFI/Linux`, in; image, version and boot counter, out; and back.
//!
//! UAPI.1, "Boot counting": `NAME+LEFT-DONE.efi` has so many boots left and has had so many; the loader takes one off before
//! it starts the entry, sorts entries without boots left to the end and prefers the newest of the others. A name without
//! counter is an entry that has proven itself.

use std::fmt;

use release::{ImageName, Version};

/// How many boots a new version gets before the old one is started again.
pub const TRIES: u32 = 3;

/// What a file's name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryName {
    /// The image.
    pub image: ImageName,
    /// Its version.
    pub version: Version,
    /// Whether and how often it may be started.
    pub kind: Kind,
}

/// Whether and how often the loader may start a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Proven: no counter.
    Proven,
    /// Counted.
    Counted(Counter),
    /// Not offered to the loader: still being written, or not applied yet.
    Part,
}

/// A boot counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Counter {
    /// Boots left.
    pub left: u32,
    /// Boots had; absent until the first.
    pub done: Option<u32>,
}

impl Counter {
    /// Of an entry that was not started yet.
    pub const NEW: Counter = Counter { left: TRIES, done: None };
    /// Of an entry that the loader shall choose only if no other is left, without having failed.
    pub const SET_BACK: Counter = Counter { left: 0, done: None };
}

impl EntryName {
    /// Reads a file's name; `None` if it is no entry of ours.
    pub fn parse(name: &str) -> Option<Self> {
        let (stem, part) = match name.strip_suffix(".part") {
            Some(rest) => (rest.strip_suffix(".efi")?, true),
            None => (name.strip_suffix(".efi")?, false),
        };
        let (label, counter) = match stem.split_once('+') {
            Some((label, counter)) => (label, Some(parse_counter(counter)?)),
            None => (stem, None),
        };
        let (image, version) = label.split_once('_')?;
        let kind = match (counter, part) {
            (None, false) => Kind::Proven,
            (None, true) => Kind::Part,
            (Some(counter), false) => Kind::Counted(counter),
            (Some(_), true) => return None,
        };
        Some(EntryName { image: ImageName::parse(image).ok()?, version: Version::parse(version).ok()?, kind })
    }

    /// The same version with another kind of name.
    pub fn with(&self, kind: Kind) -> Self {
        EntryName { kind, ..self.clone() }
    }

    /// Whether the loader chooses this entry while others are there that have no boots left.
    pub fn is_offered(&self) -> bool {
        match self.kind {
            Kind::Proven => true,
            Kind::Counted(counter) => counter.left > 0,
            Kind::Part => false,
        }
    }

    /// Whether the loader chooses this entry only if no other is left.
    pub fn is_last(&self) -> bool {
        matches!(self.kind, Kind::Counted(Counter { left: 0, .. }))
    }

    /// Whether the loader used up all boots of this entry.
    pub fn is_used_up(&self) -> bool {
        matches!(self.kind, Kind::Counted(Counter { left: 0, done: Some(done) }) if done > 0)
    }
}

/// `LEFT` or `LEFT-DONE`, both plain decimal numbers.
fn parse_counter(text: &str) -> Option<Counter> {
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // With a zero in front it is another name, and nobody who counts boots writes it.
        let plain = text == "0" || !text.starts_with('0');
        (digits && plain).then(|| text.parse().ok()).flatten()
    };
    match text.split_once('-') {
        Some((left, done)) => Some(Counter { left: number(left)?, done: Some(number(done)?) }),
        None => Some(Counter { left: number(text)?, done: None }),
    }
}

impl fmt::Display for EntryName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", release::partition::label(&self.image, &self.version))?;
        match self.kind {
            Kind::Proven => formatter.write_str(".efi"),
            Kind::Counted(Counter { left, done: None }) => write!(formatter, "+{left}.efi"),
            Kind::Counted(Counter { left, done: Some(done) }) => write!(formatter, "+{left}-{done}.efi"),
            Kind::Part => formatter.write_str(".efi.part"),
        }
    }
}

impl serde::Serialize for EntryName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_version_and_counter_and_are_written_as_they_were_read() {
        let kinds = [
            ("container-host_1.2.3.efi", Kind::Proven),
            ("container-host_1.2.3+3.efi", Kind::Counted(Counter::NEW)),
            ("container-host_2026-11~rc1+2-1.efi", Kind::Counted(Counter { left: 2, done: Some(1) })),
            ("a_1+0.efi", Kind::Counted(Counter::SET_BACK)),
            ("a_1.efi.part", Kind::Part),
        ];
        for (text, kind) in kinds {
            let name = EntryName::parse(text).expect(text);
            assert_eq!((name.kind, name.to_string().as_str()), (kind, text));
        }
    }

    #[test]
    fn other_files_are_not_ours() {
        for text in [
            "linux.efi",
            "a_1.EFI.part",
            "a_1+.efi",
            "a_1++1.efi",
            "a_1+3-.efi",
            "a_1+-1.efi",
            "a_1+03.efi",
            "a_1+2-01.efi",
            "a_1+99999999999.efi",
            "a_1+3.efi.part",
            "_1.efi",
            "a_.efi",
            "../a_1.efi",
            "a_1",
            "A_1.efi",
        ] {
            assert_eq!(EntryName::parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_was_set_back_is_not_what_failed() {
        let used_up = |text| EntryName::parse(text).unwrap().is_used_up();
        assert!(used_up("a_1+0-3.efi"));
        assert!(!used_up("a_1+0.efi"));
        assert!(!used_up("a_1+1-2.efi"));
    }
}
