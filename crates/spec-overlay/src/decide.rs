//! A spec and one overlay in; the edits that the overlay means, or why it means none, out.
//! Nothing here changes the spec: `SpecFile::change` does.
//!
//! Each overlay looks at the lines as they are when its turn comes. A line that an overlay changes may begin another
//! section from then on, and that counts at once for the lines below it.

mod arguments;
mod lines;
mod macros;
mod patches;
mod remove;
mod replace;
mod tags;
mod whole_lines;

use crate::error::Cause;
use crate::overlay::Overlay;
use crate::spec::{Edit, SpecFile};

/// What an overlay would do to the spec.
pub(crate) struct Decision {
    /// How often it applies.
    pub(crate) matches: usize,
    /// The edits from top to bottom.
    pub(crate) edits: Vec<Edit>,
}

impl Decision {
    /// One match for each edit.
    fn of(edits: Vec<Edit>) -> Decision {
        Decision { matches: edits.len(), edits }
    }
}

/// What the overlay means for the spec, as far as it means anything for it.
pub(crate) fn decide(spec: &SpecFile<'_>, overlay: &Overlay) -> Result<Decision, Cause> {
    match overlay {
        Overlay::AddTag { package, tag, value } => tags::add(spec, package, tag, value),
        Overlay::InsertTag { package, tag, value } => tags::insert(spec, package, tag, value),
        Overlay::SetTag { package, tag, value } => tags::set(spec, package, tag, value),
        Overlay::UpdateTag { package, tag, value } => tags::update(spec, package, tag, value),
        Overlay::RemoveTag { package, tag, value } => tags::remove(spec, package, tag, value.as_deref()),
        Overlay::PrependLines { section, package, lines } => {
            lines::prepend(spec, section.as_deref(), package, lines)
        }
        Overlay::AppendLines { section, package, lines } => {
            lines::append(spec, section.as_deref(), package, lines)
        }
        Overlay::SearchReplace { section, package, regex, replacement } => {
            replace::replace(spec, section.as_deref(), package.as_deref(), regex, replacement)
        }
        Overlay::RemoveSection { section, package } => remove::section(spec, section, package),
        Overlay::RemoveSubpackage { package } => remove::subpackage(spec, package),
        Overlay::AddPatch { package, .. } => match overlay.source_name() {
            Some(name) => patches::add(spec, package, name),
            None => Err(Cause::Path {
                path: overlay.source().map(|path| path.display().to_string()).unwrap_or_default(),
            }),
        },
        Overlay::RemovePatch { file } => patches::remove(spec, file),
        Overlay::SetMacro { name, value, count } => macros::set_macro(spec, name, value, *count),
        Overlay::SetBuildCondition { name, enabled, count } => {
            macros::set_build_condition(spec, name, *enabled, *count)
        }
        Overlay::AddArgument { section, package, command, argument, count } => {
            arguments::add(spec, section, package, command, argument, *count)
        }
        Overlay::DropArgument { section, package, command, argument, count } => {
            arguments::drop(spec, section, package, command, argument, *count)
        }
        Overlay::DropLine { section, package, line, count } => {
            whole_lines::drop(spec, section.as_deref(), package.as_deref(), line, *count)
        }
        Overlay::ReplaceLine { section, package, line, lines, count } => {
            whole_lines::replace(spec, section.as_deref(), package.as_deref(), line, lines, *count)
        }
        Overlay::PrependFileLines { .. }
        | Overlay::ReplaceInFile { .. }
        | Overlay::AddFile { .. }
        | Overlay::RemoveFile { .. }
        | Overlay::RenameFile { .. } => Ok(Decision::of(Vec::new())),
    }
}
