//! The order of versions, judged by systemd, whose boot loader sorts by it.
#![allow(clippy::unwrap_used, reason = "tests fail by panic")]

use std::cmp::Ordering;

use host_tools::{Call, Sandbox};
use release::Version;
use testkit::prepared;

#[test]
fn systemd_finds_the_same_versions_newer() {
    let Some(judges) = prepared::judge_root() else { return };
    let versions = versions();
    // Neighbours differ in their last piece alone, the others in all.
    let neighbours = versions.iter().zip(versions.iter().skip(1)).take(100);
    let others = versions.iter().zip(versions.iter().cycle().skip(37)).step_by(3);
    let pairs: Vec<(&Version, &Version)> = neighbours.chain(others).collect();
    let arguments = pairs.iter().flat_map(|(left, right)| [left.as_str(), right.as_str()]);
    // It prints `left < right`.
    let script =
        r#"while [ $# -gt 0 ]; do systemd-analyze compare-versions "$1" "$2"; shift 2; done; exit 0"#;
    let call = Call::new("sh").args(["-c", script, "sh"]).args(arguments);
    let answers = Sandbox::new(&judges).run(&call).unwrap().stdout_text();
    let expected = pairs.iter().map(|(left, right)| {
        let sign = match left.order(right) {
            Ordering::Less => "<",
            Ordering::Equal => "==",
            Ordering::Greater => ">",
        };
        format!("{left} {sign} {right}")
    });
    let expected: Vec<String> = expected.collect();
    assert!(expected.len() > 200 && expected.iter().any(|line| line.contains("==")), "{}", expected.len());
    assert_eq!(answers.lines().collect::<Vec<_>>(), expected);
}

/// Pieces that have made trouble elsewhere, in every order of three.
fn versions() -> Vec<Version> {
    let pieces = ["1", "01", "10", "a", "A", "~", ".", "-", "rc"];
    let mut versions = Vec::new();
    for one in pieces {
        for two in pieces {
            let texts = pieces.map(|three| format!("{one}{two}{three}"));
            versions.extend(texts.iter().filter_map(|text| Version::parse(text).ok()));
        }
    }
    versions
}
