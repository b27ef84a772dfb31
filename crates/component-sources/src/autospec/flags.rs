//! What a spec says of itself when it is read with [`READING_MACROS`](super::READING_MACROS), in; version and release arguments, out.

/// Epoch, version and the arguments of `%autorelease` in one state of a spec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseFlags {
    /// `EPOCH:VERSION`, or the version alone.
    pub epoch_version: String,
    /// `-e`.
    pub extra_version: Option<String>,
    /// `-s`.
    pub snapshot: Option<String>,
    /// `-p`.
    pub prerelease: bool,
    /// `-b`; 1 where there is none.
    pub base: u64,
}

/// Why a state of a spec has no known version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct FlagsError {
    /// What stands in the way, in words.
    pub reason: String,
}

impl ReleaseFlags {
    /// Reads the release that the macros of [`READING_MACROS`](super::READING_MACROS) leave: `E…_S…_P0_B…`, or anything else.
    pub fn new(epoch: Option<&str>, version: &str, release: &str) -> ReleaseFlags {
        let epoch_version = match epoch {
            Some(epoch) => format!("{epoch}:{version}"),
            None => version.to_owned(),
        };
        let plain =
            ReleaseFlags { epoch_version, extra_version: None, snapshot: None, prerelease: false, base: 1 };
        let Some((extra, snapshot, prerelease, base)) = arguments(release) else { return plain };
        let stated = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        ReleaseFlags {
            extra_version: stated(extra),
            snapshot: stated(snapshot),
            prerelease,
            base: base.parse().unwrap_or(1),
            ..plain
        }
    }

    /// The release for a number: `0.3.rc1`.
    pub fn release(&self, number: u64) -> String {
        let mut release = if self.prerelease { String::from("0.") } else { String::new() };
        // A base of 0 takes one away, from a number that is never less than 0.
        let number = i128::from(number) + i128::from(self.base) - 1;
        release.push_str(&number.to_string());
        for tag in [&self.extra_version, &self.snapshot].into_iter().flatten() {
            release.push('.');
            release.push_str(tag);
        }
        release
    }
}

/// The parts of `E…_S…_P[01]_B[digits]`.
fn arguments(release: &str) -> Option<(&str, &str, bool, &str)> {
    let mut parts = release.split('_');
    let extra = parts.next()?.strip_prefix('E')?;
    let snapshot = parts.next()?.strip_prefix('S')?;
    let prerelease = match parts.next()? {
        "P0" => false,
        "P1" => true,
        _ => return None,
    };
    let base = parts.next()?.strip_prefix('B')?;
    let digits = base.bytes().all(|byte| byte.is_ascii_digit());
    (digits && parts.next().is_none()).then_some((extra, snapshot, prerelease, base))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(text: &str, number: u64) -> String {
        ReleaseFlags::new(None, "1", text).release(number)
    }

    #[test]
    fn arguments_shape_the_release() {
        assert_eq!(release("E_S_P0_B", 3), "3");
        assert_eq!(release("Erc1_S20240101git_P1_B", 3), "0.3.rc1.20240101git");
        assert_eq!(release("E_S_P0_B5", 3), "7");
        assert_eq!(release("E_S_P0_B0", 0), "-1");
    }

    #[test]
    fn a_release_of_its_own_has_no_arguments() {
        assert_eq!(release("4%{?dist}", 3), "3");
        assert_eq!(release("E_S_P2_B", 3), "3");
        assert_eq!(release("E_S_P0_Bx", 3), "3");
    }
}
