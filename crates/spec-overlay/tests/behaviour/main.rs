//! What overlays do, judged by texts: cases as files, properties of made-up specs, and tables of expressions and globs.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test panics")]

mod archives;
mod case;
mod cases;
mod expressions;
mod patterns;
mod properties;
mod synthesis;
