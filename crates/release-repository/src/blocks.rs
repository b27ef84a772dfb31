//! A version's root file system and kernel, and the versions that are published already, in; the files from which machines
//! fetch only the blocks that they lack, out: an index, a pack, and a patch where it is less than what the pack would cost.
//! Nothing is handed out that was not taken apart again first.

use std::io::{self, Read, Seek, SeekFrom, Write};

use host_tools::Progress;
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};
use release::assembly::{Assembly, AssemblyError, Source};
use release::blocks::{self, Area, Extent, Payload, ShapeError};
use release::frame::FrameError;
use release::local::Local;
use release::pack::{Pack, PackError};
use release::patch::Patch;
use release::recipe::{Present, Recipe, RecipeError};
use release::verity::{HashTree, Hasher, TreeError};
use release::{Manifest, Sha256Digest};

/// zstd's level for what is published: made once, fetched often.
pub const LEVEL: i32 = 19;

/// Frames that are compressed before any is written: what is in memory.
const FRAMES_AT_ONCE: usize = 32;

/// A version whose blocks are known.
#[derive(Debug)]
pub struct Version {
    /// Its manifest.
    pub manifest: Manifest,
    /// Its root file system.
    pub root: Vec<u8>,
    /// Its unified kernel image.
    pub kernel: Vec<u8>,
}

