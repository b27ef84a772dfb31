//! Jobs, in; the rules that they make, out.

use crate::ground::{Ground, table};
use crate::jobs::orders::Orders;
use crate::jobs::{Action, Flags, Job, Select};
use crate::packages::universe::{Id, SYSTEM, to_index};
use crate::rules::Origin;
use crate::rules::book::Book;
use crate::rules::normal_form::Clauses;

/// The rules of all jobs, in order; `start` is what the install jobs could mean.
pub(crate) fn write(ground: &Ground<'_, '_>, orders: &mut Orders, start: &[Id], book: &mut Book<'_>) {
    let wanted = table(ground.universe, start.iter().copied());
    for (number, job) in orders.jobs.iter().enumerate() {
        let clean = job.flags.has(Flags::CLEAN) && ground.has_installed();
        match job.action {
            Action::Install => {
                orders.clean |= clean;
                install(number, job, book);
            }
            Action::Erase => {
                orders.clean |= clean;
                erase(ground, number, job, &wanted, book);
            }
            Action::Lock => {
                for id in job.all_packages(ground.universe) {
                    let literal = if ground.is_installed(id) { id } else { -id };
                    push(book, number, job, &[literal]);
                }
            }
            Action::WeakenDependencies if job.select == Select::Package => weaken(job, book),
            _ => {}
        }
    }
}

impl Job {
    /// The packages of which an install job may lead to some.
    pub(crate) fn candidates(&self) -> impl Iterator<Item = Id> + '_ {
        let of_clauses = match &self.clauses {
            Some(Clauses::Blocks(blocks)) => blocks.iter().flatten().copied().filter(|id| *id > 0).collect(),
            _ => Vec::new(),
        };
        self.packages.iter().copied().chain(of_clauses).filter(|id| *id != SYSTEM)
    }
}

fn push(book: &mut Book<'_>, number: usize, job: &Job, literals: &[Id]) {
    let rule = book.rules.push(literals, Origin::Job(number));
    book.job_of.push(number);
    if job.flags.has(Flags::WEAK) {
        book.mark_weak(rule);
    }
}

fn push_clauses(book: &mut Book<'_>, number: usize, job: &Job, clauses: &Clauses) {
    match clauses {
        Clauses::Always => {}
        Clauses::Never | Clauses::TooLarge => push(book, number, job, &[-SYSTEM]),
        Clauses::Blocks(blocks) => blocks.iter().for_each(|block| push(book, number, job, block)),
    }
}

fn install(number: usize, job: &Job, book: &mut Book<'_>) {
    if let Some(clauses) = &job.clauses {
        return push_clauses(book, number, job, clauses);
    }
    if !job.packages.is_empty() {
        push(book, number, job, &job.packages);
    } else if job.select != Select::OneOf {
        // Nothing can meet it.
        push(book, number, job, &[-SYSTEM]);
    }
}

fn erase(ground: &Ground<'_, '_>, number: usize, job: &Job, wanted: &[bool], book: &mut Book<'_>) {
    let start = book.rules.end();
    if let Some(clauses) = &job.clauses {
        return push_clauses(book, number, job, clauses);
    }
    for id in job.all_packages(ground.universe) {
        push(book, number, job, &[-id]);
    }
    let exact = match job.select {
        Select::Package => true,
        Select::Name(shape) => shape.relation,
        _ => false,
    };
    let mut installed = job.packages.iter().copied().filter(|id| ground.is_installed(*id));
    let (Some(only), None, true) = (installed.next(), installed.next(), exact) else { return };
    // Who erases one version does not want another one in its place.
    for other in ground.universe.same_name(only).iter().copied() {
        let stays = ground.is_installed(other) || wanted[to_index(other)] || !ground.colors_meet(only, other);
        let told = (start..book.rules.end()).any(|rule| book.rules.literals(rule) == [-other]);
        if !stays && !told {
            push(book, number, job, &[-other]);
        }
    }
}

fn weaken(job: &Job, book: &mut Book<'_>) {
    for id in &job.packages {
        for rule in 1..book.packages_end {
            let literals = book.rules.literals(rule);
            let is_conflict = matches!(literals, [_, second] if *second < 0);
            if literals.first() == Some(&-id) && !is_conflict {
                book.mark_weak(rule);
            }
        }
    }
}
