//! A graph, in; its circles (strongly connected components of more than one package), out: Tarjan's algorithm, with the
//! visits in the order that rpm makes them, and without recursion.

use super::{Circle, Component, Graph};

pub(super) fn find(graph: &mut Graph) -> Vec<Circle> {
    let mut search =
        Search { visited: vec![None; graph.nodes.len()], stack: Vec::new(), counter: 0, circles: Vec::new() };
    for start in 0..graph.nodes.len() {
        if search.visited[start].is_none() {
            search.visit(graph, start);
        }
    }
    search.circles
}

struct Search {
    visited: Vec<Option<Visit>>,
    stack: Vec<usize>,
    counter: usize,
    circles: Vec<Circle>,
}

#[derive(Clone, Copy)]
struct Visit {
    index: usize,
    low: usize,
    done: bool,
}

impl Search {
    fn visit(&mut self, graph: &mut Graph, start: usize) {
        // Each frame: a package and how many of its edges were followed.
        let mut frames = vec![(start, 0)];
        self.enter(start);
        while let Some((node, followed)) = frames.last_mut() {
            let node = *node;
            let edges = &graph.nodes[node].required_by;
            if *followed < edges.len() {
                // The newest edge first.
                let next = edges[edges.len() - 1 - *followed].to;
                *followed += 1;
                match self.visited[next] {
                    None => {
                        self.enter(next);
                        frames.push((next, 0));
                    }
                    Some(seen) if !seen.done => self.lower(node, seen.index),
                    Some(_) => {}
                }
            } else {
                frames.pop();
                let low = self.visited[node].map_or(0, |visit| visit.low);
                self.leave(graph, node);
                if let Some((parent, _)) = frames.last() {
                    self.lower(*parent, low);
                }
            }
        }
    }

    fn enter(&mut self, node: usize) {
        self.counter += 1;
        self.visited[node] = Some(Visit { index: self.counter, low: self.counter, done: false });
        self.stack.push(node);
    }

    fn lower(&mut self, node: usize, low: usize) {
        if let Some(visit) = &mut self.visited[node] {
            visit.low = visit.low.min(low);
        }
    }

    fn leave(&mut self, graph: &mut Graph, node: usize) {
        let Some(visit) = self.visited[node] else { return };
        if visit.low != visit.index {
            return;
        }
        let start = self.stack.iter().rposition(|member| *member == node).unwrap_or(0);
        let members: Vec<usize> = self.stack.drain(start..).rev().collect();
        for member in &members {
            if let Some(visit) = &mut self.visited[*member] {
                visit.done = true;
            }
        }
        if members.len() > 1 {
            self.add_circle(graph, members);
        }
    }

    fn add_circle(&mut self, graph: &mut Graph, members: Vec<usize>) {
        let this = Component::Circle(self.circles.len());
        for member in &members {
            graph.nodes[*member].component = this;
        }
        let all: usize = members.iter().map(|member| graph.nodes[*member].waits_for).sum();
        let inner = members
            .iter()
            .flat_map(|member| &graph.nodes[*member].required_by)
            .filter(|edge| graph.nodes[edge.to].component == this)
            .count();
        self.circles.push(Circle { members, waits_for: all.saturating_sub(inner) });
    }
}
