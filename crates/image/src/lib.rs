//! A root tree in; partitions, file systems, unified kernel image and disk files out.

pub mod archive;
pub mod filesystem;
pub mod seed;
pub mod selinux;
pub mod tools;
pub mod tree;
