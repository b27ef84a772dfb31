//! What can be asked of a spec and its sources: one variant per type, with the fields that the type reads.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::glob::Glob;
use crate::go_regex::GoRegex;

/// One change to a spec, to the files beside it, or to files inside a source archive.
///
/// `package` is the text on a section's header line (`devel`, or `%{name}-devel` after `-n`), empty for the main
/// package. `section` is the header's first word as written (`%build`). It serializes as the table it is written as.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type")]
pub enum Overlay {
    /// Adds `tag: value` as the last line of the preamble, or of `%package <package>`.
    #[serde(rename = "spec-add-tag")]
    AddTag {
        /// Whose tag.
        #[serde(skip_serializing_if = "String::is_empty")]
        package: String,
        /// The tag's name, as it will be written.
        tag: String,
        /// The tag's value, as it will be written.
        value: String,
    },
    /// Adds `tag: value` after the last tag of its family (`Source7` and `Source` are one), outside conditionals.
    #[serde(rename = "spec-insert-tag")]
    InsertTag {
        /// Whose tag.
        #[serde(skip_serializing_if = "String::is_empty")]
        package: String,
        /// The tag's name, as it will be written.
        tag: String,
        /// The tag's value, as it will be written.
        value: String,
    },
    /// Rewrites every such tag of the package; adds one if there is none.
    #[serde(rename = "spec-set-tag")]
    SetTag {
        /// Whose tag.
        #[serde(skip_serializing_if = "String::is_empty")]
        package: String,
        /// The tag's name, as it will be written.
        tag: String,
        /// The tag's new value.
        value: String,
    },
    /// Rewrites every such tag of the package.
    #[serde(rename = "spec-update-tag")]
    UpdateTag {
        /// Whose tag.
        #[serde(skip_serializing_if = "String::is_empty")]
        package: String,
        /// The tag's name, as it will be written.
        tag: String,
        /// The tag's new value.
        value: String,
    },
    /// Deletes every such tag of the package, or those with one value.
    #[serde(rename = "spec-remove-tag")]
    RemoveTag {
        /// Whose tag.
        #[serde(skip_serializing_if = "String::is_empty")]
        package: String,
        /// The tag's name, in any case.
        tag: String,
        /// The whole value, in any case; absent: any value.
        #[serde(skip_serializing_if = "Option::is_none")]
        value: Option<String>,
    },
    /// Puts lines after every header of a section; without a section, at the top of the file.
    #[serde(rename = "spec-prepend-lines")]
    PrependLines {
        /// Which section; absent: the whole file.
        #[serde(skip_serializing_if = "Option::is_none")]
        section: Option<String>,
        /// Whose section.
        #[serde(skip_serializing_if = "String::is_empty")]
        package: String,
        /// The lines.
        lines: Vec<String>,
    },
    /// Puts lines before the header that ends a section, for every such section; without a section, at the end.
    #[serde(rename = "spec-append-lines")]
    AppendLines {
        /// Which section; absent: the whole file.
        #[serde(skip_serializing_if = "Option::is_none")]
        section: Option<String>,
        /// Whose section.
        #[serde(skip_serializing_if = "String::is_empty")]
        package: String,
        /// The lines.
        lines: Vec<String>,
    },
    /// Replaces every match in every line that is no section header; the replacement is literal.
    #[serde(rename = "spec-search-replace")]
    SearchReplace {
        /// Which section; absent: all.
        #[serde(skip_serializing_if = "Option::is_none")]
        section: Option<String>,
        /// Whose sections; absent: all packages', unlike elsewhere.
        #[serde(skip_serializing_if = "Option::is_none")]
        package: Option<String>,
        /// What to look for within one line.
        regex: GoRegex,
        /// What to write instead.
        replacement: String,
    },
    /// Deletes every section of this name and package, header and body.
    #[serde(rename = "spec-remove-section")]
    RemoveSection {
        /// Which section.
        section: String,
        /// Whose section.
        #[serde(skip_serializing_if = "String::is_empty")]
        package: String,
    },
    /// Deletes every section of one sub-package.
    #[serde(rename = "spec-remove-subpackage")]
    RemoveSubpackage {
        /// The sub-package, as its headers name it.
        package: String,
    },
    /// Adds a patch file and names it in `%patchlist`, or in a tag with the next free number.
    #[serde(rename = "patch-add")]
    AddPatch {
        /// Whose tag.
        #[serde(skip_serializing_if = "String::is_empty")]
        package: String,
        /// The file in the definition.
        source: PathBuf,
        /// Its name beside the spec; absent: the source's own.
        #[serde(skip_serializing_if = "Option::is_none")]
        file: Option<String>,
    },
    /// Deletes patch files and the numbered tags and `%patchlist` lines that name them.
    #[serde(rename = "patch-remove")]
    RemovePatch {
        /// Which patches.
        file: Glob,
    },
    /// Puts lines at the top of files.
    #[serde(rename = "file-prepend-lines")]
    PrependFileLines {
        /// Which files.
        file: Glob,
        /// The lines.
        lines: Vec<String>,
    },
    /// Replaces every match in whole files; the replacement is literal.
    #[serde(rename = "file-search-replace")]
    ReplaceInFile {
        /// Which files.
        file: Glob,
        /// The source archive that the files are in; absent: they lie beside the spec.
        #[serde(skip_serializing_if = "Option::is_none")]
        archive: Option<String>,
        /// What to look for.
        regex: GoRegex,
        /// What to write instead.
        replacement: String,
    },
    /// Adds a file.
    #[serde(rename = "file-add")]
    AddFile {
        /// Its path beside the spec.
        file: String,
        /// The file in the definition.
        source: PathBuf,
    },
    /// Deletes files.
    #[serde(rename = "file-remove")]
    RemoveFile {
        /// Which files.
        file: Glob,
        /// The source archive that the files are in; absent: they lie beside the spec.
        #[serde(skip_serializing_if = "Option::is_none")]
        archive: Option<String>,
    },
    /// Renames one file within its folder.
    #[serde(rename = "file-rename")]
    RenameFile {
        /// Which file: exactly one may match.
        file: Glob,
        /// Its new name, without folders.
        replacement: String,
    },
    /// Gives a `%global` or `%define` another body.
    #[serde(rename = "spec-set-macro")]
    SetMacro {
        /// The macro's name.
        name: String,
        /// Its new body.
        value: String,
        /// How many definitions there must be.
        count: usize,
    },
    /// Turns a `%bcond`, `%bcond_with` or `%bcond_without` on or off.
    #[serde(rename = "spec-set-bcond")]
    SetBuildCondition {
        /// The condition's name.
        name: String,
        /// On or off by default.
        enabled: bool,
        /// How many definitions there must be.
        count: usize,
    },
    /// Adds an argument right after a command.
    #[serde(rename = "spec-add-argument")]
    AddArgument {
        /// Which section.
        section: String,
        /// Whose section.
        #[serde(skip_serializing_if = "String::is_empty")]
        package: String,
        /// The command's first word or words.
        command: String,
        /// What is added.
        argument: String,
        /// How many such commands there must be.
        count: usize,
    },
    /// Deletes an argument of a command, wherever it stands in it.
    #[serde(rename = "spec-drop-argument")]
    DropArgument {
        /// Which section.
        section: String,
        /// Whose section.
        #[serde(skip_serializing_if = "String::is_empty")]
        package: String,
        /// The command's first word or words.
        command: String,
        /// The word, or words, deleted.
        argument: String,
        /// How many such arguments there must be.
        count: usize,
    },
    /// Deletes lines; a continued line that ends with one of them is closed.
    #[serde(rename = "spec-drop-line")]
    DropLine {
        /// Which section; absent: all.
        #[serde(skip_serializing_if = "Option::is_none")]
        section: Option<String>,
        /// Whose sections; absent: all packages'.
        #[serde(skip_serializing_if = "Option::is_none")]
        package: Option<String>,
        /// Which lines.
        #[serde(flatten)]
        line: LineText,
        /// How many such lines there must be.
        count: usize,
    },
    /// Writes other lines in the place of lines.
    #[serde(rename = "spec-replace-line")]
    ReplaceLine {
        /// Which section; absent: all.
        #[serde(skip_serializing_if = "Option::is_none")]
        section: Option<String>,
        /// Whose sections; absent: all packages'.
        #[serde(skip_serializing_if = "Option::is_none")]
        package: Option<String>,
        /// Which lines.
        #[serde(flatten)]
        line: LineText,
        /// What is written in the place of each.
        lines: Vec<String>,
        /// How many such lines there must be.
        count: usize,
    },
}

