//! `lazuli repo create`

use host_tools::Progress as _;
use repository::write::WriteOptions;
use serde::Serialize;

use crate::cli::{Global, RepoCreate};
use crate::failure::{Context as _, Failure};
use crate::output;
use crate::progress::Bars;

#[derive(Serialize)]
struct Created {
    folder: String,
    packages: usize,
}

/// Writes the metadata of a folder of RPMs.
pub fn run(global: &Global, options: &RepoCreate) -> Result<(), Failure> {
    let bars = Bars::new(global.quiet);
    let folder = &options.folder;
    let failed = || format!("the metadata of {} was not written", folder.display());
    bars.begin("read", None);
    let records = repository::write::scan(folder).context(failed)?;
    bars.finish(&format!("{} package headers", records.len()));
    bars.begin("write", None);
    let write = WriteOptions { revision: options.revision, ..WriteOptions::default() };
    repository::write::write(folder, &records, &write).context(failed)?;
    bars.finish("repodata");
    let created = Created { folder: folder.display().to_string(), packages: records.len() };
    output::print(global.format, &created, |created| {
        format!("{}: {} packages\n", created.folder, created.packages)
    })
}
