//! A converted package and its override in; the package changed, or the reason why the override no longer fits.

use std::collections::BTreeMap;

use regex::RegexBuilder;
use rpm::{DependencyFlags, FileFlags};
use thiserror::Error;

use super::generate::{self, names};
use super::{AddedFile, Attributes, Edit, Override, ScriptText};
use crate::convert::CONFIG_FLAGS;
use crate::rpm_file::{FileTrigger, RpmEntry, RpmEntryKind, RpmPackage, RpmRelation, Script};
use crate::spool::Spool;

/// An override that does not fit its package.
#[derive(Debug, Error)]
pub enum OverrideError {
    /// It speaks of a file that is not there.
    #[error(
        "the override {action} {path}, which the package does not have; was it moved or renamed upstream?"
    )]
    NoFile {
        /// What it does with the file.
        action: &'static str,
        /// The path.
        path: String,
    },
    /// It adds a file that is there already.
    #[error("the override adds {path}, which the package has already; drop it there, or edit it instead")]
    Present {
        /// The path.
        path: String,
    },
    /// A file to be read is no text of bearable size.
    #[error("{path} is no text file that an override can read")]
    NoText {
        /// The path.
        path: String,
    },
    /// A field has a value that cannot be used.
    #[error("in the override's entry for {path}: {problem}")]
    Entry {
        /// The path.
        path: String,
        /// What is wrong.
        problem: String,
    },
    /// A relation cannot be read.
    #[error("{relation:?} is no RPM relation of the form `name` or `name >= version`")]
    Relation {
        /// Its text.
        relation: String,
    },
    /// An edit matched more or less often than expected.
    #[error(
        "pattern {pattern:?} matches {found} times in {path}, not {expected}; did the file change upstream?"
    )]
    Count {
        /// The file.
        path: String,
        /// The pattern.
        pattern: String,
        /// How often it should match.
        expected: usize,
        /// How often it does.
        found: usize,
    },
}

/// Largest packaged file that an override reads, in bytes.
const TEXT_LIMIT: u64 = 4 << 20;

/// Changes `package` as the override says.
pub(crate) fn apply(
    package: &mut RpmPackage,
    contents: &Spool,
    change: &Override,
) -> Result<(), OverrideError> {
    let packaged = std::mem::take(&mut package.files);
    let mut files = packaged.clone();
    for path in &change.drop {
        if files.remove(path).is_none() {
            return Err(OverrideError::NoFile { action: "drops", path: path.clone() });
        }
    }
    let source = Source { packaged: &packaged, contents, time: package.time };
    for edit in &change.edits {
        let (path, entry) = edited(&source, edit)?;
        if path != edit.from && files.contains_key(&path) {
            return Err(OverrideError::Present { path });
        }
        files.insert(path, entry);
    }
    for file in &change.files {
        let entry = added(&source, file)?;
        let both_directories = |present: &RpmEntry| {
            present.kind == RpmEntryKind::Directory && entry.kind == RpmEntryKind::Directory
        };
        if files.get(&file.path).is_some_and(|present| !both_directories(present)) {
            return Err(OverrideError::Present { path: file.path.clone() });
        }
        files.insert(file.path.clone(), entry);
    }
    for attributes in &change.attributes {
        let entry = files.get_mut(&attributes.path);
        let entry = entry.ok_or_else(|| OverrideError::NoFile {
            action: "sets attributes of",
            path: attributes.path.clone(),
        })?;
        set_attributes(entry, attributes)?;
    }
    if let Some(accounts) = &change.accounts {
        let users = source.text(&accounts.users)?;
        let groups = source.text(&accounts.groups)?;
        package.provides.extend(names(&users).map(|name| RpmRelation::any(format!("user({name})"))));
        package.provides.extend(names(&groups).map(|name| RpmRelation::any(format!("group({name})"))));
    }
    package.files = files;
    relations(package, change)?;
    scripts(package, change);
    Ok(())
}

struct Source<'a> {
    packaged: &'a BTreeMap<String, RpmEntry>,
    contents: &'a Spool,
    time: u32,
}

impl Source<'_> {
    fn entry(&self, path: &str) -> Result<&RpmEntry, OverrideError> {
        self.packaged
            .get(path)
            .ok_or_else(|| OverrideError::NoFile { action: "reads", path: path.to_owned() })
    }

    fn text(&self, path: &str) -> Result<String, OverrideError> {
        let no_text = || OverrideError::NoText { path: path.to_owned() };
        match self.entry(path)?.kind {
            RpmEntryKind::Stored { offset, size, .. } if size <= TEXT_LIMIT => {
                let bytes = self.contents.bytes(offset, size).map_err(|_| no_text())?;
                String::from_utf8(bytes).map_err(|_| no_text())
            }
            _ => Err(no_text()),
        }
    }
}

fn edited(source: &Source<'_>, edit: &Edit) -> Result<(String, RpmEntry), OverrideError> {
    let path = edit.to.clone().unwrap_or_else(|| edit.from.clone());
    let mut text = source.text(&edit.from)?;
    for replacement in &edit.replace {
        let problem = |error: regex::Error| OverrideError::Entry {
            path: edit.from.clone(),
            problem: error.to_string(),
        };
        let pattern = RegexBuilder::new(&replacement.pattern).multi_line(true).build().map_err(problem)?;
        let found = pattern.find_iter(&text).count();
        if found != replacement.count {
            return Err(OverrideError::Count {
                path: edit.from.clone(),
                pattern: replacement.pattern.clone(),
                expected: replacement.count,
                found,
            });
        }
        text = pattern.replace_all(&text, replacement.with.as_str()).into_owned();
    }
    text.push_str(&edit.append);
    let original = source.entry(&edit.from)?;
    let kept = if path == edit.from { original.flags } else { FileFlags::empty() };
    let flags = if edit.config { kept | CONFIG_FLAGS } else { kept };
    let entry = RpmEntry {
        kind: RpmEntryKind::Made(text.into_bytes()),
        modified: source.time,
        flags,
        ..original.clone()
    };
    Ok((path, entry))
}

