//! Why a package is refused.

use std::io;
use std::path::PathBuf;

use rpm_model::header::HeaderError;
use rpm_model::{EvrError, RecordError, RichError};

/// Why a package file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("package {}", file.display())]
pub struct PackageError {
    /// The package file.
    pub file: PathBuf,
    /// What is wrong with it.
    pub source: PackageProblem,
}

/// What is wrong with a package file.
#[derive(Debug, thiserror::Error)]
pub enum PackageProblem {
    /// It cannot be opened or read.
    #[error("cannot be read")]
    Read(#[source] io::Error),
    /// Lead or headers are damaged.
    #[error("is damaged or no RPM package; fetch it again")]
    Headers(#[from] HeaderError),
    /// The headers say things that no package may say.
    #[error("describes itself wrongly")]
    Contents(#[from] ContentsError),
    /// A source package.
    #[error("is a source package, which cannot be installed into a root")]
    Source,
    /// A digest in the signature header is not that of the main header.
    #[error("has a header whose {algorithm} is {found} instead of {stated}; fetch it again")]
    HeaderDigest {
        /// Name of the algorithm.
        algorithm: &'static str,
        /// What the package states.
        stated: String,
        /// What its bytes give.
        found: String,
    },
    /// No digest that protects the header.
    #[error("has no SHA-256 digest of its header (rpm before 4.14 made it); it cannot be verified")]
    NoHeaderDigest,
    /// No digest that protects the payload.
    #[error("has no digest of its payload (rpm before 4.14 made it); it cannot be verified")]
    NoPayloadDigest,
    /// A digest in the header is not that of the payload.
    #[error("has a payload whose {algorithm} is {found} instead of {stated}; fetch it again")]
    PayloadDigest {
        /// Name of the algorithm.
        algorithm: &'static str,
        /// What the package states.
        stated: String,
        /// What its bytes give.
        found: String,
    },
    /// More comes out of the payload than there are files for.
    #[error("has a payload of more than {0} bytes, which is all that its files can have")]
    PayloadLength(u64),
    /// The signature is missing, wrong or of an unknown key.
    #[error("has no signature that the policy accepts")]
    Signature(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The payload is in an unknown format.
    #[error("has a payload of format `{0}`; only cpio is known")]
    PayloadFormat(String),
    /// The payload is compressed in an unknown way.
    #[error("has a payload compressed with `{0}`; gzip, xz, lzma, zstd, bzip2 and none are known")]
    Compressor(String),
    /// Macros in a scriptlet.
    #[error("cannot be installed: {0}")]
    Scriptlet(String),
}

/// What headers may not say.
#[derive(Debug, thiserror::Error)]
pub enum ContentsError {
    /// Name, version or architecture is missing.
    #[error(transparent)]
    Identity(#[from] RecordError),
    /// Arrays that belong together differ in length.
    #[error("header arrays {first} ({first_length}) and {second} ({second_length}) differ in length")]
    Uneven {
        /// One array.
        first: &'static str,
        /// Its length.
        first_length: usize,
        /// The other.
        second: &'static str,
        /// Its length.
        second_length: usize,
    },
    /// A file is in a directory that is not listed.
    #[error("file {file} is in directory {index}, which the header does not list")]
    DirectoryIndex {
        /// Position of the file.
        file: usize,
        /// The directory's position.
        index: u64,
    },
    /// A path that is relative or has `.` or `..` in it.
    #[error("path `{0}` is not absolute and plain")]
    UnsafePath(String),
    /// A version cannot be read.
    #[error("relation `{name}` has an unreadable version")]
    Version {
        /// The relation's name.
        name: String,
        /// What is wrong.
        source: EvrError,
    },
    /// A boolean dependency cannot be read.
    #[error("boolean dependency `{text}` cannot be read")]
    Rich {
        /// The dependency.
        text: String,
        /// What is wrong.
        source: RichError,
    },
    /// A trigger names a script that is not there.
    #[error("trigger on `{trigger}` names script {index}, which the header does not have")]
    TriggerIndex {
        /// What it triggers on.
        trigger: String,
        /// Position of the script.
        index: u64,
    },
}
