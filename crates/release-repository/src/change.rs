//! Changes of who signs and until when: a repository in, the repository with the change staged out.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU64;

use jiff::Timestamp as Time;
use serde::{Deserialize, Serialize};
use tough::schema::{RoleKeys, Root, Signed, Targets};

use crate::advance::{AdvanceError, restage};
use crate::key::PublicKey;
use crate::role::{self, RoleName, SPECIFICATION};
use crate::state::{Repository, Staged};

/// How long each role's metadata holds, in seconds. The root carries it, so that everyone who signs keeps to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifetimes {
    /// Of root.
    pub root: u64,
    /// Of targets.
    pub targets: u64,
    /// Of snapshot.
    pub snapshot: u64,
    /// Of timestamp: for so long can someone who stands between hide a release from a machine.
    pub timestamp: u64,
}

impl Default for Lifetimes {
    fn default() -> Self {
        const DAY: u64 = 86_400;
        Lifetimes { root: 365 * DAY, targets: 180 * DAY, snapshot: 30 * DAY, timestamp: 7 * DAY }
    }
}

/// The keys of a role, and how many of them must sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleSigners {
    /// The keys.
    pub keys: Vec<PublicKey>,
    /// How many must sign.
    pub threshold: u64,
}

/// Why a change is not staged.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// There is one.
    #[error("there is a repository already")]
    Exists,
    /// There is none.
    #[error("there is no repository; begin one with `lazuli release init`")]
    Absent,
    /// More signatures than keys, or none.
    #[error(
        "role {role} has {keys} keys, and {threshold} of them cannot sign: a threshold is 1 to the number of keys"
    )]
    Threshold {
        /// The role.
        role: RoleName,
        /// Its keys.
        keys: usize,
        /// What was asked for.
        threshold: u64,
    },
    /// It has it.
    #[error("role {role} has key {id} already")]
    HasKey {
        /// The role.
        role: RoleName,
        /// The key.
        id: String,
    },
    /// It does not have it, or several begin so.
    #[error("role {role} has {number} keys whose id begins with `{id}`: {known}")]
    Key {
        /// The role.
        role: RoleName,
        /// What was given.
        id: String,
        /// How many fit.
        number: usize,
        /// The role's keys.
        known: String,
    },
    /// A version number is used up.
    #[error(transparent)]
    Version(#[from] AdvanceError),
}

/// The name in the root's metadata under which lifetimes stand; clients skip what they do not know.
const LIFETIMES: &str = "x-lifetimes";

impl Repository {
    /// A repository that publishes nothing yet, waiting for its first signatures.
    pub fn begin(
        signers: &BTreeMap<RoleName, RoleSigners>,
        lifetimes: Lifetimes,
        now: u64,
    ) -> Result<Repository, ChangeError> {
        let mut root = Root {
            spec_version: SPECIFICATION.to_owned(),
            consistent_snapshot: true,
            version: NonZeroU64::MIN,
            expires: role::time(now.saturating_add(lifetimes.root)),
            keys: HashMap::new(),
            roles: HashMap::new(),
            _extra: HashMap::new(),
        };
        let value = serde_json::to_value(lifetimes).expect("four numbers have a JSON form");
        root._extra.insert(LIFETIMES.to_owned(), value);
        for name in RoleName::ALL {
            let none = RoleSigners { keys: Vec::new(), threshold: 1 };
            let RoleSigners { keys, threshold } = signers.get(&name).unwrap_or(&none);
            let role = RoleKeys { keyids: Vec::new(), threshold: NonZeroU64::MIN, _extra: HashMap::new() };
            root.roles.insert(name.kind(), role);
            for key in keys {
                add_key(&mut root, name, key)?;
            }
            set_threshold(&mut root, name, *threshold)?;
        }
        let expires = expiry(&root, RoleName::Targets, now);
        let mut targets = Targets::new(SPECIFICATION.to_owned(), NonZeroU64::MIN, expires);
        targets.delegations = None;
        let staged = Staged {
            root: Some(unsigned(root)),
            targets: Some(unsigned(targets)),
            snapshot: None,
            timestamp: None,
        };
        Ok(Repository { published: None, staged })
    }

    /// Lets another key sign for a role.
    pub fn add_key(
        &self,
        role: RoleName,
        key: &PublicKey,
        threshold: Option<u64>,
        now: u64,
    ) -> Result<Repository, ChangeError> {
        self.change_root(now, |root| {
            add_key(root, role, key)?;
            threshold.map_or(Ok(()), |threshold| set_threshold(root, role, threshold))
        })
    }

    /// Lets a key, named by its id or the beginning of it, no longer sign for a role.
    pub fn remove_key(
        &self,
        role: RoleName,
        id: &str,
        threshold: Option<u64>,
        now: u64,
    ) -> Result<Repository, ChangeError> {
        self.change_root(now, |root| {
            let Some(keys) = root.roles.get_mut(&role.kind()) else { return Err(ChangeError::Absent) };
            let fitting = |key: &&_| key_text(key).starts_with(id);
            let known: Vec<String> = keys.keyids.iter().map(key_text).collect();
            let number = keys.keyids.iter().filter(fitting).count();
            if number != 1 {
                let (id, known) = (id.to_owned(), known.join(", "));
                return Err(ChangeError::Key { role, id, number, known });
            }
            keys.keyids.retain(|key| !key_text(key).starts_with(id));
            let current = keys.threshold.get();
            let used: Vec<_> = root.roles.values().flat_map(|role| role.keyids.clone()).collect();
            root.keys.retain(|key, _| used.contains(key));
            set_threshold(root, role, threshold.unwrap_or(current))
        })
    }

