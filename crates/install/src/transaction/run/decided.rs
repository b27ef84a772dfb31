//! What is to happen to each file, in; the same with what the database and file triggers will say of it, out.

use super::super::Transaction;
use crate::files::{self, EraseAction, FileAction, Recoloured};
use crate::rpmdb::FileState;

/// What happens to every file, and what the database and file triggers will say of it.
pub(in crate::transaction) struct Decided {
    /// For each step.
    pub(in crate::transaction) coming: Vec<Coming>,
    /// For each erasure.
    pub(in crate::transaction) going: Vec<Going>,
    pub(super) recoloured: Vec<Recoloured>,
}

pub(in crate::transaction) struct Coming {
    pub(in crate::transaction) actions: Vec<FileAction>,
    pub(super) states: Vec<FileState>,
    pub(super) touched: Vec<bool>,
}

pub(in crate::transaction) struct Going {
    pub(in crate::transaction) actions: Vec<EraseAction>,
    pub(super) touched: Vec<bool>,
}

impl Decided {
    pub(in crate::transaction) fn of_new_root(
        transaction: &Transaction,
        actions: Vec<Vec<FileAction>>,
    ) -> Self {
        let decided = files::Decided { coming: actions, ..files::Decided::default() };
        Decided::of_existing_root(transaction, decided)
    }

    pub(in crate::transaction) fn of_existing_root(
        transaction: &Transaction,
        decided: files::Decided,
    ) -> Self {
        debug_assert_eq!(decided.coming.len(), transaction.steps.len());
        let coming = |actions: Vec<FileAction>| Coming {
            states: actions.iter().map(|action| action.state()).collect(),
            touched: actions.iter().map(|action| !action.is_skip()).collect(),
            actions,
        };
        let going = |actions: Vec<EraseAction>| Going {
            touched: actions.iter().map(|action| *action != EraseAction::Keep).collect(),
            actions,
        };
        Decided {
            coming: decided.coming.into_iter().map(coming).collect(),
            going: decided.going.into_iter().map(going).collect(),
            recoloured: decided.recoloured,
        }
    }
}
