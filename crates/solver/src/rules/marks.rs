//! Sets of packages that are mostly empty, or everything.

use crate::packages::universe::{Id, to_index};

/// A set of packages.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marks {
    all: bool,
    table: Vec<bool>,
}

impl Marks {
    pub(crate) fn has(&self, id: Id) -> bool {
        self.all || self.is_listed(id)
    }

    /// Whether the package is in the set by itself, not because everything is.
    pub(crate) fn is_listed(&self, id: Id) -> bool {
        self.table.get(to_index(id)).copied().unwrap_or(false)
    }

    pub(crate) fn insert(&mut self, id: Id) {
        let index = to_index(id);
        if self.table.len() <= index {
            self.table.resize(index + 1, false);
        }
        self.table[index] = true;
    }

    pub(crate) fn remove(&mut self, id: Id) {
        if let Some(mark) = self.table.get_mut(to_index(id)) {
            *mark = false;
        }
    }

    pub(crate) fn insert_all(&mut self) {
        self.all = true;
    }

    pub(crate) fn is_all(&self) -> bool {
        self.all
    }

    /// Whether nothing was ever inserted.
    pub(crate) fn is_empty(&self) -> bool {
        !self.all && self.table.is_empty()
    }

    /// Whether packages were inserted one by one.
    pub(crate) fn is_list(&self) -> bool {
        !self.table.is_empty()
    }
}

impl FromIterator<Id> for Marks {
    fn from_iter<T: IntoIterator<Item = Id>>(ids: T) -> Self {
        let mut marks = Marks::default();
        ids.into_iter().for_each(|id| marks.insert(id));
        marks
    }
}
