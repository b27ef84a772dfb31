//! TOML text, in; typed tables whose every value knows its place, out. Everything wrong is reported and reading goes on.
//! Nothing here reads a disk, fills a default or looks from one table into another.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::{Deref, Range};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::nearest::advice;
use crate::place::{Located, Place};
use crate::problem::Collector;

/// A TOML value with its place.
pub(crate) type Node<'text> = Spanned<DeValue<'text>>;

/// A string with its place.
pub(crate) type Text = Located<String>;

/// Reading a value of this type out of TOML.
pub(crate) trait Decode: Sized {
    /// The value, or nothing after a problem was reported.
    fn decode(node: &Node<'_>, reader: &mut Reader<'_>) -> Option<Self>;

    /// The value of an absent key, or nothing if the key is required.
    fn absent() -> Option<Self> {
        None
    }
}

/// Where reading stands: the file, the tables around, and the problems so far.
pub(crate) struct Reader<'a> {
    pub(crate) collector: &'a mut Collector,
    file: u32,
    path: Vec<String>,
}

/// A table whose keys are names chosen by the author; each value's place is that of its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Entries<T>(pub(crate) BTreeMap<String, Located<T>>);

/// Reads a whole file of one table type; `file` is its index among the collector's sources.
pub(crate) fn decode_file<T: Decode>(file: u32, collector: &mut Collector) -> Option<T> {
    let text = collector.sources.file(file).text.clone();
    let (table, errors) = DeTable::parse_recoverable(&text);
    let mut reader = Reader { collector, file, path: Vec::new() };
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        let place = reader.place(span);
        reader.collector.report(place, format!("this is not TOML: {}", error.message()));
    }
    // Past a syntax error the rest of the table is guesswork.
    if !errors.is_empty() {
        return None;
    }
    let span = table.span();
    let node = Spanned::new(span, DeValue::Table(table.into_inner()));
    T::decode(&node, &mut reader)
}

impl<'a> Reader<'a> {
    pub(crate) fn place(&self, span: Range<usize>) -> Place {
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Place { file: self.file, start: offset(span.start), end: offset(span.end) }
    }

    /// The table in `node`, with a problem for every key that is not one of `known`.
    pub(crate) fn table<'n, 't>(&mut self, node: &'n Node<'t>, known: &[&str]) -> Option<&'n DeTable<'t>> {
        let DeValue::Table(table) = node.get_ref() else {
            self.mismatch(node, "a table");
            return None;
        };
        for key in table.keys() {
            let name = key.get_ref().as_ref();
            if !known.contains(&name) {
                let message = format!("unknown key `{name}` {}", self.whereabouts());
                let place = self.place(key.span());
                match advice(name, known.iter().copied()) {
                    Some(hint) => self.collector.report_hinted(place, message, hint),
                    None => self.collector.report(place, message),
                }
            }
        }
        Some(table)
    }

    /// The value of one key of a table.
    pub(crate) fn field<T: Decode>(
        &mut self,
        table: &DeTable<'_>,
        around: Range<usize>,
        key: &str,
    ) -> Option<T> {
        let Some((_, node)) = table.get_key_value(key) else {
            let absent = T::absent();
            if absent.is_none() {
                let place = self.place(around);
                let message = format!("key `{key}` is missing {}", self.whereabouts());
                self.collector.report(place, message);
            }
            return absent;
        };
        self.inside(key, |reader| T::decode(node, reader))
    }

    fn inside<R>(&mut self, step: &str, read: impl FnOnce(&mut Self) -> R) -> R {
        let bare = step.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        self.path.push(if bare { step.to_owned() } else { format!("\"{step}\"") });
        let result = read(self);
        self.path.pop();
        result
    }

    /// `in [distros.fedora]`, or `at the top level`.
    fn whereabouts(&self) -> String {
        if self.path.is_empty() {
            "at the top level".to_owned()
        } else {
            format!("in [{}]", self.path.join("."))
        }
    }

    pub(crate) fn mismatch(&mut self, node: &Node<'_>, expected: &str) {
        let found = match node.get_ref() {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a float",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "an array",
            DeValue::Table(_) => "a table",
        };
        let place = self.place(node.span());
        let subject = self.path.join(".");
        let message = format!("`{subject}` is {found}, expected {expected}");
        match node.get_ref() {
            DeValue::Datetime(_) if expected == "a string" => {
                self.collector.report_hinted(place, message, "put it between quotes");
            }
            _ => self.collector.report(place, message),
        }
    }

    /// Reports that a word is none of the allowed ones.
    pub(crate) fn no_choice(&mut self, node: &Node<'_>, word: &str, allowed: &[&str]) {
        let place = self.place(node.span());
        let message = format!("`{word}` is no value of `{}`", self.path.join("."));
        match advice(word, allowed.iter().copied()) {
            Some(hint) => self.collector.report_hinted(place, message, hint),
            None => self.collector.report(place, message),
        }
    }
}

