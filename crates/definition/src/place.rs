//! The text of every file read, in; where each value stands in it, out.
//! Nothing here reads a disk.

use std::fmt;
use std::ops::Deref;
use std::ops::Range;
use std::path::{Path, PathBuf};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, Serializer};

/// A stretch of one definition file: offsets are bytes from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    pub(crate) file: u32,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// A value and where a definition file states it; equality looks at the value alone.
#[derive(Clone, Copy)]
pub struct Located<T> {
    /// The value as read.
    pub value: T,
    /// Where it was read.
    pub place: Place,
}

/// The files a definition was read from, kept so that later stages can point into them.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    files: Vec<SourceFile>,
}

/// One definition file.
#[derive(Debug, Clone)]
pub(crate) struct SourceFile {
    /// Absolute path; relative paths in the file count from its folder.
    pub(crate) path: PathBuf,
    /// The path as messages print it.
    pub(crate) shown: String,
    pub(crate) text: String,
}

/// A place counted as people count: line and column from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineColumn {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl Sources {
    pub(crate) fn add(&mut self, path: PathBuf, shown: String, text: String) -> u32 {
        self.files.push(SourceFile { path, shown, text });
        u32::try_from(self.files.len() - 1).unwrap_or(u32::MAX)
    }

    pub(crate) fn file(&self, index: u32) -> &SourceFile {
        &self.files[index as usize]
    }

    /// The file a place lies in.
    pub fn path(&self, place: Place) -> &Path {
        &self.file(place.file).path
    }

    /// `file:line:column`, as messages print it.
    pub fn describe(&self, place: Place) -> String {
        let LineColumn { line, column } = self.line_column(place);
        format!("{}:{line}:{column}", self.file(place.file).shown)
    }

    /// Line and column of a place's first character.
    pub fn line_column(&self, place: Place) -> LineColumn {
        let text = &self.file(place.file).text;
        let before = text.get(..place.start as usize).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        LineColumn {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }

    /// The whole line a place begins on, and the part of it the place covers, in bytes.
    pub(crate) fn line(&self, place: Place) -> (&str, Range<usize>) {
        let text = self.file(place.file).text.as_str();
        let start = (place.start as usize).min(text.len());
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |newline| start + newline);
        let line = text[line_start..line_end].trim_end_matches('\r');
        let from = (start - line_start).min(line.len());
        let to = ((place.end as usize).saturating_sub(line_start)).clamp(from, line.len());
        (line, from..to)
    }

    /// A path written in a definition file, made absolute against the folder of that file.
    pub fn anchor(&self, path: &Located<String>) -> PathBuf {
        let folder = self.path(path.place).parent().unwrap_or(Path::new("/"));
        clean(&folder.join(&path.value))
    }
}

/// `path` without `.` and with every `..` taken off its parent, by text alone.
pub(crate) fn clean(path: &Path) -> PathBuf {
    let mut cleaned = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                cleaned.pop();
            }
            other => cleaned.push(other),
        }
    }
    cleaned
}

impl<T> Located<T> {
    pub(crate) fn new(value: T, place: Place) -> Self {
        Self { value, place }
    }
}

impl<T> Deref for Located<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: PartialEq> PartialEq for Located<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Eq> Eq for Located<T> {}

impl<T: fmt::Debug> fmt::Debug for Located<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(formatter)
    }
}

impl<T: fmt::Display> fmt::Display for Located<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(formatter)
    }
}

impl<T: Serialize> Serialize for Located<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

impl<T: JsonSchema> JsonSchema for Located<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }
    fn schema_id() -> std::borrow::Cow<'static, str> {
        T::schema_id()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}
