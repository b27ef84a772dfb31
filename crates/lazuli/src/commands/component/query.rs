//! `lazuli component query [NAME…]`

use component_sources::render::{Renderer, SpecMacros};
use definition::Component;
use rayon::prelude::*;
use serde::Serialize;
use spec_query::Evaluation;

use crate::cli::{ComponentQuery, Global};
use crate::failure::{Context as _, Failure};
use crate::output;
use crate::pipeline::components::{self, Components};
use crate::pipeline::program;

#[derive(Serialize)]
struct Queried {
    component: String,
    #[serde(flatten)]
    evaluation: Evaluation,
}

/// Tells what the specs that would be rendered describe.
pub fn run(global: &Global, options: &ComponentQuery) -> Result<(), Failure> {
    let components = Components::open(global, &options.upstream)?;
    let selected = components::select(&components.distro, &options.selection)?;
    let sources = components.sources()?;
    let program = program::stamp()?;
    let renderer = components.renderer(&sources, &program);
    let queried = selected
        .par_iter()
        .map(|component| queried(&renderer, &components.macros, component))
        .collect::<Result<Vec<_>, Failure>>()?;
    sources.keep_identities().context(|| "the cache cannot be written".to_owned())?;
    output::print(global.format, &queried, |queried| queried.iter().map(words).collect())
}

fn queried(renderer: &Renderer<'_>, macros: &SpecMacros, component: &Component) -> Result<Queried, Failure> {
    let name = component.name.as_str();
    let inputs = renderer.inputs(component).context(|| format!("{name} cannot be rendered"))?;
    let rendered = renderer.render(component, &inputs).context(|| format!("{name} cannot be rendered"))?;
    let (_files, evaluation) = macros.evaluate(&format!("{name}.spec"), rendered.files);
    let evaluation = evaluation.context(|| format!("the spec of {name} cannot be read"))?;
    Ok(Queried { component: name.to_owned(), evaluation })
}

fn words(queried: &Queried) -> String {
    let mut text = format!("{}\n", queried.component);
    let evaluation = &queried.evaluation;
    for package in evaluation.packages.iter().filter(|package| package.is_built) {
        text.push_str(&format!("  package   {}\n", package.nevra()));
    }
    for relation in &evaluation.source.build_requires {
        text.push_str(&format!("  build     {relation}\n"));
    }
    for source in &evaluation.source.sources {
        let kind = if source.is_patch { "patch " } else { "source" };
        text.push_str(&format!("  {kind}    {}\n", source.location));
    }
    for doubt in &evaluation.doubts {
        text.push_str(&format!("  doubt     line {}: {}\n", doubt.line, doubt.text));
    }
    text
}