impl Decode for String {
    fn decode(node: &Node<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        match node.get_ref() {
            DeValue::String(text) => Some(text.clone().into_owned()),
            _ => {
                reader.mismatch(node, "a string");
                None
            }
        }
    }
}

impl Decode for bool {
    fn decode(node: &Node<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        match node.get_ref() {
            DeValue::Boolean(value) => Some(*value),
            _ => {
                reader.mismatch(node, "a boolean");
                None
            }
        }
    }
}

macro_rules! decode_integer {
    ($($integer:ty),*) => {$(
        impl Decode for $integer {
            fn decode(node: &Node<'_>, reader: &mut Reader<'_>) -> Option<Self> {
                let DeValue::Integer(integer) = node.get_ref() else {
                    reader.mismatch(node, "an integer");
                    return None;
                };
                let value = <$integer>::from_str_radix(&integer.as_str().replace('_', ""), integer.radix());
                if value.is_err() {
                    let place = reader.place(node.span());
                    let message = format!("`{}` must lie between {} and {}", reader.path.join("."), <$integer>::MIN, <$integer>::MAX);
                    reader.collector.report(place, message);
                }
                value.ok()
            }
        }
    )*};
}
decode_integer!(u32, u64, i64);

impl<T: Decode> Decode for Located<T> {
    fn decode(node: &Node<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let place = reader.place(node.span());
        Some(Located::new(T::decode(node, reader)?, place))
    }
}

impl<T: Decode> Decode for Box<T> {
    fn decode(node: &Node<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        T::decode(node, reader).map(Box::new)
    }
}

impl<T: Decode> Decode for Option<T> {
    // A bad optional value is reported; the table around it stays readable.
    fn decode(node: &Node<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        Some(T::decode(node, reader))
    }
    fn absent() -> Option<Self> {
        Some(None)
    }
}

impl<T: Decode> Decode for Vec<T> {
    fn decode(node: &Node<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let DeValue::Array(array) = node.get_ref() else {
            reader.mismatch(node, "an array");
            return None;
        };
        let items = array.iter().enumerate();
        Some(
            items
                .filter_map(|(index, item)| {
                    reader.inside(&index.to_string(), |reader| T::decode(item, reader))
                })
                .collect(),
        )
    }
}

impl<T: Decode> Decode for Entries<T> {
    fn decode(node: &Node<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let DeValue::Table(table) = node.get_ref() else {
            reader.mismatch(node, "a table");
            return None;
        };
        let mut entries = BTreeMap::new();
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            let place = reader.place(key.span());
            if let Some(entry) = reader.inside(name, |reader| T::decode(value, reader)) {
                entries.insert(name.to_owned(), Located::new(entry, place));
            }
        }
        Some(Self(entries))
    }
    fn absent() -> Option<Self> {
        Some(Self::default())
    }
}

impl<T> Default for Entries<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T> Deref for Entries<T> {
    type Target = BTreeMap<String, Located<T>>;
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<T: JsonSchema> JsonSchema for Entries<T> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        format!("Entries_{}", T::schema_name()).into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        BTreeMap::<String, T>::json_schema(generator)
    }
}

/// A struct that is a TOML table: each field with the key it stands for. Yields reading and JSON schema.
macro_rules! table {
    (
        $(#[$meta:meta])*
        $visibility:vis struct $name:ident {
            $( $(#[$field_meta:meta])* $key:literal => $field:ident : $type:ty ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, schemars::JsonSchema)]
        #[schemars(deny_unknown_fields)]
        $visibility struct $name {
            $( $(#[$field_meta])* #[schemars(rename = $key)] $visibility $field: $type, )*
        }

        impl crate::decode::Decode for $name {
            fn decode(node: &crate::decode::Node<'_>, reader: &mut crate::decode::Reader<'_>) -> Option<Self> {
                let table = reader.table(node, &[$($key),*])?;
                $( let $field = reader.field(table, node.span(), $key); )*
                Some(Self { $( $field: $field?, )* })
            }
        }
    };
}
pub(crate) use table;

/// An enum that is a TOML string: each variant with its word. Yields reading, printing and JSON schema.
macro_rules! choice {
    (
        $(#[$meta:meta])*
        $visibility:vis enum $name:ident {
            $( $(#[$variant_meta:meta])* $word:literal => $variant:ident ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, schemars::JsonSchema)]
        $visibility enum $name {
            $( $(#[$variant_meta])* #[serde(rename = $word)] $variant, )*
        }

        impl $name {
            /// The word that stands for this in a definition file.
            $visibility fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $word, )* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(self.as_str())
            }
        }

        impl crate::decode::Decode for $name {
            fn decode(node: &crate::decode::Node<'_>, reader: &mut crate::decode::Reader<'_>) -> Option<Self> {
                let word = <String as crate::decode::Decode>::decode(node, reader)?;
                match word.as_str() {
                    $( $word => Some(Self::$variant), )*
                    other => {
                        reader.no_choice(node, other, &[$($word),*]);
                        None
                    }
                }
            }
        }
    };
}
pub(crate) use choice;
