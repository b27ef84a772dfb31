//! A bill of materials in; a CycloneDX 1.6 document out.

use serde_json::{Value, json};

use super::license::License;
use super::{BillOfMaterials, Package, Program};

pub(super) fn document(bill: &BillOfMaterials) -> Value {
    let image = format!("{}@{}", bill.image, bill.version);
    let packages = bill.packages.iter().map(|package| component(bill, package));
    let components: Vec<Value> = packages.chain(bill.programs.iter().map(program)).collect();
    let within: Vec<Value> = components.iter().map(|component| component["bom-ref"].clone()).collect();
    json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": format!("urn:uuid:{}", bill.uuid("cyclonedx")),
        "version": 1,
        "metadata": {
            "timestamp": bill.created(),
            "tools": {"components": [{"type": "application", "name": bill.tool}]},
            "component": {
                "type": "operating-system",
                "bom-ref": image,
                "name": bill.image,
                "version": bill.version,
            },
        },
        "components": components,
        "dependencies": [{"ref": image, "dependsOn": within}],
    })
}

fn component(bill: &BillOfMaterials, package: &Package) -> Value {
    let purl = package.purl(&bill.distribution);
    let mut value = json!({
        "type": "library",
        "bom-ref": purl,
        "name": package.name,
        "version": package.evr(),
        "purl": purl,
    });
    if !package.summary.is_empty() {
        value["description"] = json!(package.summary);
    }
    match License::of(&package.license) {
        License::Expression(expression) => value["licenses"] = json!([{"expression": expression}]),
        License::Text(text) => value["licenses"] = json!([{"license": {"name": text}}]),
        License::Unstated => {}
    }
    if let Some(sha256) = &package.sha256 {
        value["hashes"] = json!([{"alg": "SHA-256", "content": sha256}]);
    }
    if !package.url.is_empty() {
        value["externalReferences"] = json!([{"type": "website", "url": package.url}]);
    }
    if let Some(origin) = &package.converted_from {
        // A converted package is a variant: its ancestor is what vulnerability data speak of.
        value["pedigree"] = json!({"ancestors": [{
            "type": "library",
            "name": package.name,
            "purl": origin.purl,
            "hashes": [{"alg": "SHA-256", "content": origin.sha256}],
        }]});
    }
    value
}

fn program(program: &Program) -> Value {
    json!({
        "type": "application",
        "bom-ref": program.purl(),
        "name": program.name,
        "version": program.version,
        "purl": program.purl(),
        "hashes": [{"alg": "SHA-256", "content": program.sha256}],
    })
}

#[cfg(test)]
mod tests {
    use crate::sbom::tests::bill;

    #[test]
    fn components_say_what_they_were_converted_from() {
        let document = super::document(&bill());
        let converted = &document["components"][2];
        assert_eq!(
            converted["pedigree"]["ancestors"][0]["purl"],
            "pkg:deb/debian/libstdc%2B%2B6@16-1?arch=amd64"
        );
        assert_eq!(document["components"][1]["licenses"][0]["license"]["name"], "GPLv2+ with <exceptions>");
        assert_eq!(document["components"][0]["licenses"][0]["expression"], "GPL-3.0-or-later AND MIT");
        assert_eq!(document["dependencies"][0]["dependsOn"].as_array().unwrap().len(), 4);
    }
}
