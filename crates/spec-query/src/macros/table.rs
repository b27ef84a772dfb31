//! Definitions of macros, pushed and popped by name, in; the newest definition of a name, out.
//! A table stands on one that many specs share: only names that a spec touches are copied.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use super::builtin::Builtin;

/// Definitions of one name, the newest last.
type Stack = Vec<Arc<Entry>>;

/// A definition.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// What it is called.
    pub(crate) name: Box<[u8]>,
    /// Its options as `getopt` wants them; a macro that has them, even none, takes arguments.
    pub(crate) options: Option<Box<[u8]>>,
    /// What it expands to.
    pub(crate) body: Body,
    /// How deep in calls it was made; 0 is outside of all calls.
    pub(crate) level: usize,
    /// What else is to know.
    pub(crate) traits: Traits,
}

/// What a macro expands to.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    /// Text with macros in it.
    Text(Box<[u8]>),
    /// What this crate does itself.
    Builtin(Builtin),
}

/// Properties of a definition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Traits {
    /// The body is the expansion.
    pub(crate) literal: bool,
    /// An argument or option of a call, seen in that call only.
    pub(crate) automatic: bool,
    /// The body holds quotes that keep arguments together.
    pub(crate) quoted: bool,
    /// Expanded at the first use, literal from then on.
    pub(crate) once: bool,
    /// Of this program, for want of a macro file that defines it.
    pub(crate) fallback: bool,
}

impl Entry {
    /// A macro without parameters.
    pub(crate) fn plain(name: &[u8], body: &[u8]) -> Self {
        Self {
            name: name.into(),
            options: None,
            body: Body::Text(body.into()),
            level: 0,
            traits: Traits::default(),
        }
    }

    /// A macro whose body is its expansion.
    pub(crate) fn literal(name: &[u8], body: &[u8]) -> Self {
        Self { traits: Traits { literal: true, ..Traits::default() }, ..Self::plain(name, body) }
    }

    /// A macro of this crate.
    pub(crate) fn builtin(builtin: Builtin) -> Self {
        Self {
            name: builtin.name().as_bytes().into(),
            options: builtin.options().map(|options| options.as_bytes().into()),
            body: Body::Builtin(builtin),
            level: 0,
            traits: Traits::default(),
        }
    }

    /// Whether a spec may not redefine it.
    pub(crate) fn is_protected(&self) -> bool {
        self.traits.automatic || matches!(self.body, Body::Builtin(_))
    }
}

/// All definitions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    shared: Arc<Definitions>,
    own: Definitions,
}

type Definitions = HashMap<Box<[u8]>, Stack, BuildHasherDefault<NameHasher>>;

/// FNV-1a: names are short, looked up by the ten thousand, and a spec that makes them collide slows down itself only.
#[derive(Debug)]
struct NameHasher(u64);

impl Default for NameHasher {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for NameHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn write_usize(&mut self, _length: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

impl Table {
    /// A table that shares all of this one's definitions.
    pub(crate) fn share(mut self) -> Self {
        if !self.own.is_empty() {
            let mut all = Arc::unwrap_or_clone(self.shared);
            all.extend(self.own);
            self.shared = Arc::new(all);
        }
        Self { shared: self.shared, own: Definitions::default() }
    }

    /// The newest definition of a name.
    pub(crate) fn get(&self, name: &[u8]) -> Option<&Arc<Entry>> {
        self.stack(name)?.last()
    }

    /// Adds a definition over the older ones.
    pub(crate) fn push(&mut self, entry: Entry) {
        let name = entry.name.clone();
        self.own_stack(&name).push(Arc::new(entry));
    }

    /// Takes the newest definition back.
    pub(crate) fn pop(&mut self, name: &[u8]) {
        if self.get(name).is_some() {
            self.own_stack(name).pop();
        }
    }

    /// Takes back definitions of a name that were made in calls this deep, down to the first that was not.
    /// Returns whether a definition that is kept hides one that would go.
    pub(crate) fn leave(&mut self, name: &[u8], level: usize) -> bool {
        while self.get(name).is_some_and(|entry| entry.level >= level) {
            self.own_stack(name).pop();
        }
        self.stack(name).is_some_and(|stack| stack.iter().any(|entry| entry.level >= level))
    }

    /// How many definitions of a name there are.
    pub(crate) fn depth(&self, name: &[u8]) -> usize {
        self.stack(name).map_or(0, Vec::len)
    }

    fn stack(&self, name: &[u8]) -> Option<&Stack> {
        self.own.get(name).or_else(|| self.shared.get(name))
    }

    fn own_stack(&mut self, name: &[u8]) -> &mut Stack {
        let shared = &self.shared;
        self.own.entry(name.into()).or_insert_with(|| shared.get(name).cloned().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(table: &Table, name: &str) -> Option<String> {
        let entry = table.get(name.as_bytes())?;
        let Body::Text(text) = &entry.body else { return None };
        Some(String::from_utf8_lossy(text).into_owned())
    }

    #[test]
    fn the_newest_definition_counts_and_shared_ones_stay() {
        let mut base = Table::default();
        base.push(Entry::plain(b"a", b"1"));
        let base = base.share();
        let mut first = base.clone();
        first.push(Entry::plain(b"a", b"2"));
        assert_eq!(body(&first, "a").as_deref(), Some("2"));
        first.pop(b"a");
        first.pop(b"a");
        first.pop(b"a");
        assert_eq!(body(&first, "a"), None);
        assert_eq!(body(&base, "a").as_deref(), Some("1"));
    }

    #[test]
    fn leaving_a_call_stops_at_what_was_made_outside() {
        let mut table = Table::default();
        table.push(Entry { level: 1, ..Entry::plain(b"a", b"local") });
        table.push(Entry::plain(b"a", b"global"));
        assert!(table.leave(b"a", 1), "the local one is still below");
        assert_eq!(body(&table, "a").as_deref(), Some("global"));
        table.pop(b"a");
        assert!(!table.leave(b"a", 1));
        assert_eq!(body(&table, "a"), None);
    }
}
