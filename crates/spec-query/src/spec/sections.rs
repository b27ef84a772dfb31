//! A section's first line, in; what kind of section it is, and the section read to its end, out.

use std::collections::BTreeSet;

use super::lines::Strip;
use super::packages::Named;
use super::{ReadError, Reader, SpecProblem};
use crate::expand::shown;
use crate::macros::builtin::Builtin;
use crate::macros::table::Entry;
use crate::scan::{is_space, left_call, trim};
use crate::unknown::{first_mark, is_unknown};
use crate::words::{self, SectionLine};

/// A kind of section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Preamble,
    /// %prep to %clean, by its word without the percent sign.
    Build(&'static str),
    /// A scriptlet or trigger, by its word.
    Script(&'static str),
    Files,
    Changelog,
    Description,
    Policies,
    PatchList,
    SourceList,
    End,
}

const PARTS: [(&str, Part); 39] = [
    ("%package", Part::Preamble),
    ("%prep", Part::Build("prep")),
    ("%generate_buildrequires", Part::Build("generate_buildrequires")),
    ("%conf", Part::Build("conf")),
    ("%build", Part::Build("build")),
    ("%install", Part::Build("install")),
    ("%check", Part::Build("check")),
    ("%clean", Part::Build("clean")),
    ("%preun", Part::Script("%preun")),
    ("%postun", Part::Script("%postun")),
    ("%pretrans", Part::Script("%pretrans")),
    ("%posttrans", Part::Script("%posttrans")),
    ("%preuntrans", Part::Script("%preuntrans")),
    ("%postuntrans", Part::Script("%postuntrans")),
    ("%pre", Part::Script("%pre")),
    ("%post", Part::Script("%post")),
    ("%files", Part::Files),
    ("%changelog", Part::Changelog),
    ("%description", Part::Description),
    ("%triggerpostun", Part::Script("%triggerpostun")),
    ("%triggerprein", Part::Script("%triggerprein")),
    ("%triggerun", Part::Script("%triggerun")),
    ("%triggerin", Part::Script("%triggerin")),
    ("%trigger", Part::Script("%triggerin")),
    ("%verifyscript", Part::Script("%verifyscript")),
    ("%sepolicy", Part::Policies),
    ("%filetriggerin", Part::Script("%filetriggerin")),
    ("%filetrigger", Part::Script("%filetriggerin")),
    ("%filetriggerun", Part::Script("%filetriggerun")),
    ("%filetriggerpostun", Part::Script("%filetriggerpostun")),
    ("%transfiletriggerin", Part::Script("%transfiletriggerin")),
    ("%transfiletrigger", Part::Script("%transfiletriggerin")),
    ("%transfiletriggerun", Part::Script("%transfiletriggerun")),
    ("%transfiletriggerpostun", Part::Script("%transfiletriggerpostun")),
    ("%end", Part::End),
    ("%patchlist", Part::PatchList),
    ("%sourcelist", Part::SourceList),
    // Never reached: end the table.
    ("\0", Part::End),
    ("\0", Part::End),
];

/// Sections of which a spec may have one.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) build: BTreeSet<&'static str>,
    pub(super) changelog: bool,
}

/// Words of %files that look like macros.
const FILE_DIRECTIVES: [&str; 19] = [
    "artifact",
    "attr",
    "caps",
    "config",
    "defattr",
    "dev",
    "dir",
    "doc",
    "docdir",
    "exclude",
    "ghost",
    "lang",
    "license",
    "missingok",
    "pubkey",
    "readme",
    "verify",
    "setup",
    "patch",
];

/// The sections of a build system, in the order in which rpm asks for them; the two that it must have.
const BUILD_SECTIONS: [(&str, bool); 7] = [
    ("prep", false),
    ("conf", false),
    ("generate_buildrequires", false),
    ("build", true),
    ("install", true),
    ("check", false),
    ("clean", false),
];

/// The section that a line begins; the word has to stand in the first column.
pub(super) fn part_of(line: &[u8]) -> Option<Part> {
    if line.first() != Some(&b'%') {
        return None;
    }
    let found = PARTS.iter().find(|(word, _)| {
        let start = line.get(..word.len());
        let ends = line.get(word.len()).copied().is_none_or(is_space);
        ends && start.is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
    });
    found.map(|(_, part)| *part)
}

