//! A package's description and contents in; the bytes of an RPM (format 4, zstd payload) out, the same every time.
//!
//! Header encoding is the `rpm` crate's. Payload and tags are written here, because its builder knows neither file trigger
//! priorities nor triggers with several paths, and keeps whole packages in memory.

mod header;
mod payload;

pub(crate) use header::{own_provides, sorted};

use std::collections::BTreeMap;
use std::io::{self, Write};

use rpm::{DependencyFlags, FileFlags};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::spool::Spool;

/// An RPM to be written.
#[derive(Debug, Default)]
pub(crate) struct RpmPackage {
    pub(crate) name: String,
    pub(crate) epoch: u32,
    pub(crate) version: String,
    pub(crate) release: String,
    pub(crate) architecture: String,
    pub(crate) summary: String,
    pub(crate) description: String,
    pub(crate) license: String,
    pub(crate) url: Option<String>,
    pub(crate) vendor: String,
    pub(crate) packager: Option<String>,
    pub(crate) group: String,
    pub(crate) source_rpm: String,
    /// Build time and time of generated files, seconds since 1970 UTC.
    pub(crate) time: u32,
    pub(crate) provides: Vec<RpmRelation>,
    pub(crate) requires: Vec<RpmRelation>,
    pub(crate) recommends: Vec<RpmRelation>,
    pub(crate) suggests: Vec<RpmRelation>,
    pub(crate) enhances: Vec<RpmRelation>,
    pub(crate) conflicts: Vec<RpmRelation>,
    pub(crate) obsoletes: Vec<RpmRelation>,
    /// Files by absolute path.
    pub(crate) files: BTreeMap<String, RpmEntry>,
    /// Provides that a file causes (users of a sysusers file): path to relations, each also among `provides`.
    pub(crate) file_provides: BTreeMap<String, Vec<RpmRelation>>,
    pub(crate) scriptlets: BTreeMap<ScriptletKind, Script>,
    pub(crate) file_triggers: Vec<FileTrigger>,
}

/// A dependency as RPM headers hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RpmRelation {
    pub(crate) name: String,
    pub(crate) flags: DependencyFlags,
    pub(crate) version: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RpmEntry {
    pub(crate) kind: RpmEntryKind,
    pub(crate) mode: u16,
    pub(crate) owner: String,
    pub(crate) group: String,
    pub(crate) modified: u32,
    pub(crate) flags: FileFlags,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RpmEntryKind {
    Directory,
    /// Bytes among the package's contents.
    Stored {
        offset: u64,
        size: u64,
        sha256: [u8; 32],
    },
    /// Bytes made by the conversion.
    Made(Vec<u8>),
    Symlink(String),
    /// Another name of the entry at this path.
    HardLink(String),
    Device {
        block: bool,
        major: u8,
        minor: u8,
    },
    Fifo,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ScriptletKind {
    Pretrans,
    Pre,
    Post,
    Preun,
    Postun,
    Posttrans,
}

/// A script and what runs it: a path, or `<lua>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Script {
    pub(crate) interpreter: String,
    pub(crate) body: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileTrigger {
    pub(crate) kind: TriggerKind,
    pub(crate) priority: u32,
    pub(crate) paths: Vec<String>,
    pub(crate) script: Script,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TriggerKind {
    FileTriggerIn,
    FileTriggerUn,
    FileTriggerPostUn,
    TransFileTriggerIn,
    TransFileTriggerUn,
    TransFileTriggerPostUn,
}

/// Size and checksum of a written RPM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) size: u64,
    pub(crate) sha256: String,
}

/// Why an RPM could not be written.
#[derive(Debug, Error)]
pub enum RpmWriteError {
    /// The header could not be encoded.
    #[error("the RPM header cannot be encoded")]
    Header(#[from] rpm::Error),
    /// Disk or compressor failed.
    #[error("the RPM cannot be written")]
    Write(#[from] io::Error),
    /// A hard link leads nowhere.
    #[error("{path} is a hard link to {to}, which is not in the package")]
    HardLink {
        /// The link.
        path: String,
        /// Its target.
        to: String,
    },
}

impl RpmRelation {
    pub(crate) fn any(name: impl Into<String>) -> Self {
        Self { name: name.into(), flags: DependencyFlags::ANY, version: String::new() }
    }

    pub(crate) fn versioned(
        name: impl Into<String>,
        flags: DependencyFlags,
        version: impl Into<String>,
    ) -> Self {
        Self { name: name.into(), flags, version: version.into() }
    }

    pub(crate) fn with(mut self, flags: DependencyFlags) -> Self {
        self.flags |= flags;
        self
    }
}

impl RpmPackage {
    /// `[epoch:]version-release`.
    pub(crate) fn evr(&self) -> String {
        let epoch = if self.epoch == 0 { String::new() } else { format!("{}:", self.epoch) };
        format!("{epoch}{}-{}", self.version, self.release)
    }

    /// `name-version-release.arch.rpm`.
    pub(crate) fn file_name(&self) -> String {
        format!("{}-{}-{}.{}.rpm", self.name, self.version, self.release, self.architecture)
    }

    /// Writes the RPM; `contents` holds the bytes of stored entries.
    pub(crate) fn write(&self, contents: &Spool, out: &mut dyn Write) -> Result<Written, RpmWriteError> {
        let payload = payload::write(self, contents)?;
        let head = header::encode(self, &payload)?;
        let mut hash = Sha256::new();
        let mut put = |bytes: &[u8]| -> io::Result<()> {
            hash.update(bytes);
            out.write_all(bytes)
        };
        put(&head)?;
        let length = payload.compressed.length();
        payload.compressed.read(0, length, &mut put)?;
        Ok(Written { size: head.len() as u64 + length, sha256: hex::encode(hash.finalize()) })
    }
}
