//! Typed calls to programs and the kernel: the sandbox, the clock, one module a tool.
//!
//! This is the only crate of the workspace that runs programs or asks for the time. A tool's module has its options as a
//! type, the call, and a parser of what the tool says, apart from the call.

pub mod call;
pub mod clock;
pub mod program;
pub mod progress;
pub mod sandbox;
pub mod user_namespace;

pub mod debugfs;
pub mod depmod;
pub mod e2fsck;
pub mod fsck_erofs;
pub mod git;
pub mod matchpathcon;
pub mod mke2fs;
pub mod mkfs_erofs;
pub mod openssl;
pub mod qemu;
pub mod qemu_img;
pub mod secilc;
pub mod systemctl;
pub mod ukify;
pub mod veritysetup;
pub mod whole_file;

mod exchange;
mod pump;

pub use call::{Call, CallError, Output, Sink, Stdin, Stream};
pub use clock::{Clock, Stopwatch};
pub use exchange::ToolError;
pub use progress::Progress;
pub use sandbox::{Bind, Network, Running, Sandbox};
