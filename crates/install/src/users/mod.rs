//! A root's account files and the accounts that packages declare, in; numbers by name, and the files with the accounts
//! added, out: what systemd-sysusers would do, without running it.

mod accounts;
mod allocate;
mod lines;
mod write;

pub use accounts::Accounts;
pub use lines::{AccountLine, AccountLineError, parse};

use crate::package::AccountSource;
use crate::root::{RootDirectory, RootError};

/// Why accounts could not be made.
#[derive(Debug, thiserror::Error)]
pub enum AccountsError {
    /// A line cannot be read.
    #[error("account line `{line}`")]
    Line {
        /// The line.
        line: String,
        /// What is wrong.
        source: AccountLineError,
    },
    /// All numbers for system accounts are taken.
    #[error("no free number below 1000 for {0}")]
    Exhausted(String),
    /// An account is declared with a group that does not exist.
    #[error("account {user} wants the group {group}, which does not exist")]
    MissingGroup {
        /// The account.
        user: String,
        /// The group.
        group: String,
    },
    /// A file of the root cannot be read or written.
    #[error(transparent)]
    Root(#[from] RootError),
}

/// Adds the accounts that a package declares; existing ones stay as they are. `epoch` dates the passwords, in seconds since 1970.
pub fn add_accounts(
    root: &RootDirectory,
    sources: &[AccountSource],
    epoch: u64,
) -> Result<(), AccountsError> {
    for source in sources {
        let lines: Vec<AccountLine> = source
            .lines
            .iter()
            .map(|line| parse(line).map_err(|source| AccountsError::Line { line: line.clone(), source }))
            .collect::<Result<Vec<_>, _>>()?
            .into_iter()
            .flatten()
            .collect();
        let mut databases = write::Databases::read(root)?;
        allocate::add(&mut databases, &lines, root)?;
        databases.write(root, epoch)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
