//! A scriptlet's body and what its flags ask for, in; the body with macros (`-e`) or header tags (`-q`) filled in, out.
//!
//! Macros are those of `lua::Macros`: no macro runs a program.

use rpm_model::header::{Header, Tag};

use crate::lua::{MacroError, Macros};

/// Why a body cannot be filled in.
#[derive(Debug, thiserror::Error)]
pub enum ExpandError {
    /// A macro that cannot be expanded here.
    #[error("cannot run: {0}")]
    Macro(#[from] MacroError),
    /// Macros are text.
    #[error("cannot run: its macros cannot be expanded, as it is not UTF-8")]
    NotText,
    /// A query tag that is not known here.
    #[error("cannot run: its query tag `{0}` is not supported")]
    Tag(String),
    /// A brace is not closed.
    #[error("cannot run: a `%{{` in it is not closed")]
    Open,
}

/// Fills in macros.
pub(super) fn macros(body: &[u8], macros: &Macros) -> Result<Vec<u8>, ExpandError> {
    let text = std::str::from_utf8(body).map_err(|_| ExpandError::NotText)?;
    Ok(macros.clone().expand(text)?.into_bytes())
}

/// Fills in tags of the package's own header; `%%` is a percent sign.
pub(super) fn query_format(body: &[u8], header: &Header) -> Result<Vec<u8>, ExpandError> {
    fill(body, |name| {
        let upper = name.trim_start_matches("RPMTAG_").to_ascii_uppercase();
        let stated = |tag| header.text(tag);
        Ok(match upper.as_str() {
            "NAME" => stated(Tag::NAME),
            "VERSION" => stated(Tag::VERSION),
            "RELEASE" => stated(Tag::RELEASE),
            "ARCH" => stated(Tag::ARCH),
            "OS" => stated(Tag::OS),
            "SUMMARY" => stated(Tag::SUMMARY),
            "VENDOR" => stated(Tag::VENDOR),
            "LICENSE" => stated(Tag::LICENSE),
            "URL" => stated(Tag::URL),
            "EPOCH" => header.number(Tag::EPOCH).map_or("(none)".into(), |epoch| epoch.to_string()),
            "EPOCHNUM" => header.number(Tag::EPOCH).unwrap_or(0).to_string(),
            "BUILDTIME" => header.number(Tag::BUILD_TIME).unwrap_or(0).to_string(),
            _ => return Err(ExpandError::Tag(name.to_owned())),
        })
    })
}

/// Replaces `%{name}`.
fn fill(body: &[u8], value: impl Fn(&str) -> Result<String, ExpandError>) -> Result<Vec<u8>, ExpandError> {
    let mut filled = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some(percent) = rest.iter().position(|byte| *byte == b'%') {
        filled.extend_from_slice(&rest[..percent]);
        rest = &rest[percent..];
        match rest.get(1) {
            Some(b'%') => {
                filled.push(b'%');
                rest = &rest[2..];
            }
            Some(b'{') => {
                let end = rest.iter().position(|byte| *byte == b'}').ok_or(ExpandError::Open)?;
                filled.extend_from_slice(value(&String::from_utf8_lossy(&rest[2..end]))?.as_bytes());
                rest = &rest[end + 1..];
            }
            _ => {
                filled.push(b'%');
                rest = &rest[1..];
            }
        }
    }
    filled.extend_from_slice(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_replace_their_names_and_two_percent_signs_are_one() {
        let value = |name: &str| {
            if name == "NAME" { Ok("bash".to_owned()) } else { Err(ExpandError::Tag(name.into())) }
        };
        assert_eq!(fill(b"echo %{NAME} 100%% %s", value).unwrap(), b"echo bash 100% %s");
        assert!(matches!(fill(b"%{OTHER}", value), Err(ExpandError::Tag(_))));
        assert!(matches!(fill(b"%{NAME", value), Err(ExpandError::Open)));
    }

    #[test]
    fn macros_are_expanded_and_none_runs_a_program() {
        let known = Macros::fedora("x86_64");
        assert_eq!(macros(b"ls %{_bindir}", &known).unwrap(), b"ls /usr/bin");
        assert!(!String::from_utf8_lossy(&macros(b"%(id -u)", &known).unwrap_or_default()).contains('0'));
    }
}
