//! Why a repository cannot be used.

use std::io;
use std::path::PathBuf;

use crate::download::DownloadError;
use crate::metadata::XmlError;
use crate::metadata::compression::CompressionError;
use crate::metadata::filelists::FilelistsError;
use crate::openpgp::VerifyError;
use crate::source::AddressError;

/// Why a repository cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// An address cannot be used.
    #[error("repository {id}")]
    Address {
        /// The repository.
        id: String,
        /// What is wrong.
        source: AddressError,
    },
    /// Something could not be fetched.
    #[error("repository {id}")]
    Download {
        /// The repository.
        id: String,
        /// What went wrong.
        source: DownloadError,
    },
    /// Nothing proves the metadata.
    #[error(
        "repository {id} comes over plain HTTP from {url} and its metadata is not signed: name a keyring for repomd.xml.asc, \
         use https, or state that it is trusted without proof"
    )]
    Unproven {
        /// The repository.
        id: String,
        /// Where it is.
        url: String,
    },
    /// The signature of `repomd.xml` does not count.
    #[error("repository {id}")]
    Signature {
        /// The repository.
        id: String,
        /// Why.
        source: VerifyError,
    },
    /// A list of mirrors without mirrors.
    #[error("repository {id}: {url} names no mirror that can be used")]
    NoMirrors {
        /// The repository.
        id: String,
        /// The list.
        url: String,
    },
    /// A document is broken.
    #[error("repository {id}")]
    Xml {
        /// The repository.
        id: String,
        /// Where and how.
        source: XmlError,
    },
    /// File lists are broken.
    #[error("repository {id}")]
    Filelists {
        /// The repository.
        id: String,
        /// Where and how.
        source: FilelistsError,
    },
    /// A document is not in UTF-8.
    #[error("repository {id}: {name} is not UTF-8")]
    Encoding {
        /// The repository.
        id: String,
        /// The document.
        name: String,
    },
    /// A document cannot be decompressed.
    #[error("repository {id}: {name}")]
    Compression {
        /// The repository.
        id: String,
        /// The document.
        name: String,
        /// What is wrong.
        source: CompressionError,
    },
    /// A decompressed document is not what was promised.
    #[error(
        "repository {id}: {name} was decompressed to something else than repomd.xml promises: expected {expected}, got {got}"
    )]
    OpenChecksum {
        /// The repository.
        id: String,
        /// The document.
        name: String,
        /// What was promised.
        expected: String,
        /// What came out.
        got: String,
    },
    /// `repomd.xml` lists no packages.
    #[error("repository {id}: repomd.xml lists no `{kind}` metadata")]
    Missing {
        /// The repository.
        id: String,
        /// The kind that is needed.
        kind: &'static str,
    },
    /// A file of the cache cannot be read.
    #[error("repository {id}: cannot read {path}")]
    Read {
        /// The repository.
        id: String,
        /// The file.
        path: PathBuf,
        /// What the disk said.
        source: io::Error,
    },
}
