//! Where a repository is and why its metadata may be believed: addresses with variables in, plain addresses out.

use std::collections::BTreeMap;
use std::path::Path;

use crate::openpgp::Keyring;

/// Priority of a repository that states none, as for dnf: smaller numbers win.
pub const DEFAULT_PRIORITY: u32 = 99;

/// One repository as a definition or a person names it.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its short name.
    pub id: String,
    /// Where its metadata and packages are.
    pub location: Location,
    /// What proves the metadata.
    pub proof: Proof,
    /// Smaller numbers win.
    pub priority: u32,
    /// Values of `$releasever`, `$basearch` and others.
    pub variables: BTreeMap<String, String>,
}

/// The three ways to say where a repository is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// Addresses of equal mirrors, best first: `http:`, `https:` or `file:`.
    Base(Vec<String>),
    /// Address of a list of mirrors, one a line.
    MirrorList(String),
    /// Address of a metalink, which also states the checksums of `repomd.xml`.
    Metalink(String),
}

/// What proves that metadata is the publisher's. Everything else hangs on it by checksums.
#[derive(Debug, Clone)]
pub enum Proof {
    /// `repomd.xml.asc` by a key of this keyring.
    Signature(Keyring),
    /// The way it came: a local folder, HTTPS, or a metalink fetched by HTTPS.
    Transport,
    /// Nothing: whoever sits on the way can replace every package. Only by a person's explicit wish.
    Nothing,
}

/// Why an address cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// A variable that has no value.
    #[error("`{address}` uses the variable `${variable}`, which has no value (known are: {known})")]
    UnknownVariable {
        /// The address.
        address: String,
        /// The variable.
        variable: String,
        /// Those that have a value.
        known: String,
    },
    /// A path that leaves its repository.
    #[error("`{location}` is not a path inside of the repository")]
    Outside {
        /// The path.
        location: String,
    },
}

impl Source {
    /// A repository in a folder of this machine.
    pub fn folder(id: &str, folder: &Path) -> Source {
        let address = url::Url::from_directory_path(folder)
            .map_or_else(|()| format!("file://{}", folder.display()), Into::into);
        Source {
            id: id.to_owned(),
            location: Location::Base(vec![address]),
            proof: Proof::Transport,
            priority: DEFAULT_PRIORITY,
            variables: BTreeMap::new(),
        }
    }
}

/// The address with `$name` and `${name}` replaced.
pub fn expand(address: &str, variables: &BTreeMap<String, String>) -> Result<String, AddressError> {
    let mut expanded = String::new();
    let mut rest = address;
    while let Some(at) = rest.find('$') {
        expanded.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let (name, end) = match after.strip_prefix('{').and_then(|braced| Some((braced, braced.find('}')?))) {
            Some((braced, end)) => (&braced[..end], end + 2),
            None => {
                let end = after
                    .find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
                    .unwrap_or(after.len());
                (&after[..end], end)
            }
        };
        let value = variables.get(name).ok_or_else(|| AddressError::UnknownVariable {
            address: address.to_owned(),
            variable: name.to_owned(),
            known: variables.keys().cloned().collect::<Vec<_>>().join(", "),
        })?;
        expanded.push_str(value);
        rest = &after[end..];
    }
    expanded.push_str(rest);
    Ok(expanded)
}

/// The addresses of a file of a repository, one a mirror; `base` replaces the mirrors where the metadata states it.
pub(crate) fn addresses(
    mirrors: &[String],
    base: Option<&str>,
    location: &str,
) -> Result<Vec<String>, AddressError> {
    let outside =
        location.starts_with('/') || location.contains("://") || location.split('/').any(|part| part == "..");
    if outside || location.is_empty() {
        return Err(AddressError::Outside { location: location.to_owned() });
    }
    let join = |base: &str| {
        format!(
            "{}/{}",
            base.trim_end_matches('/'),
            location.replace('%', "%25").replace('#', "%23").replace('?', "%3F")
        )
    };
    match base {
        // What came over the network may not name files of this machine.
        Some(base) if !base.starts_with("http://") && !base.starts_with("https://") => {
            Err(AddressError::Outside { location: format!("{base}/{location}") })
        }
        Some(base) => Ok(vec![join(base)]),
        None => Ok(mirrors.iter().map(|mirror| join(mirror)).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_replaced() {
        let variables = BTreeMap::from([
            ("releasever".to_owned(), "43".to_owned()),
            ("basearch".to_owned(), "x86_64".to_owned()),
        ]);
        let expanded = expand("https://m/?repo=fedora-$releasever&arch=${basearch}/", &variables).unwrap();
        assert_eq!(expanded, "https://m/?repo=fedora-43&arch=x86_64/");
        let error = expand("https://m/$stream", &variables).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`https://m/$stream` uses the variable `$stream`, which has no value (known are: basearch, releasever)"
        );
    }

    #[test]
    fn paths_stay_inside_of_the_repository() {
        let mirrors = ["http://a/r/".to_owned(), "http://b/r".to_owned()];
        assert_eq!(
            addresses(&mirrors, None, "p/a#1.rpm").unwrap(),
            ["http://a/r/p/a%231.rpm", "http://b/r/p/a%231.rpm"]
        );
        assert_eq!(addresses(&mirrors, Some("https://c"), "a.rpm").unwrap(), ["https://c/a.rpm"]);
        for (base, location) in
            [(None, "../a"), (None, "/etc/a"), (None, "file:///a"), (Some("file:///etc"), "a"), (None, "")]
        {
            assert!(addresses(&mirrors, base, location).is_err(), "{base:?} {location}");
        }
    }
}
