//! `lazuli config lint`

use std::collections::BTreeMap;

use definition::{REMARK_KINDS, Remark, RemarkKind};
use serde::Serialize;

use crate::cli::{ConfigLint, Global};
use crate::failure::{ExitCode, Failure};
use crate::output;

/// What was found.
#[derive(Serialize)]
struct Found {
    root_file: String,
    warnings: Vec<Remark>,
}

/// Reads the definition and reports what is allowed and hardly meant.
pub fn run(global: &Global, options: &ConfigLint) -> Result<(), Failure> {
    let denied = kinds(&options.deny)?;
    let allowed = kinds(&options.allow)?;
    let linted = definition::lint(&global.directory).map_err(|problems| {
        Failure::caused("the definition is not usable", &problems)
            .code(ExitCode::Definition)
            .hint("warnings come when there is no problem left")
    })?;
    let warnings: Vec<Remark> =
        linted.remarks.into_iter().filter(|remark| !allowed.contains(&remark.kind)).collect();
    let refused = warnings.iter().filter(|remark| denied.contains(&remark.kind)).count();
    let found = Found { root_file: linted.distro.root_file.display().to_string(), warnings };
    output::print(global.format, &found, render)?;
    if refused == 0 {
        return Ok(());
    }
    let counted = if refused == 1 { "1 warning".to_owned() } else { format!("{refused} warnings") };
    Err(Failure::new(format!("the definition has {counted} of a denied kind")).code(ExitCode::Definition))
}

fn kinds(words: &[String]) -> Result<Vec<RemarkKind>, Failure> {
    let mut kinds = Vec::new();
    for word in words {
        if word == "all" {
            kinds.extend(REMARK_KINDS);
            continue;
        }
        let known = REMARK_KINDS.iter().find(|kind| kind.as_str() == word).ok_or_else(|| {
            let all: Vec<&str> = REMARK_KINDS.iter().map(|kind| kind.as_str()).collect();
            Failure::new(format!("there is no kind of warning `{word}`"))
                .code(ExitCode::Usage)
                .hint(format!("known are {}", all.join(", ")))
        })?;
        kinds.push(*known);
    }
    Ok(kinds)
}

fn render(found: &Found) -> String {
    let mut counts: BTreeMap<RemarkKind, usize> = BTreeMap::new();
    let mut text = String::new();
    for warning in &found.warnings {
        *counts.entry(warning.kind).or_default() += 1;
        text.push_str(&format!("{warning}\n\n"));
    }
    if counts.is_empty() {
        return format!("{}: no warning\n", found.root_file);
    }
    let counts: Vec<String> = counts.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    text.push_str(&format!("{}: {}\n", found.root_file, counts.join(", ")));
    text
}
