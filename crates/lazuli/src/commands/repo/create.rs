//! `lazuli repo create`

use host_tools::Progress as _;
use repository::write::{Reuse, WriteOptions};
use serde::Serialize;

use crate::cli::{Global, RepoCreate};
use crate::failure::{Context as _, Failure};
use crate::output;
use crate::progress::Bars;

#[derive(Serialize)]
struct Created {
    folder: String,
    packages: usize,
    reused: usize,
}

/// Writes the metadata of a folder of RPMs.
pub fn run(global: &Global, options: &RepoCreate) -> Result<(), Failure> {
    let bars = Bars::new(global.quiet);
    let folder = &options.folder;
    let failed = || format!("the metadata of {} was not written", folder.display());
    bars.begin("read", None);
    let write = WriteOptions { revision: options.revision, ..WriteOptions::default() };
    let reuse = if options.reread { Reuse::Nothing } else { Reuse::Unchanged };
    let written = repository::write::create(folder, &write, reuse).context(failed)?;
    bars.finish(&format!("{} packages, {} as before", written.packages, written.reused));
    let created =
        Created { folder: folder.display().to_string(), packages: written.packages, reused: written.reused };
    output::print(global.format, &created, |created| {
        format!("{}: {} packages\n", created.folder, created.packages)
    })
}
