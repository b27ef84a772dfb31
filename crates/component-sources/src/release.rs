//! A spec, how its release is calculated and how many releases of ours there were, in; the spec with its release counted on, out.
//! Nothing here reads a disk or runs a program.

use std::sync::LazyLock;

use definition::ReleaseCalculation;
use regex::Regex;
use spec_overlay::{ApplyError, NoFiles, Overlay, SpecFile};

/// Why a release cannot be counted on.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// Nothing to count on.
    #[error("the main package has no Release tag")]
    NoRelease,
    /// The release says `%autorelease`, the definition `static`.
    #[error(
        "the release is calculated as `static`, but the spec says {value:?}: set `release.calculation = \"autorelease\"`"
    )]
    UsesAutorelease {
        /// The tag's value.
        value: String,
    },
    /// Neither a number nor a number with the distribution's tag.
    #[error(
        "Release is {value:?}, which cannot be counted on (only a number, with or without %{{?dist}}, can): set `release.calculation = \"manual\"`, and the release by an overlay where it must change"
    )]
    NotANumber {
        /// The tag's value.
        value: String,
    },
    /// The tag could not be written.
    #[error("Release cannot be written")]
    Write(#[source] ApplyError),
}

// What a literal pattern means was tried when this was written.
#[expect(clippy::unwrap_used, reason = "this pattern is a constant that the tests below compile")]
static AUTORELEASE: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r"%(\{\??autorelease($|[}\t\n\f\r ])|autorelease($|[\t\n\f\r ]))";
    Regex::new(pattern).unwrap()
});

/// Adds `releases` to the release where the calculation says so; without any release of ours the spec stays as it is.
pub fn apply(spec: Vec<u8>, calculation: ReleaseCalculation, releases: u64) -> Result<Vec<u8>, ReleaseError> {
    let stays = matches!(calculation, ReleaseCalculation::Manual | ReleaseCalculation::Autorelease);
    if stays || releases == 0 {
        return Ok(spec);
    }
    // Where branches of a conditional have one each, the last one counts, and all are written.
    let value = SpecFile::parse(&spec).tag_values("", "Release").pop().unwrap_or_default().into_owned();
    if value.is_empty() {
        return Err(ReleaseError::NoRelease);
    }
    if uses_autorelease(&value) {
        let fixed = calculation == ReleaseCalculation::Static;
        return if fixed { Err(ReleaseError::UsesAutorelease { value }) } else { Ok(spec) };
    }
    let Some(counted) = counted_on(&value, releases) else { return Err(ReleaseError::NotANumber { value }) };
    let update = Overlay::UpdateTag { package: String::new(), tag: "Release".into(), value: counted };
    Ok(spec_overlay::apply(&spec, [&update], &NoFiles).map_err(ReleaseError::Write)?.spec)
}

/// Whether a Release tag leaves the number to `%autorelease`.
pub fn uses_autorelease(value: &str) -> bool {
    AUTORELEASE.is_match(value)
}

/// `5%{?dist}` with something added to the 5.
fn counted_on(value: &str, releases: u64) -> Option<String> {
    let digits = value.len() - value.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, rest) = value.split_at(digits);
    if !matches!(rest, "" | "%{?dist}" | "%{dist}") {
        return None;
    }
    let number = number.parse::<u64>().ok()?.checked_add(releases)?;
    Some(format!("{number}{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(spec: &str, calculation: ReleaseCalculation, releases: u64) -> Result<String, String> {
        apply(spec.as_bytes().to_vec(), calculation, releases)
            .map(|spec| String::from_utf8(spec).unwrap())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_number_is_counted_on_and_its_line_written_anew() {
        let counted = applied("Name: a\nrelease:   5%{?dist}\n", ReleaseCalculation::Auto, 2);
        assert_eq!(counted.unwrap(), "Name: a\nRelease: 7%{?dist}\n");
        let counted = applied("Release: 009%{dist}", ReleaseCalculation::Static, 1);
        assert_eq!(counted.unwrap(), "Release: 10%{dist}\n");
    }

    #[test]
    fn the_last_of_several_counts_for_all() {
        let spec = "%if 0\nRelease: 3\n%else\nRelease: 8\n%endif\n%package x\nRelease: 1\n";
        let expected = "%if 0\nRelease: 9\n%else\nRelease: 9\n%endif\n%package x\nRelease: 1\n";
        assert_eq!(applied(spec, ReleaseCalculation::Auto, 1).unwrap(), expected);
    }

    #[test]
    fn autorelease_is_left_alone_unless_the_definition_says_static() {
        let spec = "Release: %{?autorelease}%{!?autorelease:1}\n";
        assert_eq!(applied(spec, ReleaseCalculation::Auto, 3).unwrap(), spec);
        assert!(applied(spec, ReleaseCalculation::Static, 3).unwrap_err().contains("autorelease"));
        for value in ["%autorelease", "%{autorelease -b 3}", "%autorelease -p"] {
            assert!(uses_autorelease(value), "{value}");
        }
        for value in ["%autoreleased", "%{!?autorelease:1}", "1%{?dist}"] {
            assert!(!uses_autorelease(value), "{value}");
        }
    }

    #[test]
    fn what_is_no_number_is_an_error_unless_nothing_is_counted() {
        let spec = "Release: 0.1.%{pre}%{?dist}\n";
        let said = applied(spec, ReleaseCalculation::Auto, 1).unwrap_err();
        assert!(said.contains("0.1.%{pre}%{?dist}") && said.contains("manual"), "{said}");
        assert_eq!(applied(spec, ReleaseCalculation::Auto, 0).unwrap(), spec);
        assert_eq!(applied(spec, ReleaseCalculation::Manual, 4).unwrap(), spec);
        assert!(applied("Name: a\n", ReleaseCalculation::Auto, 1).is_err());
        assert!(applied("Release: 99999999999999999999\n", ReleaseCalculation::Auto, 1).is_err());
    }
}
