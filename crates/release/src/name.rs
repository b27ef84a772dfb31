//! Names that become parts of file names, partition labels and addresses: narrow enough to be safe in all of them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A name that is not of its kind's shape.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not the name of {of}: {rule}")]
pub struct WrongName {
    /// What was written.
    pub name: String,
    of: &'static str,
    rule: &'static str,
}

const WORD: &str = "write 1 to 32 lower-case letters, digits and hyphens, a letter or digit first and last";

fn is_word(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=32).contains(&text.len())
        && text.bytes().all(allowed)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

macro_rules! text_type {
    ($(#[$documentation:meta])* $name:ident, $of:literal, $rule:expr, $valid:expr) => {
        $(#[$documentation])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Reads it, refusing what does not have its shape.
            pub fn parse(text: &str) -> Result<Self, WrongName> {
                if $valid(text) {
                    Ok($name(text.to_owned()))
                } else {
                    Err(WrongName { name: text.to_owned(), of: $of, rule: $rule })
                }
            }

            /// As it is written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = WrongName;

            fn try_from(text: String) -> Result<Self, WrongName> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = WrongName;

            fn from_str(text: &str) -> Result<Self, WrongName> {
                Self::parse(text)
            }
        }
    };
}

text_type!(
    /// The name of an image, as in `IMAGE_ID` of os-release: without underscore, which parts it from the version.
    ImageName, "an image", WORD, is_word
);
text_type!(
    /// The name of a channel.
    ChannelName, "a channel", WORD, is_word
);
text_type!(
    /// The name of a file in a payload folder: a name, never a path.
    FileName,
    "a file of a payload",
    "write 1 to 64 letters, digits, dots, hyphens and underscores, a letter or digit first",
    is_file_name
);

fn is_file_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    (1..=64).contains(&text.len())
        && text.bytes().all(allowed)
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
}

/// The processor that an image is made for, named as systemd names it (`ConditionArchitecture=`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Architecture {
    /// 64-bit x86.
    #[serde(rename = "x86-64")]
    X86_64,
    /// 64-bit ARM.
    Arm64,
}

impl Architecture {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Architecture::X86_64 => "x86-64",
            Architecture::Arm64 => "arm64",
        }
    }

    /// Reads a name of systemd's, or the kernel's (`uname -m`).
    pub fn parse(text: &str) -> Result<Self, WrongName> {
        match text {
            "x86-64" | "x86_64" => Ok(Architecture::X86_64),
            "arm64" | "aarch64" => Ok(Architecture::Arm64),
            _ => Err(WrongName {
                name: text.to_owned(),
                of: "an architecture",
                rule: "images are made for `x86-64` and `arm64`",
            }),
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
