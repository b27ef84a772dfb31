//! The value of a dependency tag, in; its dependencies, in rpm's order and each once, out.

use std::collections::BTreeSet;

use rpm_model::RichDependency;

use super::error::SpecProblem;
use crate::evaluation::{Comparison, Qualifier, Relation};
use crate::expand::shown;
use crate::scan::{is_space, left_call};
use crate::unknown::{Unknowns, is_unknown};

/// A dependency before it is known what its text says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Dependency {
    pub(super) name: Vec<u8>,
    pub(super) version: Vec<u8>,
    /// rpm's number for comparison and qualifiers, which it sorts by.
    pub(super) flags: u32,
    /// Of which trigger.
    pub(super) trigger: u32,
}

/// What a kind of dependency allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rules {
    /// For messages.
    pub(super) tag: &'static str,
    pub(super) rich: bool,
    /// Only names of packages.
    pub(super) packages_only: bool,
    /// Only paths.
    pub(super) files_only: bool,
}

pub(super) const LESS: u32 = 1 << 1;
pub(super) const GREATER: u32 = 1 << 2;
pub(super) const EQUAL: u32 = 1 << 3;
pub(super) const RPMLIB: u32 = 1 << 24;

const COMPARISONS: [(&[u8], u32); 8] = [
    (b"<=", LESS | EQUAL),
    (b"=<", LESS | EQUAL),
    (b"<", LESS),
    (b"==", EQUAL),
    (b"=", EQUAL),
    (b">=", GREATER | EQUAL),
    (b"=>", GREATER | EQUAL),
    (b">", GREATER),
];

const QUALIFIERS: [(&str, u32, Qualifier); 13] = [
    ("pre", 1 << 9, Qualifier::Pre),
    ("post", 1 << 10, Qualifier::Post),
    ("preun", 1 << 11, Qualifier::Preun),
    ("postun", 1 << 12, Qualifier::Postun),
    ("verify", 1 << 13, Qualifier::Verify),
    ("interp", 1 << 8, Qualifier::Interpreter),
    ("rpmlib", RPMLIB, Qualifier::Rpmlib),
    ("pretrans", 1 << 7, Qualifier::Pretrans),
    ("posttrans", 1 << 5, Qualifier::Posttrans),
    ("preuntrans", 1 << 20, Qualifier::Preuntrans),
    ("postuntrans", 1 << 21, Qualifier::Postuntrans),
    ("missingok", 1 << 19, Qualifier::MissingOk),
    ("meta", 1 << 29, Qualifier::Meta),
];

/// rpm's number for these qualifiers, as `Requires(pre,post)` has them.
pub(super) fn qualifiers(text: &[u8]) -> Option<u32> {
    if text.is_empty() {
        return Some(0);
    }
    let mut flags = 0;
    for word in text.split(|byte| *byte == b',') {
        let word = crate::scan::trim(word);
        let found = QUALIFIERS.iter().find(|(name, ..)| name.as_bytes() == word && *name != "missingok");
        flags |= found?.1;
    }
    Some(flags)
}

/// rpm's number for one qualifier.
pub(super) fn flag(qualifier: Qualifier) -> u32 {
    QUALIFIERS.iter().find(|(.., known)| *known == qualifier).map_or(0, |(_, flag, _)| *flag)
}

/// Reads the value of a tag.
pub(super) fn parse(field: &[u8], rules: Rules, flags: u32) -> Result<Vec<Dependency>, SpecProblem> {
    let mut found = Vec::new();
    let mut at = 0;
    loop {
        at = skip(field, at, is_separator);
        if at >= field.len() {
            return Ok(found);
        }
        if field[at] == b'(' {
            if !rules.rich {
                return Err(SpecProblem::NoRich(rules.tag.to_owned()));
            }
            let end = rich_end(field, at);
            let name = rich(&field[at..end])?;
            found.push(Dependency { name, version: Vec::new(), flags, trigger: 0 });
            at = end;
            continue;
        }
        let end = skip(field, at, |byte| !is_separator(byte));
        let name = field[at..end].to_vec();
        let next = skip(field, end, is_separator);
        let word_end = skip(field, next, |byte| !is_separator(byte));
        let comparison = COMPARISONS.iter().find(|(word, _)| *word == &field[next..word_end]);
        let Some((_, sense)) = comparison else {
            check(&name, None, rules)?;
            found.push(Dependency { name, version: Vec::new(), flags, trigger: 0 });
            at = next;
            continue;
        };
        let start = skip(field, word_end, is_separator);
        at = skip(field, start, |byte| !is_separator(byte));
        if start == at {
            return Err(SpecProblem::NoVersion(shown(&name)));
        }
        let version = field[start..at].to_vec();
        check(&name, Some(&version), rules)?;
        found.push(Dependency { name, version, flags: flags | sense, trigger: 0 });
    }
}

/// In rpm's order, each once.
pub(super) fn relations(dependencies: &BTreeSet<Dependency>, unknowns: &Unknowns) -> Vec<Relation> {
    dependencies.iter().map(|dependency| relation(dependency, unknowns)).collect()
}

