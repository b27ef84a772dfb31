//! `lazuli component prepare-sources NAME -o DIR`

use component_sources::gather::{self, Archives, GatherError};
use serde::Serialize;

use crate::cli::{ComponentPrepareSources, Global};
use crate::failure::{Context as _, ExitCode, Failure};
use crate::output;
use crate::pipeline::components::Components;
use crate::pipeline::program;
use crate::session;

#[derive(Serialize)]
struct Prepared<'a> {
    component: &'a str,
    output: &'a std::path::Path,
    files: Vec<&'a str>,
    archives: Vec<&'a str>,
    notes: &'a [String],
}

/// Writes a folder with everything that a component's build needs.
pub fn run(global: &Global, options: &ComponentPrepareSources) -> Result<(), Failure> {
    let components = Components::open(global, &options.upstream)?;
    let component = components.distro.components.get(&options.name).ok_or_else(|| {
        Failure::new(format!("there is no component `{}`", options.name))
            .code(ExitCode::Usage)
            .hint("`lazuli component list` names them")
    })?;
    let sources = components.sources()?;
    let program = program::stamp()?;
    let renderer = components.renderer(&sources, &program);
    let downloader = session::downloader(global, &components.cache_dir)?;
    let archives =
        Archives { downloader: &downloader, mirrors: &options.lookaside, progress: &|_progress| {} };
    let archives = (!options.without_archives).then_some(&archives);
    let failed = || format!("the sources of {} cannot be prepared", options.name);
    let gathered = gather::gather(&renderer, component, archives).context(failed)?;
    gather::write(&gathered, &options.output, options.force).map_err(|error| {
        let exists = matches!(error, GatherError::Exists { .. });
        let failure = Failure::caused(failed(), &error);
        if exists { failure.hint("--force replaces it") } else { failure }
    })?;
    let data = Prepared {
        component: &options.name,
        output: &options.output,
        files: gathered.files.keys().map(String::as_str).collect(),
        archives: gathered.archives.keys().map(String::as_str).collect(),
        notes: &gathered.notes,
    };
    output::print(global.format, &data, |data| {
        let folder = data.output.display();
        let (files, archives) = (data.files.len(), data.archives.len());
        let notes: String = data.notes.iter().map(|note| format!("note      {note}\n")).collect();
        format!("written   {folder} ({files} files, {archives} archives)\n{notes}")
    })
}
