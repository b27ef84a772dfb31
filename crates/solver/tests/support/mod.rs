//! What the tests share. Each test program uses a part of it.
#![allow(dead_code, reason = "every test program compiles all of it and uses a part")]

pub(crate) mod checker;
pub(crate) mod metadata;
pub(crate) mod story;
