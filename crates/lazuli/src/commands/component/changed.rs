//! `lazuli component changed --from REVISION [--to REVISION] [NAME…]`

use component_sources::changed::{self, Change, ChangeKind, Project};
use serde::Serialize;

use crate::cli::{ComponentChanged, Global};
use crate::failure::{Context as _, Failure};
use crate::pipeline::components::Names;
use crate::{output, session};

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Changed {
    component: String,
    change: &'static str,
    definition: bool,
    lock: bool,
    rendered: bool,
    sources: bool,
}

/// Tells which components differ, and in what.
pub fn run(global: &Global, options: &ComponentChanged) -> Result<(), Failure> {
    let distro = session::load_definition(global)?;
    let project = Project::of(&distro).context(|| "revisions cannot be compared".to_owned())?;
    let read = |revision: &str| {
        changed::read(&project, revision).context(|| format!("revision {revision} cannot be compared"))
    };
    let (from, to) = rayon::join(|| read(&options.from), || read(&options.to));
    let changes = changed::compare(&from?, &to?);
    let names = Names::parse(&options.names)?;
    names.refuse_unknown(changes.iter().map(|change| change.name.as_str()))?;
    let wanted = |change: &&Change| {
        names.select(&change.name) && (options.include_unchanged || change.kind != ChangeKind::Unchanged)
    };
    let listed: Vec<Changed> = changes.iter().filter(wanted).map(Changed::from).collect();
    output::print(global.format, &listed, |listed| listed.iter().map(line).collect())?;
    let unexplained: Vec<&str> =
        changes.iter().filter(|change| change.unexplained).map(|change| change.name.as_str()).collect();
    if unexplained.is_empty() {
        return Ok(());
    }
    let message = format!(
        "the rendered `sources` of {} changed, although nothing that they are made from did by their locks",
        unexplained.join(", ")
    );
    Err(Failure::new(message)
        .hint("somebody edited them by hand: run `lazuli component render` and commit what it writes"))
}

impl From<&Change> for Changed {
    fn from(change: &Change) -> Self {
        Changed {
            component: change.name.clone(),
            change: change.kind.as_str(),
            definition: change.definition,
            lock: change.lock,
            rendered: change.rendered,
            sources: change.sources,
        }
    }
}

fn line(changed: &Changed) -> String {
    let parts = [
        ("definition", changed.definition),
        ("lock", changed.lock),
        ("rendered", changed.rendered),
        ("sources", changed.sources),
    ];
    let parts: Vec<&str> = parts.into_iter().filter(|(_, differs)| *differs).map(|(part, _)| part).collect();
    format!("{:9}  {}  {}\n", changed.change, changed.component, parts.join(", ")).replace("  \n", "\n")
}
