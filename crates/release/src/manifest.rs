//! The manifest of an update payload: what one version of an image is made of. JSON in, `Manifest` out, and back to
//! the same bytes. Never reads the files that it names.

use serde::{Deserialize, Serialize};

use crate::{Architecture, FileName, ImageName, Sha256Digest, Version};

/// The file in a payload folder that describes the others.
pub const MANIFEST_FILE: &str = "manifest.json";
/// The form of manifests that this program writes and reads.
pub const MANIFEST_SCHEMA: u32 = 1;
/// The block of root file system, hash tree and pack in bytes.
pub const BLOCK_SIZE: u64 = 4096;

/// One version of an image: its files and how they are verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Manifest {
    /// The form of this text; a reader refuses one that it does not know.
    pub schema: u32,
    /// The image, as `IMAGE_ID` in its os-release.
    pub image: ImageName,
    /// Its version, as `IMAGE_VERSION` in its os-release.
    pub version: Version,
    /// The processor that it runs on.
    pub architecture: Architecture,
    /// Seconds since 1970 that the image's files are dated: the time of what it was made from.
    pub source_date_epoch: u64,
    /// The hash tree over the root file system.
    pub verity: Verity,
    /// The files of the payload.
    pub files: Files,
}

/// The dm-verity hash tree (SHA-256, 4096-byte blocks, superblock in its first block).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Verity {
    /// The hash of the tree's top block: `roothash=` of the kernel's command line, and the slot's partition UUIDs.
    pub root_hash: Sha256Digest,
    /// What every block is hashed after.
    pub salt: Salt,
    /// 4096-byte blocks of the root file system.
    pub data_blocks: u64,
}

/// A salt of at most 256 bytes, written in hexadecimal digits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Salt(Vec<u8>);

/// A text or a number of bytes that cannot be a salt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a salt: write an even number of hexadecimal digits, at most 512")]
pub struct WrongSalt(pub String);

/// The files of a payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Files {
    /// The root file system, as it lies in its partition.
    pub root: PayloadFile,
    /// Its hash tree with superblock, as it lies in its partition.
    pub verity: PayloadFile,
    /// The signature of the root hash, as it lies in its partition; absent where none signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verity_signature: Option<PayloadFile>,
    /// The unified kernel image, as it lies in `EFI/Linux`.
    pub kernel: PayloadFile,
}

/// A file of a payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PayloadFile {
    /// Its name in the payload folder.
    pub name: FileName,
    /// Its size in bytes.
    pub size: u64,
    /// Its digest.
    pub sha256: Sha256Digest,
}

/// Why a text is not a manifest.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Not JSON, a field is missing or has a wrong value; the cause names line and column.
    #[error("the manifest cannot be read")]
    Json(#[source] serde_json::Error),
    /// Written by a later program.
    #[error("the manifest has schema {found}, this program reads {MANIFEST_SCHEMA}; take a newer program")]
    Schema {
        /// The schema that it states.
        found: u32,
    },
    /// Its parts contradict each other.
    #[error("the manifest contradicts itself: {0}")]
    Contradiction(String),
}

impl Manifest {
    /// Reads a manifest and checks that its parts agree.
    pub fn parse(bytes: &[u8]) -> Result<Manifest, ManifestError> {
        /// Read first: a later form may differ in everything else.
        #[derive(Deserialize)]
        struct Form {
            schema: u32,
        }
        let form: Form = serde_json::from_slice(bytes).map_err(ManifestError::Json)?;
        if form.schema != MANIFEST_SCHEMA {
            return Err(ManifestError::Schema { found: form.schema });
        }
        let manifest: Manifest = serde_json::from_slice(bytes).map_err(ManifestError::Json)?;
        manifest.check()?;
        Ok(manifest)
    }

    /// The text that `parse` reads: one manifest, one text.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a manifest has only texts and numbers");
        text.push('\n');
        text
    }

    /// Tells whether the parts agree: sizes with blocks, names with each other.
    pub fn check(&self) -> Result<(), ManifestError> {
        let contradiction = |text: String| Err(ManifestError::Contradiction(text));
        let Verity { data_blocks, .. } = self.verity;
        if data_blocks == 0 || data_blocks.checked_mul(BLOCK_SIZE) != Some(self.files.root.size) {
            return contradiction(format!(
                "{} has {} bytes, and the hash tree is over {data_blocks} blocks of {BLOCK_SIZE}",
                self.files.root.name, self.files.root.size
            ));
        }
        let tree = crate::verity::partition_length(data_blocks).unwrap_or(u64::MAX);
        if self.files.verity.size != tree {
            return contradiction(format!(
                "{} has {} bytes, and the hash tree over {data_blocks} blocks has {tree}",
                self.files.verity.name, self.files.verity.size
            ));
        }
        let mut names = vec![MANIFEST_FILE];
        for file in self.files.all() {
            if names.contains(&file.name.as_str()) {
                return contradiction(format!("two files are named {}", file.name));
            }
            names.push(file.name.as_str());
            if file.size == 0 {
                return contradiction(format!("{} is empty", file.name));
            }
        }
        let label = crate::partition::label(&self.image, &self.version);
        if label.len() > crate::partition::LONGEST_LABEL {
            return contradiction(format!(
                "the partition label {label} has {} characters, and {} are possible; shorten the version",
                label.len(),
                crate::partition::LONGEST_LABEL
            ));
        }
        Ok(())
    }

    /// The name of the unified kernel image in `EFI/Linux`, without boot counter: `IMAGE_VERSION.efi`.
    pub fn kernel_file_name(&self) -> String {
        format!("{}.efi", crate::partition::label(&self.image, &self.version))
    }
}

impl Files {
    /// Every file that is there, in the order of the fields.
    pub fn all(&self) -> impl Iterator<Item = &PayloadFile> {
        [&self.root, &self.verity].into_iter().chain(&self.verity_signature).chain([&self.kernel])
    }
}

impl Salt {
    /// A salt of these bytes, at most 256.
    pub fn new(bytes: Vec<u8>) -> Result<Self, WrongSalt> {
        if bytes.len() > 256 { Err(WrongSalt(hex::encode(bytes))) } else { Ok(Salt(bytes)) }
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl TryFrom<String> for Salt {
    type Error = WrongSalt;

    fn try_from(text: String) -> Result<Self, WrongSalt> {
        let bytes = hex::decode(&text).map_err(|_| WrongSalt(text))?;
        Salt::new(bytes)
    }
}

impl From<Salt> for String {
    fn from(salt: Salt) -> String {
        hex::encode(salt.0)
    }
}
