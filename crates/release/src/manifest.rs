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

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{
  "schema": 1,
  "image": "container-host",
  "version": "2026.11.21",
  "architecture": "x86-64",
  "source-date-epoch": 1792698803,
  "verity": {
    "root-hash": "936cca8123aa31cdca5225dd7556026ba332ba426f8e2c69cbde10253e555218",
    "salt": "7177d8d9",
    "data-blocks": 101478
  },
  "files": {
    "root": {
      "name": "root.erofs",
      "size": 415653888,
      "sha256": "dfb45c7216d426cd5b8753d111be97df78a25034149f8bfb3e9794d66913b2db"
    },
    "verity": {
      "name": "root.verity",
      "size": 3284992,
      "sha256": "67fdd20b98fc3f7badc944dbba4cc888e654800d1e78dfcd82bbb6f417640c3d"
    },
    "kernel": {
      "name": "linux.efi",
      "size": 26672640,
      "sha256": "049c98dee4fbdbf6451c6a80009f1aa5e2dd6a941549dc527faf6e5c5962041a"
    }
  }
}
"#;

    #[test]
    fn a_manifest_is_written_as_it_is_read() {
        let manifest = Manifest::parse(TEXT.as_bytes()).unwrap();
        assert_eq!(manifest.to_json(), TEXT);
        assert_eq!(manifest.kernel_file_name(), "container-host_2026.11.21.efi");
        assert_eq!(manifest.files.all().count(), 3);
    }

    #[test]
    fn a_text_that_is_no_manifest_says_where_and_why() {
        let message = |from: &str, to: &str| {
            let error = Manifest::parse(TEXT.replacen(from, to, 1).as_bytes()).unwrap_err();
            let cause =
                std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            format!("{error}{cause}")
        };
        for (from, to, expected) in [
            (
                "\"schema\": 1",
                "\"schema\": 2",
                "the manifest has schema 2, this program reads 1; take a newer program",
            ),
            (
                "\"image\": \"container-host\"",
                "\"image\": \"Host\"",
                "the manifest cannot be read: `Host` is not the name of an image: write 1 to 32 lower-case letters, digits and \
                 hyphens, a letter or digit first and last at line 3 column 17",
            ),
            (
                "936cca81",
                "936CCA81",
                "the manifest cannot be read: `936CCA8123aa31cdca5225dd7556026ba332ba426f8e2c69cbde10253e555218` is not a SHA-256 \
                 digest: write 64 hexadecimal digits in lower case at line 8 column 83",
            ),
            (
                "7177d8d9",
                "717",
                "the manifest cannot be read: `717` is not a salt: write an even number of hexadecimal digits, at most 512 at line 9 \
                 column 17",
            ),
            (
                "x86-64",
                "mips",
                "the manifest cannot be read: unknown variant `mips`, expected `x86-64` or `arm64` at line 5 column 24",
            ),
            (
                "415653888",
                "-1",
                "the manifest cannot be read: invalid value: integer `-1`, expected u64 at line 15 column 16",
            ),
            (
                "\"size\": 26672640,",
                "",
                "the manifest cannot be read: missing field `size` at line 27 column 5",
            ),
        ] {
            assert_eq!(message(from, to), expected);
        }
    }
}
