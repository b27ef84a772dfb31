//! A start folder, in; the root file's path, file texts and the matches of glob patterns, out.
//! The only module that reads the disk; nothing here understands what it reads.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};

use crate::place::clean;

/// Names of a root file, tried in this order in the start folder and then in each folder above.
pub(crate) const ROOT_FILES: &[&str] = &["lazuli.toml", "azldev.toml", "distro/lazuli.toml"];

/// A definition file is text that people write; one larger than this is something else.
const LARGEST_FILE: u64 = 64 << 20;

/// Why a glob pattern gave no list.
#[derive(Debug)]
pub(crate) enum GlobError {
    /// The pattern is malformed.
    Pattern(String),
    /// A folder could not be read.
    Read(PathBuf, io::Error),
}

/// What to do about a folder that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// There is no list.
    Fails,
    /// The list is that of the other folders.
    Skipped,
}

/// The root file for a start folder.
pub(crate) fn find_root(start: &Path) -> io::Result<Option<PathBuf>> {
    let start = clean(&std::path::absolute(start)?);
    for folder in start.ancestors() {
        for name in ROOT_FILES {
            let candidate = folder.join(name);
            if candidate.is_file() {
                return Ok(Some(candidate));
            }
        }
    }
    Ok(None)
}

/// The text of a file.
pub(crate) fn read(path: &Path) -> io::Result<String> {
    let size = std::fs::metadata(path)?.len();
    if size > LARGEST_FILE {
        return Err(io::Error::other(format!(
            "it is {size} bytes large, more than the {LARGEST_FILE} a definition may be"
        )));
    }
    let bytes = std::fs::read(path)?;
    String::from_utf8(bytes).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count();
        io::Error::other(format!("line {} is not UTF-8", line + 1))
    })
}

/// Whether a folder is there.
pub(crate) fn is_folder(path: &Path) -> bool {
    path.is_dir()
}

/// Whether a file is there.
pub(crate) fn is_file(path: &Path) -> bool {
    path.is_file()
}

/// The files a pattern matches below `folder`: alternatives in their order, then folder by folder, sorted by name.
///
/// Knows `*`, `?`, `[...]`, `{a,b}` and, as a whole path element, `**`.
pub(crate) fn glob(folder: &Path, pattern: &str, unreadable: Unreadable) -> Result<Vec<PathBuf>, GlobError> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for alternative in expand_braces(pattern)? {
        let start = if alternative.starts_with('/') { PathBuf::from("/") } else { folder.to_owned() };
        let mut walk = Walk { unreadable, found: Vec::new() };
        walk.on(&start, &steps(&alternative)?)?;
        found.extend(walk.found.into_iter().filter(|path| seen.insert(path.clone())));
    }
    Ok(found)
}

