//! The partition table, changed under the lock that keeps udev from looking meanwhile, and read again.

use rustix::fs::{FlockOperation, flock};

use super::{ExecuteError, slots_for};
use crate::gpt::{Condition, Table, replace};
use crate::host::Host;
use crate::slots::{Slot, SlotName};

/// Makes both copies say what the good one says.
pub(super) fn mend(host: &Host) -> Result<(), ExecuteError> {
    locked(host, || {
        let table = Table::read(&*host.disk, host.sector)?;
        write(host, &table, &table)
    })
}

/// Changes the entries of a slot that does not run.
pub(super) fn change(
    host: &Host,
    slot: SlotName,
    changed: impl Fn(&Slot, &Table) -> Table,
) -> Result<(), ExecuteError> {
    locked(host, || {
        let table = Table::read(&*host.disk, host.sector)?;
        let (_, other) = slots_for(host, &table, slot)?;
        write(host, &table, &changed(&other, &table))
    })
}

fn write(host: &Host, read: &Table, wanted: &Table) -> Result<(), ExecuteError> {
    for operation in replace(read, wanted) {
        operation.run(&*host.disk).map_err(ExecuteError::WriteTable)?;
    }
    host.disk.forget(0, host.disk.size());
    let kept = Table::read(&*host.disk, host.sector)?;
    let same = kept.entries == wanted.entries && kept.condition == Condition::Whole;
    if same { Ok(()) } else { Err(ExecuteError::TableNotKept) }
}

fn locked(host: &Host, action: impl FnOnce() -> Result<(), ExecuteError>) -> Result<(), ExecuteError> {
    // systemd's "Locking Block Device Access": who changes a table holds the whole disk's lock.
    if let Some(file) = &host.table_lock {
        flock(file, FlockOperation::LockExclusive).map_err(|error| ExecuteError::WriteTable(error.into()))?;
    }
    let done = action();
    if let Some(file) = &host.table_lock {
        flock(file, FlockOperation::Unlock).map_err(|error| ExecuteError::WriteTable(error.into()))?;
    }
    done
}