    /// Stages a role's next version, which holds for another lifetime.
    pub fn renew(&self, role: RoleName, now: u64) -> Result<Repository, ChangeError> {
        let mut next = self.clone();
        let root = self.root().ok_or(ChangeError::Absent)?.clone();
        let Some(published) = &self.published else {
            // Nothing is published: what waits for its first signatures holds longer.
            let expires = expiry(&root, role, now);
            match role {
                RoleName::Root => renew_staged(&mut next.staged.root, expires),
                RoleName::Targets => renew_staged(&mut next.staged.targets, expires),
                RoleName::Snapshot | RoleName::Timestamp => {}
            }
            (next.staged.snapshot, next.staged.timestamp) = (None, None);
            return Ok(next);
        };
        match role {
            RoleName::Root => return self.change_root(now, |_| Ok(())),
            RoleName::Targets => return self.change_targets(now, |_| {}),
            RoleName::Snapshot => next.staged.snapshot = Some(restage(&published.snapshot, &root, now)?),
            RoleName::Timestamp => next.staged.timestamp = Some(restage(&published.timestamp, &root, now)?),
        }
        Ok(next)
    }

    /// Stages a change of what is published.
    pub(crate) fn change_targets(
        &self,
        now: u64,
        change: impl FnOnce(&mut Targets),
    ) -> Result<Repository, ChangeError> {
        let mut next = self.clone();
        let root = self.root().ok_or(ChangeError::Absent)?;
        let mut targets = match (&self.published, &self.staged.targets) {
            (Some(published), staged) => {
                let mut targets = restage(&published.targets, root, now)?;
                if let Some(staged) = staged {
                    targets.signed.targets = staged.signed.targets.clone();
                }
                targets
            }
            (None, Some(staged)) => {
                unsigned(Targets { expires: expiry(root, RoleName::Targets, now), ..staged.signed.clone() })
            }
            (None, None) => return Err(ChangeError::Absent),
        };
        change(&mut targets.signed);
        next.staged.targets = Some(targets);
        (next.staged.snapshot, next.staged.timestamp) = (None, None);
        Ok(next)
    }

    fn change_root(
        &self,
        now: u64,
        change: impl FnOnce(&mut Root) -> Result<(), ChangeError>,
    ) -> Result<Repository, ChangeError> {
        let mut next = self.clone();
        let mut root = self.root().ok_or(ChangeError::Absent)?.clone();
        if let Some(published) = &self.published {
            let version = published.root().version.checked_add(1);
            root.version = version.ok_or(AdvanceError::LastVersion(RoleName::Root))?;
        }
        change(&mut root)?;
        root.expires = expiry(&root, RoleName::Root, now);
        next.staged.root = Some(unsigned(root));
        // What these sign may need other keys now.
        (next.staged.snapshot, next.staged.timestamp) = (None, None);
        Ok(next)
    }
}

/// When metadata of this role that is made now expires.
pub(crate) fn expiry(root: &Root, role: RoleName, now: u64) -> Time {
    let lifetimes = lifetimes(root);
    let lifetime = match role {
        RoleName::Root => lifetimes.root,
        RoleName::Targets => lifetimes.targets,
        RoleName::Snapshot => lifetimes.snapshot,
        RoleName::Timestamp => lifetimes.timestamp,
    };
    role::time(now.saturating_add(lifetime))
}

/// A root of another program has none of ours and gets the usual ones.
pub(crate) fn lifetimes(root: &Root) -> Lifetimes {
    let value = root._extra.get(LIFETIMES).cloned();
    value.and_then(|value| serde_json::from_value(value).ok()).unwrap_or_default()
}

/// `role KEYID` of every role and key, for messages.
pub(crate) fn key_lines(root: Option<&Root>) -> Vec<String> {
    let Some(root) = root else { return Vec::new() };
    let mut lines = Vec::new();
    for name in RoleName::ALL {
        let keys = root.roles.get(&name.kind()).map(|keys| keys.keyids.as_slice()).unwrap_or_default();
        lines.extend(
            keys.iter().map(|key| format!("{name} {}", key_text(key).chars().take(16).collect::<String>())),
        );
    }
    lines
}

fn renew_staged<T: role::Metadata>(staged: &mut Option<Signed<T>>, expires: Time) {
    if let Some(staged) = staged {
        let version = staged.signed.version();
        staged.signed.renew(version, expires);
        staged.signatures.clear();
    }
}

fn unsigned<T>(signed: T) -> Signed<T> {
    Signed { signed, signatures: Vec::new() }
}

fn key_text(id: &tough::schema::decoded::Decoded<tough::schema::decoded::Hex>) -> String {
    hex::encode(&id[..])
}

fn add_key(root: &mut Root, role: RoleName, key: &PublicKey) -> Result<(), ChangeError> {
    let id = key.tuf().key_id().map_err(|_| ChangeError::Absent)?;
    let Some(keys) = root.roles.get_mut(&role.kind()) else { return Err(ChangeError::Absent) };
    if keys.keyids.contains(&id) {
        return Err(ChangeError::HasKey { role, id: key.id().to_owned() });
    }
    keys.keyids.push(id.clone());
    keys.keyids.sort();
    root.keys.insert(id, key.tuf().clone());
    Ok(())
}

fn set_threshold(root: &mut Root, role: RoleName, threshold: u64) -> Result<(), ChangeError> {
    let Some(keys) = root.roles.get_mut(&role.kind()) else { return Err(ChangeError::Absent) };
    let number = keys.keyids.len();
    match NonZeroU64::new(threshold) {
        Some(threshold) if threshold.get() <= number as u64 => {
            keys.threshold = threshold;
            Ok(())
        }
        _ => Err(ChangeError::Threshold { role, keys: number, threshold }),
    }
}
