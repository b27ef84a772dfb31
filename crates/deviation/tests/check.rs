//! A newer upstream is held against every overlay.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without is its verdict")]

mod world;

use deviation::{Checked, Outcome, Pin, check};
use world::{World, files};

const OLD: &str = "\
Name: tool
Version: 1
Release: 3%{?dist}
BuildRequires: xen-devel
BuildRequires: gcc
%global with_docs 1

%build
%configure --with-x
make

%check
make check
";

/// The overlay held against an upstream whose spec has `from` replaced by `to`.
fn checked(overlay: &str, from: &str, to: &str) -> Checked {
    assert!(from.is_empty() || OLD.contains(from), "the case is wrong: {from}");
    let world = World::of(&format!("[[components.tool.overlays]]\n{overlay}"));
    let new = if from.is_empty() { OLD.to_owned() } else { OLD.replace(from, to) };
    let (old, new) = (files(&[("tool.spec", OLD)]), files(&[("tool.spec", &new)]));
    check(world.tool(), &world.distro.sources, &old, &new, Pin::None)
}

fn outcome(overlay: &str, from: &str, to: &str) -> (Outcome, Vec<String>) {
    let checked = checked(overlay, from, to);
    let finding = checked.overlays[0].clone();
    (finding.outcome, finding.upstream_lines)
}

const NO_XEN: &str = "type = \"spec-remove-tag\"\ntag = \"BuildRequires\"\nvalue = \"xen-devel\"\n";
const NO_DOCS: &str = "type = \"spec-search-replace\"\nregex = 'with_docs 1'\nreplacement = 'with_docs 0'\n";

#[test]
fn an_overlay_that_still_fits_is_the_same() {
    let (outcome, lines) = outcome(NO_XEN, "Version: 1", "Version: 2");
    assert_eq!((outcome, lines), (Outcome::Same, Vec::new()));
    let checked = checked(NO_XEN, "", "");
    assert!(!checked.upstream_changes);
}

#[test]
fn an_overlay_whose_line_changed_fails_and_shows_the_change() {
    let (outcome, lines) = outcome(NO_DOCS, "%global with_docs 1", "%bcond docs 1");
    let Outcome::Fails { reason } = outcome else { panic!("{outcome:?}") };
    assert!(reason.contains("with_docs 1"), "{reason}");
    assert_eq!(lines, ["-%global with_docs 1", "+%bcond docs 1"]);
}

#[test]
fn what_upstream_removed_or_wrote_itself_is_unnecessary() {
    let (removed, _) = outcome(NO_XEN, "BuildRequires: xen-devel\n", "");
    assert!(matches!(removed, Outcome::Unnecessary { .. }), "{removed:?}");
    let (written, lines) = outcome(NO_DOCS, "with_docs 1", "with_docs 0");
    assert_eq!(written, Outcome::Unnecessary { reason: "upstream has the lines that it writes".into() });
    assert_eq!(lines, ["-%global with_docs 1", "+%global with_docs 0"]);
    let set = "type = \"spec-set-tag\"\ntag = \"Version\"\nvalue = \"2\"\n";
    let (same, _) = outcome(set, "Version: 1", "Version: 2");
    assert_eq!(same, Outcome::Unnecessary { reason: "it changes nothing".into() });
}

#[test]
fn more_and_fewer_places_are_told() {
    let gcc = "type = \"spec-search-replace\"\nregex = 'make'\nreplacement = 'gmake'\n";
    let (more, lines) = outcome(gcc, "make\n\n", "make\nmake docs\n\n");
    assert_eq!(more, Outcome::Differs { before: 2, after: 3 });
    assert_eq!(lines, ["+make docs"]);
    let (fewer, _) = outcome(gcc, "make check\n", "true\n");
    assert_eq!(fewer, Outcome::Differs { before: 2, after: 1 });
}

#[test]
fn an_overlay_that_never_applied_is_told_apart() {
    let gone = "type = \"spec-remove-section\"\nsection = \"%files\"\n";
    assert!(matches!(outcome(gone, "", "").0, Outcome::FailsBefore { .. }));
    let (mended, _) = outcome(gone, "%check\nmake check\n", "%check\nmake check\n%files\n");
    assert_eq!(mended, Outcome::Mended);
}

#[test]
fn one_overlay_that_fails_does_not_hide_the_others() {
    let world = World::of(&format!(
        "[[components.tool.overlays]]\n{NO_DOCS}[[components.tool.overlays]]\n{NO_XEN}[[components.tool.overlays]]\n\
         type = \"spec-remove-section\"\nsection = \"%check\"\n"
    ));
    let new = OLD.replace("with_docs 1", "docs 1").replace("%check\nmake check\n", "");
    let (old, new) = (files(&[("tool.spec", OLD)]), files(&[("tool.spec", &new)]));
    let checked = check(world.tool(), &world.distro.sources, &old, &new, Pin::CanGo);
    let outcomes: Vec<&Outcome> = checked.overlays.iter().map(|finding| &finding.outcome).collect();
    assert!(
        matches!(outcomes.as_slice(), [Outcome::Fails { .. }, Outcome::Same, Outcome::Unnecessary { .. }]),
        "{outcomes:?}"
    );
    assert_eq!((checked.pin, checked.upstream_changes), (Pin::CanGo, true));
}

#[test]
fn a_patch_that_upstream_took_is_unnecessary() {
    let patch = "From: us\n\n--- a/x.c\n+++ b/x.c\n@@ -1 +1 @@\n-one\n+two\n";
    let theirs = "From: them\n\n--- a/x.c\n+++ b/x.c\n@@ -7 +7 @@ somewhere\n-one\n+two\n";
    let world = World::with_files(
        "[[components.tool.overlays]]\ntype = \"patch-add\"\nsource = \"fix.patch\"\n",
        &[("fix.patch", patch)],
    );
    let old = files(&[("tool.spec", OLD)]);
    let with = |files_: &[(&str, &str)]| {
        let new = files(&[&[("tool.spec", OLD)], files_].concat());
        check(world.tool(), &world.distro.sources, &old, &new, Pin::None).overlays[0].outcome.clone()
    };
    let reason = || "upstream has the same change in 0001-two.patch".to_owned();
    assert_eq!(with(&[("0001-two.patch", theirs)]), Outcome::Unnecessary { reason: reason() });
    assert_eq!(with(&[("0001-other.patch", &theirs.replace("two", "three"))]), Outcome::Same);
    assert_eq!(
        with(&[("fix.patch", patch)]),
        Outcome::Unnecessary { reason: "upstream has the same file fix.patch".into() }
    );
    let clash = with(&[("fix.patch", "another patch of that name\n")]);
    assert!(matches!(clash, Outcome::Fails { .. }), "{clash:?}");
}

#[test]
fn the_number_of_a_patch_is_no_difference() {
    let world = World::with_files(
        "[[components.tool.overlays]]\ntype = \"patch-add\"\nsource = \"fix.patch\"\n",
        &[("fix.patch", "-a\n+b\n")],
    );
    let numbered = |number: u32| OLD.replace("BuildRequires: gcc", &format!("Patch{number}: theirs.patch"));
    let (old, new) = (files(&[("tool.spec", &numbered(1))]), files(&[("tool.spec", &numbered(7))]));
    let checked = check(world.tool(), &world.distro.sources, &old, &new, Pin::None);
    assert_eq!(checked.overlays[0].outcome, Outcome::Same);
}
