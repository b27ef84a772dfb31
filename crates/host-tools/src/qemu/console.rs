//! The bytes of a serial port, in; the text a person would read, out: escape sequences and carriage returns are taken away,
//! for colours would otherwise stand in the middle of the words that a test waits for.

/// Everything said on a serial port so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transcript {
    text: Vec<u8>,
    state: State,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    /// After ESC.
    Escape,
    /// After ESC [, until a letter or one of `@[\]^_`{|}~`.
    Control,
    /// After ESC ], until BEL or ESC \.
    Command,
    /// After ESC inside of a command.
    CommandEscape,
    /// After ESC and one of `()*+`: the name of a character set.
    CharacterSet,
}

const ESCAPE: u8 = 0x1b;
const BELL: u8 = 0x07;

impl Transcript {
    /// Adds bytes as they come, wherever they are cut.
    pub fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.state = match (self.state, *byte) {
                (State::Text, ESCAPE) => State::Escape,
                (State::Text, b'\r' | 0) => State::Text,
                (State::Text, byte) => {
                    self.text.push(byte);
                    State::Text
                }
                (State::Escape, b'[') => State::Control,
                // Operating system commands, device control and similar strings.
                (State::Escape, b']' | b'P' | b'X' | b'^' | b'_') => State::Command,
                (State::Escape, b'(' | b')' | b'*' | b'+') => State::CharacterSet,
                (State::Escape | State::CharacterSet, _) => State::Text,
                (State::Control, 0x40..=0x7e) => State::Text,
                (State::Control, _) => State::Control,
                (State::Command, BELL) => State::Text,
                (State::Command, ESCAPE) => State::CommandEscape,
                (State::Command, _) => State::Command,
                (State::CommandEscape, b'\\') => State::Text,
                (State::CommandEscape, _) => State::Command,
            };
        }
    }

    /// The text so far; bytes that are no UTF-8 become U+FFFD.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.text).into_owned()
    }

    /// Where `wanted` first ends at or after byte `from`.
    pub(super) fn find(&self, wanted: &str, from: usize) -> Option<usize> {
        let wanted = wanted.as_bytes();
        let from = from.min(self.text.len());
        self.text[from..]
            .windows(wanted.len().max(1))
            .position(|window| window == wanted)
            .map(|at| from + at + wanted.len())
    }

    pub(super) fn length(&self) -> usize {
        self.text.len()
    }

    /// The last lines, for an error.
    pub(super) fn last_lines(&self, count: usize) -> String {
        let text = self.text();
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        lines[lines.len().saturating_sub(count)..].join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_and_commands_are_taken_away_wherever_they_are_cut() {
        let said = b"[\x1b[0;32m  OK  \x1b[0m] Reached \x1b[0;1;39mtarget\x1b[0m\r\n\x1b]0;title\x07\x1b(Bx\x1b]8;;y\x1b\\z\x1b=";
        for cut in 0..said.len() {
            let mut transcript = Transcript::default();
            transcript.add(&said[..cut]);
            transcript.add(&said[cut..]);
            assert_eq!(transcript.text(), "[  OK  ] Reached target\nxz");
        }
    }

    #[test]
    fn text_is_found_from_a_place_on() {
        let mut transcript = Transcript::default();
        transcript.add(b"login: one login: two");
        assert_eq!(transcript.find("login:", 0), Some(6));
        assert_eq!(transcript.find("login:", 6), Some(17));
        assert_eq!(transcript.find("login:", 17), None);
        assert_eq!(transcript.find("x", 1000), None);
    }
}
