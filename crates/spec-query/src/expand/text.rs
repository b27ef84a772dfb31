//! Texts in, parts and forms of them out: what rpm's built-in macros make of paths, URLs and blanks.

/// The last part of a path, as the C library's `basename` has it.
pub(super) fn basename(path: &[u8]) -> Vec<u8> {
    match without_slashes(path) {
        None if path.is_empty() => b".".to_vec(),
        None => b"/".to_vec(),
        Some(path) => path.rsplit(|byte| *byte == b'/').next().unwrap_or_default().to_vec(),
    }
}

/// A path without its last part, as the C library's `dirname` has it.
pub(super) fn dirname(path: &[u8]) -> Vec<u8> {
    let Some(trimmed) = without_slashes(path) else {
        return if path.is_empty() { b".".to_vec() } else { b"/".to_vec() };
    };
    match trimmed.iter().rposition(|byte| *byte == b'/') {
        None => b".".to_vec(),
        Some(slash) => without_slashes(&trimmed[..slash]).map_or_else(|| b"/".to_vec(), <[u8]>::to_vec),
    }
}

/// What follows the last dot.
pub(super) fn suffix(text: &[u8]) -> Vec<u8> {
    text.iter().rposition(|byte| *byte == b'.').map_or_else(Vec::new, |dot| text[dot + 1..].to_vec())
}

/// Without blanks around, and with one between words.
pub(super) fn shrink(text: &[u8]) -> Vec<u8> {
    let words = text.split(|byte| crate::scan::is_space(*byte)).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(&b' ')
}

/// The path of a URL; a text that is no URL stays.
pub(super) fn url_path(text: &[u8]) -> Vec<u8> {
    const SCHEMES: [&[u8]; 6] = [b"file://", b"ftp://", b"hkp://", b"http://", b"https://", b"hkps://"];
    let path = match SCHEMES.iter().find_map(|scheme| text.strip_prefix(*scheme)) {
        Some(rest) => {
            rest.iter().position(|byte| *byte == b'/').map_or(b"".as_slice(), |slash| &rest[slash..])
        }
        None if text == b"-" => b"",
        None => text,
    };
    if path.is_empty() { b"/".to_vec() } else { path.to_vec() }
}

/// Words that a shell reads back as they are.
pub(super) fn shell_quote(words: &[Vec<u8>]) -> Vec<u8> {
    let quote = |word: &Vec<u8>| {
        let mut quoted = vec![b'\''];
        for byte in word {
            match byte {
                b'\'' => quoted.extend_from_slice(b"'\\''"),
                other => quoted.push(*other),
            }
        }
        quoted.push(b'\'');
        quoted
    };
    words.iter().map(quote).collect::<Vec<_>>().join(&b' ')
}

fn without_slashes(path: &[u8]) -> Option<&[u8]> {
    path.iter().rposition(|byte| *byte != b'/').map(|last| &path[..=last])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_split_as_in_c() {
        for (path, directory, base) in [
            ("/a/b", "/a", "b"),
            ("/a/b//", "/a", "b"),
            ("/a", "/", "a"),
            ("a", ".", "a"),
            ("/", "/", "/"),
            ("", ".", "."),
        ] {
            assert_eq!(dirname(path.as_bytes()), directory.as_bytes(), "{path}");
            assert_eq!(basename(path.as_bytes()), base.as_bytes(), "{path}");
        }
    }

    #[test]
    fn urls_have_paths() {
        assert_eq!(url_path(b"https://example.org/a/b.tar"), b"/a/b.tar");
        assert_eq!(url_path(b"https://example.org"), b"/");
        assert_eq!(url_path(b"/a/b"), b"/a/b");
        assert_eq!(suffix(b"a.tar.gz"), b"gz");
        assert_eq!(shrink(b"  a \t b\n"), b"a b");
        assert_eq!(shell_quote(&[b"it's".to_vec(), b"b".to_vec()]), b"'it'\\''s' 'b'");
    }
}
