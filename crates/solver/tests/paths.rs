//! Paths that primary metadata does not list are named, so that the caller can look them up.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod support;

use rpm_model::{FileKind, PackageFile};
use solver::{Request, Universe, solve};
use support::story;

#[test]
fn a_path_found_in_the_file_lists_makes_the_package_installable() {
    let mut story = story::parse(
        "repository main\npackage app-1-1\n  requires /usr/share/data/x\n  requires /usr/bin/sh\n\
         package data-1-1\npackage shell-1-1\n  file /usr/bin/sh\n",
    );
    let request = Request::install(["app"]).unwrap();
    {
        let repositories = [story.repositories[0].repository()];
        let universe = Universe::new("x86_64", &repositories);
        let unresolved: Vec<&str> = universe.unresolved_paths().into_iter().collect();
        assert_eq!(unresolved, ["/usr/share/data/x"]);
        assert!(solve(&universe, &request).is_err());
    }
    let file = PackageFile { path: "/usr/share/data/x".into(), kind: FileKind::File };
    story.repositories[0].packages[1].files.push(file);
    let repositories = [story.repositories[0].repository()];
    let universe = Universe::new("x86_64", &repositories);
    assert!(universe.unresolved_paths().is_empty());
    let solution = solve(&universe, &request).unwrap();
    let names: Vec<&str> = solution.packages().iter().map(|chosen| chosen.nevra().name.as_str()).collect();
    assert_eq!(names, ["app", "data", "shell"]);
}
