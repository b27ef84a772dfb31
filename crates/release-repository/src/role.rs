//! The four roles of a repository: their metadata in, its one form in bytes out, and who must sign it.

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU64;

use jiff::Timestamp as Time;
use serde::{Deserialize, Serialize};
use tough::schema::decoded::{Decoded, Hex};
use tough::schema::{
    Hashes, Metafile, Role, RoleType, Root, Signature, Signed, Snapshot, Targets, Timestamp,
};

use crate::key::{KeyError, PublicKey, SigningKey};

/// The version of The Update Framework's specification that the metadata follows.
pub const SPECIFICATION: &str = "1.0.31";

/// A role, in the order in which its metadata is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RoleName {
    /// Says which keys sign for which role; signed rarely, by keys that are kept offline.
    Root,
    /// Says which files are published.
    Targets,
    /// Says which version of `Targets` holds.
    Snapshot,
    /// Says which version of `Snapshot` holds now; signed often, by a key that may be online.
    Timestamp,
}

impl RoleName {
    /// All, in order.
    pub const ALL: [RoleName; 4] =
        [RoleName::Root, RoleName::Targets, RoleName::Snapshot, RoleName::Timestamp];

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            RoleName::Root => "root",
            RoleName::Targets => "targets",
            RoleName::Snapshot => "snapshot",
            RoleName::Timestamp => "timestamp",
        }
    }

    pub(crate) const fn kind(self) -> RoleType {
        match self {
            RoleName::Root => RoleType::Root,
            RoleName::Targets => RoleType::Targets,
            RoleName::Snapshot => RoleType::Snapshot,
            RoleName::Timestamp => RoleType::Timestamp,
        }
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The metadata of a role, as this crate changes it.
pub(crate) trait Metadata: Role + Clone + PartialEq + Serialize + for<'de> Deserialize<'de> {
    const NAME: RoleName;

    fn renew(&mut self, version: NonZeroU64, expires: Time);
}

macro_rules! metadata {
    ($($type:ident $name:ident),*) => {$(
        impl Metadata for $type {
            const NAME: RoleName = RoleName::$name;

            fn renew(&mut self, version: NonZeroU64, expires: Time) {
                self.version = version;
                self.expires = expires;
            }
        }
    )*};
}

metadata!(Root Root, Targets Targets, Snapshot Snapshot, Timestamp Timestamp);

/// The one form of signed metadata in bytes: keys sorted, two blanks of indentation.
pub(crate) fn to_bytes<T: Metadata>(signed: &Signed<T>) -> Vec<u8> {
    let mut signed = signed.clone();
    signed.signatures.sort_by(|left, right| left.keyid.cmp(&right.keyid));
    let mut value =
        serde_json::to_value(&signed).expect("metadata has only texts, numbers, lists and maps of texts");
    value.sort_all_objects();
    let mut bytes = serde_json::to_vec_pretty(&value).expect("a JSON value has a text");
    bytes.push(b'\n');
    bytes
}

/// How often a role's metadata is signed by the keys that this root names for it, and how often it must be.
pub(crate) fn signatures<T: Metadata>(root: &Root, role: &Signed<T>) -> (u64, u64) {
    let Some(keys) = root.roles.get(&T::TYPE) else { return (0, 1) };
    let valid = keys.keyids.iter().filter(|id| {
        role.signatures.iter().any(|signature| signature.keyid == **id) && verifies_with(root, role, id)
    });
    (valid.count() as u64, keys.threshold.get())
}

/// Whether the role is signed as this root wants it.
pub(crate) fn is_signed<T: Metadata>(root: &Root, role: &Signed<T>) -> bool {
    root.verify_role(role).is_ok()
}

/// Whether one key's signature is there and right: asked of a root that knows this key alone.
fn verifies_with<T: Metadata>(root: &Root, role: &Signed<T>, id: &Decoded<Hex>) -> bool {
    let mut narrow = root.clone();
    if let Some(keys) = narrow.roles.get_mut(&T::TYPE) {
        keys.keyids = vec![id.clone()];
        keys.threshold = NonZeroU64::MIN;
    }
    let mut alone = role.clone();
    alone.signatures.retain(|signature| signature.keyid == *id);
    alone.signatures.truncate(1);
    narrow.verify_role(&alone).is_ok()
}

/// Adds the key's signature where this root lets it sign for the role; tells whether it did.
pub(crate) fn add_signature<T: Metadata>(
    root: &Root,
    role: &mut Signed<T>,
    key: &SigningKey,
) -> Result<bool, KeyError> {
    let Some(id) = key_id(root, T::NAME, key.public()) else { return Ok(false) };
    if role.signatures.iter().any(|signature| signature.keyid == id) && verifies_with(root, role, &id) {
        return Ok(false);
    }
    let message =
        role.signed.canonical_form().map_err(|_| KeyError::Algorithm("metadata has no canonical form"))?;
    let sig = key.sign(&message)?.into();
    role.signatures.retain(|signature| signature.keyid != id);
    role.signatures.push(Signature { keyid: id, sig });
    role.signatures.sort_by(|left, right| left.keyid.cmp(&right.keyid));
    Ok(true)
}

/// The id of the key in this root, if it may sign for the role.
fn key_id(root: &Root, role: RoleName, key: &PublicKey) -> Option<Decoded<Hex>> {
    let keys = root.roles.get(&role.kind())?;
    keys.keyids.iter().find(|id| root.keys.get(id).is_some_and(|known| known == key.tuf())).cloned()
}

/// What a parent says of a file: its length, digest and version.
pub(crate) fn describe<T: Metadata>(signed: &Signed<T>) -> Metafile {
    let bytes = to_bytes(signed);
    let digest = release::Sha256Digest::of(&bytes);
    Metafile {
        length: Some(bytes.len() as u64),
        hashes: Some(Hashes { sha256: digest.bytes().to_vec().into(), _extra: HashMap::new() }),
        version: signed.signed.version(),
        _extra: HashMap::new(),
    }
}

/// A point in time of whole seconds: fractions would be written in ways that clients do not agree on.
pub(crate) fn time(seconds: u64) -> Time {
    i64::try_from(seconds).ok().and_then(|seconds| Time::from_second(seconds).ok()).unwrap_or(Time::MAX)
}

/// Seconds since 1970; what lies before is 0.
pub(crate) fn seconds(time: Time) -> u64 {
    u64::try_from(time.as_second()).unwrap_or(0)
}
