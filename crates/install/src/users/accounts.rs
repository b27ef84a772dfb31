//! The text of passwd and group, in; numbers by name, out.

use std::collections::BTreeMap;
use std::path::Path;

use crate::root::{RootDirectory, RootError};

/// Who is known in a root at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accounts {
    users: BTreeMap<String, u32>,
    groups: BTreeMap<String, u32>,
}

impl Accounts {
    /// Reads the root's files as they are now; a missing file knows nobody.
    pub fn read(root: &RootDirectory) -> Result<Self, RootError> {
        let table = |path: &str| Ok(numbers(&root.read(Path::new(path))?.unwrap_or_default()));
        Ok(Accounts { users: table("/etc/passwd")?, groups: table("/etc/group")? })
    }

    /// The user's number; root is always 0.
    pub fn user(&self, name: &str) -> Option<u32> {
        if name == "root" { Some(0) } else { self.users.get(name).copied() }
    }

    /// The group's number; root is always 0.
    pub fn group(&self, name: &str) -> Option<u32> {
        if name == "root" { Some(0) } else { self.groups.get(name).copied() }
    }
}

/// `name:password:number:...`; of two lines of one name the first counts, and a line that is none is passed over.
fn numbers(text: &[u8]) -> BTreeMap<String, u32> {
    let mut table = BTreeMap::new();
    for line in String::from_utf8_lossy(text).lines() {
        let mut fields = line.split(':');
        let (Some(name), Some(number)) = (fields.next(), fields.nth(1)) else { continue };
        if let Ok(number) = number.parse() {
            table.entry(name.to_owned()).or_insert(number);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_of_a_name_counts() {
        let table = numbers(b"a:x:5:5::/:/x\nbroken\nb:x:no:1\na:x:6:6\n");
        assert_eq!(table, BTreeMap::from([("a".into(), 5)]));
    }
}
