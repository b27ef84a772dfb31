//! Which requirements a set of packages leaves open.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[allow(dead_code, reason = "each test file uses its part")]
mod records;

use records::{file, record};
use repository::check::{closure, missing_paths};
use rpm_model::PackageRecord;

fn open(records: &[PackageRecord]) -> Vec<String> {
    let found = closure(records.iter().map(|record| ("r", record)));
    found.into_iter().map(|one| one.requirement).collect()
}

/// Whether a package that requires this is content with `b = 2`, `both` (b and c of one package) and the file `/usr/bin/tool`.
fn holds(requirement: &str) -> bool {
    let mut tool = record("tool-1-1.noarch", &[], &[]);
    tool.files = vec![file("/usr/bin/tool")];
    let world = [
        record("asks-1-1.noarch", &[], &[requirement]),
        record("b-2-1.noarch", &[], &[]),
        record("both-1-1.noarch", &["x", "y = 5"], &[]),
        tool,
    ];
    let open = open(&world);
    assert!(open.len() <= 1, "{open:?}");
    open.is_empty()
}

#[test]
fn simple_requirements() {
    for (requirement, expected) in [
        ("b", true),
        ("b >= 2", true),
        ("b = 2-1", true),
        ("b < 2", false),
        ("none", false),
        ("/usr/bin/tool", true),
        ("/usr/bin/none", false),
        ("rpmlib(Anything) <= 9", true),
    ] {
        assert_eq!(holds(requirement), expected, "{requirement}");
    }
}

#[test]
fn boolean_requirements() {
    for (requirement, expected) in [
        ("(b and x)", true),
        ("(b and none)", false),
        ("(none or b)", true),
        ("(none or nothing)", false),
        ("(x with y)", true),
        ("(x with y > 5)", false),
        ("(x with b)", false),
        ("(b without x)", true),
        ("(x without y)", false),
        ("(none if b)", false),
        ("(b if x)", true),
        ("(none if nothing)", true),
        ("(none if nothing else b)", true),
        ("(b if nothing else none)", false),
        ("(b and (none or (x with y)))", true),
    ] {
        assert_eq!(holds(requirement), expected, "{requirement}");
    }
}

#[test]
fn the_nearest_provider_is_told() {
    let world = [
        record("asks-1-1.noarch", &[], &["lib >= 3"]),
        record("old-1-1.noarch", &["lib = 1"], &[]),
        record("older-1-1.noarch", &["lib = 0.9"], &[]),
    ];
    let found = closure(world.iter().map(|record| ("r", record)));
    assert_eq!(
        (found[0].package.to_string().as_str(), found[0].requirement.as_str()),
        ("asks-1-1.noarch", "lib >= 3")
    );
    assert_eq!(
        found[0].to_string(),
        "asks-1-1.noarch of r requires lib >= 3, which nothing provides (nearest: older-1-1.noarch provides lib = 0.9)"
    );
    let nearest = found[0].nearest.as_ref().unwrap();
    assert_eq!(
        (nearest.package.to_string().as_str(), nearest.provides.as_str()),
        ("older-1-1.noarch", "lib = 0.9")
    );
}

#[test]
fn source_packages_neither_ask_nor_provide() {
    let world = [record("a-1-1.src", &["thing"], &["compiler"]), record("b-1-1.noarch", &[], &["thing"])];
    assert_eq!(open(&world), ["thing"]);
}

#[test]
fn paths_that_need_file_lists_are_known() {
    let mut b = record("b-1-1.noarch", &["/provided"], &[]);
    b.files = vec![file("/etc/b")];
    let world =
        [record("a-1-1.noarch", &[], &["/etc/b", "/provided", "/usr/share/x", "(/usr/share/y if b)"]), b];
    let missing = missing_paths(world.iter());
    assert_eq!(missing.into_iter().collect::<Vec<_>>(), ["/usr/share/x", "/usr/share/y"]);
}
