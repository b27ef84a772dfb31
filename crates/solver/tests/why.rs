//! What a package is there for, told as a tree.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod support;

use solver::{Request, Universe, solve};
use support::story;

const WORLD: &str = "
repository main
package server-1-1
  requires web
  recommends extra
package web-1-1
  requires tls >= 2
package extra-1-1
  requires tls
package tls-2-1
  requires libc
package libc-1-1
package docs-1-1
  supplements web
";

fn why(name: &str) -> String {
    let story = story::parse(WORLD);
    let repositories = [story.repositories[0].repository()];
    let universe = Universe::new("x86_64", &repositories);
    let solution = solve(&universe, &Request::install(["server"]).unwrap()).unwrap();
    solution.why(name).iter().map(|why| format!("{why}\n")).collect()
}

#[test]
fn every_way_to_a_package_is_told_once() {
    let expected = "\
tls-2-1.x86_64
├─ required as `tls` by extra-1-1.x86_64
│  └─ recommended as `extra` by server-1-1.x86_64: requested as `server`
└─ required as `tls >= 2` by web-1-1.x86_64
   └─ required as `web` by server-1-1.x86_64: requested as `server`
";
    assert_eq!(why("tls"), expected);
}

#[test]
fn a_supplement_names_what_it_supplements() {
    let expected = "\
docs-1-1.x86_64
└─ supplements `web`: web-1-1.x86_64
   └─ required as `web` by server-1-1.x86_64: requested as `server`
";
    assert_eq!(why("docs"), expected);
}

#[test]
fn what_was_requested_needs_no_reason() {
    assert_eq!(why("server"), "server-1-1.x86_64: requested as `server`\n");
    assert_eq!(why("absent"), "");
}
