//! Versions of images, in the order of the UAPI version format specification, which systemd-boot sorts entries by.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The version of an image, as in `IMAGE_VERSION` of os-release. Equal versions are equal texts: `1.0` and `1.00`
/// sort together and are not the same.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version(String);

/// A text that cannot be an image's version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not the version of an image: write 1 to 24 letters, digits, `.`, `~` and `-`, a digit or letter first"
)]
pub struct WrongVersion(pub String);

impl Version {
    /// Reads a version. `_` (parts image and version) and `+` (boot counting) would be read wrongly in a file's name,
    /// `^` would be escaped in an address, and 24 characters leave room for the image's name in a partition's label of 36.
    pub fn parse(text: &str) -> Result<Self, WrongVersion> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'~' | b'-');
        let right = (1..=24).contains(&text.len())
            && text.bytes().all(allowed)
            && text.starts_with(|first: char| first.is_ascii_alphanumeric())
            // Such a name would be a program's for short names on FAT, and reads as a cut sentence.
            && !text.ends_with('.');
        if right { Ok(Version(text.to_owned())) } else { Err(WrongVersion(text.to_owned())) }
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The order that systemd-boot sorts entries in, where texts such as `1.0` and `1.00` are equal.
    pub fn order(&self, other: &Version) -> Ordering {
        compare(&self.0, &other.0)
    }
}

impl Ord for Version {
    /// By the specification; texts that it holds for equal (`1.0` and `1.00`) by their bytes, so that order is total.
    fn cmp(&self, other: &Self) -> Ordering {
        self.order(other).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// UAPI.10, "Version comparison": steps as numbered there.
fn compare(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left.as_bytes(), right.as_bytes());
    loop {
        // 1. What is not part of a version is skipped.
        left = skip(left, |byte| !is_meaningful(byte));
        right = skip(right, |byte| !is_meaningful(byte));
        // 2. `~` sorts before everything, also before the end.
        (left, right) = match separator(left, right, b'~') {
            Ok(rest) => rest,
            Err(order) => return order,
        };
        // 3. The end sorts before what is left.
        match (left.is_empty(), right.is_empty()) {
            (true, true) => return Ordering::Equal,
            (true, false) => return Ordering::Less,
            (false, true) => return Ordering::Greater,
            (false, false) => {}
        }
        // 4. to 6. `-`, `^` and `.`, in this order, each once: the loader goes on to the next step where both have one.
        for byte in *b"-^." {
            (left, right) = match separator(left, right, byte) {
                Ok(rest) => rest,
                Err(order) => return order,
            };
        }
        // 7. Numbers by value; a number is newer than letters.
        let begins_with_digit = |text: &[u8]| text.first().is_some_and(u8::is_ascii_digit);
        if begins_with_digit(left) || begins_with_digit(right) {
            let (left_number, left_rest) = split(left, |byte| byte.is_ascii_digit());
            let (right_number, right_rest) = split(right, |byte| byte.is_ascii_digit());
            let order = (!left_number.is_empty()).cmp(&!right_number.is_empty()).then_with(|| {
                let left = skip(left_number, |byte| byte == b'0');
                let right = skip(right_number, |byte| byte == b'0');
                left.len().cmp(&right.len()).then_with(|| left.cmp(right))
            });
            if order != Ordering::Equal {
                return order;
            }
            (left, right) = (left_rest, right_rest);
            continue;
        }
        // 8. Letters by their bytes: capitals before small ones, a prefix before what it begins.
        let (left_letters, left_rest) = split(left, |byte| byte.is_ascii_alphabetic());
        let (right_letters, right_rest) = split(right, |byte| byte.is_ascii_alphabetic());
        let order = left_letters.cmp(right_letters);
        if order != Ordering::Equal {
            return order;
        }
        (left, right) = (left_rest, right_rest);
    }
}

fn is_meaningful(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'~' | b'-' | b'^' | b'.')
}

/// What follows a separator that both have or neither has; else the side that has it is the older one.
fn separator<'a>(left: &'a [u8], right: &'a [u8], byte: u8) -> Result<(&'a [u8], &'a [u8]), Ordering> {
    match (left.first() == Some(&byte), right.first() == Some(&byte)) {
        (true, true) => Ok((&left[1..], &right[1..])),
        (true, false) => Err(Ordering::Less),
        (false, true) => Err(Ordering::Greater),
        (false, false) => Ok((left, right)),
    }
}

fn split(text: &[u8], belongs: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| !belongs(*byte)).unwrap_or(text.len());
    text.split_at(end)
}

fn skip(text: &[u8], skipped: impl Fn(u8) -> bool) -> &[u8] {
    split(text, skipped).1
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl TryFrom<String> for Version {
    type Error = WrongVersion;

    fn try_from(text: String) -> Result<Self, WrongVersion> {
        Self::parse(&text)
    }
}

impl From<Version> for String {
    fn from(version: Version) -> String {
        version.0
    }
}

impl std::str::FromStr for Version {
    type Err = WrongVersion;

    fn from_str(text: &str) -> Result<Self, WrongVersion> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each line of the specification's examples, and what systemd's own tests take for granted, in rising order.
    #[test]
    fn the_order_is_that_of_the_specification() {
        let rising = [
            "~1",
            "",
            "ab",
            "abb",
            "abc",
            "0001",
            "002",
            "12",
            "122",
            "122.9",
            "123~rc1",
            "123",
            "123-a",
            "123-a.1",
            "123-a1",
            "123-a1.1",
            "123-3",
            "123-3.1",
            "123^patch1",
            "123^1",
            "123.a-1",
            "123.1-1",
            "123a-1",
            "124",
        ];
        for (position, left) in rising.iter().enumerate() {
            for right in &rising[position + 1..] {
                assert_eq!(compare(left, right), Ordering::Less, "{left} < {right}");
                assert_eq!(compare(right, left), Ordering::Greater, "{right} > {left}");
            }
            assert_eq!(compare(left, left), Ordering::Equal);
        }
    }

    #[test]
    fn zeroes_and_strange_characters_do_not_count() {
        for (left, right) in [("1.0", "1.00"), ("01", "1"), ("1_2", "1+2"), ("20261121", "20261121+")] {
            assert_eq!(compare(left, right), Ordering::Equal, "{left} {right}");
        }
        let [one, other] = ["1.0", "1.00"].map(|text| Version::parse(text).unwrap());
        assert_ne!(one, other);
        assert_eq!(one.cmp(&other), Ordering::Less);
    }

    #[test]
    fn what_a_file_name_or_label_cannot_hold_is_no_version() {
        for text in ["2026.11.21", "1", "2026.11.21~rc1-3", "a"] {
            assert_eq!(Version::parse(text).unwrap().as_str(), text);
        }
        for text in ["", ".1", "-1", "1_2", "1+3", "1/2", "1.", "1^2", "1 2", "1\n", &"1".repeat(25), "é"] {
            assert_eq!(Version::parse(text), Err(WrongVersion(text.to_owned())));
        }
    }
}
