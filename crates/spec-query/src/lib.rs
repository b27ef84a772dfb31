//! A spec file, macro files and the files that both may look at, in; what the spec describes, out: packages with their
//! dependencies, what is needed to build them, sources and patches.
//! Never runs a program, opens a file or asks the machine: where only a build root could tell, the answer says so.
//!
//! The rules are those of rpm 6.1: its macro language with expressions and Lua, and its reading of specs line by line.

mod evaluation;
mod expand;
mod files;
mod lua;
mod macros;
mod scan;
mod shell;
mod spec;
mod unknown;
mod words;

pub use evaluation::{
    Comparison, Evaluation, Note, Package, Qualifier, Relation, RelationKind, Source, SourcePackage, Value,
};
pub use expand::{ExpressionError, MacroError};
pub use files::{CONFIGURATION_FOLDER, Files, Found, NoFiles, SOURCE_FOLDER};
pub use macros::definition::DefinitionError;
pub use macros::{MacroFileProblem, Macros};
pub use spec::{SpecError, SpecProblem, evaluate, sources};
