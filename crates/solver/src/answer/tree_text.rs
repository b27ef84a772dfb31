//! A conflict, in; lines of text, out.

use std::fmt;

use crate::answer::conflict::{Candidate, Conflict, Obstacle, Problem, WantKind, WantTree};

/// More packages of one kind than this are counted, not named.
const NAMED: usize = 2;

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, problem) in self.problems.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::NotFound { want, wrong_architecture, excluded, nearest } => {
                write!(f, "nothing in the repositories is called `{want}` or provides it")?;
                for package in wrong_architecture {
                    write!(f, "\n└─ {package} is for another architecture")?;
                }
                for (package, by) in excluded {
                    write!(f, "\n└─ {package} is excluded by `{by}`")?;
                }
                if !nearest.is_empty() {
                    write!(f, "\n└─ similar: {}", nearest.join(", "))?;
                }
                Ok(())
            }
            Problem::Unsatisfiable { wants } => {
                f.write_str(if wants.len() > 1 {
                    "the request cannot be met as a whole"
                } else {
                    "the request cannot be met"
                })?;
                let nodes = wants.iter().map(want_node).collect::<Vec<_>>();
                write_nodes(f, &nodes, "")
            }
        }
    }
}

/// A line and what stands below it.
struct Node {
    line: String,
    below: Vec<Node>,
}

fn want_node(tree: &WantTree) -> Node {
    let best = if tree.best_only { " in its best version" } else { "" };
    let want = &tree.want;
    let line = match tree.kind {
        WantKind::Install => format!("wanted: `{want}`{best}"),
        WantKind::Upgrade => format!("to be upgraded: `{want}`{best}"),
        WantKind::Erase => format!("to be removed: `{want}`"),
        WantKind::Keep => format!("installed: {want}, which nothing removes"),
        WantKind::Protect => format!("protected: {want}"),
    };
    Node { line, below: candidate_nodes(&tree.candidates) }
}

fn candidate_nodes(candidates: &[Candidate]) -> Vec<Node> {
    candidates.iter().map(candidate_node).collect()
}

/// A single obstacle without branches shares the line of its package.
fn candidate_node(candidate: &Candidate) -> Node {
    let packages = package_list(&candidate.packages);
    let mut below: Vec<Node> = candidate.obstacles.iter().map(obstacle_node).collect();
    match below.as_mut_slice() {
        [] => Node { line: format!("{packages} (as told above)"), below },
        [only] => {
            let colon = if candidate.packages.len() > 1 { ":" } else { "" };
            Node { line: format!("{packages}{colon} {}", only.line), below: std::mem::take(&mut only.below) }
        }
        _ => Node { line: packages, below },
    }
}

fn package_list(packages: &[String]) -> String {
    match packages.len().checked_sub(NAMED) {
        Some(more) if more > 1 => format!("{} and {more} others", packages[..NAMED].join(", ")),
        _ => packages.join(", "),
    }
}

fn obstacle_node(obstacle: &Obstacle) -> Node {
    let leaf = |line: String| Node { line, below: Vec::new() };
    match obstacle {
        Obstacle::Requires { dependency, candidates } => {
            Node { line: format!("requires {dependency}"), below: candidate_nodes(candidates) }
        }
        Obstacle::NothingProvides { dependency, nearest } if nearest.is_empty() => {
            leaf(format!("requires {dependency}, which nothing provides"))
        }
        Obstacle::NothingProvides { dependency, nearest } => {
            leaf(format!("requires {dependency}, which nothing provides; nearest: {}", nearest.join(", ")))
        }
        Obstacle::Triggers { by, dependency, candidates } => Node {
            line: format!("is a condition of {by}, which requires {dependency}"),
            below: candidate_nodes(candidates),
        },
        Obstacle::ConflictsWith { dependency, package } => {
            leaf(format!("conflicts with {dependency}, provided by {package}"))
        }
        Obstacle::RefusedBy { dependency, package } => {
            leaf(format!("is refused by {package}: conflicts with {dependency}"))
        }
        Obstacle::Obsoletes { dependency, package } => {
            leaf(format!("obsoletes {dependency}, which is {package}"))
        }
        Obstacle::ObsoletedBy { dependency, package } => {
            leaf(format!("is obsoleted by {package}: obsoletes {dependency}"))
        }
        Obstacle::OtherVersion { package } => leaf(format!("cannot be installed beside {package}")),
        Obstacle::Erased => leaf("is to be removed".to_owned()),
        Obstacle::NotInRepositories => leaf("is not what the repositories have".to_owned()),
        Obstacle::ReplacedTogether { candidates } => Node {
            line: "comes only with what else replaces the same package".to_owned(),
            below: candidate_nodes(candidates),
        },
        Obstacle::Excluded { by } => leaf(format!("is excluded by `{by}`")),
        Obstacle::Locked => leaf("is not the locked version".to_owned()),
        Obstacle::WrongArchitecture => leaf("is for another architecture".to_owned()),
        Obstacle::InferiorArchitecture { beside } if beside.is_empty() => {
            leaf("is of a worse architecture than other versions".to_owned())
        }
        Obstacle::InferiorArchitecture { beside } => Node {
            line: "is of a worse architecture and may only stand beside the better one".to_owned(),
            below: candidate_nodes(beside),
        },
        Obstacle::TooComplex { dependency } => {
            leaf(format!("states a dependency beyond all measure: {dependency}"))
        }
    }
}

fn write_nodes(f: &mut fmt::Formatter<'_>, nodes: &[Node], indent: &str) -> fmt::Result {
    for (place, node) in nodes.iter().enumerate() {
        let last = place + 1 == nodes.len();
        let (corner, below) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        write!(f, "\n{indent}{corner}{}", node.line)?;
        write_nodes(f, &node.below, &format!("{indent}{below}"))?;
    }
    Ok(())
}
