//! A root file, in; it and every file it includes, decoded, in the order in which later ones override, out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::decode::{Text, decode_file};
use crate::files::{self, GlobError, Unreadable};
use crate::place::{Place, clean};
use crate::problem::{Collector, Problem};
use crate::tables::DefinitionFile;

/// Reads definition files into a collector.
pub(crate) struct Includer<'a> {
    pub(crate) collector: &'a mut Collector,
    /// Paths in messages are shown relative to this folder.
    pub(crate) shown_from: &'a Path,
}

impl Includer<'_> {
    /// A root file and all it includes: the including file first, then what its patterns match, depth first.
    pub(crate) fn read_all(&mut self, root: &Path) -> Vec<DefinitionFile> {
        let mut seen = BTreeMap::new();
        let mut files = Vec::new();
        self.read_one(root, None, &mut seen, &mut files);
        files
    }

    /// One file's place among the sources.
    pub(crate) fn open(&mut self, path: &Path, named_at: Option<Place>) -> Option<u32> {
        match files::read(path) {
            Ok(text) => {
                let shown = path.strip_prefix(self.shown_from).unwrap_or(path).display().to_string();
                Some(self.collector.sources.add(path.to_owned(), shown, text))
            }
            Err(error) => {
                let shown = path.strip_prefix(self.shown_from).unwrap_or(path).display();
                let message = format!("cannot read {shown}: {error}");
                match named_at {
                    Some(place) => self.collector.report(place, message),
                    None => self.collector.report_nowhere(Problem::without_place(message)),
                }
                None
            }
        }
    }

    fn read_one(
        &mut self,
        path: &Path,
        included_at: Option<Place>,
        seen: &mut BTreeMap<PathBuf, Option<Place>>,
        files: &mut Vec<DefinitionFile>,
    ) {
        let path = clean(path);
        if let (Some(first), Some(place)) = (seen.get(&path), included_at) {
            let shown = path.strip_prefix(self.shown_from).unwrap_or(&path).display();
            let first = match first {
                Some(first) => {
                    format!("it was first included at {}", self.collector.sources.describe(*first))
                }
                None => "it is the root file".to_owned(),
            };
            let message = format!("{shown} is included twice");
            self.collector.report_hinted(place, message, format!("{first}; a file may be reached only once"));
            return;
        }
        seen.insert(path.clone(), included_at);
        let Some(index) = self.open(&path, included_at) else { return };
        let Some(mut file) = decode_file::<DefinitionFile>(index, self.collector) else { return };
        let includes = file.includes.take().unwrap_or_default();
        files.push(file);
        for pattern in &includes {
            for included in self.matches(&path, pattern) {
                self.read_one(&included, Some(pattern.place), seen, files);
            }
        }
    }

    fn matches(&mut self, includer: &Path, pattern: &Text) -> Vec<PathBuf> {
        if pattern.is_empty() {
            self.collector.report(pattern.place, "an include is empty");
            return Vec::new();
        }
        let folder = includer.parent().unwrap_or(Path::new("/"));
        match files::glob(folder, pattern, Unreadable::Fails) {
            Ok(found) if found.is_empty() && !files::may_match_nothing(pattern) => {
                let message = format!("included file `{pattern}` is not found");
                let hint = format!("it is looked for below {}", folder.display());
                self.collector.report_hinted(pattern.place, message, hint);
                found
            }
            Ok(found) => found,
            Err(GlobError::Pattern(reason)) => {
                self.collector.report(pattern.place, format!("`{pattern}` is no glob pattern: {reason}"));
                Vec::new()
            }
            Err(GlobError::Read(folder, error)) => {
                self.collector
                    .report(pattern.place, format!("cannot read folder {}: {error}", folder.display()));
                Vec::new()
            }
        }
    }
}
