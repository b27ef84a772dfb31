//! `[[components.<name>.overlays]]`: what each type of overlay needs and forbids. What an overlay does to a spec file is not known here.

use super::Resolver;
use super::text::{is_plain_name, parse_url};
use crate::decode::Text;
use crate::place::{Located, Place};
use crate::tables::{MetadataTable, OverlayCategory, OverlayTable, OverlayType, UpstreamStatus};

/// Endings of archives that overlays can reach into.
const ARCHIVES: &[&str] = &[".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.zst", ".tzst"];

impl Resolver<'_> {
    pub(crate) fn check_overlays(&mut self, overlays: &[OverlayTable]) {
        for overlay in overlays {
            self.check_needed_keys(overlay);
            self.check_section(overlay);
            self.check_overlay_file(overlay);
            self.check_archive(overlay);
            if let Some(metadata) = &overlay.metadata {
                self.check_metadata(metadata);
            }
        }
    }

    fn check_needed_keys(&mut self, overlay: &OverlayTable) {
        use OverlayType as T;
        let needed: &[&str] = match overlay.kind.value {
            T::SpecAddTag | T::SpecInsertTag | T::SpecSetTag | T::SpecUpdateTag => &["tag", "value"],
            T::SpecRemoveTag => &["tag"],
            T::SpecPrependLines | T::SpecAppendLines => &["lines"],
            T::SpecSearchReplace => &["regex"],
            T::SpecRemoveSection => &["section"],
            T::SpecRemoveSubpackage => &["package"],
            T::PatchAdd => &["source"],
            T::PatchRemove | T::FileRemove => &["file"],
            T::FilePrependLines => &["file", "lines"],
            T::FileSearchReplace => &["file", "regex"],
            T::FileAdd => &["file", "source"],
            T::FileRename => &["file", "replacement"],
        };
        for key in needed {
            let given = match *key {
                "tag" => says(overlay.tag.as_ref()),
                "value" => says(overlay.value.as_ref()),
                "regex" => says(overlay.regex.as_ref()),
                "section" => says(overlay.section.as_ref()),
                "package" => says(overlay.package.as_ref()),
                "source" => says(overlay.source.as_ref()),
                "file" => says(overlay.file.as_ref()),
                "replacement" => says(overlay.replacement.as_ref()),
                _ => overlay.lines.as_ref().is_some_and(|lines| !lines.is_empty()),
            };
            if !given {
                let message = format!("an overlay of type `{}` needs `{key}`", overlay.kind);
                self.collector.report_if_complete(overlay.kind.place, message, None);
            }
        }
    }

    fn check_section(&mut self, overlay: &OverlayTable) {
        use OverlayType as T;
        match (overlay.kind.value, &overlay.section, &overlay.package) {
            (T::SpecPrependLines | T::SpecAppendLines | T::SpecSearchReplace, None, Some(package)) => {
                let message = "`package` chooses among sections of one name, and no `section` is named";
                self.collector.report_hinted(package.place, message, "add `section` or delete `package`");
            }
            (T::SpecRemoveSubpackage, Some(section), _) => {
                let message = "all sections of the package are removed, whatever `section` says";
                self.collector.report_hinted(
                    section.place,
                    message,
                    "delete it, or use `spec-remove-section`",
                );
            }
            _ => {}
        }
    }

    fn check_overlay_file(&mut self, overlay: &OverlayTable) {
        if let Some(file) = &overlay.file
            && (file.starts_with('/') || file.split('/').any(|element| element == ".."))
        {
            let hint = "it is looked for among the sources: write a relative path without `..`";
            self.collector.report_hinted(file.place, format!("`{file}` is no source file"), hint);
        }
        if overlay.kind.value == OverlayType::FileRename
            && let Some(name) = &overlay.replacement
            && !is_plain_name(name)
        {
            self.collector.report(name.place, format!("`{name}` is no bare file name"));
        }
    }

    fn check_archive(&mut self, overlay: &OverlayTable) {
        let Some(archive) = &overlay.archive else { return };
        if !matches!(overlay.kind.value, OverlayType::FileRemove | OverlayType::FileSearchReplace) {
            let message = format!("an overlay of type `{}` does not reach into archives", overlay.kind);
            self.collector.report_hinted(
                archive.place,
                message,
                "`file-remove` and `file-search-replace` do",
            );
        }
        let known = ARCHIVES.iter().any(|ending| archive.len() > ending.len() && archive.ends_with(ending));
        if !known || !is_plain_name(archive) {
            let hint = format!("write a bare file name that ends in one of {}", ARCHIVES.join(", "));
            self.collector.report_hinted(
                archive.place,
                format!("`{archive}` is no archive that can be changed"),
                hint,
            );
        }
    }

    pub(crate) fn check_metadata(&mut self, metadata: &Located<MetadataTable>) {
        let commits = metadata.commits.as_deref().unwrap_or_default();
        for link in commits.iter().chain(metadata.bugs.iter().flatten()) {
            parse_url(&link.url, &link.url, &["http", "https"], self.collector);
        }
        if metadata.category != OverlayCategory::UpstreamBackport {
            return;
        }
        if commits.is_empty() {
            let message = "a backport names no commit it is taken from";
            self.collector.report_hinted(metadata.place, message, "add `commits = [{ url = \"…\" }]`");
        }
        if !matches!(metadata.upstream_status, UpstreamStatus::Upstreamed | UpstreamStatus::Upstreamable) {
            let message = format!("a backport cannot be `{}`", metadata.upstream_status);
            self.collector.report_hinted(metadata.place, message, "write `upstreamed` or `upstreamable`");
        }
    }

    /// A switch that is on needs a reason beside it.
    pub(crate) fn check_reason(&mut self, on: Option<Located<bool>>, reason: Option<&Text>, key: &str) {
        let Some(Located { value: true, place }) = on else { return };
        let place: Place = reason.map_or(place, |reason| reason.place);
        if !says(reason) {
            self.collector.report_hinted(place, "no reason is given", format!("add `{key} = \"…\"`"));
        }
    }
}

/// Whether a text is there and not empty.
fn says(text: Option<&Text>) -> bool {
    text.is_some_and(|text| !text.value.is_empty())
}
