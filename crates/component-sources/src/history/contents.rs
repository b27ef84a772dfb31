//! What the commits of a line hold: versions out of specs, read once and kept, and files `changelog`.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

use host_tools::git::ObjectId;
use serde::{Deserialize, Serialize};

use super::interleave::OURS;
use super::{History, Origin};
use crate::autospec::{self, AutospecError, FlagsError, HistoryContents, ReleaseFlags};
use crate::dist_git::{DistGitError, PackageHistory};
use crate::source::SourceEntry;

/// Specs of so many commits are fetched at once: those that are asked for next.
const AHEAD: usize = 64;

pub(super) struct Contents<'h> {
    history: &'h History<'h>,
    spec: &'h [u8],
    files: &'h BTreeMap<String, SourceEntry>,
    upstream: Option<PackageHistory>,
    /// Where commits of the line stand in the upstream's history.
    places: Vec<Option<usize>>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// By place in the upstream's history.
    flags: BTreeMap<usize, Result<ReleaseFlags, FlagsError>>,
    /// Specs by blob, as far as they are here.
    specs: HashMap<String, Vec<u8>>,
    /// Whether there is more than was kept.
    news: bool,
    /// What kept a commit from being read: whatever was told since then is not to be believed.
    failure: Option<DistGitError>,
}

/// What is kept of a version.
#[derive(Serialize, Deserialize)]
struct KeptFlags {
    place: usize,
    epoch_version: Option<String>,
    extra_version: Option<String>,
    snapshot: Option<String>,
    prerelease: bool,
    base: u64,
    reason: Option<String>,
}

impl<'h> Contents<'h> {
    pub(super) fn new(
        history: &'h History<'h>,
        spec: &'h [u8],
        files: &'h BTreeMap<String, SourceEntry>,
        upstream: Option<PackageHistory>,
        places: Vec<Option<usize>>,
    ) -> Contents<'h> {
        let contents = Contents { history, spec, files, upstream, places, known: Mutex::default() };
        // What cannot be read back is found out again.
        if let Some(key) = contents.key()
            && let Ok(Some(kept)) = history.dist_git.kept().read_json::<Vec<KeptFlags>>("versions", &key)
        {
            contents.lock().flags = kept.into_iter().map(KeptFlags::restored).collect();
        }
        contents
    }

    /// Keeps the versions that were found out, unless something could not be read.
    pub(super) fn keep(&self) -> Result<(), DistGitError> {
        let mut known = self.lock();
        if let Some(failure) = known.failure.take() {
            return Err(failure);
        }
        match self.key() {
            Some(key) if known.news => {
                let kept: Vec<KeptFlags> =
                    known.flags.iter().map(|(place, flags)| KeptFlags::of(*place, flags)).collect();
                Ok(self.history.dist_git.kept().write_json("versions", &key, &kept)?)
            }
            _ => Ok(()),
        }
    }

    /// Versions follow from the history of a commit, the spec's name, and how specs are read.
    fn key(&self) -> Option<String> {
        match &self.history.origin {
            Origin::Files => None,
            Origin::Upstream { commit, .. } => {
                Some(format!("{commit} {} {}", self.history.spec, self.history.reader.digest()))
            }
        }
    }

    fn read_flags(&self, place: usize) -> Result<ReleaseFlags, FlagsError> {
        let fact = |error: DistGitError| {
            let reason = error.to_string();
            if error.may_pass() {
                self.lock().failure.get_or_insert(error);
            }
            FlagsError { reason }
        };
        let Origin::Upstream { package, .. } = &self.history.origin else {
            return Err(FlagsError { reason: "there is no upstream".into() });
        };
        let spec = self.upstream_spec(place).map_err(fact)?;
        let read = |spec: &[u8], files: &BTreeMap<String, SourceEntry>| {
            self.history.reader.flags(&with_macros(spec), files)
        };
        // What comes before %prep tells the version nearly always, and the files beside it nearly never.
        let none = BTreeMap::new();
        let first = read(before_prep(&spec), &none).or_else(|_| read(&spec, &none));
        first.or_else(|_| {
            let upstream = self.upstream.as_ref().and_then(|upstream| upstream.commits.get(place));
            let id = upstream.and_then(|commit| ObjectId::parse(&commit.id));
            let Some(id) = id else { return Err(FlagsError { reason: "there is no such commit".into() }) };
            let files = self.history.dist_git.former_files(package, &id).map_err(fact)?;
            read(before_prep(&spec), &files).or_else(|_| read(&spec, &files))
        })
    }

    /// The spec of an upstream commit; the next ones are fetched along with it.
    fn upstream_spec(&self, place: usize) -> Result<Vec<u8>, DistGitError> {
        let (Some(upstream), Origin::Upstream { package, commit, .. }) =
            (&self.upstream, &self.history.origin)
        else {
            return Ok(Vec::new());
        };
        let blob = upstream.commits[place].spec.as_deref().unwrap_or_default();
        if let Some(spec) = self.lock().specs.get(blob) {
            return Ok(spec.clone());
        }
        let mut wanted: Vec<&str> = upstream.commits[place..]
            .iter()
            .take(AHEAD)
            .filter_map(|commit| commit.spec.as_deref())
            .collect();
        wanted.sort_unstable();
        wanted.dedup();
        let specs = self.history.dist_git.blobs(package, commit, &wanted)?;
        let mut known = self.lock();
        known.specs = wanted.into_iter().map(str::to_owned).zip(specs).collect();
        Ok(known.specs.get(blob).cloned().unwrap_or_default())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl HistoryContents for Contents<'_> {
    fn flags(&self, spec: &str, place: usize) -> Result<ReleaseFlags, FlagsError> {
        if spec == OURS {
            let spec = self.spec;
            let read = |spec: &[u8]| self.history.reader.flags(&with_macros(spec), self.files);
            return read(before_prep(spec)).or_else(|_| read(spec));
        }
        let Some(place) = self.places.get(place).copied().flatten() else {
            return Err(FlagsError { reason: "there is no such commit".into() });
        };
        if let Some(known) = self.lock().flags.get(&place) {
            return known.clone();
        }
        let flags = self.read_flags(place);
        let mut known = self.lock();
        known.flags.insert(place, flags.clone());
        known.news = true;
        flags
    }

    fn changelog(&self, content: &str) -> Result<Vec<u8>, AutospecError> {
        let kept = self.upstream.as_ref().and_then(|upstream| upstream.changelogs.get(content));
        if let Some(text) = kept {
            return Ok(text.clone().into_bytes());
        }
        match self.files.get("changelog") {
            Some(SourceEntry::File { bytes, .. }) => Ok(bytes.clone()),
            _ => Err(AutospecError::Contents {
                what: "the file changelog".into(),
                source: format!("there is no content {content}").into(),
            }),
        }
    }
}

