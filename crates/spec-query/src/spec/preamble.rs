//! A preamble or %package section, in; tags and dependencies of its package, out.

use super::characters::{check_name, check_sub_name, check_version};
use super::dependencies::{self, Rules};
use super::lines::Strip;
use super::packages::{Named, PackageState};
use super::sections::{Part, part_of};
use super::{ReadError, Reader, SpecProblem};
use crate::evaluation::RelationKind;
use crate::expand::shown;
use crate::macros::table::Entry;
use crate::scan::{is_blank, is_space, left_call, trim, trim_start};
use crate::unknown::is_unknown;
use crate::words;

/// What follows a preamble.
pub(super) enum Next {
    Part(Option<Part>),
    /// The spec has to be read again for these.
    Architectures(Vec<Vec<u8>>),
}

/// What a tag is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    Name,
    Version,
    Release,
    Epoch,
    /// A text that a package has.
    Text,
    /// A text of one word.
    Word,
    Source,
    Patch,
    NoSource,
    NoPatch,
    ExcludeArch,
    ExclusiveArch,
    Depends(RelationKind),
    BuildRequires,
    BuildConflicts,
    BuildArch,
    BuildSystem,
    BuildOption,
    DocumentFolder,
    /// Nothing that is asked for.
    Ignored,
}

/// What may stand between a tag's name and the colon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Parameter {
    Nothing,
    Number,
    Language,
    Qualifiers,
}

struct Tag {
    word: &'static str,
    subject: Subject,
    parameter: Parameter,
    /// Its value is a macro of that name from then on.
    is_macro: bool,
}

const fn tag(word: &'static str, subject: Subject, parameter: Parameter, is_macro: bool) -> Tag {
    Tag { word, subject, parameter, is_macro }
}

/// A tag whose name begins like another's comes first, as in rpm's table: the first that fits is the one.
const TAGS: [Tag; 54] = {
    use Parameter::{Language, Nothing, Number, Qualifiers};
    use RelationKind as Kind;
    use Subject::*;
    [
        tag("name", Name, Nothing, true),
        tag("version", Version, Nothing, true),
        tag("release", Release, Nothing, true),
        tag("epoch", Epoch, Nothing, true),
        tag("summary", Text, Language, true),
        tag("license", Text, Nothing, true),
        tag("sourcelicense", Ignored, Nothing, true),
        tag("distribution", Text, Nothing, true),
        tag("disturl", Ignored, Nothing, true),
        tag("vendor", Text, Nothing, true),
        tag("group", Text, Language, true),
        tag("packager", Text, Nothing, true),
        tag("url", Word, Nothing, true),
        tag("vcs", Word, Nothing, true),
        tag("source", Source, Number, false),
        tag("patch", Patch, Number, false),
        tag("nosource", NoSource, Nothing, false),
        tag("nopatch", NoPatch, Nothing, false),
        tag("excludearch", ExcludeArch, Nothing, false),
        tag("exclusivearch", ExclusiveArch, Nothing, false),
        tag("excludeos", Ignored, Nothing, false),
        tag("exclusiveos", Ignored, Nothing, false),
        tag("icon", Ignored, Nothing, false),
        tag("provides", Depends(Kind::Provides), Nothing, false),
        tag("requires", Depends(Kind::Requires), Qualifiers, false),
        tag("recommends", Depends(Kind::Recommends), Qualifiers, false),
        tag("suggests", Depends(Kind::Suggests), Qualifiers, false),
        tag("supplements", Depends(Kind::Supplements), Qualifiers, false),
        tag("enhances", Depends(Kind::Enhances), Qualifiers, false),
        tag("prereq", Depends(Kind::Requires), Qualifiers, false),
        tag("conflicts", Depends(Kind::Conflicts), Nothing, false),
        tag("obsoletes", Depends(Kind::Obsoletes), Nothing, false),
        tag("prefixes", Ignored, Nothing, true),
        tag("prefix", Ignored, Nothing, true),
        tag("buildroot", Ignored, Nothing, false),
        tag("buildarchitectures", BuildArch, Nothing, false),
        tag("buildarch", BuildArch, Nothing, false),
        tag("buildconflicts", BuildConflicts, Nothing, false),
        tag("buildoption", BuildOption, Qualifiers, false),
        tag("buildprereq", BuildRequires, Nothing, false),
        tag("buildrequires", BuildRequires, Nothing, false),
        tag("buildsystem", BuildSystem, Nothing, true),
        tag("autoreqprov", Ignored, Nothing, false),
        tag("autoreq", Ignored, Nothing, false),
        tag("autoprov", Ignored, Nothing, false),
        tag("docdir", DocumentFolder, Nothing, false),
        tag("disttag", Word, Nothing, true),
        tag("bugurl", Word, Nothing, true),
        tag("translationurl", Text, Nothing, true),
        tag("upstreamreleases", Text, Nothing, true),
        tag("orderwithrequires", Depends(Kind::Orders), Qualifiers, false),
        tag("removepathpostfixes", Ignored, Nothing, true),
        tag("modularitylabel", Word, Nothing, true),
        // Never reached: ends the table.
        tag("\0", Ignored, Nothing, false),
    ]
};

