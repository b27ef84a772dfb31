//! What tests share: HTTP servers, virtual machines, and the judges and trees that were prepared for them.

pub mod debs;
pub mod generated;
pub mod http;
pub mod keys;
pub mod machine;
pub mod memory;
pub mod packages;
pub mod prepared;
