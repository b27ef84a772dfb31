//! A boolean dependency, in; clauses over packages, out.
//!
//! A clause is a sorted list of literals: `n` is "package n is installed", `-n` is "package n is not".

use rpm_model::{Dependency, RichDependency};

use crate::packages::providers::Providers;
use crate::packages::universe::{Id, SYSTEM, Universe};

/// More literals than this mean a formula that no packager wrote by hand.
const MAXIMUM_LITERALS: usize = 1 << 22;

/// A formula as clauses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Clauses {
    /// Nothing makes it true.
    Never,
    /// Nothing makes it false.
    Always,
    /// Conjunctive form: every clause has a true literal. Disjunctive form: some clause has only true literals.
    Blocks(Vec<Vec<Id>>),
    /// The formula multiplies out to more than any honest package needs.
    TooLarge,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Conjunctive,
    Disjunctive,
}

/// Whether satisfying the dependency may need more than one package.
pub(crate) fn is_complex(dependency: &Dependency) -> bool {
    match dependency {
        Dependency::Simple(_) => false,
        Dependency::Rich(RichDependency::Or(list)) => list.iter().any(is_complex),
        Dependency::Rich(RichDependency::With(_) | RichDependency::Without(..)) => false,
        Dependency::Rich(_) => true,
    }
}

/// What must hold for the dependency to be satisfied.
pub(crate) fn requirement<'u>(providers: &Providers<'u, '_>, dependency: &'u Dependency) -> Clauses {
    normalize(providers, dependency, Form::Conjunctive)
}

/// The same for a dependency that lives shorter than the universe.
pub(crate) fn requirement_once(universe: &Universe<'_>, dependency: &Dependency) -> Clauses {
    normalize(&Providers::new(universe), dependency, Form::Conjunctive)
}

/// The opposite, for a dependency that lives shorter than the universe.
pub(crate) fn conflict_once(universe: &Universe<'_>, dependency: &Dependency) -> Clauses {
    conflict(&Providers::new(universe), dependency)
}

/// What must hold for the dependency not to be satisfied.
pub(crate) fn conflict<'u>(providers: &Providers<'u, '_>, dependency: &'u Dependency) -> Clauses {
    invert(normalize(providers, dependency, Form::Disjunctive))
}

fn normalize<'u>(providers: &Providers<'u, '_>, dependency: &'u Dependency, form: Form) -> Clauses {
    use Form::{Conjunctive, Disjunctive};
    let recurse = |part| normalize(providers, part, form);
    // The negation of a formula in one form is its negated clauses in the other.
    let opposite = match form {
        Conjunctive => Disjunctive,
        Disjunctive => Conjunctive,
    };
    let negated = |part| invert(normalize(providers, part, opposite));
    match dependency {
        Dependency::Rich(rich) if is_complex(dependency) => match rich {
            RichDependency::And(list) => {
                list.iter().map(recurse).reduce(|a, b| and(a, b, form)).unwrap_or(Clauses::Always)
            }
            RichDependency::Or(list) => {
                list.iter().map(recurse).reduce(|a, b| or(a, b, form)).unwrap_or(Clauses::Never)
            }
            RichDependency::If { then, condition, otherwise } => {
                let consequence = or(recurse(then), negated(condition), form);
                match otherwise {
                    None => consequence,
                    Some(other) => and(consequence, or(recurse(condition), recurse(other), form), form),
                }
            }
            RichDependency::Unless { then, condition, otherwise } => {
                let consequence = and(recurse(then), negated(condition), form);
                match otherwise {
                    None => consequence,
                    Some(other) => or(consequence, and(recurse(condition), recurse(other), form), form),
                }
            }
            RichDependency::With(_) | RichDependency::Without(..) => leaf(providers, dependency, form),
        },
        _ => leaf(providers, dependency, form),
    }
}

fn leaf<'u>(providers: &Providers<'u, '_>, dependency: &'u Dependency, form: Form) -> Clauses {
    let set = providers.of_dependency(dependency);
    match (set.first(), form) {
        (None, _) => Clauses::Never,
        (Some(&SYSTEM), _) => Clauses::Always,
        (_, Form::Conjunctive) => Clauses::Blocks(vec![set.to_vec()]),
        (_, Form::Disjunctive) => Clauses::Blocks(set.iter().map(|id| vec![*id]).collect()),
    }
}

fn and(a: Clauses, b: Clauses, form: Form) -> Clauses {
    match (a, b) {
        (Clauses::Never, _) | (_, Clauses::Never) => Clauses::Never,
        (Clauses::TooLarge, _) | (_, Clauses::TooLarge) => Clauses::TooLarge,
        (Clauses::Always, other) | (other, Clauses::Always) => other,
        (Clauses::Blocks(a), Clauses::Blocks(b)) if form == Form::Conjunctive => concatenate(a, b),
        (Clauses::Blocks(a), Clauses::Blocks(b)) => distribute(&a, &b, Clauses::Never),
    }
}

fn or(a: Clauses, b: Clauses, form: Form) -> Clauses {
    match (a, b) {
        (Clauses::Always, _) | (_, Clauses::Always) => Clauses::Always,
        (Clauses::TooLarge, _) | (_, Clauses::TooLarge) => Clauses::TooLarge,
        (Clauses::Never, other) | (other, Clauses::Never) => other,
        (Clauses::Blocks(a), Clauses::Blocks(b)) if form == Form::Disjunctive => concatenate(a, b),
        (Clauses::Blocks(a), Clauses::Blocks(b)) => distribute(&a, &b, Clauses::Always),
    }
}

fn invert(clauses: Clauses) -> Clauses {
    match clauses {
        Clauses::Never => Clauses::Always,
        Clauses::Always => Clauses::Never,
        Clauses::TooLarge => Clauses::TooLarge,
        Clauses::Blocks(blocks) => Clauses::Blocks(
            blocks
                .into_iter()
                .map(|block| block.into_iter().rev().map(|literal| -literal).collect())
                .collect(),
        ),
    }
}

fn concatenate(mut a: Vec<Vec<Id>>, b: Vec<Vec<Id>>) -> Clauses {
    a.extend(b);
    Clauses::Blocks(a)
}

/// Every block of one side joined with every block of the other; blocks with `n` and `-n` say nothing.
fn distribute(a: &[Vec<Id>], b: &[Vec<Id>], when_empty: Clauses) -> Clauses {
    if a.len().saturating_mul(b.len()) > MAXIMUM_LITERALS {
        return Clauses::TooLarge;
    }
    let mut result = Vec::new();
    let mut literals = 0;
    for left in a {
        for right in b {
            let mut block: Vec<Id> = left.iter().chain(right).copied().collect();
            block.sort_unstable();
            block.dedup();
            if block.iter().any(|literal| *literal > 0 && block.binary_search(&-literal).is_ok()) {
                continue;
            }
            literals += block.len();
            if literals > MAXIMUM_LITERALS {
                return Clauses::TooLarge;
            }
            result.push(block);
        }
    }
    if result.is_empty() { when_empty } else { Clauses::Blocks(result) }
}
