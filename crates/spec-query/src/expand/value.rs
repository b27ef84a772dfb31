//! What expressions are made of and come to.

use crate::unknown::first_mark;

/// Why a text is no expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    /// A word that is neither number, string nor operator.
    #[error("`{0}` is neither a number, a string in quotes nor an operator")]
    Token(String),
    /// A word without quotes.
    #[error("the bare word `{0}` has to be in quotes")]
    BareWord(String),
    /// A macro that should have become a number.
    #[error("a macro became `{0}`, which is no integer")]
    NoInteger(String),
    /// A string that does not end.
    #[error("a string is not closed")]
    OpenString,
    /// A version that is empty.
    #[error("a version is empty")]
    EmptyVersion,
    /// Something else was expected.
    #[error("`{0}` is not expected here")]
    Unexpected(String),
    /// An operand is missing.
    #[error("the expression ends too early")]
    Ends,
    /// Numbers, strings and versions cannot be mixed.
    #[error("the operands of an operator are of different types")]
    Types,
    /// An operator that strings or versions do not have.
    #[error("an operator is used on what it cannot work on")]
    Operand,
    /// Division by zero.
    #[error("a division by zero")]
    DivisionByZero,
    /// A function that is not of Lua.
    #[error("there is no function `{0}`: only those of Lua, as `lua:name`")]
    Function(String),
    /// Parentheses inside parentheses without end.
    #[error("it is nested too deeply")]
    Depth,
}

/// The value of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Integer(i32),
    Text(Vec<u8>),
    Version(Vec<u8>),
    /// The mark that says why.
    Unknown(Vec<u8>),
}

/// Whether a condition holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Truth {
    Yes,
    No,
    /// The mark that says why it is not known.
    Unknown(Vec<u8>),
}

impl Value {
    pub(super) fn truth(&self) -> Truth {
        let is_true = match self {
            Self::Integer(number) => *number != 0,
            Self::Text(text) => match first_mark(text) {
                Some(mark) if mark.len() == text.len() => return Truth::Unknown(mark.to_vec()),
                _ => !text.is_empty(),
            },
            Self::Version(_) => false,
            Self::Unknown(mark) => return Truth::Unknown(mark.clone()),
        };
        if is_true { Truth::Yes } else { Truth::No }
    }

    pub(super) fn is_same_type(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }

    /// What makes this value unknown, if anything does.
    pub(super) fn mark(&self) -> Option<Vec<u8>> {
        match self {
            Self::Unknown(mark) => Some(mark.clone()),
            Self::Text(text) | Self::Version(text) => first_mark(text).map(<[u8]>::to_vec),
            Self::Integer(_) => None,
        }
    }

    pub(super) fn into_text(self) -> Vec<u8> {
        match self {
            Self::Integer(number) => number.to_string().into_bytes(),
            Self::Text(text) | Self::Version(text) | Self::Unknown(text) => text,
        }
    }
}
