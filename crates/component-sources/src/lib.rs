//! A component in; its upstream files, its history and the rendered spec out.
//!
//! [`source`] is what a component is before anything of ours is done to it; [`folder`] finds it in a plain folder. Only modules
//! whose head says so touch a disk, the network or a program.

pub mod autospec;
pub mod difference;
pub mod folder;
pub mod kept;
pub mod lock;
pub mod prepare;
pub mod project_history;
pub mod release;
pub mod source;
