//! A component's overlays and its upstream files, in; a series of patches against the dist-git repository, out.
//! `git am` applies them; the first one is a letter that says what the series leaves out.

use std::fmt::Write as _;

use component_sources::difference;
use component_sources::prepare::{PreparedFiles, overlaid};
use definition::{Component, OverlayEntry, SpecSource};
use jiff::Timestamp;

use crate::stated::{counted, summary};

/// One file of a series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatchFile {
    /// `0001-add-the-tag.patch`.
    pub name: String,
    /// A mail, as `git am` reads it.
    pub bytes: Vec<u8>,
}

/// What every mail of a series says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// `Name <address>`.
    pub author: String,
    /// When each overlay came into the definition, in their order; mails without one are dated 1970.
    pub dates: Vec<Option<Timestamp>>,
    /// The dist-git commit that the series applies to, if it is known.
    pub base: Option<String>,
}

/// Why there is no series.
#[derive(Debug, thiserror::Error)]
pub enum SeriesError {
    /// A spec of the project has no upstream.
    #[error("component {component} is the project's own: it has no upstream to send a change to")]
    OwnSpec {
        /// The component.
        component: String,
    },
    /// Nothing of it can be sent.
    #[error("component {component} has no overlay: there is nothing to send upstream")]
    Nothing {
        /// The component.
        component: String,
    },
    /// An overlay does not apply.
    #[error("overlay {number} of {component} ({what}) does not apply")]
    Overlay {
        /// The component.
        component: String,
        /// Its place in the component's list, from 1.
        number: usize,
        /// What it does.
        what: String,
        /// What does not fit.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// One mail for each overlay that changes something, after a letter about all of them; `files` are the upstream's.
pub fn series(
    component: &Component,
    files: &PreparedFiles,
    envelope: &Envelope,
) -> Result<Vec<PatchFile>, SeriesError> {
    let name = component.name.value.as_str();
    let upstream_name = match &component.spec {
        SpecSource::Local { .. } => return Err(SeriesError::OwnSpec { component: name.to_owned() }),
        SpecSource::Upstream(upstream) => upstream.stated_name.as_deref().unwrap_or(name),
        SpecSource::Unstated => name,
    };
    let spec = format!("{name}.spec");
    let upstream_spec = format!("{upstream_name}.spec");
    let mut steps = Vec::new();
    let mut left_out = Vec::new();
    let mut current = files.clone();
    for (index, entry) in component.overlays.iter().enumerate() {
        let (next, effects) =
            overlaid(&current, &spec, std::slice::from_ref(&entry.overlay)).map_err(|error| {
                SeriesError::Overlay {
                    component: name.to_owned(),
                    number: index + 1,
                    what: summary(&entry.overlay),
                    source: Box::new(error),
                }
            })?;
        if effects.iter().any(|effect| effect.left_out) {
            left_out
                .push(format!("{}: a source archive is not part of the repository", summary(&entry.overlay)));
        }
        let renamed = |files: &PreparedFiles| -> PreparedFiles {
            let path = |path: &String| if *path == spec { upstream_spec.clone() } else { path.clone() };
            files.iter().map(|(name, file)| (path(name), file.clone())).collect()
        };
        let differences = difference::between(&renamed(&current), &renamed(&next));
        if !differences.is_empty() {
            steps.push((entry, envelope.dates.get(index).copied().flatten(), differences));
        }
        current = next;
    }
    left_out.extend(not_overlays(component));
    if steps.is_empty() {
        return Err(SeriesError::Nothing { component: name.to_owned() });
    }
    let count = steps.len();
    let mut series = vec![letter(component, upstream_name, &steps, &left_out, envelope)];
    for (index, (entry, date, differences)) in steps.iter().enumerate() {
        series.push(mail(index + 1, count, upstream_name, entry, *date, differences, &envelope.author));
    }
    Ok(series)
}

/// What a component asks for that no patch to its repository says.
fn not_overlays(component: &Component) -> Vec<String> {
    let build = &component.build;
    let mut left_out = Vec::new();
    left_out.extend(build.with.iter().map(|name| format!("built with {name}")));
    left_out.extend(build.without.iter().map(|name| format!("built without {name}")));
    left_out.extend(build.defines.iter().map(|(name, value)| format!("built with %{name} = {value}")));
    if let Some(reason) = &build.check_skipped {
        left_out.push(format!("%check is skipped: {reason}"));
    }
    left_out.extend(component.source_files.iter().map(|file| format!("the source {} is ours", file.name)));
    left_out
}

type Step<'a> = (&'a OverlayEntry, Option<Timestamp>, Vec<difference::FileDifference>);

fn letter(
    component: &Component,
    upstream_name: &str,
    steps: &[Step<'_>],
    left_out: &[String],
    envelope: &Envelope,
) -> PatchFile {
    let count = steps.len();
    let date = steps.iter().filter_map(|(_, date, _)| *date).max();
    let mut text =
        head(&envelope.author, date, &format!("[PATCH 0/{count}] {upstream_name}: What we change"));
    let _infallible = writeln!(text, "{} of {}:\n", counted(count, "change"), component.name.value);
    for (number, (entry, _, _)) in steps.iter().enumerate() {
        let _infallible = writeln!(text, "  {}. {}", number + 1, subject(entry));
    }
    if !left_out.is_empty() {
        text += "\nNot in this series:\n\n";
        for line in left_out {
            let _infallible = writeln!(text, "  - {line}");
        }
    }
    if let Some(base) = &envelope.base {
        let _infallible = write!(text, "\nbase-commit: {base}\n");
    }
    PatchFile { name: "0000-cover-letter.patch".to_owned(), bytes: text.into_bytes() }
}

fn mail(
    number: usize,
    count: usize,
    upstream_name: &str,
    entry: &OverlayEntry,
    date: Option<Timestamp>,
    differences: &[difference::FileDifference],
    author: &str,
) -> PatchFile {
    let subject = subject(entry);
    let mut text = head(author, date, &format!("[PATCH {number}/{count}] {upstream_name}: {subject}"));
    if let Some(description) =
        entry.description.as_deref().filter(|description| description.trim() != subject)
    {
        let _infallible = writeln!(text, "{}\n", wrapped(description));
    }
    if let Some(metadata) = &entry.metadata {
        for commit in &metadata.commits {
            let _infallible = writeln!(text, "Upstream-Commit: {commit}");
        }
        for bug in &metadata.bugs {
            let _infallible = writeln!(text, "Bug: {bug}");
        }
        let _infallible = writeln!(text, "Upstream-Status: {}", metadata.upstream_status.as_str());
    }
    let (added, removed) = differences.iter().fold((0, 0), |(added, removed), difference| {
        (added + difference.added, removed + difference.removed)
    });
    text += "---\n";
    let _infallible = writeln!(
        text,
        " {} changed, {} added, {} removed\n",
        counted(differences.len(), "file"),
        counted(added as usize, "line"),
        counted(removed as usize, "line")
    );
    let mut bytes = text.into_bytes();
    for difference in differences {
        bytes.extend_from_slice(&difference.patch);
    }
    bytes.extend_from_slice(b"-- \nlazuli\n\n");
    PatchFile { name: format!("{number:04}-{}.patch", file_name(&subject)), bytes }
}

/// The zero commit stands for "not a commit of yours", as in git's own mails of other sources.
fn head(author: &str, date: Option<Timestamp>, subject: &str) -> String {
    let date = date.unwrap_or(Timestamp::UNIX_EPOCH).strftime("%a, %d %b %Y %H:%M:%S +0000");
    let zero = "0".repeat(40);
    format!(
        "From {zero} Mon Sep 17 00:00:00 2001\nFrom: {author}\nDate: {date}\nSubject: {subject}\nMIME-Version: 1.0\n\
         Content-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: 8bit\n\n"
    )
}

/// The first sentence of the reason, or what is done.
fn subject(entry: &OverlayEntry) -> String {
    let reason =
        entry.description.as_deref().and_then(|text| text.lines().find(|line| !line.trim().is_empty()));
    let line = reason.map_or_else(|| capitalised(&summary(&entry.overlay)), |line| line.trim().to_owned());
    let sentence = line.split_once(". ").map_or(line.as_str(), |(first, _)| first);
    sentence.trim_end_matches('.').to_owned()
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Lower-case letters and digits with single hyphens between, as git names patch files.
fn file_name(subject: &str) -> String {
    let mut name = String::new();
    for letter in subject.chars().map(|letter| letter.to_ascii_lowercase()) {
        match letter {
            'a'..='z' | '0'..='9' => name.push(letter),
            _ if !name.is_empty() && !name.ends_with('-') => name.push('-'),
            _ => {}
        }
        if name.len() >= 52 {
            break;
        }
    }
    let name = name.trim_end_matches('-');
    if name.is_empty() { "change".to_owned() } else { name.to_owned() }
}

/// Lines of up to 76 letters; a line that looks like the end of a message is set in.
fn wrapped(text: &str) -> String {
    let mut wrapped = String::new();
    for line in text.trim().lines() {
        let mut length = 0;
        for word in line.split_whitespace() {
            let letters = word.chars().count();
            if length > 0 && length + 1 + letters > 76 {
                wrapped.push('\n');
                length = 0;
            }
            if length > 0 {
                wrapped.push(' ');
                length += 1;
            } else if word.starts_with("---") || word == "diff" {
                wrapped.push(' ');
            }
            wrapped += word;
            length += letters;
        }
        wrapped.push('\n');
    }
    wrapped.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_short_and_plain() {
        assert_eq!(file_name("Don't build `xen`: not a target!"), "don-t-build-xen-not-a-target");
        assert_eq!(file_name("äöü"), "change");
        assert!(file_name(&"word ".repeat(40)).len() <= 52);
    }

    #[test]
    fn long_reasons_are_wrapped_and_cannot_end_the_message() {
        let text = wrapped(&format!("{}\n--- not the end", "word ".repeat(20)));
        assert!(text.lines().all(|line| line.chars().count() <= 76), "{text}");
        assert!(text.lines().all(|line| !line.starts_with("---")), "{text}");
    }
}
