//! `lazuli config check`

use serde::Serialize;

use crate::cli::Global;
use crate::failure::{ExitCode, Failure};
use crate::output;

/// What the check found.
#[derive(Serialize)]
struct Checked {
    root_file: String,
    images: usize,
    upstreams: usize,
    components: usize,
    problems: definition::Problems,
}

/// Reads the definition and reports every problem.
pub fn run(global: &Global) -> Result<(), Failure> {
    let (checked, failure) = match definition::load(&global.directory) {
        Ok(distro) => {
            let checked = Checked {
                root_file: distro.root_file.display().to_string(),
                images: distro.images.len(),
                upstreams: distro.upstreams.len(),
                components: distro.components.len(),
                problems: definition::Problems { problems: Vec::new() },
            };
            (checked, None)
        }
        Err(problems) => {
            let count = problems.problems.len();
            let root_file = definition::find_root(&global.directory).map(|path| path.display().to_string());
            let checked = Checked {
                root_file: root_file.unwrap_or_default(),
                images: 0,
                upstreams: 0,
                components: 0,
                problems,
            };
            let counted = if count == 1 { "1 problem".to_owned() } else { format!("{count} problems") };
            (checked, Some(Failure::new(format!("the definition has {counted}")).code(ExitCode::Definition)))
        }
    };
    output::print(global.format, &checked, render)?;
    failure.map_or(Ok(()), Err)
}

fn render(checked: &Checked) -> String {
    if checked.problems.problems.is_empty() {
        return format!(
            "{}: {} images, {} upstreams, {} components, no problem\n",
            checked.root_file, checked.images, checked.upstreams, checked.components
        );
    }
    format!("{}\n", checked.problems.to_string().trim_end())
}