impl Reader {
    /// Reads a section whose first line is the current one; returns the next section.
    pub(super) fn read_section(&mut self, part: Part, before: Part) -> Result<Option<Part>, ReadError> {
        self.engine.in_script.set(matches!(part, Part::Build(_) | Part::Script(_)));
        let next = self.read_part(part, before);
        self.engine.in_script.set(false);
        next
    }

    fn read_part(&mut self, part: Part, before: Part) -> Result<Option<Part>, ReadError> {
        match part {
            Part::Preamble => Ok(None),
            Part::Build(word) => self.read_build_script(word),
            Part::Script(word) => self.read_script(word),
            Part::Files => self.read_files(),
            Part::Changelog => self.read_changelog(),
            Part::Description => self.read_description(),
            Part::Policies => self.skip_section(Strip::Comments),
            Part::PatchList => self.read_list(true),
            Part::SourceList => self.read_list(false),
            Part::End => self.read_end(before),
        }
    }

    /// Reads to the next section.
    pub(super) fn skip_section(&mut self, strip: Strip) -> Result<Option<Part>, ReadError> {
        while self.advance(strip)? {
            if let Some(part) = part_of(&self.line) {
                return Ok(Some(part));
            }
            self.doubt_line();
        }
        Ok(None)
    }

    /// A line that is not known, or a macro that nothing defines, could begin a section or describe a package.
    /// In a script that is as unlikely as it is common.
    fn doubt_line(&self) {
        if self.engine.in_script.get() {
            return;
        }
        let line = self.line.as_slice();
        // A path or a word made with it begins no section.
        let stands_alone = |length: usize| line.get(length).is_none_or(|next| is_space(*next));
        let alone = |mark: &&[u8]| line.starts_with(mark) && stands_alone(mark.len());
        if let Some(mark) = first_mark(line).filter(alone) {
            let reason = self.engine.unknowns.reasons_in(mark).join(", ");
            self.engine.doubt(format!("a line is not known ({reason}): what it adds is missing"));
            return;
        }
        let Some(call) = left_call(line).filter(|call| line.starts_with(call)) else { return };
        let name = call.strip_prefix(b"%").unwrap_or(call);
        if stands_alone(call.len()) && !FILE_DIRECTIVES.iter().any(|directive| directive.as_bytes() == name) {
            self.engine.doubt(format!("macro {} is not defined: what it adds is missing", shown(call)));
        }
    }

    fn read_build_script(&mut self, word: &'static str) -> Result<Option<Part>, ReadError> {
        let wrong = || self.problem(SpecProblem::SectionLine(shown(&self.line)));
        let line = SectionLine::read(&self.line, b"ap").ok_or_else(wrong)?;
        if line.has(b'a') && line.has(b'p') {
            return Err(wrong());
        }
        let adds = line.has(b'a') || line.has(b'p');
        if !adds && !self.seen.build.insert(word) {
            return Err(self.problem(SpecProblem::SecondSection(format!("%{word}"))));
        }
        if word != "prep" {
            return self.skip_section(Strip::Nothing);
        }
        self.engine.push(Entry::builtin(Builtin::Setup));
        self.engine.push(Entry::builtin(Builtin::ApplyPatch));
        let next = self.skip_section(Strip::Nothing);
        self.engine.pop(b"patch");
        self.engine.pop(b"setup");
        next
    }

    fn read_files(&mut self) -> Result<Option<Part>, ReadError> {
        // `%license` is a directive in here, whatever the tag of that name is.
        self.engine.push(Entry::literal(b"license", b"%license"));
        let line = self.section_line(b"n:f:")?;
        let package = self.find_package(&line)?;
        self.packages[package].is_built = true;
        let next = self.skip_section(Strip::Comments);
        self.engine.pop(b"license");
        next
    }

    fn read_description(&mut self) -> Result<Option<Part>, ReadError> {
        let named = self.section_line(b"n:l:")?;
        let package = self.find_package(&named)?;
        self.packages[package].has_description = true;
        self.skip_section(Strip::CommentsAndEnds)
    }

    fn read_changelog(&mut self) -> Result<Option<Part>, ReadError> {
        if std::mem::replace(&mut self.seen.changelog, true) {
            return Err(self.problem(SpecProblem::SecondSection("%changelog".to_owned())));
        }
        while self.advance(Strip::Comments)? {
            if let Some(part) = part_of(&self.line) {
                return Ok(Some(part));
            }
        }
        Ok(None)
    }

