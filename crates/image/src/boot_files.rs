//! A tree, its kernel and what the root is found by, in; the files that firmware and boot loader read, out.

use std::collections::BTreeMap;

use release::Sha256Digest;

use crate::build::BuildError;
use crate::initrd;
use crate::kept::Kept;
use crate::kernel::Kernel;
use crate::plan::BuildPlan;
use crate::signing::{Signer, sign_program};
use crate::specification::{Boot, Specification};
use crate::tools::Tools;
use crate::tree::{Tree, os_release};
use crate::uki;

/// The parts of a kernel image that do not depend on the root file system.
pub(crate) struct Early {
    initrd: Vec<u8>,
    pub(crate) os_release: String,
}

/// What the EFI system partition holds.
pub(crate) struct BootFiles {
    pub(crate) esp: BTreeMap<String, Vec<u8>>,
    /// The path of the kernel image among them.
    pub(crate) kernel_image: String,
    /// What the kernel is told.
    pub(crate) command_line: String,
    /// Bytes of the initrd.
    pub(crate) initrd_bytes: u64,
}

/// Makes the initrd.
pub(crate) fn early(
    specification: &Specification,
    tree: &Tree,
    kernel: &Kernel,
    tools: &Tools,
    modified: u64,
    kept: Option<Kept<'_>>,
) -> Result<Early, BuildError> {
    let os_release = os_release(tree).map_err(BuildError::NoOsRelease)?;
    let initrd = initrd::make(tree, kernel, specification, &os_release, tools, modified, kept)?;
    Ok(Early { initrd, os_release })
}

/// Makes the kernel image and puts it where the firmware or the boot loader looks for it, signed if there is a signer.
pub(crate) fn make(
    plan: &BuildPlan,
    tree: &Tree,
    kernel: &Kernel,
    early: &Early,
    root_hash: Option<&Sha256Digest>,
    tools: &Tools,
    signer: Option<&Signer>,
) -> Result<BootFiles, BuildError> {
    let command_line = match root_hash {
        Some(root_hash) => format!("roothash={root_hash} {}", plan.command_line).trim_end().to_owned(),
        None => plan.command_line.clone(),
    };
    let (initrd, os_release) = (&early.initrd, &early.os_release);
    let parts = uki::Parts { initrd, command_line: &command_line, os_release };
    let signed = |program: Vec<u8>| match signer {
        Some(signer) => sign_program(&program, signer).map_err(BuildError::Signing),
        None => Ok(program),
    };
    let kernel_image = signed(uki::make(tree, kernel, &parts, tools)?)?;
    let mut esp = BTreeMap::new();
    let place = match plan.boot {
        Boot::Direct => "EFI/BOOT/BOOTX64.EFI".to_owned(),
        Boot::Menu { seconds } => {
            let loader = signed(uki::boot_loader(tree, tools)?)?;
            esp.insert("EFI/BOOT/BOOTX64.EFI".to_owned(), loader.clone());
            esp.insert("EFI/systemd/systemd-bootx64.efi".to_owned(), loader);
            esp.insert(
                "loader/loader.conf".to_owned(),
                format!("timeout {seconds}\nconsole-mode keep\neditor no\n").into_bytes(),
            );
            let path = plan.esp_files.iter().find(|path| path.starts_with("EFI/Linux/"));
            path.cloned().unwrap_or_else(|| "EFI/Linux/linux.efi".to_owned())
        }
    };
    esp.insert(place.clone(), kernel_image);
    Ok(BootFiles { esp, kernel_image: place, command_line, initrd_bytes: early.initrd.len() as u64 })
}
