//! What a user types, in; the jobs that it could mean, out: the first reading that finds a package.

use std::collections::BTreeMap;

use rpm_model::Evr;

use super::narrow::{self, Relation};
use super::switches::Switches;
use super::view::{self, View};
use super::{Pick, Target};
use crate::jobs::Flags;
use crate::packages::glob;
use crate::packages::universe::Id;
use crate::testcase::TestcaseError;
use crate::testcase::term::{Operator, Term, Versions};

type Found = Result<Vec<Pick>, TestcaseError>;

pub(super) fn find(view: &View<'_, '_, '_>, text: &str, switches: Switches, line: usize) -> Found {
    if switches.has(Switches::INSTALLED_ONLY) && !view.has_installed_repository() {
        return Ok(Vec::new());
    }
    let search = Search { view, line };
    let mut picks = Vec::new();
    if switches.has(Switches::FILES) {
        picks = search.by_file(text, switches);
    }
    if picks.is_empty() && switches.has(Switches::NAME) {
        picks = search.with_relation(text, switches, false)?;
    }
    if picks.is_empty() && switches.has(Switches::PROVIDES) {
        picks = search.with_relation(text, switches, true)?;
    }
    if picks.is_empty() && switches.has(Switches::CANONICAL) {
        picks = search.canonical(text, switches)?;
    }
    if switches.has(Switches::INSTALLED_ONLY)
        && let Some(number) = view.universe.installed_number()
    {
        picks = narrow::to_repository(view, picks, number, Flags::SET_REPOSITORY, line)?;
    }
    if switches.has(Switches::FLAT) { narrow::flatten(view, picks, line) } else { Ok(picks) }
}

/// `NAME`, relation and version.
pub(super) fn split_relation(text: &str) -> Option<(&str, Versions, &str)> {
    let place = text.find(['<', '=', '>'])?;
    let (mut name, mut rest) = text.split_at(place);
    let (mut less, mut equal, mut greater) = (false, false, false);
    if let Some(shorter) = name.strip_suffix('!')
        && let Some(version) = rest.strip_prefix('=')
    {
        (name, rest) = (shorter, version);
        (less, greater) = (true, true);
    }
    while let Some(letter @ ('<' | '=' | '>')) = rest.chars().next() {
        less |= letter == '<';
        equal |= letter == '=';
        greater |= letter == '>';
        rest = &rest[1..];
    }
    let versions = match (less, equal, greater) {
        (true, true, true) => Versions::Any,
        (true, true, false) => Versions::LessOrEqual,
        (true, false, true) => Versions::Other,
        (true, false, false) => Versions::Less,
        (false, true, true) => Versions::GreaterOrEqual,
        (false, true, false) => Versions::Equal,
        (false, false, _) => Versions::Greater,
    };
    let (name, version) = (name.trim_end_matches([' ', '\t']), rest.trim_start_matches([' ', '\t']));
    (!name.is_empty() && !version.is_empty()).then_some((name, versions, version))
}

struct Search<'s, 'v, 'u, 'r> {
    view: &'s View<'v, 'u, 'r>,
    line: usize,
}

impl Search<'_, '_, '_, '_> {
    fn by_file(&self, text: &str, switches: Switches) -> Vec<Pick> {
        let pattern_in_front = switches.has(Switches::GLOB) && text.starts_with(['*', '[', '?']);
        if !text.starts_with('/') && !pattern_in_front {
            return Vec::new();
        }
        let mut by_path: BTreeMap<&str, Vec<Id>> = BTreeMap::new();
        for id in self.ids(switches).filter(|id| self.view.counts(*id, switches)) {
            let paths = self.view.universe.files(id).map(|(path, _)| path);
            for path in paths.filter(|path| view::same(text, path, switches)) {
                let owners = by_path.entry(path).or_default();
                if owners.last() != Some(&id) {
                    owners.push(id);
                }
            }
        }
        let mut picks = Vec::new();
        for owners in by_path.into_values() {
            let pick = match owners[..] {
                [owner] => Pick::package(owner),
                _ => Pick::new(Target::OneOf(owners)),
            };
            push_once(&mut picks, pick);
        }
        picks
    }

    /// A name or capability, behind it perhaps an architecture and a relation.
    fn with_relation(&self, text: &str, switches: Switches, provides: bool) -> Found {
        let split = if switches.has(Switches::RELATION) { split_relation(text) } else { None };
        let name = split.map_or(text, |(name, ..)| name);
        // What a capability adds is looked for with the relation.
        let extra_last = provides && switches.wants_unusable();
        let mut picks = self.with_architecture(name, switches, provides, extra_last)?;
        if let Some((_, versions, version)) = split {
            narrow::relate(self.view, &mut picks, &Relation::Version(versions, version), self.line)?;
        }
        if extra_last {
            narrow::add_extra(self.view, &mut picks, switches, self.line)?;
        }
        narrow::prune(self.view, &mut picks, self.line)?;
        Ok(picks)
    }

