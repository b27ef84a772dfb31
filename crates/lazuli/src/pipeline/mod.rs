//! The stages in the order in which a command runs them; each file is one stage's connection to the next.

mod additions;
pub mod bill;
pub mod boot;
pub mod built;
pub mod components;
pub mod compose;
pub mod debian;
pub mod discard;
pub mod existing;
pub mod fetch;
mod loadable;
pub mod lock;
pub mod macros;
pub mod named;
pub mod offer;
pub mod packages;
pub mod program;
pub mod repositories;
pub mod root;
pub mod rpm;
pub mod signers;
mod slots;
pub mod surplus;
pub mod unfetched;
pub mod upstream;
