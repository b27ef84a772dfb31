//! An RPM file, in; its verified headers and what they say, out. The payload stays in the file until it is unpacked.
//!
//! Nothing of a header is used before its digest was compared and, where the policy asks for it, its signature verified.

mod contents;
mod error;
mod read;
mod verify;

#[cfg(test)]
pub(crate) mod test_contents;

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use rpm_model::header::{PackageHeaders, Tag};

pub use contents::{
    AccountSource, FileEntry, FileTrigger, FileType, PackageContents, PackageTriggers, Relation,
    RelationKind, SCRIPTLET_EXPAND, SCRIPTLET_QUERY_FORMAT, Scriptlet, ScriptletKind, ScriptletOwner,
    TriggerCondition,
};
pub use error::{ContentsError, PackageError, PackageProblem};
pub use read::{DEFAULT_TRIGGER_PRIORITY, contents, installed_contents, installed_nevra, is_plain_absolute};
pub use verify::SignaturePolicy;

use crate::payload::{Compressor, PayloadDigest};

/// A package whose headers are verified; its payload is verified when it is read.
#[derive(Clone, Debug)]
pub struct Package {
    /// The RPM file.
    pub file: std::path::PathBuf,
    /// Lead, signature header, main header.
    pub headers: PackageHeaders,
    /// What the main header says.
    pub contents: PackageContents,
    /// How the payload is packed and proved.
    pub payload: PayloadFacts,
}

/// What the verified header says of the payload.
#[derive(Clone, Debug)]
pub struct PayloadFacts {
    /// Offset in the package file.
    pub offset: u64,
    /// How it is compressed.
    pub compressor: Compressor,
    /// What its bytes must give.
    pub digest: PayloadDigest,
    /// The most plain bytes that an archive of the header's files can have.
    pub most_bytes: u64,
}

impl Package {
    /// Opens a package file, verifies its headers and reads them.
    pub fn open(file: &Path, policy: &SignaturePolicy) -> Result<Self, PackageError> {
        Package::read(file, policy).map_err(|source| PackageError { file: file.to_owned(), source })
    }

    fn read(file: &Path, policy: &SignaturePolicy) -> Result<Self, PackageProblem> {
        let opened = File::open(file).map_err(PackageProblem::Read)?;
        let headers = PackageHeaders::read(&mut BufReader::new(opened))?;
        verify::headers(&headers, policy)?;
        let is_source = headers.main.has(SOURCE_PACKAGE) || headers.main.string(Tag::ARCH) == Some("src");
        let contents = match read::contents(&headers) {
            // Files of a source package have no directory; what older rpms made says nothing else of being one.
            Err(ContentsError::UnsafePath(_)) if !headers.main.has(Tag::SOURCE_RPM) => {
                return Err(PackageProblem::Source);
            }
            _ if is_source => return Err(PackageProblem::Source),
            contents => contents?,
        };
        let payload = payload_facts(&headers, &contents.files)?;
        Ok(Package { file: file.to_owned(), headers, contents, payload })
    }

    /// Name, epoch, version, release, architecture.
    pub fn nevra(&self) -> &rpm_model::Nevra {
        &self.contents.nevra
    }

    /// This package as the owner of its scriptlets.
    pub fn owner(&self) -> ScriptletOwner<'_> {
        ScriptletOwner { nevra: self.nevra(), header: &self.headers.main }
    }
}

const SOURCE_PACKAGE: Tag = Tag(1106);

fn payload_facts(headers: &PackageHeaders, files: &[FileEntry]) -> Result<PayloadFacts, PackageProblem> {
    let main = &headers.main;
    let format = main.string(Tag::PAYLOAD_FORMAT).unwrap_or("cpio");
    if format != "cpio" {
        return Err(PackageProblem::PayloadFormat(format.to_owned()));
    }
    let compressor = match main.string(Tag::PAYLOAD_COMPRESSOR) {
        Some(name) => {
            Compressor::from_name(name).ok_or_else(|| PackageProblem::Compressor(name.to_owned()))?
        }
        None if main.has(Tag::PAYLOAD_SHA256) => Compressor::None,
        None => Compressor::Gzip,
    };
    let digest = PayloadDigest::from_header(main).ok_or(PackageProblem::NoPayloadDigest)?;
    let most_bytes = crate::payload::most_bytes(files);
    Ok(PayloadFacts { offset: headers.header_end, compressor, digest, most_bytes })
}
