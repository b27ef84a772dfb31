//! What a system says it is: os-release, host name, locale and time zone, put into a tree.

use super::{Entry, ReadError, Tree, TreePath};

/// The names a system shows of itself, and how it shows text and time.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Identity {
    /// The whole text of `/usr/lib/os-release`; empty keeps the packages' own.
    pub os_release: String,
    /// The text of `/etc/hostname`, without a line end; none leaves the file absent.
    pub host_name: Option<String>,
    /// The value of `LANG`.
    pub locale: Option<String>,
    /// A name of the time zone database, such as `Europe/Oslo`.
    pub time_zone: Option<String>,
}

/// Why a system cannot be given its names.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The time zone is not in the tree.
    #[error(
        "the time zone `{time_zone}` is not in the image: it has no {path}; add the package of time zones or name another"
    )]
    UnknownTimeZone {
        /// As given.
        time_zone: String,
        /// Where it would be.
        path: String,
    },
    /// A value would break the file it stands in.
    #[error("the {what} `{value}` is not one word of letters, digits and `._:@/+-`")]
    Malformed {
        /// Which value.
        what: &'static str,
        /// As given.
        value: String,
    },
}

impl Identity {
    /// Writes the files; `/etc/os-release` links to `/usr/lib/os-release`.
    pub fn apply(&self, tree: &mut Tree, source_date_epoch: u64) -> Result<(), IdentityError> {
        let file = |text: &str| Entry::file(text.as_bytes(), 0o644, source_date_epoch);
        for directory in ["etc", "usr/lib"] {
            tree.ensure_directory(&known(directory), source_date_epoch);
        }
        if !self.os_release.is_empty() {
            tree.insert(known("usr/lib/os-release"), file(&self.os_release));
            tree.insert(
                known("etc/os-release"),
                Entry::symbolic_link("../usr/lib/os-release", source_date_epoch),
            );
        }
        match &self.host_name {
            Some(name) => {
                tree.insert(known("etc/hostname"), file(&format!("{}\n", word("host name", name)?)))
            }
            None => {
                tree.remove(&known("etc/hostname"));
            }
        }
        if let Some(locale) = &self.locale {
            let text = format!("LANG={}\n", word("locale", locale)?);
            // Debian has a file of its own, which often links to the common one.
            let debian = known("etc/default/locale");
            if tree.content(&debian).is_ok() {
                tree.insert(debian, Entry::symbolic_link("../locale.conf", source_date_epoch));
            }
            tree.insert(known("etc/locale.conf"), file(&text));
        }
        match &self.time_zone {
            Some(zone) => set_time_zone(tree, word("time zone", zone)?, source_date_epoch),
            None => Ok(()),
        }
    }

    /// The value of a field of the os-release text, quotes taken off.
    pub fn field(&self, name: &str) -> Option<&str> {
        os_release_field(&self.os_release, name)
    }
}

/// The os-release text that the tree has.
pub(crate) fn os_release(tree: &Tree) -> Result<String, ReadError> {
    tree.read_text(&known("usr/lib/os-release")).or_else(|_| tree.read_text(&known("etc/os-release")))
}

/// The value of a field of an os-release text, quotes taken off.
pub(crate) fn os_release_field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once('=')?;
        (key == name).then(|| value.trim_matches(['"', '\'']))
    })
}

fn set_time_zone(tree: &mut Tree, zone: &str, source_date_epoch: u64) -> Result<(), IdentityError> {
    let unknown = |path: String| IdentityError::UnknownTimeZone { time_zone: zone.to_owned(), path };
    let text = format!("usr/share/zoneinfo/{zone}");
    let path = TreePath::parse(&text).map_err(|_| unknown(format!("/{text}")))?;
    let link = known("etc/localtime");
    if tree.content(&path).is_ok() {
        tree.insert(link, Entry::symbolic_link(format!("..{path}").into_bytes(), source_date_epoch));
    } else if zone == "UTC" {
        // Without the link a system lives in UTC, and needs no time zones for it.
        tree.remove(&link);
    } else {
        return Err(unknown(path.to_string()));
    }
    Ok(())
}

fn word<'a>(what: &'static str, value: &'a str) -> Result<&'a str, IdentityError> {
    let good = |c: char| c.is_ascii_alphanumeric() || "._:@/+-".contains(c);
    if value.is_empty() || !value.chars().all(good) {
        return Err(IdentityError::Malformed { what, value: value.to_owned() });
    }
    Ok(value)
}

fn known(path: &str) -> TreePath {
    TreePath::parse(path).expect("the paths of this module do not climb")
}

#[cfg(test)]
mod tests {
    use super::{Identity, known};
    use crate::tree::{Entry, Kind, Tree};

    fn identity() -> Identity {
        Identity {
            os_release: "ID=lazuli\nVERSION_ID=\"1.0\"\n".into(),
            host_name: Some("node".into()),
            ..Identity::default()
        }
    }

    #[test]
    fn os_release_is_readable_at_both_places() {
        let mut tree = Tree::default();
        identity().apply(&mut tree, 7).unwrap();
        assert_eq!(tree.read_text(&known("etc/os-release")).unwrap(), identity().os_release);
        assert_eq!(tree.read_text(&known("etc/hostname")).unwrap(), "node\n");
        assert_eq!(identity().field("VERSION_ID"), Some("1.0"));
        assert_eq!(identity().field("NAME"), None);
    }

    #[test]
    fn an_empty_text_keeps_the_packages_os_release() {
        let mut tree = Tree::default();
        tree.ensure_directory(&known("usr/lib"), 0);
        tree.insert(known("usr/lib/os-release"), Entry::file(*b"ID=debian\n", 0o644, 0));
        Identity::default().apply(&mut tree, 7).unwrap();
        assert_eq!(super::os_release(&tree).unwrap(), "ID=debian\n");
    }

    #[test]
    fn locale_and_time_zone_must_be_there_and_be_words() {
        let mut tree = Tree::default();
        tree.ensure_directory(&known("usr/share/zoneinfo/Europe"), 0);
        tree.insert(known("usr/share/zoneinfo/Europe/Oslo"), Entry::file(*b"TZif", 0o644, 0));
        let with = |locale: &str, zone: &str| Identity {
            locale: Some(locale.into()),
            time_zone: Some(zone.into()),
            ..identity()
        };
        with("C.UTF-8", "Europe/Oslo").apply(&mut tree, 7).unwrap();
        assert_eq!(tree.read_text(&known("etc/locale.conf")).unwrap(), "LANG=C.UTF-8\n");
        let link = &tree.get(&known("etc/localtime")).unwrap().kind;
        assert_eq!(*link, Kind::SymbolicLink(b"../usr/share/zoneinfo/Europe/Oslo".to_vec()));
        let error = with("C.UTF-8", "Europe/Atlantis").apply(&mut tree, 7).unwrap_err().to_string();
        assert!(error.contains("it has no /usr/share/zoneinfo/Europe/Atlantis"), "{error}");
        assert!(with("C\nX=1", "UTC").apply(&mut tree, 7).unwrap_err().to_string().contains("locale"));
        with("C", "UTC").apply(&mut tree, 7).unwrap();
        assert!(tree.get(&known("etc/localtime")).is_none());
    }
}
