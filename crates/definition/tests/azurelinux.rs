//! A real definition of 7,583 components in the same format is read without a problem.
//!
//! The environment variable `AZURELINUX_TREE` names a checkout of its branch `tomls/base/main` of April 2026; without it there is
//! nothing to compare with, and the test says so.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without is its verdict")]

use std::path::Path;

#[test]
fn the_whole_definition_of_azure_linux_is_understood() {
    let Some(tree) = std::env::var_os("AZURELINUX_TREE") else {
        eprintln!("skipped: AZURELINUX_TREE names no checkout");
        return;
    };
    let distro = definition::load(Path::new(&tree)).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(distro.components.len(), 7583);
    assert_eq!(distro.components.values().filter(|component| component.bare).count(), 7382);
    assert_eq!(distro.images.len(), 5);
    assert!(
        distro
            .images
            .values()
            .all(|image| matches!(image.definition, definition::ImageDefinition::Kiwi { .. }))
    );
    let target = distro.project.default_distro.expect("it names its target");
    assert_eq!(target.name, "azurelinux");
    assert!(
        distro.project.rendered_specs_dir.ends_with("specs")
            && !distro.project.rendered_specs_dir.ends_with("base/specs")
    );
}
