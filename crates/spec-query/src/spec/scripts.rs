//! A scriptlet or trigger, in; the dependency on its program and the trigger's conditions, out.

use super::dependencies::{self, Dependency, RPMLIB, Rules};
use super::lines::Strip;
use super::sections::Part;
use super::{ReadError, Reader, SpecProblem};
use crate::evaluation::{Qualifier, RelationKind};
use crate::expand::shown;
use crate::scan::{is_blank, trim_start};
use crate::words::SectionLine;

/// When the program of a scriptlet is needed.
fn qualifier(word: &str) -> Option<Qualifier> {
    Some(match word {
        "%pre" => Qualifier::Pre,
        "%post" => Qualifier::Post,
        "%preun" => Qualifier::Preun,
        "%postun" => Qualifier::Postun,
        "%pretrans" => Qualifier::Pretrans,
        "%posttrans" => Qualifier::Posttrans,
        "%preuntrans" => Qualifier::Preuntrans,
        "%postuntrans" => Qualifier::Postuntrans,
        "%verifyscript" => Qualifier::Verify,
        _ => return None,
    })
}

impl Reader {
    /// Reads a scriptlet or trigger whose first line is the current one.
    pub(super) fn read_script(&mut self, word: &'static str) -> Result<Option<Part>, ReadError> {
        let is_trigger = word.contains("trigger");
        let line = self.line.clone();
        let head = if is_trigger { self.check_trigger(&line, word)? } else { line.clone() };
        let wrong = || self.problem(SpecProblem::SectionLine(shown(&line)));
        let read = SectionLine::read(&head, b"p:n:f:eqP:").ok_or_else(wrong)?;
        let program = read.value(b'p').unwrap_or(b"/bin/sh").to_vec();
        let is_internal = program.first() == Some(&b'<') && program.last() == Some(&b'>');
        if program.first() != Some(&b'/') && !is_internal {
            return Err(self.problem(SpecProblem::Program(shown(&program))));
        }
        let named = self.named(&read)?;
        let package = self.find_package(&named)?;
        // Of plain triggers a package may have many.
        let once = !word.starts_with("%trigger");
        let is_file_trigger = is_trigger && once;
        if once && !is_file_trigger && !self.packages[package].scriptlets.insert(word) {
            return Err(self.problem(SpecProblem::SecondSection(word.to_owned())));
        }
        let words = self.split_words(&program)?;
        let next = self.skip_section(Strip::Nothing)?;
        self.require_program(package, word, &words)?;
        if !is_trigger && words.len() > 1 {
            self.require_rpmlib(package, "ScriptletInterpreterArgs", "4.0.3-1");
        }
        if read.has(b'e') || read.has(b'q') {
            self.require_rpmlib(package, "ScriptletExpansion", "4.9.0-1");
        }
        Ok(next)
    }

    fn require_program(
        &mut self,
        package: usize,
        word: &'static str,
        words: &[Vec<u8>],
    ) -> Result<(), ReadError> {
        let program = words.first().cloned().unwrap_or_default();
        if program == b"<lua>" {
            self.require_rpmlib(package, "BuiltinLuaScripts", "4.2.2-1");
            return Ok(());
        }
        if program.first() == Some(&b'<') {
            return Err(self.problem(SpecProblem::Program(shown(&program))));
        }
        let flags =
            dependencies::flag(Qualifier::Interpreter) | qualifier(word).map_or(0, dependencies::flag);
        let dependency = Dependency { name: program, version: Vec::new(), flags, trigger: 0 };
        self.packages[package].depend(RelationKind::Requires, dependency);
        Ok(())
    }

    fn require_rpmlib(&mut self, package: usize, feature: &str, version: &str) {
        let dependency = Dependency {
            name: format!("rpmlib({feature})").into_bytes(),
            version: version.as_bytes().to_vec(),
            flags: RPMLIB | dependencies::LESS | dependencies::EQUAL,
            trigger: 0,
        };
        self.packages[package].depend(RelationKind::Requires, dependency);
    }

    /// The part of a trigger's line before ` -- `; what follows has to be dependencies.
    fn check_trigger(&self, line: &[u8], word: &'static str) -> Result<Vec<u8>, ReadError> {
        let wrong = || self.problem(SpecProblem::Trigger(shown(line)));
        let blank = |at: usize| line.get(at).copied().is_some_and(is_blank);
        let separator =
            (1..line.len()).find(|at| line[*at..].starts_with(b"--") && blank(at - 1) && blank(at + 2));
        let separator = separator.ok_or_else(wrong)?;
        let conditions = trim_start(&line[separator + 2..]);
        if conditions.is_empty() {
            return Err(wrong());
        }
        let files_only = word.contains("filetrigger");
        let rules = Rules { tag: word, rich: false, packages_only: false, files_only };
        dependencies::parse(conditions, rules, 0).map_err(|problem| self.problem(problem))?;
        Ok(line[..separator].to_vec())
    }
}
