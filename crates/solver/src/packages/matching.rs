//! What one types, in; the packages meant, out: in the order in which dnf tries the readings.

use rpm_model::{Capability, Nevra, rpmvercmp};

use crate::ground::Ground;
use crate::packages::glob;
use crate::packages::universe::{Id, SYSTEM, Universe};

/// The packages that a text stands for.
#[derive(Debug)]
pub(crate) struct Matched {
    /// Sorted.
    pub(crate) packages: Vec<Id>,
    /// The text is a bare name, so a package that replaces it will do as well.
    just_name: bool,
}

/// Name, version and architecture as far as a text states them.
#[derive(Clone, Debug)]
struct Pattern<'t> {
    name: &'t str,
    epoch: Option<&'t str>,
    version: Option<&'t str>,
    release: Option<&'t str>,
    architecture: Option<&'t str>,
}

/// Groups of packages, one of each of which is to be installed; empty when nothing matches.
pub(crate) fn candidates(ground: &Ground<'_, '_>, text: &str) -> Vec<Vec<Id>> {
    let Some(matched) = find(ground, text) else { return Vec::new() };
    let is_path = text.starts_with('/') || text.starts_with("*/");
    if !is_path && glob::is_glob(text) {
        return by_name(ground, matched);
    }
    vec![with_obsoleters(ground, matched.packages, matched.just_name)]
}

/// The installable package of exactly that name, version and architecture; several repositories may have it.
pub(crate) fn exactly(ground: &Ground<'_, '_>, nevra: &Nevra) -> Vec<Id> {
    let named = ground.universe.named(&nevra.name).iter().copied();
    named.filter(|id| ground.installable(*id) && ground.universe.nevra(*id) == nevra).collect()
}

/// Packages that an exclusion means, installable or not.
pub(crate) fn excluded(universe: &Universe<'_>, text: &str) -> Vec<Id> {
    let meant = |id: Id| universe.score(id) != 0;
    by_nevra(universe, text, &meant).map_or_else(Vec::new, |matched| matched.packages)
}

fn find(ground: &Ground<'_, '_>, text: &str) -> Option<Matched> {
    let universe = ground.universe;
    let installable = |id: Id| ground.installable(id);
    if let Some(matched) = by_nevra(universe, text, &installable) {
        return Some(matched);
    }
    let not_just_name =
        |packages: Vec<Id>| (!packages.is_empty()).then_some(Matched { packages, just_name: false });
    if let Ok(capability) = Capability::parse(text) {
        let mut packages: Vec<Id> = if glob::is_glob(&capability.name) {
            let all = universe.ids().filter(|id| ground.installable(*id));
            all.filter(|id| provides_like(universe, *id, &capability)).collect()
        } else {
            universe.providers(&capability)
        };
        packages.retain(|id| *id != SYSTEM && ground.installable(*id));
        if let Some(matched) = not_just_name(packages) {
            return Some(matched);
        }
    }
    if text.starts_with('/') || text.starts_with("*/") {
        return not_just_name(owners(ground, text));
    }
    let programs = ["/usr/bin/", "/usr/sbin/"].map(|folder| format!("{folder}{text}"));
    let provided = programs.iter().flat_map(|path| universe.providers(&Capability::any(path.as_str())));
    let mut packages: Vec<Id> = provided.filter(|id| ground.installable(*id)).collect();
    packages.sort_unstable();
    packages.dedup();
    not_just_name(packages)
}

fn provides_like(universe: &Universe<'_>, id: Id, wanted: &Capability) -> bool {
    universe.provides(id).any(|provided| {
        let ranges_meet = match (&provided.constraint, &wanted.constraint) {
            (Some(a), Some(b)) => a.overlaps(b),
            _ => true,
        };
        ranges_meet && glob::matches(&wanted.name, &provided.name)
    })
}

/// Installable packages with a file of that path, or of a path that matches.
fn owners(ground: &Ground<'_, '_>, path: &str) -> Vec<Id> {
    let universe = ground.universe;
    if !glob::is_glob(path) {
        // Files of a plain path are found as what is provided.
        return Vec::new();
    }
    let owns = |id: &Id| universe.files(*id).any(|(owned, _)| glob::matches(path, owned));
    universe.ids().filter(|id| ground.installable(*id)).filter(owns).collect()
}

