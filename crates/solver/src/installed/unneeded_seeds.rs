//! Packages that are upgraded, in; those among them that brought the others along, out: the strongly connected
//! components of what they need that nothing else among them needs.

use std::collections::BTreeSet;

use crate::ground::{Ground, table};
use crate::installed::unneeded::{clauses, looked_at};
use crate::packages::universe::{Id, to_index};

/// The upgraded packages that must not be taken for unneeded.
pub(crate) fn find(ground: &Ground<'_, '_>, updates: &[Id], asked_for: &BTreeSet<Id>) -> Vec<Id> {
    let mut seeds = roots(ground, updates);
    seeds.retain(|id| !asked_for.contains(id));
    seeds.extend(updates.iter().copied().filter(|id| asked_for.contains(id)));
    seeds
}

/// Packages of the list that no other one leads to.
fn roots(ground: &Ground<'_, '_>, list: &[Id]) -> Vec<Id> {
    if list.len() < 2 {
        return list.to_vec();
    }
    let graph = Graph::new(ground, list);
    let mut alive = vec![true; list.len()];
    let all: Vec<Vec<usize>> =
        graph.strong.iter().zip(&graph.weak).map(|(a, b)| [&a[..], b].concat()).collect();
    for edges in [&all, &graph.weak] {
        drop_followers(edges, &mut alive);
    }
    list.iter().copied().zip(alive).filter(|(_, alive)| *alive).map(|(id, _)| id).collect()
}

struct Graph {
    /// By place: the places of the only providers of what it requires.
    strong: Vec<Vec<usize>>,
    /// By place: what it recommends, and what supplements it.
    weak: Vec<Vec<usize>>,
}

impl Graph {
    fn new(ground: &Ground<'_, '_>, list: &[Id]) -> Self {
        let member = table(ground.universe, list.iter().copied());
        let place = |id: Id| list.iter().position(|other| *other == id);
        let mut graph = Graph { strong: vec![Vec::new(); list.len()], weak: vec![Vec::new(); list.len()] };
        let installed = table(ground.universe, ground.installed.clone());
        for (from, id) in list.iter().copied().enumerate() {
            for dependency in ground.universe.requires(id) {
                graph.strong[from].extend(only_providers(ground, id, dependency, &member).filter_map(place));
            }
            for dependency in ground.universe.recommends(id) {
                graph.weak[from].extend(only_providers(ground, id, dependency, &member).filter_map(place));
            }
        }
        for (to, id) in list.iter().copied().enumerate() {
            for dependency in ground.universe.supplements(id) {
                if !ground.providers.possible(dependency, &installed) {
                    continue;
                }
                let mut supplemented = Vec::new();
                looked_at(ground, dependency, &mut supplemented);
                if supplemented.len() == 1 && supplemented[0] != id && member[to_index(supplemented[0])] {
                    graph.weak[place(supplemented[0]).expect("a member has a place")].push(to);
                }
            }
        }
        graph
    }
}

/// The members that satisfy a dependency as the only installed packages.
fn only_providers<'u>(
    ground: &Ground<'u, '_>,
    id: Id,
    dependency: &'u rpm_model::Dependency,
    member: &[bool],
) -> impl Iterator<Item = Id> + use<> {
    let complex = crate::rules::normal_form::is_complex(dependency);
    let mut found = Vec::new();
    for block in clauses(ground, dependency) {
        let reached = block.into_iter().take_while(|literal| *literal > 0 || ground.is_installed(-literal));
        let installed: Vec<Id> =
            reached.filter(|other| *other > 0 && *other != id && ground.is_installed(*other)).collect();
        if complex || installed.len() == 1 {
            found.extend(installed.into_iter().filter(|other| member[to_index(*other)]));
        }
    }
    found.into_iter()
}

/// Leaves of each ring that nothing outside leads to the members alive, and of everything else none.
fn drop_followers(edges: &[Vec<usize>], alive: &mut [bool]) {
    let reach: Vec<BTreeSet<usize>> = (0..edges.len()).map(|from| reachable(edges, alive, from)).collect();
    let followers: Vec<bool> = (0..edges.len())
        .map(|to| {
            (0..edges.len()).any(|from| {
                from != to && alive[from] && reach[from].contains(&to) && !reach[to].contains(&from)
            })
        })
        .collect();
    for (place, follows) in followers.into_iter().enumerate() {
        alive[place] &= !follows;
    }
}

fn reachable(edges: &[Vec<usize>], alive: &[bool], from: usize) -> BTreeSet<usize> {
    let mut seen = BTreeSet::new();
    let mut open = if alive[from] { vec![from] } else { Vec::new() };
    while let Some(place) = open.pop() {
        for next in edges[place].iter().copied().filter(|next| alive[*next]) {
            if seen.insert(next) {
                open.push(next);
            }
        }
    }
    seen
}
