//! A real definition of 7,583 components in the same format is read without a problem, and resolved to what it says.
//!
//! The environment variable `AZURELINUX_TREE` names a checkout of its branch `tomls/base/main` of April 2026; without it there is
//! nothing to compare with, and the test says so.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without is its verdict")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use definition::{Channel, Channels, Component, ReleaseCalculation, SpecSource};

fn tree() -> Option<PathBuf> {
    let tree = std::env::var_os("AZURELINUX_TREE").map(PathBuf::from);
    if tree.is_none() {
        eprintln!("skipped: AZURELINUX_TREE names no checkout");
    }
    tree
}

#[test]
fn the_whole_definition_of_azure_linux_is_understood() {
    let Some(tree) = tree() else { return };
    let distro = definition::load(&tree).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(distro.components.len(), 7583);
    assert_eq!(distro.components.values().filter(|component| component.bare).count(), 7382);
    assert_eq!(distro.images.len(), 5);
    assert!(
        distro
            .images
            .values()
            .all(|image| matches!(image.definition, definition::ImageDefinition::Kiwi { .. }))
    );
    let target = distro.project.default_distro.as_ref().expect("it names its target");
    assert_eq!((target.name.as_str(), target.version.as_str()), ("azurelinux", "4.0-stage2"));
    assert!(
        distro.project.rendered_specs_dir.ends_with("specs")
            && !distro.project.rendered_specs_dir.ends_with("base/specs")
    );
}

#[test]
fn components_inherit_what_they_shall() {
    let Some(tree) = tree() else { return };
    let distro = definition::load(&tree).unwrap_or_else(|problems| panic!("{problems}"));
    let count =
        |choose: &dyn Fn(&Component) -> bool| distro.components.values().filter(|c| choose(c)).count();
    assert_eq!(count(&|c| !c.overlays.is_empty()), 97);
    assert_eq!(count(&|c| c.build.check_skipped.is_some()), 187);
    assert_eq!(count(&|c| c.release == ReleaseCalculation::Manual), 36);
    assert_eq!(count(&|c| matches!(c.spec, SpecSource::Local { .. })), 3);
    assert_eq!(count(&|c| matches!(c.spec, SpecSource::Unstated)), 0);
    assert_eq!(count(&|c| c.source_files.len() == 1), 2);
    assert_eq!(count(&|c| !c.build.without.is_empty()), 19);
    assert_eq!(count(&|c| !c.build.defines.is_empty()), 7);
    assert_eq!(count(&|c| !c.build.with.is_empty()), 3);
    let upstream = |choose: &dyn Fn(&definition::UpstreamSource) -> bool| {
        count(&|c| matches!(&c.spec, SpecSource::Upstream(upstream) if choose(upstream)))
    };
    assert_eq!(upstream(&|u| u.commit.is_some()), 54);
    assert_eq!(upstream(&|u| u.stated_name.is_some()), 13);
    // A component that names another version keeps the moment that all are taken at.
    assert_eq!(upstream(&|u| u.snapshot.as_deref() == Some("2026-02-24T00:00:00-08:00")), 7580);
    assert!(upstream(&|u| u.version != "43") > 0);
    let mut types: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in distro.components.values().flat_map(|component| &component.overlays) {
        *types.entry(entry.overlay.type_name()).or_default() += 1;
    }
    assert_eq!(types.values().sum::<usize>(), 233);
    assert_eq!((types["spec-search-replace"], types["spec-add-tag"], types["file-rename"]), (93, 22, 3));
}

#[test]
fn packages_have_channels() {
    let Some(tree) = tree() else { return };
    let distro = definition::load(&tree).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(distro.package_groups.values().map(|group| group.packages.len()).sum::<usize>(), 33060);
    let channels = Channels::of(&distro);
    let bash = &distro.components["bash"];
    assert!(matches!(channels.of_package(bash, "bash"), Channel::Named(_)));
}

#[test]
fn a_stricter_look_finds_no_pattern_that_never_matches() {
    let Some(tree) = tree() else { return };
    let linted = definition::lint(&tree).unwrap_or_else(|problems| panic!("{problems}"));
    let never: Vec<String> = linted
        .remarks
        .iter()
        .filter(|remark| remark.kind == definition::RemarkKind::NeverMatches)
        .map(ToString::to_string)
        .collect();
    assert_eq!(never, Vec::<String>::new());
}
