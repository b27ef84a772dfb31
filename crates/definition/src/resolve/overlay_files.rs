//! `overlay-files` of components: files of one change each, found by patterns, in; their overlays in order, out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::Resolver;
use crate::component::OverlayEntry;
use crate::decode::{Text, decode_file};
use crate::files::{self, Unreadable};
use crate::place::{Located, Place};
use crate::tables::OverlayFile;

/// What was found and read already: many components may inherit one pattern.
#[derive(Default)]
pub(crate) struct KnownOverlayFiles {
    matches: BTreeMap<(PathBuf, String), Rc<Vec<PathBuf>>>,
    files: BTreeMap<PathBuf, Rc<Vec<OverlayEntry>>>,
}

impl Resolver<'_> {
    /// The overlays of the files that patterns match below a component's folder: pattern by pattern, each one's files in the order
    /// of their names, no file twice.
    pub(crate) fn overlays_of_files(
        &mut self,
        component: &Located<String>,
        folder: &Path,
        patterns: &[Text],
    ) -> Vec<OverlayEntry> {
        let mut overlays = Vec::new();
        let mut seen = BTreeSet::new();
        for pattern in patterns.iter().filter(|pattern| !pattern.is_empty()) {
            let found = self.overlay_files(folder, pattern);
            if found.is_empty() && files::may_match_nothing(pattern) {
                self.remark_no_overlay_file(component, pattern);
            } else if found.is_empty() {
                let message = format!("overlay file `{pattern}` of component `{component}` is not found");
                let hint = format!("it is looked for below {}", folder.display());
                self.collector.report_hinted(pattern.place, message, hint);
            }
            for file in found.iter() {
                if seen.insert(file.clone()) {
                    overlays.extend(self.overlay_file(file, pattern.place).iter().cloned());
                }
            }
        }
        overlays
    }

    fn overlay_files(&mut self, folder: &Path, pattern: &Text) -> Rc<Vec<PathBuf>> {
        let key = (folder.to_owned(), pattern.value.clone());
        if let Some(known) = self.known_overlay_files.matches.get(&key) {
            return Rc::clone(known);
        }
        let mut found = files::glob(folder, pattern, Unreadable::Fails).unwrap_or_else(|error| {
            self.report_glob(pattern, &error);
            Vec::new()
        });
        found.sort_by(|a, b| (a.file_name(), a).cmp(&(b.file_name(), b)));
        let found = Rc::new(found);
        self.known_overlay_files.matches.insert(key, Rc::clone(&found));
        found
    }

    fn overlay_file(&mut self, path: &Path, named_at: Place) -> Rc<Vec<OverlayEntry>> {
        if let Some(known) = self.known_overlay_files.files.get(path) {
            return Rc::clone(known);
        }
        let overlays = Rc::new(self.read_overlay_file(path, named_at).unwrap_or_default());
        self.known_overlay_files.files.insert(path.to_owned(), Rc::clone(&overlays));
        overlays
    }

    fn read_overlay_file(&mut self, path: &Path, named_at: Place) -> Option<Vec<OverlayEntry>> {
        let index = self.includer().open(path, Some(named_at))?;
        let file = decode_file::<OverlayFile>(index, self.collector)?;
        let metadata = self.metadata(&file.metadata)?;
        if file.overlays.is_empty() {
            self.collector.report_if_complete(
                file.metadata.place,
                "an overlay file has no overlay",
                "add `[[overlays]]`".to_owned(),
            );
        }
        for overlay in &file.overlays {
            if let Some(own) = &overlay.metadata {
                let hint = "a file is one change: `[metadata]` of the file speaks for all its overlays";
                self.collector.report_hinted(own.place, "an overlay of a file has metadata of its own", hint);
            }
        }
        let mut overlays = self.overlays(&file.overlays);
        for entry in &mut overlays {
            entry.metadata = Some(metadata.clone());
        }
        self.remark_reasons(&overlays, true);
        Some(overlays)
    }
}
