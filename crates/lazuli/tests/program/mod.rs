//! The program under test: command lines, in; status, data and talk, out.

#![allow(dead_code, reason = "each test file uses another part")]

use std::path::Path;

use host_tools::{Call, Output, program};

/// The workspace.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}

/// A call of `lazuli`.
pub fn lazuli<A: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = A>) -> Call {
    Call::new(env!("CARGO_BIN_EXE_lazuli")).args(arguments).accept_any_status()
}

/// Runs a call to its end.
pub fn run(call: &Call) -> Output {
    program::run(call).unwrap()
}

/// Runs a call that must succeed and reads the JSON that it prints.
pub fn json(call: &Call) -> serde_json::Value {
    let output = run(call);
    assert!(output.status.success(), "{}\n{}", output.stdout_text(), output.stderr_text());
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error} in {}", output.stdout_text()))
}
