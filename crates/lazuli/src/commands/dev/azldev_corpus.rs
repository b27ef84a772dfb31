//! `lazuli dev azldev-corpus DIR`

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use component_sources::source::{SourceEntry, SourceFolder};
use definition::Component;
use host_tools::git::Repository;

use crate::cli::{AzldevCorpus, Global};
use crate::corpus::branch::Branch;
use crate::corpus::{self, CorpusError, Finding, Outcome, Report};
use crate::failure::{Context as _, ExitCode, Failure};
use crate::output;

/// Loads the definition, reads every rendered spec and renders what can be rendered from known sources.
pub fn run(global: &Global, options: &AzldevCorpus) -> Result<(), Failure> {
    let distro = definition::load(&options.project).map_err(|problems| {
        Failure::caused("the definition is not usable", &problems).code(ExitCode::Definition)
    })?;
    let repository = match &options.history {
        Some(repository) => Some(repository.clone()),
        None => is_repository(&options.project)?.then(|| options.project.clone()),
    };
    let branch = repository.map(|repository| Branch::read(&repository, &options.revision)).transpose();
    let branch = branch.context(|| "the history of the definition cannot be read".to_owned())?;
    let write = |component: &Component, source: &SourceFolder| match &options.write_sources {
        Some(mirror) => write_source(mirror, component, source),
        None => Ok(()),
    };
    let report = corpus::examine(&distro, branch.as_ref(), &write)
        .context(|| format!("{} cannot be examined", options.project.display()))?;
    output::print(global.format, &report, render)?;
    let differing: BTreeSet<&str> = differences(&report).map(|(name, _)| name).collect();
    let expected: BTreeSet<&str> = options.differing.iter().map(String::as_str).collect();
    let wrong = report.not_printed_back.len() + differing.difference(&expected).count();
    if wrong > 0 {
        return Err(Failure::new(format!("{wrong} specs do not come out as they lie there")));
    }
    match expected.difference(&differing).next() {
        Some(name) => Err(Failure::new(format!("{name} comes out as it lies there, or is not looked at"))
            .hint(format!("leave out `--differs {name}`"))),
        None => Ok(()),
    }
}

fn is_repository(project: &Path) -> Result<bool, Failure> {
    let work_tree = Repository::at(project).work_tree();
    let work_tree = work_tree.context(|| format!("{} cannot be looked at by git", project.display()))?;
    let project = project.canonicalize().context(|| format!("there is no {}", project.display()))?;
    // A checkout inside another repository has a history, but not its own.
    Ok(work_tree.is_some_and(|root| root == project))
}

/// Folder and spec get the name that the component has upstream: there it is looked for.
fn write_source(mirror: &Path, component: &Component, source: &SourceFolder) -> Result<(), CorpusError> {
    let upstream = component.upstream_name();
    let folder = mirror.join(upstream);
    for (name, entry) in &source.files {
        let path =
            if *name == source.spec { folder.join(format!("{upstream}.spec")) } else { folder.join(name) };
        let write = || {
            fs::create_dir_all(path.parent().unwrap_or(&folder))?;
            match entry {
                SourceEntry::File { bytes, executable } => {
                    fs::write(&path, bytes)?;
                    let mode = if *executable { 0o755 } else { 0o644 };
                    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode))
                }
                SourceEntry::Link { target } => std::os::unix::fs::symlink(target, &path),
            }
        };
        write().map_err(|source| CorpusError::Io { action: "write", path: path.clone(), source })?;
    }
    Ok(())
}

/// Components that do not come out as they lie there, and how.
fn differences(report: &Report) -> impl Iterator<Item = (&str, String)> {
    report.components.iter().filter_map(|(name, finding)| {
        let text = match finding.outcome()? {
            Outcome::Same | Outcome::SameButRelease | Outcome::SameButChangelog => return None,
            Outcome::Different { line, made, there } => {
                format!("line {line} comes out as {made:?}, there it is {there:?}")
            }
            Outcome::Refused(why) => why.clone(),
        };
        Some((name.as_str(), text))
    })
}

fn render(report: &Report) -> String {
    let counts = &report.counts;
    let mut text = format!(
        "definition: {} components, {} overlays in {} of them, {} macro files, {} skipped checks, {} images, {} package names\n\
         specs: {} read, {} printed back as they were read\n",
        counts.components,
        counts.overlays,
        counts.overlaid_components,
        counts.macro_files,
        counts.skipped_checks,
        counts.images,
        counts.package_names,
        report.specs,
        report.specs - report.not_printed_back.len(),
    );
    let kinds: [(&str, IsKind); 4] = [
        ("without overlays", |finding| matches!(finding, Finding::Bare { .. })),
        ("with overlays, source in the project", |finding| matches!(finding, Finding::Local { .. })),
        ("with overlays, source known from the history", |finding| matches!(finding, Finding::Branch { .. })),
        ("with overlays, all of them taken back", |finding| matches!(finding, Finding::Undone { .. })),
    ];
    for (words, is_kind) in kinds {
        let _infallible = writeln!(text, "{words}: {}", tally(report, is_kind));
    }
    let unknown = named(report, |finding| match finding {
        Finding::Unknown { why } => Some(why.clone()),
        _ => None,
    });
    let missing = named(report, |finding| match finding {
        Finding::NotRendered { why } => Some(why.clone()),
        _ => None,
    });
    section(&mut text, "source unknown", unknown);
    section(&mut text, "no rendered spec", missing);
    section(&mut text, "not printed back", paths(&report.not_printed_back));
    let differing = differences(report).map(|(name, why)| (name.to_owned(), why)).collect();
    section(&mut text, "different", differing);
    text
}

type IsKind = fn(&Finding) -> bool;

fn tally(report: &Report, is_kind: IsKind) -> String {
    let (mut all, mut same, mut release, mut changelog) = (0, 0, 0, 0);
    for finding in report.components.values().filter(|finding| is_kind(finding)) {
        all += 1;
        match finding.outcome() {
            Some(Outcome::Same) => same += 1,
            Some(Outcome::SameButRelease) => release += 1,
            Some(Outcome::SameButChangelog) => changelog += 1,
            _ => {}
        }
    }
    format!(
        "{all}; {same} the same byte for byte, {release} but for the release number, {changelog} but for the changelog, {} different",
        all - same - release - changelog
    )
}

fn named(report: &Report, of: impl Fn(&Finding) -> Option<String>) -> Vec<(String, String)> {
    report.components.iter().filter_map(|(name, finding)| Some((name.clone(), of(finding)?))).collect()
}

fn paths(paths: &[PathBuf]) -> Vec<(String, String)> {
    paths.iter().map(|path| (path.display().to_string(), String::new())).collect()
}

fn section(text: &mut String, title: &str, lines: Vec<(String, String)>) {
    if lines.is_empty() {
        return;
    }
    let _infallible = writeln!(text, "{title}: {}", lines.len());
    for (name, why) in lines {
        let line = format!("  {name}: {why}");
        let _infallible = writeln!(text, "{}", line.trim_end_matches([':', ' ']));
    }
}
