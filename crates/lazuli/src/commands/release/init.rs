//! `lazuli release init DIR`

use std::collections::BTreeMap;

use release::waves::parse_duration;
use release_repository::change::{Lifetimes, RoleSigners};
use release_repository::{Folder, Key, PublicKey, Repository, RoleName, SigningKey};

use super::outcome;
use crate::cli::{Global, ReleaseInit};
use crate::failure::{Context as _, ExitCode, Failure};
use crate::output;

/// Begins a repository; the keys at hand sign it.
pub fn run(global: &Global, options: &ReleaseInit) -> Result<(), Failure> {
    let now = super::time(&options.moment.time)?;
    let lifetimes = lifetimes(&options.lifetimes)?;
    let mut signing = Vec::new();
    let root = signers(&options.root_keys, options.root_threshold, &mut signing)?;
    let targets = signers(&options.targets_keys, options.targets_threshold, &mut signing)?;
    let online = signers(&options.online_keys, 1, &mut signing)?;
    if root.keys.iter().any(|key| targets.keys.contains(key) || online.keys.contains(key)) {
        output::say(
            "warning: a root key signs for another role, too: who steals it can change every other key",
        );
    }
    let roles = BTreeMap::from([
        (RoleName::Root, root),
        (RoleName::Targets, targets),
        (RoleName::Snapshot, online.clone()),
        (RoleName::Timestamp, online),
    ]);
    let place = options.repository.display();
    let failed = || format!("the release repository {place} was not begun");
    let repository = Repository::begin(&roles, lifetimes, now).context(failed)?;
    let folder = Folder::create(&options.repository).context(failed)?;
    if folder.is_repository() {
        return Err(
            Failure::new(failed()).hint("there is one already; change its keys with `lazuli release key`")
        );
    }
    let done = vec![format!("a release repository in {place}")];
    outcome::finish(global, &folder, &repository, &signing, (now, options.moment.plan), done, || Ok(()))
}

fn signers(words: &[String], threshold: u64, signing: &mut Vec<SigningKey>) -> Result<RoleSigners, Failure> {
    let mut keys: Vec<PublicKey> = Vec::new();
    for word in words {
        let key = super::load_key(word)?;
        keys.push(key.public().clone());
        if let Key::Signing(key) = key {
            signing.push(key);
        }
    }
    Ok(RoleSigners { keys, threshold })
}

fn lifetimes(words: &[String]) -> Result<Lifetimes, Failure> {
    let mut lifetimes = Lifetimes::default();
    for word in words {
        let wrong = || {
            Failure::new(format!("`{word}` is not the lifetime of a role"))
                .hint("write root, targets, snapshot or timestamp, `=`, and a time as in `timestamp=2d`")
                .code(ExitCode::Usage)
        };
        let (role, time) = word.split_once('=').ok_or_else(wrong)?;
        let seconds = parse_duration(time).filter(|seconds| *seconds > 0).ok_or_else(wrong)?;
        match role {
            "root" => lifetimes.root = seconds,
            "targets" => lifetimes.targets = seconds,
            "snapshot" => lifetimes.snapshot = seconds,
            "timestamp" => lifetimes.timestamp = seconds,
            _ => return Err(wrong()),
        }
    }
    Ok(lifetimes)
}
