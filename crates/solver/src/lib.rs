//! A package set and a request, in; what to install, upgrade and erase, or a conflict that explains itself, out.
//! Nothing here names a file, a socket, a process, a clock or an environment variable.
//!
//! The rules and the order of choices are libsolv's, so that the answer is the one dnf gives. A solve goes this way:
//!
//! 1. `flat` holds the packages of a repository as bytes; `packages` makes one universe of all repositories and says
//!    which packages a name, a path or a capability means. `ground` adds what is installed and what is excluded.
//! 2. `jobs` turns the request into jobs, as dnf does, and says what they ask of each installed package.
//! 3. `rules` writes clauses over packages: from dependencies, jobs, what is installed and what is preferred.
//! 4. `search` decides package after package until all clauses hold, and learns from conflicts; where several
//!    packages would do, `policy` says which comes first. It gives up jobs where nothing else helps.
//! 5. `installed` tells what the decisions change, and what nothing needs any more.
//! 6. `answer` tells what is chosen and why, or lays out the refutation as a tree for people.
//!
//! `solve` leads through these steps; `testcase` does so for testcases of libsolv.

mod answer;
pub mod flat;
mod ground;
mod installed;
mod jobs;
mod packages;
mod policy;
mod rules;
mod search;
mod solve;
pub mod testcase;

pub use answer::conflict::{Candidate, Conflict, Obstacle, Problem, WantKind, WantTree};
pub use answer::solution::{Chosen, Reason, Relation, Solution, Why, WhyLink};
pub use installed::changes::{Change, Erasure};
pub use jobs::request::{Request, Upgrade, Want};
pub use packages::universe::{FoundFile, IndexedRepository, Repository, Universe};
pub use solve::solve;
