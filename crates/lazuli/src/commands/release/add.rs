//! `lazuli release add DIR PAYLOAD`

use std::path::PathBuf;

use release::Manifest;
use release_repository::content::Entry;
use release_repository::payload::Payload;

use super::change::Opened;
use crate::cli::{Global, ReleaseAdd};
use crate::failure::{Context as _, Failure};

/// Proves a payload and publishes its files.
pub fn run(global: &Global, options: &ReleaseAdd) -> Result<(), Failure> {
    let opened = Opened::new(&options.repository, &options.signing)?;
    let failed = || format!("the payload {} was not published", options.payload.display());
    let payload = Payload::read(&options.payload).context(failed)?;
    let Manifest { image, version, .. } = &payload.manifest;
    let files = files(&payload);
    let entries: Vec<Entry> = files.iter().map(|(entry, _)| entry.clone()).collect();
    let repository = opened.repository.add_files(&entries, opened.now).context(failed)?;
    let done = if repository == opened.repository {
        format!("{image} {version} was published before")
    } else {
        format!("{image} {version} can be promoted")
    };
    opened.finish_with(global, &repository, vec![done], || {
        for (entry, source) in &files {
            match source {
                Source::Bytes(bytes) => opened.folder.store(entry, bytes).context(failed)?,
                Source::File(path) => opened.folder.store_file(entry, path).context(failed)?,
            }
        }
        Ok(())
    })
}

enum Source {
    Bytes(Vec<u8>),
    File(PathBuf),
}

fn files(payload: &Payload) -> Vec<(Entry, Source)> {
    let Manifest { image, version, architecture, files, .. } = &payload.manifest;
    let manifest = release::target::manifest(image, version, *architecture);
    let manifest = Entry::of(manifest, &payload.manifest_bytes);
    let mut entries = vec![(manifest, Source::Bytes(payload.manifest_bytes.clone()))];
    for file in files.all() {
        let name = release::target::file(image, version, *architecture, &file.name);
        let entry = Entry { name, length: file.size, sha256: file.sha256 };
        entries.push((entry, Source::File(payload.path(file))));
    }
    entries
}