fn with_macros(spec: &[u8]) -> Vec<u8> {
    [autospec::READING_MACROS.as_bytes(), spec].concat()
}

/// The lines before the first that is `%prep` alone.
fn before_prep(spec: &[u8]) -> &[u8] {
    let mut end = 0;
    for line in spec.split_inclusive(|byte| *byte == b'\n') {
        if line.trim_ascii() == b"%prep" {
            return &spec[..end];
        }
        end += line.len();
    }
    spec
}

impl KeptFlags {
    fn of(place: usize, flags: &Result<ReleaseFlags, FlagsError>) -> KeptFlags {
        let flags_or_none = flags.as_ref().ok();
        KeptFlags {
            place,
            epoch_version: flags_or_none.map(|flags| flags.epoch_version.clone()),
            extra_version: flags_or_none.and_then(|flags| flags.extra_version.clone()),
            snapshot: flags_or_none.and_then(|flags| flags.snapshot.clone()),
            prerelease: flags_or_none.is_some_and(|flags| flags.prerelease),
            base: flags_or_none.map_or(1, |flags| flags.base),
            reason: flags.as_ref().err().map(|error| error.reason.clone()),
        }
    }

    fn restored(self) -> (usize, Result<ReleaseFlags, FlagsError>) {
        let flags = match self.epoch_version {
            Some(epoch_version) => Ok(ReleaseFlags {
                epoch_version,
                extra_version: self.extra_version,
                snapshot: self.snapshot,
                prerelease: self.prerelease,
                base: self.base,
            }),
            None => Err(FlagsError { reason: self.reason.unwrap_or_default() }),
        };
        (self.place, flags)
    }
}