/// Whether a pattern that counts from `folder` matches a path, be anything there or not.
pub(crate) fn matches(folder: &Path, pattern: &str, path: &Path) -> Result<bool, GlobError> {
    for alternative in expand_braces(pattern)? {
        let start = if alternative.starts_with('/') { Path::new("/") } else { folder };
        let mut start = start.to_owned();
        let mut steps = steps(&alternative)?;
        // What leads out of the folder is known by name.
        while let Some(Step::Name(name)) = steps.first()
            && name == ".."
        {
            start.pop();
            steps.remove(0);
        }
        let Ok(rest) = path.strip_prefix(&start) else { continue };
        let names: Vec<&OsStr> = rest.iter().collect();
        if step_match(&steps, &names) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn steps(pattern: &str) -> Result<Vec<Step>, GlobError> {
    pattern.split('/').filter(|step| !step.is_empty() && *step != ".").map(Step::new).collect()
}

fn step_match(steps: &[Step], names: &[&OsStr]) -> bool {
    match (steps.split_first(), names.split_first()) {
        (None, rest) => rest.is_none(),
        (Some((Step::AnyDepth, rest)), _) => (0..=names.len()).any(|skip| step_match(rest, &names[skip..])),
        (Some((Step::Name(step), steps)), Some((name, names))) => {
            *name == step.as_str() && step_match(steps, names)
        }
        (Some((Step::Match(step), steps)), Some((name, names))) => {
            step.is_match(name) && step_match(steps, names)
        }
        (Some(_), None) => false,
    }
}

/// Whether a pattern may match nothing without that being a mistake.
pub(crate) fn may_match_nothing(pattern: &str) -> bool {
    pattern.contains(['*', '?', '['])
}

enum Step {
    Name(String),
    Match(Box<GlobMatcher>),
    AnyDepth,
}

impl Step {
    fn new(text: &str) -> Result<Self, GlobError> {
        if text == "**" {
            return Ok(Self::AnyDepth);
        }
        if !text.contains(['*', '?', '[', '\\']) {
            return Ok(Self::Name(text.to_owned()));
        }
        let glob = GlobBuilder::new(text).literal_separator(true).backslash_escape(true).build();
        let glob = glob.map_err(|error| GlobError::Pattern(error.kind().to_string()))?;
        Ok(Self::Match(Box::new(glob.compile_matcher())))
    }
}

/// A walk over folders, and what it found.
struct Walk {
    unreadable: Unreadable,
    found: Vec<PathBuf>,
}

impl Walk {
    fn on(&mut self, folder: &Path, steps: &[Step]) -> Result<(), GlobError> {
        let Some((step, rest)) = steps.split_first() else {
            if folder.is_file() {
                self.found.push(folder.to_owned());
            }
            return Ok(());
        };
        match step {
            Step::Name(name) if name == ".." => self.on(&clean(&folder.join(name)), rest),
            Step::Name(name) => {
                let next = folder.join(name);
                if next.exists() { self.on(&next, rest) } else { Ok(()) }
            }
            Step::Match(matcher) => {
                for name in self.names(folder)? {
                    if matcher.is_match(&name) {
                        self.on(&folder.join(name), rest)?;
                    }
                }
                Ok(())
            }
            Step::AnyDepth => {
                if rest.is_empty() {
                    for name in self.names(folder)? {
                        self.on(&folder.join(name), &[])?;
                    }
                } else {
                    self.on(folder, rest)?;
                }
                for name in self.names(folder)? {
                    let next = folder.join(name);
                    // A link to a folder above would be walked for ever.
                    if next.is_dir() && !next.is_symlink() {
                        self.on(&next, steps)?;
                    }
                }
                Ok(())
            }
        }
    }

    fn names(&self, folder: &Path) -> Result<Vec<OsString>, GlobError> {
        match names(folder) {
            Err(GlobError::Read(..)) if self.unreadable == Unreadable::Skipped => Ok(Vec::new()),
            names => names,
        }
    }
}

/// The names in a folder, sorted; none if it is no folder.
fn names(folder: &Path) -> Result<Vec<OsString>, GlobError> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let failed = |error| GlobError::Read(folder.to_owned(), error);
    let entries = std::fs::read_dir(folder).map_err(failed)?;
    let mut names: Vec<OsString> = entries
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<Result<_, _>>()
        .map_err(failed)?;
    names.sort();
    Ok(names)
}

/// `a{b,c}d` is `abd` and `acd`; braces may be nested and stand across `/`.
fn expand_braces(pattern: &str) -> Result<Vec<String>, GlobError> {
    const MOST_ALTERNATIVES: usize = 1000;
    let mut pending = vec![pattern.to_owned()];
    let mut expanded = Vec::new();
    while let Some(text) = pending.pop() {
        if pending.len() + expanded.len() > MOST_ALTERNATIVES {
            return Err(GlobError::Pattern(format!("more than {MOST_ALTERNATIVES} alternatives")));
        }
        let Some((open, commas, close)) = first_braces(&text)? else {
            expanded.push(text);
            continue;
        };
        let mut starts = vec![open + 1];
        starts.extend(commas.iter().map(|comma| comma + 1));
        let mut ends = commas;
        ends.push(close);
        // The stack gives back what was put last first.
        for (start, end) in starts.into_iter().zip(ends).rev() {
            pending.push(format!("{}{}{}", &text[..open], &text[start..end], &text[close + 1..]));
        }
    }
    Ok(expanded)
}

/// Where the first braces open, their own commas, and where they close.
fn first_braces(text: &str) -> Result<Option<(usize, Vec<usize>, usize)>, GlobError> {
    let mut open = None;
    let mut commas = Vec::new();
    let mut depth = 0usize;
    let mut bytes = text.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' => {
                bytes.next();
            }
            b'{' => {
                depth += 1;
                open = open.or(Some(at));
            }
            b',' if depth == 1 => commas.push(at),
            b'}' => {
                depth =
                    depth.checked_sub(1).ok_or_else(|| GlobError::Pattern("`}` without `{`".to_owned()))?;
                if depth == 0
                    && let Some(open) = open
                {
                    return Ok(Some((open, commas, at)));
                }
            }
            _ => {}
        }
    }
    if depth > 0 { Err(GlobError::Pattern("`{` without `}`".to_owned())) } else { Ok(None) }
}

#[cfg(test)]
mod tests {
    use super::{Unreadable, expand_braces, glob, matches};
    use std::fs;
    use std::path::Path;

    #[test]
    fn braces_expand_in_their_order() {
        assert_eq!(
            expand_braces("x/{b,a{1,2}}/*.toml").unwrap(),
            ["x/b/*.toml", "x/a1/*.toml", "x/a2/*.toml"]
        );
        assert!(expand_braces("a{b").is_err());
        assert!(expand_braces("a}b").is_err());
    }

    #[test]
    fn matches_are_files_in_folder_order() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["b.toml", "a/x.toml", "a/deep/y.toml", "c/z.toml", "c/note.txt"] {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let matching = |pattern: &str| -> Vec<String> {
            let found = glob(folder.path(), pattern, Unreadable::Fails).unwrap();
            found.iter().map(|path| path.strip_prefix(folder.path()).unwrap().display().to_string()).collect()
        };
        assert_eq!(matching("**/*.toml"), ["b.toml", "a/x.toml", "a/deep/y.toml", "c/z.toml"]);
        assert_eq!(matching("*/*.toml"), ["a/x.toml", "c/z.toml"]);
        assert_eq!(matching("{c,a}/?.toml"), ["c/z.toml", "a/x.toml"]);
        assert_eq!(matching("a"), Vec::<String>::new());
        assert_eq!(matching("a/../b.toml"), ["b.toml"]);
        assert_eq!(matching("a/[^a-w].toml"), ["a/x.toml"]);
        assert_eq!(matching("c/**"), ["c/note.txt", "c/z.toml"]);
    }
    #[test]
    fn a_path_matches_without_being_there() {
        for (pattern, path, expected) in [
            ("build/**", "/p/build/a/b.spec", true),
            ("build/**", "/p/builds/a.spec", false),
            ("**/*.spec", "/p/a.spec", true),
            ("**/*.spec", "/p/x/y/a.spec", true),
            ("x/*.spec", "/p/x/y/a.spec", false),
            ("../q/{a,b}.spec", "/q/b.spec", true),
            ("/q/?.spec", "/q/b.spec", true),
            ("/q/?.spec", "/p/b.spec", false),
        ] {
            assert_eq!(matches(Path::new("/p"), pattern, Path::new(path)).unwrap(), expected, "{pattern}");
        }
    }
}
