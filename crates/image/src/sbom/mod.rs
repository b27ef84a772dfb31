//! The packages of an image in; what is in it as data out: SPDX 2.3, CycloneDX 1.6 and a plain list.
//! Nothing here reads a disk.

mod cyclonedx;
mod license;
mod spdx;

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::tree::{Entry, PathOutsideTree, Tree, TreePath};

/// Where an image keeps them.
const FOLDER: &str = "usr/share/sbom";
/// UUIDs of documents are of this namespace.
const NAMESPACE: Uuid = uuid::uuid!("6d0f9a38-51c2-4f0e-9f11-6f2e1c9d7a55");

/// What an image is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BillOfMaterials {
    /// Name of the image.
    pub image: String,
    /// Version of the image.
    pub version: String,
    /// The `ID` of its os-release.
    pub distribution: String,
    /// Name and version of the program that made it, such as `lazuli-0.1.0`.
    pub tool: String,
    /// Seconds since 1970 that stand for the time of its making.
    pub source_date_epoch: u64,
    /// Its packages, sorted by name.
    pub packages: Vec<Package>,
    /// Programs that came with no package, sorted by name.
    pub programs: Vec<Program>,
}

/// A program that came with no package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Program {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of the file in hexadecimal.
    pub sha256: String,
}

/// One package of an image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Package {
    /// Name.
    pub name: String,
    /// Epoch, if it has one.
    pub epoch: Option<u64>,
    /// Version.
    pub version: String,
    /// Release.
    pub release: String,
    /// Architecture.
    pub architecture: String,
    /// What it says of its licence: an SPDX expression or free text; empty when it says nothing.
    pub license: String,
    /// One line.
    pub summary: String,
    /// Where its project is; empty when it does not say.
    pub url: String,
    /// File name of the source package; empty when it does not say.
    pub source_package: String,
    /// SHA-256 of the package file in hexadecimal, if it is known.
    pub sha256: Option<String>,
    /// The package of another distribution that it was converted from.
    pub converted_from: Option<Origin>,
}

/// A package of another format that a package was converted from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Origin {
    /// Its package URL (purl), by which vulnerability data know it.
    pub purl: String,
    /// SHA-256 of its file in hexadecimal.
    pub sha256: String,
}

/// A document and the name of its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Name of the file, such as `server.spdx.json`.
    pub name: String,
    /// JSON, ending in a line feed.
    pub text: String,
}

impl BillOfMaterials {
    /// The documents: SPDX 2.3, CycloneDX 1.6 and a list of packages.
    pub fn documents(&self) -> Vec<Document> {
        let document = |kind: &str, value: &serde_json::Value| Document {
            name: format!("{}.{kind}.json", self.image),
            text: format!("{value:#}\n"),
        };
        vec![
            document("spdx", &spdx::document(self)),
            document("cdx", &cyclonedx::document(self)),
            document("packages", &list(self)),
        ]
    }

    /// Puts the documents into an image.
    pub fn apply(&self, tree: &mut Tree, modified: u64) -> Result<(), PathOutsideTree> {
        tree.ensure_directory(&TreePath::parse(FOLDER)?, modified);
        for document in self.documents() {
            let path = TreePath::parse(format!("{FOLDER}/{}", document.name))?;
            tree.insert(path, Entry::file(document.text.into_bytes(), 0o644, modified));
        }
        Ok(())
    }

    /// A UUID that is the same for the same content.
    fn uuid(&self, kind: &str) -> Uuid {
        // A structure of strings and numbers always has a JSON form.
        let content = serde_json::to_vec(self).unwrap_or_default();
        Uuid::new_v5(&NAMESPACE, &[kind.as_bytes(), &content].concat())
    }

    /// When it was made, as RFC 3339 in UTC.
    fn created(&self) -> String {
        let time =
            i64::try_from(self.source_date_epoch).ok().and_then(|time| Timestamp::from_second(time).ok());
        time.unwrap_or(Timestamp::MAX).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }
}

impl Package {
    /// `[epoch:]version-release`.
    pub fn evr(&self) -> String {
        let epoch = self.epoch.map(|epoch| format!("{epoch}:")).unwrap_or_default();
        format!("{epoch}{}-{}", self.version, self.release)
    }

