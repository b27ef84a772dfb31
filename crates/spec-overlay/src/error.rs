//! Why an overlay does not apply.

use thiserror::Error;

use crate::archive::ArchiveError;
use crate::files::SourceError;

/// The first overlay of a list that does not apply; nothing was changed.
#[derive(Debug, Error)]
#[error("overlay {} ({overlay}) does not apply", index + 1)]
pub struct ApplyError {
    /// Its place in the list, from 0.
    pub index: usize,
    /// Its type, as in `type = "…"`.
    pub overlay: &'static str,
    /// Why it does not apply.
    #[source]
    pub cause: Cause,
    /// What comes nearest to what it looks for.
    pub nearest: Option<Nearest>,
}

/// What comes nearest to what an overlay looks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nearest {
    /// The number of the line in the spec as the overlay found it, from 1; absent for the name of a file.
    pub line: Option<usize>,
    /// The line, or the file's path.
    pub text: String,
}

/// Why one overlay does not apply.
#[derive(Debug, Error)]
pub enum Cause {
    /// The spec has no such tag.
    #[error("there is no tag `{tag}{}` in {}", value.as_ref().map(|value| format!(": {value}")).unwrap_or_default(), of_package(package))]
    NoTag {
        /// The tag's name.
        tag: Box<str>,
        /// The value asked for.
        value: Option<Box<str>>,
        /// Whose tag.
        package: Box<str>,
    },
    /// The spec has no such section.
    #[error("there is no section `{section}` of {}", of_package(package))]
    NoSection {
        /// The section's name.
        section: String,
        /// Whose section.
        package: String,
    },
    /// No section belongs to the sub-package.
    #[error("no section belongs to a sub-package that its header calls `{package}`")]
    NoPackage {
        /// The sub-package.
        package: String,
    },
    /// The preamble, or the main package, cannot be removed.
    #[error("the preamble cannot be removed: name a section or a sub-package")]
    Preamble,
    /// No line has a match.
    #[error("no line {} has a match of `{regex}`", of_place(section.as_deref(), package.as_deref()))]
    NoMatch {
        /// The regular expression.
        regex: Box<str>,
        /// The section asked for.
        section: Option<Box<str>>,
        /// The package asked for.
        package: Option<Box<str>>,
    },
    /// There are matches, and each is replaced by itself.
    #[error("each of the {matches} matches of `{regex}` is replaced by itself")]
    NothingNew {
        /// The regular expression.
        regex: String,
        /// How many matches there are.
        matches: usize,
    },
    /// Conditionals are not balanced.
    #[error("the `{directive}` in line {line} has no partner, so that no section can be cut out")]
    Unbalanced {
        /// `%if` or `%endif`.
        directive: &'static str,
        /// Its line, from 1.
        line: usize,
    },
    /// A conditional begins in the section and ends behind content outside it, or the other way round.
    #[error(
        "the conditional at line {line} reaches out of the section in lines {first} to {last}, and there is content \
         on both sides; change the conditional first"
    )]
    Spans {
        /// The line of the `%if` or `%endif`, from 1.
        line: usize,
        /// The section's header line.
        first: usize,
        /// The section's last line.
        last: usize,
    },
    /// A branch in the section belongs to a conditional outside it.
    #[error(
        "the branch at line {line} belongs to a conditional that reaches out of the section in lines {first} to \
         {last}; change the conditional first"
    )]
    Branch {
        /// The line of the `%else` or `%elif`, from 1.
        line: usize,
        /// The section's header line.
        first: usize,
        /// The section's last line.
        last: usize,
    },
    /// No numbered patch tag and no `%patchlist` line has such a value.
    #[error("no numbered patch tag and no line of %patchlist matches `{pattern}`")]
    NoPatch {
        /// The pattern.
        pattern: String,
    },
    /// The typed overlays count what they find.
    #[error("there should be {expected} {what}, and there {} {found}", if *found == 1 { "is" } else { "are" })]
    Count {
        /// What is counted.
        what: String,
        /// How many there should be.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// All that was found is as the overlay wants it.
    #[error("{what} already: the overlay has become needless")]
    Already {
        /// What is so.
        what: String,
    },
    /// A macro definition takes parameters, or does not end.
    #[error("the definition of `{name}` in line {line} {why}")]
    Definition {
        /// The macro.
        name: String,
        /// The line of the definition, from 1.
        line: usize,
        /// What is wrong.
        why: &'static str,
    },
    /// No file matches.
    #[error("no file matches `{pattern}`")]
    NoFile {
        /// The pattern.
        pattern: String,
    },
    /// More files match than can be meant.
    #[error("`{pattern}` matches {} files, and only one can be renamed: {}", files.len(), files.join(", "))]
    SeveralFiles {
        /// The pattern.
        pattern: String,
        /// The files.
        files: Vec<String>,
    },
    /// Files match, but their contents do not.
    #[error("no file that matches `{pattern}` has text that `{regex}` would change")]
    FilesUnchanged {
        /// The pattern.
        pattern: String,
        /// The regular expression.
        regex: String,
    },
    /// The new file is there already.
    #[error("there is a file {path} already")]
    FileExists {
        /// Its path.
        path: String,
    },
    /// There is no folder for the new file.
    #[error("there is no folder {folder} to put the file into")]
    NoFolder {
        /// The folder.
        folder: String,
    },
    /// Spec files are for spec overlays.
    #[error("{path} is a spec: only spec overlays change one")]
    SpecFile {
        /// Its path.
        path: String,
    },
    /// The path could lead elsewhere.
    #[error("`{path}` is no path below the sources folder")]
    Path {
        /// The path or pattern.
        path: String,
    },
    /// A link leads to no file among the sources.
    #[error("{path} is a symbolic link that leads to no file among the sources")]
    Link {
        /// Its path.
        path: String,
    },
    /// The sources could not be listed or read.
    #[error("{what} could not be read")]
    Read {
        /// The file or folder.
        what: String,
        /// Why not.
        #[source]
        source: SourceError,
    },
    /// The archive could not be taken apart or put together.
    #[error("the archive {archive} could not be changed")]
    Archive {
        /// Its name.
        archive: String,
        /// Why not.
        #[source]
        source: Box<ArchiveError>,
    },
}

fn of_package(package: &str) -> String {
    if package.is_empty() { "the main package".to_owned() } else { format!("the package `{package}`") }
}

fn of_place(section: Option<&str>, package: Option<&str>) -> String {
    match (section, package) {
        (None, None) => "of the spec".to_owned(),
        (Some(section), None) => format!("of a section `{section}`"),
        (section, Some(package)) => {
            format!(
                "of {} of {}",
                section.map_or("a section".to_owned(), |name| format!("a section `{name}`")),
                of_package(package)
            )
        }
    }
}
