//! A job of a testcase, in; the job of the solver, with the packages that it means, out.

use rpm_model::{Capability, Dependency, RichDependency};

use super::TestcaseError;
use super::term::{Operator, Term, Versions};
use crate::ground::Ground;
use crate::jobs::{Action, Flags, Job, Select, Shape};
use crate::packages::providers::Providers;
use crate::packages::universe::{Id, SYSTEM};
use crate::rules::normal_form::{self, Clauses};

/// A job as it is written.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    line: usize,
    action: Action,
    flags: Flags,
    pub(super) meant: Meant,
    /// As testcases write it.
    pub(super) text: String,
}

#[derive(Clone, Debug)]
pub(super) enum Meant {
    All,
    Repository(String),
    Package(String),
    OneOf(Vec<String>),
    Name(Term),
    Provides(Term),
}

const ACTIONS: &[(&str, Action)] = &[
    ("noop", Action::Nothing),
    ("install", Action::Install),
    ("erase", Action::Erase),
    ("update", Action::Update),
    ("weakendeps", Action::WeakenDependencies),
    ("multiversion", Action::SideBySide),
    ("noobsoletes", Action::SideBySide),
    ("lock", Action::Lock),
    ("distupgrade", Action::DistributionUpgrade),
    ("verify", Action::Verify),
    ("droporphaned", Action::DropOrphaned),
    ("userinstalled", Action::UserInstalled),
    ("allowuninstall", Action::AllowUninstall),
    ("favor", Action::Favor),
    ("disfavor", Action::Disfavor),
    ("blacklist", Action::Blacklist),
    ("excludefromweak", Action::ExcludeFromWeak),
];

const FLAGS: &[(&str, Flags)] = &[
    ("weak", Flags::WEAK),
    ("essential", Flags::ESSENTIAL),
    ("cleandeps", Flags::CLEAN),
    ("orupdate", Flags::OR_UPDATE),
    ("forcebest", Flags::BEST),
    ("targeted", Flags::TARGETED),
    ("notbyuser", Flags::NOT_BY_USER),
    ("setev", Flags::SET_EV),
    ("setevr", Flags::SET_EVR),
    ("setarch", Flags::SET_ARCHITECTURE),
    ("setvendor", Flags::SET_VENDOR),
    ("setrepo", Flags::SET_REPOSITORY),
    ("noautoset", Flags::NO_AUTO_SET),
];

impl Statement {
    /// Reads `ACTION SELECTION... [flag,flag]`.
    pub(crate) fn parse(text: &str, line: usize) -> Result<Self, TestcaseError> {
        let shape = || TestcaseError::Shape {
            line,
            expected: "a job is ACTION, what it means, and perhaps [flags]",
            found: text.to_owned(),
        };
        let mut words: Vec<&str> = text.split_ascii_whitespace().collect();
        let flags = flags(&mut words, line)?;
        let [action, kind, rest @ ..] = &words[..] else { return Err(shape()) };
        let action = action_named(action, line)?;
        let term = || Term::parse(&rest.join(" ")).map_err(|source| TestcaseError::Term { line, source });
        let meant = match (*kind, rest) {
            ("all", ["packages"]) => Meant::All,
            ("repo", [name]) => Meant::Repository((*name).to_owned()),
            ("pkg", [name]) => Meant::Package((*name).to_owned()),
            ("oneof", ["nothing"]) => Meant::OneOf(Vec::new()),
            ("oneof", names) => Meant::OneOf(names.iter().map(|name| (*name).to_owned()).collect()),
            ("name", [_, ..]) => Meant::Name(term()?),
            ("provides", [_, ..]) => Meant::Provides(term()?),
            ("all" | "repo" | "pkg" | "name" | "provides", _) => return Err(shape()),
            (kind, _) => {
                return Err(TestcaseError::Unsupported { line, what: format!("the selection {kind}") });
            }
        };
        let text = format!("{}{}", words.join(" "), flags_text(flags));
        Ok(Statement { line, action, flags, meant, text })
    }