/// Why blocks cannot be published.
#[derive(Debug, thiserror::Error)]
pub enum BlocksError {
    /// The version has a shape that cannot be packed.
    #[error("the version cannot be packed")]
    Shape(#[from] ShapeError),
    /// It cannot be packed.
    #[error("the version cannot be packed")]
    Pack(#[from] PackError),
    /// A frame cannot be made or read.
    #[error("a part of the pack cannot be made or read")]
    Frame(#[from] FrameError),
    /// What was made, or is published, is not readable.
    #[error("the index of {0} cannot be read")]
    Recipe(String, #[source] RecipeError),
    /// It does not hold all blocks.
    #[error("the pack does not hold all blocks")]
    Assembly(#[from] AssemblyError),
    /// There is no tree over what was taken apart.
    #[error("the unpacked root file system has no hash tree")]
    Tree(#[from] TreeError),
    /// It cannot be written or read.
    #[error("the blocks cannot be written or read")]
    File(#[from] io::Error),
    /// Other bytes come out than went in.
    #[error("{what} of {version} does not come out of the pack as it should be")]
    Differs {
        /// Root file system or kernel.
        what: &'static str,
        /// Image and version.
        version: String,
    },
}

/// Writes the pack of a version and gives its index. `before` are
/// recipes of earlier versions, the newest first: blocks that they lack come first in the pack.
pub fn pack(
    version: &Version,
    before: &[Recipe],
    level: i32,
    output: &mut (impl Read + Write + Seek),
    progress: &dyn Progress,
) -> Result<Vec<u8>, BlocksError> {
    let payload = Payload::new(&version.root, &version.kernel)?;
    let pack = Pack::new(payload, &version.manifest.verity.salt, before)?;
    let lengths = write_frames("pack", pack.frames(), output, progress, |number| pack.frame(number, level))?;
    let index = pack.index(&lengths)?;
    check(version, &unpack(&version.manifest, &index, output)?)?;
    Ok(index)
}

/// The patch from one version to another, if it costs less than nine tenths of what a machine with the old one fetches by
/// the index.
pub fn patch(
    old: &Version,
    new: &Version,
    index: &[u8],
    level: i32,
    progress: &dyn Progress,
) -> Result<Option<Vec<u8>>, BlocksError> {
    if old.manifest.verity.salt != new.manifest.verity.salt {
        // No block of one is known in the other.
        return Ok(None);
    }
    let payloads = (Payload::new(&old.root, &old.kernel)?, Payload::new(&new.root, &new.kernel)?);
    let patch = Patch::new(payloads.0, payloads.1, &new.manifest.verity.salt)?;
    let mut frames = io::Cursor::new(Vec::new());
    let lengths =
        write_frames("patch", patch.frames(), &mut frames, progress, |number| patch.frame(number, level))?;
    let mut bytes = patch.head(&lengths)?;
    let head_length = bytes.len();
    bytes.extend(frames.into_inner());
    let by_index = plan(old, &new.manifest, index)?.fetched_bytes() + index.len() as u64;
    if bytes.len() as u64 * 10 >= by_index * 9 {
        return Ok(None);
    }
    let local = local(old)?;
    let named = || name(&new.manifest);
    let recipe = Recipe::from_patch(&bytes[..head_length], &new.manifest, &local)
        .map_err(|cause| BlocksError::Recipe(named(), cause))?;
    check(new, &assemble(&recipe, &local, old, &new.manifest, &mut io::Cursor::new(&bytes))?)?;
    Ok(Some(bytes))
}

/// What a machine with the old version does to have the new one by its index.
pub fn plan(old: &Version, new: &Manifest, index: &[u8]) -> Result<Assembly, BlocksError> {
    Ok(read(new, index)?.plan(&local(old)?, &Present::nothing())?)
}

/// A published version, taken out of its pack and proven by its manifest.
pub fn unpack(
    manifest: &Manifest,
    index: &[u8],
    pack: &mut (impl Read + Seek),
) -> Result<Version, BlocksError> {
    let recipe = read(manifest, index)?;
    let nothing = Version { manifest: manifest.clone(), root: Vec::new(), kernel: Vec::new() };
    let version = assemble(&recipe, &Local::nothing(), &nothing, manifest, pack)?;
    let hasher = Hasher::new(&manifest.verity.salt);
    let tree = HashTree::new(manifest.verity.salt.clone(), hasher.digests(&version.root))?;
    if tree.root_hash() != manifest.verity.root_hash {
        return Err(BlocksError::Differs { what: "the root file system", version: name(manifest) });
    }
    if Sha256Digest::of(&version.kernel) != manifest.files.kernel.sha256 {
        return Err(BlocksError::Differs { what: "the kernel", version: name(manifest) });
    }
    Ok(version)
}

/// The recipe that an index holds.
pub fn read(manifest: &Manifest, index: &[u8]) -> Result<Recipe, BlocksError> {
    Recipe::from_index(index, manifest).map_err(|cause| BlocksError::Recipe(name(manifest), cause))
}

fn write_frames(
    what: &str,
    number: usize,
    output: &mut impl Write,
    progress: &dyn Progress,
    frame: impl Fn(usize) -> Result<Vec<u8>, FrameError> + Sync,
) -> Result<Vec<u64>, BlocksError> {
    let mut lengths = Vec::with_capacity(number);
    progress.begin(what, Some(number as u64));
    for first in (0..number).step_by(FRAMES_AT_ONCE) {
        let some = first..(first + FRAMES_AT_ONCE).min(number);
        let frames: Vec<Vec<u8>> = some.into_par_iter().map(&frame).collect::<Result<_, _>>()?;
        for frame in frames {
            output.write_all(&frame)?;
            lengths.push(frame.len() as u64);
        }
        progress.advance((lengths.len() - first) as u64, "");
    }
    progress.finish(&format!("{} bytes", lengths.iter().sum::<u64>()));
    Ok(lengths)
}

/// Does in memory what a machine does in its slot.
fn assemble(
    recipe: &Recipe,
    local: &Local,
    running: &Version,
    manifest: &Manifest,
    pack: &mut (impl Read + Seek),
) -> Result<Version, BlocksError> {
    let plan = recipe.plan(local, &Present::nothing())?;
    let shape = recipe.shape();
    let root = vec![0; shape.root_blocks() as usize * BLOCK];
    let kernel = vec![0; (shape.blocks() - shape.root_blocks()) as usize * BLOCK];
    let mut new = Version { manifest: manifest.clone(), root, kernel };
    for copy in &plan.copies {
        let bytes = match &copy.from {
            Source::Running(extent) => bytes_of(running, extent),
            Source::Target(extent) => bytes_of(&new, extent),
        };
        put(&mut new, &copy.to, &bytes);
    }
    for fetch in &plan.fetches {
        pack.seek(SeekFrom::Start(fetch.range.start))?;
        let mut compressed =
            vec![0; usize::try_from(fetch.range.end - fetch.range.start).unwrap_or(usize::MAX)];
        pack.read_exact(&mut compressed)?;
        let reference: Vec<u8> =
            fetch.reference.iter().flat_map(|extent| bytes_of(running, extent)).collect();
        let decoded = fetch.decode(&compressed, &reference)?;
        for place in &fetch.places {
            put(&mut new, &place.to, &decoded[place.bytes()]);
        }
    }
    new.kernel.truncate(usize::try_from(shape.kernel_size()).unwrap_or(usize::MAX));
    Ok(new)
}

const BLOCK: usize = release::verity::BLOCK_SIZE;

/// The blocks of an extent, the last one of a kernel filled up with zeros.
fn bytes_of(version: &Version, extent: &Extent) -> Vec<u8> {
    let area = match extent.area {
        Area::Root => &version.root,
        Area::Kernel => &version.kernel,
    };
    let start = usize::try_from(extent.offset()).unwrap_or(usize::MAX).min(area.len());
    let length = extent.count as usize * BLOCK;
    let mut bytes = area[start..(start + length).min(area.len())].to_vec();
    bytes.resize(length, 0);
    bytes
}

fn put(version: &mut Version, extent: &Extent, bytes: &[u8]) {
    let area = match extent.area {
        Area::Root => &mut version.root,
        Area::Kernel => &mut version.kernel,
    };
    let start = usize::try_from(extent.offset()).unwrap_or(usize::MAX);
    area[start..start + bytes.len()].copy_from_slice(bytes);
}

fn local(version: &Version) -> Result<Local, BlocksError> {
    let salt = &version.manifest.verity.salt;
    let hasher = Hasher::new(salt);
    let tree = HashTree::new(salt.clone(), hasher.digests(&version.root))?;
    let kernel = blocks::digests(&hasher, &version.kernel);
    Ok(Local::new(&tree, version.kernel.len() as u64, &kernel)?)
}

fn check(expected: &Version, found: &Version) -> Result<(), BlocksError> {
    let differs = |what| Err(BlocksError::Differs { what, version: name(&expected.manifest) });
    if found.root != expected.root {
        return differs("the root file system");
    }
    if found.kernel != expected.kernel {
        return differs("the kernel");
    }
    Ok(())
}

fn name(manifest: &Manifest) -> String {
    format!("{} {}", manifest.image, manifest.version)
}
