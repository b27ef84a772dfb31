//! A scriptlet's body and what its flags ask for, in; the body with macros (`-e`) or header tags (`-q`) filled in, out.
//!
//! Macros are those of `lua::Macros`: no macro runs a program.

use rpm_model::header::Header;

use crate::lua::{MacroError, Macros};
use crate::query_format::{self, QueryFormatError};

/// Why a body cannot be filled in.
#[derive(Debug, thiserror::Error)]
pub enum ExpandError {
    /// A macro that cannot be expanded here.
    #[error("cannot run: {0}")]
    Macro(#[from] MacroError),
    /// Macros are text.
    #[error("cannot run: its macros cannot be expanded, as it is not UTF-8")]
    NotText,
    /// What is no query format.
    #[error("cannot run: its query format does not work: {0}")]
    QueryFormat(#[from] QueryFormatError),
}

/// Fills in macros.
pub(super) fn macros(body: &[u8], macros: &Macros) -> Result<Vec<u8>, ExpandError> {
    let text = std::str::from_utf8(body).map_err(|_| ExpandError::NotText)?;
    Ok(macros.clone().expand(text)?.into_bytes())
}

/// Fills in tags of the package's own header.
pub(super) fn query_format(body: &[u8], header: &Header, macros: &Macros) -> Result<Vec<u8>, ExpandError> {
    Ok(query_format::format(body, header, macros)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macros_are_expanded_and_none_runs_a_program() {
        let known = Macros::fedora("x86_64");
        assert_eq!(macros(b"ls %{_bindir}", &known).unwrap(), b"ls /usr/bin");
        assert!(!String::from_utf8_lossy(&macros(b"%(id -u)", &known).unwrap_or_default()).contains('0'));
    }
}
