//! Boot entries: the kernel written and read again, names changed, names that share a file parted.

use std::io::{self, Write as _};

use release::{Manifest, Sha256Digest};
use sha2::{Digest as _, Sha256};

use super::ExecuteError;
use crate::esp::{BootFolder, EntryName, Kind};
use crate::host::Host;
use crate::source::{Source, SourceError};

const PIECE: usize = 1024 * 1024;

/// Writes the kernel of a version under a name that the loader passes over.
pub(super) fn write_kernel(
    boot: &dyn BootFolder,
    manifest: &Manifest,
    source: &mut dyn Source,
) -> Result<(), ExecuteError> {
    let kernel = &manifest.files.kernel;
    let (image, version) = (manifest.image.clone(), manifest.version.clone());
    let name = EntryName { image, version, kind: Kind::Part }.to_string();
    let there = boot.list().map_err(failed("list", "the files"))?;
    let written = there.iter().any(|(other, size)| *other == name && *size == kernel.size);
    if written && digest(boot, &name)? == kernel.sha256 {
        return boot.sync().map_err(failed("keep", &name));
    }
    let mut file = boot.create(&name).map_err(failed("write", &name))?;
    let mut hash = Sha256::new();
    let transfer =
        source.ranges(kernel.name.as_str(), std::slice::from_ref(&(0..kernel.size)), &mut |_, bytes| {
            hash.update(bytes);
            file.write_all(bytes)?;
            Ok(())
        });
    match transfer {
        Ok(()) => {}
        Err(SourceError::Sink { name: file, source }) => {
            return Err(match source.downcast::<io::Error>() {
                Ok(error) => failed("write", &name)(*error),
                Err(source) => SourceError::Sink { name: file, source }.into(),
            });
        }
        Err(error) => return Err(error.into()),
    }
    file.flush().map_err(failed("write", &name))?;
    drop(file);
    check(manifest, Sha256Digest::from_bytes(hash.finalize().into()))?;
    boot.sync().map_err(failed("keep", &name))?;
    check(manifest, digest(boot, &name)?)
}

/// The kernel that runs, by its boot entry.
pub(super) fn running_kernel(host: &Host) -> Option<Box<dyn crate::storage::ReadAt>> {
    let is_own = |name: &EntryName| {
        (&name.image, &name.version) == (&host.running.image, &host.running.version)
            && name.kind != Kind::Part
    };
    let names = host.boot.list().ok()?.into_iter().filter(|(_, size)| *size > 0).map(|(name, _)| name);
    let name = names.into_iter().find(|name| EntryName::parse(name).is_some_and(|name| is_own(&name)))?;
    host.boot.open(&name).ok()
}

/// Gives a file another name.
pub(super) fn rename(boot: &dyn BootFolder, from: &EntryName, to: &EntryName) -> Result<(), ExecuteError> {
    let there = boot.list().map_err(failed("list", "the files"))?;
    let size =
        |name: &EntryName| there.iter().find(|(other, _)| *other == name.to_string()).map(|(_, size)| *size);
    // Begun by this step, and cut: the name came before its bytes.
    let is_empty = size(to) == Some(0) && size(from).is_some_and(|size| size > 0);
    if is_empty {
        remove(boot, to)?;
    }
    match (size(from).is_some(), size(to).is_some() && !is_empty) {
        (true, false) => {
            boot.rename(&from.to_string(), &to.to_string()).map_err(failed("rename", &from.to_string()))?;
            boot.sync().map_err(failed("keep", &to.to_string()))
        }
        (true, true) => keep_name(boot, to, std::slice::from_ref(from)),
        // Done before, by this step.
        (false, true) => boot.sync().map_err(failed("keep", &to.to_string())),
        (false, false) => Err(failed("rename", &from.to_string())(io::ErrorKind::NotFound.into())),
    }
}

/// Removes a file.
pub(super) fn remove(boot: &dyn BootFolder, name: &EntryName) -> Result<(), ExecuteError> {
    let name = name.to_string();
    boot.remove(&name).map_err(failed("remove", &name))?;
    boot.sync().map_err(failed("keep", &name))
}

/// One name for a file that has several. Names of the same blocks go without their blocks: the file keeps them.
pub(super) fn keep_name(
    boot: &dyn BootFolder,
    kept: &EntryName,
    others: &[EntryName],
) -> Result<(), ExecuteError> {
    let kept = kept.to_string();
    for other in others {
        let other = other.to_string();
        if boot.is_same_file(&kept, &other).map_err(failed("compare", &other))? {
            boot.forget_name(&other).map_err(failed("forget", &other))?;
        } else {
            boot.remove(&other).map_err(failed("remove", &other))?;
        }
        boot.sync().map_err(failed("keep", &kept))?;
    }
    Ok(())
}

fn digest(boot: &dyn BootFolder, name: &str) -> Result<Sha256Digest, ExecuteError> {
    let file = boot.open(name).map_err(failed("read", name))?;
    let mut hash = Sha256::new();
    let read = read_in_pieces(&*file, &mut |piece| {
        hash.update(piece);
        Ok(())
    });
    read.map_err(failed("read", name))?;
    Ok(Sha256Digest::from_bytes(hash.finalize().into()))
}

fn read_in_pieces(
    file: &dyn crate::storage::ReadAt,
    take: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    let mut offset = 0;
    while offset < file.size() {
        let length = usize::try_from(file.size() - offset).map_or(PIECE, |left| left.min(PIECE));
        file.read_at(offset, &mut piece[..length])?;
        take(&piece[..length])?;
        offset += length as u64;
    }
    Ok(())
}

fn check(manifest: &Manifest, found: Sha256Digest) -> Result<(), ExecuteError> {
    let kernel = &manifest.files.kernel;
    if found == kernel.sha256 {
        return Ok(());
    }
    Err(ExecuteError::Kernel { file: kernel.name.to_string(), expected: kernel.sha256, found })
}

fn failed(action: &'static str, name: &str) -> impl FnOnce(io::Error) -> ExecuteError {
    let name = name.to_owned();
    move |source| ExecuteError::Boot { action, name, source }
}
