//! A value and how to show it, in; its text, out (`lib/formats.cc`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rpm_model::header::dependency_flags as sense;

use super::values::Values;
use super::{QueryFormatError, tags};
use crate::base64_lines::base64_lines;
use crate::lua::Macros;

/// How a value is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    String,
    Base64,
    DependencyFlags,
    DependencyType,
    FileFlags,
    Permissions,
    TriggerType,
    Xml,
    Octal,
    Hexadecimal,
    Date,
    Day,
    Shell,
    Count,
    FileState,
    Verification {
        padded: bool,
    },
    Expand,
    Human {
        step: u16,
    },
    TagName,
    TagNumber,
    Json,
    HashAlgorithm,
    /// OpenPGP's armor and what a signature says of itself.
    OpenPgp,
}

/// Sizes grow by this step where it is written with `i`, as in KiB.
const BINARY_STEP: u16 = 1024;
const DECIMAL_STEP: u16 = 1000;

impl Format {
    pub(super) fn by_name(name: &str) -> Option<Self> {
        Some(match name {
            "string" => Format::String,
            "armor" | "pgpsig" => Format::OpenPgp,
            "base64" => Format::Base64,
            "depflags" => Format::DependencyFlags,
            "deptype" => Format::DependencyType,
            "fflags" => Format::FileFlags,
            "perms" | "permissions" => Format::Permissions,
            "triggertype" => Format::TriggerType,
            "xml" => Format::Xml,
            "octal" => Format::Octal,
            "hex" => Format::Hexadecimal,
            "date" => Format::Date,
            "day" => Format::Day,
            "shescape" => Format::Shell,
            "arraysize" => Format::Count,
            "fstate" => Format::FileState,
            "vflags" => Format::Verification { padded: false },
            "fstatus" => Format::Verification { padded: true },
            "expand" => Format::Expand,
            "humansi" => Format::Human { step: DECIMAL_STEP },
            "humaniec" => Format::Human { step: BINARY_STEP },
            "tagname" => Format::TagName,
            "tagnum" => Format::TagNumber,
            "json" => Format::Json,
            "hashalgo" => Format::HashAlgorithm,
            _ => return None,
        })
    }

    /// The text of one value; of a value that is of another class, rpm's words for that.
    pub(super) fn show(
        self,
        values: &Values,
        element: usize,
        tag: u32,
        macros: &Macros,
    ) -> Result<Vec<u8>, QueryFormatError> {
        let plain = plain(values, element);
        let text = match (self, values) {
            (Format::String, _) => return Ok(plain),
            (Format::Count, _) => values.count().to_string(),
            (Format::TagNumber, _) => tag.to_string(),
            (Format::TagName, _) => tags::name(tag),
            (Format::OpenPgp, _) => {
                return Err(QueryFormatError::Unsupported("armor, pgpsig".into()));
            }
            (Format::Shell, Values::Numbers(_)) => return Ok(plain),
            (Format::Shell, Values::Texts(_)) => return Ok(quoted(&plain)),
            (Format::Shell, Values::Binary(_)) => "(invalid type)".into(),
            (Format::Xml, _) => return Ok(xml(values, &plain)),
            (Format::Json, Values::Numbers(_)) => return Ok(plain),
            (Format::Json, Values::Binary(bytes)) => format!("\"{}\"", STANDARD.encode(bytes)),
            (Format::Json, Values::Texts(_)) => return Ok(json(&plain)),
            (Format::Base64, Values::Binary(bytes)) => base64_lines(bytes, None),
            (Format::Base64, _) => "(not a blob)".into(),
            (Format::Expand, Values::Texts(_)) => {
                return Ok(macros.clone().expand(&String::from_utf8_lossy(&plain))?.into_bytes());
            }
            (Format::Expand, _) => "(not a string)".into(),
            (format, Values::Numbers(numbers)) => {
                numbers.get(element).map_or_else(String::new, |n| format.number(*n))
            }
            _ => "(not a number)".into(),
        };
        Ok(text.into_bytes())
    }

    fn number(self, number: u64) -> String {
        // rpm hands these to formats of 32 bits.
        let low = number & u64::from(u32::MAX);
        match self {
            Format::Octal => format!("{low:o}"),
            Format::Hexadecimal => format!("{low:x}"),
            Format::Date => date(number, true),
            Format::Day => date(number, false),
            Format::Permissions => permissions(number),
            Format::FileFlags => flag_letters(number, &FILE_FLAGS),
            Format::DependencyFlags => comparison(number).to_owned(),
            Format::DependencyType => dependency_type(number),
            Format::TriggerType => trigger_kind(number).to_owned(),
            Format::FileState => file_state(number).to_owned(),
            Format::Verification { padded } => verification(number, padded),
            Format::Human { step } => human(number, step),
            Format::HashAlgorithm => hash_algorithm(number).to_owned(),
            _ => number.to_string(),
        }
    }
}

