//! Name, EVR and architecture: the identity of a binary package.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::evr::{Evr, EvrError};

/// Name, epoch, version, release and architecture of one package.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Nevra {
    /// Package name.
    pub name: String,
    /// Epoch, version, release.
    pub evr: Evr,
    /// `x86_64`, `noarch`, `src`, ...
    pub arch: String,
}

/// Why a text is no NEVRA.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NevraError {
    /// A part is missing.
    #[error("`{0}` is not NAME-[EPOCH:]VERSION-RELEASE.ARCH")]
    Shape(String),
    /// The epoch is no number.
    #[error("in `{text}`")]
    Evr {
        /// The whole text.
        text: String,
        /// What is wrong with its EVR.
        source: EvrError,
    },
}

impl Nevra {
    /// A NEVRA from its parts.
    pub fn new(name: impl Into<String>, evr: Evr, arch: impl Into<String>) -> Self {
        Nevra { name: name.into(), evr, arch: arch.into() }
    }

    /// Reads `NAME-[EPOCH:]VERSION-RELEASE.ARCH`.
    pub fn parse(text: &str) -> Result<Self, NevraError> {
        let shape = || NevraError::Shape(text.to_owned());
        let (rest, arch) = text.rsplit_once('.').ok_or_else(shape)?;
        let (rest, release) = rest.rsplit_once('-').ok_or_else(shape)?;
        let (name, version) = rest.rsplit_once('-').ok_or_else(shape)?;
        if [arch, release, name, version].iter().any(|part| part.is_empty()) {
            return Err(shape());
        }
        let evr = Evr::parse(&format!("{version}-{release}"))
            .map_err(|source| NevraError::Evr { text: text.to_owned(), source })?;
        Ok(Nevra::new(name, evr, arch))
    }

    /// `NAME-VERSION-RELEASE.ARCH.rpm`: the customary file name, without the epoch.
    pub fn file_name(&self) -> String {
        format!("{}-{}-{}.{}.rpm", self.name, self.evr.version, self.evr.release, self.arch)
    }
}

impl fmt::Display for Nevra {
    /// `NAME-[EPOCH:]VERSION-RELEASE.ARCH`, the epoch only when it is not zero.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}.{}", self.name, self.evr, self.arch)
    }
}

impl std::str::FromStr for Nevra {
    type Err = NevraError;
    fn from_str(text: &str) -> Result<Self, NevraError> {
        Nevra::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_and_printed_back() {
        for text in ["bash-5.3-2.x86_64", "libc6-1:2.43-1+b2.x86_64", "python3-six-1.17.0-1.noarch"] {
            assert_eq!(Nevra::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Nevra::parse("a-0:1-2.noarch").unwrap().to_string(), "a-1-2.noarch");
        assert_eq!(Nevra::parse("vim-2:9-1.x86_64").unwrap().file_name(), "vim-9-1.x86_64.rpm");
    }

    #[test]
    fn missing_parts_are_refused() {
        for text in ["bash", "bash-5.3", "bash-5.3-2", "-1-2.noarch", "a--2.noarch", "a-1-.noarch", "a-1-2."]
        {
            assert!(Nevra::parse(text).is_err(), "{text}");
        }
    }
}
