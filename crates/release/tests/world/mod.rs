//! Versions in memory, their packs and patches, and a slot that plans are carried out in.

use release::assembly::{Assembly, Source};
use release::blocks::{self, Area, Extent, Payload};
use release::frame::FrameError;
use release::local::Local;
use release::manifest::{MANIFEST_SCHEMA, Salt};
use release::pack::Pack;
use release::patch::Patch;
use release::recipe::{Present, Recipe};
use release::verity::{HashTree, Hasher};
use release::{Manifest, Sha256Digest};

/// zstd's quickest.
const LEVEL: i32 = 1;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    pub root: Vec<u8>,
    pub kernel: Vec<u8>,
}

pub fn salt() -> Salt {
    Salt::new(vec![7; 32]).expect("32 bytes are few")
}

impl Version {
    pub fn payload(&self) -> Payload<'_> {
        Payload::new(&self.root, &self.kernel).expect("the root is of whole blocks")
    }

    pub fn digests(&self) -> (Vec<Sha256Digest>, Vec<Sha256Digest>) {
        let hasher = Hasher::new(&salt());
        (hasher.digests(&self.root), blocks::digests(&hasher, &self.kernel))
    }

    pub fn tree(&self) -> HashTree {
        HashTree::new(salt(), self.digests().0).expect("the root is not empty")
    }

    pub fn local(&self) -> Local {
        Local::new(&self.tree(), self.kernel.len() as u64, &self.digests().1).expect("the version is small")
    }

    fn read(&self, extent: &Extent) -> Vec<u8> {
        let area = match extent.area {
            Area::Root => &self.root,
            Area::Kernel => &self.kernel,
        };
        let mut padded = area.clone();
        padded.resize(area.len().next_multiple_of(4096), 0);
        let start = usize::try_from(extent.offset()).expect("small");
        padded[start..start + usize::try_from(extent.length()).expect("small")].to_vec()
    }

    pub fn manifest(&self) -> Manifest {
        let tree = self.tree();
        let file = |name: &str, bytes: &[u8]| serde_json::json!({"name": name, "size": bytes.len(), "sha256": Sha256Digest::of(bytes)});
        let text = serde_json::json!({
            "schema": MANIFEST_SCHEMA,
            "image": "host",
            "version": "1",
            "architecture": "x86-64",
            "source-date-epoch": 0,
            "verity": {
                "root-hash": tree.root_hash(),
                "salt": salt(),
                "data-blocks": tree.leaves().len(),
            },
            "files": {
                "root": file("root.erofs", &self.root),
                "verity": file("root.verity", &tree.partition_bytes([1; 16])),
                "kernel": file("linux.efi", &self.kernel),
            },
        });
        serde_json::from_value(text).expect("this is a manifest")
    }
}

pub struct Packed {
    pub manifest: Manifest,
    pub index: Vec<u8>,
    pub file: Vec<u8>,
}

pub fn packed(version: &Version, before: &[Recipe]) -> Packed {
    let pack = Pack::new(version.payload(), &salt(), before).expect("the version is not empty");
    let frames: Vec<Vec<u8>> =
        (0..pack.frames()).map(|number| pack.frame(number, LEVEL).expect("zstd works")).collect();
    let lengths: Vec<u64> = frames.iter().map(|frame| frame.len() as u64).collect();
    let index = pack.index(&lengths).expect("zstd works");
    Packed { manifest: version.manifest(), index, file: frames.concat() }
}

pub fn patched(old: &Version, new: &Version) -> Vec<u8> {
    let patch = Patch::new(old.payload(), new.payload(), &salt()).expect("the versions are not empty");
    let frames: Vec<Vec<u8>> =
        (0..patch.frames()).map(|number| patch.frame(number, LEVEL).expect("zstd works")).collect();
    let lengths: Vec<u64> = frames.iter().map(|frame| frame.len() as u64).collect();
    [vec![patch.head(&lengths).expect("zstd works")], frames].concat().concat()
}

/// What a host writes.
#[derive(Default)]
pub struct Slot {
    root: Vec<u8>,
    kernel: Vec<u8>,
}

impl Slot {
    pub fn apply(&mut self, plan: &Assembly, running: &Version, file: &[u8]) {
        self.try_apply(plan, running, file).expect("the frames are whole");
    }

    /// As `apply`, from a file whose frames may be damaged; what was written before stays.
    pub fn try_apply(&mut self, plan: &Assembly, running: &Version, file: &[u8]) -> Result<(), FrameError> {
        for copy in &plan.copies {
            let bytes = match &copy.from {
                Source::Running(extent) => running.read(extent),
                Source::Target(extent) => {
                    Version { root: self.root.clone(), kernel: self.kernel.clone() }.read(extent)
                }
            };
            self.write(&copy.to, &bytes);
        }
        for fetch in &plan.fetches {
            let [start, end] =
                [fetch.range.start, fetch.range.end].map(|place| usize::try_from(place).expect("small"));
            let reference: Vec<u8> = fetch.reference.iter().flat_map(|extent| running.read(extent)).collect();
            let blocks = fetch.decode(file.get(start..end).unwrap_or_default(), &reference)?;
            for place in &fetch.places {
                self.write(&place.to, &blocks[place.bytes()]);
            }
        }
        Ok(())
    }

    fn write(&mut self, to: &Extent, bytes: &[u8]) {
        let area = match to.area {
            Area::Root => &mut self.root,
            Area::Kernel => &mut self.kernel,
        };
        let start = usize::try_from(to.offset()).expect("small");
        assert_eq!(bytes.len() as u64, to.length());
        let end = start + bytes.len();
        if area.len() < end {
            area.resize(end, 0xee);
        }
        area[start..end].copy_from_slice(bytes);
    }

    /// The root hash of what was written.
    pub fn root_hash(&self) -> Sha256Digest {
        let digests = Hasher::new(&salt()).digests(&self.root);
        HashTree::new(salt(), digests).expect("something was written").root_hash()
    }

    pub fn present(&self, recipe: &Recipe) -> Present {
        let hasher = Hasher::new(&salt());
        recipe.present(&hasher.digests(&self.root), &hasher.digests(&self.kernel))
    }

    /// Whether all was written; the kernel file still has to be cut to its length.
    pub fn is(&self, version: &Version) {
        assert!(self.root == version.root, "the root file systems differ");
        assert_eq!(self.root_hash(), version.tree().root_hash());
        let (kernel, rest) = self.kernel.split_at(version.kernel.len().min(self.kernel.len()));
        assert!(kernel == version.kernel, "the kernels differ");
        assert!(rest.len() < 4096 && rest.iter().all(|byte| *byte == 0));
    }
}
