//! A payload folder, as an image build leaves it, in; the version that it is and its files, proven to be what its
//! manifest says, out. Nothing is published that a machine would refuse.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use object::{Object as _, ObjectSection as _};
use release::manifest::{MANIFEST_FILE, ManifestError, PayloadFile};
use release::partition::SlotPartition;
use release::verity::{HashTree, Hasher, PartitionError, TreeError};
use release::{Manifest, Sha256Digest};
use sha2::{Digest as _, Sha256};

/// A payload whose files are what its manifest says.
#[derive(Debug)]
pub struct Payload {
    /// The manifest.
    pub manifest: Manifest,
    /// The manifest's own bytes.
    pub manifest_bytes: Vec<u8>,
    /// Whether a machine can make the hash tree's partition of the root file system alone: its superblock has the UUID of
    /// its partition, which follows from the root hash.
    pub tree_follows: bool,
    folder: PathBuf,
}

/// Why a folder is not a payload that can be published.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// A file cannot be read.
    #[error("{path} cannot be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The manifest is wrong.
    #[error("{path} is not a manifest")]
    Manifest {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: ManifestError,
    },
    /// A file is not the one that was built.
    #[error("{path} is not the file that the manifest names: {reason}; build the image again")]
    Differs {
        /// The file.
        path: PathBuf,
        /// In what it differs.
        reason: String,
    },
    /// The tree's partition is not of this root hash.
    #[error("{path} is not the hash tree of root hash {root_hash}")]
    Tree {
        /// The file.
        path: PathBuf,
        /// The root hash in the manifest.
        root_hash: Sha256Digest,
        /// Why not.
        #[source]
        cause: Box<PartitionError>,
    },
    /// There is no tree over the root file system.
    #[error("{path} has no hash tree")]
    NoTree {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: TreeError,
    },
    /// The root file system does not belong to the root hash.
    #[error("{path} has the root hash {found}, and the manifest says {stated}; build the image again")]
    RootHash {
        /// The file.
        path: PathBuf,
        /// Its root hash.
        found: Sha256Digest,
        /// The manifest's.
        stated: Sha256Digest,
    },
    /// The kernel would start another root.
    #[error("{path}: {reason}; build the image again")]
    Kernel {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

impl Payload {
    /// Reads a payload folder and everything in it.
    pub fn read(folder: &Path) -> Result<Payload, PayloadError> {
        let path = folder.join(MANIFEST_FILE);
        let manifest_bytes =
            fs::read(&path).map_err(|cause| PayloadError::Read { path: path.clone(), cause })?;
        let manifest =
            Manifest::parse(&manifest_bytes).map_err(|cause| PayloadError::Manifest { path, cause })?;
        let mut payload =
            Payload { manifest, manifest_bytes, tree_follows: false, folder: folder.to_owned() };
        let tree = payload.check_root()?;
        payload.check_tree()?;
        let uuid = SlotPartition::Verity.uuid(&tree.root_hash());
        let made = tree.partition_bytes(*uuid.as_bytes());
        payload.tree_follows = Sha256Digest::of(&made) == payload.manifest.files.verity.sha256;
        payload.check_kernel()?;
        if let Some(signature) = &payload.manifest.files.verity_signature {
            payload.read_file(signature)?;
        }
        Ok(payload)
    }

    /// Where a file of the payload is.
    pub fn path(&self, file: &PayloadFile) -> PathBuf {
        self.folder.join(file.name.as_str())
    }

    /// The root file system's digest, and the root hash of the tree over it, in one pass.
    fn check_root(&self) -> Result<HashTree, PayloadError> {
        let Manifest { files, verity, .. } = &self.manifest;
        let path = self.path(&files.root);
        let failed = |cause| PayloadError::Read { path: path.clone(), cause };
        let mut file = File::open(&path).map_err(failed)?;
        let hasher = Hasher::new(&verity.salt);
        let mut digest = Sha256::new();
        let mut leaves = Vec::new();
        let mut length = 0;
        let mut buffer = Vec::with_capacity(CHUNK);
        loop {
            buffer.clear();
            let read = file.by_ref().take(CHUNK as u64).read_to_end(&mut buffer).map_err(failed)?;
            if read == 0 {
                break;
            }
            digest.update(&buffer);
            leaves.extend(hasher.digests(&buffer));
            length += read as u64;
        }
        self.check_file(&files.root, length, Sha256Digest::from_bytes(digest.finalize().into()))?;
        let tree = HashTree::new(verity.salt.clone(), leaves)
            .map_err(|cause| PayloadError::NoTree { path: path.clone(), cause })?;
        let found = tree.root_hash();
        if found == verity.root_hash {
            Ok(tree)
        } else {
            Err(PayloadError::RootHash { path, found, stated: verity.root_hash })
        }
    }

    fn check_tree(&self) -> Result<(), PayloadError> {
        let Manifest { files, verity, .. } = &self.manifest;
        let bytes = self.read_file(&files.verity)?;
        let path = self.path(&files.verity);
        let (_, tree) = release::verity::parse(&bytes, &verity.root_hash).map_err(|cause| {
            PayloadError::Tree { path: path.clone(), root_hash: verity.root_hash, cause: Box::new(cause) }
        })?;
        let blocks = tree.leaves().len() as u64;
        if *tree.salt() != verity.salt || blocks != verity.data_blocks {
            let reason = format!("it is a tree over {blocks} blocks with another salt or number than stated");
            return Err(PayloadError::Differs { path, reason });
        }
        Ok(())
    }

    /// The kernel's command line must name the root hash: it is what the signature of the kernel proves.
    fn check_kernel(&self) -> Result<(), PayloadError> {
        let Manifest { files, verity, .. } = &self.manifest;
        let bytes = self.read_file(&files.kernel)?;
        let wrong = |reason: String| PayloadError::Kernel { path: self.path(&files.kernel), reason };
        let program = object::File::parse(&*bytes)
            .map_err(|error| wrong(format!("it is not an EFI program: {error}")))?;
        let section = program.section_by_name(".cmdline");
        let command_line = section.and_then(|section| section.data().ok());
        let command_line =
            command_line.ok_or_else(|| wrong("it has no command line (section .cmdline)".to_owned()))?;
        let text = String::from_utf8_lossy(command_line);
        let stated =
            text.trim_end_matches('\0').split_whitespace().filter_map(|word| word.strip_prefix("roothash="));
        let stated: Vec<&str> = stated.collect();
        if stated == [verity.root_hash.to_string()] {
            Ok(())
        } else {
            Err(wrong(format!(
                "its command line must have roothash={} once, and has {stated:?}",
                verity.root_hash
            )))
        }
    }

    fn read_file(&self, file: &PayloadFile) -> Result<Vec<u8>, PayloadError> {
        let path = self.path(file);
        let bytes = fs::read(&path).map_err(|cause| PayloadError::Read { path, cause })?;
        self.check_file(file, bytes.len() as u64, Sha256Digest::of(&bytes))?;
        Ok(bytes)
    }

    fn check_file(&self, file: &PayloadFile, length: u64, digest: Sha256Digest) -> Result<(), PayloadError> {
        let path = self.path(file);
        if length != file.size {
            let reason = format!("it has {length} bytes, not {}", file.size);
            return Err(PayloadError::Differs { path, reason });
        }
        if digest != file.sha256 {
            return Err(PayloadError::Differs { path, reason: format!("its SHA-256 is {digest}") });
        }
        Ok(())
    }
}

/// Whole blocks, and a megabyte of them.
const CHUNK: usize = 256 * 4096;
