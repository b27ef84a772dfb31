//! What packages say of each other, in; a graph of who waits for whom, out.

use rpm_model::header::dependency_flags as sense;
use rpm_model::{Capability, Dependency, RichDependency};

use super::providers::Providers;
use super::{Direction, Edge, Graph, Node};
use crate::package::{PackageContents, Relation, RelationKind};

/// `RPMSENSE_CONFIG`.
const CONFIG: u32 = 1 << 28;
/// Needed at installation, by a scriptlet or by rpm itself (`_INSTALL_ONLY_MASK`).
const INSTALL: u32 = sense::SCRIPT_PRE
    | sense::SCRIPT_POST
    | sense::RPMLIB
    | sense::KEYRING
    | sense::PRETRANS
    | sense::POSTTRANS;
/// Needed at removal (`_ERASE_ONLY_MASK`).
const ERASE: u32 = sense::SCRIPT_PREUN | sense::SCRIPT_POSTUN | sense::PREUNTRANS | sense::POSTUNTRANS;
/// Without influence on the order (`_UNORDERED_ONLY_MASK`), unless one of `FORCED` is there too.
const UNORDERED: u32 = sense::RPMLIB
    | CONFIG
    | sense::PRETRANS
    | sense::POSTTRANS
    | sense::PREUNTRANS
    | sense::POSTUNTRANS
    | sense::SCRIPT_VERIFY
    | sense::META;
const FORCED: u32 = sense::SCRIPT_PRE | sense::SCRIPT_POST | sense::SCRIPT_PREUN | sense::SCRIPT_POSTUN;
/// `_ALL_REQUIRES_MASK`.
const ALL_REQUIRES: u32 = sense::INTERP
    | FORCED
    | sense::SCRIPT_VERIFY
    | sense::FIND_REQUIRES
    | sense::RPMLIB
    | sense::KEYRING
    | sense::PRETRANS
    | sense::POSTTRANS
    | sense::PREUNTRANS
    | sense::POSTUNTRANS
    | sense::PREREQ
    | sense::META
    | sense::MISSINGOK;

pub(super) fn graph(packages: &[&PackageContents], direction: Direction) -> Graph {
    let nodes = packages.iter().map(|package| Node { color: package.color, ..Node::default() }).collect();
    let mut graph = Graph { nodes };
    let providers = Providers::of(packages);
    for (position, package) in packages.iter().enumerate() {
        for relation in &package.relations {
            if relation.flags & UNORDERED != 0 && relation.flags & FORCED == 0 {
                continue;
            }
            for capability in ordering_capabilities(&relation.dependency) {
                // What a boolean dependency is made of has no colour of its own.
                let color =
                    if matches!(relation.dependency, Dependency::Rich(_)) { 0 } else { relation.color };
                if let Some(provider) = providers.best(position, capability, color) {
                    add(&mut graph, direction, position, relation, provider);
                }
            }
        }
    }
    graph
}

fn ordering_capabilities(dependency: &Dependency) -> Vec<&Capability> {
    match dependency {
        Dependency::Simple(capability) => vec![capability],
        Dependency::Rich(rich) => {
            ordering_operands(rich).into_iter().flat_map(ordering_capabilities).collect()
        }
    }
}

/// The parts of a boolean dependency that rpm orders by: consequences, never conditions or alternatives.
fn ordering_operands(rich: &RichDependency) -> Vec<&Dependency> {
    match rich {
        RichDependency::And(all) | RichDependency::Or(all) => all.iter().collect(),
        RichDependency::With(all) => all.first().into_iter().collect(),
        RichDependency::Without(first, _) => vec![first],
        // rpm means to look at the alternative too, but parses the whole once more instead of its second half.
        RichDependency::If { then, .. } | RichDependency::Unless { then, .. } => vec![then],
    }
}

fn add(graph: &mut Graph, direction: Direction, package: usize, relation: &Relation, provider: usize) {
    if provider == package {
        return;
    }
    let legacy = relation.flags & ALL_REQUIRES == sense::PREREQ;
    let needed = if direction == Direction::Install { INSTALL } else { ERASE };
    let mut scriptlet = relation.flags & needed != 0 || legacy;
    let weak = relation.kind != RelationKind::Requires || relation.flags & sense::MISSINGOK != 0;
    if weak && relation.kind != RelationKind::OrderWith {
        // A weak relation orders only if a scriptlet wants it, and then like any other.
        if !scriptlet {
            return;
        }
        scriptlet = false;
    }
    let backwards = matches!(relation.kind, RelationKind::Supplements | RelationKind::Enhances);
    let reversed = backwards != (direction == Direction::Erase);
    let (waiting, first) = if reversed { (provider, package) } else { (package, provider) };
    connect(graph, waiting, first, scriptlet, reversed);
}

/// Records that `waiting` comes after `first`; a repeated relation only adds its flag.
fn connect(graph: &mut Graph, waiting: usize, first: usize, scriptlet: bool, reversed: bool) {
    let nodes = &mut graph.nodes;
    if !reversed && nodes[first].required_by.last().is_some_and(|edge| edge.to == waiting) {
        let edges = nodes[first].required_by.last_mut().into_iter();
        edges.for_each(|edge| edge.scriptlet |= scriptlet);
        mark(&mut nodes[waiting].requires, first, scriptlet);
        return;
    }
    // rpm looks at the other direction here, so that a package that requires what it supplements stays as it is.
    if reversed && nodes[first].requires.last().is_some_and(|edge| edge.to == waiting) {
        let edges = nodes[first].requires.last_mut().into_iter();
        edges.for_each(|edge| edge.scriptlet |= scriptlet);
        mark(&mut nodes[waiting].required_by, first, scriptlet);
        return;
    }
    nodes[waiting].waits_for += 1;
    nodes[first].required_by.push(Edge { to: waiting, scriptlet });
    nodes[first].required_by_count += 1;
    nodes[waiting].requires.push(Edge { to: first, scriptlet });
}

fn mark(edges: &mut [Edge], to: usize, scriptlet: bool) {
    if let Some(edge) = edges.iter_mut().rev().find(|edge| edge.to == to) {
        edge.scriptlet |= scriptlet;
    }
}
