//! A root of trust and the ones that claim to follow it, in; those that really do, out.
//!
//! The client workflow begins at the newest root that was ever verified, not at the image's: begun at the image's, a
//! repository that hides the newer ones would have keys believed that are out of use since, and each change of the timestamp's
//! keys on the way would make it forget which metadata is the newest. The kept roots prove themselves by their signatures, each
//! time: whoever can write to the folder can take some away, and add none.

use std::error::Error;

use tough::schema::{Root, Signed};

/// The newest root that can be reached from `shipped` over `known` ones (version and text), as text.
pub(super) fn newest(
    shipped: &[u8],
    known: &[(u64, Vec<u8>)],
) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
    let root: Signed<Root> = serde_json::from_slice(shipped)?;
    root.signed.verify_role(&root)?;
    Ok(verified(shipped, known.to_vec()).pop().map_or_else(|| shipped.to_vec(), |(_, bytes)| bytes))
}

/// Those of `candidates` that follow `start` one by one: each signed by the keys of the one before, and by its own.
pub(super) fn verified(start: &[u8], mut candidates: Vec<(u64, Vec<u8>)>) -> Vec<(u64, Vec<u8>)> {
    let mut chain = Vec::new();
    let Ok(mut root) = serde_json::from_slice::<Signed<Root>>(start) else { return chain };
    candidates.sort();
    for (version, bytes) in candidates {
        let Ok(next) = serde_json::from_slice::<Signed<Root>>(&bytes) else { continue };
        // TUF 5.3.5: the new root is exactly one version on.
        let follows =
            next.signed.version.get() == version && root.signed.version.get().checked_add(1) == Some(version);
        // TUF 5.3.4: signed by a threshold of the old keys and of the new ones.
        if follows && root.signed.verify_role(&next).is_ok() && next.signed.verify_role(&next).is_ok() {
            root = next;
            chain.push((version, bytes));
        }
    }
    chain
}