    /// The same, of parts.
    pub(super) fn of_parts(line: usize, action: Action, flags: Flags, meant: Meant) -> Self {
        let word = ACTIONS.iter().find(|(_, known)| *known == action).map_or("noop", |(word, _)| *word);
        let kind = match &meant {
            Meant::All => "all packages".to_owned(),
            Meant::Repository(name) => format!("repo {name}"),
            Meant::Package(name) => format!("pkg {name}"),
            Meant::OneOf(names) if names.is_empty() => "oneof nothing".to_owned(),
            Meant::OneOf(names) => format!("oneof {}", names.join(" ")),
            Meant::Name(term) => format!("name {term}"),
            Meant::Provides(term) => format!("provides {term}"),
        };
        let text = format!("{word} {kind}{}", flags_text(flags));
        Statement { line, action, flags, meant, text }
    }

    /// What was chosen on purpose.
    pub(super) fn flags(&self) -> Flags {
        self.flags
    }

    pub(crate) fn action(&self) -> Action {
        self.action
    }

    /// The job with its packages; `number` is its place among the jobs.
    pub(crate) fn job(&self, ground: &Ground<'_, '_>, number: usize) -> Result<Job, TestcaseError> {
        let job = |select, packages, clauses| Job {
            action: self.action,
            flags: self.flags,
            select,
            packages,
            clauses,
            want: number,
        };
        Ok(match &self.meant {
            Meant::All => job(Select::All, Vec::new(), None),
            Meant::Repository(name) => {
                let missing =
                    || TestcaseError::Missing { line: self.line, what: "repository", name: name.clone() };
                let number = ground.universe.repository_named(name).ok_or_else(missing)?;
                job(Select::Repository(number), Vec::new(), None)
            }
            Meant::Package(name) => job(Select::Package, vec![self.package(ground, name)?], None),
            Meant::OneOf(names) => {
                let packages: Result<Vec<Id>, _> =
                    names.iter().map(|name| self.package(ground, name)).collect();
                job(Select::OneOf, packages?, None)
            }
            Meant::Name(term) => {
                let clauses = self.clauses(ground, term, true)?;
                job(Select::Name(shape(term)), self.named(ground, term)?, clauses)
            }
            Meant::Provides(term) => {
                let clauses = self.clauses(ground, term, false)?;
                job(Select::Provides(shape(term)), self.providing(ground, term)?, clauses)
            }
        })
    }

    /// `NAME-VERSION-RELEASE.ARCHITECTURE@REPOSITORY`.
    fn package(&self, ground: &Ground<'_, '_>, text: &str) -> Result<Id, TestcaseError> {
        let found = ground.universe.ids().find(|id| super::answer::package_text(ground, *id) == text);
        let missing = || TestcaseError::Missing { line: self.line, what: "package", name: text.to_owned() };
        found.ok_or_else(missing)
    }

    fn providing(&self, ground: &Ground<'_, '_>, term: &Term) -> Result<Vec<Id>, TestcaseError> {
        let (term, architecture) = split_architecture(term);
        let dependency = self.dependency(&term)?;
        let mut found = Providers::new(ground.universe).of_dependency(&dependency).to_vec();
        found.retain(|id| fits(ground, *id, architecture.as_deref()));
        Ok(found)
    }

    fn named(&self, ground: &Ground<'_, '_>, term: &Term) -> Result<Vec<Id>, TestcaseError> {
        let mut found = self.providing(ground, term)?;
        let (term, _) = split_architecture(term);
        let dependency = self.dependency(&term)?;
        found.retain(|id| *id != SYSTEM && is_named(ground, *id, &dependency));
        Ok(found)
    }

    fn dependency(&self, term: &Term) -> Result<Dependency, TestcaseError> {
        term.to_dependency().map_err(|source| TestcaseError::Term { line: self.line, source })
    }

