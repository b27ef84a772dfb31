//! A component in; its upstream files, its history and the rendered spec out.
//!
//! [`source`] is what a component is before anything of ours is done to it; [`folder`] finds it in a plain folder. Only modules
//! whose head says so touch a disk, the network or a program.

pub mod autospec;
pub mod changed;
pub mod difference;
pub mod dist_git;
pub mod fingerprint;
pub mod folder;
pub mod gather;
pub mod history;
pub mod kept;
pub mod lock;
pub mod lookaside;
pub mod prepare;
pub mod project_history;
pub mod release;
pub mod render;
pub mod source;
pub mod sources;
pub mod update;
