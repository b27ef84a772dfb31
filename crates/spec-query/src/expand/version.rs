//! Two versions, in; which one is newer, out.

use std::cmp::Ordering;

use rpm_model::rpmvercmp;

/// Epoch, version and release in turn; a missing release is older than any.
pub(crate) fn compare_versions(left: &[u8], right: &[u8]) -> Ordering {
    let (left, right) = (String::from_utf8_lossy(left), String::from_utf8_lossy(right));
    let (left, right) = (split_version(&left), split_version(&right));
    let release = |left: Option<&str>, right: Option<&str>| match (left, right) {
        (Some(left), Some(right)) => rpmvercmp(left, right),
        (left, right) => left.is_some().cmp(&right.is_some()),
    };
    rpmvercmp(left.0, right.0).then_with(|| rpmvercmp(left.1, right.1)).then_with(|| release(left.2, right.2))
}

fn split_version(text: &str) -> (&str, &str, Option<&str>) {
    let digits = text.len() - text.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
    let (epoch, rest) = match text[digits..].strip_prefix(':') {
        Some(rest) if digits == 0 => ("0", rest),
        Some(rest) => (&text[..digits], rest),
        None => ("0", text),
    };
    match rest.rsplit_once('-') {
        Some((version, release)) => (epoch, version, Some(release)),
        None => (epoch, rest, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_part_by_part() {
        let compare = |left: &str, right: &str| compare_versions(left.as_bytes(), right.as_bytes());
        assert_eq!(compare("1.10", "1.9"), Ordering::Greater);
        assert_eq!(compare("1:1", "2"), Ordering::Greater);
        assert_eq!(compare(":1", "1"), Ordering::Equal);
        assert_eq!(compare("1", "1-1"), Ordering::Less);
        assert_eq!(compare("1~rc1", "1"), Ordering::Less);
    }
}
