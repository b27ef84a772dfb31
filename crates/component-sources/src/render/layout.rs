//! A component's name, in; where its rendered files lie below the output folder, out.
//! Nothing here reads a disk.

use std::path::{Path, PathBuf};

/// The only file of a component that could not be rendered.
pub const FAILED_MARKER: &str = "RENDER_FAILED";

/// What that file says: nothing that differs between two runs.
pub const FAILED_TEXT: &[u8] = b"Rendering failed. See azldev logs for details.\n";

/// A name that cannot be a folder's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` cannot be the name of a component: it is not a plain file name")]
pub struct NameError {
    /// The name.
    pub name: String,
}

/// Path of a component's folder relative to the output folder, such as `l/libxml2`.
pub fn component_folder(name: &str) -> Result<PathBuf, NameError> {
    let plain = !name.is_empty()
        && name != "."
        && name != ".."
        && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/' && byte != b'\\');
    match name.chars().next() {
        Some(first) if plain => Ok(Path::new(&first.to_ascii_lowercase().to_string()).join(name)),
        _ => Err(NameError { name: name.to_owned() }),
    }
}

/// The name under which build systems look for a component whose name they see percent-encoded, such as `libxml%2B%2B`;
/// `None` when that is the name itself.
pub fn encoded_name(name: &str) -> Option<String> {
    let encoded: String = name
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect();
    (encoded != name).then_some(encoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_lie_below_their_first_letter_in_lower_case() {
        let folder = |name| component_folder(name).unwrap();
        assert_eq!(folder("curl"), Path::new("c/curl"));
        assert_eq!(folder("SymCrypt"), Path::new("s/SymCrypt"));
        assert_eq!(folder("7zip"), Path::new("7/7zip"));
        assert_eq!(folder("libxml++"), Path::new("l/libxml++"));
    }

    #[test]
    fn names_that_leave_the_folder_are_refused() {
        for name in ["", ".", "..", "../a", "a/b", "/a", "a\\b", "a b", "a\0", "\u{e4}"] {
            assert_eq!(component_folder(name), Err(NameError { name: name.into() }), "{name:?}");
        }
    }

    #[test]
    fn only_names_that_addresses_cannot_hold_are_encoded() {
        assert_eq!(encoded_name("libxml++").as_deref(), Some("libxml%2B%2B"));
        assert_eq!(encoded_name("perl-Foo_bar.2~rc"), None);
    }
}
