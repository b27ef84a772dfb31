//! `lazuli component update [NAME…]`

use std::collections::BTreeSet;
use std::fmt::Write as _;

use component_sources::lock;
use component_sources::update::{Change, Refused, Request, Update, update_all, write_all};
use serde::Serialize;

use crate::cli::{ComponentUpdate, Global};
use crate::failure::{Context as _, ExitCode, Failure, chain};
use crate::output;
use crate::pipeline::components::{self, Components};

#[derive(Serialize)]
struct Updated<'a> {
    components: Vec<UpdatedComponent<'a>>,
    orphans: &'a [String],
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct UpdatedComponent<'a> {
    component: &'a str,
    change: Change,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream_commit: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_commit: Option<&'a str>,
}

/// Brings the locks of components up to date, or tells whether they are.
pub fn run(global: &Global, options: &ComponentUpdate) -> Result<(), Failure> {
    let all = options.selection.names.is_empty() && options.selection.group.is_none();
    if options.bump && all {
        return Err(Failure::new("--bump needs the names of components")
            .code(ExitCode::Usage)
            .hint("'*' means all of them"));
    }
    let components = Components::open(global, &options.upstream)?;
    let selected = components::select(&components.distro, &options.selection)?;
    let sources = components.sources()?;
    let request = Request { bump: options.bump, anew: options.anew };
    let updates =
        update_all(&selected, &sources, request, &components.bars).map_err(|errors| failed(&errors))?;
    let lock_dir = &components.distro.project.lock_dir;
    let names: BTreeSet<&str> = components.distro.components.keys().map(String::as_str).collect();
    let orphans = if all { lock::orphans(lock_dir, &names) } else { Ok(Vec::new()) };
    let orphans = orphans.context(|| "locks of former components cannot be listed".to_owned())?;
    if !options.check_only {
        write_all(&updates, lock_dir).context(|| "the locks cannot be written".to_owned())?;
        for name in &orphans {
            lock::remove(lock_dir, name).context(|| format!("the lock of {name} cannot be removed"))?;
        }
    }
    sources.keep_identities().context(|| "the cache cannot be written".to_owned())?;
    let different = updates.iter().filter(|update| update.change != Change::None);
    let data = Updated { components: different.map(updated).collect(), orphans: &orphans };
    output::print(global.format, &data, words)?;
    if options.check_only && !(data.components.is_empty() && orphans.is_empty()) {
        let (locks, former) = (data.components.len(), orphans.len());
        return Err(Failure::new(format!(
            "{locks} locks are not up to date, {former} belong to no component"
        ))
        .hint("`lazuli component update` brings them up to date"));
    }
    Ok(())
}

fn updated(update: &Update) -> UpdatedComponent<'_> {
    let before = update.before.as_ref().and_then(|lock| lock.upstream_commit.as_deref());
    UpdatedComponent {
        component: &update.component,
        change: update.change,
        upstream_commit: update.lock.upstream_commit.as_deref(),
        previous_commit: before.filter(|_| update.change == Change::Commit),
    }
}

fn words(updated: &Updated<'_>) -> String {
    let mut text = String::new();
    for component in &updated.components {
        let name = component.component;
        let commit = component.upstream_commit.map_or("", |commit| &commit[..commit.len().min(12)]);
        let line = match component.change {
            Change::None => continue,
            Change::New => format!("new       {name}  {commit}"),
            Change::Commit => match component.previous_commit {
                Some(before) => format!("moved     {name}  {} → {commit}", &before[..before.len().min(12)]),
                None => format!("moved     {name}  {commit}"),
            },
            Change::Inputs => format!("released  {name}"),
            Change::Bookkeeping => format!("noted     {name}"),
        };
        let _infallible = writeln!(text, "{}", line.trim_end());
    }
    for name in updated.orphans {
        let _infallible = writeln!(text, "removed   {name}");
    }
    text
}

/// Every component that could not be looked at, with why; nothing was written.
fn failed(errors: &[Refused]) -> Failure {
    let message = format!("the locks of {} components cannot be renewed; none was written", errors.len());
    Failure::caused(message, &Unlocked(errors.iter().map(one_line).collect()))
        .hint("an upstream that was away may answer a second time; what was fetched is kept")
}

fn one_line(refused: &Refused) -> String {
    let Refused { component, error } = refused;
    format!("{component}: {}", chain(error.as_ref()).join(": "))
}

/// One line a component.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
struct Unlocked(Vec<String>);
