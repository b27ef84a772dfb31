//! An address, an offset and bounds in; the bytes of one answer, over HTTP(S) or from a file, or why there are none, out.
//! Nothing here asks twice, waits, keeps a byte or judges what the bytes are worth.

mod authorities;
mod body;
mod bound;
mod client;
mod error;
mod extent;
mod pause;

pub use authorities::{AuthoritiesError, machine_authorities, trusted_authorities};
pub use body::Body;
pub use bound::Bound;
pub use client::{Client, Options, Request};
pub use error::{TransferError, redacted};
pub use pause::pause;
