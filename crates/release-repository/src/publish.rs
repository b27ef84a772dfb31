//! A payload and what is published already, in; the files of its version, ready to be named by the metadata, out.

use std::fs;
use std::io;
use std::path::PathBuf;

use host_tools::Progress;
use release::manifest::MANIFEST_FILE;
use release::recipe::Recipe;
use release::target::{INDEX_FILE, PACK_FILE, patch_file};
use release::{FileName, Manifest, Version as VersionName};
use tempfile::NamedTempFile;

use crate::blocks::{self, BlocksError, Version};
use crate::content::Entry;
use crate::folder::{Folder, FolderError};
use crate::payload::Payload;
use crate::state::Repository;

/// Recipes of this many earlier versions decide the order of a pack.
const REMEMBERED: usize = 16;

/// How to publish.
#[derive(Clone, Debug)]
pub struct Options {
    /// zstd's level.
    pub level: i32,
    /// Whether root file system, hash tree and kernel are published as they are, too.
    pub whole_files: bool,
    /// The version that a patch starts from; none for the newest before this one.
    pub patch_from: Option<VersionName>,
}

/// The files of a version, which are not published yet.
#[derive(Debug)]
pub struct Prepared {
    /// What the metadata will say of them.
    pub entries: Vec<Entry>,
    /// What they cost.
    pub sizes: Sizes,
    files: Vec<Content>,
}

/// Bytes of what machines fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// The index.
    pub index: u64,
    /// The whole pack.
    pub pack: u64,
    /// The patch, where there is one.
    pub patch: Option<u64>,
}

#[derive(Debug)]
enum Content {
    Bytes(Vec<u8>),
    Beside(PathBuf),
    Unnamed(NamedTempFile),
}

/// Why a version cannot be prepared.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The folder fails.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// Blocks cannot be published.
    #[error(transparent)]
    Blocks(#[from] BlocksError),
    /// A file of the payload cannot be read.
    #[error("{path} cannot be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// It is published, and with other content.
    #[error(
        "{image} {version} is published with another root hash or kernel; a version never changes: build a new one"
    )]
    OtherContent {
        /// The image.
        image: String,
        /// The version.
        version: VersionName,
    },
    /// There is nothing to start a patch from.
    #[error("{0} is not published with a pack; a patch cannot start from it")]
    NoPatchBase(VersionName),
    /// A published manifest is broken.
    #[error("{0} is not a manifest; restore it from a copy")]
    Manifest(String),
}

/// An earlier version, as it is published.
struct Earlier {
    manifest: Manifest,
    index: Vec<u8>,
    pack: Entry,
}

