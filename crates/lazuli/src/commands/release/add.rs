//! `lazuli release add DIR PAYLOAD`

use release::Manifest;
use release_repository::payload::Payload;
use release_repository::publish::{Options, Sizes, prepare};

use super::change::Opened;
use crate::cli::{Global, ReleaseAdd};
use crate::failure::{Context as _, Failure};
use crate::progress::Bars;

/// Proves a payload, makes what machines fetch of it, and publishes it.
pub fn run(global: &Global, options: &ReleaseAdd) -> Result<(), Failure> {
    let bars = Bars::new(global.quiet);
    let opened = Opened::new(&options.repository, &options.signing)?;
    let failed = || format!("the payload {} was not published", options.payload.display());
    let payload = Payload::read(&options.payload).context(failed)?;
    let Manifest { image, version, .. } = &payload.manifest;
    let how = Options {
        level: options.level,
        whole_files: options.whole_files,
        patch_from: options.patch_from.clone(),
    };
    let prepared = prepare(&opened.folder, &opened.repository, &payload, &how, &bars).context(failed)?;
    let Some(prepared) = prepared else {
        let done = vec![format!("{image} {version} was published before")];
        return opened.finish(global, &opened.repository, done);
    };
    let repository = opened.repository.add_files(&prepared.entries, opened.now).context(failed)?;
    let done = vec![format!("{image} {version} can be promoted: {}", sizes(prepared.sizes))];
    opened.finish_with(global, &repository, done, || prepared.store(&opened.folder).context(failed))
}

fn sizes(sizes: Sizes) -> String {
    let patch = sizes.patch.map_or("no patch".to_owned(), |bytes| format!("patch of {bytes} bytes"));
    format!("index of {} bytes, pack of {} bytes, {patch}", sizes.index, sizes.pack)
}
