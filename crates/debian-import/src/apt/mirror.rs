//! This machine's apt configuration in; the address of its Debian mirror out.

use std::env;
use std::fs;
use std::path::Path;

use thiserror::Error;

use super::deb822;

/// Environment variable that names the mirror and wins over apt's configuration.
pub(super) const MIRROR_VARIABLE: &str = "LAZULI_DEBIAN_MIRROR";

/// No mirror is known.
#[derive(Debug, Error)]
#[error(
    "no Debian mirror is configured in /etc/apt/sources.list or /etc/apt/sources.list.d; \
     name one in the definition or in the environment variable {MIRROR_VARIABLE}"
)]
pub struct MirrorError;

/// The mirror that `LAZULI_DEBIAN_MIRROR` names, else the first Debian archive in this machine's apt sources that is not a
/// security archive. The address has no trailing `/`.
pub fn host_mirror() -> Result<String, MirrorError> {
    let named = env::var(MIRROR_VARIABLE).ok().filter(|address| !address.trim().is_empty());
    if let Some(address) = named {
        return Ok(address.trim().trim_end_matches('/').to_owned());
    }
    mirror_from_sources(Path::new("/etc/apt")).ok_or(MirrorError)
}

/// The first mirror in `sources.list`, then in `sources.list.d/*.{list,sources}` by name, below `configuration`.
pub fn mirror_from_sources(configuration: &Path) -> Option<String> {
    let mut paths = vec![configuration.join("sources.list")];
    let directory = fs::read_dir(configuration.join("sources.list.d"));
    let mut parts =
        directory.into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect::<Vec<_>>();
    parts.sort();
    paths.extend(parts);
    paths.iter().find_map(|path| {
        let text = fs::read_to_string(path).ok()?;
        match path.extension()?.to_str()? {
            "list" => one_line_style(&text),
            "sources" => deb822_style(&text),
            _ => None,
        }
    })
}

fn one_line_style(text: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let rest = line.trim().strip_prefix("deb")?;
        let rest = rest.strip_prefix([' ', '\t'])?.trim_start();
        let rest = if rest.starts_with('[') { rest.split_once(']')?.1 } else { rest };
        let mut words = rest.split_whitespace();
        acceptable(words.next()?, words.next()?)
    })
}

fn deb822_style(text: &str) -> Option<String> {
    deb822::parse(text).ok()?.iter().find_map(|stanza| {
        let says = |field, word| {
            stanza.field(field).is_some_and(|value| value.split_whitespace().any(|one| one == word))
        };
        if !says("Types", "deb") || says("Enabled", "no") {
            return None;
        }
        let suite = stanza.field("Suites")?.split_whitespace().next()?;
        stanza.field("URIs")?.split_whitespace().find_map(|address| acceptable(address, suite))
    })
}

/// A Debian archive ends in `debian` (other archives are of other distributions or of single products).
fn acceptable(address: &str, suite: &str) -> Option<String> {
    let address = address.trim_end_matches('/');
    let known = ["http:", "https:", "file:"].iter().any(|scheme| address.starts_with(scheme));
    let archive = address.rsplit('/').next()? == "debian";
    (known && archive && !suite.contains("security")).then(|| address.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_sources() {
        let text = "# deb http://comment.test/debian x main\ndeb-src http://source.test/debian sid main\n\
                    deb http://security.test/debian-security stable-security main\n\
                    deb [arch=amd64 signed-by=/x] http://mirror.test/debian/ stable main\n";
        assert_eq!(one_line_style(text).as_deref(), Some("http://mirror.test/debian"));
    }

    #[test]
    fn deb822_sources() {
        let text = "Types: deb\nEnabled: no\nURIs: http://off.test/debian\nSuites: sid\n\n\
                    Types: deb deb-src\nURIs: cdrom:/x\n http://mirror.test/debian\nSuites: stable stable-updates\n";
        assert_eq!(deb822_style(text).as_deref(), Some("http://mirror.test/debian"));
    }

    #[test]
    fn files_are_read_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let parts = folder.path().join("sources.list.d");
        fs::create_dir(&parts).unwrap();
        assert_eq!(mirror_from_sources(folder.path()), None);
        fs::write(parts.join("b.list"), "deb http://b.test/debian sid main\n").unwrap();
        fs::write(parts.join("a.sources"), "Types: deb\nURIs: http://a.test/debian\nSuites: sid\n").unwrap();
        fs::write(parts.join("a.list.disabled"), "deb http://off.test/debian sid main\n").unwrap();
        assert_eq!(mirror_from_sources(folder.path()).as_deref(), Some("http://a.test/debian"));
        fs::write(folder.path().join("sources.list"), "deb http://main.test/debian sid main\n").unwrap();
        assert_eq!(mirror_from_sources(folder.path()).as_deref(), Some("http://main.test/debian"));
    }
}
