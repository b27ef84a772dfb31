//! A case file in, its spec, files, overlays and what should come of them, out.

use std::collections::BTreeMap;
use std::path::Path;

use spec_overlay::{
    Contents, EntryKind, FileChange, FileChanges, Glob, GoRegex, LineText, Overlay, SourceEntry, SourceError,
    SourceFiles,
};
use toml::{Table, Value};

/// The files beside a spec and those of the definition, in memory.
#[derive(Debug, Clone, Default)]
pub struct Files {
    pub files: BTreeMap<String, Vec<u8>>,
    pub links: Vec<String>,
    pub sources: BTreeMap<String, Vec<u8>>,
    pub archives: bool,
}

impl SourceFiles for Files {
    fn entries(&self) -> Result<Vec<SourceEntry>, SourceError> {
        let mut entries = Vec::new();
        for path in self.files.keys() {
            let mut folder = path.as_str();
            while let Some((above, _)) = folder.rsplit_once('/') {
                entries.push(SourceEntry { path: above.to_owned(), kind: EntryKind::Folder });
                folder = above;
            }
            let kind = if self.links.contains(path) { EntryKind::Link } else { EntryKind::File };
            entries.push(SourceEntry { path: path.clone(), kind });
        }
        Ok(entries)
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, SourceError> {
        self.files.get(path).cloned().ok_or_else(|| format!("no file {path}").into())
    }

    fn read_source(&self, source: &Path) -> Result<Vec<u8>, SourceError> {
        let name = source.to_str().unwrap_or_default();
        self.sources.get(name).cloned().ok_or_else(|| format!("no source {name}").into())
    }

    fn has_archives(&self) -> bool {
        self.archives
    }
}

impl Files {
    /// The files as they are after the changes.
    pub fn after(&self, changes: &FileChanges) -> BTreeMap<String, Vec<u8>> {
        let mut after = self.files.clone();
        for (path, change) in changes {
            match change {
                FileChange::Removed => {
                    after.remove(path);
                }
                FileChange::Written { contents, .. } => {
                    let bytes = match contents {
                        Contents::Bytes(bytes) => bytes.clone(),
                        Contents::Former(former) => self.files[former].clone(),
                        Contents::Source(source) => self.read_source(source).unwrap(),
                    };
                    after.insert(path.clone(), bytes);
                }
            }
        }
        after
    }
}

/// An overlay as a table has it.
pub fn overlay(table: &Table) -> Overlay {
    let text = |key: &str| table.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let maybe = |key: &str| Some(text(key)).filter(|text| !text.is_empty());
    let lines = || -> Vec<String> {
        let lines = table.get("lines").and_then(Value::as_array).cloned().unwrap_or_default();
        lines.iter().map(|line| line.as_str().expect("lines are strings").to_owned()).collect()
    };
    let glob = || Glob::new(&text("file")).expect("the case's pattern is one");
    let regex = || GoRegex::new(&text("regex")).expect("the case's expression is one");
    let count = table
        .get("count")
        .and_then(Value::as_integer)
        .map_or(1, |count| usize::try_from(count).expect("a count is not negative"));
    let line = || match maybe("line") {
        Some(line) => LineText::Whole(line),
        None => LineText::Containing(text("containing")),
    };
    let (package, section) = (text("package"), text("section"));
    let (tag, value, replacement) = (text("tag"), text("value"), text("replacement"));
    match text("type").as_str() {
        "spec-add-tag" => Overlay::AddTag { package, tag, value },
        "spec-insert-tag" => Overlay::InsertTag { package, tag, value },
        "spec-set-tag" => Overlay::SetTag { package, tag, value },
        "spec-update-tag" => Overlay::UpdateTag { package, tag, value },
        "spec-remove-tag" => Overlay::RemoveTag { package, tag, value: maybe("value") },
        "spec-prepend-lines" => Overlay::PrependLines { section: maybe("section"), package, lines: lines() },
        "spec-append-lines" => Overlay::AppendLines { section: maybe("section"), package, lines: lines() },
        "spec-search-replace" => Overlay::SearchReplace {
            section: maybe("section"),
            package: maybe("package"),
            regex: regex(),
            replacement,
        },
        "spec-remove-section" => Overlay::RemoveSection { section, package },
        "spec-remove-subpackage" => Overlay::RemoveSubpackage { package },
        "patch-add" => Overlay::AddPatch { package, source: text("source").into(), file: maybe("file") },
        "patch-remove" => Overlay::RemovePatch { file: glob() },
        "file-prepend-lines" => Overlay::PrependFileLines { file: glob(), lines: lines() },
        "file-search-replace" => {
            Overlay::ReplaceInFile { file: glob(), archive: maybe("archive"), regex: regex(), replacement }
        }
        "file-add" => Overlay::AddFile { file: text("file"), source: text("source").into() },
        "file-remove" => Overlay::RemoveFile { file: glob(), archive: maybe("archive") },
        "file-rename" => Overlay::RenameFile { file: glob(), replacement },
        "spec-set-macro" => Overlay::SetMacro { name: text("name"), value, count },
        "spec-set-bcond" => Overlay::SetBuildCondition {
            name: text("name"),
            enabled: table.get("enabled").and_then(Value::as_bool).expect("enabled is given"),
            count,
        },
        "spec-add-argument" => Overlay::AddArgument {
            section,
            package,
            command: text("command"),
            argument: text("argument"),
            count,
        },
        "spec-drop-argument" => Overlay::DropArgument {
            section,
            package,
            command: text("command"),
            argument: text("argument"),
            count,
        },
        "spec-drop-line" => {
            Overlay::DropLine { section: maybe("section"), package: maybe("package"), line: line(), count }
        }
        "spec-replace-line" => Overlay::ReplaceLine {
            section: maybe("section"),
            package: maybe("package"),
            line: line(),
            lines: lines(),
            count,
        },
        other => panic!("no overlay is called {other}"),
    }
}
