//! Package files, in; the transaction that installs them, out, or every reason why there is none.

use rayon::prelude::*;

use super::{Existing, PackageRequest, Step, Transaction};
use crate::files::{self, FileConflict, FilePolicy};
use crate::order::order;
use crate::package::{Package, PackageContents, PackageError, SignaturePolicy};

/// What is asked of packages and their files.
#[derive(Clone, Debug)]
pub struct PlanOptions {
    /// What packages must prove.
    pub signatures: SignaturePolicy,
    /// Which of their files are wanted.
    pub files: FilePolicy,
}

/// Why there is no transaction.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// Packages that cannot be used.
    #[error("{} of the packages cannot be used{}", .0.len(), listed(.0))]
    Packages(Vec<PackageError>),
    /// One package given twice.
    #[error("{0} is given twice")]
    Twice(String),
    /// Files that packages do not agree on.
    #[error("packages do not agree on {}{}", files_counted(.0.len()), lines(.0))]
    Conflicts(Vec<FileConflict>),
}

/// Opens and verifies the packages, orders them, and decides what happens to each file.
pub fn plan(requests: &[PackageRequest], options: &PlanOptions) -> Result<Transaction, PlanError> {
    let packages = open_all(requests, options)?;
    let contents: Vec<&PackageContents> = packages.iter().map(|package| &package.contents).collect();
    let order = order(&contents);
    let in_order: Vec<&PackageContents> = order.iter().map(|i| contents[*i]).collect();
    let actions = files::decide(&in_order, &options.files).map_err(PlanError::Conflicts)?;
    let mut packages: Vec<Option<Package>> = packages.into_iter().map(Some).collect();
    let steps = order.iter().zip(actions).filter_map(|(position, actions)| {
        let request = &requests[*position];
        Some(Step {
            package: packages[*position].take()?,
            actions,
            reason: request.reason,
            repository: request.repository.clone(),
            checksum: request.checksum.clone(),
        })
    });
    let policy = options.files.clone();
    Ok(Transaction { steps: steps.collect(), erasures: Vec::new(), before: Existing::default(), policy })
}

/// The packages, each verified and none twice.
pub(super) fn open_all(
    requests: &[PackageRequest],
    options: &PlanOptions,
) -> Result<Vec<Package>, PlanError> {
    let opened: Vec<Result<Package, PackageError>> =
        requests.par_iter().map(|request| Package::open(&request.file, &options.signatures)).collect();
    let mut packages = Vec::with_capacity(opened.len());
    let mut errors = Vec::new();
    for package in opened {
        match package {
            Ok(package) => packages.push(package),
            Err(error) => errors.push(error),
        }
    }
    if !errors.is_empty() {
        return Err(PlanError::Packages(errors));
    }
    refuse_twice(&packages)?;
    Ok(packages)
}

fn refuse_twice(packages: &[Package]) -> Result<(), PlanError> {
    let mut names: Vec<String> = packages.iter().map(|package| package.nevra().to_string()).collect();
    names.sort();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(PlanError::Twice(pair[0].clone())),
        None => Ok(()),
    }
}

fn listed(errors: &[PackageError]) -> String {
    let text = |error: &PackageError| {
        let mut text = format!("\n    {error} {}", error.source);
        let mut cause = std::error::Error::source(&error.source);
        while let Some(error) = cause {
            text.push_str(&format!(": {error}"));
            cause = error.source();
        }
        text
    };
    errors.iter().map(text).collect()
}

fn files_counted(count: usize) -> String {
    if count == 1 { "one file".to_owned() } else { format!("{count} files") }
}

fn lines(conflicts: &[FileConflict]) -> String {
    conflicts.iter().map(|conflict| format!("\n    {conflict}")).collect()
}