/// How a line is told from others; blanks around it do not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum LineText {
    /// The whole line.
    #[serde(rename = "line")]
    Whole(String),
    /// Text within the line.
    #[serde(rename = "containing")]
    Containing(String),
}

/// The type names, as they stand in `type = "…"`, in the order of the variants.
pub const TYPE_NAMES: &[&str] = &[
    "spec-add-tag",
    "spec-insert-tag",
    "spec-set-tag",
    "spec-update-tag",
    "spec-remove-tag",
    "spec-prepend-lines",
    "spec-append-lines",
    "spec-search-replace",
    "spec-remove-section",
    "spec-remove-subpackage",
    "patch-add",
    "patch-remove",
    "file-prepend-lines",
    "file-search-replace",
    "file-add",
    "file-remove",
    "file-rename",
    "spec-set-macro",
    "spec-set-bcond",
    "spec-add-argument",
    "spec-drop-argument",
    "spec-drop-line",
    "spec-replace-line",
];

impl Overlay {
    /// The name in `type = "…"`.
    pub fn type_name(&self) -> &'static str {
        match self {
            Overlay::AddTag { .. } => "spec-add-tag",
            Overlay::InsertTag { .. } => "spec-insert-tag",
            Overlay::SetTag { .. } => "spec-set-tag",
            Overlay::UpdateTag { .. } => "spec-update-tag",
            Overlay::RemoveTag { .. } => "spec-remove-tag",
            Overlay::PrependLines { .. } => "spec-prepend-lines",
            Overlay::AppendLines { .. } => "spec-append-lines",
            Overlay::SearchReplace { .. } => "spec-search-replace",
            Overlay::RemoveSection { .. } => "spec-remove-section",
            Overlay::RemoveSubpackage { .. } => "spec-remove-subpackage",
            Overlay::AddPatch { .. } => "patch-add",
            Overlay::RemovePatch { .. } => "patch-remove",
            Overlay::PrependFileLines { .. } => "file-prepend-lines",
            Overlay::ReplaceInFile { .. } => "file-search-replace",
            Overlay::AddFile { .. } => "file-add",
            Overlay::RemoveFile { .. } => "file-remove",
            Overlay::RenameFile { .. } => "file-rename",
            Overlay::SetMacro { .. } => "spec-set-macro",
            Overlay::SetBuildCondition { .. } => "spec-set-bcond",
            Overlay::AddArgument { .. } => "spec-add-argument",
            Overlay::DropArgument { .. } => "spec-drop-argument",
            Overlay::DropLine { .. } => "spec-drop-line",
            Overlay::ReplaceLine { .. } => "spec-replace-line",
        }
    }

    /// The archive whose contents it changes.
    pub fn archive(&self) -> Option<&str> {
        match self {
            Overlay::ReplaceInFile { archive, .. } | Overlay::RemoveFile { archive, .. } => {
                archive.as_deref()
            }
            _ => None,
        }
    }

    /// Whether it reads and writes the spec.
    pub fn changes_spec(&self) -> bool {
        !matches!(
            self,
            Overlay::PrependFileLines { .. }
                | Overlay::ReplaceInFile { .. }
                | Overlay::AddFile { .. }
                | Overlay::RemoveFile { .. }
                | Overlay::RenameFile { .. }
        )
    }

    /// The definition's file that it brings in.
    pub fn source(&self) -> Option<&Path> {
        match self {
            Overlay::AddPatch { source, .. } | Overlay::AddFile { source, .. } => Some(source),
            _ => None,
        }
    }

    /// The name beside the spec that its source gets.
    pub fn source_name(&self) -> Option<&str> {
        match self {
            Overlay::AddFile { file, .. } => Some(file),
            Overlay::AddPatch { file: Some(file), .. } => Some(file),
            Overlay::AddPatch { source, .. } => source.file_name()?.to_str(),
            _ => None,
        }
    }
}
