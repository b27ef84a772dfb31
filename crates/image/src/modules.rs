//! Kernel modules as packages bring them, in; the same without their compression, and depmod's indexes of them, out.

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use host_tools::{ToolError, depmod};

use crate::kernel::Kernel;
use crate::tools::Tools;
use crate::tree::{Entry, Kind, PathOutsideTree, ReadError, Tree, TreePath};

/// What depmod reads besides the modules themselves.
pub(crate) const INDEX_SOURCES: [&str; 3] = ["modules.order", "modules.builtin", "modules.builtin.modinfo"];

/// Why modules cannot be unpacked or indexed.
#[derive(Debug, thiserror::Error)]
pub enum ModuleError {
    /// A module cannot be unpacked.
    #[error("cannot unpack the kernel module {path}")]
    Broken {
        /// Which.
        path: TreePath,
        /// Why.
        source: std::io::Error,
    },
    /// depmod failed.
    #[error("cannot index the kernel's modules")]
    Depmod(#[source] ToolError),
    /// A module cannot be read.
    #[error("cannot read a kernel module")]
    Unreadable(#[from] ReadError),
    /// A path would leave the tree.
    #[error("cannot place a kernel module")]
    OutsideTree(#[from] PathOutsideTree),
    /// The work directory cannot be written.
    #[error("cannot write {path}")]
    Work {
        /// Which file or directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Unpacks every module of the kernel where it lies, and indexes them again under their new names.
pub(crate) fn unpack_all(
    tree: &mut Tree,
    kernel: &Kernel,
    tools: &Tools,
    modified: u64,
) -> Result<(), ModuleError> {
    let mut inside = kernel.modules.as_bytes().to_vec();
    inside.push(b'/');
    let packed: Vec<TreePath> = tree
        .entries()
        .filter(|(path, entry)| {
            let path = path.as_bytes();
            path.starts_with(&inside) && matches!(entry.kind, Kind::File(_)) && plain_name(path) != path
        })
        .map(|(path, _)| path.clone())
        .collect();
    if packed.is_empty() {
        return Ok(());
    }
    for path in packed {
        let bytes = unpack(&path, tree.read(&path)?)?;
        let mode = tree.get(&path).map_or(0o644, |entry| entry.mode);
        tree.remove(&path);
        tree.insert(TreePath::parse(plain_name(path.as_bytes()))?, Entry::file(bytes, mode, modified));
    }
    let mut files = BTreeMap::new();
    for (path, entry) in tree.entries() {
        let is_module = path.as_bytes().starts_with(&inside) && path.as_bytes().ends_with(b".ko");
        if is_module && matches!(entry.kind, Kind::File(_) | Kind::HardLink(_)) {
            files.insert(path.clone(), tree.read(path)?);
        }
    }
    for name in INDEX_SOURCES {
        let path = kernel.modules.child(name.as_bytes());
        if tree.content(&path).is_ok() {
            files.insert(path.clone(), tree.read(&path)?);
        }
    }
    for (path, bytes) in index(kernel, &files, tools)? {
        tree.insert(path, Entry::file(bytes, 0o644, modified));
    }
    Ok(())
}

/// A module's path without the ending of its compression.
pub(crate) fn plain_name(path: &[u8]) -> &[u8] {
    let name = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    path[name..].windows(3).position(|part| part == b".ko").map_or(path, |end| &path[..name + end + 3])
}

/// A module without its compression; one that has none is returned as it is.
pub(crate) fn unpack(path: &TreePath, bytes: Vec<u8>) -> Result<Vec<u8>, ModuleError> {
    let broken = |source| ModuleError::Broken { path: path.clone(), source };
    let mut plain = Vec::new();
    if bytes.starts_with(b"\xfd7zXZ\0") {
        liblzma::read::XzDecoder::new(&bytes[..]).read_to_end(&mut plain).map_err(broken)?;
    } else if bytes.starts_with(b"\x28\xb5\x2f\xfd") {
        zstd::Decoder::new(&bytes[..])
            .and_then(|mut decoder| decoder.read_to_end(&mut plain))
            .map_err(broken)?;
    } else if bytes.starts_with(b"\x1f\x8b") {
        flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut plain).map_err(broken)?;
    } else {
        plain = bytes;
    }
    if plain.starts_with(b"\x7fELF") {
        Ok(plain)
    } else {
        Err(broken(std::io::Error::new(
            std::io::ErrorKind::InvalidData,
            "no ELF file, and not compressed by xz, zstd or gzip",
        )))
    }
}

/// Runs depmod over these modules alone; its binary indexes are what modprobe and udev read.
pub(crate) fn index(
    kernel: &Kernel,
    files: &BTreeMap<TreePath, Vec<u8>>,
    tools: &Tools,
) -> Result<BTreeMap<TreePath, Vec<u8>>, ModuleError> {
    let work_error = |source| ModuleError::Work { path: tools.work().to_path_buf(), source };
    let folder = tempfile::Builder::new().prefix("modules-").tempdir_in(tools.work()).map_err(work_error)?;
    for (path, bytes) in files {
        let place = path.under(folder.path());
        std::fs::create_dir_all(place.parent().unwrap_or(folder.path())).map_err(work_error)?;
        std::fs::write(&place, bytes).map_err(work_error)?;
    }
    // Some builds of depmod look in /lib/modules, others in /usr/lib/modules.
    std::os::unix::fs::symlink("usr/lib", folder.path().join("lib")).map_err(work_error)?;
    depmod::run(&tools.sandbox(), folder.path(), &kernel.release).map_err(ModuleError::Depmod)?;
    let modules = kernel.modules.under(folder.path());
    let mut indexes = BTreeMap::new();
    for entry in std::fs::read_dir(&modules).map_err(work_error)? {
        let entry = entry.map_err(work_error)?;
        let path = kernel.modules.child(entry.file_name().as_bytes());
        if entry.file_type().map_err(work_error)?.is_file() && !files.contains_key(&path) {
            indexes.insert(path, std::fs::read(entry.path()).map_err(work_error)?);
        }
    }
    Ok(indexes)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::{plain_name, unpack};
    use crate::tree::TreePath;

    #[test]
    fn a_name_loses_its_compression() {
        assert_eq!(plain_name(b"modules/6.1/x.ko.d/a.ko.xz"), b"modules/6.1/x.ko.d/a.ko");
        assert_eq!(plain_name(b"modules/6.1/a.ko"), b"modules/6.1/a.ko");
        assert_eq!(plain_name(b"modules/6.1/modules.dep"), b"modules/6.1/modules.dep");
    }

    #[test]
    fn modules_are_unpacked_by_what_they_are() {
        let path = TreePath::parse("a.ko.xz").unwrap();
        let plain = b"\x7fELF and more".to_vec();
        let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 0);
        xz.write_all(&plain).unwrap();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&plain).unwrap();
        let zstd = zstd::encode_all(&plain[..], 1).unwrap();
        for packed in [plain.clone(), xz.finish().unwrap(), gzip.finish().unwrap(), zstd] {
            assert_eq!(unpack(&path, packed).unwrap(), plain);
        }
        for (bytes, why) in [
            (&b"text"[..], "no ELF file, and not compressed by xz, zstd or gzip"),
            (b"\x1f\x8b\x08\0\0\0\0\0\0\0", "incomplete deflate stream"),
        ] {
            let error = unpack(&path, bytes.to_vec()).unwrap_err();
            assert_eq!(error.to_string(), "cannot unpack the kernel module /a.ko.xz");
            let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            assert!(cause.contains(why), "{cause}");
        }
    }
}
