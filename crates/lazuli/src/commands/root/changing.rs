//! What every command that changes a root has in common: the plan shown, or carried out and told.

use serde::Serialize;
use solver::{Request, Want};

use crate::cli::{Global, RootChange};
use crate::failure::{ExitCode, Failure};
use crate::output;
use crate::pipeline::existing::{self, Root};
use crate::pipeline::repositories::Offers;

#[derive(Serialize)]
struct Changed {
    root: String,
    done: bool,
    install: Vec<Installed>,
    erase: Vec<String>,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct Installed {
    nevra: String,
    repository: String,
    reason: &'static str,
    replaces: Vec<String>,
}

/// Reads what was typed.
pub(super) fn wants(texts: &[String]) -> Result<Vec<Want>, Failure> {
    let wants = texts.iter().map(|text| Want::parse(text)).collect::<Result<Vec<_>, _>>();
    wants.map_err(|error| Failure::caused("the request cannot be read", &error).code(ExitCode::Usage))
}

/// Solves and plans; does it unless only the plan is asked for. Keeps `side_by_side` versions of what lives side by side.
pub(super) fn run(
    global: &Global,
    options: &RootChange,
    root: &Root,
    typed: &[String],
    request: &Request,
    side_by_side: usize,
) -> Result<(), Failure> {
    let paths: Vec<&str> = typed.iter().map(String::as_str).filter(|want| want.starts_with('/')).collect();
    let offers = Offers::open(global, options, &paths)?;
    let transaction = existing::plan(global, root, &offers, request, side_by_side)?;
    let mut changed = Changed {
        root: root.path.display().to_string(),
        done: false,
        install: transaction
            .steps
            .iter()
            .enumerate()
            .map(|(step, _)| installed(&transaction, step))
            .collect(),
        erase: transaction.only_erased().map(ToString::to_string).collect(),
        warnings: Vec::new(),
    };
    if !options.plan && transaction.is_empty() {
        existing::clear(root)?;
    } else if !options.plan {
        let report = existing::carry_out(global, root, &transaction)?;
        changed.done = true;
        changed.warnings = report.warnings.iter().map(ToString::to_string).collect();
        for warning in &changed.warnings {
            output::say(&format!("warning: {warning}"));
        }
    }
    output::print(global.format, &changed, |_| {
        if transaction.is_empty() { "nothing to do\n".to_owned() } else { transaction.to_string() }
    })
}

fn installed(transaction: &install::Transaction, step: usize) -> Installed {
    let planned = &transaction.steps[step];
    Installed {
        nevra: planned.package.nevra().to_string(),
        repository: planned.repository.clone(),
        reason: reason(planned.reason),
        replaces: transaction.replaced_by(step).map(ToString::to_string).collect(),
    }
}

/// As dnf says it.
pub(super) fn reason(reason: install::Reason) -> &'static str {
    match reason {
        install::Reason::User => "user",
        install::Reason::Dependency => "dependency",
        install::Reason::WeakDependency => "weak",
        install::Reason::ExternalUser => "external",
    }
}
