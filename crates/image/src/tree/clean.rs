//! A tree as installation left it in; the same tree without what belongs to one machine or one moment out.

use super::{Entry, Kind, ReadError, Tree, TreePath};

/// Why a tree cannot become an image.
#[derive(Debug, thiserror::Error)]
pub enum CleanError {
    /// The package database was not closed.
    #[error(
        "{path} holds changes that are not yet in the package database: installation did not end well; install the tree again"
    )]
    UnfinishedDatabase {
        /// The write-ahead log.
        path: TreePath,
    },
    /// A file that decides about cleaning cannot be read.
    #[error(transparent)]
    Unreadable(#[from] ReadError),
}

/// Directories whose content is a cache, a log or scratch space; they stay, what they hold goes.
const EMPTIED: [&str; 8] = [
    "tmp",
    "var/tmp",
    "var/log",
    "var/cache",
    "var/lib/apt/lists",
    "var/lib/dnf",
    "boot/loader",
    "var/lib/systemd/pstore",
];

/// Files that hold a machine's identity, entropy or locks, or a program's copy of an older version.
const REMOVED: [&str; 18] = [
    "etc/.pwd.lock",
    "etc/.updated",
    "etc/group-",
    "etc/gshadow-",
    "etc/passwd-",
    "etc/shadow-",
    "etc/subgid-",
    "etc/subuid-",
    "etc/ld.so.cache~",
    "etc/mtab~",
    "var/.updated",
    "var/lib/dbus/machine-id",
    "var/lib/systemd/catalog/database~",
    "var/lib/systemd/credential.secret",
    "var/lib/systemd/random-seed",
    "var/lib/systemd/timesync/clock",
    "etc/machine-info-",
    "root/.bash_history",
];

/// Places where a package database may lie.
const DATABASES: [&str; 2] = ["usr/lib/sysimage/rpm/rpmdb.sqlite", "var/lib/rpm/rpmdb.sqlite"];

/// The directories a kernel and systemd mount over before anything else can make them.
const MOUNT_POINTS: [(&str, u32); 5] =
    [("dev", 0o755), ("proc", 0o555), ("run", 0o755), ("sys", 0o555), ("tmp", 0o1777)];

/// Removes caches, logs, identities and locks, and leaves the machine id to be made at first boot.
pub fn clean(tree: &mut Tree, source_date_epoch: u64) -> Result<(), CleanError> {
    check_databases(tree)?;
    for directory in EMPTIED.map(known) {
        empty(tree, &directory);
    }
    for file in REMOVED.map(known) {
        tree.remove(&file);
    }
    for (directory, mode) in MOUNT_POINTS {
        let directory = known(directory);
        if tree.get(&directory).is_none() {
            tree.insert(directory, Entry::directory(mode, source_date_epoch));
        }
    }
    if tree.get(&known("etc")).is_some_and(|entry| entry.kind == Kind::Directory) {
        // Not empty but this word: an empty file means "made before", and units that wait for a first boot would not run.
        tree.insert(known("etc/machine-id"), Entry::file(*b"uninitialized\n", 0o444, source_date_epoch));
    }
    Ok(())
}

/// A write-ahead log with content means that the database beside it is not whole.
fn check_databases(tree: &mut Tree) -> Result<(), CleanError> {
    for database in DATABASES {
        let log = known(&format!("{database}-wal"));
        if tree.get(&log).is_some_and(|entry| entry.size() > 0) {
            return Err(CleanError::UnfinishedDatabase { path: log });
        }
        tree.remove(&log);
        tree.remove(&known(&format!("{database}-shm")));
    }
    Ok(())
}

/// Takes out the files of a directory; its directories stay, since programs and packages expect them with their owners.
fn empty(tree: &mut Tree, directory: &TreePath) {
    let files: Vec<TreePath> = tree
        .below(directory)
        .filter(|path| tree.get(path).is_some_and(|entry| entry.kind != Kind::Directory))
        .cloned()
        .collect();
    for file in files {
        tree.remove(&file);
    }
}

fn known(path: &str) -> TreePath {
    TreePath::parse(path).expect("the paths of this module do not climb")
}

#[cfg(test)]
mod tests {
    use super::super::{Entry, Tree, TreePath};
    use super::{clean, known};

    fn tree(files: &[(&str, &str)]) -> Tree {
        let mut tree = Tree::default();
        for (path, text) in files {
            let path = TreePath::parse(path).unwrap();
            tree.ensure_directory(&path.parent().unwrap(), 5);
            tree.insert(path, Entry::file(text.as_bytes(), 0o644, 5));
        }
        tree
    }

    #[test]
    fn traces_of_a_machine_go_and_directories_stay() {
        let mut tree = tree(&[
            ("etc/passwd", "root"),
            ("etc/passwd-", "old"),
            ("etc/machine-id", "0123"),
            ("var/cache/ldconfig/aux-cache", "noise"),
            ("var/log/journal/x", "noise"),
            ("usr/lib/sysimage/rpm/rpmdb.sqlite", "database"),
            ("usr/lib/sysimage/rpm/rpmdb.sqlite-wal", ""),
            ("usr/lib/sysimage/rpm/rpmdb.sqlite-shm", "noise"),
        ]);
        clean(&mut tree, 5).unwrap();
        let names: Vec<String> = tree.entries().map(|(path, _)| path.to_string()).collect();
        assert_eq!(
            names,
            [
                "/",
                "/dev",
                "/etc",
                "/etc/machine-id",
                "/etc/passwd",
                "/proc",
                "/run",
                "/sys",
                "/tmp",
                "/usr",
                "/usr/lib",
                "/usr/lib/sysimage",
                "/usr/lib/sysimage/rpm",
                "/usr/lib/sysimage/rpm/rpmdb.sqlite",
                "/var",
                "/var/cache",
                "/var/cache/ldconfig",
                "/var/log",
                "/var/log/journal"
            ]
        );
        assert_eq!(tree.read(&known("etc/machine-id")).unwrap(), b"uninitialized\n");
    }

    #[test]
    fn an_unfinished_package_database_is_refused() {
        let mut tree = tree(&[("usr/lib/sysimage/rpm/rpmdb.sqlite-wal", "pages")]);
        let error = clean(&mut tree, 5).unwrap_err().to_string();
        assert!(error.starts_with("/usr/lib/sysimage/rpm/rpmdb.sqlite-wal holds changes"), "{error}");
    }
}
