//! `[[components.<name>.source-files]]`: sources that the upstream does not have.

use std::collections::BTreeSet;

use spec_overlay::Overlay;

use super::Resolver;
use super::text::{is_plain_name, parse_url, stated};
use crate::component::{Component, HashType, SourceFile, SourceHash, SourceOrigin};
use crate::decode::Text;
use crate::tables::{OriginTable, OriginType, SourceFileTable};

impl Resolver<'_> {
    pub(crate) fn source_files(&self, tables: &[SourceFileTable]) -> Vec<SourceFile> {
        tables.iter().map(source_file).collect()
    }

    /// A source archive is changed either as a file or in its contents, and one that is said to be changed must be.
    pub(crate) fn check_archives(&mut self, component: &Component) {
        if component.overlays.is_empty() && component.source_files.is_empty() {
            return;
        }
        let changed: BTreeSet<&str> =
            component.overlays.iter().filter_map(|entry| entry.overlay.archive()).collect();
        for file in &component.source_files {
            if file.origin == SourceOrigin::Overlay && !changed.contains(file.name.as_str()) {
                let message = format!("no overlay of component `{}` changes `{}`", component.name, file.name);
                let hint = "add an overlay with it as `archive`, or delete the source file";
                self.collector.report_hinted(file.name.place, message, hint);
            }
        }
        for entry in &component.overlays {
            if let Some(archive) = changed.iter().find(|archive| targets(&entry.overlay, archive)) {
                let message = format!("`{archive}` is changed here, and its contents by other overlays");
                let hint = "change an archive either as a file or in its contents";
                self.collector.report_hinted(entry.place, message, hint);
            }
        }
    }

    pub(crate) fn check_source_files(&mut self, files: &[SourceFileTable]) {
        let mut seen: Vec<&Text> = Vec::new();
        for file in files {
            let name = &file.filename;
            if !is_plain_name(name) {
                self.collector.report(name.place, format!("`{name}` is no bare file name"));
            }
            if let Some(first) = seen.iter().find(|other| other.value == name.value) {
                let hint = format!("it is first named at {}", self.collector.sources.describe(first.place));
                self.collector.report_hinted(
                    name.place,
                    format!("source file `{name}` is named twice"),
                    hint,
                );
            }
            seen.push(name);
            self.check_hash(file);
            self.check_origin(name, &file.origin);
            self.check_replacement(file);
        }
    }

    fn check_hash(&mut self, file: &SourceFileTable) {
        let Some(hash) = file.hash.as_ref().filter(|hash| !hash.is_empty()) else { return };
        let Some(kind) = file.hash_type else {
            let hint = "add `hash-type = \"SHA512\"` or `hash-type = \"SHA256\"`";
            self.collector.report_if_complete(hash.place, "the hash does not say its type", hint.to_owned());
            return;
        };
        let digits = match kind {
            HashType::Sha256 => 64,
            HashType::Sha512 => 128,
        };
        if hash.len() != digits || !hash.chars().all(|c| c.is_ascii_hexdigit()) {
            let message = format!("this is no {kind} hash");
            self.collector.report_hinted(hash.place, message, format!("it has {digits} hexadecimal digits"));
        }
    }

    fn check_origin(&mut self, name: &Text, origin: &OriginTable) {
        match (origin.kind, &origin.uri) {
            (OriginType::Download, Some(uri)) => {
                parse_url(uri, uri, &["http", "https", "ftp", "file"], self.collector);
            }
            (OriginType::Download, None) => {
                let message = format!("source file `{name}` is downloaded and has no address");
                self.collector.report_hinted(name.place, message, "add `uri` to its `origin`");
            }
            (kind, Some(uri)) => {
                self.collector.report(uri.place, format!("an origin of type `{kind}` has no `uri`"));
            }
            (_, None) => {}
        }
        if origin.kind != OriginType::Custom {
            let packages = origin.mock_packages.as_deref().unwrap_or_default().first();
            let inputs = origin.inputs.as_deref().unwrap_or_default().first();
            for (key, text) in
                [("script", origin.script.as_ref()), ("mock-packages", packages), ("inputs", inputs)]
            {
                if let Some(text) = text {
                    let message = format!("an origin of type `{}` has no `{key}`", origin.kind);
                    self.collector.report_hinted(text.place, message, "an origin of type `custom` has");
                }
            }
            return;
        }
        let Some(script) = &origin.script else {
            let message = format!("source file `{name}` is made by a script and names none");
            self.collector.report_hinted(name.place, message, "add `script` to its `origin`");
            return;
        };
        let mut names: Vec<&Text> = Vec::new();
        for file in std::iter::once(script).chain(origin.inputs.iter().flatten()) {
            if !is_plain_name(file) {
                self.collector.report(file.place, format!("`{file}` is no bare file name"));
            }
            if names.iter().any(|other| other.value == file.value) {
                self.collector.report(file.place, format!("`{file}` is named twice"));
            }
            names.push(file);
        }
    }

    fn check_replacement(&mut self, file: &SourceFileTable) {
        let replaces = file.replace_upstream == Some(true);
        let reason = file.replace_reason.as_ref().filter(|reason| !reason.trim().is_empty());
        match (replaces, reason) {
            (true, None) => {
                let message = format!(
                    "source file `{}` takes the place of the upstream's without a reason",
                    file.filename
                );
                self.collector.report_hinted(file.filename.place, message, "add `replace-reason = \"…\"`");
            }
            (false, Some(reason)) => {
                let message = format!("source file `{}` replaces nothing", file.filename);
                self.collector.report_hinted(
                    reason.place,
                    message,
                    "delete the reason, or add `replace-upstream = true`",
                );
            }
            _ => {}
        }
        if file.origin.kind == OriginType::Overlay && !replaces {
            let message = format!("source file `{}` is a changed archive of the upstream", file.filename);
            self.collector.report_hinted(file.filename.place, message, "add `replace-upstream = true`");
        }
    }
}

fn source_file(table: &SourceFileTable) -> SourceFile {
    let origin = &table.origin;
    let replaces = table.replace_upstream == Some(true);
    let words = |list: &Option<Vec<Text>>| list.iter().flatten().map(|text| text.value.clone()).collect();
    SourceFile {
        name: table.filename.clone(),
        hash: stated(table.hash.as_ref())
            .map(|digits| SourceHash { kind: table.hash_type.unwrap_or_default(), digits }),
        hash_type: table.hash_type.unwrap_or_default(),
        origin: match origin.kind {
            OriginType::Download => {
                SourceOrigin::Download { uri: stated(origin.uri.as_ref()).unwrap_or_default() }
            }
            OriginType::Custom => SourceOrigin::Custom {
                script: stated(origin.script.as_ref()).unwrap_or_default(),
                packages: words(&origin.mock_packages),
                inputs: words(&origin.inputs),
            },
            OriginType::Overlay => SourceOrigin::Overlay,
        },
        replaces_upstream: replaces.then(|| stated(table.replace_reason.as_ref()).unwrap_or_default()),
    }
}

/// Whether an overlay changes a file beside the spec file that has this name.
fn targets(overlay: &Overlay, name: &str) -> bool {
    match overlay {
        Overlay::AddPatch { .. } | Overlay::AddFile { .. } => overlay.source_name() == Some(name),
        Overlay::RenameFile { file, replacement } => replacement == name || file.matches(name),
        Overlay::RemovePatch { file }
        | Overlay::PrependFileLines { file, .. }
        | Overlay::ReplaceInFile { file, archive: None, .. }
        | Overlay::RemoveFile { file, archive: None } => file.matches(name),
        _ => false,
    }
}
