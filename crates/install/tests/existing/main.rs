//! Changing roots that exist: rpm and this crate upgrade, erase and install the same packages in copies of the same root, and leave
//! the same tree, the same database, the same log of scripts. What is refused, and what a killed run leaves.
//!
//! Needs root and `LAZULI_JUDGE_ROOT`. `LAZULI_KEEP_CASES=1` keeps packages and all roots of all cases below /tmp.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test panics")]
#![allow(dead_code, reason = "the judges are shared with other tests")]

#[path = "../judge/database.rs"]
mod database;
#[path = "../judge_root/mod.rs"]
mod judge_root;
#[path = "../rules/text.rs"]
mod text;
#[path = "../judge/tree.rs"]
mod tree;

mod configuration;
mod dnf;
mod erasing;
mod killed;
mod peers;
mod refused;
mod scripts;
mod tangled;
mod tracing;

fn interpreter() -> install::lua::Interpreter {
    install::lua::Interpreter::program(env!("CARGO_BIN_EXE_lazuli-lua"))
        .expect("the interpreter was built with this test")
}