impl Reader {
    /// Reads up to the next section; `initial` means the main package's preamble.
    pub(super) fn read_preamble(&mut self, initial: bool) -> Result<Next, ReadError> {
        let package = if initial { self.main_package() } else { self.new_package()? };
        let mut next = None;
        while self.advance(Strip::CommentsAndEnds)? {
            next = part_of(&self.line);
            if next.is_some() {
                break;
            }
            if trim(&self.line).is_empty() {
                continue;
            }
            self.read_tag(package)?;
            if let Some(names) = self.build_architectures.as_ref().filter(|_| !self.again) {
                return Ok(Next::Architectures(names.clone()));
            }
        }
        if initial {
            self.end_main_preamble()?;
        }
        Ok(Next::Part(next))
    }

    fn main_package(&mut self) -> usize {
        if self.packages.is_empty() {
            self.packages.push(PackageState::default());
        }
        0
    }

    /// `%package name` or `%package -n name`.
    fn new_package(&mut self) -> Result<usize, ReadError> {
        let bad = |reader: &Self| reader.problem(SpecProblem::BadPackage(shown(&reader.line)));
        let words: Vec<Vec<u8>> = self
            .line
            .split(|byte| is_space(*byte))
            .filter(|word| !word.is_empty())
            .map(<[u8]>::to_vec)
            .collect();
        let named = match &words[1..] {
            [name] if name != b"-n" => Named::Sub(name.clone()),
            [option, name] if option == b"-n" => Named::Whole(name.clone()),
            _ => return Err(bad(self)),
        };
        let checked = match &named {
            Named::Sub(name) => check_sub_name(name),
            Named::Whole(name) => check_name(name),
            Named::Main => Ok(()),
        };
        checked.map_err(|problem| self.problem(problem))?;
        let name = self.new_name(&named)?;
        self.packages.push(PackageState { name, ..PackageState::default() });
        Ok(self.packages.len() - 1)
    }

    /// What macros name as soon as the main package is known.
    fn end_main_preamble(&mut self) -> Result<(), ReadError> {
        let main = &self.packages[0];
        let missing = [
            ("Name", main.name.is_empty()),
            ("Version", !main.tags.contains_key("version")),
            ("Release", !main.tags.contains_key("release")),
        ];
        if let Some((tag, _)) = missing.into_iter().find(|(_, missing)| *missing) {
            return Err(self.problem(SpecProblem::Missing(tag)));
        }
        let expand = |text: &[u8]| self.engine.expand(text).unwrap_or_default();
        let mut folder = expand(b"%{NAME}-%{VERSION}-build");
        for byte in &mut folder {
            if matches!(byte, b'^' | b'~') {
                *byte = b'_';
            }
        }
        let folder = [expand(b"%{_top_builddir}/"), folder].concat();
        let parts = [folder.as_slice(), b"/SPECPARTS"].concat();
        let root = [folder.as_slice(), b"/BUILDROOT"].concat();
        for (name, text) in
            [("_builddir", &folder), ("builddir", &folder), ("specpartsdir", &parts), ("buildroot", &root)]
        {
            self.engine.push(Entry::literal(name.as_bytes(), text));
        }
        self.engine.push(Entry::plain(b"_buildrootdir", b"%{dirname:%{buildroot}}"));
        Ok(())
    }

