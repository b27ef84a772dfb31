//! Results of scriptlets that are kept: whatever a script can notice makes it run again, and a repeated run leaves what the run left.
//!
//! The whole server set is installed twice, once with nothing kept, where it is prepared (`cargo xtask test`); every kept result is
//! compared with a new run of its script too if `LAZULI_TEST_CHECK_SCRIPTLETS` is set, which takes as long as the first installation.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test tells what it found, and panics"
)]

mod rules;
mod server;
#[path = "../judge/tree.rs"]
mod tree;
