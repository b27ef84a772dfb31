//! Why macros cannot be expanded.

use super::ExpressionError;
use crate::macros::definition::DefinitionError;

/// rpm's own limit of calls inside calls.
pub(super) const DEEPEST: usize = 64;

/// Why a text cannot be expanded: rpm fails for the same reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MacroError {
    /// Macros that name each other in a circle.
    #[error("macros call each other more than {DEEPEST} levels deep: one of them probably calls itself")]
    TooDeep,
    /// More work or text than any spec needs.
    #[error("macros expand without end")]
    TooMuch,
    /// A bracket that is not closed.
    #[error("`%{0}` is not closed")]
    Unterminated(String),
    /// A built-in macro without its argument.
    #[error("macro `{0}` needs an argument")]
    NoArgument(String),
    /// A built-in macro that takes no argument.
    #[error("macro `{0}` takes no argument")]
    Argument(String),
    /// An option that the macro does not know, or one without its value.
    #[error("macro `{name}` does not take option `-{option}` that way (its options are `{options}`)")]
    Option {
        /// The macro.
        name: String,
        /// The option.
        option: char,
        /// Its options as `getopt` wants them.
        options: String,
    },
    /// A definition that does not work.
    #[error("the definition does not work")]
    Definition(#[from] DefinitionError),
    /// `%[…]` or `%{expr:…}`.
    #[error("the expression does not work")]
    Expression(#[from] ExpressionError),
    /// A Lua script that failed.
    #[error("the Lua script failed: {0}")]
    Lua(String),
    /// `%{error:…}`
    #[error("{0}")]
    Raised(String),
    /// `%{load:…}` of a file that is not there, or has a definition that does not work.
    #[error("macro file {path} cannot be loaded: {problem}")]
    Load {
        /// The file.
        path: String,
        /// What is wrong.
        problem: String,
    },
    /// An argument that a built-in macro does not know, or a macro, source or patch that is not there.
    #[error("{0}")]
    NoSuch(String),
}
