//! URIs of keys in tokens (RFC 7512): text in, what to look for out.

use std::path::PathBuf;

/// A key in a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenUri {
    /// The library that speaks to the token.
    pub module: PathBuf,
    /// The token's label; without it, the only token there is.
    pub token: Option<String>,
    /// The token's serial number.
    pub serial: Option<String>,
    /// The key's label.
    pub object: Option<String>,
    /// The key's id.
    pub id: Option<Vec<u8>>,
    /// The file whose first line is the PIN; without it, the token asks for it or needs none.
    pub pin: Option<PathBuf>,
    /// The URI without its query.
    pub shown: String,
}

/// Why a text is not the URI of a key that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrongUri {
    /// No library is named.
    #[error("{0} does not name the token's library; add `?module-path=/usr/lib/…/libsofthsm2.so`")]
    Module(String),
    /// Neither label nor id.
    #[error("{0} names no key; add `object=LABEL` or `id=%01`")]
    NoKey(String),
    /// The PIN itself.
    #[error(
        "{0} has a `pin-value`, which every user of this machine can read in the list of programs; write the PIN to a file and give `pin-source=file:PATH`"
    )]
    Pin(String),
    /// An attribute that is not understood changes which key is meant.
    #[error(
        "{uri} has the attribute `{attribute}`; known are token, serial, object, id, type=private, module-path and pin-source"
    )]
    Attribute {
        /// The URI.
        uri: String,
        /// The attribute.
        attribute: String,
    },
    /// A `%` without two digits, or bytes that are no text.
    #[error("{uri}: `{value}` is not percent-encoded text")]
    Encoding {
        /// The URI.
        uri: String,
        /// The value.
        value: String,
    },
}

/// Reads a URI that begins with `pkcs11:`.
pub fn parse(text: &str) -> Result<TokenUri, WrongUri> {
    let body = text.strip_prefix("pkcs11:").unwrap_or(text);
    let (path, query) = body.split_once('?').unwrap_or((body, ""));
    let shown = format!("pkcs11:{path}");
    let mut module = None;
    let mut uri = TokenUri {
        module: PathBuf::new(),
        token: None,
        serial: None,
        object: None,
        id: None,
        pin: None,
        shown: shown.clone(),
    };
    let attributes = path.split(';').chain(query.split('&')).filter(|attribute| !attribute.is_empty());
    for attribute in attributes {
        let (name, value) = attribute.split_once('=').unwrap_or((attribute, ""));
        let unknown = || WrongUri::Attribute { uri: shown.clone(), attribute: name.to_owned() };
        if name == "pin-value" {
            return Err(WrongUri::Pin(shown));
        }
        let wrong = || WrongUri::Encoding { uri: shown.clone(), value: value.to_owned() };
        let bytes = decode(value).ok_or_else(wrong)?;
        if name == "id" {
            uri.id = Some(bytes);
            continue;
        }
        let value = String::from_utf8(bytes).map_err(|_| wrong())?;
        match name {
            "token" => uri.token = Some(value),
            "serial" => uri.serial = Some(value),
            "object" => uri.object = Some(value),
            "type" if value == "private" => {}
            "module-path" => module = Some(PathBuf::from(value)),
            "pin-source" => uri.pin = Some(PathBuf::from(value.strip_prefix("file:").unwrap_or(&value))),
            _ => return Err(unknown()),
        }
    }
    if uri.object.is_none() && uri.id.is_none() {
        return Err(WrongUri::NoKey(shown));
    }
    uri.module = module.ok_or(WrongUri::Module(shown))?;
    Ok(uri)
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        if first == b'%' {
            bytes.extend(hex::decode(after.get(..2)?).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(first);
            rest = after;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_says_what_to_look_for() {
        let uri = parse("pkcs11:token=Release%20keys;object=targets;id=%01%fe;type=private?module-path=/usr/lib/t.so&pin-source=file:/run/pin").unwrap();
        assert_eq!(
            uri,
            TokenUri {
                module: PathBuf::from("/usr/lib/t.so"),
                token: Some("Release keys".to_owned()),
                serial: None,
                object: Some("targets".to_owned()),
                id: Some(vec![1, 0xfe]),
                pin: Some(PathBuf::from("/run/pin")),
                shown: "pkcs11:token=Release%20keys;object=targets;id=%01%fe;type=private".to_owned(),
            }
        );
    }

    #[test]
    fn a_wrong_uri_says_what_is_missing() {
        for (text, message) in [
            (
                "pkcs11:object=a",
                "pkcs11:object=a does not name the token's library; add `?module-path=/usr/lib/…/libsofthsm2.so`",
            ),
            ("pkcs11:token=a?module-path=/m", "pkcs11:token=a names no key; add `object=LABEL` or `id=%01`"),
            (
                "pkcs11:object=a?module-path=/m&pin-value=1234",
                "pkcs11:object=a has a `pin-value`, which every user of this machine can read in the list of programs; write the PIN to a file and give `pin-source=file:PATH`",
            ),
            (
                "pkcs11:object=a;type=public?module-path=/m",
                "pkcs11:object=a;type=public has the attribute `type`; known are token, serial, object, id, type=private, module-path and pin-source",
            ),
            ("pkcs11:object=a%2?module-path=/m", "pkcs11:object=a%2: `a%2` is not percent-encoded text"),
            ("pkcs11:object=a%é?module-path=/m", "pkcs11:object=a%é: `a%é` is not percent-encoded text"),
            ("pkcs11:object=%ff?module-path=/m", "pkcs11:object=%ff: `%ff` is not percent-encoded text"),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), message);
        }
    }
}