fn plain(values: &Values, element: usize) -> Vec<u8> {
    match values {
        Values::Numbers(numbers) => {
            numbers.get(element).map_or_else(String::new, u64::to_string).into_bytes()
        }
        Values::Texts(texts) => texts.get(element).cloned().unwrap_or_default(),
        Values::Binary(bytes) => hex::encode(bytes).into_bytes(),
    }
}

/// The sign of a comparison in `RPMSENSE_*` bits.
pub(super) fn comparison(flags: u64) -> &'static str {
    ["", "<", ">", "<>", "=", "<=", ">=", "<>="][usize::try_from(flags >> 1 & 7).unwrap_or(0)]
}

/// When a trigger runs, in a word.
pub(super) fn trigger_kind(flags: u64) -> &'static str {
    let kinds = [
        (sense::TRIGGERPREIN, "prein"),
        (sense::TRIGGERIN, "in"),
        (sense::TRIGGERUN, "un"),
        (sense::TRIGGERPOSTUN, "postun"),
    ];
    kinds.iter().find(|(flag, _)| flags & u64::from(*flag) != 0).map_or("", |(_, kind)| kind)
}

fn dependency_type(flags: u64) -> String {
    const KINDS: [(u32, &str); 16] = [
        (sense::SCRIPT_PRE, "pre"),
        (sense::SCRIPT_POST, "post"),
        (sense::SCRIPT_PREUN, "preun"),
        (sense::SCRIPT_POSTUN, "postun"),
        (sense::SCRIPT_VERIFY, "verify"),
        (sense::INTERP, "interp"),
        (1 << 24, "rpmlib"),
        (sense::FIND_REQUIRES | sense::FIND_PROVIDES, "auto"),
        (sense::PREREQ, "prereq"),
        (sense::PRETRANS, "pretrans"),
        (sense::POSTTRANS, "posttrans"),
        (1 << 20, "preuntrans"),
        (1 << 21, "postuntrans"),
        (1 << 28, "config"),
        (sense::MISSINGOK, "missingok"),
        (1 << 29, "meta"),
    ];
    let kinds: Vec<&str> =
        KINDS.iter().filter(|(flag, _)| flags & u64::from(*flag) != 0).map(|(_, kind)| *kind).collect();
    if kinds.is_empty() { "manual".into() } else { kinds.join(",") }
}

/// %doc, %config, spec file, missingok, noreplace, %ghost, %license, %readme, %artifact.
const FILE_FLAGS: [(u32, char); 9] =
    [(1, 'd'), (0, 'c'), (5, 's'), (3, 'm'), (4, 'n'), (6, 'g'), (7, 'l'), (8, 'r'), (12, 'a')];

fn flag_letters(flags: u64, letters: &[(u32, char)]) -> String {
    letters.iter().filter(|(bit, _)| flags >> bit & 1 != 0).map(|(_, letter)| letter).collect()
}

fn permissions(mode: u64) -> String {
    let kind = match mode & 0o170_000 {
        0o100_000 => '-',
        0o040_000 => 'd',
        0o120_000 => 'l',
        0o010_000 => 'p',
        0o140_000 => 's',
        0o020_000 => 'c',
        0o060_000 => 'b',
        _ => '?',
    };
    let bits = "rwxrwxrwx".chars().zip((0..9).rev());
    let mut letters: Vec<char> =
        bits.map(|(letter, bit)| if mode >> bit & 1 != 0 { letter } else { '-' }).collect();
    for (bit, place, letter) in [(11, 2, 's'), (10, 5, 's'), (9, 8, 't')] {
        if mode >> bit & 1 != 0 {
            letters[place] = if letters[place] == 'x' { letter } else { letter.to_ascii_uppercase() };
        }
    }
    std::iter::once(kind).chain(letters).collect()
}

fn file_state(state: u64) -> &'static str {
    match u32::try_from(state).unwrap_or(u32::MAX) {
        0 => "normal",
        1 => "replaced",
        2 => "not installed",
        3 => "net shared",
        4 => "wrong color",
        // -1, in the 8 bits of a state.
        0xff | u32::MAX => "missing",
        _ => "(unknown)",
    }
}

/// The letters that `rpm -V` shows, in its order; a check that could not be made is a question mark.
fn verification(flags: u64, padded: bool) -> String {
    const UNREADABLE_FILE: u32 = 29;
    const UNREADABLE_LINK: u32 = 28;
    let pad = if padded { "." } else { "" };
    let letters = [(1, "S"), (6, "M"), (0, "5"), (7, "D"), (2, "L"), (3, "U"), (4, "G"), (5, "T"), (8, "P")];
    let set = |bit: u32| flags >> bit & 1 != 0;
    let shown = letters.iter().map(|(bit, letter)| match bit {
        0 if set(UNREADABLE_FILE) => "?",
        2 if set(UNREADABLE_LINK) => "?",
        bit if set(*bit) => letter,
        _ => pad,
    });
    shown.collect()
}

