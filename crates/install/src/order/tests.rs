use rpm_model::header::dependency_flags as sense;

use super::*;
use crate::package::test_contents::{file, package, relation};
use crate::package::{Relation, RelationKind::*};

/// Names in order, for packages given as (name, relations).
fn ordered(packages: &[(&str, Vec<Relation>)], run: fn(&[&PackageContents]) -> Vec<usize>) -> String {
    let contents: Vec<PackageContents> = packages
        .iter()
        .map(|(name, relations)| PackageContents {
            relations: relations.clone(),
            ..package(&format!("{name}-1-1.noarch"), Vec::new())
        })
        .collect();
    let references: Vec<&PackageContents> = contents.iter().collect();
    let order = run(&references);
    order.into_iter().map(|i| packages[i].0).collect::<Vec<_>>().join(" ")
}

#[test]
fn requirements_and_ordering_hints_come_first() {
    let packages = [
        ("two", vec![relation(OrderWith, "three", 0)]),
        ("three", vec![]),
        ("one", vec![relation(Requires, "two", 0)]),
    ];
    assert_eq!(ordered(&packages, order_as_given), "three two one");
}

#[test]
fn a_suggestion_orders_nothing() {
    let packages = [
        ("two", vec![relation(Suggests, "three", 0)]),
        ("three", vec![]),
        ("one", vec![relation(Requires, "two", 0)]),
    ];
    assert_eq!(ordered(&packages, order_as_given), "two one three");
}

#[test]
fn backward_weak_relations_order_nothing() {
    let packages = [
        ("two", vec![relation(Supplements, "one", 0)]),
        ("three", vec![relation(Enhances, "two", 0)]),
        ("one", vec![]),
    ];
    assert_eq!(ordered(&packages, order_as_given), "one three two");
}

#[test]
fn a_circle_is_cut_where_no_scriptlet_needs_the_other() {
    for scriptlet in ["a", "b"] {
        let flags = |name| if name == scriptlet { sense::SCRIPT_PRE } else { 0 };
        let packages = [
            ("a", vec![relation(Requires, "b", flags("a"))]),
            ("b", vec![relation(Requires, "a", flags("b"))]),
        ];
        let expected = if scriptlet == "a" { "b a" } else { "a b" };
        assert_eq!(ordered(&packages, order), expected, "%pre of {scriptlet}");
    }
}

#[test]
fn a_meta_requirement_orders_nothing() {
    let packages = [("a", vec![relation(Requires, "z", sense::META)]), ("z", vec![])];
    assert_eq!(ordered(&packages, order), "z a");
    let packages =
        [("a", vec![relation(Requires, "z", 0)]), ("b", vec![relation(Requires, "a", 0)]), ("z", vec![])];
    assert_eq!(ordered(&packages, order), "z a b");
}

#[test]
fn the_consequence_of_a_condition_orders_and_nothing_else_of_it() {
    let packages = [
        ("a", vec![relation(Requires, "(y if z else b)", 0)]),
        ("b", vec![relation(Requires, "a", 0)]),
        ("y", vec![]),
        ("z", vec![relation(Requires, "b", 0)]),
    ];
    assert_eq!(ordered(&packages, order), "y a b z");
}

#[test]
fn a_path_is_found_through_the_links_that_packages_bring() {
    let base = package(
        "zbase-1-1.noarch",
        vec![crate::package::test_contents::symlink("/bin", "usr/bin"), file("/usr/bin/sh", "x")],
    );
    let mut user = package("a-1-1.noarch", Vec::new());
    user.relations = vec![relation(Requires, "/bin/sh", sense::SCRIPT_POST | sense::INTERP)];
    assert_eq!(order(&[&user, &base]), [1, 0]);
}

#[test]
fn the_input_s_order_does_not_matter() {
    let relations: [(&str, Vec<Relation>); 5] = [
        ("a", vec![relation(Requires, "b", 0), relation(Requires, "c", 0)]),
        ("b", vec![relation(Requires, "c", sense::SCRIPT_POST)]),
        ("c", vec![relation(Requires, "a", 0)]),
        ("d", vec![]),
        ("e", vec![relation(Recommends, "d", 0)]),
    ];
    let expected = ordered(&relations, order);
    let mut rotated = relations.to_vec();
    for _ in 0..5 {
        rotated.rotate_left(1);
        assert_eq!(ordered(&rotated, order), expected);
        let mut reversed = rotated.clone();
        reversed.reverse();
        assert_eq!(ordered(&reversed, order), expected);
    }
}

#[test]
fn a_long_chain_needs_no_deep_stack() {
    let packages: Vec<PackageContents> = (0..20_000)
        .map(|i| {
            let mut contents = package(&format!("p{i:05}-1-1.noarch"), Vec::new());
            contents.relations = vec![relation(Requires, &format!("p{:05}", (i + 1) % 20_000), 0)];
            contents
        })
        .collect();
    let references: Vec<&PackageContents> = packages.iter().collect();
    assert_eq!(order(&references).len(), packages.len());
}
