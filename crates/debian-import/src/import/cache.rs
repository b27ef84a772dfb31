//! Conversions done before, by everything that went into them.
//!
//! `key/<sha256 of the inputs>.json` says which RPM came out, `rpm/<sha256>.rpm` is that RPM. The RPM is written beside and renamed
//! before the key is; both are compared with the RPM's checksum on every use, so neither a kill nor a power cut can do harm.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{ImportError, ImportedPackage, Job, convert, disk};
use crate::convert::{CONVERTER, ConvertError};
use crate::overrides::Overrides;

/// The folder of converted packages.
pub(super) struct RpmCache {
    root: PathBuf,
}

/// Why a conversion has no result.
pub(super) enum ConvertOrDisk {
    Convert(Box<ConvertError>),
    Disk(ImportError),
}

impl From<ImportError> for ConvertOrDisk {
    fn from(error: ImportError) -> Self {
        Self::Disk(error)
    }
}

impl RpmCache {
    pub(super) fn open(root: &Path) -> Result<Self, ImportError> {
        for folder in ["key", "rpm"] {
            let folder = root.join(folder);
            fs::create_dir_all(&folder).map_err(disk("create", &folder))?;
        }
        Ok(Self { root: root.to_owned() })
    }

    /// Waits until no other import uses the folder; the lock ends with the file.
    pub(super) fn lock(&self) -> Result<File, ImportError> {
        let path = self.root.join("lock");
        let file = File::create(&path).map_err(disk("create", &path))?;
        file.lock().map_err(disk("lock", &path))?;
        Ok(file)
    }

    pub(super) fn rpm_path(&self, sha256: &str) -> PathBuf {
        rpm_path(&self.root, sha256)
    }

    /// The result of an earlier conversion, if it is sound.
    pub(super) fn find(
        &self,
        job: &Job,
        overrides: &Overrides,
    ) -> Result<Option<ImportedPackage>, ImportError> {
        let path = self.key_path(job, overrides);
        let Ok(text) = fs::read(&path) else { return Ok(None) };
        // A damaged memory is no memory.
        let Ok(mut package) = serde_json::from_slice::<ImportedPackage>(&text) else { return Ok(None) };
        let rpm = self.rpm_path(&package.rpm_sha256);
        match hash(&rpm) {
            Ok((sha256, size)) if sha256 == package.rpm_sha256 && size == package.rpm_size => {
                package.deb.clone_from(&job.path);
                Ok(Some(package))
            }
            Ok(_) => {
                fs::remove_file(&rpm).map_err(disk("remove the damaged", &rpm))?;
                Ok(None)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(disk("read", &rpm)(error)),
        }
    }

    /// Converts the `.deb` at `deb` and remembers the result.
    pub(super) fn convert(
        &self,
        job: &Job,
        deb: &Path,
        overrides: &Overrides,
    ) -> Result<ImportedPackage, ConvertOrDisk> {
        let failed = |error: ConvertError| ConvertOrDisk::Convert(Box::new(error));
        let converted = convert(&job.name, deb, &job.facts, overrides).map_err(failed)?;
        let folder = self.root.join("rpm");
        let beside = tempfile::NamedTempFile::new_in(&folder).map_err(disk("create a file in", &folder))?;
        let mut out = BufWriter::with_capacity(1 << 20, beside);
        let written = converted.write(&mut out).map_err(|error| failed(error.into()))?;
        let path = self.rpm_path(&written.sha256);
        let beside = out.into_inner().map_err(|error| disk("write", &path)(error.into_error()))?;
        persist(beside, &path)?;
        let package = ImportedPackage {
            name: job.name.clone(),
            nevra: converted.nevra(),
            rpm: converted.file_name(),
            rpm_sha256: written.sha256,
            rpm_size: written.size,
            deb: job.path.clone(),
            deb_sha256: job.sha256.clone(),
            deb_size: job.size,
            facts: job.facts.to_string(),
        };
        let key = self.key_path(job, overrides);
        let folder = self.root.join("key");
        let mut beside =
            tempfile::NamedTempFile::new_in(&folder).map_err(disk("create a file in", &folder))?;
        let text = serde_json::to_vec(&package).map_err(io::Error::other);
        text.and_then(|text| beside.write_all(&text)).map_err(disk("write", &key))?;
        persist(beside, &key)?;
        Ok(package)
    }

    fn key_path(&self, job: &Job, overrides: &Overrides) -> PathBuf {
        let inputs = [
            CONVERTER,
            env!("CARGO_PKG_VERSION"),
            // Another release of the compressor may give other bytes.
            zstd::zstd_safe::version_string(),
            &job.name,
            &job.sha256,
            &overrides.digest(&job.name),
            &job.facts.to_string(),
        ];
        let key = hex::encode(Sha256::digest(inputs.join("\n")));
        self.root.join("key").join(format!("{key}.json"))
    }
}

pub(super) fn rpm_path(root: &Path, sha256: &str) -> PathBuf {
    root.join("rpm").join(format!("{sha256}.rpm"))
}

/// Gives a finished file its name; read-only, because repositories are made of links to it.
fn persist(beside: tempfile::NamedTempFile, path: &Path) -> Result<(), ImportError> {
    let permissions = fs::Permissions::from_mode(0o444);
    beside.as_file().set_permissions(permissions).map_err(disk("write", path))?;
    beside.persist(path).map_err(|error| disk("rename to", path)(error.error))?;
    Ok(())
}

fn hash(path: &Path) -> io::Result<(String, u64)> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    let mut size = 0;
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok((hex::encode(hash.finalize()), size));
        }
        hash.update(&buffer[..count]);
        size += count as u64;
    }
}