    fn with_architecture(&self, text: &str, switches: Switches, provides: bool, extra_last: bool) -> Found {
        let find = |name: &str, switches: Switches| {
            if provides { self.by_capability(name, switches) } else { self.by_name(name, switches) }
        };
        let picks = find(text, switches)?;
        if !picks.is_empty() || !switches.has(Switches::DOT_ARCHITECTURE) {
            return Ok(picks);
        }
        let known = |(_, architecture): &(&str, &str)| self.view.knows_architecture(architecture);
        let Some((name, architecture)) = text.rsplit_once('.').filter(known) else { return Ok(picks) };
        let is_source = view::is_source(architecture);
        let switches = if is_source { switches.and(Switches::SOURCE_ONLY) } else { switches };
        let mut picks = find(name, switches)?;
        narrow::relate(self.view, &mut picks, &Relation::Architecture(architecture), self.line)?;
        if !extra_last {
            narrow::prune(self.view, &mut picks, self.line)?;
        }
        Ok(picks)
    }

    fn by_name(&self, name: &str, switches: Switches) -> Found {
        let source_only = switches.has(Switches::SOURCE_ONLY);
        let switches = if source_only { switches.without(Switches::WITH_SOURCE) } else { switches };
        let plain = !switches.has(Switches::ANY_CASE) && !switches.has(Switches::SKIP_KIND);
        if plain {
            let picks = self.by_exact_name(name, switches)?;
            let is_pattern = switches.has(Switches::GLOB) && glob::is_glob(name);
            if !picks.is_empty() || !is_pattern {
                return Ok(picks);
            }
        }
        let mut picks = Vec::new();
        for id in self.ids(switches).filter(|id| self.view.counts(*id, switches)) {
            let actual = self.view.universe.name(id);
            let shown = if switches.has(Switches::SKIP_KIND) { without_kind(actual) } else { actual };
            if view::same(name, shown, switches) {
                let term = Term::Literal(actual.to_owned());
                let term = if source_only { of_source(term) } else { term };
                push_once(&mut picks, Pick::new(Target::Name(term)));
            }
        }
        narrow::add_extra(self.view, &mut picks, switches, self.line)?;
        Ok(picks)
    }

    fn by_exact_name(&self, name: &str, switches: Switches) -> Found {
        let installed_only = switches.has(Switches::INSTALLED_ONLY);
        let plain = Term::Literal(name.to_owned());
        let term = if switches.has(Switches::SOURCE_ONLY) {
            if installed_only {
                return Ok(Vec::new());
            }
            of_source(plain.clone())
        } else {
            plain.clone()
        };
        let is_there = |term: &Term| {
            let found = self.view.providing(term, self.line)?;
            let mut wanted = found.into_iter().filter(|id| !installed_only || self.view.is_installed(*id));
            Ok::<bool, TestcaseError>(wanted.any(|id| self.view.universe.name(id) == name))
        };
        let mut picks = vec![Pick::new(Target::Name(term.clone()))];
        if is_there(&term)? {
            narrow::add_extra(self.view, &mut picks, switches, self.line)?;
            return Ok(picks);
        }
        if switches.wants_unusable() {
            narrow::add_extra(self.view, &mut picks, switches, self.line)?;
            picks.retain(|pick| !matches!(pick.target, Target::Name(_)));
            return Ok(picks);
        }
        let source = of_source(plain);
        if switches.has(Switches::WITH_SOURCE) && !installed_only && is_there(&source)? {
            return Ok(vec![Pick::new(Target::Name(source))]);
        }
        Ok(Vec::new())
    }

    /// By what packages provide; sources provide nothing.
    fn by_capability(&self, name: &str, switches: Switches) -> Found {
        if switches.has(Switches::SOURCE_ONLY) {
            return Ok(Vec::new());
        }
        let any_case = switches.has(Switches::ANY_CASE);
        if !any_case {
            let picks = self.by_exact_capability(name, switches)?;
            let is_pattern = switches.has(Switches::GLOB) && glob::is_glob(name);
            if !picks.is_empty() || !is_pattern {
                return Ok(picks);
            }
        }
        let mut picks = Vec::new();
        for usable in [true, false] {
            let looked_at = |id: &Id| {
                self.view.is_usable(*id) == usable
                    && (usable || switches.wants_unusable() && self.view.counts(*id, switches))
                    && !self.view.is_source(*id)
            };
            for id in self.ids(switches).filter(looked_at) {
                let names = self.view.universe.provides(id).map(|capability| &capability.name);
                for actual in names.filter(|actual| view::same(name, actual, switches)) {
                    push_once(&mut picks, Pick::new(Target::Provides(Term::Literal(actual.clone()))));
                }
            }
        }
        Ok(picks)
    }

