//! Two revisions of a project, in; which components differ between them, and in what, out.
//! Only the module `revision` reads a repository and a disk.

mod export;
mod revision;

use std::collections::{BTreeMap, BTreeSet};

pub use revision::{AtRevision, Project, RevisionError, definition_at, read};

/// What a revision says about its components, by name.
pub type Revision = BTreeMap<String, Facts>;

/// What a revision says about a component.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// Digest of what the definition says about it, with the files it brings in; absent: it is not defined.
    pub definition: Option<String>,
    /// Digest of its lock.
    pub lock: Option<String>,
    /// The fingerprint in its lock.
    pub fingerprint: Option<String>,
    /// Digest of its rendered folder.
    pub rendered: Option<String>,
    /// Digest of its rendered `sources` file.
    pub sources: Option<String>,
}

/// How a component differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its name.
    pub name: String,
    /// What became of it.
    pub kind: ChangeKind,
    /// Whether the definition says something else about it.
    pub definition: bool,
    /// Whether its lock is another.
    pub lock: bool,
    /// Whether its rendered folder is another.
    pub rendered: bool,
    /// Whether the archives that its rendered `sources` file lists are others.
    pub sources: bool,
    /// Whether its `sources` file is another although its lock says that nothing it is made from is: nobody rendered that.
    pub unexplained: bool,
}

/// What became of a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// Something about it is another.
    Changed,
    /// It is gone.
    Deleted,
    /// Nothing.
    Unchanged,
}

impl ChangeKind {
    /// In one lower-case word.
    pub fn as_str(self) -> &'static str {
        match self {
            ChangeKind::Added => "added",
            ChangeKind::Changed => "changed",
            ChangeKind::Deleted => "deleted",
            ChangeKind::Unchanged => "unchanged",
        }
    }
}

/// Every component of both revisions, in the order of names.
pub fn compare(from: &Revision, to: &Revision) -> Vec<Change> {
    let names: BTreeSet<&String> = from.keys().chain(to.keys()).collect();
    let absent = Facts::default();
    let change =
        |name: &&String| change(name, from.get(*name).unwrap_or(&absent), to.get(*name).unwrap_or(&absent));
    names.iter().map(change).collect()
}

fn change(name: &str, from: &Facts, to: &Facts) -> Change {
    let definition = from.definition != to.definition;
    let lock = from.lock != to.lock;
    let rendered = from.rendered != to.rendered;
    let sources = from.sources != to.sources;
    let kind = match (from.definition.is_some(), to.definition.is_some()) {
        (false, true) => ChangeKind::Added,
        (true, false) => ChangeKind::Deleted,
        _ if definition || lock || rendered || sources => ChangeKind::Changed,
        _ => ChangeKind::Unchanged,
    };
    let unexplained = sources && from.fingerprint.is_some() && from.fingerprint == to.fingerprint;
    Change { name: name.to_owned(), kind, definition, lock, rendered, sources, unexplained }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(definition: &str, fingerprint: &str, sources: &str) -> Facts {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Facts {
            definition: some(definition),
            lock: some(fingerprint),
            fingerprint: some(fingerprint),
            rendered: some(sources),
            sources: some(sources),
        }
    }

    fn kinds(from: Facts, to: Facts) -> (ChangeKind, bool) {
        let change = change("tool", &from, &to);
        (change.kind, change.unexplained)
    }

    #[test]
    fn being_defined_decides_over_new_and_gone() {
        let there = || facts("1", "f", "s");
        assert_eq!(kinds(Facts::default(), there()).0, ChangeKind::Added);
        assert_eq!(kinds(there(), Facts::default()).0, ChangeKind::Deleted);
        assert_eq!(kinds(there(), there()).0, ChangeKind::Unchanged);
        assert_eq!(kinds(there(), facts("2", "f", "s")).0, ChangeKind::Changed);
        assert_eq!(kinds(there(), facts("1", "g", "s")).0, ChangeKind::Changed);
    }

    #[test]
    fn sources_that_change_under_one_fingerprint_are_unexplained() {
        assert_eq!(kinds(facts("1", "f", "s"), facts("1", "f", "t")), (ChangeKind::Changed, true));
        assert_eq!(kinds(facts("1", "f", "s"), facts("1", "g", "t")), (ChangeKind::Changed, false));
        assert_eq!(
            kinds(facts("1", "", "s"), facts("1", "", "t")),
            (ChangeKind::Changed, false),
            "no lock, no promise"
        );
    }

    #[test]
    fn all_names_of_both_sides_are_told_in_order() {
        let from =
            Revision::from([("b".to_owned(), facts("1", "", "")), ("a".to_owned(), facts("1", "", ""))]);
        let to = Revision::from([("c".to_owned(), facts("1", "", ""))]);
        let names: Vec<String> = compare(&from, &to).into_iter().map(|change| change.name).collect();
        assert_eq!(names, ["a", "b", "c"]);
    }
}
