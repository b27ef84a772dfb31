//! The text of a `Release` file in; its index files and its term of validity out. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use thiserror::Error;

use super::deb822::{self, Deb822Error};

/// What to do with a suite whose `Valid-Until` has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValidUntil {
    /// Refuse it: an old index may be replayed to hold back security updates.
    Enforce,
    /// Take it: the mirror is a frozen snapshot.
    Ignore,
}

/// Size and checksum of a file that `Release` vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexFile {
    /// SHA-256 in hexadecimal.
    pub sha256: String,
    /// Size in bytes.
    pub size: u64,
}

/// What a suite says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Suite, such as `testing`.
    pub suite: String,
    /// Codename, such as `forky`.
    pub codename: String,
    /// When the suite was written, seconds since 1970 UTC.
    pub date: i64,
    /// When trust in it ends, seconds since 1970 UTC.
    pub valid_until: Option<i64>,
    /// Whether files may also be had by their checksum.
    pub by_hash: bool,
    /// Index files by their path below the suite.
    pub files: BTreeMap<String, IndexFile>,
}

/// A `Release` text that cannot be used.
#[derive(Debug, Error)]
pub enum ReleaseError {
    /// No control syntax.
    #[error("the Release file is damaged")]
    Syntax(#[from] Deb822Error),
    /// A field is missing.
    #[error("the Release file has no field `{0}`")]
    Missing(&'static str),
    /// A field cannot be read.
    #[error("field `{field}` of the Release file is wrong: {value:?}")]
    Field {
        /// The field.
        field: &'static str,
        /// Its value.
        value: String,
    },
    /// The suite is of another name than asked for.
    #[error("asked for suite {asked}, got {got}: the mirror answers with another suite")]
    OtherSuite {
        /// Asked for.
        asked: String,
        /// Codename and suite in the file.
        got: String,
    },
    /// Valid-Until has passed.
    #[error(
        "the suite {suite} was valid until {valid_until}, and it is {now}; the mirror is stale or an old index is replayed. \
         For a mirror that is frozen on purpose, set the suite's valid-until policy to \"ignore\""
    )]
    Expired {
        /// The suite.
        suite: String,
        /// End of validity.
        valid_until: String,
        /// The time given.
        now: String,
    },
    /// The file is dated in the future.
    #[error("the suite {suite} is dated {date}, but it is {now}: check this machine's clock")]
    Future {
        /// The suite.
        suite: String,
        /// Its date.
        date: String,
        /// The time given.
        now: String,
    },
}

impl Release {
    /// Reads a Release text (its signature already taken off).
    pub fn parse(text: &str) -> Result<Self, ReleaseError> {
        let stanzas = deb822::parse(text)?;
        let stanza = stanzas.first().ok_or(ReleaseError::Missing("Codename"))?;
        let date_text = stanza.field("Date").ok_or(ReleaseError::Missing("Date"))?;
        let sums = stanza.field("SHA256").ok_or(ReleaseError::Missing("SHA256"))?;
        Ok(Self {
            suite: stanza.field("Suite").unwrap_or_default().to_owned(),
            codename: stanza.field("Codename").ok_or(ReleaseError::Missing("Codename"))?.to_owned(),
            date: parse_date("Date", date_text)?,
            valid_until: stanza
                .field("Valid-Until")
                .map(|text| parse_date("Valid-Until", text))
                .transpose()?,
            by_hash: stanza.field("Acquire-By-Hash") == Some("yes"),
            files: sums
                .lines()
                .filter(|line| !line.trim().is_empty())
                .map(parse_sum)
                .collect::<Result<_, _>>()?,
        })
    }

    /// The date as RFC 3339 text.
    pub fn date_text(&self) -> String {
        print_date(self.date)
    }

