//! A selection of a testcase (how zypper reads what its users type), in; the jobs that it stands for, out.
//!
//! `install selection A.i686>1 name,dotarch,rel` looks for packages by what the switches behind it allow, and is
//! replaced by the job that means the same: `install name (A . i686) > 1 [setarch]`.

mod dependencies;
mod find;
mod narrow;
mod switches;
mod view;

use std::collections::BTreeSet;

use super::TestcaseError;
use super::answer::package_text;
use super::statement::{self, Meant, Statement};
use super::term::Term;
use crate::ground::Ground;
use crate::jobs::{Action, Flags};
use crate::packages::universe::Id;
use dependencies::{Key, Wanted};
use switches::Switches;
use view::View;

/// A job, or a selection that becomes one or more.
#[derive(Clone, Debug)]
pub(super) enum Order {
    Plain(Statement),
    Selected(Selection),
}

/// A selection as it is written.
#[derive(Clone, Debug)]
pub(super) struct Selection {
    line: usize,
    action: Action,
    flags: Flags,
    query: Query,
    switches: Switches,
}

#[derive(Clone, Debug)]
enum Query {
    /// What a user types.
    Text(String),
    /// Something about a dependency of the packages.
    Dependency(Key, Wanted),
}

/// A job in the making: what is meant, and what of it was chosen on purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pick {
    target: Target,
    flags: Flags,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    All,
    Repository(String),
    Package(Id),
    OneOf(Vec<Id>),
    Name(Term),
    Provides(Term),
}

impl Order {
    /// Reads `ACTION selection TEXT switch,switch [flag,flag]`, or a job without a selection.
    pub(super) fn parse(text: &str, line: usize) -> Result<Self, TestcaseError> {
        let mut words: Vec<&str> = text.split_ascii_whitespace().collect();
        if !words.get(1).is_some_and(|word| word.starts_with("selection")) {
            return Statement::parse(text, line).map(Order::Plain);
        }
        let shape = || TestcaseError::Shape {
            line,
            expected: "a selection is ACTION selection TEXT switch,switch and perhaps [flags]",
            found: text.to_owned(),
        };
        let flags = statement::flags(&mut words, line)?;
        let (Some(names), Some([action, kind, rest @ ..])) = (words.pop(), words.get(..)) else {
            return Err(shape());
        };
        let query = match (*kind, rest) {
            ("selection", [_, ..]) => Query::Text(rest.join(" ")),
            (kind, [key, rest @ ..]) if !rest.is_empty() => {
                Query::Dependency(Key::parse(key, line)?, Wanted::parse(kind, &rest.join(" "), line)?)
            }
            _ => return Err(shape()),
        };
        let action = statement::action_named(action, line)?;
        let switches = Switches::parse(names, line)?;
        Ok(Order::Selected(Selection { line, action, flags, query, switches }))
    }
}

/// The jobs, each selection replaced by what it means among the packages.
pub(super) fn statements(
    ground: &Ground<'_, '_>,
    machine: &str,
    disabled: BTreeSet<Id>,
    orders: &[Order],
) -> Result<Vec<Statement>, TestcaseError> {
    let view = View::new(ground, machine, disabled);
    let mut statements: Vec<Statement> = Vec::new();
    for order in orders {
        let selection = match order {
            Order::Plain(statement) => {
                statements.push(statement.clone());
                continue;
            }
            Order::Selected(selection) => selection,
        };
        // One that adds to, takes from or narrows takes everything before it for the selection so far.
        let before = if selection.switches.combines() { std::mem::take(&mut statements) } else { Vec::new() };
        let before: Result<Vec<Pick>, _> =
            before.iter().map(|one| pick(&view, one, selection.line)).collect();
        let picks = selection.run(&view, before?)?;
        statements.extend(picks.into_iter().map(|pick| selection.statement(ground, pick)));
    }
    Ok(statements)
}

impl Selection {
    fn run(&self, view: &View<'_, '_, '_>, before: Vec<Pick>) -> Result<Vec<Pick>, TestcaseError> {
        let found = match &self.query {
            Query::Text(text) => find::find(view, text, self.switches, self.line)?,
            Query::Dependency(key, wanted) => {
                dependencies::find(view, *key, wanted, self.switches, self.line)?
            }
        };
        narrow::combine(view, before, found, self.switches, self.line)
    }

    fn statement(&self, ground: &Ground<'_, '_>, pick: Pick) -> Statement {
        let text = |id: Id| package_text(ground, id);
        let meant = match pick.target {
            Target::All => Meant::All,
            Target::Repository(name) => Meant::Repository(name),
            Target::Package(id) => Meant::Package(text(id)),
            Target::OneOf(ids) => Meant::OneOf(ids.into_iter().map(text).collect()),
            Target::Name(term) => Meant::Name(term),
            Target::Provides(term) => Meant::Provides(term),
        };
        Statement::of_parts(self.line, self.action, self.flags.and(pick.flags), meant)
    }
}

impl Pick {
    fn new(target: Target) -> Self {
        Pick { target, flags: Flags::default() }
    }

    /// One package that was found, not named.
    fn package(id: Id) -> Self {
        Pick { target: Target::Package(id), flags: Flags::NO_AUTO_SET }
    }

    /// The same pick of fewer packages.
    fn reduced(mut self, mut ids: Vec<Id>) -> Self {
        if ids.len() == 1 {
            self.flags = self.flags.and(Flags::NO_AUTO_SET);
            self.target = Target::Package(ids.remove(0));
        } else {
            self.target = Target::OneOf(ids);
        }
        self
    }
}

/// What a job before means, without what is to be done with it.
fn pick(view: &View<'_, '_, '_>, statement: &Statement, line: usize) -> Result<Pick, TestcaseError> {
    let target = match &statement.meant {
        Meant::All => Target::All,
        Meant::Repository(name) => Target::Repository(name.clone()),
        Meant::Package(name) => Target::Package(view.package(name, line)?),
        Meant::OneOf(names) => {
            let ids: Result<Vec<Id>, _> = names.iter().map(|name| view.package(name, line)).collect();
            Target::OneOf(ids?)
        }
        Meant::Name(term) => Target::Name(term.clone()),
        Meant::Provides(term) => Target::Provides(term.clone()),
    };
    Ok(Pick { target, flags: statement.flags().chosen() })
}
