//! `[[components.<name>.overlays]]`: one change to a spec file or to sources.

use crate::decode::{Text, choice, table};
use crate::place::Located;

choice! {
    /// What an overlay does.
    pub(crate) enum OverlayType {
        /// Adds a tag at the end of a package's preamble.
        "spec-add-tag" => SpecAddTag,
        /// Adds a tag beside its kin.
        "spec-insert-tag" => SpecInsertTag,
        /// Changes a tag, or adds it.
        "spec-set-tag" => SpecSetTag,
        /// Changes a tag.
        "spec-update-tag" => SpecUpdateTag,
        /// Removes a tag.
        "spec-remove-tag" => SpecRemoveTag,
        /// Puts lines at the top of a section.
        "spec-prepend-lines" => SpecPrependLines,
        /// Puts lines at the end of a section.
        "spec-append-lines" => SpecAppendLines,
        /// Replaces text in the lines of sections.
        "spec-search-replace" => SpecSearchReplace,
        /// Removes a section.
        "spec-remove-section" => SpecRemoveSection,
        /// Removes all sections of a package.
        "spec-remove-subpackage" => SpecRemoveSubpackage,
        /// Adds a patch.
        "patch-add" => PatchAdd,
        /// Removes a patch.
        "patch-remove" => PatchRemove,
        /// Puts lines at the top of a file.
        "file-prepend-lines" => FilePrependLines,
        /// Replaces text in files.
        "file-search-replace" => FileSearchReplace,
        /// Adds a file.
        "file-add" => FileAdd,
        /// Removes files.
        "file-remove" => FileRemove,
        /// Renames a file.
        "file-rename" => FileRename,
    }
}

table! {
    /// One change to a spec file or to sources.
    pub(crate) struct OverlayTable {
        /// What it does.
        "type" => kind: Located<OverlayType>,
        /// Why.
        "description" => description: Option<Text>,
        /// The file it changes.
        "file" => file: Option<Text>,
        /// The archive that file is in.
        "archive" => archive: Option<Text>,
        /// The section it changes.
        "section" => section: Option<Text>,
        /// The binary package it changes.
        "package" => package: Option<Text>,
        /// The tag it changes.
        "tag" => tag: Option<Text>,
        /// The tag's value.
        "value" => value: Option<Text>,
        /// What is replaced.
        "regex" => regex: Option<Text>,
        /// What takes its place.
        "replacement" => replacement: Option<Text>,
        /// Lines that are added.
        "lines" => lines: Option<Vec<Text>>,
        /// The file that is added.
        "source" => source: Option<Text>,
        /// Where the change belongs.
        "metadata" => metadata: Option<Located<MetadataTable>>,
    }
}

choice! {
    /// Why a change is made.
    pub(crate) enum OverlayCategory {
        /// Taken from the upstream's future.
        "upstream-backport" => UpstreamBackport,
        /// Leaves out what is not wanted.
        "azl-pruning" => Pruning,
        /// Keeps what users rely on.
        "azl-compatibility" => Compatibility,
        /// Gets around a defect for a while.
        "azl-temp-workaround" => TemporaryWorkaround,
        /// Names the distribution.
        "azl-branding-policy" => BrandingPolicy,
        /// Switches unreliable tests off.
        "azl-disable-flaky-tests" => DisableFlakyTests,
        /// Switches tests off that cannot run.
        "azl-disable-unsupported-tests" => DisableUnsupportedTests,
        /// Meets a security rule.
        "azl-security-compliance" => SecurityCompliance,
        /// Belongs to releasing.
        "azl-release-management" => ReleaseManagement,
        /// Fits it to a platform.
        "azl-platform-adaptation" => PlatformAdaptation,
    }
}

choice! {
    /// How far a change is on its way upstream.
    pub(crate) enum UpstreamStatus {
        /// It is there.
        "upstreamed" => Upstreamed,
        /// It could go there.
        "upstreamable" => Upstreamable,
        /// It needs a switch there.
        "needs-upstream-hook" => NeedsUpstreamHook,
        /// It does not belong there.
        "inapplicable" => Inapplicable,
        /// Nobody looked.
        "unknown" => Unknown,
    }
}

table! {
    /// Where a change belongs; documentation only.
    pub(crate) struct MetadataTable {
        /// Why it is made.
        "category" => category: OverlayCategory,
        /// How far it is on its way upstream.
        "upstream-status" => upstream_status: UpstreamStatus,
        /// Commits it is taken from.
        "commits" => commits: Option<Vec<LinkTable>>,
        /// Reports it answers.
        "bugs" => bugs: Option<Vec<LinkTable>>,
    }
}

table! {
    /// A link.
    pub(crate) struct LinkTable {
        /// Its address.
        "url" => url: Text,
    }
}
