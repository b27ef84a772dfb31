//! What tests share: tiny RPMs, repositories, root trees, HTTP servers and virtual machines.

pub mod http;
pub mod machine;
