//! What a component's build is told, in; the macro file that tells its spec, and the overlays that load it, out.
//! Nothing here reads a disk.

use std::collections::BTreeMap;

use definition::{Component, SpecSource};
use spec_overlay::{MacroFileNameError, MacroSettings, Overlay, SpecFile};

/// What the upstream called its release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// The number of Fedora's release, such as `43`.
    pub fedora: String,
    /// The number that `%autorelease` gives at the upstream's commit, for specs that use it.
    pub autorelease: Option<String>,
}

/// A macro file.
#[derive(Debug)]
pub(super) struct MacroFile {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
    /// They load it and name it among the sources.
    pub(super) overlays: Vec<Overlay>,
}

/// The macros of a component, by name; `spec` is its upstream spec.
pub(super) fn of(
    component: &Component,
    spec: &[u8],
    provenance: Option<&Provenance>,
) -> BTreeMap<String, String> {
    let build = &component.build;
    let mut macros = spec_overlay::macros(&MacroSettings {
        with: &build.with,
        without: &build.without,
        defines: Some(&build.defines),
        undefines: &build.undefines,
    });
    if let (true, SpecSource::Upstream(_), Some(provenance)) =
        (build.emits_upstream_provenance, &component.spec, provenance)
    {
        let spec = SpecFile::parse(spec);
        let first = |tag| spec.tag_values("", tag).into_iter().find(|value| !value.is_empty());
        if let Some(version) = first("Version") {
            macros.entry("fedora_upstream_version".to_owned()).or_insert(version.into_owned());
        }
        if let Some(release) = first("Release").and_then(|release| upstream_release(&release, provenance)) {
            macros.entry("fedora_upstream_release".to_owned()).or_insert(release);
        }
    }
    macros
}

/// The release at the upstream: its `%dist` is Fedora's, `%autorelease` a number.
fn upstream_release(release: &str, provenance: &Provenance) -> Option<String> {
    let dist = format!(".fc{}", provenance.fedora);
    if crate::release::uses_autorelease(release) {
        return provenance.autorelease.as_ref().map(|number| format!("{number}{dist}"));
    }
    Some(release.replace("%{?dist}", &dist).replace("%{dist}", &dist))
}

/// The file that these macros make, if there are any.
pub(super) fn file(
    component: &str,
    macros: &BTreeMap<String, String>,
) -> Result<Option<MacroFile>, MacroFileNameError> {
    let Some(bytes) = spec_overlay::macro_file(macros) else { return Ok(None) };
    let overlays = spec_overlay::load_macros(component)?;
    Ok(Some(MacroFile { name: spec_overlay::macro_file_name(component), bytes, overlays: overlays.into() }))
}
