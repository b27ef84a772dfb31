//! What the last render into an output folder was made from and looked like, in and out of a file in the cache.
//! Reads and writes that file.
//!
//! The file is of this machine and reaches no output; without it, or when it is damaged, everything is rendered again.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::failure::Failed;

/// First word of the file; the number changes with its form.
const FORM: &str = "lazuli-rendered-1";

/// What is known of one component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Digest of everything it was made from.
    pub inputs: String,
    /// Digest of its files.
    pub content: String,
    /// What the disk said of them, unless they were too young to be known again.
    pub look: Option<String>,
    /// Why it could not be rendered; absent: it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<Failed>,
    /// What is to be said about it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// What is known of all components of an output folder, by name.
pub type KnownComponents = BTreeMap<String, Known>;

/// The file in the cache that is about an output folder.
pub fn place(cache: &Path, output: &Path) -> PathBuf {
    use std::os::unix::ffi::OsStrExt as _;
    let digest = hex::encode(Sha256::digest(output.as_os_str().as_bytes()));
    cache.join("rendered").join(&digest[..32])
}

/// What the file says; nothing when it is missing, damaged, or of another form or program.
pub fn load(place: &Path, program: &str) -> KnownComponents {
    let Ok(bytes) = fs::read(place) else { return KnownComponents::new() };
    parse(&bytes, program).unwrap_or_default()
}

fn parse(bytes: &[u8], program: &str) -> Option<KnownComponents> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let (head, body) = (std::str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 1..]);
    (head == head_of(body, program)).then_some(())?;
    serde_json::from_slice(body).ok()
}

fn head_of(body: &[u8], program: &str) -> String {
    format!("{FORM} {} {program}", hex::encode(Sha256::digest(body)))
}

/// Writes the file.
pub fn save(place: &Path, program: &str, known: &KnownComponents) -> io::Result<()> {
    let body = serde_json::to_vec(known)?;
    let folder = place.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut beside = tempfile::NamedTempFile::new_in(folder)?;
    beside.write_all(head_of(&body, program).as_bytes())?;
    beside.write_all(b"\n")?;
    beside.write_all(&body)?;
    // Not synced: half a file is no file, by its digest.
    beside.persist(place).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_loaded_unless_it_is_damaged_or_of_another_program() {
        let folder = tempfile::tempdir().unwrap();
        let place = place(folder.path(), Path::new("/out"));
        let entry = Known {
            inputs: "1".into(),
            content: "2".into(),
            look: None,
            failed: Some(Failed { causes: vec!["why".into()], place: None }),
            notes: vec!["note".into()],
        };
        let known = KnownComponents::from([("a".to_owned(), entry)]);
        assert_eq!(load(&place, "p1"), KnownComponents::new());
        save(&place, "p1", &known).unwrap();
        assert_eq!(load(&place, "p1"), known);
        assert_eq!(load(&place, "p2"), KnownComponents::new());
        let mut bytes = fs::read(&place).unwrap();
        let last = bytes.len() - 5;
        bytes[last] ^= 1;
        fs::write(&place, bytes).unwrap();
        assert_eq!(load(&place, "p1"), KnownComponents::new());
    }
}
