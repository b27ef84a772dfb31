//! The packages of a repository as one run of bytes that can be mapped into memory and used as it is.
//!
//! Everything is a table of little-endian 32-bit numbers or a pool of text. Names (of packages, capabilities and files) are
//! interned and found by a hash table; versions and other texts are only numbered; a distinct relation is stored once.
//! Every number is checked where it is used: damaged bytes give wrong or missing packages, never a crash.
//! Whoever keeps the bytes must prove that they are whole, by a checksum over all of them.

mod build;
mod index;
mod intern;

pub use build::{BuildError, IndexBuilder, of_records};
pub use index::{Index, IndexError};

/// Changes whenever the same packages would become other bytes: part of the key under which bytes are kept.
pub const FORMAT: u32 = 1;

/// The parts of the bytes, in order.
#[derive(Clone, Copy, Debug)]
enum Section {
    /// Text of all names.
    NameBytes,
    /// Where each name starts, and where the last one ends.
    NameStarts,
    /// Open addressing: number of the name plus one, or zero.
    NameTable,
    /// Other texts and digests.
    TextBytes,
    /// Where each text starts, and where the last one ends.
    TextStarts,
    /// Rows of [`DEPENDENCY_ROW`].
    Dependencies,
    /// Rows of [`PACKAGE_ROW`].
    Packages,
    /// For each package and kind where its list in `Relations` starts, and where the last one ends.
    RelationStarts,
    /// Numbers of dependencies, with [`PRE`].
    Relations,
    /// For each package where its list in `Files` starts, and where the last one ends.
    FileStarts,
    /// Numbers of names, with the kind above [`FILE_KIND_SHIFT`].
    Files,
    /// For each name where its list in `Providers` starts (in pairs), and where the last one ends.
    ProviderStarts,
    /// Pairs: package, and dependency or [`OWN`] or [`FILE`].
    Providers,
    /// For each name where its list in `Named` starts, and where the last one ends.
    NamedStarts,
    /// Packages by name.
    Named,
    /// Pairs, sorted: an obsoleted name, the package that obsoletes it.
    Obsoleters,
    /// Packages that supplement or enhance, in order.
    Backwards,
    /// Pairs, sorted: a path that a dependency names, the architecture (number) of a package that names it.
    Paths,
    /// Texts: architectures by number.
    Architectures,
}

impl Section {
    const COUNT: usize = Section::Architectures as usize + 1;
}

/// Numbers in the row of a dependency: name, kind, epoch, version, release.
const DEPENDENCY_ROW: usize = 5;
/// Numbers in the row of a package.
const PACKAGE_ROW: usize = 16;

/// Columns of a package's row.
#[derive(Clone, Copy, Debug)]
enum Column {
    Name,
    Epoch,
    Version,
    Release,
    Architecture,
    Vendor,
    Location,
    /// Number of the text plus one; zero where there is none.
    LocationBase,
    Digest,
    Algorithm,
    /// Low half; the high half follows, as in the next two.
    PackageSize,
    InstalledSize = 12,
    BuildTime = 14,
}

/// Kind of a dependency: every version.
const ANY: u32 = 0;
/// Kind of a dependency: boolean; its name is its text.
const RICH: u32 = 0x100;
/// Added to the kind: an epoch is stated.
const HAS_EPOCH: u32 = 0x1000;
/// Added to the kind: a release is stated.
const HAS_RELEASE: u32 = 0x2000;
/// Added to a requirement: needed before the package's scriptlets run.
const PRE: u32 = 1 << 31;
/// In place of a provided dependency: the package's own name and version, which metadata may leave out.
pub(crate) const OWN: u32 = u32::MAX;
/// In place of a provided dependency: a file.
pub(crate) const FILE: u32 = u32::MAX - 1;
/// Kinds of files are above the number of the name.
const FILE_KIND_SHIFT: u32 = 30;

/// Multiply and rotate, eight bytes at a time. Part of the format.
fn hash(bytes: &[u8]) -> u32 {
    const FACTOR: u64 = 0x517c_c1b7_2722_0a95;
    let mut state = bytes.len() as u64;
    let mut mix = |word: u64| state = (state.rotate_left(23) ^ word).wrapping_mul(FACTOR);
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        mix(u64::from_le_bytes(*word));
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    mix(u64::from_le_bytes(last));
    u32::try_from((state ^ state >> 29) >> 32).unwrap_or(0)
}
