//! The text of a rich dependency, in; the names that rpm puts into the index for it, out.
//! Nothing here judges what the dependency means: a text that rpm cannot parse has no names.

/// Deeper nesting than any package has: a hostile header must not exhaust the stack.
const DEEPEST_NESTING: usize = 200;

/// The names to index besides the whole text: sorted, without repeats, `!` before those that count against the package.
pub(super) fn index_names(text: &str) -> Vec<String> {
    let mut walk = Walk { rest: text, names: Vec::new(), negated: false, depth: 0 };
    if walk.group().is_none() {
        return Vec::new();
    }
    // rpm sorts with a leading blank in place of no `!`, and blank sorts before `!`.
    let mut names: Vec<(bool, String)> = walk.names;
    names.sort();
    names.dedup();
    names.into_iter().map(|(negated, name)| if negated { format!("!{name}") } else { name }).collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operator {
    And,
    Or,
    If,
    Unless,
    Else,
    With,
    Without,
}

impl Operator {
    fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "and" => Self::And,
            "or" => Self::Or,
            "if" => Self::If,
            "unless" => Self::Unless,
            "else" => Self::Else,
            "with" => Self::With,
            "without" => Self::Without,
            _ => return None,
        })
    }

    fn is_condition(self) -> bool {
        matches!(self, Self::If | Self::Unless)
    }

    fn may_chain(self) -> bool {
        matches!(self, Self::And | Self::Or | Self::With)
    }
}

struct Walk<'a> {
    rest: &'a str,
    names: Vec<(bool, String)>,
    negated: bool,
    depth: usize,
}

impl<'a> Walk<'a> {
    /// One parenthesised group; `None` where rpm's parser gives up.
    fn group(&mut self) -> Option<()> {
        self.rest = self.rest.strip_prefix('(')?;
        self.depth += 1;
        if self.depth > DEEPEST_NESTING {
            return None;
        }
        let mut condition_start = self.names.len();
        let mut chained: Option<Operator> = None;
        let mut last: Option<Operator> = None;
        loop {
            self.skip_blanks();
            match self.rest.chars().next()? {
                ')' => return None,
                '(' => self.group()?,
                _ => self.simple()?,
            }
            self.skip_blanks();
            if let Some(rest) = self.rest.strip_prefix(')') {
                self.rest = rest;
                break;
            }
            let operator = Operator::parse(self.word())?;
            if operator == Operator::Else && chained.is_some_and(Operator::is_condition) {
                chained = None;
            }
            if chained.is_some_and(|chained| chained != operator || !operator.may_chain()) {
                return None;
            }
            if operator.is_condition() {
                condition_start = self.names.len();
                self.negated = !self.negated;
            }
            if operator == Operator::Else {
                // The condition counts both ways once there is an `else`.
                let condition = self.names.get(condition_start..)?.to_vec();
                self.names.extend(condition.into_iter().map(|(negated, name)| (!negated, name)));
                self.negated = !self.negated;
            }
            chained = Some(operator);
            last = Some(operator);
        }
        if last.is_some_and(Operator::is_condition) {
            self.negated = !self.negated;
        }
        self.depth -= 1;
        Some(())
    }

    fn simple(&mut self) -> Option<()> {
        let name = self.word();
        if name.is_empty() {
            return None;
        }
        self.skip_blanks();
        let before_comparison = self.rest;
        if is_comparison(self.word()) {
            self.skip_blanks();
            if self.word().is_empty() {
                return None;
            }
        } else {
            self.rest = before_comparison;
        }
        if !(name.len() > 7 && name.starts_with("rpmlib(")) {
            self.names.push((self.negated, name.to_owned()));
        }
        Some(())
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c', ',']);
    }

    /// The text up to a blank, a comma or the `)` that closes the group (parentheses inside a word are balanced).
    fn word(&mut self) -> &'a str {
        let mut depth = 0_usize;
        let end = self
            .rest
            .char_indices()
            .find(|&(_, character)| {
                match character {
                    '(' => depth += 1,
                    ')' if depth == 0 => return true,
                    ')' => depth -= 1,
                    _ => {}
                }
                character == ',' || character.is_ascii_whitespace() || character == '\x0b'
            })
            .map_or(self.rest.len(), |(position, _)| position);
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }
}

fn is_comparison(word: &str) -> bool {
    matches!(word, "<" | "<=" | "=<" | "=" | "==" | ">=" | "=>" | ">")
}

#[cfg(test)]
mod tests {
    use super::index_names;

    fn names(text: &str) -> String {
        index_names(text).join(" ")
    }

    #[test]
    fn plain_names_are_sorted_once_each() {
        assert_eq!(names("(zsh or bash >= 5 or bash)"), "bash zsh");
    }

    #[test]
    fn a_condition_counts_against() {
        assert_eq!(names("(langpack-de if (langpacks-de and cups))"), "langpack-de !cups !langpacks-de");
    }

    #[test]
    fn else_makes_the_condition_count_both_ways() {
        assert_eq!(names("(a if b else c)"), "a b c !b");
    }

    #[test]
    fn nested_conditions_turn_twice() {
        assert_eq!(names("(a if (b unless c))"), "a c !b");
    }

    #[test]
    fn words_may_hold_parentheses() {
        assert_eq!(names("(config(foo) = 1-2 and foo(x86-64) and rpmlib(Thing))"), "config(foo) foo(x86-64)");
    }

    #[test]
    fn what_rpm_cannot_parse_has_no_names() {
        assert_eq!(names("(a and b or c)"), "");
        assert_eq!(names("(a and"), "");
        assert_eq!(names("(a = )"), "");
    }
}
