//! `lazuli solve PACKAGE…`

mod testcase;

use serde::Serialize;
use solver::{Request, Universe, Want};

use crate::cli::{Global, Solve};
use crate::failure::{ExitCode, Failure};
use crate::output;
use crate::pipeline::{named, offer, packages, upstream};
use crate::session::Session;

#[derive(Serialize)]
struct Solved {
    nevra: String,
    repository: String,
    reason: solver::Reason,
    requested_as: Vec<String>,
}

/// Finds the packages that a request needs.
pub fn run(global: &Global, options: &Solve) -> Result<(), Failure> {
    if let Some(file) = &options.testcase {
        return testcase::run(global, file);
    }
    let request = request(options)?;
    let solved = if options.repositories.is_empty() {
        let session = Session::open(global)?;
        let upstream = upstream::answering(&session, global)?;
        let offers = offer::of(&session, upstream, &session.distro.project.work_dir.join("import"))?;
        let universe = offer::universe(&session.distro, &offers)?;
        solve(&universe, &request)?
    } else {
        let paths: Vec<&str> =
            options.packages.iter().map(String::as_str).filter(|want| want.starts_with('/')).collect();
        let all = named::find(global, &options.repositories, &paths)?;
        let universe = packages::universe(all.iter(), std::env::consts::ARCH)?;
        solve(&universe, &request)?
    };
    output::print(global.format, &solved, |solved| {
        solved.iter().map(|package| format!("{}\n", package.nevra)).collect()
    })
}

fn request(options: &Solve) -> Result<Request, Failure> {
    let install = options.packages.iter().map(|text| Want::parse(text)).collect::<Result<Vec<_>, _>>();
    let install = install
        .map_err(|error| Failure::caused("the request cannot be read", &error).code(ExitCode::Usage))?;
    Ok(Request { install, exclude: options.exclude.clone(), weak: !options.no_weak, ..Request::default() })
}

fn solve(universe: &Universe<'_>, request: &Request) -> Result<Vec<Solved>, Failure> {
    let solution = solver::solve(universe, request).map_err(|conflict| {
        Failure::caused("the packages cannot be had together", &conflict).code(ExitCode::Unsatisfiable)
    })?;
    Ok(solution
        .packages()
        .iter()
        .map(|package| Solved {
            nevra: package.nevra().to_string(),
            repository: package.repository.to_owned(),
            reason: package.reason,
            requested_as: package.requested_as.clone(),
        })
        .collect())
}
