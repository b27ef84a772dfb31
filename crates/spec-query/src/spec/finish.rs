//! A spec that was read, in; what it describes, out.

use std::collections::BTreeMap;

use super::dependencies::{self, Dependency, EQUAL};
use super::packages::PackageState;
use super::{Reader, value};
use crate::evaluation::{Evaluation, Note, Package, RelationKind, Source, SourcePackage, Value};

impl Reader {
    /// The answer, made now or when [`Self::summarise`] was called.
    pub(super) fn finish(mut self) -> Evaluation {
        self.summarise();
        // Notes may have come after it was made.
        let (doubts, messages) = self.notes();
        let evaluation = self.summary.unwrap_or_else(|| Evaluation {
            packages: Vec::new(),
            source: SourcePackage::default(),
            doubts: Vec::new(),
            messages: Vec::new(),
            fallbacks: Vec::new(),
            expanded: String::new(),
        });
        let fallbacks = self.engine.fallbacks.borrow().iter().cloned().collect();
        Evaluation { doubts, messages, fallbacks, ..evaluation }
    }

    /// Makes the answer while macros are what they are.
    pub(super) fn summarise(&mut self) {
        if self.summary.is_some() {
            return;
        }
        let (doubts, messages) = self.notes();
        let expanded = self.engine.unknowns.readable(&self.lines.read);
        let packages = self.packages();
        let source = self.source_package();
        let fallbacks = Vec::new();
        self.summary = Some(Evaluation { packages, source, doubts, messages, fallbacks, expanded });
    }

    fn notes(&self) -> (Vec<Note>, Vec<Note>) {
        let messages = self.engine.messages.borrow();
        let of = |doubts: bool| {
            let chosen = messages.iter().filter(|message| message.is_doubt == doubts);
            chosen.map(|message| Note { line: message.line, text: message.text.clone() }).collect()
        };
        (of(true), of(false))
    }

    fn packages(&self) -> Vec<Package> {
        let Some(main) = self.packages.first() else { return Vec::new() };
        let arch = self.engine.expand(b"%{_target_cpu}").unwrap_or_default();
        let isa = self.engine.expand(b"%{?_isa}").unwrap_or_default();
        self.packages.iter().map(|package| self.package(package, main, &arch, &isa)).collect()
    }

    fn package(&self, package: &PackageState, main: &PackageState, arch: &[u8], isa: &[u8]) -> Package {
        let known = |text: &[u8]| value(text, &self.engine.unknowns);
        let inherited = |word: &str| package.tags.get(word).or_else(|| main.tags.get(word));
        let text = |word: &str| inherited(word).map(|text| known(text));
        let of_main = |word: &str| known(inherited(word).map(Vec::as_slice).unwrap_or_default());
        let arch = if package.is_noarch { b"noarch".as_slice() } else { arch };
        let epoch = package.epoch.or(main.epoch);
        let mut all = package.dependencies.clone();
        let evr = {
            let part = |word: &str| inherited(word).cloned().unwrap_or_default();
            let epoch = epoch.map(|epoch| format!("{epoch}:").into_bytes()).unwrap_or_default();
            [epoch, part("version"), b"-".to_vec(), part("release")].concat()
        };
        let provides = all.entry(RelationKind::Provides).or_default();
        let mut provide = |name: Vec<u8>| {
            provides.insert(Dependency { name, version: evr.clone(), flags: EQUAL, trigger: 0 })
        };
        provide(package.name.clone());
        if arch != b"noarch" && !isa.is_empty() {
            provide([package.name.as_slice(), isa].concat());
        }
        let relations: BTreeMap<RelationKind, _> = all
            .iter()
            .map(|(kind, list)| (*kind, dependencies::relations(list, &self.engine.unknowns)))
            .collect();
        Package {
            name: known(&package.name),
            epoch,
            version: of_main("version"),
            release: of_main("release"),
            arch: known(arch),
            // A sub-package has a summary of its own.
            summary: package.tags.get("summary").map(|text| known(text)),
            license: text("license"),
            url: text("url"),
            is_built: package.is_built,
            relations,
        }
    }

    fn source_package(&self) -> SourcePackage {
        let unknowns = &self.engine.unknowns;
        let list =
            |words: &[Vec<u8>]| -> Vec<Value> { words.iter().map(|word| value(word, unknowns)).collect() };
        let sources = self.sources.iter().map(|source| Source {
            is_patch: source.file.is_patch,
            number: source.file.number,
            location: value(&source.location, unknowns),
            file_name: value(&self.engine.expand(&source.file.name).unwrap_or_default(), unknowns),
            is_withheld: source.is_withheld,
        });
        SourcePackage {
            build_requires: dependencies::relations(&self.source.requires, unknowns),
            build_conflicts: dependencies::relations(&self.source.conflicts, unknowns),
            exclusive_arch: list(&self.source.exclusive_arch),
            exclude_arch: list(&self.source.exclude_arch),
            sources: sources.collect(),
            has_dynamic_build_requires: self.seen.build.contains("generate_buildrequires"),
        }
    }
}
