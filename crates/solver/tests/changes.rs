//! What becomes of an installed system: installs, upgrades, erasures, and refusals.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod support;

use solver::{Change, Repository, Request, Universe, Upgrade, Want, solve};
use support::story::{self, World};

const WORLD: &str = "
repository installed
package app-1-1
  requires lib
package lib-1-1
package helper-1-1
package tool-1-1
  requires helper
package old-1-1
repository main
package app-2-1
  requires lib >= 2
package lib-2-1
package tool-1-1
  requires helper
package helper-1-1
package new-1-1
  obsoletes old < 2
package addon-1-1
  requires app >= 2
package clash-1-1
  conflicts lib
";

fn changes(request: &Request) -> Vec<String> {
    let story = story::parse(WORLD);
    let repositories: Vec<Repository<'_>> = story.repositories.iter().map(World::repository).collect();
    let universe = Universe::with_installed("x86_64", &repositories, Some(0));
    let solution = match solve(&universe, request) {
        Ok(solution) => solution,
        Err(conflict) => return conflict.to_string().lines().map(str::to_owned).collect(),
    };
    let new = |place: &usize| solution.packages()[*place].nevra().to_string();
    let line = |change: &Change<'_>| match change {
        Change::Install { new: place } => format!("install {}", new(place)),
        Change::Upgrade { old, new: place } => format!("upgrade {} to {}", old.nevra, new(place)),
        Change::Downgrade { old, new: place } => format!("downgrade {} to {}", old.nevra, new(place)),
        Change::Reinstall { old, new: place } => format!("reinstall {} as {}", old.nevra, new(place)),
        Change::Replace { old, new: place } => {
            let old: Vec<String> = old.iter().map(|old| old.nevra.to_string()).collect();
            format!("replace {} by {}", old.join(", "), new(place))
        }
        Change::Erase { old, because } => format!("erase {} ({because:?})", old.nevra),
    };
    solution.changes().iter().map(line).collect()
}

fn specs(names: &[&str]) -> Vec<Want> {
    names.iter().map(|name| Want::Spec((*name).to_owned())).collect()
}

#[test]
fn an_addition_upgrades_what_it_needs_newer_and_nothing_else() {
    let request = Request { install: specs(&["addon"]), ..Request::default() };
    let expected = [
        "install addon-1-1.x86_64",
        "upgrade app-1-1.x86_64 to app-2-1.x86_64",
        "upgrade lib-1-1.x86_64 to lib-2-1.x86_64",
    ];
    assert_eq!(changes(&request), expected);
}

#[test]
fn everything_is_upgraded_and_replaced() {
    let request = Request { upgrade: Upgrade::All, ..Request::default() };
    let expected = [
        "upgrade app-1-1.x86_64 to app-2-1.x86_64",
        "upgrade lib-1-1.x86_64 to lib-2-1.x86_64",
        "replace old-1-1.x86_64 by new-1-1.x86_64",
    ];
    assert_eq!(changes(&request), expected);
}

#[test]
fn what_nothing_needs_any_more_goes_along() {
    let request = Request { erase: specs(&["tool"]), ..Request::default() };
    assert_eq!(
        changes(&request),
        ["erase helper-1-1.x86_64 (Unneeded)", "erase tool-1-1.x86_64 (Requested)"]
    );
    let request = Request { clean: false, ..request };
    assert_eq!(changes(&request), ["erase tool-1-1.x86_64 (Requested)"]);
}

#[test]
fn what_needs_an_erased_package_goes_too_unless_it_is_protected() {
    let request = Request { erase: specs(&["lib"]), ..Request::default() };
    assert_eq!(changes(&request), ["erase app-1-1.x86_64 (InTheWay)", "erase lib-1-1.x86_64 (Requested)"]);
    let request = Request { protect: vec!["app".to_owned()], ..request };
    assert_eq!(changes(&request)[0], "the request cannot be met as a whole");
}

#[test]
fn an_addition_removes_nothing_unasked() {
    let request = Request { install: specs(&["clash"]), ..Request::default() };
    let told = changes(&request).join("\n");
    assert!(told.contains("wanted: `clash`") && told.contains("installed: lib-1-1.x86_64"), "{told}");
}