fn relation(dependency: &Dependency, unknowns: &Unknowns) -> Relation {
    let comparison = match dependency.flags & (LESS | GREATER | EQUAL) {
        sense if sense == LESS => Some(Comparison::Less),
        sense if sense == GREATER => Some(Comparison::Greater),
        sense if sense == EQUAL => Some(Comparison::Equal),
        sense if sense == LESS | EQUAL => Some(Comparison::LessOrEqual),
        sense if sense == GREATER | EQUAL => Some(Comparison::GreaterOrEqual),
        _ => None,
    };
    let qualifiers = QUALIFIERS.iter().filter(|(_, flag, _)| dependency.flags & flag != 0);
    Relation {
        name: super::value(&dependency.name, unknowns),
        version: comparison.map(|comparison| (comparison, super::value(&dependency.version, unknowns))),
        qualifiers: qualifiers.map(|(.., qualifier)| *qualifier).collect(),
    }
}

fn is_separator(byte: u8) -> bool {
    is_space(byte) || byte == b','
}

fn skip(text: &[u8], mut at: usize, skipped: impl Fn(u8) -> bool) -> usize {
    while at < text.len() && skipped(text[at]) {
        at += 1;
    }
    at
}

/// The place after the parenthesis that closes a boolean dependency.
fn rich_end(text: &[u8], start: usize) -> usize {
    let mut level = 0_usize;
    for (offset, byte) in text[start..].iter().enumerate() {
        match byte {
            b'(' => level += 1,
            b')' if level <= 1 => return start + offset + 1,
            b')' => level -= 1,
            _ => {}
        }
    }
    text.len()
}

fn rich(text: &[u8]) -> Result<Vec<u8>, SpecProblem> {
    if is_unknown(text) || left_call(text).is_some() {
        return Ok(text.to_vec());
    }
    // Commas are blanks to rpm, in here as well.
    let text = String::from_utf8_lossy(text).replace(',', " ");
    match RichDependency::parse(&text) {
        Ok(formula) => Ok(formula.to_string().into_bytes()),
        Err(source) => Err(SpecProblem::Rich { text, source }),
    }
}

fn check(name: &[u8], version: Option<&[u8]>, rules: Rules) -> Result<(), SpecProblem> {
    let first = name.first().copied().unwrap_or(b' ');
    let open = is_unknown(name) || left_call(name).is_some();
    if rules.files_only && first != b'/' && !open {
        return Err(SpecProblem::Trigger(shown(name)));
    }
    let starts = first.is_ascii_alphanumeric() || matches!(first, b'_' | b'/') || !first.is_ascii();
    if !starts && !open {
        return Err(SpecProblem::DependencyStart(shown(name)));
    }
    if rules.packages_only {
        super::characters::check_name(name)?;
    }
    let Some(version) = version else { return Ok(()) };
    if first == b'/' {
        return Err(SpecProblem::VersionedFile(shown(name)));
    }
    super::characters::check_evr(version)?;
    if is_unknown(version) || left_call(version).is_some() {
        return Ok(());
    }
    let count = |separator: u8| version.iter().filter(|byte| **byte == separator).count();
    let epoch = version.iter().position(|byte| *byte == b':').map_or(b"".as_slice(), |end| &version[..end]);
    if count(b'-') > 1 || count(b':') > 1 || !epoch.iter().all(u8::is_ascii_digit) {
        return Err(SpecProblem::DependencyVersion(shown(version)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUIRES: Rules = Rules { tag: "Requires", rich: true, packages_only: false, files_only: false };

    fn read(text: &str) -> Vec<(String, u32, String)> {
        let text_of = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let found = parse(text.as_bytes(), REQUIRES, 0).unwrap();
        found.into_iter().map(|found| (text_of(found.name), found.flags, text_of(found.version))).collect()
    }

    #[test]
    fn commas_and_blanks_separate() {
        let simple = |name: &str| (name.to_owned(), 0, String::new());
        assert_eq!(
            read("a, b >= 1:2-3 c(x y"),
            [simple("a"), ("b".into(), GREATER | EQUAL, "1:2-3".into()), simple("c(x"), simple("y")]
        );
        assert_eq!(read("(a if (b or c >= 1)) d"), [simple("(a if (b or c >= 1))"), simple("d")]);
    }

    #[test]
    fn what_rpm_refuses_is_refused() {
        let error = |text: &str| parse(text.as_bytes(), REQUIRES, 0).unwrap_err();
        assert_eq!(error("a >="), SpecProblem::NoVersion("a".into()));
        assert_eq!(error("-a"), SpecProblem::DependencyStart("-a".into()));
        assert_eq!(error("/a = 1"), SpecProblem::VersionedFile("/a".into()));
        assert_eq!(error("a = 1-2-3"), SpecProblem::DependencyVersion("1-2-3".into()));
        assert!(matches!(error("(a and)"), SpecProblem::Rich { .. }));
    }
}
