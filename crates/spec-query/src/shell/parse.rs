//! A script's text, in; its commands, out. What is not among them is no script that can be followed.

use super::syntax::{Change, Command, Connector, Input, Item, List, Piece, Pipeline, Simple, Word};

/// Scripts inside scripts.
const DEEPEST: usize = 20;

/// Reads a script; none if it has anything that cannot be followed.
pub(super) fn parse(script: &[u8]) -> Option<List> {
    parse_at(script, 0)
}

fn parse_at(script: &[u8], depth: usize) -> Option<List> {
    if depth > DEEPEST {
        return None;
    }
    let mut reader = Reader { text: script, at: 0, depth };
    let list = reader.list(&[])?;
    reader.skip_blanks(true);
    (reader.at == script.len()).then_some(list)
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    depth: usize,
}

const KEYWORDS: [&[u8]; 14] = [
    b"then",
    b"else",
    b"elif",
    b"fi",
    b"do",
    b"done",
    b"}",
    b"if",
    b"for",
    b"{",
    b"while",
    b"until",
    b"case",
    b"function",
];

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn starts(&self, text: &[u8]) -> bool {
        self.text[self.at..].starts_with(text)
    }

    fn take(&mut self, text: &[u8]) -> bool {
        let found = self.starts(text);
        if found {
            self.at += text.len();
        }
        found
    }

    fn skip_blanks(&mut self, lines: bool) {
        loop {
            match self.peek() {
                Some(b' ' | b'\t') => self.at += 1,
                Some(b'\n') if lines => self.at += 1,
                Some(b'\\') if self.text.get(self.at + 1) == Some(&b'\n') => self.at += 2,
                Some(b'#')
                    if self.at == 0 || matches!(self.text[self.at - 1], b' ' | b'\t' | b'\n' | b';') =>
                {
                    while self.peek().is_some_and(|byte| byte != b'\n') {
                        self.at += 1;
                    }
                }
                _ => return,
            }
        }
    }

    /// The keyword that stands here, if one does.
    fn keyword(&self) -> Option<&'static [u8]> {
        KEYWORDS.into_iter().find(|word| {
            self.starts(word)
                && self
                    .text
                    .get(self.at + word.len())
                    .is_none_or(|next| matches!(next, b' ' | b'\t' | b'\n' | b';' | b')' | b'&' | b'|'))
        })
    }

    fn expect(&mut self, keyword: &[u8]) -> Option<()> {
        self.skip_blanks(true);
        while self.take(b";") {
            self.skip_blanks(true);
        }
        (self.keyword() == Some(keyword)).then(|| self.at += keyword.len())
    }

    /// Up to one of these keywords, a closing parenthesis or the end.
    fn list(&mut self, ends: &[&[u8]]) -> Option<List> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return None;
        }
        let mut list = List::default();
        let mut connector = Connector::Then;
        loop {
            self.skip_blanks(true);
            let ended = self.peek().is_none_or(|byte| byte == b')')
                || self.keyword().is_some_and(|keyword| ends.contains(&keyword));
            if ended {
                if connector != Connector::Then {
                    return None;
                }
                break;
            }
            let pipeline = self.pipeline()?;
            list.items.push(Item { connector, pipeline });
            self.skip_blanks(false);
            connector = if self.take(b"&&") {
                Connector::And
            } else if self.take(b"||") {
                Connector::Or
            } else if self.take(b";") || self.take(b"\n") {
                Connector::Then
            } else if self.peek().is_none_or(|byte| byte == b')')
                || self.keyword().is_some_and(|word| ends.contains(&word))
            {
                break;
            } else {
                return None;
            };
        }
        self.depth -= 1;
        Some(list)
    }

    fn pipeline(&mut self) -> Option<Pipeline> {
        let negated = self.starts(b"! ") && self.take(b"! ");
        let mut commands = vec![self.command()?];
        loop {
            self.skip_blanks(false);
            if self.starts(b"||") || !self.take(b"|") {
                return Some(Pipeline { negated, commands });
            }
            self.skip_blanks(true);
            commands.push(self.command()?);
        }
    }

    fn command(&mut self) -> Option<Command> {
        self.skip_blanks(false);
        match self.keyword() {
            Some(b"if") => return self.condition(),
            Some(b"for") => return self.repetition(),
            Some(b"{") => {
                self.at += 1;
                let list = self.list(&[b"}"])?;
                self.expect(b"}")?;
                return self.redirected(Command::Group { list, own_variables: false });
            }
            Some(_) => return None,
            None => {}
        }
        if self.take(b"(") {
            let list = self.list(&[])?;
            return if self.take(b")") {
                self.redirected(Command::Group { list, own_variables: true })
            } else {
                None
            };
        }
        self.simple().map(Command::Simple)
    }

    /// A group may only throw errors away.
    fn redirected(&mut self, command: Command) -> Option<Command> {
        self.skip_blanks(false);
        while self.take(b"2>/dev/null") || self.take(b"2> /dev/null") {
            self.skip_blanks(false);
        }
        (!matches!(self.peek(), Some(b'<' | b'>'))).then_some(command)
    }

    fn condition(&mut self) -> Option<Command> {
        let mut branches = Vec::new();
        self.at += 2;
        loop {
            let condition = self.list(&[b"then"])?;
            self.expect(b"then")?;
            let body = self.list(&[b"elif", b"else", b"fi"])?;
            branches.push((condition, body));
            match self.keyword() {
                Some(b"elif") => self.at += 4,
                Some(b"else") => {
                    self.at += 4;
                    let otherwise = self.list(&[b"fi"])?;
                    self.expect(b"fi")?;
                    return Some(Command::If { branches, otherwise });
                }
                Some(b"fi") => {
                    self.at += 2;
                    return Some(Command::If { branches, otherwise: List::default() });
                }
                _ => return None,
            }
        }
    }

    fn repetition(&mut self) -> Option<Command> {
        self.at += 3;
        self.skip_blanks(false);
        let name = self.name();
        self.skip_blanks(false);
        if name.is_empty() || !self.take(b"in ") {
            return None;
        }
        let mut words = Vec::new();
        loop {
            self.skip_blanks(false);
            match self.word(b"")? {
                word if word.is_empty() => break,
                word => words.push(word),
            }
        }
        self.expect(b"do")?;
        let body = self.list(&[b"done"])?;
        self.expect(b"done")?;
        Some(Command::For { name, words, body })
    }

    fn simple(&mut self) -> Option<Simple> {
        let mut simple = Simple::default();
        loop {
            self.skip_blanks(false);
            match self.peek() {
                None | Some(b'\n' | b';' | b'|' | b')') => return Some(simple),
                Some(b'&') if self.starts(b"&&") => return Some(simple),
                Some(b'&') if self.take(b"&>/dev/null") || self.take(b"&> /dev/null") => {
                    simple.is_silent = true
                }
                Some(b'&' | b'(') => return None,
                Some(b'<') => {
                    let text = self.take(b"<<<");
                    if !text && (self.starts(b"<<") || !self.take(b"<")) {
                        return None;
                    }
                    self.skip_blanks(false);
                    let word = self.word(b"")?;
                    simple.input = Some(if text { Input::Text(word) } else { Input::File(word) });
                }
                Some(b'>') => {
                    self.at += 1;
                    self.skip_blanks(false);
                    if !self.take(b"/dev/null") {
                        return None;
                    }
                    simple.is_silent = true;
                }
                Some(b'1' | b'2') if self.text.get(self.at + 1) == Some(&b'>') => {
                    self.redirection(&mut simple)?
                }
                _ => self.argument(&mut simple)?,
            }
        }
    }

    /// Errors may go to /dev/null or stay; they may not become output.
    fn redirection(&mut self, simple: &mut Simple) -> Option<()> {
        let errors = self.take(b"2>");
        if !errors && !self.take(b"1>") {
            return None;
        }
        self.skip_blanks(false);
        if self.take(b"/dev/null") {
            simple.is_silent |= !errors;
            return Some(());
        }
        // Errors that follow output into /dev/null.
        (errors && simple.is_silent && self.take(b"&1")).then_some(())
    }

    fn argument(&mut self, simple: &mut Simple) -> Option<()> {
        let start = self.at;
        let name = self.name();
        if simple.words.is_empty() && !name.is_empty() && self.take(b"=") {
            if self.peek() == Some(b'(') {
                return None;
            }
            let word = self.word(b"")?;
            simple.assignments.push((name, word));
            return Some(());
        }
        self.at = start;
        let word = self.word(b"")?;
        if word.is_empty() {
            return None;
        }
        simple.words.push(word);
        Some(())
    }

    fn name(&mut self) -> Vec<u8> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            self.at += 1;
        }
        let name = &self.text[start..self.at];
        if name.first().is_none_or(u8::is_ascii_digit) {
            self.at = start;
            return Vec::new();
        }
        name.to_vec()
    }

    /// A word up to a blank or operator, or inside braces up to one of `ends`.
    fn word(&mut self, ends: &[u8]) -> Option<Word> {
        let mut word = Word::new();
        loop {
            let Some(byte) = self.peek() else { return Some(word) };
            let ended = if ends.is_empty() {
                matches!(byte, b' ' | b'\t' | b'\n' | b';' | b'|' | b'&' | b'<' | b'>' | b'(' | b')')
            } else {
                ends.contains(&byte)
            };
            if ended {
                return Some(word);
            }
            self.at += 1;
            match byte {
                b'\'' => {
                    let length = self.text[self.at..].iter().position(|byte| *byte == b'\'')?;
                    word.push(Piece::Text {
                        text: self.text[self.at..self.at + length].to_vec(),
                        quoted: true,
                    });
                    self.at += length + 1;
                }
                b'"' => self.quoted(&mut word)?,
                b'\\' => {
                    let next = self.peek()?;
                    self.at += 1;
                    if next != b'\n' {
                        word.push(Piece::Text { text: vec![next], quoted: true });
                    }
                }
                b'$' => word.push(self.dollar(false)?),
                b'`' => word.push(self.backquoted(false)?),
                byte => push_text(&mut word, byte, false),
            }
        }
    }

    fn quoted(&mut self, word: &mut Word) -> Option<()> {
        word.push(Piece::Text { text: Vec::new(), quoted: true });
        loop {
            let byte = self.peek()?;
            self.at += 1;
            match byte {
                b'"' => return Some(()),
                b'\\' => {
                    let next = self.peek()?;
                    if matches!(next, b'$' | b'`' | b'"' | b'\\' | b'\n') {
                        self.at += 1;
                        if next != b'\n' {
                            push_text(word, next, true);
                        }
                    } else {
                        push_text(word, b'\\', true);
                    }
                }
                b'$' => word.push(self.dollar(true)?),
                b'`' => word.push(self.backquoted(true)?),
                byte => push_text(word, byte, true),
            }
        }
    }

    fn backquoted(&mut self, quoted: bool) -> Option<Piece> {
        let length = self.text[self.at..].iter().position(|byte| *byte == b'`')?;
        let script = &self.text[self.at..self.at + length];
        if script.contains(&b'\\') {
            return None;
        }
        let list = parse_at(script, self.depth + 1)?;
        self.at += length + 1;
        Some(Piece::Output { list, quoted })
    }

    /// What follows a dollar sign.
    fn dollar(&mut self, quoted: bool) -> Option<Piece> {
        if self.take(b"((") {
            let expression = self.word(b")")?;
            return self.take(b"))").then_some(Piece::Arithmetic { expression });
        }
        if self.take(b"(") {
            let list = self.list(&[])?;
            return self.take(b")").then_some(Piece::Output { list, quoted });
        }
        if self.take(b"{") {
            return self.braced(quoted);
        }
        if self.take(b"?") {
            return Some(Piece::Status);
        }
        let name = self.name();
        if name.is_empty() {
            // `$1`, `$$` and the rest say something about the process.
            return match self.peek() {
                None | Some(b' ' | b'"' | b'\n' | b'\t' | b'/' | b'|' | b'\'' | b'.') => {
                    Some(Piece::Text { text: b"$".to_vec(), quoted: true })
                }
                _ => None,
            };
        }
        Some(Piece::Variable { name, change: Change::None, quoted })
    }

    fn braced(&mut self, quoted: bool) -> Option<Piece> {
        let length = self.take(b"#");
        let name = self.name();
        if name.is_empty() {
            return None;
        }
        let change = if length { Change::Length } else { self.change()? };
        self.take(b"}").then_some(Piece::Variable { name, change, quoted })
    }

    fn change(&mut self) -> Option<Change> {
        let change = match self.peek()? {
            b'}' => Change::None,
            b':' if matches!(self.text.get(self.at + 1), Some(b'-' | b'+')) => {
                self.at += 1;
                return self.substitute(true);
            }
            b':' => {
                self.at += 1;
                let from = self.word(b":}")?;
                let length = if self.take(b":") { Some(self.word(b"}")?) } else { None };
                Change::Part { from, length }
            }
            b'-' | b'+' => return self.substitute(false),
            sign @ (b'#' | b'%') => {
                self.at += 1;
                let longest = self.take(&[sign]);
                Change::Cut { from_end: sign == b'%', longest, pattern: self.word(b"}")? }
            }
            b'/' => {
                self.at += 1;
                let all = self.take(b"/");
                // A pattern bound to one end.
                if matches!(self.peek(), Some(b'#' | b'%')) {
                    return None;
                }
                let pattern = self.word(b"/}")?;
                let replacement = if self.take(b"/") { self.word(b"}")? } else { Word::new() };
                Change::Replace { all, pattern, replacement }
            }
            b',' if self.take(b",,") => Change::Case { upper: false },
            b'^' if self.take(b"^^") => Change::Case { upper: true },
            _ => return None,
        };
        Some(change)
    }

    fn substitute(&mut self, when_empty: bool) -> Option<Change> {
        let default = self.take(b"-");
        if !default && !self.take(b"+") {
            return None;
        }
        let word = self.word(b"}")?;
        Some(if default {
            Change::Default { when_empty, word }
        } else {
            Change::Alternative { when_empty, word }
        })
    }
}

fn push_text(word: &mut Word, byte: u8, quoted: bool) {
    match word.last_mut() {
        Some(Piece::Text { text, quoted: before }) if *before == quoted => text.push(byte),
        _ => word.push(Piece::Text { text: vec![byte], quoted }),
    }
}
