//! A bill of materials in; an SPDX 2.3 document out.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::license::License;
use super::{BillOfMaterials, Package, Program};

const ROOT: &str = "SPDXRef-Image";
/// What the specification calls knowing nothing.
const NO_ASSERTION: &str = "NOASSERTION";

pub(super) fn document(bill: &BillOfMaterials) -> Value {
    let mut texts = Texts::default();
    let mut described: Vec<Value> =
        bill.packages.iter().enumerate().map(|(index, one)| package(bill, index, one, &mut texts)).collect();
    for one in &bill.programs {
        described.push(program(described.len(), one));
    }
    let contains = (0..described.len()).map(|index| {
        json!({
            "spdxElementId": ROOT,
            "relationshipType": "CONTAINS",
            "relatedSpdxElement": reference(index),
        })
    });
    let describes = json!({"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": ROOT});
    let image = json!({
        "SPDXID": ROOT,
        "name": bill.image,
        "versionInfo": bill.version,
        "downloadLocation": NO_ASSERTION,
        "filesAnalyzed": false,
        "licenseConcluded": NO_ASSERTION,
        "licenseDeclared": NO_ASSERTION,
        "copyrightText": NO_ASSERTION,
        "primaryPackagePurpose": "OPERATING-SYSTEM",
    });
    json!({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": format!("{}-{}", bill.image, bill.version),
        "documentNamespace": format!("urn:uuid:{}", bill.uuid("spdx")),
        "creationInfo": {"created": bill.created(), "creators": [format!("Tool: {}", bill.tool)]},
        "packages": std::iter::once(image).chain(described).collect::<Vec<_>>(),
        "hasExtractedLicensingInfos": texts.describe(),
        "relationships": std::iter::once(describes).chain(contains).collect::<Vec<_>>(),
    })
}

fn package(bill: &BillOfMaterials, index: usize, package: &Package, texts: &mut Texts) -> Value {
    let mut references = vec![purl(&package.purl(&bill.distribution))];
    references.extend(package.converted_from.iter().map(|origin| purl(&origin.purl)));
    let mut value = json!({
        "SPDXID": reference(index),
        "name": package.name,
        "versionInfo": package.evr(),
        "downloadLocation": NO_ASSERTION,
        "filesAnalyzed": false,
        "licenseConcluded": NO_ASSERTION,
        "licenseDeclared": match License::of(&package.license) {
            License::Expression(expression) => expression.to_owned(),
            License::Text(text) => texts.reference(text),
            License::Unstated => NO_ASSERTION.to_owned(),
        },
        "copyrightText": NO_ASSERTION,
        "externalRefs": references,
    });
    // Values that a package may lack are left out, as the specification asks.
    let mut add = |key: &str, text: &str| {
        if !text.is_empty() {
            value[key] = json!(text);
        }
    };
    add("summary", &package.summary);
    add("homepage", &package.url);
    if !package.source_package.is_empty() {
        add("sourceInfo", &format!("built from {}", package.source_package));
    }
    if let Some(sha256) = &package.sha256 {
        value["checksums"] = json!([{"algorithm": "SHA256", "checksumValue": sha256}]);
    }
    value
}

fn program(index: usize, program: &Program) -> Value {
    json!({
        "SPDXID": reference(index),
        "name": program.name,
        "versionInfo": program.version,
        "downloadLocation": NO_ASSERTION,
        "filesAnalyzed": false,
        "licenseConcluded": NO_ASSERTION,
        "licenseDeclared": NO_ASSERTION,
        "copyrightText": NO_ASSERTION,
        "primaryPackagePurpose": "APPLICATION",
        "checksums": [{"algorithm": "SHA256", "checksumValue": program.sha256}],
        "externalRefs": [purl(&program.purl())],
    })
}

fn purl(locator: &str) -> Value {
    json!({
        "referenceCategory": "PACKAGE-MANAGER",
        "referenceType": "purl",
        "referenceLocator": locator,
    })
}

fn reference(index: usize) -> String {
    format!("SPDXRef-Package-{index}")
}

/// Licences in words that are no expression: each is stated once and referred to.
#[derive(Default)]
struct Texts {
    numbers: BTreeMap<String, usize>,
}

impl Texts {
    fn reference(&mut self, text: &str) -> String {
        let next = self.numbers.len();
        format!("LicenseRef-{}", self.numbers.entry(text.to_owned()).or_insert(next))
    }

    fn describe(&self) -> Vec<Value> {
        self.numbers
            .iter()
            .map(|(text, number)| {
                json!({"licenseId": format!("LicenseRef-{number}"), "extractedText": text, "name": NO_ASSERTION})
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::sbom::tests::bill;

    #[test]
    fn packages_state_identity_licence_origin_and_checksum() {
        let document = super::document(&bill());
        let [image, bash, old, converted, program] = &document["packages"].as_array().unwrap()[..] else {
            panic!()
        };
        assert_eq!(image["primaryPackagePurpose"], "OPERATING-SYSTEM");
        assert_eq!(bash["licenseDeclared"], "GPL-3.0-or-later AND MIT");
        assert_eq!(
            bash["externalRefs"][0]["referenceLocator"],
            "pkg:rpm/lazuli/bash@1.2~rc1%2Bb-3?arch=x86_64"
        );
        assert_eq!(bash["checksums"][0]["checksumValue"], "ab".repeat(32));
        assert_eq!(old["licenseDeclared"], "LicenseRef-0");
        assert_eq!(document["hasExtractedLicensingInfos"][0]["extractedText"], "GPLv2+ with <exceptions>");
        assert_eq!(converted["licenseDeclared"], "NOASSERTION");
        assert_eq!(converted["homepage"], json!(null));
        assert_eq!(converted["versionInfo"], "2:1.2~rc1+b-3");
        let locators = [
            "pkg:rpm/lazuli/libstdc%2B%2B6@1.2~rc1%2Bb-3?arch=x86_64&epoch=2",
            "pkg:deb/debian/libstdc%2B%2B6@16-1?arch=amd64",
        ];
        for (number, locator) in locators.iter().enumerate() {
            assert_eq!(converted["externalRefs"][number]["referenceLocator"], *locator);
        }
        assert_eq!(program["externalRefs"][0]["referenceLocator"], "pkg:generic/host-agent@0.1.0");
        assert_eq!(document["creationInfo"]["created"], "2024-02-29T12:34:56Z");
    }
}
