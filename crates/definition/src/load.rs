//! A start folder, in; the distribution defined there, out.

use std::path::{Path, PathBuf};

use crate::distro::Distro;
use crate::files::{self, ROOT_FILES};
use crate::include::Includer;
use crate::merge::merge;
use crate::problem::{Collector, Problem, Problems};
use crate::remark::{Remark, in_order};
use crate::resolve::Resolver;
use crate::shadowed::remark_shadowed;

/// The root file for a start folder: in it, else in the nearest folder above.
pub fn find_root(start: &Path) -> Result<PathBuf, Problems> {
    match files::find_root(start) {
        Ok(Some(root)) => Ok(root),
        Ok(None) => {
            let names: Vec<String> = ROOT_FILES.iter().map(|name| format!("`{name}`")).collect();
            let message = format!("no definition in {} or a folder above it", start.display());
            let hint = format!("go to a project's folder; its root file is one of {}", names.join(", "));
            Err(Problem::without_place(message).with_hint(hint).into())
        }
        Err(error) => Err(Problem::without_place(format!("cannot look for a definition: {error}")).into()),
    }
}

/// The distribution whose root file is found from a start folder.
pub fn load(start: &Path) -> Result<Distro, Problems> {
    let root = find_root(start)?;
    let shown_from = absolute(start)?;
    load_file(&root, &shown_from)
}

/// The distribution of one root file; messages show paths relative to `shown_from` where they lie below it.
pub fn load_file(root: &Path, shown_from: &Path) -> Result<Distro, Problems> {
    read(&absolute(root)?, &absolute(shown_from)?, Collector::default()).map(|linted| linted.distro)
}

/// A distribution, and what is hardly meant in its definition.
#[derive(Debug, Clone)]
pub struct Linted {
    /// The distribution.
    pub distro: Distro,
    /// What is allowed and hardly meant, in the order of files and lines.
    pub remarks: Vec<Remark>,
}

/// The distribution whose root file is found from a start folder, looked at more strictly.
pub fn lint(start: &Path) -> Result<Linted, Problems> {
    let root = find_root(start)?;
    read(&absolute(&root)?, &absolute(start)?, Collector::with_remarks())
}

fn read(root: &Path, shown_from: &Path, mut collector: Collector) -> Result<Linted, Problems> {
    let files = Includer { collector: &mut collector, shown_from }.read_all(root);
    remark_shadowed(&files, &mut collector);
    let merged = merge(files, &mut collector);
    collector.end_of_reading();
    let distro = Resolver::new(&merged, root, shown_from, &mut collector).resolve();
    let remarks = collector.take_remarks();
    let sources = collector.finish()?;
    let remarks = in_order(remarks, &sources);
    Ok(Linted { distro: Distro { sources, ..distro }, remarks })
}

fn absolute(path: &Path) -> Result<PathBuf, Problems> {
    let absolute = std::path::absolute(path)
        .map_err(|error| Problem::without_place(format!("cannot find folder {}: {error}", path.display())))?;
    Ok(crate::place::clean(&absolute))
}
