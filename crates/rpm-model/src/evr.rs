//! Epoch, version and release, in rpm's order.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Epoch, version and release of one package.
///
/// `Eq` and `Hash` compare the text; `Ord` is rpm's order with the text as tie-breaker, so that `1.0` and `1.00`
/// are neighbours but not the same key. [`Evr::compare`] gives rpm's own verdict.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Evr {
    /// Zero when the package states none.
    pub epoch: u32,
    /// Upstream version; never contains `-`.
    pub version: String,
    /// Distribution release; never contains `-`.
    pub release: String,
}

/// Why a text is no epoch-version-release.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvrError {
    /// The part before `:` is not a number below 2^32.
    #[error("epoch `{0}` is not a number")]
    Epoch(String),
    /// Version or release is missing.
    #[error("`{0}` is not [EPOCH:]VERSION-RELEASE")]
    Shape(String),
}

impl Evr {
    /// An EVR from its parts.
    pub fn new(epoch: u32, version: impl Into<String>, release: impl Into<String>) -> Self {
        Evr { epoch, version: version.into(), release: release.into() }
    }

    /// Reads `[EPOCH:]VERSION-RELEASE`.
    pub fn parse(text: &str) -> Result<Self, EvrError> {
        let (epoch, rest) = split_epoch(text)?;
        match rest.rsplit_once('-') {
            Some((version, release)) if !version.is_empty() && !release.is_empty() => {
                Ok(Evr::new(epoch.unwrap_or(0), version, release))
            }
            _ => Err(EvrError::Shape(text.to_owned())),
        }
    }

    /// rpm's order (`rpmVersionCompare`): `1.0` and `1.00` are equal here.
    pub fn compare(&self, other: &Evr) -> Ordering {
        self.epoch
            .cmp(&other.epoch)
            .then_with(|| rpmvercmp(&self.version, &other.version))
            .then_with(|| rpmvercmp(&self.release, &other.release))
    }
}

/// Splits `EPOCH:rest`; no colon means no epoch.
pub(crate) fn split_epoch(text: &str) -> Result<(Option<u32>, &str), EvrError> {
    match text.split_once(':') {
        // rpm reads an empty epoch (":1.0") as none.
        Some(("", rest)) => Ok((None, rest)),
        Some((epoch, rest)) => {
            epoch.parse().map(|epoch| (Some(epoch), rest)).map_err(|_| EvrError::Epoch(epoch.to_owned()))
        }
        None => Ok((None, text)),
    }
}

impl PartialOrd for Evr {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Evr {
    fn cmp(&self, other: &Self) -> Ordering {
        self.compare(other)
            .then_with(|| self.version.cmp(&other.version))
            .then_with(|| self.release.cmp(&other.release))
    }
}

impl fmt::Display for Evr {
    /// `[EPOCH:]VERSION-RELEASE`, the epoch only when it is not zero.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.epoch != 0 {
            write!(f, "{}:", self.epoch)?;
        }
        write!(f, "{}-{}", self.version, self.release)
    }
}

/// Compares two version or release texts as rpm does (`rpmio/rpmvercmp.c`).
///
/// Digits compare as numbers and beat letters, `~` sorts before the end of the text, `^` after it but before
/// anything else, and every other byte only separates.
pub fn rpmvercmp(left: &str, right: &str) -> Ordering {
    if left == right {
        return Ordering::Equal;
    }
    let (mut a, mut b) = (left.as_bytes(), right.as_bytes());
    loop {
        a = skip_separators(a);
        b = skip_separators(b);
        match (a.first(), b.first()) {
            (Some(b'~'), Some(b'~')) | (Some(b'^'), Some(b'^')) => {
                (a, b) = (&a[1..], &b[1..]);
                continue;
            }
            (Some(b'~'), _) => return Ordering::Less,
            (_, Some(b'~')) => return Ordering::Greater,
            // A caret is newer than the end of the text and older than any further segment.
            (Some(b'^'), None) => return Ordering::Greater,
            (None, Some(b'^')) => return Ordering::Less,
            (Some(b'^'), Some(_)) => return Ordering::Less,
            (Some(_), Some(b'^')) => return Ordering::Greater,
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(first), Some(_)) => {
                let numeric = first.is_ascii_digit();
                let kind: fn(&u8) -> bool =
                    if numeric { u8::is_ascii_digit } else { u8::is_ascii_alphabetic };
                let (segment_a, rest_a) = split_segment(a, kind);
                let (segment_b, rest_b) = split_segment(b, kind);
                if segment_b.is_empty() {
                    // Different kinds: the number is newer than the letters.
                    return if numeric { Ordering::Greater } else { Ordering::Less };
                }
                let order =
                    if numeric { compare_numbers(segment_a, segment_b) } else { segment_a.cmp(segment_b) };
                if order != Ordering::Equal {
                    return order;
                }
                (a, b) = (rest_a, rest_b);
            }
        }
    }
}

