//! Debian version text in; its parts, its order, and its RPM spelling out. Pure.

use std::cmp::Ordering;
use std::fmt;

use thiserror::Error;

/// A Debian version: `[epoch:]upstream[-revision]`.
#[derive(Debug, Clone)]
pub struct DebianVersion {
    /// Epoch, 0 when not written.
    pub epoch: u32,
    /// Upstream part.
    pub upstream: String,
    /// Debian revision, absent in native packages.
    pub revision: Option<String>,
}

/// An RPM epoch, version and release made from a Debian version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RpmVersion {
    /// Epoch; 0 is not written in headers.
    pub epoch: u32,
    /// Version: the upstream part, `-` and `:` replaced by `.`.
    pub version: String,
    /// Release: the Debian revision, or `0`.
    pub release: String,
}

/// Text that is no Debian version.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{text:?} is no Debian version: {reason}")]
pub struct VersionError {
    /// The text.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl DebianVersion {
    /// Reads a version (Debian policy 5.6.12).
    pub fn parse(text: &str) -> Result<Self, VersionError> {
        let error = |reason| VersionError { text: text.to_owned(), reason };
        let (epoch, rest) = match text.split_once(':') {
            Some((epoch, rest)) => (epoch.parse().map_err(|_| error("the epoch is no number"))?, rest),
            None => (0, text),
        };
        let (upstream, revision) = match rest.rsplit_once('-') {
            Some((upstream, revision)) => (upstream, Some(revision.to_owned())),
            None => (rest, None),
        };
        if upstream.is_empty() {
            return Err(error("the upstream version is empty"));
        }
        if revision.as_deref() == Some("") {
            return Err(error("the revision after the last `-` is empty"));
        }
        if !rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".+-~:".contains(&byte)) {
            return Err(error("only letters, digits and `.+-~:` are allowed"));
        }
        Ok(Self { epoch, upstream: upstream.to_owned(), revision })
    }

    /// The RPM version that stands for this one.
    pub fn to_rpm(&self) -> RpmVersion {
        RpmVersion {
            epoch: self.epoch,
            version: self.upstream.replace(['-', ':'], "."),
            release: self.revision.clone().unwrap_or_else(|| "0".to_owned()),
        }
    }
}

impl fmt::Display for DebianVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.epoch != 0 {
            write!(formatter, "{}:", self.epoch)?;
        }
        formatter.write_str(&self.upstream)?;
        self.revision.iter().try_for_each(|revision| write!(formatter, "-{revision}"))
    }
}

impl fmt::Display for RpmVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.epoch != 0 {
            write!(formatter, "{}:", self.epoch)?;
        }
        write!(formatter, "{}-{}", self.version, self.release)
    }
}

impl Ord for DebianVersion {
    fn cmp(&self, other: &Self) -> Ordering {
        // A missing revision counts as `0` (policy 5.6.12).
        let revision = |version: &Self| version.revision.clone().unwrap_or_default();
        self.epoch
            .cmp(&other.epoch)
            .then_with(|| compare_part(&self.upstream, &other.upstream))
            .then_with(|| compare_part(&revision(self), &revision(other)))
    }
}

impl PartialOrd for DebianVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for DebianVersion {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for DebianVersion {}

/// Policy 5.6.12: non-digits by a modified alphabet, then digits as a number, in turns.
fn compare_part(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left.as_bytes(), right.as_bytes());
    while !left.is_empty() || !right.is_empty() {
        let (left_text, left_rest) = split(left, |byte| !byte.is_ascii_digit());
        let (right_text, right_rest) = split(right, |byte| !byte.is_ascii_digit());
        let (left_digits, left_rest) = split(left_rest, |byte| byte.is_ascii_digit());
        let (right_digits, right_rest) = split(right_rest, |byte| byte.is_ascii_digit());
        let order =
            compare_text(left_text, right_text).then_with(|| compare_digits(left_digits, right_digits));
        if order != Ordering::Equal {
            return order;
        }
        (left, right) = (left_rest, right_rest);
    }
    Ordering::Equal
}

fn split(bytes: &[u8], belongs: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    bytes.split_at(bytes.iter().position(|byte| !belongs(*byte)).unwrap_or(bytes.len()))
}

fn compare_text(left: &[u8], right: &[u8]) -> Ordering {
    // `~` sorts before the end, the end before letters, letters before everything else.
    let weight = |byte: Option<&u8>| match byte {
        Some(b'~') => 0,
        None => 1,
        Some(byte) if byte.is_ascii_alphabetic() => 2 + u32::from(*byte),
        Some(byte) => 300 + u32::from(*byte),
    };
    (0..left.len().max(right.len()))
        .map(|index| weight(left.get(index)).cmp(&weight(right.get(index))))
        .find(|order| *order != Ordering::Equal)
        .unwrap_or(Ordering::Equal)
}

fn compare_digits(left: &[u8], right: &[u8]) -> Ordering {
    let significant =
        |digits: &[u8]| digits.iter().skip_while(|digit| **digit == b'0').copied().collect::<Vec<_>>();
    let (left, right) = (significant(left), significant(right));
    left.len().cmp(&right.len()).then_with(|| left.cmp(&right))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> DebianVersion {
        DebianVersion::parse(text).unwrap()
    }

    #[test]
    fn order_is_that_of_policy() {
        let ascending = [
            "0~~",
            "0~~a",
            "0~",
            "0",
            "1.0~beta1~svn1245",
            "1.0~beta1",
            "1.0",
            "1.0+dfsg",
            "1.2.3-1",
            "1.2.3-1+b1",
            "1.2.3-2",
            "1.2.10",
            "1.2.10-.",
            "2a",
            "2b",
            "2.",
            "10",
            "1:0.1",
        ];
        for pair in ascending.windows(2) {
            assert!(version(pair[0]) < version(pair[1]), "{} < {}", pair[0], pair[1]);
        }
        assert_eq!(version("1.0"), version("1.0-0"));
        assert_eq!(version("1.00"), version("1.0"));
        assert!(version("1:2.53.0-1") < version("1:2.53.0-."));
    }

    #[test]
    fn rpm_spelling() {
        for (debian, rpm) in [
            ("1.2-3", "1.2-3"),
            ("1:4.17.4-2+b1", "1:4.17.4-2+b1"),
            ("13.8", "13.8-0"),
            ("2.0-rc1-4", "2.0.rc1-4"),
            ("0:1.0", "1.0-0"),
            ("1:2:3-4", "1:2.3-4"),
        ] {
            assert_eq!(version(debian).to_rpm().to_string(), rpm);
        }
    }

    #[test]
    fn bad_versions_say_why() {
        assert_eq!(
            DebianVersion::parse("x:1").unwrap_err().to_string(),
            "\"x:1\" is no Debian version: the epoch is no number"
        );
        assert!(DebianVersion::parse("").is_err());
        assert!(DebianVersion::parse("1-").is_err());
        assert!(DebianVersion::parse("1 2").is_err());
    }
}
