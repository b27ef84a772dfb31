//! `[[components.<name>.source-files]]`: sources that the upstream does not have.

use super::Resolver;
use super::text::{is_plain_name, parse_url};
use crate::decode::Text;
use crate::tables::{HashType, OriginTable, OriginType, SourceFileTable};

impl Resolver<'_> {
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
        let Some(hash) = &file.hash else { return };
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