fn skip_separators(text: &[u8]) -> &[u8] {
    let kept = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'~' | b'^');
    &text[text.iter().position(kept).unwrap_or(text.len())..]
}

fn split_segment(text: &[u8], kind: fn(&u8) -> bool) -> (&[u8], &[u8]) {
    text.split_at(text.iter().position(|byte| !kind(byte)).unwrap_or(text.len()))
}

fn compare_numbers(a: &[u8], b: &[u8]) -> Ordering {
    let significant = |digits: &[u8]| digits.iter().position(|d| *d != b'0').unwrap_or(digits.len());
    let (a, b) = (&a[significant(a)..], &b[significant(b)..]);
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sorted groups: every text is older than all texts of later groups and equal to those of its own.
    const ASCENDING: &[&[&str]] = &[
        &["1.0~rc1~git123"],
        &["1.0~rc1"],
        &["1.0~rc1^git1"],
        &["1.0~rc2"],
        &["1.0", "1.00", "1_0", "1.0.", "1..0", "1.-0"],
        &["1.0^"],
        &["1.0^20160101"],
        &["1.0^20160102"],
        &["1.0a"],
        &["1.0b"],
        &["1.0.1"],
        &["1.1"],
        &["2.0.1"],
        &["2.0.1a"],
        &["5.5p1"],
        &["5.5p2"],
        &["5.5p10"],
        &["10.1xyz"],
        &["20101121"],
    ];

    #[test]
    fn versions_sort_as_rpm_sorts_them() {
        let flat: Vec<(usize, &str)> =
            ASCENDING.iter().enumerate().flat_map(|(i, group)| group.iter().map(move |v| (i, *v))).collect();
        for (i, a) in &flat {
            for (j, b) in &flat {
                assert_eq!(rpmvercmp(a, b), i.cmp(j), "{a} against {b}");
            }
        }
    }

    #[test]
    fn letters_are_older_than_numbers_in_the_same_place() {
        assert_eq!(rpmvercmp("1.a", "1.1"), Ordering::Less);
        assert_eq!(rpmvercmp("1.1", "1.a"), Ordering::Greater);
        assert_eq!(rpmvercmp("a", "1"), Ordering::Less);
        assert_eq!(rpmvercmp("", "1"), Ordering::Less);
        assert_eq!(rpmvercmp("", "~"), Ordering::Greater);
    }

    #[test]
    fn an_epoch_beats_every_version() {
        let old = Evr::parse("9.9-1").unwrap();
        let new = Evr::parse("1:0.1-1").unwrap();
        assert!(old < new);
        assert_eq!(new.to_string(), "1:0.1-1");
        assert_eq!(Evr::parse("0:1-2").unwrap().to_string(), "1-2");
    }

    #[test]
    fn equal_versions_of_different_text_are_different_keys() {
        let (a, b) = (Evr::new(0, "1.0", "1"), Evr::new(0, "1.00", "1"));
        assert_eq!(a.compare(&b), Ordering::Equal);
        assert_ne!(a, b);
        assert_ne!(a.cmp(&b), Ordering::Equal);
    }

    #[test]
    fn a_text_without_release_is_refused() {
        assert_eq!(Evr::parse("1.0"), Err(EvrError::Shape("1.0".into())));
        assert_eq!(Evr::parse("x:1.0-1"), Err(EvrError::Epoch("x".into())));
    }

    proptest::proptest! {
        #[test]
        fn the_order_is_antisymmetric(a in "[a-c0-2.~^_]{0,8}", b in "[a-c0-2.~^_]{0,8}") {
            proptest::prop_assert_eq!(rpmvercmp(&a, &b), rpmvercmp(&b, &a).reverse());
        }
    }
}