fn human(number: u64, step: u16) -> String {
    const UNITS: [&str; 9] = ["", "K", "M", "G", "T", "P", "E", "Z", "Y"];
    #[allow(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut number = number as f32;
    let (step, mut unit) = (f32::from(step), 0);
    while number >= step {
        number /= step;
        unit += 1;
    }
    let decimals = usize::from(number > 0.05 && number < 9.95);
    format!("{number:.decimals$}{}", UNITS[unit])
}

fn hash_algorithm(number: u64) -> &'static str {
    match number {
        1 => "MD5",
        2 => "SHA1",
        3 => "RIPEMD160",
        5 => "MD2",
        6 => "TIGER192",
        7 => "HAVAL-5-160",
        8 => "SHA256",
        9 => "SHA384",
        10 => "SHA512",
        11 => "SHA224",
        12 => "SHA3-256",
        14 => "SHA3-512",
        _ => "Unknown",
    }
}

fn quoted(text: &[u8]) -> Vec<u8> {
    let mut quoted = vec![b'\''];
    for byte in text {
        if *byte == b'\'' {
            quoted.extend(b"'\\''");
        } else {
            quoted.push(*byte);
        }
    }
    quoted.push(b'\'');
    quoted
}

fn xml(values: &Values, plain: &[u8]) -> Vec<u8> {
    let (name, text) = match values {
        Values::Texts(_) => ("string", plain.to_vec()),
        Values::Numbers(_) => ("integer", plain.to_vec()),
        Values::Binary(bytes) => ("base64", base64_lines(bytes, None).into_bytes()),
    };
    if text.is_empty() {
        return format!("\t<{name}/>").into_bytes();
    }
    let mut shown = format!("\t<{name}>").into_bytes();
    for byte in text {
        match byte {
            b'<' => shown.extend(b"&lt;"),
            b'>' => shown.extend(b"&gt;"),
            b'&' => shown.extend(b"&amp;"),
            byte => shown.push(byte),
        }
    }
    shown.extend(format!("</{name}>").bytes());
    shown
}

fn json(text: &[u8]) -> Vec<u8> {
    let mut shown = vec![b'"'];
    for byte in text {
        match byte {
            0x08 => shown.extend(b"\\b"),
            0x0c => shown.extend(b"\\f"),
            b'\n' => shown.extend(b"\\n"),
            b'\r' => shown.extend(b"\\r"),
            b'\t' => shown.extend(b"\\t"),
            b'"' | b'\\' => shown.extend([b'\\', *byte]),
            0x01..0x20 => shown.extend(format!("\\u{byte:04x}").bytes()),
            byte => shown.push(*byte),
        }
    }
    shown.push(b'"');
    shown
}

/// `Tue Nov 14 22:13:20 2023`, or `Tue Nov 14 2023`.
fn date(seconds: u64, with_time: bool) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    // Times of headers have 32 bits; no later year is asked for.
    let seconds = seconds & u64::from(u32::MAX);
    let (day, time) = (seconds / 86_400, seconds % 86_400);
    let (year, month, of_month) = civil(day);
    let weekday = DAYS[usize::try_from(day % 7).unwrap_or(0)];
    let month = MONTHS[month];
    if with_time {
        let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
        format!("{weekday} {month} {of_month:>2} {hour:02}:{minute:02}:{second:02} {year}")
    } else {
        format!("{weekday} {month} {of_month:02} {year}")
    }
}

/// Year, month from 0, day from 1 of a day counted from 1970.
fn civil(mut day: u64) -> (u64, usize, u64) {
    let mut year = 1970;
    let is_leap =
        |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    loop {
        let length = if is_leap(year) { 366 } else { 365 };
        if day < length {
            break;
        }
        day -= length;
        year += 1;
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    for (month, length) in lengths.into_iter().enumerate() {
        if day < length {
            return (year, month, day + 1);
        }
        day -= length;
    }
    (year, 11, 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_date_1() {
        assert_eq!(date(1_700_000_000, true), "Tue Nov 14 22:13:20 2023");
        assert_eq!(date(951_782_400, true), "Tue Feb 29 00:00:00 2000");
        assert_eq!(date(0, false), "Thu Jan 01 1970");
        assert_eq!(date(4_294_967_295, true), "Sun Feb  7 06:28:15 2106");
    }

    #[test]
    fn words_of_numbers() {
        assert_eq!(permissions(0o104_711), "-rws--x--x");
        assert_eq!(permissions(0o041_776), "drwxrwxrwT");
        assert_eq!(comparison(0b1010), "<=");
        assert_eq!(human(1536, BINARY_STEP), "1.5K");
        assert_eq!(human(0, DECIMAL_STEP), "0");
        assert_eq!(verification(0b11, true), "S.5......");
        assert_eq!(dependency_type(u64::from(sense::SCRIPT_PRE | sense::SCRIPT_POST)), "pre,post");
    }
}
