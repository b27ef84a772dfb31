//! `lazuli deviation export NAME`

use std::fs;
use std::path::PathBuf;

use component_sources::render::upstream_files;
use deviation::Envelope;
use host_tools::whole_file;
use serde::Serialize;

use super::since::LineHistory;
use crate::cli::{ComponentSelection, DeviationExport, Global};
use crate::failure::{Context as _, Failure};
use crate::output;
use crate::pipeline::components::{self, Components};

#[derive(Serialize)]
struct Exported {
    folder: PathBuf,
    patches: Vec<String>,
}

/// Writes the overlays of a component as patches.
pub fn run(global: &Global, options: &DeviationExport) -> Result<(), Failure> {
    let components = Components::open(global, &options.upstream)?;
    let selection = ComponentSelection { names: vec![options.name.clone()], group: None };
    let selected = components::select(&components.distro, &selection)?;
    let [component] = selected.as_slice() else {
        return Err(Failure::new(format!("{} names {} components", options.name, selected.len()))
            .hint("patches are written for one component at a time"));
    };
    let failed = || format!("the changes of {} cannot be written as patches", options.name);
    let sources = components.sources()?;
    let source = sources.source_of(component).context(failed)?;
    let upstream = upstream_files(&source).context(failed)?;
    let distro = &components.distro;
    let history = LineHistory::of(distro)?;
    let stated = deviation::stated(distro, component, &history);
    let of_overlays = stated.iter().filter(|deviation| deviation.kind.is_overlay());
    let author = distro.project.default_author_email.as_deref().unwrap_or("nobody@localhost");
    let envelope = Envelope {
        author: format!("Distribution maintainers <{author}>"),
        dates: of_overlays.map(|deviation| deviation.since).collect(),
        base: source.commit.clone(),
    };
    let series = deviation::series(component, &upstream, &envelope).context(failed)?;
    let folder = options.output.clone().unwrap_or_else(|| PathBuf::from(format!("{}-patches", options.name)));
    fs::create_dir_all(&folder).context(failed)?;
    remove_former(&folder).context(failed)?;
    for patch in &series {
        whole_file::write(&folder.join(&patch.name), &patch.bytes).context(failed)?;
    }
    let patches = series.into_iter().map(|patch| patch.name).collect();
    output::print(global.format, &Exported { folder, patches }, |exported| {
        exported.patches.iter().map(|name| format!("{}\n", exported.folder.join(name).display())).collect()
    })
}

/// Patches of an earlier export would be applied with the new ones.
fn remove_former(folder: &std::path::Path) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let numbered =
            name.len() > 5 && name.as_bytes()[..4].iter().all(u8::is_ascii_digit) && &name[4..5] == "-";
        if numbered && name.ends_with(".patch") {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}
