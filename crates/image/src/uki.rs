//! Kernel, initrd, command line and os-release in; one EFI program that the firmware can start out.

use std::path::{Path, PathBuf};

use host_tools::{ToolError, ukify};

use crate::kernel::Kernel;
use crate::tools::Tools;
use crate::tree::{ReadError, Tree, TreePath};

/// Where packages put systemd's EFI programs.
const EFI_FOLDER: &str = "usr/lib/systemd/boot/efi";
const STUB: &str = "linuxx64.efi.stub";
const BOOT_LOADER: &str = "systemd-bootx64.efi";

/// Why no unified kernel image can be made.
#[derive(Debug, thiserror::Error)]
pub enum UkiError {
    /// The stub or the boot loader is in neither tree.
    #[error(
        "neither the image nor the tools tree has /{EFI_FOLDER}/{name}: add systemd's package of EFI programs to one of them"
    )]
    NoEfiProgram {
        /// The file's name.
        name: &'static str,
    },
    /// The kernel cannot be read.
    #[error("cannot read the kernel")]
    Kernel(#[source] ReadError),
    /// The work directory cannot be written.
    #[error("cannot write {path}")]
    Work {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// ukify failed.
    #[error("cannot make the unified kernel image")]
    Ukify(#[source] ToolError),
}

/// What goes into a unified kernel image besides the kernel.
pub(crate) struct Parts<'a> {
    /// The compressed initrd.
    pub(crate) initrd: &'a Path,
    pub(crate) command_line: &'a str,
    pub(crate) os_release: &'a str,
    pub(crate) source_date_epoch: u64,
}

/// Makes `name` in the work directory.
pub(crate) fn make(
    tree: &Tree,
    kernel: &Kernel,
    parts: &Parts<'_>,
    tools: &Tools,
    name: &str,
) -> Result<PathBuf, UkiError> {
    let put = |file: &str, bytes: &[u8]| {
        let path = tools.work().join(file);
        std::fs::write(&path, bytes).map_err(|source| UkiError::Work { path: path.clone(), source })?;
        Ok(path)
    };
    let linux = put("vmlinuz", &tree.read(&kernel.image).map_err(UkiError::Kernel)?)?;
    let stub = put("stub", &efi_program(tree, tools, STUB)?)?;
    let options = ukify::Options {
        linux: &linux,
        initrds: vec![parts.initrd.to_path_buf()],
        command_line: parts.command_line,
        os_release: parts.os_release,
        uname: &kernel.release,
        stub: &stub,
        source_date_epoch: parts.source_date_epoch,
    };
    let output = tools.work().join(name);
    ukify::build(&tools.sandbox(), &options, &output).map_err(UkiError::Ukify)?;
    Ok(output)
}

/// systemd-boot, from the image's own packages where they have it, else from the tools'.
pub(crate) fn boot_loader(tree: &Tree, tools: &Tools) -> Result<Vec<u8>, UkiError> {
    efi_program(tree, tools, BOOT_LOADER)
}

fn efi_program(tree: &Tree, tools: &Tools, name: &'static str) -> Result<Vec<u8>, UkiError> {
    let path = format!("{EFI_FOLDER}/{name}");
    let inside = TreePath::parse(&path).map_err(|_| UkiError::NoEfiProgram { name })?;
    match tree.read(&inside) {
        Ok(bytes) => return Ok(bytes),
        Err(ReadError::Absent { .. }) => {}
        Err(error) => return Err(UkiError::Kernel(error)),
    }
    let path = tools.root().join(path);
    match std::fs::read(&path) {
        Ok(bytes) => Ok(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(UkiError::NoEfiProgram { name }),
        Err(source) => Err(UkiError::Work { path, source }),
    }
}
