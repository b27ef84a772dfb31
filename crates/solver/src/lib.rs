//! A package set and a request, in; what to install, upgrade and erase, or a conflict that explains itself, out.
//! Nothing here names a file, a socket, a process, a clock or an environment variable.
//!
//! The rules and the order of choices are libsolv's, so that the answer is the one dnf gives.

mod architecture;
mod architecture_rules;
mod best_rules;
mod book;
mod changes;
mod choice_rules;
mod conflict;
mod core_rules;
mod demands;
pub mod flat;
mod generate;
mod glob;
mod ground;
mod job_rules;
mod jobs;
mod keep_rules;
mod marks;
mod matching;
mod nearest;
mod normal_form;
mod orders;
mod overrides;
mod policy;
mod policy_rules;
mod problems;
mod providers;
mod request;
mod resolve;
mod resolve_installed;
mod resolve_weak;
mod rules;
mod search;
mod settings;
mod shelf;
mod solution;
mod solve;
pub mod testcase;
mod tree_text;
mod universe;
mod unneeded;
mod unneeded_seeds;
mod upgrades;
mod urpm_order;
mod wishes;

pub use changes::{Change, Erasure};
pub use conflict::{Candidate, Conflict, Obstacle, Problem, WantKind, WantTree};
pub use request::{Request, Upgrade, Want};
pub use solution::{Chosen, Reason, Relation, Solution, Why, WhyLink};
pub use solve::solve;
pub use universe::{FoundFile, IndexedRepository, Repository, Universe};
