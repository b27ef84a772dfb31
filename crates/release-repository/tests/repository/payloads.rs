//! Payload folders that are right, and ones that a machine would refuse.

use std::fs;
use std::path::{Path, PathBuf};

use release::manifest::{Files, PayloadFile, Salt, Verity};
use release::partition::SlotPartition;
use release::verity::{HashTree, Hasher};
use release::{Architecture, FileName, ImageName, Manifest, Sha256Digest, Version};
use release_repository::payload::Payload;

use crate::world::chain;

/// A payload folder that a test can spoil.
pub struct PayloadFolder(tempfile::TempDir);

impl PayloadFolder {
    /// Version 1 of three blocks, and a kernel with this command line.
    fn new(command_line: impl Fn(&str) -> String) -> PayloadFolder {
        PayloadFolder::with("1", &[0, 1, 2], command_line)
    }

    /// A version with these blocks: equal numbers are equal blocks, which do not compress.
    pub fn of_version(version: &str, blocks: &[u32]) -> PayloadFolder {
        PayloadFolder::with(version, blocks, right)
    }

    fn with(version: &str, blocks: &[u32], command_line: impl Fn(&str) -> String) -> PayloadFolder {
        let folder = tempfile::tempdir().unwrap();
        let root: Vec<u8> = blocks.iter().flat_map(|number| block(*number)).collect();
        let salt = Salt::new(b"salt".to_vec()).unwrap();
        let tree = HashTree::new(salt.clone(), Hasher::new(&salt).digests(&root)).unwrap();
        let root_hash = tree.root_hash();
        let file = |name: &str, bytes: &[u8]| {
            fs::write(folder.path().join(name), bytes).unwrap();
            let name = FileName::parse(name).unwrap();
            PayloadFile { name, size: bytes.len() as u64, sha256: Sha256Digest::of(bytes) }
        };
        let manifest = Manifest {
            schema: 1,
            image: ImageName::parse("host").unwrap(),
            version: Version::parse(version).unwrap(),
            architecture: Architecture::X86_64,
            source_date_epoch: 1,
            verity: Verity { root_hash, salt, data_blocks: blocks.len() as u64 },
            files: Files {
                root: file("root.erofs", &root),
                verity: file(
                    "root.verity",
                    &tree.partition_bytes(*SlotPartition::Verity.uuid(&root_hash).as_bytes()),
                ),
                verity_signature: Some(file("root.verity-sig", b"{}")),
                kernel: file("linux.efi", &program(&command_line(&root_hash.to_string()))),
            },
        };
        fs::write(folder.path().join("manifest.json"), manifest.to_json()).unwrap();
        PayloadFolder(folder)
    }

