//! Source and Patch tags and lists, in; numbered files that macros and Lua can name, out.

use super::{ReadError, Reader, SpecProblem, Strip};
use crate::expand::{NumberedFile, shown};
use crate::macros::table::Entry;
use crate::scan::trim;
use crate::spec::sections::{Part, part_of};
use crate::unknown::is_unknown;

/// A source or patch that was read.
#[derive(Debug)]
pub(super) struct SourceState {
    pub(super) file: NumberedFile,
    /// As it was written.
    pub(super) location: Vec<u8>,
    pub(super) is_withheld: bool,
}

fn kind(is_patch: bool) -> &'static str {
    if is_patch { "patch" } else { "source" }
}

impl Reader {
    /// `number` is what stands between `Source` and the colon.
    pub(super) fn add_source(
        &mut self,
        is_patch: bool,
        number: &[u8],
        field: &[u8],
    ) -> Result<(), SpecProblem> {
        let taken = |reader: &Self, number: u32| {
            reader
                .sources
                .iter()
                .any(|source| source.file.is_patch == is_patch && source.file.number == number)
        };
        let of_kind = self.sources.iter().filter(|source| source.file.is_patch == is_patch);
        let number = if number.is_empty() {
            // Counting goes on from the highest number.
            of_kind.map(|source| source.file.number).max().map_or(0, |last| last.saturating_add(1))
        } else {
            parse_number(number).ok_or_else(|| SpecProblem::Number(shown(&self.line)))?
        };
        if taken(self, number) {
            return Err(SpecProblem::Twice { kind: kind(is_patch), number });
        }
        let name = file_name(field);
        let folder = self.engine.expand(b"%{_sourcedir}/")?;
        let path = clean([folder, self.engine.expand(name)?].concat());
        let file = NumberedFile { is_patch, number, name: name.to_vec(), path };
        let macros = if is_patch { "PATCH" } else { "SOURCE" };
        self.engine.push(Entry::plain(format!("{macros}{number}").as_bytes(), &file.path));
        self.engine.push(Entry::plain(format!("{macros}URL{number}").as_bytes(), field));
        if let Some(lua) = self.engine.lua_if_used() {
            lua.add_source(&file)?;
        }
        self.engine.sources.borrow_mut().push(file.clone());
        self.sources.push(SourceState { file, location: field.to_vec(), is_withheld: false });
        Ok(())
    }

    /// `NoSource` and `NoPatch`.
    pub(super) fn withhold(&mut self, is_patch: bool, field: &[u8]) -> Result<(), SpecProblem> {
        let words = field.split(|byte| crate::scan::is_space(*byte) || *byte == b',');
        for word in words.filter(|word| !word.is_empty()) {
            let missing = || SpecProblem::NoSuchSource { kind: kind(is_patch), number: shown(word) };
            let number = parse_number(word).ok_or_else(missing)?;
            let mut sources = self.sources.iter_mut();
            let found =
                sources.find(|source| source.file.is_patch == is_patch && source.file.number == number);
            found.ok_or_else(missing)?.is_withheld = true;
        }
        Ok(())
    }

    /// %sourcelist or %patchlist: a source a line.
    pub(super) fn read_list(&mut self, is_patch: bool) -> Result<Option<Part>, ReadError> {
        while self.advance(Strip::CommentsAndEnds)? {
            if let Some(part) = part_of(&self.line) {
                return Ok(Some(part));
            }
            let line = trim(&self.line).to_vec();
            if !line.is_empty() {
                self.add_source(is_patch, b"", &line).map_err(|problem| self.problem(problem))?;
            }
        }
        Ok(None)
    }
}

/// The name that a source is stored under: what follows the last slash, of that what follows the last `=`.
fn file_name(location: &[u8]) -> &[u8] {
    let Some(slash) = location.iter().rposition(|byte| *byte == b'/').filter(|_| !is_only_mark(location))
    else {
        return location;
    };
    let name = &location[slash + 1..];
    name.iter().rposition(|byte| *byte == b'=').map_or(name, |equals| &name[equals + 1..])
}

fn is_only_mark(text: &[u8]) -> bool {
    is_unknown(text) && !text.contains(&b'/')
}

fn parse_number(text: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(trim(text)).ok()?;
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// A path with single slashes.
fn clean(path: Vec<u8>) -> Vec<u8> {
    let mut cleaned: Vec<u8> = Vec::with_capacity(path.len());
    for byte in path {
        if byte != b'/' || cleaned.last() != Some(&b'/') {
            cleaned.push(byte);
        }
    }
    cleaned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_sources_are_what_follows_the_last_slash() {
        let name = |location: &str| String::from_utf8(file_name(location.as_bytes()).to_vec()).unwrap();
        assert_eq!(name("https://example.org/a/b.tar.gz"), "b.tar.gz");
        assert_eq!(name("https://example.org/get?file=/x.tar#/y.tar"), "y.tar");
        assert_eq!(name("https://example.org/get?file=x.tar"), "x.tar");
        assert_eq!(name("local.patch"), "local.patch");
    }
}
