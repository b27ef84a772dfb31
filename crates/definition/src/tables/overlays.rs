//! `[[components.<name>.overlays]]`: one change to a spec file or to sources.

use crate::component::{OverlayCategory, UpstreamStatus};
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
        /// Gives a `%global` or `%define` another body.
        "spec-set-macro" => SpecSetMacro,
        /// Turns a `%bcond`, `%bcond_with` or `%bcond_without` on or off.
        "spec-set-bcond" => SpecSetBcond,
        /// Adds an argument to a command.
        "spec-add-argument" => SpecAddArgument,
        /// Removes an argument of a command.
        "spec-drop-argument" => SpecDropArgument,
        /// Removes lines.
        "spec-drop-line" => SpecDropLine,
        /// Puts other lines in the place of lines.
        "spec-replace-line" => SpecReplaceLine,
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
        /// The tag's or the macro's value.
        "value" => value: Option<Text>,
        /// What is replaced.
        "regex" => regex: Option<Text>,
        /// What takes its place.
        "replacement" => replacement: Option<Text>,
        /// Lines that are added, or take the place of others.
        "lines" => lines: Option<Vec<Text>>,
        /// The file that is added, relative to the file that says so.
        "source" => source: Option<Text>,
        /// The macro or build conditional that is set.
        "name" => name: Option<Text>,
        /// Whether the build conditional is on.
        "enabled" => enabled: Option<Located<bool>>,
        /// The command whose arguments change: its first word or words.
        "command" => command: Option<Text>,
        /// The argument that is added or removed.
        "argument" => argument: Option<Text>,
        /// The whole line that is removed or replaced, blanks around it left out.
        "line" => line: Option<Text>,
        /// Text of the line that is removed or replaced.
        "containing" => containing: Option<Text>,
        /// How many places there must be (default 1).
        "count" => count: Option<Located<u32>>,
        /// Where the change belongs.
        "metadata" => metadata: Option<Located<MetadataTable>>,
    }
}

table! {
    /// A file of overlays: one change, why it is made, and the overlays that make it.
    pub(crate) struct OverlayFile {
        /// Why the change is made; it holds for every overlay of the file.
        "metadata" => metadata: Located<MetadataTable>,
        /// The overlays, in the order of application.
        "overlays" => overlays: Vec<OverlayTable>,
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
