//! The value of a `Source` or `Patch` tag, in; the name that its file has in the source folder, out.
//! Nothing here reads a disk.
//!
//! An address stands for the last name of its path, or for the name in its fragment (`…#/name`), by rpm's custom. What is no
//! address is a path in the folder. What counts as an address follows Go's `net/url`, as the layout of rendered folders does.

/// The file that a value names, relative to the source folder; `None` when it names none in it.
pub fn file_name(value: &str) -> Option<String> {
    let value = value.trim();
    let name = match address(value) {
        Some(address) => match address.fragment {
            Some(fragment) if fragment.starts_with(b"/") || fragment.starts_with(b"./") => {
                last_name(&fragment)
            }
            _ => last_name(&address.path),
        },
        None => local_path(value)?,
    };
    (!name.is_empty() && name != "." && name != "/").then_some(name)
}

/// The entry of the source folder itself that holds the file of a value: a path's first name.
pub fn top_name(value: &str) -> Option<String> {
    file_name(value).map(|name| name.split('/').next().unwrap_or_default().to_owned())
}

struct Address {
    path: Vec<u8>,
    fragment: Option<Vec<u8>>,
}

/// The parts of `scheme://host/path?query#fragment`, escapes taken out; `None` for anything else.
fn address(value: &str) -> Option<Address> {
    if value.bytes().any(|byte| byte < 0x20 || byte == 0x7f) {
        return None;
    }
    let (rest, fragment) = match value.split_once('#') {
        Some((rest, fragment)) => (rest, Some(unescaped(fragment)?)),
        None => (value, None),
    };
    let rest = without_scheme(rest)?;
    let rest = rest.split_once('?').map_or(rest, |(path, _query)| path);
    let rest = rest.strip_prefix("//")?;
    let (authority, path) = match rest.find('/') {
        Some(slash) => rest.split_at(slash),
        None => (rest, ""),
    };
    let host = match authority.rsplit_once('@') {
        Some((user, host)) => {
            let plain = |c: char| c.is_ascii_alphanumeric() || "-._:~!$&'()*+,;=%@".contains(c);
            (user.chars().all(plain) && unescaped(user).is_some()).then_some(host)?
        }
        None => authority,
    };
    (!host.is_empty() && is_host(host)).then_some(())?;
    Some(Address { path: unescaped(path)?, fragment })
}

fn without_scheme(value: &str) -> Option<&str> {
    let (scheme, rest) = value.split_once(':')?;
    let mut characters = scheme.chars();
    let begins = characters.next().is_some_and(|c| c.is_ascii_alphabetic());
    let goes_on = characters.all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    (begins && goes_on).then_some(rest)
}

/// Whether the text may be a host with a port; a percent sign may only stand for a byte that is not ASCII.
fn is_host(host: &str) -> bool {
    let in_brackets = host.starts_with('[');
    let port = if in_brackets {
        match host.rfind(']') {
            Some(end) => &host[end + 1..],
            None => return false,
        }
    } else {
        host.rfind(':').map_or("", |colon| &host[colon..])
    };
    let port_is_number = match port.strip_prefix(':') {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_digit()),
        None => port.is_empty(),
    };
    let allowed =
        |byte: u8| byte >= 0x80 || byte.is_ascii_alphanumeric() || b"-_.~!$&'()*+,;=:[]<>\"%".contains(&byte);
    let escapes_are_high = in_brackets
        || host
            .split('%')
            .skip(1)
            .all(|rest| matches!(rest.as_bytes().first(), Some(b'8'..=b'9' | b'a'..=b'f' | b'A'..=b'F')));
    port_is_number && host.bytes().all(allowed) && escapes_are_high && unescaped(host).is_some()
}

/// `%41` as `A`; `None` when a percent sign begins no escape.
fn unescaped(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'%' {
            let digit = |index: usize| after.get(index).and_then(|byte| char::from(*byte).to_digit(16));
            let value = digit(0)? * 16 + digit(1)?;
            bytes.push(u8::try_from(value).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    Some(bytes)
}

/// The last name of a path, `/` for the root, `.` for nothing.
fn last_name(path: &[u8]) -> String {
    let path = String::from_utf8_lossy(path);
    if path.is_empty() {
        return ".".to_owned();
    }
    let trimmed = path.trim_end_matches('/');
    if trimmed.is_empty() {
        return "/".to_owned();
    }
    trimmed.rsplit('/').next().unwrap_or(trimmed).to_owned()
}

/// A path without `.`, `..` and doubled slashes, as a link beside the spec would have it; `None` when it leaves the folder.
fn local_path(value: &str) -> Option<String> {
    spec_overlay::led_to("spec", value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_name_files() {
        let cases: &[(&str, Option<&str>)] = &[
            ("tool-1.0.tar.xz", Some("tool-1.0.tar.xz")),
            ("https://example.com/files/tool-1.0.tar.xz", Some("tool-1.0.tar.xz")),
            ("https://example.com/a.tar.gz?raw=true", Some("a.tar.gz")),
            ("https://example.com/get?name=x/y#/tool.asc", Some("tool.asc")),
            ("https://example.com/get#./tool.asc", Some("tool.asc")),
            ("https://example.com/a.html#part", Some("a.html")),
            ("https://example.com/pull/33.patch#/renamed.diff", Some("renamed.diff")),
            ("https://example.com/a%20b%2Bc.tar", Some("a b+c.tar")),
            ("ftp://user@example.com:21/dir/", Some("dir")),
            ("patches/fix.patch", Some("patches/fix.patch")),
            ("./x//y/../fix.patch", Some("x/fix.patch")),
            ("https://example.com/", None),
            ("https://example.com", None),
            ("/etc/passwd", None),
            ("../../etc/passwd", None),
            ("a/../..", None),
            ("", None),
            // No host, a wrong escape, a wrong port: paths, however odd.
            ("file:///srv/a.tar", Some("file:/srv/a.tar")),
            ("https://example.com/100%.tar", Some("https:/example.com/100%.tar")),
            ("https://example.com:x/a", Some("https:/example.com:x/a")),
            ("https://%41.example/a", Some("https:/%41.example/a")),
            ("mailto:a@example.com", Some("mailto:a@example.com")),
        ];
        for (value, name) in cases {
            assert_eq!(file_name(value).as_deref(), *name, "{value}");
        }
        assert_eq!(top_name("patches/fix.patch").as_deref(), Some("patches"));
    }
}
