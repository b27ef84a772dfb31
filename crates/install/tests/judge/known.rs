//! Differences that have a reason; each is told in docs/design/0711-what-differs-from-rpm.md.

use crate::tree::Difference;

/// Why a difference between dnf5's tree and ours is meant.
pub(crate) fn reason(difference: &Difference, epoch: u64) -> Option<&'static str> {
    let path = difference.path.to_str()?;
    let below = |directory: &str| {
        path.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if difference.what == "time" && difference.ours == epoch.to_string() {
        let made_during_installation = difference.theirs.parse::<u64>().is_ok_and(|time| time > epoch);
        return made_during_installation.then_some("made during the installation: the epoch is its time");
    }
    if below("/run") || below("/tmp") {
        return Some("scriptlets have /run and /tmp in memory: nothing of them belongs into an image");
    }
    if below("/usr/lib/sysimage/libdnf5/comps_groups")
        || path.starts_with("/usr/lib/sysimage/libdnf5/transaction_history")
    {
        return Some("dnf5 begins its history at its own first transaction");
    }
    if below("/var/lib/dnf") || below("/var/cache/libdnf5") || below("/var/log") {
        return Some("locks, caches and logs of dnf5's own run");
    }
    match path {
        "/etc/passwd-" | "/etc/group-" | "/etc/shadow-" | "/etc/gshadow-" => {
            Some("no backups of account files: they tell of the building, not of the system")
        }
        "/usr/lib/sysimage/rpm/rpmdb.sqlite" if difference.what == "content" => {
            Some("no write-ahead log; the records are compared by another test")
        }
        "/usr/lib/sysimage/rpm/rpmdb.sqlite-shm" | "/usr/lib/sysimage/rpm/rpmdb.sqlite-wal" => {
            Some("no write-ahead log")
        }
        "/usr/lib/sysimage/rpm/.keyring.lock" => Some("rpm makes it when it first needs it"),
        "/var/cache/ldconfig/aux-cache" => Some("it holds inode numbers and change times"),
        _ => None,
    }
}

/// Why a line of `rpm -Va` is meant; there is none.
pub(crate) fn verification_reason(_line: &str) -> Option<&'static str> {
    None
}
