//! A package set and a request, in; the packages to install, or a conflict that explains itself, out.
//! Nothing here names a file, a socket, a process, a clock or an environment variable.
//!
//! The rules and the order of choices are libsolv's, so that the answer is the one dnf gives.

mod architecture;
mod conflict;
mod core_rules;
mod generate;
mod glob;
mod matching;
mod nearest;
mod normal_form;
mod policy;
mod providers;
mod request;
mod resolve;
mod rules;
mod search;
mod solution;
mod solve;
mod tree_text;
mod universe;
mod wishes;

pub use conflict::{Candidate, Conflict, Obstacle, Problem, WantTree};
pub use request::{Request, Want};
pub use solution::{Chosen, Reason, Relation, Solution, Why, WhyLink};
pub use solve::solve;
pub use universe::{Repository, Universe};
