//! A repository with staged changes, keys and the time, in; the signatures that these keys can add, and, when every role
//! has enough of them, the files of a publication, out.

use std::fmt;
use std::num::NonZeroU64;

use tough::schema::{Root, Signed, Snapshot, Timestamp};

use crate::key::{KeyError, SigningKey};
use crate::role::{self, Metadata, RoleName, SPECIFICATION};
use crate::state::{Published, Repository, Staged, published_file, staged_file};

/// What signing has come to.
#[derive(Clone, Debug, PartialEq)]
pub struct Advance {
    /// The repository afterwards.
    pub repository: Repository,
    /// Files to write, in this order: a client that looks in between sees the repository as it was.
    pub publish: Vec<(String, Vec<u8>)>,
    /// The files of staged metadata: to write, or to remove if they are there.
    pub staged: Vec<(String, Option<Vec<u8>>)>,
    /// The signatures that are still missing; empty when nothing waits.
    pub missing: Vec<Missing>,
}

/// What a role waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The role.
    pub role: RoleName,
    /// Right signatures that it has.
    pub valid: u64,
    /// Signatures that it needs.
    pub needed: u64,
    /// The ids of keys that may sign and have not.
    pub keys: Vec<String>,
    /// The version of the root that asks for them.
    pub by_root: u64,
}

/// Why nothing can be signed.
#[derive(Debug, thiserror::Error)]
pub enum AdvanceError {
    /// A key fails.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Nobody would accept what is signed.
    #[error(
        "the staged {role} metadata expired on {expired}; stage it anew with `lazuli release renew --role {role}`"
    )]
    Expired {
        /// The role.
        role: RoleName,
        /// When.
        expired: String,
    },
    /// A key of none of the roles: most likely the wrong file.
    #[error("key {id} is of no role; the root names {known}")]
    UnknownKey {
        /// The key's id.
        id: String,
        /// Roles and their keys.
        known: String,
    },
    /// A version number is used up.
    #[error("the {0} metadata has the last version that there is")]
    LastVersion(RoleName),
}

/// Signs what is staged with these keys as far as they go, and publishes if that is enough.
pub fn advance(repository: &Repository, keys: &[SigningKey], now: u64) -> Result<Advance, AdvanceError> {
    let mut next = repository.clone();
    check_keys(&next, keys)?;
    let (publish, missing) = sign_in_order(&mut next, keys, now)?;
    let staged = staged_files(&next.staged);
    Ok(Advance { repository: next, publish, staged, missing })
}

type Files = Vec<(String, Vec<u8>)>;

