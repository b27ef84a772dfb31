//! A table as it was read and the one that is wanted, in; writes in an order that leaves one copy whole, out.

use std::io;

use super::form::array;
use super::{Condition, Table};
use crate::storage::Device;

/// A write, or a wait until all before it are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Bytes and the place they go to.
    Write {
        /// Where, in bytes from the device's start.
        offset: u64,
        /// What.
        bytes: Vec<u8>,
    },
    /// Wait.
    Flush,
}

/// What makes the table that was read into the one wanted. Nothing where they are the same and both copies hold.
pub fn replace(read: &Table, wanted: &Table) -> Vec<Operation> {
    let mut operations = Vec::new();
    if read.entries == wanted.entries && read.condition == Condition::Whole {
        return operations;
    }
    // A broken front is mended first, from the copy that was read: the copy must not be touched while it is alone.
    if read.condition == Condition::FrontBroken {
        operations.extend(copy(read, Side::Front));
    } else if read.condition != Condition::Whole {
        operations.extend(copy(read, Side::Backup));
    }
    if read.entries != wanted.entries {
        // While the copy is written the front holds the old table; afterwards the copy holds the new one.
        operations.extend(copy(wanted, Side::Backup));
        operations.extend(copy(wanted, Side::Front));
    }
    operations
}

impl Operation {
    /// Does it.
    pub fn run(&self, device: &dyn Device) -> io::Result<()> {
        match self {
            Operation::Write { offset, bytes } => device.write_at(*offset, bytes),
            Operation::Flush => device.flush(),
        }
    }
}

#[derive(Clone, Copy)]
enum Side {
    Front,
    Backup,
}

/// The header, a wait, the entries under it, a wait: until the last of them the checksum says that they are not whole. An old header
/// would be believed once its entries are right, whatever else it says.
fn copy(table: &Table, side: Side) -> [Operation; 4] {
    let header = match side {
        Side::Front => table.header.clone(),
        Side::Backup => table.header.copied(table.sector),
    };
    let entries = array(&table.entries);
    let sector = header.bytes(table.sector, &entries);
    [
        Operation::Write { offset: header.own * table.sector, bytes: sector },
        Operation::Flush,
        Operation::Write { offset: header.array * table.sector, bytes: entries },
        Operation::Flush,
    ]
}
