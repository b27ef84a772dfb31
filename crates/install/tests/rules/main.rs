//! Every rule of rpm 6.1 for a new root, on packages made for it: rpm and this crate install the same packages, and leave the same
//! tree, the same database, the same log of scripts, the same failures.
//!
//! Needs root and `LAZULI_JUDGE_ROOT`. `LAZULI_KEEP_CASES=1` keeps packages and both roots of all cases below /tmp.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test panics")]
#![allow(dead_code, reason = "the judges are shared with other tests")]

#[path = "../judge/database.rs"]
mod database;
#[path = "../judge_root/mod.rs"]
mod judge_root;
#[path = "../judge/tree.rs"]
mod tree;

mod accounts;
mod conflicts;
mod existing_files;
mod files;
mod fixtures;
mod formats;
mod lua_scripts;
mod ordering;
mod peers;
mod query_format;
mod scriptlets;
mod text;
mod triggers;

fn interpreter() -> install::lua::Interpreter {
    install::lua::Interpreter::program(env!("CARGO_BIN_EXE_lazuli-lua"))
        .expect("the interpreter was built with this test")
}
