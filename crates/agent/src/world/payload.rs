//! Versions for tests: a file system of few blocks, most of which other versions have too, its tree, and a kernel.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use release::blocks;
use release::manifest::{Files, PayloadFile, Salt, Verity};
use release::pack::Pack;
use release::patch::Patch;
use release::verity::Leaves;
use release::{Architecture, FileName, ImageName, Manifest, Sha256Digest, Version};

use crate::situation::Running;
use crate::source::{Sink, Source, SourceError};

/// All bytes of a version.
#[derive(Clone)]
pub(crate) struct Payload {
    pub(crate) manifest: Manifest,
    pub(crate) root: Vec<u8>,
    pub(crate) verity: Vec<u8>,
    pub(crate) kernel: Vec<u8>,
}

impl Payload {
    /// A version of 20 blocks, four of which are its own.
    pub(crate) fn new(version: &str) -> Self {
        let root: Vec<u8> = (0_u8..20)
            .flat_map(|block| {
                let mut bytes = vec![block; 4096];
                if block % 5 == 3 {
                    bytes[..version.len()].copy_from_slice(version.as_bytes());
                }
                bytes
            })
            .collect();
        let salt = Salt::new(vec![5; 32]).unwrap();
        let mut leaves = Leaves::new(salt.clone());
        leaves.push(&root);
        let tree = leaves.finish().unwrap();
        let verity = tree.partition_bytes([9; 16]);
        let root_hash = tree.root_hash();
        let mut kernel = format!("kernel of {version} roothash={root_hash}\n").into_bytes();
        kernel.resize(5000, 0x90);
        let file = |name: &str, bytes: &[u8]| PayloadFile {
            name: FileName::parse(name).unwrap(),
            size: bytes.len() as u64,
            sha256: Sha256Digest::of(bytes),
        };
        let manifest = Manifest {
            schema: release::manifest::MANIFEST_SCHEMA,
            image: ImageName::parse("host").unwrap(),
            version: Version::parse(version).unwrap(),
            architecture: Architecture::X86_64,
            source_date_epoch: 0,
            verity: Verity { root_hash, salt, data_blocks: 20 },
            files: Files {
                root: file("root.erofs", &root),
                verity: file("root.verity", &verity),
                verity_signature: None,
                kernel: file("linux.efi", &kernel),
            },
        };
        manifest.check().unwrap();
        Payload { manifest, root, verity, kernel }
    }

    pub(crate) fn label(&self) -> String {
        release::partition::label(&self.manifest.image, &self.manifest.version)
    }

    pub(crate) fn running(&self) -> Running {
        Running {
            image: self.manifest.image.clone(),
            version: self.manifest.version.clone(),
            architecture: self.manifest.architecture,
            root_hash: self.manifest.verity.root_hash,
        }
    }

    /// A source with the index and the pack of this version, and a patch for hosts that run `old`.
    pub(crate) fn packed(&self, old: Option<&Payload>) -> Memory {
        let blocks =
            |payload: &Payload| -> (Vec<u8>, Vec<u8>) { (payload.root.clone(), payload.kernel.clone()) };
        let (root, kernel) = blocks(self);
        let salt = &self.manifest.verity.salt;
        let pack = Pack::new(blocks::Payload::new(&root, &kernel).unwrap(), salt, &[]).unwrap();
        let frames: Vec<Vec<u8>> = (0..pack.frames()).map(|number| pack.frame(number, 3).unwrap()).collect();
        let lengths: Vec<u64> = frames.iter().map(|frame| frame.len() as u64).collect();
        let mut source = self.source();
        source.files.insert("blocks.index".to_owned(), pack.index(&lengths).unwrap());
        source.files.insert("blocks.pack".to_owned(), frames.concat());
        if let Some(old) = old {
            let (old_root, old_kernel) = blocks(old);
            let old_blocks = blocks::Payload::new(&old_root, &old_kernel).unwrap();
            let patch = Patch::new(old_blocks, blocks::Payload::new(&root, &kernel).unwrap(), salt).unwrap();
            let frames: Vec<Vec<u8>> =
                (0..patch.frames()).map(|number| patch.frame(number, 3).unwrap()).collect();
            let lengths: Vec<u64> = frames.iter().map(|frame| frame.len() as u64).collect();
            let file = [patch.head(&lengths).unwrap(), frames.concat()].concat();
            let root_hash = old.manifest.verity.root_hash.to_string();
            source.files.insert(format!("patch-{}", &root_hash[..32]), file);
        }
        source
    }

    pub(crate) fn source(&self) -> Memory {
        let files = [("root.erofs", &self.root), ("root.verity", &self.verity), ("linux.efi", &self.kernel)];
        let files = files.map(|(name, bytes)| (name.to_owned(), bytes.clone()));
        Memory { files: files.into(), asked: BTreeMap::new(), missing: BTreeSet::new() }
    }
}

/// Files in memory, and how many bytes of each were asked for.
pub(crate) struct Memory {
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    pub(crate) asked: BTreeMap<String, u64>,
    /// Files that the release has and the server has not.
    pub(crate) missing: BTreeSet<String>,
}

impl Memory {
    fn file(&self, name: &str) -> Result<&Vec<u8>, SourceError> {
        if self.missing.contains(name) {
            let source = std::io::Error::from(std::io::ErrorKind::NotFound).into();
            return Err(SourceError::Unavailable { name: name.to_owned(), code: "download.missing", source });
        }
        self.files.get(name).ok_or_else(|| SourceError::NoSuchFile { name: name.to_owned() })
    }
}

impl Source for Memory {
    fn whole(&mut self, name: &str) -> Result<Vec<u8>, SourceError> {
        let file = self.file(name)?.clone();
        *self.asked.entry(name.to_owned()).or_default() += file.len() as u64;
        Ok(file)
    }

    fn ranges(&mut self, name: &str, ranges: &[Range<u64>], sink: &mut Sink<'_>) -> Result<(), SourceError> {
        let file = self.file(name)?.clone();
        for range in ranges {
            let (start, end) = (usize::try_from(range.start).unwrap(), usize::try_from(range.end).unwrap());
            *self.asked.entry(name.to_owned()).or_default() += range.end - range.start;
            let Some(bytes) = file.get(start..end) else {
                let source = std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into();
                return Err(SourceError::Unavailable {
                    name: name.to_owned(),
                    code: "download.range",
                    source,
                });
            };
            // Pieces that end within blocks.
            for (number, piece) in bytes.chunks(1500).enumerate() {
                let offset = range.start + number as u64 * 1500;
                sink(offset, piece).map_err(|source| SourceError::Sink { name: name.to_owned(), source })?;
            }
        }
        Ok(())
    }
}