    fn by_exact_capability(&self, name: &str, switches: Switches) -> Found {
        let term = Term::Literal(name.to_owned());
        let installed_only = switches.has(Switches::INSTALLED_ONLY);
        let found = self.view.providing(&term, self.line)?;
        let picks = vec![Pick::new(Target::Provides(term))];
        if found.iter().any(|id| !installed_only || self.view.is_installed(*id)) {
            return Ok(picks);
        }
        if switches.wants_unusable() {
            let mut with_extra = picks.clone();
            narrow::add_extra(self.view, &mut with_extra, switches, self.line)?;
            return Ok(if with_extra == picks { Vec::new() } else { picks });
        }
        Ok(Vec::new())
    }

    /// `NAME-VERSION`, `NAME-VERSION-RELEASE`, either with `.ARCHITECTURE`.
    fn canonical(&self, text: &str, switches: Switches) -> Found {
        let Some((name, behind)) = text.rsplit_once('-') else { return Ok(Vec::new()) };
        let known = |(_, architecture): &(&str, &str)| self.view.knows_architecture(architecture);
        let (last, architecture) = match behind.rsplit_once('.').filter(known) {
            Some((last, architecture)) => (last, Some(architecture)),
            None => (behind, None),
        };
        let is_source = architecture.is_some_and(view::is_source);
        let switches = if is_source { switches.and(Switches::SOURCE_ONLY) } else { switches };
        let mut evr = last.to_owned();
        let mut picks = self.by_name(name, switches)?;
        if picks.is_empty() {
            let Some((name, version)) = name.rsplit_once('-') else { return Ok(picks) };
            evr = format!("{version}-{last}");
            picks = self.by_name(name, switches)?;
        }
        if let Some(architecture) = architecture {
            narrow::relate(self.view, &mut picks, &Relation::Architecture(architecture), self.line)?;
            narrow::prune(self.view, &mut picks, self.line)?;
        }
        self.of_version(picks, &evr)
    }

    /// Narrows to a version; where it names no epoch, that of the packages is taken.
    fn of_version(&self, picks: Vec<Pick>, evr: &str) -> Found {
        let names_epoch = evr.split_once(':').is_some_and(|(epoch, _)| is_number(epoch));
        let mut narrowed = Vec::new();
        for pick in picks {
            let fits = |id: &Id| {
                let own = &self.view.universe.nevra(*id).evr;
                let own = Evr::new(0, own.version.as_str(), own.release.as_str());
                view::admits(Versions::Equal, evr, &own)
            };
            let mut members = self.view.members(&pick, self.line)?;
            members.retain(|id| !names_epoch && fits(id));
            let mut epochs: Vec<u32> =
                members.iter().map(|id| self.view.universe.nevra(*id).evr.epoch).collect();
            epochs.sort_unstable();
            epochs.dedup();
            let version = match epochs[..] {
                [] | [0] => evr.to_owned(),
                [epoch] => format!("{epoch}:{evr}"),
                _ => {
                    narrowed.push(Pick { target: Target::OneOf(members), flags: pick.flags });
                    continue;
                }
            };
            let mut one = vec![pick];
            let relation = Relation::Version(Versions::Equal, &version);
            narrow::relate(self.view, &mut one, &relation, self.line)?;
            narrow::prune(self.view, &mut one, self.line)?;
            narrowed.append(&mut one);
        }
        Ok(narrowed)
    }

    fn ids(&self, switches: Switches) -> impl Iterator<Item = Id> {
        let installed_only = switches.has(Switches::INSTALLED_ONLY);
        self.view.universe.ids().filter(move |id| !installed_only || self.view.is_installed(*id))
    }
}

fn of_source(term: Term) -> Term {
    Term::relation(Operator::Architecture, term, Term::Literal("src".to_owned()))
}

fn push_once(picks: &mut Vec<Pick>, pick: Pick) {
    if !picks.contains(&pick) {
        picks.push(pick);
    }
}

/// `pattern:devel` without `pattern:`.
fn without_kind(name: &str) -> &str {
    match name.split_once(':') {
        Some((kind, rest)) if !kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_lowercase()) => rest,
        _ => name,
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
