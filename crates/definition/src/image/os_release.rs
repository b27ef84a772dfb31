//! os-release(5): checked variables, in; the file's text, out.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

/// The variables of /etc/os-release, `NAME`, `ID`, `VERSION_ID` and `PRETTY_NAME` among them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct OsRelease {
    pub(crate) variables: BTreeMap<String, String>,
}

/// The order in which os-release(5) presents the variables; others follow by name.
pub(crate) const KNOWN: &[&str] = &[
    "NAME",
    "ID",
    "ID_LIKE",
    "PRETTY_NAME",
    "CPE_NAME",
    "VARIANT",
    "VARIANT_ID",
    "VERSION",
    "VERSION_ID",
    "VERSION_CODENAME",
    "BUILD_ID",
    "IMAGE_ID",
    "IMAGE_VERSION",
    "RELEASE_TYPE",
    "HOME_URL",
    "DOCUMENTATION_URL",
    "SUPPORT_URL",
    "BUG_REPORT_URL",
    "PRIVACY_POLICY_URL",
    "SUPPORT_END",
    "LOGO",
    "ANSI_COLOR",
    "VENDOR_NAME",
    "VENDOR_URL",
    "EXPERIMENT",
    "EXPERIMENT_URL",
    "DEFAULT_HOSTNAME",
    "ARCHITECTURE",
    "SYSEXT_LEVEL",
    "CONFEXT_LEVEL",
    "SYSEXT_SCOPE",
    "CONFEXT_SCOPE",
    "PORTABLE_PREFIXES",
];

impl OsRelease {
    /// The value of a variable.
    pub fn get(&self, variable: &str) -> Option<&str> {
        self.variables.get(variable).map(String::as_str)
    }

    /// The same variables with another value of one.
    #[must_use]
    pub fn with(&self, variable: &str, value: &str) -> Self {
        let mut variables = self.variables.clone();
        variables.insert(variable.to_owned(), value.to_owned());
        Self { variables }
    }

    /// The text of /etc/os-release, every value quoted.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        let known = KNOWN.iter().filter_map(|name| self.variables.get_key_value(*name));
        let others = self.variables.iter().filter(|(name, _)| !KNOWN.contains(&name.as_str()));
        for (name, value) in known.chain(others) {
            writeln!(text, "{name}={}", quote(value)).expect("writing to a string cannot fail");
        }
        text
    }
}

/// A value between double quotes with the characters escaped that a shell would take for its own.
fn quote(value: &str) -> String {
    let mut quoted = String::from("\"");
    for c in value.chars() {
        if matches!(c, '"' | '\\' | '$' | '`') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::OsRelease;

    #[test]
    fn values_are_quoted_and_ordered_as_the_manual_page_does() {
        let variables = [("ZED", "z"), ("VERSION_ID", "1"), ("NAME", "La\"z$u`li\\"), ("ID", "lazuli")];
        let release = OsRelease { variables: variables.map(|(k, v)| (k.to_owned(), v.to_owned())).into() };
        assert_eq!(
            release.to_text(),
            "NAME=\"La\\\"z\\$u\\`li\\\\\"\nID=\"lazuli\"\nVERSION_ID=\"1\"\nZED=\"z\"\n"
        );
    }
}