/// Readings as name, version and architecture: the first that any package matches.
fn by_nevra(universe: &Universe<'_>, text: &str, meant: &dyn Fn(Id) -> bool) -> Option<Matched> {
    if text.contains(['(', '/', '=', '<', '>', ' ']) {
        return None;
    }
    for pattern in readings(text) {
        let packages: Vec<Id> = if glob::is_glob(pattern.name) {
            // The name alone rules out nearly all.
            let named = universe.ids().filter(|id| glob::matches(pattern.name, universe.name(*id)));
            named.filter(|id| meant(*id) && pattern.matches(universe.nevra(*id))).collect()
        } else {
            let named = universe.named(pattern.name).iter().copied();
            named.filter(|id| meant(*id) && pattern.matches(universe.nevra(*id))).collect()
        };
        if !packages.is_empty() {
            let just_name = pattern.version.is_none() && pattern.architecture.is_none();
            return Some(Matched { packages, just_name });
        }
    }
    None
}

/// NEVRA, NAME.ARCH, NAME, NAME-EVR, NAME-EV.
fn readings(text: &str) -> Vec<Pattern<'_>> {
    let bare = Pattern { name: text, epoch: None, version: None, release: None, architecture: None };
    let dot = text.rsplit_once('.').filter(|(name, arch)| !name.is_empty() && !arch.is_empty());
    let nevra = dot.and_then(|(rest, architecture)| {
        let nevr = with_release(rest)?;
        Some(Pattern { architecture: Some(architecture), ..nevr })
    });
    let name_arch =
        dot.map(|(name, architecture)| Pattern { name, architecture: Some(architecture), ..bare });
    let with_version = split_version(text, None);
    [nevra, name_arch, Some(bare.clone()), with_release(text), with_version].into_iter().flatten().collect()
}

fn with_release(text: &str) -> Option<Pattern<'_>> {
    let (rest, release) = text.rsplit_once('-').filter(|(_, release)| !release.is_empty())?;
    split_version(rest, Some(release))
}

fn split_version<'t>(text: &'t str, release: Option<&'t str>) -> Option<Pattern<'t>> {
    let (name, version) =
        text.rsplit_once('-').filter(|(name, version)| !name.is_empty() && !version.is_empty())?;
    let (epoch, version) = match version.split_once(':') {
        Some((epoch, version)) => (Some(epoch), version),
        None => (None, version),
    };
    Some(Pattern { name, epoch, version: Some(version), release, architecture: None })
}

impl Pattern<'_> {
    fn matches(&self, nevra: &Nevra) -> bool {
        let same = |wanted: Option<&str>, actual: &str| {
            wanted.is_none_or(|wanted| {
                wanted == actual || glob::is_glob(wanted) && glob::matches(wanted, actual)
            })
        };
        let same_version = |wanted: Option<&str>, actual: &str| {
            same(wanted, actual) || wanted.is_some_and(|w| rpmvercmp(w, actual).is_eq())
        };
        same(Some(self.name), &nevra.name)
            && same(self.architecture, &nevra.arch)
            && same_version(self.version, &nevra.evr.version)
            && same_version(self.release, &nevra.evr.release)
            && self.epoch.is_none_or(|epoch| epoch.parse() == Ok(nevra.evr.epoch))
    }
}

/// A glob asks for every package that matches.
fn by_name(ground: &Ground<'_, '_>, matched: Matched) -> Vec<Vec<Id>> {
    let mut groups: std::collections::BTreeMap<&str, Vec<Id>> = std::collections::BTreeMap::new();
    for id in matched.packages {
        groups.entry(ground.universe.name(id)).or_default().push(id);
    }
    groups.into_values().map(|group| with_obsoleters(ground, group, matched.just_name)).collect()
}

/// Adds the packages that obsolete the newest of a group, so that a package that was renamed is found.
fn with_obsoleters(ground: &Ground<'_, '_>, mut group: Vec<Id>, just_name: bool) -> Vec<Id> {
    if !just_name {
        return group;
    }
    let universe = ground.universe;
    let newest: Vec<Id> = group.iter().copied().filter(|id| is_newest(universe, *id, &group)).collect();
    for older in newest {
        let replacing = universe.obsoleters_of(universe.name(older)).into_iter();
        group.extend(replacing.filter(|id| {
            ground.installable(*id)
                && universe.obsoletes(*id).any(|capability| universe.is(older, capability))
        }));
    }
    group.sort_unstable();
    group.dedup();
    group
}

fn is_newest(universe: &Universe<'_>, id: Id, group: &[Id]) -> bool {
    let nevra = universe.nevra(id);
    let priority = universe.priority(id);
    group.iter().all(|other| {
        let theirs = universe.nevra(*other);
        let their_priority = universe.priority(*other);
        (&theirs.name, &theirs.arch) != (&nevra.name, &nevra.arch)
            || priority < their_priority
            || priority == their_priority && theirs.evr.compare(&nevra.evr).is_le()
    })
}
