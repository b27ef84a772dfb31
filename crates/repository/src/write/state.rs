//! What the last run saw of each package file, in and out of a file beside `repodata`; whose elements may be taken over.
//!
//! A file that has the size, both times and the inode that it had is the same file: its change time cannot be set by a program, and
//! no write leaves it as it was. Only within one tick of the clock could two writes have one time; files that young are read again.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::{self, Metadata};
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::assemble::{Identity, Piece};
use super::documents::Document;
use super::place::failed;
use super::{WriteError, WriteOptions, Written};
use crate::checksum::sha256;
use crate::metadata::compression::{limit, unfold};

/// Hidden, so that it is no part of the repository: its content is of this disk.
const NAME: &str = ".repodata.state";
/// Changes whenever the same package would get other elements.
const FORM: u32 = 1;
/// File systems tick in steps of up to two seconds.
const TICK_NANOSECONDS: i128 = 2_000_000_000;

/// What the disk says of a package file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Facts {
    size: u64,
    device: u64,
    inode: u64,
    /// Seconds and nanoseconds since 1970.
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Facts {
    pub(super) fn of(metadata: &Metadata) -> Facts {
        Facts {
            size: metadata.size(),
            device: metadata.dev(),
            inode: metadata.ino(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// In bytes.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Whether a later write would show in the times, if the file was read at `now` or later.
    fn is_settled(&self, now: (i64, i64)) -> bool {
        let nanoseconds =
            |(seconds, rest): (i64, i64)| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        nanoseconds(self.modified.max(self.changed)) + TICK_NANOSECONDS <= nanoseconds(now)
    }
}

#[derive(Serialize, Deserialize)]
struct State {
    form: u32,
    program: String,
    changelog_limit: usize,
    /// Names of the three documents; each begins with the document's SHA-256.
    documents: [String; 3],
    repomd: String,
    packages: Vec<Known>,
}

/// One package of the last run, in the order of the documents.
#[derive(Serialize, Deserialize)]
struct Known {
    identity: Identity,
    /// Absent where the file was too young to be known again.
    facts: Option<Facts>,
    /// Bytes of its elements.
    lengths: [usize; 3],
}

/// What may be taken over.
pub(super) struct Reusable {
    state: State,
    texts: [String; 3],
    by_location: HashMap<String, (usize, [usize; 3])>,
}

impl Reusable {
    /// What the last run left in the folder, if it is whole and was written by this program for these options.
    pub(super) fn load(folder: &Path, options: &WriteOptions) -> Option<Reusable> {
        let state: State = serde_json::from_slice(&fs::read(folder.join(NAME)).ok()?).ok()?;
        let ours = state.form == FORM
            && state.program == env!("CARGO_PKG_VERSION")
            && state.changelog_limit == options.changelog_limit;
        let repodata = folder.join("repodata");
        if !ours || sha256(&fs::read(repodata.join("repomd.xml")).ok()?).hex() != state.repomd {
            return None;
        }
        let read = |name: &String| {
            let bytes = fs::read(repodata.join(name)).ok()?;
            let proven = name.strip_prefix(sha256(&bytes).hex())?.starts_with('-');
            let plain = unfold(&bytes, limit(bytes.len() as u64, None)).ok()?;
            proven.then_some(String::from_utf8(plain).ok()?)
        };
        let [primary, filelists, other] = &state.documents;
        let (primary, (filelists, other)) =
            rayon::join(|| read(primary), || rayon::join(|| read(filelists), || read(other)));
        let texts = [primary?, filelists?, other?];
        let by_location = places(&state, &texts)?;
        Some(Reusable { state, texts, by_location })
    }

    /// The piece of the file at this location, if the file is as it was.
    pub(super) fn piece(&self, location: &str, facts: &Facts) -> Option<Piece<'_>> {
        let (index, starts) = self.by_location.get(location)?;
        let known = self.state.packages.get(*index).filter(|known| known.facts == Some(*facts))?;
        let mut elements = [Cow::Borrowed(""), Cow::Borrowed(""), Cow::Borrowed("")];
        for (place, element) in elements.iter_mut().enumerate() {
            *element =
                Cow::Borrowed(self.texts[place].get(starts[place]..starts[place] + known.lengths[place])?);
        }
        Some(Piece { identity: known.identity.clone(), elements })
    }
}

/// Where each package's elements start; `None` where the lengths do not fit the documents.
fn places(state: &State, texts: &[String; 3]) -> Option<HashMap<String, (usize, [usize; 3])>> {
    let mut at = Document::ALL.map(|document| document.head(state.packages.len()).len());
    let mut places = HashMap::with_capacity(state.packages.len());
    for (index, known) in state.packages.iter().enumerate() {
        places.insert(known.identity.location.clone(), (index, at));
        for (place, length) in known.lengths.iter().enumerate() {
            let end = at[place].checked_add(*length).filter(|end| texts[place].is_char_boundary(*end))?;
            let element = texts[place].get(at[place]..end)?;
            if !(element.starts_with("<package ") && element.ends_with("</package>\n")) {
                return None;
            }
            at[place] = end;
        }
    }
    let complete =
        Document::ALL.iter().zip(texts).zip(at).all(|((document, text), at)| &text[at..] == document.foot());
    complete.then_some(places)
}

/// A point in time by the clock of the disk that the folder is on: nothing here asks the machine's.
pub(super) fn now(folder: &Path) -> Result<(i64, i64), WriteError> {
    let file = tempfile::Builder::new().prefix(".repodata.").tempfile_in(folder);
    let file = file.map_err(failed("create a file in", folder))?;
    let metadata = file.as_file().metadata().map_err(failed("read", file.path()))?;
    Ok((metadata.mtime(), metadata.mtime_nsec()))
}

/// Keeps what was seen of the files of these pieces (in the order of the documents) since the time `now`.
pub(super) fn save(
    folder: &Path,
    pieces: &[Piece<'_>],
    facts: &HashMap<String, Facts>,
    (files, written): (&[(String, Vec<u8>)], &Written),
    options: &WriteOptions,
    now: (i64, i64),
) -> Result<(), WriteError> {
    let known = pieces.iter().map(|piece| Known {
        identity: piece.identity.clone(),
        facts: facts.get(&piece.identity.location).copied().filter(|facts| facts.is_settled(now)),
        lengths: [0, 1, 2].map(|place: usize| piece.elements[place].len()),
    });
    let name = |place: usize| files.get(place).map_or_else(String::new, |(name, _)| name.clone());
    let state = State {
        form: FORM,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        changelog_limit: options.changelog_limit,
        documents: [name(0), name(1), name(2)],
        repomd: written.repomd.hex().to_owned(),
        packages: known.collect(),
    };
    let place = folder.join(NAME);
    let text = serde_json::to_vec(&state).map_err(|error| failed("write", &place)(error.into()))?;
    let beside = tempfile::Builder::new().prefix(".repodata.").tempfile_in(folder);
    let mut beside = beside.map_err(failed("create a file in", folder))?;
    beside.write_all(&text).map_err(failed("write", &place))?;
    // Not synced: half a state is no state.
    beside.persist(&place).map_err(|error| failed("rename to", &place)(error.error))?;
    Ok(())
}
