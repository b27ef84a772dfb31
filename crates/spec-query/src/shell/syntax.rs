//! What scripts are made of, as far as they can be followed.

/// Commands one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct List {
    pub(super) items: Vec<Item>,
}

/// A pipeline and what it waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) connector: Connector,
    pub(super) pipeline: Pipeline,
}

/// Whether a pipeline runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Connector {
    Then,
    And,
    Or,
}

/// Commands whose output is the next one's input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pipeline {
    pub(super) negated: bool,
    pub(super) commands: Vec<Command>,
}

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Simple(Simple),
    Group { list: List, own_variables: bool },
    If { branches: Vec<(List, List)>, otherwise: List },
    For { name: Vec<u8>, words: Vec<Word>, body: List },
}

/// Assignments, a program and its arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Simple {
    pub(super) assignments: Vec<(Vec<u8>, Word)>,
    pub(super) words: Vec<Word>,
    pub(super) input: Option<Input>,
    /// Its output goes to /dev/null.
    pub(super) is_silent: bool,
}

/// What a command reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// `<<< word`
    Text(Word),
    /// `< word`
    File(Word),
}

/// Pieces without a blank between them.
pub(super) type Word = Vec<Piece>;

/// A piece of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Text; only unquoted text can be a pattern.
    Text { text: Vec<u8>, quoted: bool },
    /// `$name` or `${name…}`
    Variable { name: Vec<u8>, change: Change, quoted: bool },
    /// `$(…)` or `` `…` ``
    Output { list: List, quoted: bool },
    /// `$((…))`
    Arithmetic { expression: Word },
    /// `$?`
    Status,
}

/// What happens to a variable's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    None,
    Length,
    /// `:from:length`
    Part {
        from: Word,
        length: Option<Word>,
    },
    /// `#` or `##`, `%` or `%%`
    Cut {
        from_end: bool,
        longest: bool,
        pattern: Word,
    },
    /// `/` or `//`
    Replace {
        all: bool,
        pattern: Word,
        replacement: Word,
    },
    /// `,,` or `^^`
    Case {
        upper: bool,
    },
    /// `:-` or `-`
    Default {
        when_empty: bool,
        word: Word,
    },
    /// `:+` or `+`
    Alternative {
        when_empty: bool,
        word: Word,
    },
}
