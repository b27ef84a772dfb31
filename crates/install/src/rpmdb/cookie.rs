//! A database file, in; the cookie by which dnf5 sees that it changed, out (`lib/rpmdb.cc: rpmdbCookie`).

use std::path::Path;

use sha2::{Digest, Sha256};

use super::database::{self, DatabaseError};

/// SHA-256, in hexadecimal, over every name and the numbers of its packages.
pub fn cookie(database: &Path) -> Result<String, DatabaseError> {
    let mut digest = Sha256::new();
    for (name, numbers) in database::packages_by_name(database)? {
        digest.update(&name);
        for number in numbers {
            // rpm hashes the numbers as they lie in memory; every target is little-endian.
            digest.update(number.to_le_bytes());
        }
    }
    Ok(hex::encode(digest.finalize()))
}