    fn clauses(
        &self,
        ground: &Ground<'_, '_>,
        term: &Term,
        by_name: bool,
    ) -> Result<Option<Clauses>, TestcaseError> {
        let (plain, _) = split_architecture(term);
        let dependency = self.dependency(&plain)?;
        if !normal_form::is_complex(&dependency) {
            return Ok(None);
        }
        if by_name {
            return Err(TestcaseError::Unsupported { line: self.line, what: format!("the name `{term}`") });
        }
        Ok(Some(match self.action {
            Action::Erase => normal_form::conflict_once(ground.universe, &dependency),
            _ => normal_form::requirement_once(ground.universe, &dependency),
        }))
    }
}

/// Takes `[flag,flag]` off the end of a statement.
pub(super) fn flags(words: &mut Vec<&str>, line: usize) -> Result<Flags, TestcaseError> {
    let mut flags = Flags::default();
    if words.len() > 3
        && let Some(list) = words.last().and_then(|word| word.strip_prefix('[')?.strip_suffix(']'))
    {
        for name in list.split(',') {
            let unknown = || TestcaseError::Unsupported { line, what: format!("the flag {name}") };
            let flag = FLAGS.iter().find(|(known, _)| *known == name).ok_or_else(unknown)?;
            flags = flags.and(flag.1);
        }
        words.pop();
    }
    Ok(flags)
}

pub(super) fn action_named(word: &str, line: usize) -> Result<Action, TestcaseError> {
    let unknown = || TestcaseError::Unsupported { line, what: format!("the job {word}") };
    ACTIONS.iter().find(|(known, _)| *known == word).map(|(_, action)| *action).ok_or_else(unknown)
}

fn flags_text(flags: Flags) -> String {
    let names = FLAGS.iter().filter(|(_, flag)| flags.has(*flag)).map(|(name, _)| *name);
    let names: Vec<&str> = names.collect();
    if names.is_empty() { String::new() } else { format!(" [{}]", names.join(",")) }
}

/// `foo . i686 = 1` is `foo = 1` in that architecture.
pub(super) fn split_architecture(term: &Term) -> (Term, Option<String>) {
    match term {
        Term::Relation(Operator::Architecture, name, architecture) => match &**architecture {
            Term::Literal(architecture) => ((**name).clone(), Some(architecture.clone())),
            _ => (term.clone(), None),
        },
        Term::Relation(operator @ Operator::Version(_), name, version) => {
            let (name, architecture) = split_architecture(name);
            (Term::relation(*operator, name, (**version).clone()), architecture)
        }
        _ => (term.clone(), None),
    }
}

fn fits(ground: &Ground<'_, '_>, id: Id, architecture: Option<&str>) -> bool {
    architecture.is_none_or(|architecture| id != SYSTEM && ground.universe.arch(id) == architecture)
}

/// Whether name and version of the package itself match.
fn is_named(ground: &Ground<'_, '_>, id: Id, dependency: &Dependency) -> bool {
    let is = |capability: &Capability| ground.universe.is(id, capability);
    match dependency {
        Dependency::Simple(capability) => is(capability),
        Dependency::Rich(RichDependency::And(list) | RichDependency::With(list)) => {
            list.iter().all(|part| is_named(ground, id, part))
        }
        Dependency::Rich(RichDependency::Or(list)) => list.iter().any(|part| is_named(ground, id, part)),
        Dependency::Rich(_) => false,
    }
}

fn shape(term: &Term) -> Shape {
    let (_, architecture) = split_architecture(term);
    let mut shape = Shape {
        relation: matches!(term, Term::Relation(..)),
        architecture: architecture.is_some(),
        ..Shape::default()
    };
    if let Term::Relation(Operator::Version(Versions::Equal), _, version) = term
        && let Term::Literal(version) = &**version
    {
        shape.equal_release = version.contains('-');
        shape.equal_version = !shape.equal_release;
    }
    shape
}
