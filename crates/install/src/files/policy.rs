//! A package's files and what is wanted, in; the files to leave out, out (`lib/transaction.cc: skipInstallFiles`).

use std::path::{Path, PathBuf};

use rpm_model::header::file_flags;

use super::FileAction;
use crate::order::TRANSACTION_COLOR;
use crate::package::{FileEntry, FileType};

/// Which files of the packages are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePolicy {
    /// Whether %doc files are installed; %license files always are.
    pub documentation: bool,
    /// Languages whose files are installed (`de`, `fr_CA`); `None` for all.
    pub languages: Option<Vec<String>>,
}

impl Default for FilePolicy {
    fn default() -> Self {
        FilePolicy { documentation: true, languages: None }
    }
}

/// For each file the reason to skip it, or nothing.
pub(super) fn unwanted(files: &[FileEntry], policy: &FilePolicy) -> Vec<Option<FileAction>> {
    let mut actions: Vec<Option<FileAction>> = files.iter().map(|file| unwanted_file(file, policy)).collect();
    skip_emptied_directories(files, &mut actions);
    actions
}

fn unwanted_file(file: &FileEntry, policy: &FilePolicy) -> Option<FileAction> {
    if file.color != 0 && file.color & TRANSACTION_COLOR == 0 {
        return Some(FileAction::SkipColor);
    }
    if file.flags & file_flags::LICENSE != 0 {
        return None;
    }
    if let Some(wanted) = &policy.languages
        && !file.languages.is_empty()
        && !file.languages.split('|').any(|language| wanted.iter().any(|name| name == language))
    {
        return Some(FileAction::SkipUnwanted);
    }
    if !policy.documentation && file.flags & file_flags::DOC != 0 {
        return Some(FileAction::SkipUnwanted);
    }
    None
}

/// A directory that the package lists, and that lost all its files to the policy, goes with them.
fn skip_emptied_directories(files: &[FileEntry], actions: &mut [Option<FileAction>]) {
    if actions.iter().all(Option::is_none) {
        return;
    }
    let mut directories: Vec<PathBuf> = files.iter().map(|file| file.directory().to_owned()).collect();
    directories.sort();
    directories.dedup();
    // Deepest first: a directory that goes may empty the one above.
    for directory in directories.iter().rev() {
        let inside = |file: &FileEntry| file.directory() == directory && file.path != Path::new("/");
        let mut members =
            files.iter().zip(actions.iter()).filter(|(file, _)| inside(file)).map(|(_, action)| action);
        if members.any(Option::is_none) {
            continue;
        }
        let own =
            files.iter().position(|file| &file.path == directory && file.file_type() == FileType::Directory);
        if let Some(own) = own
            && actions[own].is_none()
        {
            actions[own] = Some(FileAction::SkipUnwanted);
        }
    }
}
