//! Decisions or a refutation, in; what a caller is told, out.

pub(crate) mod conflict;
pub(crate) mod nearest;
pub(crate) mod solution;
pub(crate) mod tree_text;
