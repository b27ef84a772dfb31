//! The interpreter of Lua scriptlets as a program of its own; `lazuli` itself has it as a hidden command.

use std::process::ExitCode;

fn main() -> ExitCode {
    install::lua::interpreter_main()
}
