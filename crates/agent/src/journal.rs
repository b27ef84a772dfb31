//! What the service says, for the journal: a line on standard error, with its weight in front as the journal reads it.

use std::io::Write as _;

/// Something happened that an operator may want to read.
pub fn note(text: &str) {
    say('6', text);
}

/// Something happened that an operator should read.
pub fn warn(text: &str) {
    say('4', text);
}

fn say(weight: char, text: &str) {
    let mut stderr = std::io::stderr().lock();
    for line in text.lines() {
        // Nothing is left to tell it to when standard error is gone.
        let _unheard = writeln!(stderr, "<{weight}>{line}");
    }
}
