//! A spec, the files beside it and overlays, in; what this crate makes of them, out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;
use spec_overlay::{
    Contents, EntryKind, FileChange, Glob, GoRegex, Overlay, SourceEntry, SourceError, SourceFiles, apply,
};

use crate::archive;

/// One thing to try on both sides.
#[derive(Clone, Debug)]
pub struct Case {
    /// The spec.
    pub spec: Vec<u8>,
    /// Files beside it.
    pub files: Vec<(String, Vec<u8>)>,
    /// Files of the definition that overlays bring in.
    pub sources: Vec<(String, Vec<u8>)>,
    /// The overlays as their tables.
    pub overlays: Vec<Value>,
}

/// What became of a case.
#[derive(Debug)]
pub enum Outcome {
    /// The list applied.
    Applied {
        /// The spec.
        spec: Vec<u8>,
        /// The files beside it, sorted.
        files: Vec<(String, Vec<u8>)>,
    },
    /// It did not.
    Refused {
        /// The overlay that did not apply, from 0.
        at: i64,
        /// Why, in words.
        why: String,
    },
}

/// The place of an overlay that refused, when the judge does not tell it.
const UNTOLD: i64 = -1;

impl Outcome {
    /// Whether both sides say the same; the words of a refusal are each side's own.
    pub fn agrees_with(&self, other: &Outcome) -> bool {
        match (self, other) {
            (Outcome::Applied { spec, files }, Outcome::Applied { spec: other, files: others }) => {
                spec == other && unpacked(files) == unpacked(others)
            }
            (Outcome::Refused { at, .. }, Outcome::Refused { at: other, .. }) => {
                at == other || *other == UNTOLD
            }
            _ => false,
        }
    }
}

impl Case {
    /// What this crate makes of it.
    pub fn ours(&self) -> Outcome {
        let mut overlays = Vec::new();
        let mut unreadable = None;
        for table in &self.overlays {
            match overlay(table) {
                Ok(overlay) => overlays.push(overlay),
                Err(why) => {
                    unreadable = Some(why);
                    break;
                }
            }
        }
        let refused = |at: usize, why| Outcome::Refused { at: at.try_into().expect("few overlays"), why };
        let applied = match apply(&self.spec, &overlays, self) {
            Ok(applied) => applied,
            Err(error) => return refused(error.index, error.to_string()),
        };
        if let Some(why) = unreadable {
            return refused(overlays.len(), why);
        }
        let mut files: BTreeMap<String, Vec<u8>> = self.files.iter().cloned().collect();
        let former = files.clone();
        for (path, change) in applied.files {
            let contents = match change {
                FileChange::Removed => {
                    files.remove(&path);
                    continue;
                }
                FileChange::Written { contents, .. } => contents,
            };
            let bytes = match contents {
                Contents::Bytes(bytes) => bytes,
                Contents::Former(path) => former[&path].clone(),
                Contents::Source(path) => self.read_source(&path).expect("it was read before"),
            };
            files.insert(path, bytes);
        }
        Outcome::Applied { spec: applied.spec, files: files.into_iter().collect() }
    }

    /// The case for a person to read.
    pub fn shown(&self) -> String {
        let mut text = format!("--- spec\n{}\n", self.spec.escape_ascii().to_string().replace("\\n", "\n"));
        for (name, bytes) in &self.files {
            let _infallible = writeln!(text, "--- file {name}: {}", bytes.escape_ascii());
        }
        for overlay in &self.overlays {
            let _infallible = writeln!(text, "--- overlay {overlay}");
        }
        text
    }
}

impl SourceFiles for Case {
    fn entries(&self) -> Result<Vec<SourceEntry>, SourceError> {
        let mut entries = BTreeSet::new();
        for (name, _) in &self.files {
            entries.insert(SourceEntry { path: name.clone(), kind: EntryKind::File });
            for (at, _) in name.match_indices('/') {
                entries.insert(SourceEntry { path: name[..at].to_owned(), kind: EntryKind::Folder });
            }
        }
        Ok(entries.into_iter().collect())
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, SourceError> {
        find(&self.files, path)
    }

    fn read_source(&self, source: &Path) -> Result<Vec<u8>, SourceError> {
        find(&self.sources, source.to_str().unwrap_or_default())
    }

    fn has_archives(&self) -> bool {
        true
    }
}

/// Compressors differ, what they compress may not.
fn unpacked(files: &[(String, Vec<u8>)]) -> Vec<(String, Vec<u8>)> {
    files.iter().map(|(name, bytes)| (name.clone(), archive::unpacked(name, bytes))).collect()
}

fn find(files: &[(String, Vec<u8>)], path: &str) -> Result<Vec<u8>, SourceError> {
    let found = files.iter().find(|(name, _)| name == path);
    found.map(|(_, bytes)| bytes.clone()).ok_or_else(|| format!("there is no file {path}").into())
}

fn overlay(table: &Value) -> Result<Overlay, String> {
    let optional = |name: &str| table[name].as_str().map(str::to_owned);
    let text = |name: &str| optional(name).unwrap_or_default();
    let lines = || {
        table["lines"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|line| line.as_str().unwrap_or_default().to_owned())
            .collect()
    };
    let regex = || GoRegex::new(&text("regex")).map_err(|error| error.to_string());
    let glob = || Glob::new(&text("file")).map_err(|error| error.to_string());
    let (package, tag, value) = (text("package"), text("tag"), text("value"));
    Ok(match table["type"].as_str().unwrap_or_default() {
        "spec-add-tag" => Overlay::AddTag { package, tag, value },
        "spec-insert-tag" => Overlay::InsertTag { package, tag, value },
        "spec-set-tag" => Overlay::SetTag { package, tag, value },
        "spec-update-tag" => Overlay::UpdateTag { package, tag, value },
        "spec-remove-tag" => Overlay::RemoveTag { package, tag, value: optional("value") },
        "spec-prepend-lines" => {
            Overlay::PrependLines { section: optional("section"), package, lines: lines() }
        }
        "spec-append-lines" => Overlay::AppendLines { section: optional("section"), package, lines: lines() },
        "spec-search-replace" => Overlay::SearchReplace {
            section: optional("section"),
            package: optional("package"),
            regex: regex()?,
            replacement: text("replacement"),
        },
        "spec-remove-section" => Overlay::RemoveSection { section: text("section"), package },
        "spec-remove-subpackage" => Overlay::RemoveSubpackage { package },
        "patch-add" => Overlay::AddPatch { package, source: text("source").into(), file: optional("file") },
        "patch-remove" => Overlay::RemovePatch { file: glob()? },
        "file-prepend-lines" => Overlay::PrependFileLines { file: glob()?, lines: lines() },
        "file-search-replace" => Overlay::ReplaceInFile {
            file: glob()?,
            archive: optional("archive"),
            regex: regex()?,
            replacement: text("replacement"),
        },
        "file-add" => Overlay::AddFile { file: text("file"), source: text("source").into() },
        "file-remove" => Overlay::RemoveFile { file: glob()?, archive: optional("archive") },
        "file-rename" => Overlay::RenameFile { file: glob()?, replacement: text("replacement") },
        other => return Err(format!("no type {other}")),
    })
}
