//! One file a command; this one only leads to them.

mod completions;
mod component;
mod config;
mod dev;
mod deviation;
mod image;
mod lock;
mod manual;
mod quickstart;
mod release;
mod repo;
mod root;
mod solve;
mod spec;
mod upstream;
mod why;

use crate::cli::{Arguments, Command};
use crate::failure::Failure;

/// Does what the command line asks.
pub fn run(arguments: Arguments) -> Result<(), Failure> {
    let global = &arguments.global;
    match &arguments.command {
        Command::Quickstart(options) => quickstart::run(global, options),
        Command::Image(command) => image::run(global, command),
        Command::Upstream(command) => upstream::run(global, command),
        Command::Repo(command) => repo::run(global, command),
        Command::Root(command) => root::run(global, command),
        Command::Component(command) => component::run(global, command),
        Command::Spec(command) => spec::run(global, command),
        Command::Lock(command) => lock::run(global, command),
        Command::Release(command) => release::run(global, command),
        Command::Solve(options) => solve::run(global, options),
        Command::Why(options) => why::run(global, options),
        Command::Deviation(command) => deviation::run(global, command),
        Command::Config(command) => config::run(global, command),
        Command::Dev(command) => dev::run(global, command),
        Command::Completions(options) => completions::run(options),
        Command::Manual(options) => manual::run(options),
    }
}
