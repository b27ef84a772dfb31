//! A scriptlet's body and what its flags ask for, in; the body with macros (`-e`) or header tags (`-q`) filled in, out.
//!
//! There is no macro engine here: the macros that every rpm defines the same way are known, others stay as they are, as in
//! rpm. Macros that run programs are refused.

use rpm_model::header::{Header, Tag};

/// Why a body cannot be filled in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpandError {
    /// A macro that runs a program, or Lua, while it is expanded.
    #[error("cannot run: its macro `%{0}` would run a program, which is not supported")]
    Program(String),
    /// A query tag that is not known here.
    #[error("cannot run: its query tag `{0}` is not supported")]
    Tag(String),
    /// A brace is not closed.
    #[error("cannot run: a `%{{` in it is not closed")]
    Open,
}

/// Macros that rpm defines itself (`macros.in`), the same for every package.
const MACROS: [(&str, &str); 22] = [
    ("_bindir", "/usr/bin"),
    ("_datadir", "/usr/share"),
    ("_dbpath", "/usr/lib/sysimage/rpm"),
    ("_docdir", "/usr/share/doc"),
    ("_exec_prefix", "/usr"),
    ("_includedir", "/usr/include"),
    ("_infodir", "/usr/share/info"),
    ("_libdir", "/usr/lib64"),
    ("_libexecdir", "/usr/libexec"),
    ("_localstatedir", "/var"),
    ("_mandir", "/usr/share/man"),
    ("_prefix", "/usr"),
    ("_rundir", "/run"),
    ("_sbindir", "/usr/sbin"),
    ("_sharedstatedir", "/var/lib"),
    ("_sysconfdir", "/etc"),
    ("_tmppath", "/var/tmp"),
    ("_unitdir", "/usr/lib/systemd/system"),
    ("_usr", "/usr"),
    ("_usrsrc", "/usr/src"),
    ("_var", "/var"),
    ("nil", ""),
];

/// Fills in macros; `%%` is a percent sign.
pub(super) fn macros(body: &[u8], epoch: u64) -> Result<Vec<u8>, ExpandError> {
    fill(body, |name| {
        if name.starts_with(['(', '[']) || ["lua:", "load:", "expand:", "uncompress:"].iter().any(|p| name.starts_with(p)) {
            return Err(ExpandError::Program(name.to_owned()));
        }
        let (optional, plain) = name.strip_prefix('?').map_or((false, name), |rest| (true, rest));
        let known = MACROS.iter().find(|(known, _)| *known == plain).map(|(_, value)| (*value).to_owned());
        let known = known.or_else(|| (plain == "source_date_epoch").then(|| epoch.to_string()));
        Ok(known.or_else(|| optional.then(String::new)))
    })
}

/// Fills in tags of the package's own header; `%%` is a percent sign.
pub(super) fn query_format(body: &[u8], header: &Header) -> Result<Vec<u8>, ExpandError> {
    fill(body, |name| {
        let upper = name.trim_start_matches("RPMTAG_").to_ascii_uppercase();
        let stated = |tag| header.text(tag);
        Ok(Some(match upper.as_str() {
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
        }))
    })
}

/// Replaces `%{name}`; where `value` knows nothing the text stays.
fn fill(
    body: &[u8],
    value: impl Fn(&str) -> Result<Option<String>, ExpandError>,
) -> Result<Vec<u8>, ExpandError> {
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
                let name = String::from_utf8_lossy(&rest[2..end]).into_owned();
                match value(&name)? {
                    Some(text) => filled.extend_from_slice(text.as_bytes()),
                    None => filled.extend_from_slice(&rest[..=end]),
                }
                rest = &rest[end + 1..];
            }
            Some(b'(') => return Err(ExpandError::Program("(...)".to_owned())),
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

    fn expanded(body: &str) -> Result<String, ExpandError> {
        macros(body.as_bytes(), 42).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn known_macros_are_filled_in_and_unknown_ones_stay() {
        assert_eq!(expanded("ls %{_bindir}/x %{?nothing}%{unknown} 100%%").unwrap(), "ls /usr/bin/x %{unknown} 100%");
        assert_eq!(expanded("date +%s %{source_date_epoch}").unwrap(), "date +%s 42");
    }

    #[test]
    fn macros_that_run_programs_are_refused() {
        for body in ["%(rm -rf /)", "%{lua: os.exit()}", "%{load:/etc/x}"] {
            assert!(matches!(expanded(body), Err(ExpandError::Program(_))), "{body}");
        }
        assert_eq!(expanded("%{open"), Err(ExpandError::Open));
    }
}
