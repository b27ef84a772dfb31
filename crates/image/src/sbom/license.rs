//! What a package says of its licence in; an SPDX expression, or the text that is none, out.

/// A licence as documents can state it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum License<'t> {
    /// A valid SPDX expression.
    Expression(&'t str),
    /// Something else, in the package's own words.
    Text(&'t str),
    /// The package says nothing.
    Unstated,
}

impl<'t> License<'t> {
    /// Tells expressions of known licences from free text.
    pub(super) fn of(text: &'t str) -> Self {
        let text = text.trim();
        if text.is_empty() {
            return Self::Unstated;
        }
        match spdx::Expression::parse(text) {
            // References need an explanation, which a package header has no place for.
            Ok(_) if !text.contains("LicenseRef-") && !text.contains("AdditionRef-") => {
                Self::Expression(text)
            }
            _ => Self::Text(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::License;

    #[test]
    fn expressions_are_told_from_words() {
        for (text, expected) in [
            (
                " GPL-2.0-or-later WITH Classpath-exception-2.0 ",
                License::Expression("GPL-2.0-or-later WITH Classpath-exception-2.0"),
            ),
            (
                "MIT AND (BSD-3-Clause OR Apache-2.0)",
                License::Expression("MIT AND (BSD-3-Clause OR Apache-2.0)"),
            ),
            ("GPLv2+ and MIT", License::Text("GPLv2+ and MIT")),
            ("LicenseRef-Callaway-MIT", License::Text("LicenseRef-Callaway-MIT")),
            ("see /usr/share/doc/x/copyright", License::Text("see /usr/share/doc/x/copyright")),
            ("", License::Unstated),
        ] {
            assert_eq!(License::of(text), expected, "{text}");
        }
    }
}