    pub fn read(&self) -> Payload {
        Payload::read(self.0.path()).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The manifest with a change, as it is written.
    fn restate(&self, change: impl FnOnce(&mut Manifest)) {
        let mut manifest = Manifest::parse(&fs::read(self.path("manifest.json")).unwrap()).unwrap();
        change(&mut manifest);
        fs::write(self.path("manifest.json"), manifest.to_json()).unwrap();
    }

    /// A file with a change, and the manifest that states it as it is.
    pub fn rewrite(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = fs::read(self.path(name)).unwrap();
        change(&mut bytes);
        fs::write(self.path(name), &bytes).unwrap();
        self.restate(|manifest| {
            let Files { root, verity, kernel, .. } = &mut manifest.files;
            let file = [root, verity, kernel].into_iter().find(|file| file.name.as_str() == name).unwrap();
            (file.size, file.sha256) = (bytes.len() as u64, Sha256Digest::of(&bytes));
        });
    }

    fn problem(&self) -> String {
        let folder = format!("{}/", self.0.path().display());
        chain(&Payload::read(self.0.path()).unwrap_err()).replace(&folder, "")
    }
}

/// Bytes that no compressor makes less of, the same for the same number. A block of 1000 and more is the one of the number
/// below, a little changed.
fn block(number: u32) -> Vec<u8> {
    if number >= 1000 {
        let mut changed = block(number % 1000);
        changed[100] ^= 1;
        return changed;
    }
    let mut state = u64::from(number) + 1;
    let next = std::iter::repeat_with(move || {
        // Marsaglia's xorshift.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    next.skip(20).flatten().take(4096).collect()
}

/// An EFI program that does nothing, with a command line.
fn program(command_line: &str) -> Vec<u8> {
    let mut bytes = vec![0; 0x40 + 24 + 240 + 40];
    bytes[..2].copy_from_slice(b"MZ");
    bytes[0x3c] = 0x40;
    bytes[0x40..0x44].copy_from_slice(b"PE\0\0");
    bytes[0x44..0x46].copy_from_slice(&0x8664_u16.to_le_bytes());
    bytes[0x46] = 1;
    bytes[0x54] = 240;
    let optional = 0x40 + 24;
    bytes[optional..optional + 2].copy_from_slice(&0x20b_u16.to_le_bytes());
    bytes[optional + 108] = 16;
    let section = optional + 240;
    let (offset, length) = (section + 40, command_line.len());
    bytes[section..section + 8].copy_from_slice(b".cmdline");
    for (field, value) in [(8, length), (12, 0x1000), (16, length), (20, offset)] {
        let value = u32::try_from(value).unwrap();
        bytes[section + field..section + field + 4].copy_from_slice(&value.to_le_bytes());
    }
    bytes.extend(command_line.as_bytes());
    bytes
}

fn right(root_hash: &str) -> String {
    format!("quiet roothash={root_hash} gpt\0")
}

#[test]
fn a_right_payload_is_read_with_all_its_files() {
    let folder = PayloadFolder::new(right);
    let payload = Payload::read(folder.0.path()).unwrap();
    let files: Vec<PathBuf> = payload.manifest.files.all().map(|file| payload.path(file)).collect();
    let names = ["root.erofs", "root.verity", "root.verity-sig", "linux.efi"];
    assert_eq!(files, names.map(|name| folder.path(name)));
}

#[test]
fn a_file_that_changed_after_the_build_is_refused() {
    for name in ["root.erofs", "root.verity", "root.verity-sig", "linux.efi"] {
        let folder = PayloadFolder::new(right);
        let mut bytes = fs::read(folder.path(name)).unwrap();
        bytes.push(0);
        fs::write(folder.path(name), &bytes).unwrap();
        let (found, stated) = (bytes.len(), bytes.len() - 1);
        let expected = format!(
            "{name} is not the file that the manifest names: it has {found} bytes, not {stated}; build the image again"
        );
        assert_eq!(folder.problem(), expected);
        bytes.pop();
        bytes[0] ^= 1;
        fs::write(folder.path(name), &bytes).unwrap();
        let digest = Sha256Digest::of(&bytes);
        let expected = format!(
            "{name} is not the file that the manifest names: its SHA-256 is {digest}; build the image again"
        );
        assert_eq!(folder.problem(), expected);
        fs::remove_file(folder.path(name)).unwrap();
        assert_eq!(
            folder.problem(),
            format!("{name} cannot be read: No such file or directory (os error 2)")
        );
    }
}

/// Files that are as stated, and would still not start.
#[test]
fn a_payload_that_no_machine_could_start_is_refused() {
    let folder = PayloadFolder::new(right);
    let root_hash = Payload::read(folder.0.path()).unwrap().manifest.verity.root_hash;
    folder.rewrite("root.erofs", |bytes| bytes[9] ^= 1);
    let problem = folder.problem();
    assert!(problem.starts_with("root.erofs has the root hash "), "{problem}");
    assert!(
        problem.ends_with(&format!(", and the manifest says {root_hash}; build the image again")),
        "{problem}"
    );

    let folder = PayloadFolder::new(right);
    folder.rewrite("root.verity", |bytes| bytes[4096 + 3] ^= 1);
    let problem = folder.problem();
    assert!(
        problem.starts_with(&format!("root.verity is not the hash tree of root hash {root_hash}: ")),
        "{problem}"
    );

    let expected = |found: &str| {
        format!(
            "linux.efi: its command line must have roothash={root_hash} once, and has {found}; build the image again"
        )
    };
    let twice = |hash: &str| format!("roothash={hash} roothash={}", hash.replace('a', "b"));
    for (folder, found) in [
        (PayloadFolder::new(|_| "quiet".to_owned()), "[]".to_owned()),
        (PayloadFolder::new(|_| "roothash=00".to_owned()), r#"["00"]"#.to_owned()),
        (
            PayloadFolder::new(twice),
            format!(r#"["{root_hash}", "{}"]"#, root_hash.to_string().replace('a', "b")),
        ),
    ] {
        assert_eq!(folder.problem(), expected(&found));
    }
    let folder = PayloadFolder::new(right);
    folder.rewrite("linux.efi", |bytes| bytes.truncate(100));
    assert!(folder.problem().starts_with("linux.efi: it is not an EFI program: "), "{}", folder.problem());
    let folder = PayloadFolder::new(right);
    folder.rewrite("linux.efi", |bytes| bytes[0x40 + 24 + 240] = b'x');
    assert_eq!(
        folder.problem(),
        "linux.efi: it has no command line (section .cmdline); build the image again"
    );
}

#[test]
fn a_manifest_that_contradicts_itself_says_how() {
    let problem = |change: &dyn Fn(&mut Manifest)| {
        let folder = PayloadFolder::new(right);
        folder.restate(change);
        folder.problem()
    };
    let prefix = "manifest.json is not a manifest: the manifest contradicts itself: ";
    for (change, message) in [
        (
            &(|manifest: &mut Manifest| manifest.verity.data_blocks = 4) as &dyn Fn(&mut Manifest),
            "root.erofs has 12288 bytes, and the hash tree is over 4 blocks of 4096",
        ),
        (
            &|manifest| manifest.verity.data_blocks = u64::MAX,
            "root.erofs has 12288 bytes, and the hash tree is over 18446744073709551615 blocks of 4096",
        ),
        (
            &|manifest| manifest.files.verity.size = 4096,
            "root.verity has 4096 bytes, and the hash tree over 3 blocks has 8192",
        ),
        (
            &|manifest| manifest.files.kernel.name = manifest.files.root.name.clone(),
            "two files are named root.erofs",
        ),
        (
            &|manifest| manifest.files.kernel.name = FileName::parse("manifest.json").unwrap(),
            "two files are named manifest.json",
        ),
        (&|manifest| manifest.files.kernel.size = 0, "linux.efi is empty"),
        (
            &|manifest| {
                manifest.image = ImageName::parse("a-very-long-name-of-an-image").unwrap();
                manifest.version = Version::parse("2026.11.21").unwrap();
            },
            "the partition label a-very-long-name-of-an-image_2026.11.21 has 39 characters, and 36 are possible; shorten the version",
        ),
    ] {
        assert_eq!(problem(change), format!("{prefix}{message}"));
    }
    let folder = PayloadFolder::new(right);
    let text = fs::read_to_string(folder.path("manifest.json")).unwrap();
    fs::write(folder.path("manifest.json"), text.replace("\"root.erofs\"", "\"../root.erofs\"")).unwrap();
    assert_eq!(
        folder.problem(),
        "manifest.json is not a manifest: the manifest cannot be read: `../root.erofs` is not the name of a file of a payload: write 1 to 64 letters, digits, dots, hyphens and underscores, a letter or digit first at line 14 column 29"
    );
    assert!(Payload::read(Path::new("/nonexistent")).is_err());
}
