//! What programs read: exact packages in, JSON out.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod support;

use rpm_model::Nevra;
use solver::{Request, Universe, Want, solve};
use support::story;

const WORLD: &str = "
repository main
package app-1-1
  requires lib
package app-2-1
  requires gone
package lib-1-1
";

fn json(request: &Request) -> String {
    let story = story::parse(WORLD);
    let repositories = [story.repositories[0].repository()];
    let universe = Universe::new("x86_64", &repositories);
    match solve(&universe, request) {
        Ok(solution) => serde_json::to_string(&solution).unwrap(),
        Err(conflict) => serde_json::to_string(&conflict).unwrap(),
    }
}

#[test]
fn a_locked_package_is_asked_for_by_its_identity() {
    let wanted = Want::Package(Nevra::parse("app-1-1.x86_64").unwrap());
    let expected = concat!(
        r#"[{"package":"app-1-1.x86_64","repository":"main","reason":"user","requested_as":["app-1-1.x86_64"]},"#,
        r#"{"package":"lib-1-1.x86_64","repository":"main","reason":"dependency","#,
        r#""pulled_in_by":{"relation":"requires","dependency":"lib","by":"app-1-1.x86_64"}}]"#
    );
    assert_eq!(json(&Request { install: vec![wanted], ..Request::default() }), expected);
}

#[test]
fn an_unknown_identity_is_not_found() {
    let wanted = Want::Package(Nevra::parse("app-3-1.x86_64").unwrap());
    let expected = concat!(
        r#"{"problems":[{"problem":"not-found","want":"app-3-1.x86_64","wrong_architecture":[],"#,
        r#""excluded":[],"nearest":[]}]}"#
    );
    assert_eq!(json(&Request { install: vec![wanted], ..Request::default() }), expected);
}

#[test]
fn a_conflict_is_a_tree() {
    let expected = concat!(
        r#"{"problems":[{"problem":"unsatisfiable","wants":[{"want":"app","kind":"install","best_only":true,"candidates":["#,
        r#"{"packages":["app-2-1.x86_64"],"obstacles":["#,
        r#"{"obstacle":"nothing-provides","dependency":"gone","nearest":[]}]}]}]}]}"#
    );
    assert_eq!(json(&Request::install(["app"]).unwrap()), expected);
}
