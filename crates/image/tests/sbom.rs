//! Bills of materials, judged by the readers of SPDX's and CycloneDX's own tools.
#![allow(clippy::unwrap_used, reason = "a failed judge ends the test")]

use host_tools::{Bind, Call, Sandbox};
use image::sbom::{BillOfMaterials, Document, Origin, Package, Program};
use testkit::prepared;

#[test]
fn the_readers_of_both_formats_find_nothing_wrong() {
    let Some(root) = prepared::judge_root() else { return };
    let folder = tempfile::tempdir().unwrap();
    for Document { name, text } in bill().documents() {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let sandbox = Sandbox::new(&root).bind(Bind::read_only(folder.path(), "/mnt"));
    let python = |script: &str| {
        let call = Call::new("python3").args(["-c", script]).env("PYTHONDONTWRITEBYTECODE", "1");
        sandbox.run(&call).map(|output| output.stdout_text())
    };
    let spdx = "
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document
document = parse_file('/mnt/host.spdx.json')
for problem in validate_full_spdx_document(document, 'SPDX-2.3'):
    print(problem.validation_message)
print(len(document.packages), 'packages')";
    assert_eq!(python(spdx).unwrap(), "6 packages\n");
    let cyclonedx = "
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open('/mnt/host.cdx.json').read())
print(problem)";
    assert_eq!(python(cyclonedx).unwrap(), "None\n");
}

fn bill() -> BillOfMaterials {
    let package = |name: &str, license: &str| Package {
        name: name.into(),
        epoch: Some(1),
        version: "1.2~rc1+b^2".into(),
        release: "3".into(),
        architecture: "noarch".into(),
        license: license.into(),
        summary: "A package".into(),
        url: "https://example.org/".into(),
        source_package: "source-1.2-3.src.rpm".into(),
        sha256: Some("0123456789abcdef".repeat(4)),
        converted_from: None,
    };
    let bare = Package {
        url: String::new(),
        summary: String::new(),
        source_package: String::new(),
        sha256: None,
        epoch: None,
        ..package("bare", "")
    };
    let converted = Package {
        converted_from: Some(Origin {
            purl: "pkg:deb/debian/libstdc%2B%2B6@16-1?arch=amd64".into(),
            sha256: "fedcba9876543210".repeat(4),
        }),
        ..package("libstdc++6", "GPL-3.0-only WITH GCC-exception-3.1")
    };
    BillOfMaterials {
        image: "host".into(),
        version: "7".into(),
        distribution: "lazuli".into(),
        tool: "lazuli-0.1.0".into(),
        source_date_epoch: 1_790_000_000,
        programs: vec![Program { name: "agent".into(), version: "0.1.0".into(), sha256: "00".repeat(32) }],
        packages: vec![
            bare,
            converted,
            package("old", "GPLv2+ and \"others\""),
            package("new", "MIT OR Apache-2.0"),
        ],
    }
}
