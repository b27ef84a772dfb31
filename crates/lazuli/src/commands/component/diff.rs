//! `lazuli component diff [NAME…]`

use std::io::Write as _;

use component_sources::difference::{self, FileDifference};
use component_sources::prepare::{Extra, prepare};
use component_sources::sources::Sources;
use definition::Component;
use rayon::prelude::*;
use serde::Serialize;

use crate::cli::{ComponentDiff, Global};
use crate::failure::{Context as _, Failure};
use crate::output::{self, Format};
use crate::pipeline::components::{self, Components};

#[derive(Serialize)]
struct Differing {
    component: String,
    files: Vec<DifferingFile>,
}

#[derive(Serialize)]
struct DifferingFile {
    path: String,
    status: &'static str,
    added: u32,
    removed: u32,
    patch: String,
}

/// Shows what overlays, macros and skipped tests do to upstream files; the release and the files left out do not count.
pub fn run(global: &Global, options: &ComponentDiff) -> Result<(), Failure> {
    let components = Components::open(global, &options.upstream)?;
    let selected = components::select(&components.distro, &options.selection)?;
    let sources = components.sources()?;
    let differences = selected
        .par_iter()
        .map(|component| Ok((*component, of_component(&components, &sources, component)?)))
        .collect::<Result<Vec<_>, Failure>>()?;
    match global.format {
        Format::Json => {
            let data: Vec<Differing> = differences
                .into_iter()
                .map(|(component, files)| Differing {
                    component: component.name.as_str().to_owned(),
                    files: files.into_iter().map(DifferingFile::from).collect(),
                })
                .collect();
            output::print(global.format, &data, |_data| String::new())
        }
        Format::Text if options.stat => output::print_text(&counted(&differences)),
        Format::Text => {
            let patches = differences.iter().flat_map(|(_, files)| files).map(|file| file.patch.as_slice());
            output::print_bytes(&patches.collect::<Vec<_>>().concat())
        }
    }
}

fn of_component(
    components: &Components,
    sources: &Sources<'_>,
    component: &Component,
) -> Result<Vec<FileDifference>, Failure> {
    let upstream = components.upstream(sources, component)?;
    let prepared = prepare(component, upstream.clone(), &Extra::default())
        .context(|| format!("the changes of {} cannot be made", component.name.as_str()))?;
    Ok(difference::between(&upstream, &prepared.files))
}

fn counted(differences: &[(&Component, Vec<FileDifference>)]) -> String {
    let mut text = Vec::new();
    for (component, files) in differences {
        let name = component.name.as_str();
        for file in files {
            let status = file.status.as_str();
            // Writing to memory does not fail.
            let _infallible =
                writeln!(text, "{name}/{}  {status}  +{} -{}", file.path, file.added, file.removed);
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

impl From<FileDifference> for DifferingFile {
    fn from(difference: FileDifference) -> Self {
        DifferingFile {
            path: difference.path,
            status: difference.status.as_str(),
            added: difference.added,
            removed: difference.removed,
            patch: String::from_utf8_lossy(&difference.patch).into_owned(),
        }
    }
}
