//! Two locks, in; what changed in each image, out.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use rpm_model::{Evr, Nevra};
use serde::Serialize;

use super::{Lock, LockedUpstream};

/// What changed between two locks: only images that differ.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Changes {
    /// By upstream id, then image name.
    pub upstreams: BTreeMap<String, BTreeMap<String, ImageChanges>>,
}

/// What changed in one image, sorted by package name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct ImageChanges {
    /// Every package that is not as before.
    pub changes: Vec<Change>,
}

/// One package that is not as before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Its name.
    pub name: String,
    /// What became of it.
    pub kind: ChangeKind,
    /// What it was.
    #[serde(serialize_with = "as_text")]
    pub from: Option<Nevra>,
    /// What it is.
    #[serde(serialize_with = "as_text")]
    pub to: Option<Nevra>,
}

/// What became of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// Its version is higher.
    Upgraded,
    /// Its version is lower.
    Downgraded,
    /// Its version is the same and its architecture or its bytes are others.
    Rebuilt,
}

impl Lock {
    /// What has to happen to `old` to become `new`.
    pub fn changes(old: &Self, new: &Self) -> Changes {
        let empty = LockedUpstream::default();
        let ids: BTreeSet<&String> = old.upstreams.keys().chain(new.upstreams.keys()).collect();
        let mut changes = Changes::default();
        for id in ids {
            let before = old.upstreams.get(id).unwrap_or(&empty);
            let after = new.upstreams.get(id).unwrap_or(&empty);
            let images: BTreeSet<&String> = before.images.keys().chain(after.images.keys()).collect();
            for image in images {
                let image_changes = compare(before, after, image);
                if !image_changes.changes.is_empty() {
                    changes.upstreams.entry(id.clone()).or_default().insert(image.clone(), image_changes);
                }
            }
        }
        changes
    }
}

impl Changes {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.upstreams.is_empty()
    }
}

impl ImageChanges {
    /// How many packages changed in one way.
    pub fn count(&self, kind: ChangeKind) -> usize {
        self.changes.iter().filter(|change| change.kind == kind).count()
    }
}

fn as_text<S: serde::Serializer>(nevra: &Option<Nevra>, serializer: S) -> Result<S::Ok, S::Error> {
    nevra.as_ref().map(Nevra::to_string).serialize(serializer)
}

fn compare(before: &LockedUpstream, after: &LockedUpstream, image: &str) -> ImageChanges {
    let mut gone: BTreeMap<&str, Vec<&Nevra>> = BTreeMap::new();
    let mut come: BTreeMap<&str, Vec<&Nevra>> = BTreeMap::new();
    let mut changes = Vec::new();
    let new: BTreeMap<_, _> = after.packages_of(image).map(|(nevra, package, _)| (nevra, package)).collect();
    let old: BTreeMap<_, _> = before.packages_of(image).map(|(nevra, package, _)| (nevra, package)).collect();
    for (nevra, package) in &old {
        match new.get(nevra) {
            None => gone.entry(&nevra.name).or_default().push(nevra),
            Some(other) if other.checksum != package.checksum => {
                changes.push(Change::new(ChangeKind::Rebuilt, Some(nevra), Some(nevra)));
            }
            Some(_) => {}
        }
    }
    for nevra in new.keys().filter(|nevra| !old.contains_key(*nevra)) {
        come.entry(&nevra.name).or_default().push(nevra);
    }
    let names: BTreeSet<&str> = gone.keys().chain(come.keys()).copied().collect();
    for name in names {
        // Several versions of one name (kernels) are paired from the newest down.
        let mut from = gone.remove(name).unwrap_or_default().into_iter().rev();
        let mut to = come.remove(name).unwrap_or_default().into_iter().rev();
        loop {
            let (from, to) = (from.next(), to.next());
            let kind = match (from, to) {
                (None, None) => break,
                (Some(_), None) => ChangeKind::Removed,
                (None, Some(_)) => ChangeKind::Added,
                (Some(from), Some(to)) => kind_of(&from.evr, &to.evr),
            };
            changes.push(Change::new(kind, from, to));
        }
    }
    changes.sort_by(|a, b| a.name.cmp(&b.name));
    ImageChanges { changes }
}

fn kind_of(from: &Evr, to: &Evr) -> ChangeKind {
    match from.compare(to) {
        Ordering::Less => ChangeKind::Upgraded,
        Ordering::Greater => ChangeKind::Downgraded,
        Ordering::Equal => ChangeKind::Rebuilt,
    }
}

impl Change {
    fn new(kind: ChangeKind, from: Option<&Nevra>, to: Option<&Nevra>) -> Self {
        let name = from.or(to).map_or_else(String::new, |nevra| nevra.name.clone());
        Self { name, kind, from: from.cloned(), to: to.cloned() }
    }
}

impl fmt::Display for Changes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return writeln!(formatter, "nothing changed");
        }
        for (upstream, images) in &self.upstreams {
            for (image, changes) in images {
                writeln!(formatter, "{image} on {upstream}: {}", changes.summary())?;
                for change in &changes.changes {
                    writeln!(formatter, "  {change}")?;
                }
            }
        }
        Ok(())
    }
}

impl ImageChanges {
    /// `2 added, 1 upgraded`.
    fn summary(&self) -> String {
        use ChangeKind::{Added, Downgraded, Rebuilt, Removed, Upgraded};
        let kinds = [Added, Removed, Upgraded, Downgraded, Rebuilt];
        let counted = kinds.map(|kind| (kind, self.count(kind)));
        let counted: Vec<String> = counted
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(kind, count)| format!("{count} {kind}"))
            .collect();
        counted.join(", ")
    }
}

impl fmt::Display for Change {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:<10} ", self.kind.as_str())?;
        match (&self.from, &self.to) {
            (Some(from), Some(to)) if from == to => write!(formatter, "{to}"),
            (Some(from), Some(to)) if from.arch != to.arch => write!(formatter, "{from} -> {to}"),
            (Some(from), Some(to)) => write!(formatter, "{} {} -> {}", self.name, from.evr, to.evr),
            (Some(only), None) | (None, Some(only)) => write!(formatter, "{only}"),
            (None, None) => Ok(()),
        }
    }
}

impl ChangeKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Upgraded => "upgraded",
            Self::Downgraded => "downgraded",
            Self::Rebuilt => "rebuilt",
        }
    }
}

impl fmt::Display for ChangeKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