fn sign_in_order(
    repository: &mut Repository,
    keys: &[SigningKey],
    now: u64,
) -> Result<(Files, Vec<Missing>), AdvanceError> {
    let Repository { published, staged } = repository;
    let mut missing = Vec::new();
    // Where it can be had, what a new root's keys sign is signed for machines that still see the old root, too.
    let courtesy = published.as_ref().map(|published| published.root().clone());
    // Root: by the keys of the one before, and by its own.
    let former = published.as_ref().map(|published| published.root().clone());
    let new_root = staged.root.clone();
    let root = match (&new_root, &former) {
        (Some(new), _) => new.signed.clone(),
        (None, Some(former)) => former.clone(),
        (None, None) => return Ok((Vec::new(), missing)),
    };
    if let Some(signed) = &mut staged.root {
        let rulers: Vec<&Root> = former.iter().chain([&root]).collect();
        sign(signed, &rulers, None, keys, now, &mut missing)?;
    }
    // Targets: changed, or signed by keys that the new root no longer names.
    let current = published.as_ref();
    if staged.targets.is_none() && current.is_some_and(|current| !role::is_signed(&root, &current.targets)) {
        staged.targets = current.map(|current| restage(&current.targets, &root, now)).transpose()?;
    }
    if let Some(signed) = &mut staged.targets {
        sign(signed, &[&root], courtesy.as_ref(), keys, now, &mut missing)?;
    }
    if !missing.is_empty() {
        return Ok((Vec::new(), missing));
    }
    // Snapshot: names the targets.
    let Some(targets) = staged.targets.as_ref().or(current.map(|current| &current.targets)) else {
        return Ok((Vec::new(), missing));
    };
    let description = role::describe(targets);
    let names = |snapshot: &Signed<Snapshot>| snapshot.signed.meta.get("targets.json") == Some(&description);
    let holds =
        current.is_some_and(|current| names(&current.snapshot) && role::is_signed(&root, &current.snapshot));
    if !staged.snapshot.as_ref().is_some_and(&names) && (!holds || staged.snapshot.is_some()) {
        let mut snapshot =
            fresh(current.map(|current| &current.snapshot), &root, now, |version, expires| {
                Snapshot::new(SPECIFICATION.to_owned(), version, expires)
            })?;
        snapshot.signed.meta = [("targets.json".to_owned(), description)].into();
        staged.snapshot = Some(snapshot);
    }
    if let Some(signed) = &mut staged.snapshot {
        sign(signed, &[&root], courtesy.as_ref(), keys, now, &mut missing)?;
    }
    if !missing.is_empty() {
        return Ok((Vec::new(), missing));
    }
    // Timestamp: names the snapshot.
    let Some(snapshot) = staged.snapshot.as_ref().or(current.map(|current| &current.snapshot)) else {
        return Ok((Vec::new(), missing));
    };
    let description = role::describe(snapshot);
    let names =
        |timestamp: &Signed<Timestamp>| timestamp.signed.meta.get("snapshot.json") == Some(&description);
    let holds = current
        .is_some_and(|current| names(&current.timestamp) && role::is_signed(&root, &current.timestamp));
    if !staged.timestamp.as_ref().is_some_and(&names) && (!holds || staged.timestamp.is_some()) {
        let mut timestamp =
            fresh(current.map(|current| &current.timestamp), &root, now, |version, expires| {
                Timestamp::new(SPECIFICATION.to_owned(), version, expires)
            })?;
        timestamp.signed.meta = [("snapshot.json".to_owned(), description)].into();
        staged.timestamp = Some(timestamp);
    }
    if let Some(signed) = &mut staged.timestamp {
        sign(signed, &[&root], courtesy.as_ref(), keys, now, &mut missing)?;
    }
    if !missing.is_empty() {
        return Ok((Vec::new(), missing));
    }
    Ok((publication(published, std::mem::take(staged)), missing))
}

/// The files that are new, in the order in which they appear; and the repository with them. The timestamp makes the rest
/// seen. A new root comes after it where the old root's machines can follow what is new, and else before it: then, if the
/// new root's machines cannot follow what was, clients see for a moment what they refuse, and ask again.
fn publication(published: &mut Option<Published>, staged: Staged) -> Files {
    let mut files = Vec::new();
    files.extend(staged.targets.as_ref().map(file));
    files.extend(staged.snapshot.as_ref().map(file));
    let root_last = published.as_ref().is_some_and(|published| follows(published.root(), &staged));
    let (root, timestamp) = (staged.root.as_ref().map(file), staged.timestamp.as_ref().map(file));
    files.extend(if root_last { [timestamp, root] } else { [root, timestamp] }.into_iter().flatten());
    let Staged { root, targets, snapshot, timestamp } = staged;
    match published {
        Some(published) => {
            published.roots.extend(root);
            published.targets = targets.unwrap_or_else(|| published.targets.clone());
            published.snapshot = snapshot.unwrap_or_else(|| published.snapshot.clone());
            published.timestamp = timestamp.unwrap_or_else(|| published.timestamp.clone());
        }
        None => {
            if let (Some(root), Some(targets), Some(snapshot), Some(timestamp)) =
                (root, targets, snapshot, timestamp)
            {
                *published = Some(Published { roots: vec![root], targets, snapshot, timestamp });
            }
        }
    }
    files
}

/// Whether a machine with this root accepts all of what is new.
fn follows(root: &Root, staged: &Staged) -> bool {
    staged.targets.as_ref().is_none_or(|signed| role::is_signed(root, signed))
        && staged.snapshot.as_ref().is_none_or(|signed| role::is_signed(root, signed))
        && staged.timestamp.as_ref().is_none_or(|signed| role::is_signed(root, signed))
}

fn file<T: Metadata>(signed: &Signed<T>) -> (String, Vec<u8>) {
    (published_file(signed), role::to_bytes(signed))
}