    fn read_tag(&mut self, package: usize) -> Result<(), ReadError> {
        let line = self.line.clone();
        let Some((tag, parameter)) = find(trim_start(&line)) else {
            return self.unknown_line(&line);
        };
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let field = trim(line.get(colon + 1..).unwrap_or_default()).to_vec();
        if field.is_empty() {
            return Err(self.problem(SpecProblem::EmptyTag(tag.word.to_owned())));
        }
        self.take(package, tag, &parameter, &field).map_err(|problem| self.problem(problem))?;
        if tag.is_macro {
            self.engine.push(Entry::plain(tag.word.as_bytes(), &field));
            if package == 0 {
                self.engine.push(Entry::plain(tag.word.to_uppercase().as_bytes(), &field));
            }
        }
        Ok(())
    }

    /// A line that is no tag may be what is left of a macro that nothing defines, or of one whose text is not known.
    fn unknown_line(&mut self, line: &[u8]) -> Result<(), ReadError> {
        let text = trim(line);
        let reasons = self.engine.unknowns.reasons_in(text);
        if is_unknown(text) {
            let left = reasons.join(", ");
            self.engine.doubt(format!("a line is not known ({left}): what it adds is missing"));
            return Ok(());
        }
        match left_call(text) {
            Some(call) if text.starts_with(call) => {
                let call = shown(call);
                self.engine.doubt(format!("macro {call} is not defined: what it adds is missing"));
                Ok(())
            }
            _ => Err(self.problem(SpecProblem::UnknownTag(shown(text)))),
        }
    }

    fn take(&mut self, package: usize, tag: &Tag, parameter: &[u8], field: &[u8]) -> Result<(), SpecProblem> {
        let single = || match field.iter().any(|byte| is_space(*byte)) {
            true => Err(SpecProblem::SingleWord(tag.word.to_owned())),
            false => Ok(()),
        };
        match tag.subject {
            Subject::Name => {
                single()?;
                check_name(field)?;
                self.packages[package].name = field.to_vec();
            }
            Subject::Version | Subject::Release => {
                single()?;
                check_version(field)?;
                self.set(package, tag.word, field);
            }
            Subject::Epoch => {
                single()?;
                self.take_epoch(package, field)?;
            }
            Subject::Word => {
                single()?;
                self.set(package, tag.word, field);
            }
            // A language other than the default has its own text.
            Subject::Text if matches!(parameter, b"" | b"C") => self.set(package, tag.word, field),
            Subject::Text | Subject::Ignored => {}
            Subject::Source => self.add_source(false, parameter, field)?,
            Subject::Patch => self.add_source(true, parameter, field)?,
            Subject::NoSource => self.withhold(false, field)?,
            Subject::NoPatch => self.withhold(true, field)?,
            Subject::ExclusiveArch => self.source.exclusive_arch.extend(list(tag, field)?),
            Subject::ExcludeArch => self.source.exclude_arch.extend(list(tag, field)?),
            Subject::Depends(kind) => self.take_dependencies(package, kind, tag, parameter, field)?,
            Subject::BuildRequires | Subject::BuildConflicts => {
                let rules = Rules { tag: tag.word, rich: true, packages_only: false, files_only: false };
                let found = dependencies::parse(field, rules, 0)?;
                let source = &mut self.source;
                let list = if tag.subject == Subject::BuildRequires {
                    &mut source.requires
                } else {
                    &mut source.conflicts
                };
                list.extend(found);
            }
            Subject::BuildArch => self.take_architectures(package, tag, field)?,
            Subject::BuildSystem => {
                single()?;
                self.check_build_system(field)?;
            }
            Subject::BuildOption => self.take_build_option(parameter, field)?,
            Subject::DocumentFolder => {
                single()?;
                self.engine.pop(b"_docdir");
                self.engine.push(Entry::plain(b"_docdir", field));
            }
        }
        Ok(())
    }

    fn set(&mut self, package: usize, word: &'static str, field: &[u8]) {
        self.packages[package].tags.entry(word).or_insert_with(|| field.to_vec());
    }

