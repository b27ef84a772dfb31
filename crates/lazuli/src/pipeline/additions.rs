//! Programs of Lazuli and a root of trust that an image asks for, in; the files that it gets, out.

use std::fs;
use std::path::{Path, PathBuf};

use definition::NativeImage;
use image::Addition;

use super::loadable::loadable;
use crate::cli::ImageRelease;
use crate::failure::{Context as _, ExitCode, Failure};

/// Where the agent looks for what proves its updates.
const RELEASE_ROOT: &str = "/usr/lib/lazuli/root.json";

/// The single files that a build puts into the image.
pub fn additions(image: &NativeImage, release: &ImageRelease) -> Result<Vec<Addition>, Failure> {
    let mut additions = Vec::new();
    if !image.programs.is_empty() {
        let folder = own_folder()?;
        for program in &image.programs {
            let content = program_of(&folder, program.value.as_str(), image)?.into();
            additions.push(Addition { path: format!("/usr/bin/{program}"), mode: 0o755, content });
        }
    }
    if let Some(path) = &release.release_root {
        let content = release_root(path)?.into();
        additions.push(Addition { path: RELEASE_ROOT.to_owned(), mode: 0o644, content });
    }
    Ok(additions)
}

/// The folder of the running program.
fn own_folder() -> Result<PathBuf, Failure> {
    let program = std::env::current_exe().context(|| "this program cannot be found".to_owned())?;
    Ok(program.parent().unwrap_or(Path::new("/")).to_owned())
}

fn program_of(folder: &Path, name: &str, image: &NativeImage) -> Result<Vec<u8>, Failure> {
    let path = folder.join(name);
    let hint = format!(
        "image `{}` asks for it (`programs` in {}): put it there, or build it with `cargo build -p {}`",
        image.name,
        image.file.display(),
        if name == "lazuli" { "lazuli" } else { "agent" },
    );
    let failed = || format!("the program {} cannot be put into the image", path.display());
    let bytes = fs::read(&path).context(failed).map_err(|failure| failure.hint(hint))?;
    loadable(&bytes).context(failed)
}

/// The bytes of a TUF root; a file that is none would leave the image without updates for good.
fn release_root(path: &Path) -> Result<Vec<u8>, Failure> {
    let usage = |failure: Failure| {
        failure.code(ExitCode::Usage).hint("give the file N.root.json of a release repository's metadata")
    };
    let unusable = || format!("{} cannot be used as a root of trust", path.display());
    let bytes = fs::read(path).context(unusable).map_err(usage)?;
    let value: serde_json::Value = serde_json::from_slice(&bytes).context(unusable).map_err(usage)?;
    if value["signed"]["_type"] != "root" || !value["signatures"].is_array() {
        return Err(usage(Failure::new(format!("{} is no signed root of TUF metadata", path.display()))));
    }
    Ok(bytes)
}