fn added(source: &Source<'_>, file: &AddedFile) -> Result<RpmEntry, OverrideError> {
    let problem =
        |problem: &str| OverrideError::Entry { path: file.path.clone(), problem: problem.to_owned() };
    let valid = file.path.len() > 1
        && file.path.starts_with('/')
        && file.path[1..].split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    if !valid {
        return Err(problem("the path is not absolute, or has empty parts, `.` or `..`"));
    }
    let mut mode = 0o644;
    let mut kinds = Vec::new();
    kinds.extend(file.content.as_ref().map(|text| RpmEntryKind::Made(text.clone().into_bytes())));
    kinds.extend(file.symlink.as_ref().map(|target| RpmEntryKind::Symlink(target.clone())));
    if file.directory {
        kinds.push(RpmEntryKind::Directory);
    }
    if let Some(from) = &file.copy {
        kinds.push(RpmEntryKind::Made(source.text(from)?.into_bytes()));
        mode = source.entry(from)?.mode;
    }
    if let Some(generator) = file.generate {
        let read = |path: &str| source.text(path);
        let mut paths = source.packaged.keys().map(String::as_str);
        let text = generate::content(generator, &mut paths, &read, source.time / (24 * 60 * 60))?;
        kinds.push(RpmEntryKind::Made(text.into_bytes()));
    }
    if file.ghost && kinds.is_empty() {
        kinds.push(RpmEntryKind::Made(Vec::new()));
    }
    let [kind] = <[RpmEntryKind; 1]>::try_from(kinds)
        .map_err(|_| problem("exactly one of content, symlink, directory, copy and generate is needed"))?;
    match kind {
        RpmEntryKind::Directory => mode = 0o755,
        RpmEntryKind::Symlink(_) => mode = 0o777,
        _ => {}
    }
    let mut flags = FileFlags::empty();
    if file.config {
        flags |= CONFIG_FLAGS;
    }
    if file.ghost {
        flags |= FileFlags::GHOST;
    }
    let mut entry = RpmEntry {
        kind,
        mode,
        owner: "root".to_owned(),
        group: "root".to_owned(),
        modified: source.time,
        flags,
    };
    let attributes = Attributes {
        path: file.path.clone(),
        mode: file.mode.clone(),
        owner: file.owner.clone(),
        group: file.group.clone(),
        config: false,
    };
    set_attributes(&mut entry, &attributes)?;
    Ok(entry)
}

fn set_attributes(entry: &mut RpmEntry, attributes: &Attributes) -> Result<(), OverrideError> {
    if let Some(text) = &attributes.mode {
        let mode = u16::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o7777);
        entry.mode = mode.ok_or_else(|| OverrideError::Entry {
            path: attributes.path.clone(),
            problem: format!("mode {text:?} is no octal number up to 7777"),
        })?;
    }
    if let Some(owner) = &attributes.owner {
        entry.owner.clone_from(owner);
    }
    if let Some(group) = &attributes.group {
        entry.group.clone_from(group);
    }
    if attributes.config {
        entry.flags |= CONFIG_FLAGS;
    }
    Ok(())
}

/// Adds the relations that the override states.
pub(crate) fn relations(package: &mut RpmPackage, change: &Override) -> Result<(), OverrideError> {
    let read = |texts: &[String]| texts.iter().map(|text| relation(text)).collect::<Result<Vec<_>, _>>();
    package.provides.extend(read(&change.provides)?);
    package.requires.extend(read(&change.requires)?);
    let before = read(&change.requires_pre)?.into_iter();
    package.requires.extend(before.map(|relation| relation.with(DependencyFlags::SCRIPT_PRE)));
    package.conflicts.extend(read(&change.conflicts)?);
    Ok(())
}

fn relation(text: &str) -> Result<RpmRelation, OverrideError> {
    let wrong = || OverrideError::Relation { relation: text.to_owned() };
    if text.starts_with('(') {
        return Ok(RpmRelation::any(text));
    }
    match text.split_whitespace().collect::<Vec<_>>()[..] {
        [name] => Ok(RpmRelation::any(name)),
        [name, operator, version] => {
            let flags = match operator {
                "<" => DependencyFlags::LESS,
                "<=" => DependencyFlags::LE,
                "=" => DependencyFlags::EQUAL,
                ">=" => DependencyFlags::GE,
                ">" => DependencyFlags::GREATER,
                _ => return Err(wrong()),
            };
            Ok(RpmRelation::versioned(name, flags, version))
        }
        _ => Err(wrong()),
    }
}

fn scripts(package: &mut RpmPackage, change: &Override) {
    let script =
        |text: &ScriptText| Script { interpreter: text.interpreter.clone(), body: text.body.clone() };
    package.scriptlets.extend(change.scriptlets.iter().map(|(kind, text)| (*kind, script(text))));
    package.file_triggers.extend(change.file_triggers.iter().map(|trigger| FileTrigger {
        kind: trigger.kind,
        priority: trigger.priority,
        paths: trigger.paths.clone(),
        script: Script { interpreter: trigger.interpreter.clone(), body: trigger.body.clone() },
    }));
}
