//! Packages, in; the order in which they go into a root, or out of it, out: rpm's own (`lib/order.cc`), made independent of the input's order.
//!
//! A package comes after those it requires; where requirements form a circle, it is cut where scriptlets suffer least.
//! rpm's result depends on the order it is given packages in, so they are sorted by NEVRA first.

mod circles;
mod providers;
mod queue;
mod relations;

use crate::package::PackageContents;

/// rpm's `prefcolor`: among equals, 64-bit packages come first.
pub(crate) const PREFERRED_COLOR: u32 = 2;
/// rpm's `%_transaction_color` on 64-bit machines that also run 32-bit programs.
pub(crate) const TRANSACTION_COLOR: u32 = 3;

/// Positions of `packages` in the order of installation.
pub fn order(packages: &[&PackageContents]) -> Vec<usize> {
    let mut sorted: Vec<usize> = (0..packages.len()).collect();
    sorted.sort_by(|a, b| packages[*a].nevra.cmp(&packages[*b].nevra));
    let in_order: Vec<&PackageContents> = sorted.iter().map(|i| packages[*i]).collect();
    order_as_given(&in_order).into_iter().map(|i| sorted[i]).collect()
}

/// As `order`, with ties broken by the given order, as rpm does.
pub fn order_as_given(packages: &[&PackageContents]) -> Vec<usize> {
    in_direction(packages, Direction::Install)
}

/// Positions of `packages` in the order of their removal: users before what they use, ties broken by the given order.
pub fn order_of_erasures(packages: &[&PackageContents]) -> Vec<usize> {
    in_direction(packages, Direction::Erase)
}

/// Erasures are installations backwards, with the scriptlets that run at removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Install,
    Erase,
}

fn in_direction(packages: &[&PackageContents], direction: Direction) -> Vec<usize> {
    let mut graph = relations::graph(packages, direction);
    let circles = circles::find(&mut graph);
    queue::collect(graph, circles, direction)
}

/// Packages as nodes, requirements as edges both ways.
#[derive(Debug, Default)]
struct Graph {
    nodes: Vec<Node>,
}

#[derive(Debug, Default)]
struct Node {
    color: u32,
    /// Packages that this one still waits for.
    waits_for: usize,
    /// Packages that require this one.
    required_by_count: usize,
    /// Who requires this one; the newest last, and looked at from the end, as rpm pushes to the front.
    required_by: Vec<Edge>,
    /// Whom this one requires; the newest last.
    requires: Vec<Edge>,
    component: Component,
    /// Distance from a member that needs another for its scriptlets, once a circle is cut.
    distance: usize,
}

#[derive(Debug, Clone, Copy)]
struct Edge {
    to: usize,
    /// Whether a scriptlet depends on it.
    scriptlet: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Component {
    #[default]
    Alone,
    Circle(usize),
    Collected,
}

/// Packages that require each other.
#[derive(Debug)]
struct Circle {
    members: Vec<usize>,
    /// Requirements on packages outside that are not yet collected.
    waits_for: usize,
}

#[cfg(test)]
mod tests;
