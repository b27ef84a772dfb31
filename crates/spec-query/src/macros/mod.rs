//! Macro files, in; a set of macros that any number of specs can be read with, out.

pub(crate) mod builtin;
pub(crate) mod definition;
mod fallback;
pub(crate) mod file;
pub(crate) mod table;

use std::rc::Rc;
use std::sync::Arc;

use builtin::Builtin;
use definition::{DefinitionError, Extent};
use table::{Body, Entry, Table, Traits};

use crate::expand::{Engine, MacroError};
use crate::files::NoFiles;
use crate::lua::Memory;

/// A set of macros.
#[derive(Clone, Debug)]
pub struct Macros {
    table: Table,
    architecture: String,
    /// Compiler flags of an `rpmrc` file, which count more than those of macro files.
    flags: Option<Vec<u8>>,
    memory: Arc<Memory>,
}

/// A line of a macro file that should define a macro and does not; the others count all the same, as with rpm.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {problem}")]
pub struct MacroFileProblem {
    /// The file.
    pub file: String,
    /// The last line of the definition, from 1.
    pub line: u32,
    /// What is wrong.
    pub problem: DefinitionError,
}

impl Macros {
    /// rpm's built-in macros and the few definitions that every set needs: architecture, folders, conditional builds.
    /// What a macro file defines counts more; without rpm's own file this is what a spec is read with.
    pub fn of_architecture(architecture: &str) -> Self {
        let mut table = Table::default();
        for builtin in Builtin::ALL {
            table.push(Entry::builtin(*builtin));
        }
        let mut macros =
            Self { table, architecture: architecture.to_owned(), flags: None, memory: Arc::default() };
        let problems = file::load(fallback::DEFAULTS.as_bytes(), |definition| macros.add(definition, true));
        debug_assert!(problems.is_empty(), "our own definitions are right: {problems:?}");
        macros.pin();
        for (name, body) in fallback::of_architecture(architecture) {
            macros.table.push(Entry::plain(name.as_bytes(), body.as_bytes()));
        }
        macros.share()
    }

    /// Adds the definitions of a macro file; returns the lines that define nothing.
    pub fn read(&mut self, file: &str, text: &[u8]) -> Vec<MacroFileProblem> {
        let problems = file::load(text, |definition| self.add(definition, false));
        self.pin();
        let of_file = |problem: file::Problem<DefinitionError>| MacroFileProblem {
            file: file.to_owned(),
            line: problem.line,
            problem: problem.error,
        };
        problems.into_iter().map(of_file).collect()
    }

    /// Adds the definitions of an `rpmrc` file that are macros: compiler flags of this architecture.
    pub fn read_rpmrc(&mut self, text: &[u8]) {
        for line in String::from_utf8_lossy(text).lines() {
            let words =
                line.strip_prefix("optflags:").map(str::trim).and_then(|rest| rest.split_once([' ', '\t']));
            if let Some((_, flags)) = words.filter(|(name, _)| *name == self.architecture) {
                self.flags = Some(flags.trim().as_bytes().to_vec());
            }
        }
        self.pin();
    }

    /// Adds a definition, as `--define` of rpm's programs does: `name body`.
    pub fn define(&mut self, definition: &str) -> Result<(), DefinitionError> {
        self.add(definition.as_bytes(), false)
    }

    /// Whether a macro of this name is defined.
    pub fn has(&self, name: &str) -> bool {
        self.table.get(name.as_bytes()).is_some()
    }

    /// Expands a text with these macros and no files.
    pub fn expand(&self, text: &str) -> Result<crate::Value, MacroError> {
        let engine = Engine::new(self, Rc::new(NoFiles));
        let expanded = engine.expand(text.as_bytes())?;
        Ok(crate::spec::value(&expanded, &engine.unknowns))
    }

    /// The same set, made so that reading a spec copies only what the spec touches. Cheap to clone from then on.
    #[must_use]
    pub fn share(self) -> Self {
        Self { table: self.table.share(), ..self }
    }

    pub(crate) fn table(&self) -> Table {
        self.table.clone()
    }

    pub(crate) fn memory(&self) -> Arc<Memory> {
        self.memory.clone()
    }

    /// What is built for, and where sources are, is asked for: a macro file belongs to some machine and some user.
    fn pin(&mut self) {
        for (name, body) in [
            ("_host_cpu", self.architecture.as_bytes()),
            ("_target_cpu", self.architecture.as_bytes()),
            ("_topdir", fallback::BUILD_FOLDER.as_bytes()),
        ] {
            self.table.push(Entry::plain(name.as_bytes(), body));
        }
        if let Some(flags) = &self.flags {
            self.table.push(Entry::plain(b"optflags", flags));
        }
    }

    fn add(&mut self, text: &[u8], fallback: bool) -> Result<(), DefinitionError> {
        let (definition, _) = definition::parse(text, Extent::Line)?;
        if self.table.get(&definition.name).is_some_and(|entry| entry.is_protected()) {
            return Err(DefinitionError::Protected(String::from_utf8_lossy(&definition.name).into_owned()));
        }
        self.table.push(Entry {
            name: definition.name.into(),
            options: definition.options.map(Into::into),
            body: Body::Text(definition.body.into()),
            level: 0,
            traits: Traits {
                literal: definition.literal,
                once: definition.once,
                fallback,
                ..Traits::default()
            },
        });
        Ok(())
    }
}