    /// The package URL of the type `rpm`: epoch and architecture are qualifiers.
    fn purl(&self, distribution: &str) -> String {
        let epoch = self.epoch.map(|epoch| format!("&epoch={epoch}")).unwrap_or_default();
        format!(
            "pkg:rpm/{}/{}@{}-{}?arch={}{epoch}",
            encoded(&distribution.to_lowercase()),
            encoded(&self.name),
            encoded(&self.version),
            encoded(&self.release),
            encoded(&self.architecture),
        )
    }
}

impl Program {
    /// The package URL of the type `generic`.
    fn purl(&self) -> String {
        format!("pkg:generic/{}@{}", encoded(&self.name), encoded(&self.version))
    }
}

/// The plain list.
fn list(bill: &BillOfMaterials) -> serde_json::Value {
    let packages = bill.packages.iter().map(|package| {
        serde_json::json!({
            "name": package.name,
            "evr": package.evr(),
            "architecture": package.architecture,
            "license": package.license,
            "source": package.source_package,
        })
    });
    serde_json::json!({
        "image": bill.image,
        "version": bill.version,
        "packages": packages.collect::<Vec<_>>(),
        "programs": bill.programs,
    })
}

/// Percent-encoded as a part of a package URL: what is no unreserved character of RFC 3986 is encoded, but for `:`.
pub fn encoded(text: &str) -> String {
    use std::fmt::Write as _;

    text.bytes().fold(String::new(), |mut all, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte) {
            all.push(char::from(byte));
        } else {
            let _infallible = write!(all, "%{byte:02X}");
        }
        all
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{BillOfMaterials, Origin, Package, Program};
    use crate::tree::{Tree, TreePath};

    pub(crate) fn bill() -> BillOfMaterials {
        let package = |name: &str, license: &str| Package {
            name: name.into(),
            epoch: None,
            version: "1.2~rc1+b".into(),
            release: "3".into(),
            architecture: "x86_64".into(),
            license: license.into(),
            summary: format!("The {name}"),
            url: "https://example.org/".into(),
            source_package: format!("{name}-1.2-3.src.rpm"),
            sha256: Some("ab".repeat(32)),
            converted_from: None,
        };
        let converted = Package {
            epoch: Some(2),
            url: String::new(),
            converted_from: Some(Origin {
                purl: "pkg:deb/debian/libstdc%2B%2B6@16-1?arch=amd64".into(),
                sha256: "cd".repeat(32),
            }),
            ..package("libstdc++6", "")
        };
        BillOfMaterials {
            image: "host".into(),
            version: "7".into(),
            distribution: "lazuli".into(),
            tool: "lazuli-0.1.0".into(),
            source_date_epoch: 1_709_210_096,
            programs: vec![Program {
                name: "host-agent".into(),
                version: "0.1.0".into(),
                sha256: "ef".repeat(32),
            }],
            packages: vec![
                package("bash", "GPL-3.0-or-later AND MIT"),
                package("old", "GPLv2+ with <exceptions>"),
                converted,
            ],
        }
    }

    #[test]
    fn times_are_whole_seconds_of_utc() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_709_210_096, "2024-02-29T12:34:56Z"),
            (u64::MAX, "9999-12-30T22:00:00Z"),
        ] {
            assert_eq!(BillOfMaterials { source_date_epoch: seconds, ..bill() }.created(), expected);
        }
    }

    #[test]
    fn an_image_holds_three_documents_that_change_with_its_content_only() {
        let mut tree = Tree::default();
        bill().apply(&mut tree, 5).unwrap();
        for name in ["host.spdx.json", "host.cdx.json", "host.packages.json"] {
            let path = TreePath::parse(format!("usr/share/sbom/{name}")).unwrap();
            assert_eq!(tree.get(&path).unwrap().modified, 5, "{name}");
        }
        assert_eq!(bill().documents(), bill().documents());
        let later = BillOfMaterials { version: "8".into(), ..bill() };
        assert_ne!(bill().uuid("spdx"), later.uuid("spdx"));
        let list = &bill().documents()[2].text;
        assert!(list.contains("\"evr\": \"2:1.2~rc1+b-3\""), "{list}");
    }
}
