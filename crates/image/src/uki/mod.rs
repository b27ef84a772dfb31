//! Kernel, initrd, command line and os-release in; one EFI program that the firmware can start out.
//!
//! The result is what `ukify build` makes: the stub of systemd with a section for each part, in the order in which systemd-stub
//! measures them, and the SBAT levels of stub and kernel in one section.

mod program;

use std::path::PathBuf;

use crate::kernel::Kernel;
use crate::tools::Tools;
use crate::tree::{ReadError, Tree, TreePath};
pub use program::PeError;
pub(crate) use program::Program;

/// Where packages put systemd's EFI programs.
const EFI_FOLDER: &str = "usr/lib/systemd/boot/efi";
const STUB: &str = "linuxx64.efi.stub";
const BOOT_LOADER: &str = "systemd-bootx64.efi";

/// The first line of every SBAT section (shim's SBAT.md): the version of the format.
const SBAT_FORMAT: &str = "sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md";
/// The generation of unified kernel images as a format.
const SBAT_UKI: &str = "uki,1,UKI,uki,1,https://uapi-group.org/specifications/specs/unified_kernel_image/";

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
    /// A file of the tools tree cannot be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The stub is none that sections can be added to.
    #[error("systemd's EFI stub {source}; take another version of it")]
    Stub {
        /// What it has or lacks.
        source: PeError,
    },
    /// The kernel image cannot be started by firmware.
    #[error("the kernel image {path} {source}; it must have been built with CONFIG_EFI_STUB")]
    NoEfiKernel {
        /// Where it is.
        path: TreePath,
        /// What it has or lacks.
        source: PeError,
    },
}

/// What goes into a unified kernel image besides the kernel.
pub(crate) struct Parts<'a> {
    /// The compressed initrd.
    pub(crate) initrd: &'a [u8],
    pub(crate) command_line: &'a str,
    pub(crate) os_release: &'a str,
}

/// Makes the image.
pub(crate) fn make(
    tree: &Tree,
    kernel: &Kernel,
    parts: &Parts<'_>,
    tools: &Tools,
) -> Result<Vec<u8>, UkiError> {
    let linux = tree.read(&kernel.image).map_err(UkiError::Kernel)?;
    let no_efi_kernel = |source| UkiError::NoEfiKernel { path: kernel.image.clone(), source };
    let inner = Program::parse(&linux).map_err(no_efi_kernel)?;
    let stub = efi_program(tree, tools, STUB)?;
    let unfit = |source| UkiError::Stub { source };
    let mut program = Program::parse(&stub).map_err(unfit)?;
    // Firmware that enforces it would refuse a kernel that does not claim it inside of an image that does.
    if !inner.is_nx_compatible().map_err(no_efi_kernel)? {
        program.clear_nx_compatible().map_err(unfit)?;
    }
    let levels = merged_levels(&[&program, &inner]);
    for (name, content) in [
        (".osrel", parts.os_release.as_bytes()),
        (".cmdline", parts.command_line.as_bytes()),
        (".uname", kernel.release.as_bytes()),
        (".linux", &linux),
        (".initrd", parts.initrd),
        (".sbat", levels.as_bytes()),
    ] {
        if !content.is_empty() {
            program.put(name, content, name == ".linux").map_err(unfit)?;
        }
    }
    program.finish().map_err(unfit)
}

/// The SBAT lines of all programs, after the one line that says the format; of what each begins with, that line is left out.
fn merged_levels(programs: &[&Program<'_>]) -> String {
    let mut lines = vec![SBAT_FORMAT.to_owned()];
    for program in programs {
        let text = String::from_utf8_lossy(program.content(".sbat").unwrap_or_default());
        let text = text.trim_end_matches('\0');
        if text.starts_with("sbat,") {
            lines.extend(text.lines().skip(1).map(str::to_owned));
        }
    }
    lines.push(SBAT_UKI.to_owned());
    lines.join("\n") + "\n"
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
        Err(source) => Err(UkiError::Unreadable { path, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::program::tests::stub;
    use super::{Program, SBAT_FORMAT, SBAT_UKI, merged_levels};

    #[test]
    fn levels_of_all_programs_follow_one_line_of_the_format() {
        let levelled = |levels: &str| {
            let bytes = stub();
            let mut program = Program::parse(&bytes).unwrap();
            program.put(".sbat", levels.as_bytes(), false).unwrap();
            program.finish().unwrap()
        };
        let (stub, kernel) = (levelled("sbat,1,old\nsystemd-stub,1,x\n"), levelled("no levels"));
        let programs = [&Program::parse(&stub).unwrap(), &Program::parse(&kernel).unwrap()];
        assert_eq!(merged_levels(&programs), format!("{SBAT_FORMAT}\nsystemd-stub,1,x\n{SBAT_UKI}\n"));
    }
}