    fn take_epoch(&mut self, package: usize, field: &[u8]) -> Result<(), SpecProblem> {
        if is_unknown(field) {
            let reason = self.engine.unknowns.reasons_in(field).join(", ");
            self.engine.doubt(format!("the epoch is not known ({reason})"));
            return Ok(());
        }
        let text = String::from_utf8_lossy(field);
        match text.parse() {
            Ok(epoch) if field[0].is_ascii_digit() => {
                self.packages[package].epoch = Some(epoch);
                Ok(())
            }
            _ => Err(SpecProblem::Epoch(shown(field))),
        }
    }

    fn take_dependencies(
        &mut self,
        package: usize,
        kind: RelationKind,
        tag: &Tag,
        parameter: &[u8],
        field: &[u8],
    ) -> Result<(), SpecProblem> {
        let flags = match tag.word {
            // The old word for Requires(pre,preun), whatever stands in parentheses.
            "prereq" => dependencies::qualifiers(b"pre,preun"),
            _ => dependencies::qualifiers(parameter),
        };
        let flags = flags.ok_or_else(|| SpecProblem::Qualifiers(shown(parameter)))?;
        let plain = matches!(kind, RelationKind::Provides | RelationKind::Obsoletes | RelationKind::Orders);
        let rules = Rules {
            tag: tag.word,
            rich: !plain,
            packages_only: kind == RelationKind::Obsoletes,
            files_only: false,
        };
        for dependency in dependencies::parse(field, rules, flags)? {
            self.packages[package].depend(kind, dependency);
        }
        Ok(())
    }

    fn take_architectures(&mut self, package: usize, tag: &Tag, field: &[u8]) -> Result<(), SpecProblem> {
        let names = list(tag, field)?;
        if package == 0 {
            if self.build_architectures.is_some() {
                return Err(SpecProblem::SecondBuildArch);
            }
            self.build_architectures = Some(names).filter(|names| !names.is_empty());
            return Ok(());
        }
        if names != [b"noarch".to_vec()] && !is_unknown(field) {
            return Err(SpecProblem::SubArch(shown(field)));
        }
        self.packages[package].is_noarch = true;
        Ok(())
    }
}

fn list(tag: &Tag, field: &[u8]) -> Result<Vec<Vec<u8>>, SpecProblem> {
    words::split(field).ok_or_else(|| SpecProblem::SectionLine(format!("{}: {}", tag.word, shown(field))))
}

/// The tag that a line begins with, and what stands between its name and the colon.
fn find(line: &[u8]) -> Option<(&'static Tag, Vec<u8>)> {
    let begins = |tag: &&Tag| {
        line.get(..tag.word.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag.word.as_bytes()))
    };
    let tag = TAGS.iter().find(begins)?;
    let rest = trim_start(&line[tag.word.len()..]);
    match tag.parameter {
        Parameter::Number => {
            let end = rest.iter().position(|byte| *byte == b':' || is_blank(*byte))?;
            rest.contains(&b':').then(|| (tag, rest[..end].to_vec()))
        }
        _ if rest.first() == Some(&b':') => Some((tag, Vec::new())),
        Parameter::Nothing => None,
        Parameter::Language | Parameter::Qualifiers => {
            let rest = trim_start(rest.strip_prefix(b"(")?);
            let end = rest.iter().position(|byte| *byte == b')' || is_space(*byte))?;
            let after = trim_start(trim_start(&rest[end..]).strip_prefix(b")")?);
            after.starts_with(b":").then(|| (tag, rest[..end].to_vec()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_found_in_front_of_a_colon() {
        let find = |line: &str| {
            find(line.as_bytes()).map(|(tag, text)| (tag.word, String::from_utf8(text).unwrap()))
        };
        assert_eq!(find("Name: x"), Some(("name", String::new())));
        assert_eq!(find("NAME  : x"), Some(("name", String::new())));
        assert_eq!(find("Namespace: x"), None);
        assert_eq!(find("Source12: x"), Some(("source", "12".into())));
        assert_eq!(find("Requires( pre ): x"), Some(("requires", "pre".into())));
        assert_eq!(find("Summary(de): x"), Some(("summary", "de".into())));
        assert_eq!(find("Requires(a b): x"), None);
        assert_eq!(find("just text"), None);
    }
}
