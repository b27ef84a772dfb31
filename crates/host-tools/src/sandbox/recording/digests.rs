//! Open files, in; SHA-256 digests of their content, out, each computed once for as long as the file stays as it is.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::sync::{Mutex, PoisonError};

use rustix::fs::Stat;
use sha2::{Digest as _, Sha256};

use crate::clock::file_time;

/// A SHA-256 digest.
pub type Digest = [u8; 32];

/// Digests of files that were read before, shared by recordings and comparisons.
#[derive(Debug, Default)]
pub struct Digests(Mutex<HashMap<(u64, u64), Known>>);

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
struct Known {
    size: i64,
    modified: (i64, u64),
    changed: (i64, u64),
    digest: Digest,
}

/// Changes within one tick of the kernel's clock can leave a file's times as they are, so that a file changed this shortly
/// before it is read is not remembered: 20 ms, in nanoseconds.
const TICK: i128 = 20_000_000;
const PIECE: usize = 128 << 10;

impl Digests {
    /// The digest, if the file was read before and is as it was.
    pub(super) fn known(&self, stat: &Stat) -> Option<Digest> {
        let known = *self.lock().get(&(stat.st_dev, stat.st_ino))?;
        (known == Known { digest: known.digest, ..state(stat, known.digest) }).then_some(known.digest)
    }

    /// Reads the file, unless it is known.
    pub(super) fn of(&self, file: &mut File, stat: &Stat) -> io::Result<Digest> {
        if let Some(digest) = self.known(stat) {
            return Ok(digest);
        }
        let started = file_time();
        let mut hasher = Sha256::new();
        let mut piece = vec![0; PIECE.min(usize::try_from(stat.st_size).unwrap_or(0).max(4096))];
        loop {
            match file.read(&mut piece) {
                Ok(0) => break,
                Ok(count) => hasher.update(&piece[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let digest = hasher.finalize().into();
        let changed = i128::from(stat.st_ctime) * 1_000_000_000 + i128::from(stat.st_ctime_nsec);
        if changed + TICK < started {
            self.lock().insert((stat.st_dev, stat.st_ino), state(stat, digest));
        }
        Ok(digest)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(u64, u64), Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn state(stat: &Stat, digest: Digest) -> Known {
    Known {
        size: stat.st_size,
        modified: (stat.st_mtime, stat.st_mtime_nsec),
        changed: (stat.st_ctime, stat.st_ctime_nsec),
        digest,
    }
}