/// Makes the files of a version: manifest, signature, index, pack and patch. None where it is published already.
pub fn prepare(
    folder: &Folder,
    repository: &Repository,
    payload: &Payload,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Option<Prepared>, PublishError> {
    let manifest = &payload.manifest;
    let entries = repository.entries();
    let own = Entry::of(target(manifest, MANIFEST_FILE), &payload.manifest_bytes);
    match entries.get(&own.name) {
        Some(published) if *published == own => return Ok(None),
        Some(_) => {
            let (image, version) = (manifest.image.to_string(), manifest.version.clone());
            return Err(PublishError::OtherContent { image, version });
        }
        None => {}
    }
    let earlier = earlier(folder, repository, manifest)?;
    let recipes: Vec<Recipe> = earlier
        .iter()
        .take(REMEMBERED)
        .map(|earlier| blocks::read(&earlier.manifest, &earlier.index))
        .collect::<Result<_, _>>()?;
    let version = Version {
        manifest: manifest.clone(),
        root: read(payload.path(&manifest.files.root))?,
        kernel: read(payload.path(&manifest.files.kernel))?,
    };
    let mut pack = folder.begin_file()?;
    let index = blocks::pack(&version, &recipes, options.level, pack.as_file_mut(), progress)?;
    let patch = make_patch(folder, &earlier, &version, &index, options, progress)?;

    let mut prepared = Prepared {
        entries: Vec::new(),
        sizes: Sizes { index: index.len() as u64, pack: 0, patch: None },
        files: Vec::new(),
    };
    prepared.add(own, Content::Bytes(payload.manifest_bytes.clone()));
    let whole = [&manifest.files.root, &manifest.files.kernel].into_iter().filter(|_| options.whole_files);
    let tree = Some(&manifest.files.verity).filter(|_| options.whole_files || !payload.tree_follows);
    for file in manifest.files.verity_signature.iter().chain(tree).chain(whole) {
        let name = target(manifest, file.name.as_str());
        let entry = Entry { name, length: file.size, sha256: file.sha256 };
        prepared.add(entry, Content::Beside(payload.path(file)));
    }
    prepared.add(Entry::of(target(manifest, INDEX_FILE), &index), Content::Bytes(index));
    let entry = folder.describe(target(manifest, PACK_FILE), &pack)?;
    prepared.sizes.pack = entry.length;
    prepared.add(entry, Content::Unnamed(pack));
    if let Some((from, bytes)) = patch {
        prepared.sizes.patch = Some(bytes.len() as u64);
        let name = target(manifest, from.as_str());
        prepared.add(Entry::of(name, &bytes), Content::Bytes(bytes));
    }
    Ok(Some(prepared))
}

impl Prepared {
    fn add(&mut self, entry: Entry, content: Content) {
        self.entries.push(entry);
        self.files.push(content);
    }

    /// Puts the files where the metadata will look for them; without it, nothing is left of them.
    pub fn store(self, folder: &Folder) -> Result<(), FolderError> {
        for (entry, content) in self.entries.iter().zip(self.files) {
            match content {
                Content::Bytes(bytes) => folder.store(entry, &bytes)?,
                Content::Beside(path) => folder.store_file(entry, &path)?,
                Content::Unnamed(file) => folder.keep(entry, file)?,
            }
        }
        Ok(())
    }
}

fn make_patch(
    folder: &Folder,
    earlier: &[Earlier],
    new: &Version,
    index: &[u8],
    options: &Options,
    progress: &dyn Progress,
) -> Result<Option<(FileName, Vec<u8>)>, PublishError> {
    let base = match &options.patch_from {
        None => earlier.first(),
        Some(wanted) => {
            let found = earlier.iter().find(|earlier| earlier.manifest.version == *wanted);
            Some(found.ok_or_else(|| PublishError::NoPatchBase(wanted.clone()))?)
        }
    };
    let Some(base) = base else { return Ok(None) };
    let old = blocks::unpack(&base.manifest, &base.index, &mut folder.open_target(&base.pack)?)?;
    let patch = blocks::patch(&old, new, index, options.level, progress)?;
    Ok(patch.map(|bytes| (patch_file(&base.manifest.verity.root_hash), bytes)))
}

/// Published versions before this one that have a pack, the newest first.
fn earlier(
    folder: &Folder,
    repository: &Repository,
    manifest: &Manifest,
) -> Result<Vec<Earlier>, PublishError> {
    let entries = repository.entries();
    let mut found = Vec::new();
    let versions = repository.versions(&manifest.image, manifest.architecture);
    for version in versions.into_iter().rev().filter(|version| *version < manifest.version) {
        let name = |file: &str| {
            let file = FileName::parse(file).ok()?;
            Some(release::target::file(&manifest.image, &version, manifest.architecture, &file))
        };
        let entry = |file: &str| name(file).and_then(|name| entries.get(&name));
        let (Some(own), Some(index), Some(pack)) =
            (entry(MANIFEST_FILE), entry(INDEX_FILE), entry(PACK_FILE))
        else {
            continue;
        };
        let manifest =
            Manifest::parse(&folder.load(own)?).map_err(|_| PublishError::Manifest(own.name.clone()))?;
        found.push(Earlier { manifest, index: folder.load(index)?, pack: pack.clone() });
    }
    Ok(found)
}

fn target(manifest: &Manifest, file: &str) -> String {
    let Manifest { image, version, architecture, .. } = manifest;
    format!("{image}_{version}_{architecture}.{file}")
}

fn read(path: PathBuf) -> Result<Vec<u8>, PublishError> {
    fs::read(&path).map_err(|cause| PublishError::Read { path, cause })
}
