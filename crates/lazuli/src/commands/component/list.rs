//! `lazuli component list [NAME…]`

use definition::{Component, SpecSource};

use crate::cli::{ComponentList, Global};
use crate::failure::Failure;
use crate::pipeline::components;
use crate::{output, session};

/// Prints components, everything that they inherit included.
pub fn run(global: &Global, options: &ComponentList) -> Result<(), Failure> {
    let distro = session::load_definition(global)?;
    let selected = components::select(&distro, &options.selection)?;
    output::print(global.format, &selected, |selected| {
        let width = selected.iter().map(|component| component.name.len()).max().unwrap_or(0);
        let line = |component: &&Component| {
            let name = component.name.as_str();
            format!("{name:width$}  {}{}\n", origin(component), changes(component))
        };
        selected.iter().map(line).collect()
    })
}

/// Where its spec comes from, such as `fedora-43` or `fedora-43 as mesa at 0123456`.
fn origin(component: &Component) -> String {
    match &component.spec {
        SpecSource::Local { .. } => "local".to_owned(),
        SpecSource::Upstream(upstream) => {
            let name = upstream.stated_name.as_ref().map(|name| format!(" as {name}")).unwrap_or_default();
            let commit = upstream.commit.as_ref().map(|commit| format!(" at {}", commit.as_str()));
            format!("{}-{}{name}{}", upstream.distro, upstream.version, commit.unwrap_or_default())
        }
        SpecSource::Unstated => "nowhere".to_owned(),
    }
}

/// What is done to it, in a few words; nothing for a component that is taken as it is.
fn changes(component: &Component) -> String {
    let build = &component.build;
    let mut words = Vec::new();
    match component.overlays.len() {
        0 => {}
        1 => words.push("1 overlay".to_owned()),
        count => words.push(format!("{count} overlays")),
    }
    if !(build.with.is_empty() && build.without.is_empty() && build.defines.is_empty()) {
        words.push("macros".to_owned());
    }
    if build.check_skipped.is_some() {
        words.push("no %check".to_owned());
    }
    if !component.source_files.is_empty() {
        words.push("own sources".to_owned());
    }
    if words.is_empty() { String::new() } else { format!("  ({})", words.join(", ")) }
}