fn staged_files(staged: &Staged) -> Vec<(String, Option<Vec<u8>>)> {
    vec![
        (staged_file(RoleName::Root), staged.root.as_ref().map(role::to_bytes)),
        (staged_file(RoleName::Targets), staged.targets.as_ref().map(role::to_bytes)),
        (staged_file(RoleName::Snapshot), staged.snapshot.as_ref().map(role::to_bytes)),
        (staged_file(RoleName::Timestamp), staged.timestamp.as_ref().map(role::to_bytes)),
    ]
}

/// The same metadata as the next version, without signatures.
pub(crate) fn restage<T: Metadata>(
    current: &Signed<T>,
    root: &Root,
    now: u64,
) -> Result<Signed<T>, AdvanceError> {
    let mut signed = current.signed.clone();
    let version = signed.version().checked_add(1).ok_or(AdvanceError::LastVersion(T::NAME))?;
    signed.renew(version, crate::change::expiry(root, T::NAME, now));
    Ok(Signed { signed, signatures: Vec::new() })
}

fn fresh<T: Metadata>(
    current: Option<&Signed<T>>,
    root: &Root,
    now: u64,
    new: impl FnOnce(NonZeroU64, jiff::Timestamp) -> T,
) -> Result<Signed<T>, AdvanceError> {
    match current {
        Some(current) => restage(current, root, now),
        None => {
            let expires = crate::change::expiry(root, T::NAME, now);
            Ok(Signed { signed: new(NonZeroU64::MIN, expires), signatures: Vec::new() })
        }
    }
}

/// Signs until each of the roots that have a say is content; a signature more than needed is not added, because it
/// would be another file.
fn sign<T: Metadata>(
    signed: &mut Signed<T>,
    rulers: &[&Root],
    courtesy: Option<&Root>,
    keys: &[SigningKey],
    now: u64,
    missing: &mut Vec<Missing>,
) -> Result<(), AdvanceError> {
    if role::seconds(signed.signed.expires()) <= now {
        return Err(AdvanceError::Expired { role: T::NAME, expired: signed.signed.expires().to_string() });
    }
    for root in rulers.iter().copied().chain(courtesy) {
        for key in keys {
            if !role::is_signed(root, signed) {
                let _added = role::add_signature(root, signed, key)?;
            }
        }
    }
    for root in rulers {
        let (valid, needed) = role::signatures(root, signed);
        if valid < needed {
            let ids = root.roles.get(&T::TYPE).map(|keys| keys.keyids.as_slice()).unwrap_or_default();
            let has = |id: &&tough::schema::decoded::Decoded<tough::schema::decoded::Hex>| {
                signed.signatures.iter().any(|signature| signature.keyid == **id)
            };
            let keys = ids.iter().filter(|id| !has(id)).map(|id| hex::encode(&id[..])).collect();
            let lack = Missing { role: T::NAME, valid, needed, keys, by_root: root.version.get() };
            // The old and the new root often ask for the same.
            if !missing.iter().any(|known| Missing { by_root: lack.by_root, ..known.clone() } == lack) {
                missing.push(lack);
            }
        }
    }
    Ok(())
}

/// Refuses keys that no root of the repository names, before long work is done for them.
pub fn check_keys(repository: &Repository, keys: &[SigningKey]) -> Result<(), AdvanceError> {
    let published = repository.published.as_ref().map(Published::root);
    let staged = repository.staged.root.as_ref().map(|signed| &signed.signed);
    let roots: Vec<&Root> = published.into_iter().chain(staged).collect();
    for key in keys {
        let is_known = roots.iter().any(|root| root.keys.values().any(|known| known == key.public().tuf()));
        if !is_known {
            let known = crate::change::key_lines(roots.last().copied()).join(", ");
            return Err(AdvanceError::UnknownKey { id: key.public().id().to_owned(), known });
        }
    }
    Ok(())
}

impl fmt::Display for Missing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Missing { role, valid, needed, keys, by_root } = self;
        write!(formatter, "{role} has {valid} of {needed} signatures by root {by_root}; it lacks one by ")?;
        let short: Vec<&str> = keys.iter().map(|id| &id[..id.len().min(16)]).collect();
        formatter.write_str(&short.join(" or "))
    }
}
