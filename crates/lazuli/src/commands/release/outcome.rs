//! What a change of a release repository came to, printed the same for every command.

use std::fmt::Write as _;

use release_repository::{Advance, Folder, Repository, SigningKey, advance};
use serde::Serialize;

use crate::cli::Global;
use crate::failure::{Context as _, Failure};
use crate::output;

/// What was done, what came of it, and what is still needed.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Outcome {
    planned: bool,
    done: Vec<String>,
    published: Vec<String>,
    missing: Vec<MissingSignature>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct MissingSignature {
    role: String,
    valid: u64,
    needed: u64,
    keys: Vec<String>,
    by_root: u64,
    #[serde(skip)]
    text: String,
}

/// Signs what is staged, and writes it unless this is only a plan. `store` writes the files that the metadata names; they
/// must be there before it is.
pub fn finish(
    global: &Global,
    folder: &Folder,
    repository: &Repository,
    keys: &[SigningKey],
    (now, plan): (u64, bool),
    done: Vec<String>,
    store: impl FnOnce() -> Result<(), Failure>,
) -> Result<(), Failure> {
    let advance = advance(repository, keys, now).context(|| "nothing was signed".to_owned())?;
    if !plan {
        store()?;
        folder.write(&advance).context(|| "the release repository was not written".to_owned())?;
    }
    output::print(global.format, &outcome(&advance, done, plan), text)
}

fn outcome(advance: &Advance, done: Vec<String>, planned: bool) -> Outcome {
    let missing = advance.missing.iter().map(|missing| MissingSignature {
        role: missing.role.to_string(),
        valid: missing.valid,
        needed: missing.needed,
        keys: missing.keys.clone(),
        by_root: missing.by_root,
        text: missing.to_string(),
    });
    Outcome {
        planned,
        done,
        published: advance.publish.iter().map(|(file, _)| file.clone()).collect(),
        missing: missing.collect(),
    }
}

fn text(outcome: &Outcome) -> String {
    let mut text = String::new();
    for line in &outcome.done {
        let _infallible = writeln!(text, "{line}");
    }
    let would = if outcome.planned { "would be " } else { "" };
    if !outcome.published.is_empty() {
        let _infallible = writeln!(text, "{would}published: {}", outcome.published.join(", "));
    }
    if !outcome.missing.is_empty() {
        let _infallible = writeln!(text, "{would}staged, not published: signatures are missing");
        for missing in &outcome.missing {
            let _infallible = writeln!(text, "  {}", missing.text);
        }
    } else if outcome.published.is_empty() {
        text.push_str("nothing waits for signatures\n");
    }
    text
}
