//! A spec, its sources and a list of overlays in; everything changed, or nothing and the overlay that does not apply, out.

use std::collections::BTreeMap;

use crate::archive;
use crate::decide::decide;
use crate::effect::{Applied, Effect};
use crate::error::{ApplyError, Cause};
use crate::files::SourceFiles;
use crate::nearest;
use crate::overlay::Overlay;
use crate::spec::SpecFile;
use crate::tree::Tree;

/// Applies overlays one after the other, those on contents of archives before all others.
///
/// The result is the same as if the spec were written and read again after each overlay, but it is read once.
///
/// # Errors
/// The first overlay that does not apply; then nothing is changed.
pub fn apply<'o>(
    spec: &[u8],
    overlays: impl IntoIterator<Item = &'o Overlay>,
    files: &dyn SourceFiles,
) -> Result<Applied, ApplyError> {
    let overlays: Vec<&Overlay> = overlays.into_iter().collect();
    let mut work = Work {
        spec: SpecFile::parse(spec),
        written: false,
        files,
        tree: None,
        effects: vec![Effect::default(); overlays.len()],
    };
    let repacked = work.archives(&overlays)?;
    for (index, overlay) in overlays.iter().enumerate().filter(|(_, overlay)| overlay.archive().is_none()) {
        work.one(index, overlay).map_err(|cause| work.error(index, overlay, cause))?;
    }
    Ok(Applied {
        spec: if work.written { work.spec.print() } else { spec.to_vec() },
        files: work.tree.map(Tree::into_changes).unwrap_or_default(),
        effects: work.effects,
        repacked,
    })
}

struct Work<'a> {
    spec: SpecFile<'a>,
    /// Whether an overlay wrote the spec.
    written: bool,
    files: &'a dyn SourceFiles,
    /// Listed when the first overlay asks for a file.
    tree: Option<Tree<'a>>,
    effects: Vec<Effect>,
}

impl<'a> Work<'a> {
    /// Takes each archive apart once, for all its overlays.
    fn archives(&mut self, overlays: &[&Overlay]) -> Result<Vec<String>, ApplyError> {
        let mut by_archive: Vec<(&str, Vec<usize>)> = Vec::new();
        for (index, overlay) in overlays.iter().enumerate() {
            let Some(archive) = overlay.archive() else { continue };
            match by_archive.iter_mut().find(|(name, _)| *name == archive) {
                Some((_, indices)) => indices.push(index),
                None => by_archive.push((archive, vec![index])),
            }
        }
        let mut repacked = Vec::new();
        for (name, indices) in by_archive {
            if !self.files.has_archives() {
                indices.iter().for_each(|index| self.effects[*index].left_out = true);
                continue;
            }
            self.archive(name, &indices, overlays)?;
            repacked.push(name.to_owned());
        }
        repacked.sort();
        Ok(repacked)
    }

    fn archive(&mut self, name: &str, indices: &[usize], overlays: &[&Overlay]) -> Result<(), ApplyError> {
        let first = indices[0];
        let fails = |index: usize, cause: Cause| ApplyError {
            index,
            overlay: overlays[index].type_name(),
            cause,
            nearest: None,
        };
        let wrong = |source| Cause::Archive { archive: name.to_owned(), source: Box::new(source) };
        let bytes = self
            .tree()
            .and_then(|tree| tree.read(name))
            .map_err(|cause| self.error(first, overlays[first], cause))?;
        let unpacked = archive::unpack(name, &bytes).map_err(|source| fails(first, wrong(source)))?;
        let mut inside = Tree::new(&unpacked).map_err(|cause| fails(first, cause))?;
        let mut effects = BTreeMap::new();
        for index in indices {
            let applied = inside.apply(overlays[*index]).map_err(|cause| ApplyError {
                nearest: nearest_file(&inside, &cause),
                ..fails(*index, cause)
            })?;
            effects.insert(*index, applied);
        }
        let packed =
            archive::pack(&unpacked, &inside.into_changes()).map_err(|source| fails(first, wrong(source)))?;
        self.tree().map_err(|cause| fails(first, cause))?.write(name, packed);
        for (index, files) in effects {
            self.effects[index] = Effect { matches: files.len(), files, ..Effect::default() };
        }
        Ok(())
    }

    /// Does the spec's part first, then the files'.
    fn one(&mut self, index: usize, overlay: &Overlay) -> Result<(), Cause> {
        let mut effect = Effect::default();
        if overlay.changes_spec() {
            self.spec.reread();
            let decision = decide(&self.spec, overlay)?;
            effect.matches = decision.matches;
            effect.lines = self.spec.change(decision.edits);
            self.written = true;
        }
        if changes_files(overlay) {
            effect.files = self.tree()?.apply(overlay)?;
            if !overlay.changes_spec() {
                effect.matches = effect.files.len();
            }
        }
        self.effects[index] = effect;
        Ok(())
    }

    fn tree(&mut self) -> Result<&mut Tree<'a>, Cause> {
        if self.tree.is_none() {
            self.tree = Some(Tree::new(self.files)?);
        }
        Ok(self.tree.as_mut().expect("listed just now"))
    }

    fn error(&self, index: usize, overlay: &Overlay, cause: Cause) -> ApplyError {
        let nearest = match &self.tree {
            Some(tree) => nearest_file(tree, &cause),
            None => None,
        };
        let nearest = nearest.or_else(|| nearest::in_spec(&self.spec, &cause));
        ApplyError { index, overlay: overlay.type_name(), cause, nearest }
    }
}

fn changes_files(overlay: &Overlay) -> bool {
    !overlay.changes_spec() || matches!(overlay, Overlay::AddPatch { .. } | Overlay::RemovePatch { .. })
}

fn nearest_file(tree: &Tree<'_>, cause: &Cause) -> Option<crate::error::Nearest> {
    match cause {
        Cause::NoFile { pattern } => tree.nearest(pattern),
        _ => None,
    }
}