    /// `%end` closes a section; what follows it belongs to none until another begins.
    fn read_end(&mut self, before: Part) -> Result<Option<Part>, ReadError> {
        let rest = trim(self.line.get("%end".len()..).unwrap_or_default());
        if !rest.is_empty() || before == Part::End {
            return Err(self.problem(SpecProblem::SectionLine(shown(&self.line))));
        }
        while self.advance(Strip::CommentsAndEnds)? {
            if let Some(part) = part_of(&self.line) {
                return Ok(Some(part));
            }
            if !trim(&self.line).is_empty() {
                return Err(self.problem(SpecProblem::NoSection(shown(&self.line))));
            }
        }
        Ok(None)
    }

    /// Which package the current line is about.
    fn section_line(&self, letters: &[u8]) -> Result<Named, ReadError> {
        let wrong = || self.problem(SpecProblem::SectionLine(shown(&self.line)));
        let line = SectionLine::read(&self.line, letters).ok_or_else(wrong)?;
        self.named(&line)
    }

    /// Which package a section's line is about.
    pub(super) fn named(&self, line: &SectionLine) -> Result<Named, ReadError> {
        let wrong = || self.problem(SpecProblem::SectionLine(shown(&self.line)));
        match (line.value(b'n'), line.words.as_slice()) {
            (Some(name), []) => Ok(Named::Whole(name.to_vec())),
            (None, []) => Ok(Named::Main),
            (None, [name]) => Ok(Named::Sub(name.clone())),
            _ => Err(wrong()),
        }
    }

    /// `BuildSystem` of a name whose macros have to be there.
    pub(super) fn check_build_system(&self, name: &[u8]) -> Result<(), SpecProblem> {
        if is_unknown(name) || left_call(name).is_some() {
            return Ok(());
        }
        let missing = BUILD_SECTIONS.iter().any(|(section, required)| {
            *required && !self.is_call([b"buildsystem_", name, b"_", section.as_bytes()].concat().as_slice())
        });
        if missing { Err(SpecProblem::BuildSystem(shown(name))) } else { Ok(()) }
    }

    /// `BuildOption(section): words`, of %conf unless another is named.
    pub(super) fn take_build_option(&mut self, section: &[u8], field: &[u8]) -> Result<(), SpecProblem> {
        let section = if section.is_empty() { b"conf".as_slice() } else { section };
        let known = BUILD_SECTIONS.iter().find(|(name, _)| name.as_bytes() == section);
        let (name, _) = known.ok_or_else(|| SpecProblem::BuildOption(shown(section)))?;
        self.source.build_options.entry(name).or_default().push(field.to_vec());
        Ok(())
    }

    /// Sections that the build system has and the spec does not.
    pub(super) fn read_build_system(&mut self) -> Result<(), ReadError> {
        let name = self.engine.expand(b"%{?buildsystem}").map_err(|error| self.problem(error))?;
        if name.is_empty() {
            return Ok(());
        }
        let mut text = Vec::new();
        for (section, _) in BUILD_SECTIONS {
            if self.seen.build.contains(section) {
                continue;
            }
            let own = [b"buildsystem_", name.as_slice(), b"_", section.as_bytes()].concat();
            let default = [b"buildsystem_default_", section.as_bytes()].concat();
            let Some(call) = [own, default].into_iter().find(|call| self.is_call(call)) else { continue };
            let mut words = self.source.build_options.get(section).cloned().unwrap_or_default();
            if !words.is_empty() {
                words.insert(0, b"--".to_vec());
            }
            text.extend([b"%", section.as_bytes(), b"\n%", &call, b" ", &words.join(&b' '), b"\n"].concat());
        }
        self.lines.open(b"build system", text);
        self.read_sections().map(drop)
    }

    fn is_call(&self, name: &[u8]) -> bool {
        self.engine.entry(name).is_some_and(|entry| entry.options.is_some())
    }

    /// What rpm wants a main package to have.
    pub(super) fn check_required(&self) -> Result<(), ReadError> {
        let tags = &self.packages[0].tags;
        for (word, name) in [("summary", "Summary"), ("license", "License")] {
            if !tags.contains_key(word) {
                return Err(self.problem(SpecProblem::Missing(name)));
            }
        }
        Ok(())
    }

    /// Words of a line, as popt splits them.
    pub(super) fn split_words(&self, text: &[u8]) -> Result<Vec<Vec<u8>>, ReadError> {
        words::split(text).ok_or_else(|| self.problem(SpecProblem::SectionLine(shown(text))))
    }
}
