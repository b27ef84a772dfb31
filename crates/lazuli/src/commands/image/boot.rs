//! `lazuli image boot`

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use super::build;
use crate::cli::{Global, ImageBoot};
use crate::failure::{Context as _, ExitCode, Failure};
use crate::output;
use crate::pipeline::{boot, compose, lock, upstream};
use crate::session::{self, Session};

/// Boots a built image; the terminal is the guest's serial console.
pub fn run(global: &Global, options: &ImageBoot) -> Result<(), Failure> {
    session::prepare_building()?;
    let session = Session::open(global)?;
    let image = build::native(&session, &options.name)?;
    let disk = compose::disk(image)?;
    let file = match &options.disk {
        Some(file) => std::path::absolute(file).context(|| format!("{} is no path", file.display()))?,
        None => built_disk(&build::output_folder(&session, image, None)?, &image.name)?,
    };
    let locked_file = lock::load(&session.distro)?;
    let upstream = upstream::locked(&session.distro, global, &locked_file)?;
    let tools_image = build::native(&session, build::TOOLS)?;
    let locked = lock::locked(&locked_file, upstream, tools_image)?;
    let ssh_keys = options.ssh_key.as_deref().map(public_key).transpose()?;
    let tools = build::tools(&session, upstream, locked)?;
    let extras = boot::Extras {
        ssh_keys,
        ssh_port: Some(options.ssh_port),
        keep_changes: options.keep_changes,
        terminal: std::io::stdin().is_terminal(),
    };
    output::say(&format!("ssh: port {} of localhost; Ctrl-a x ends the machine", options.ssh_port));
    let mut guest = boot::start(&tools.path, &file, disk.machine, &extras)?;
    guest
        .wait_for_end()
        .context(|| "the machine ended badly".to_owned())
        .map_err(|failure| failure.code(ExitCode::Boot))?;
    Ok(())
}

/// The disk file of a built image, the cheapest to boot first.
pub fn built_disk(folder: &Path, name: &str) -> Result<PathBuf, Failure> {
    let candidates = ["raw", "qcow2", "vhd"].map(|extension| folder.join(format!("{name}.{extension}")));
    candidates.into_iter().find(|path| path.is_file()).ok_or_else(|| {
        Failure::new(format!("image `{name}` is not built: there is no disk file in {}", folder.display()))
            .hint(format!("run `lazuli image build {name}`"))
    })
}

fn public_key(file: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(file).context(|| format!("{} cannot be read", file.display()))?;
    // A private key given by mistake must not reach the guest.
    if text.contains("PRIVATE KEY") {
        return Err(Failure::new(format!("{} is a private key", file.display()))
            .code(ExitCode::Usage)
            .hint("give the file beside it that ends in .pub"));
    }
    Ok(text)
}