    /// Compares name and dates with what was asked; `now` is seconds since 1970 UTC.
    pub fn check(&self, suite: &str, policy: ValidUntil, now: i64) -> Result<(), ReleaseError> {
        if suite != self.suite && suite != self.codename {
            let got = format!("{} ({})", self.codename, self.suite);
            return Err(ReleaseError::OtherSuite { asked: suite.to_owned(), got });
        }
        if policy == ValidUntil::Ignore {
            return Ok(());
        }
        // apt allows a day of clock difference for dates in the future.
        if self.date > now.saturating_add(24 * 60 * 60) {
            return Err(ReleaseError::Future {
                suite: suite.to_owned(),
                date: print_date(self.date),
                now: print_date(now),
            });
        }
        match self.valid_until {
            Some(end) if end < now => Err(ReleaseError::Expired {
                suite: suite.to_owned(),
                valid_until: print_date(end),
                now: print_date(now),
            }),
            _ => Ok(()),
        }
    }
}

fn parse_date(field: &'static str, text: &str) -> Result<i64, ReleaseError> {
    // RFC 2822 wants a numeric zone or `GMT`; Debian writes `UTC`, which is the same.
    let text = text.trim();
    let numeric = text.strip_suffix("UTC").map_or_else(|| text.to_owned(), |rest| format!("{rest}+0000"));
    rfc2822::DateTimeParser::new()
        .parse_timestamp(&numeric)
        .map(Timestamp::as_second)
        .map_err(|_| ReleaseError::Field { field, value: text.to_owned() })
}

fn print_date(seconds: i64) -> String {
    Timestamp::from_second(seconds).map_or_else(|_| format!("second {seconds}"), |date| date.to_string())
}

fn parse_sum(line: &str) -> Result<(String, IndexFile), ReleaseError> {
    let wrong = || ReleaseError::Field { field: "SHA256", value: line.trim().to_owned() };
    let [sha256, size, path] = line.split_whitespace().collect::<Vec<_>>()[..] else { return Err(wrong()) };
    if sha256.len() != 64 || !sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(wrong());
    }
    let file = IndexFile { sha256: sha256.to_ascii_lowercase(), size: size.parse().map_err(|_| wrong())? };
    Ok((path.to_owned(), file))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release() -> String {
        let sum = "0123456789abcdef".repeat(4);
        format!(
            "Suite: testing\nCodename: forky\nDate: Fri, 30 Oct 2026 08:08:01 UTC\n\
             Valid-Until: Fri, 06 Nov 2026 08:08:01 UTC\nAcquire-By-Hash: yes\nSHA256:\n {sum}  42 main/binary-amd64/Packages.xz\n"
        )
    }

    #[test]
    fn fields_are_read() {
        let release = Release::parse(&release()).unwrap();
        assert_eq!((release.date, release.valid_until), (1_793_347_681, Some(1_793_952_481)));
        assert!(release.by_hash);
        assert_eq!(release.files["main/binary-amd64/Packages.xz"].size, 42);
    }

    #[test]
    fn validity_is_a_choice() {
        let release = Release::parse(&release()).unwrap();
        let later = 1_800_000_000;
        release.check("forky", ValidUntil::Enforce, 1_793_400_000).unwrap();
        release.check("testing", ValidUntil::Ignore, later).unwrap();
        let error = release.check("forky", ValidUntil::Enforce, later).unwrap_err().to_string();
        assert!(
            error.contains("valid until 2026-11-06T08:08:01Z") && error.contains("\"ignore\""),
            "{error}"
        );
        assert!(matches!(release.check("forky", ValidUntil::Enforce, 0), Err(ReleaseError::Future { .. })));
        assert!(matches!(release.check("sid", ValidUntil::Ignore, 0), Err(ReleaseError::OtherSuite { .. })));
    }

    #[test]
    fn bad_sums_are_refused() {
        let text = release().replace("  42 ", " many ");
        assert!(matches!(Release::parse(&text), Err(ReleaseError::Field { field: "SHA256", .. })));
    }
}
