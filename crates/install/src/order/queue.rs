//! A graph with its circles, in; the order, out: packages that wait for nothing are queued, the most required first.

use std::collections::VecDeque;

use super::{Circle, Component, Direction, Graph, PREFERRED_COLOR};

pub(super) fn collect(graph: Graph, circles: Vec<Circle>, direction: Direction) -> Vec<usize> {
    let order = Vec::with_capacity(graph.nodes.len());
    let mut collector = Collector { graph, circles, order, direction };
    let mut queue = collector.ready();
    while let Some(next) = queue.pop_front() {
        match collector.graph.nodes[next].component {
            Component::Circle(circle) => collector.collect_circle(circle, &mut queue),
            Component::Alone => collector.collect_one(next, &mut queue, None),
            Component::Collected => {}
        }
    }
    collector.order
}

struct Collector {
    graph: Graph,
    circles: Vec<Circle>,
    order: Vec<usize>,
    direction: Direction,
}

/// Farther than any path.
const UNREACHED: usize = usize::MAX;

impl Collector {
    fn ready(&self) -> VecDeque<usize> {
        let mut queue = VecDeque::new();
        for (position, node) in self.graph.nodes.iter().enumerate() {
            if node.waits_for == 0 {
                self.enqueue(&mut queue, position);
            }
        }
        for circle in self.circles.iter().filter(|circle| circle.waits_for == 0) {
            self.enqueue(&mut queue, circle.members[0]);
        }
        queue
    }

    fn enqueue(&self, queue: &mut VecDeque<usize>, package: usize) {
        let node = &self.graph.nodes[package];
        // The preferred colour comes early and goes late.
        let early = node.color == PREFERRED_COLOR;
        let towards_tail = node.color != 0 && early == (self.direction == Direction::Erase);
        let place = queue.iter().position(|queued| {
            let queued = &self.graph.nodes[*queued];
            !(towards_tail && node.color != queued.color)
                && queued.required_by_count <= node.required_by_count
        });
        queue.insert(place.unwrap_or(queue.len()), package);
    }

    /// Takes one package; what it frees goes into `queue`, or into `outer` if it lies outside the circle being cut.
    fn collect_one(
        &mut self,
        package: usize,
        queue: &mut VecDeque<usize>,
        mut outer: Option<&mut VecDeque<usize>>,
    ) {
        self.order.push(package);
        let here = self.graph.nodes[package].component;
        let edges = self.graph.nodes[package].required_by.clone();
        for edge in edges.iter().rev() {
            let waiting = edge.to;
            let there = self.graph.nodes[waiting].component;
            if there == Component::Collected || waiting == package {
                continue;
            }
            let left = self.graph.nodes[waiting].waits_for.saturating_sub(1);
            self.graph.nodes[waiting].waits_for = left;
            if left == 0 {
                match &mut outer {
                    Some(outer) if matches!(here, Component::Circle(_)) && here != there => {
                        self.enqueue(outer, waiting);
                    }
                    _ => self.enqueue(queue, waiting),
                }
            }
            if let Component::Circle(circle) = there
                && here != there
            {
                self.circles[circle].waits_for = self.circles[circle].waits_for.saturating_sub(1);
                if self.circles[circle].waits_for == 0 {
                    match &mut outer {
                        Some(outer) => self.enqueue(outer, waiting),
                        None => self.enqueue(queue, waiting),
                    }
                }
            }
        }
        self.graph.nodes[package].component = Component::Collected;
    }

    /// Takes a whole circle, starting where cutting hurts least: farthest from scriptlets that need others.
    fn collect_circle(&mut self, circle: usize, outer: &mut VecDeque<usize>) {
        self.measure(circle);
        let members = self.circles[circle].members.clone();
        loop {
            let left = members
                .iter()
                .copied()
                .filter(|member| self.graph.nodes[*member].component != Component::Collected);
            // The last of the farthest, as rpm takes it.
            let Some(best) = left.max_by_key(|member| self.graph.nodes[*member].distance) else { break };
            let mut inner = VecDeque::from([best]);
            while let Some(next) = inner.pop_front() {
                self.collect_one(next, &mut inner, Some(outer));
            }
        }
    }

    /// Breadth-first distances from the members whose scriptlets need another member.
    fn measure(&mut self, circle: usize) {
        let this = Component::Circle(circle);
        let members = self.circles[circle].members.clone();
        let mut queue = VecDeque::new();
        for member in members {
            let nodes = &self.graph.nodes;
            let needs =
                nodes[member].requires.iter().any(|edge| edge.scriptlet && nodes[edge.to].component == this);
            self.graph.nodes[member].distance = if needs { 0 } else { UNREACHED };
            if needs {
                queue.push_back(member);
            }
        }
        while let Some(member) = queue.pop_front() {
            let distance = self.graph.nodes[member].distance + 1;
            let edges = self.graph.nodes[member].requires.clone();
            for edge in edges.iter().rev() {
                let next = &mut self.graph.nodes[edge.to];
                if next.component == this && next.distance > distance {
                    next.distance = distance;
                    queue.push_back(edge.to);
                }
            }
        }
    }
}
