//! What tests share: HTTP servers, virtual machines, logs of their disks, and the judges and trees that were prepared for them.

pub mod block_log;
pub mod corpus;
pub mod debs;
pub mod generated;
pub mod http;
pub mod keys;
pub mod machine;
pub mod memory;
pub mod packages;
pub mod prepared;
pub mod remote;
