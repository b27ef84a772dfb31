//! A line in; the section that it begins, if it begins one, out.

use std::borrow::Cow;

use super::tag::lower;
use super::words::words;

/// What the lines of a section are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SectionKind {
    /// The preamble or `%package`: tags.
    Package,
    /// A build step or a scriptlet.
    Script,
    /// `%description`
    Description,
    /// `%files`
    Files,
    /// `%changelog`
    Changelog,
    /// `%patchlist` or `%sourcelist`: names of files.
    FileList,
}

/// The header line of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    /// The first word as written.
    pub(crate) name: String,
    /// The package as the line has it; empty for the main package.
    pub(crate) package: Box<[u8]>,
    pub(crate) kind: SectionKind,
}

/// The words that begin a section, in any case. rpm knows more (`%trigger`, `%verifyscript`, `%sepolicy`); azldev does
/// not, and what it takes for lines of the section before must be so here.
const SCRIPTS: &[&str] = &[
    "prep",
    "conf",
    "build",
    "install",
    "check",
    "clean",
    "generate_buildrequires",
    "pre",
    "post",
    "preun",
    "postun",
    "pretrans",
    "posttrans",
    "preuntrans",
    "postuntrans",
    "verify",
    "triggerin",
    "triggerun",
    "triggerprein",
    "triggerpostun",
    "filetriggerin",
    "filetriggerun",
    "filetriggerpostun",
    "transfiletriggerin",
    "transfiletriggerun",
    "transfiletriggerpostun",
];

/// What a line begins. A `#` in the first column makes a comment; blanks before the `%` do not matter.
pub(crate) fn header_of(text: &[u8]) -> Option<Header> {
    // Nearly every line ends here.
    let first = text.iter().find(|byte| !matches!(byte, b' ' | b'\t'..=b'\r'))?;
    if *first != b'%' && first.is_ascii() {
        return None;
    }
    let mut words = words(text);
    let name = words.next()?;
    let kind = kind(name)?;
    let package = match kind {
        SectionKind::Changelog | SectionKind::FileList => Default::default(),
        _ => package(words).into(),
    };
    Some(Header { name: String::from_utf8_lossy(name).into_owned(), package, kind })
}

fn kind(word: &[u8]) -> Option<SectionKind> {
    let word = word.strip_prefix(b"%")?;
    let word: Cow<'_, [u8]> =
        if word.is_ascii() { word.to_ascii_lowercase().into() } else { lower(word).into_bytes().into() };
    match word.as_ref() {
        b"package" => Some(SectionKind::Package),
        b"description" => Some(SectionKind::Description),
        b"files" => Some(SectionKind::Files),
        b"changelog" => Some(SectionKind::Changelog),
        b"patchlist" | b"sourcelist" => Some(SectionKind::FileList),
        other => SCRIPTS.iter().any(|script| script.as_bytes() == other).then_some(SectionKind::Script),
    }
}

/// The argument of `-n`, or else the first word that belongs to no option.
fn package<'t>(mut words: impl Iterator<Item = &'t [u8]>) -> &'t [u8] {
    let (mut full, mut suffix): (&[u8], &[u8]) = (b"", b"");
    while let Some(word) = words.next() {
        match word {
            b"--" => break,
            b"-n" => full = words.next().unwrap_or(full),
            b"-f" | b"-p" | b"-l" | b"-P" => {
                words.next();
            }
            [b'-', ..] => {}
            _ if suffix.is_empty() => suffix = word,
            _ => {}
        }
    }
    if full.is_empty() { suffix } else { full }
}
