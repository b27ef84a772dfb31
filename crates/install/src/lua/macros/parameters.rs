//! The options of a parametric macro and the arguments of a call, in; what `%1`, `%*`, `%{-f}` mean in its body, out.

use std::collections::BTreeMap;

/// What a call gives to the body of its macro.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parameters {
    name: String,
    /// As they were given.
    all: Vec<String>,
    /// Those that are no options.
    rest: Vec<String>,
    /// By letter; with the value, where the option takes one.
    flags: BTreeMap<char, Option<String>>,
}

/// Options that do not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionError {
    /// The macro has no such option.
    #[error("the macro `{called}` has no option `-{option}`")]
    Unknown {
        /// Name and options of the macro.
        called: String,
        /// The letter.
        option: char,
    },
    /// Nothing follows an option that takes a value.
    #[error("the option `-{option}` of the macro `{called}` needs a value")]
    NoValue {
        /// Name and options of the macro.
        called: String,
        /// The letter.
        option: char,
    },
}

impl Parameters {
    /// Reads arguments as getopt does: options may stand anywhere, up to `--`. Options that are `-` leave all as it is.
    pub(super) fn read(name: &str, options: &str, arguments: Vec<String>) -> Result<Self, OptionError> {
        let mut read =
            Parameters { name: name.to_owned(), all: arguments, rest: Vec::new(), flags: BTreeMap::new() };
        if options == "-" {
            read.rest = read.all.clone();
            return Ok(read);
        }
        let called = || format!("{name}({options})");
        let mut arguments = read.all.iter();
        while let Some(argument) = arguments.next() {
            let letters = match argument.strip_prefix('-') {
                Some("-") => {
                    read.rest.extend(arguments.by_ref().cloned());
                    break;
                }
                Some(letters) if !letters.is_empty() => letters,
                _ => {
                    read.rest.push(argument.clone());
                    continue;
                }
            };
            for (at, option) in letters.char_indices() {
                let known = options.find(option).filter(|_| option != ':');
                let known = known.ok_or_else(|| OptionError::Unknown { called: called(), option })?;
                if !options[known + option.len_utf8()..].starts_with(':') {
                    read.flags.insert(option, None);
                    continue;
                }
                // The value is the rest of the word, or the next one.
                let attached = &letters[at + option.len_utf8()..];
                let attached = (!attached.is_empty()).then(|| attached.to_owned());
                let value = attached.or_else(|| arguments.next().cloned());
                let value = value.ok_or_else(|| OptionError::NoValue { called: called(), option })?;
                read.flags.insert(option, Some(value));
                break;
            }
        }
        Ok(read)
    }

    /// What a name in the body means; `None` where nothing was given.
    pub(super) fn value(&self, name: &str) -> Option<String> {
        match name {
            "*" => Some(self.rest.join(" ")),
            "**" => Some(self.all.join(" ")),
            "#" => Some(self.rest.len().to_string()),
            "0" => Some(self.name.clone()),
            _ => match name.strip_prefix('-') {
                Some(flag) => self.flag(flag),
                None => self.rest.get(name.parse::<usize>().ok()?.checked_sub(1)?).cloned(),
            },
        }
    }

    /// `f` is the option with its value, `f*` the value alone.
    fn flag(&self, flag: &str) -> Option<String> {
        let letter = flag.chars().next()?;
        let value = self.flags.get(&letter)?;
        match (value, flag.ends_with('*')) {
            (Some(value), true) => Some(value.clone()),
            (None, true) => Some(String::new()),
            (Some(value), false) => Some(format!("-{letter} {value}")),
            (None, false) => Some(format!("-{letter}")),
        }
    }
}

/// Length of the name at the start of a text: of a macro, or of a parameter.
pub(super) fn name_length(text: &str) -> usize {
    let marks =
        |text: &str| if text.starts_with("**") { 2 } else { usize::from(text.starts_with(['*', '#'])) };
    let starred = |length: usize| length + usize::from(text[length..].starts_with('*'));
    if let Some(flag) = text.strip_prefix('-') {
        return match flag.chars().next() {
            Some(letter) if letter.is_ascii_alphanumeric() => starred(2),
            _ => 0,
        };
    }
    match marks(text) {
        0 => super::name_length(text),
        length => length,
    }
}

/// Whether a name is that of a parameter.
pub(super) fn is_name(name: &str) -> bool {
    let digits = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
    digits || name.starts_with(['*', '#', '-'])
}

/// Words, between blanks.
pub(super) fn split(arguments: &str) -> Vec<String> {
    arguments.split([' ', '\t']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}
