//! Boolean ("rich") dependencies, `(a or (b if c))`; grammar: rpm's docs/manual/boolean_dependencies.md.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::capability::{Capability, CapabilityError, Dependency};

/// Deeper nesting is refused: no package needs it, and a hostile one must not exhaust the stack.
const MAXIMUM_DEPTH: usize = 64;

/// A formula over dependencies.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RichDependency {
    /// All operands hold.
    And(Vec<Dependency>),
    /// At least one operand holds.
    Or(Vec<Dependency>),
    /// One single package satisfies all operands.
    With(Vec<Dependency>),
    /// One single package satisfies the first and not the second.
    Without(Box<Dependency>, Box<Dependency>),
    /// `then` holds where `condition` does; `otherwise` (if stated) where it does not.
    If {
        /// The consequence.
        then: Box<Dependency>,
        /// The condition.
        condition: Box<Dependency>,
        /// After `else`.
        otherwise: Option<Box<Dependency>>,
    },
    /// `then` holds where `condition` does not; `otherwise` (if stated) where it does. Conflicts only.
    Unless {
        /// The consequence.
        then: Box<Dependency>,
        /// The condition.
        condition: Box<Dependency>,
        /// After `else`.
        otherwise: Option<Box<Dependency>>,
    },
}

/// Why a text is no boolean dependency.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RichError {
    /// A parenthesis is missing.
    #[error("expected `{expected}` at byte {at}")]
    Expected {
        /// What should stand there.
        expected: &'static str,
        /// Offset in bytes.
        at: usize,
    },
    /// The word between operands is not an operator.
    #[error("unknown operator `{operator}` at byte {at}")]
    Operator {
        /// The word.
        operator: String,
        /// Offset in bytes.
        at: usize,
    },
    /// Different operators at one level, or a chain of one that cannot be chained.
    #[error("operator `{operator}` at byte {at} cannot follow `{previous}` without parentheses")]
    Chain {
        /// The operator that came first.
        previous: &'static str,
        /// The operator that follows.
        operator: &'static str,
        /// Offset in bytes.
        at: usize,
    },
    /// An operand is not a capability.
    #[error("operand at byte {at} cannot be read")]
    Operand {
        /// Offset in bytes.
        at: usize,
        /// What is wrong.
        source: Box<CapabilityError>,
    },
    /// Nested deeper than any real package.
    #[error("nested deeper than {MAXIMUM_DEPTH} levels")]
    Depth,
}

impl RichDependency {
    /// Reads one parenthesised formula; nothing may follow it.
    pub fn parse(text: &str) -> Result<Self, RichError> {
        let mut reader = Reader { text, at: 0 };
        let formula = reader.formula(0)?;
        reader.skip_blanks();
        if reader.at < text.len() {
            return Err(RichError::Expected { expected: "end of text", at: reader.at });
        }
        Ok(formula)
    }

    /// Every capability that the formula names, left to right.
    pub fn capabilities(&self) -> Vec<&Capability> {
        let mut found = Vec::new();
        self.visit(&mut found);
        found
    }

    fn visit<'a>(&'a self, found: &mut Vec<&'a Capability>) {
        for operand in self.operands() {
            match operand {
                Dependency::Simple(capability) => found.push(capability),
                Dependency::Rich(rich) => rich.visit(found),
            }
        }
    }

    fn operands(&self) -> Vec<&Dependency> {
        match self {
            Self::And(list) | Self::Or(list) | Self::With(list) => list.iter().collect(),
            Self::Without(a, b) => vec![a, b],
            Self::If { then, condition, otherwise } | Self::Unless { then, condition, otherwise } => {
                let mut all: Vec<&Dependency> = vec![then, condition];
                all.extend(otherwise.as_deref());
                all
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operator {
    And,
    Or,
    With,
    Without,
    If,
    Unless,
    Else,
}

impl Operator {
    const ALL: [(Operator, &'static str); 7] = [
        (Operator::And, "and"),
        (Operator::Or, "or"),
        (Operator::With, "with"),
        (Operator::Without, "without"),
        (Operator::If, "if"),
        (Operator::Unless, "unless"),
        (Operator::Else, "else"),
    ];

    fn word(self) -> &'static str {
        Self::ALL.iter().find(|(operator, _)| *operator == self).map_or("", |(_, word)| word)
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn formula(&mut self, depth: usize) -> Result<RichDependency, RichError> {
        if depth >= MAXIMUM_DEPTH {
            return Err(RichError::Depth);
        }
        self.expect("(", b'(')?;
        let mut operands = vec![self.operand(depth)?];
        let mut operators: Vec<Operator> = Vec::new();
        loop {
            self.skip_blanks();
            if self.peek() == Some(b')') {
                self.at += 1;
                break;
            }
            let at = self.at;
            let operator = self.operator()?;
            if let Some(previous) = operators.last().copied() {
                let chains = match operator {
                    Operator::And | Operator::Or | Operator::With => previous == operator,
                    Operator::Else => {
                        operators.len() == 1 && matches!(previous, Operator::If | Operator::Unless)
                    }
                    _ => false,
                };
                if !chains {
                    return Err(RichError::Chain {
                        previous: previous.word(),
                        operator: operator.word(),
                        at,
                    });
                }
            } else if operator == Operator::Else {
                return Err(RichError::Operator { operator: "else".to_owned(), at });
            }
            operators.push(operator);
            operands.push(self.operand(depth)?);
        }
        Ok(assemble(operators.first().copied(), operands))
    }

    fn operand(&mut self, depth: usize) -> Result<Dependency, RichError> {
        self.skip_blanks();
        if self.peek() == Some(b'(') {
            return self.formula(depth + 1).map(Dependency::Rich);
        }
        let at = self.at;
        let mut words = vec![self.word()];
        self.skip_blanks();
        if matches!(self.peek(), Some(b'<' | b'=' | b'>')) {
            words.push(self.word());
            self.skip_blanks();
            words.push(self.word());
        }
        Capability::parse(&words.join(" "))
            .map(Dependency::Simple)
            .map_err(|source| RichError::Operand { at, source: Box::new(source) })
    }

    fn operator(&mut self) -> Result<Operator, RichError> {
        let at = self.at;
        let word = self.word();
        Operator::ALL
            .iter()
            .find(|(_, text)| *text == word)
            .map(|(operator, _)| *operator)
            .ok_or_else(|| RichError::Operator { operator: word.to_owned(), at })
    }

    /// Up to a blank or a closing parenthesis that was not opened in the word: `perl(Foo)` is one word.
    fn word(&mut self) -> &'a str {
        let start = self.at;
        let mut open = 0usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'(' => open += 1,
                b')' if open == 0 => break,
                b')' => open -= 1,
                byte if byte.is_ascii_whitespace() => break,
                _ => {}
            }
            self.at += 1;
        }
        &self.text[start..self.at]
    }

    fn expect(&mut self, expected: &'static str, byte: u8) -> Result<(), RichError> {
        self.skip_blanks();
        if self.peek() != Some(byte) {
            return Err(RichError::Expected { expected, at: self.at });
        }
        self.at += 1;
        Ok(())
    }

    fn skip_blanks(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}

fn assemble(operator: Option<Operator>, operands: Vec<Dependency>) -> RichDependency {
    let mut list = operands.into_iter();
    match operator {
        // "(a)" is a formula of one operand.
        None | Some(Operator::And | Operator::Else) => RichDependency::And(list.collect()),
        Some(Operator::Or) => RichDependency::Or(list.collect()),
        Some(Operator::With) => RichDependency::With(list.collect()),
        Some(Operator::Without | Operator::If | Operator::Unless) => {
            let mut next =
                || Box::new(list.next().expect("the reader pushed an operand after every operator"));
            let (first, second) = (next(), next());
            let otherwise = list.next().map(Box::new);
            match operator {
                Some(Operator::If) => RichDependency::If { then: first, condition: second, otherwise },
                Some(Operator::Unless) => {
                    RichDependency::Unless { then: first, condition: second, otherwise }
                }
                _ => RichDependency::Without(first, second),
            }
        }
    }
}

impl fmt::Display for RichDependency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let chain = |f: &mut fmt::Formatter<'_>, list: &[Dependency], word: &str| {
            f.write_str("(")?;
            for (index, operand) in list.iter().enumerate() {
                if index > 0 {
                    write!(f, " {word} ")?;
                }
                write!(f, "{operand}")?;
            }
            f.write_str(")")
        };
        let conditional = |f: &mut fmt::Formatter<'_>,
                           then: &Dependency,
                           word,
                           condition: &Dependency,
                           otherwise: Option<&Dependency>| {
            write!(f, "({then} {word} {condition}")?;
            if let Some(otherwise) = otherwise {
                write!(f, " else {otherwise}")?;
            }
            f.write_str(")")
        };
        match self {
            Self::And(list) => chain(f, list, "and"),
            Self::Or(list) => chain(f, list, "or"),
            Self::With(list) => chain(f, list, "with"),
            Self::Without(a, b) => write!(f, "({a} without {b})"),
            Self::If { then, condition, otherwise } => {
                conditional(f, then, "if", condition, otherwise.as_deref())
            }
            Self::Unless { then, condition, otherwise } => {
                conditional(f, then, "unless", condition, otherwise.as_deref())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_printed_back() {
        for text in [
            "(a or b)",
            "(a or b or c)",
            "(a >= 1:2-3 and perl(Foo::Bar) < 2)",
            "(a if b)",
            "(a if b else c)",
            "(a unless b else (c or d))",
            "(foo >= 1 with foo < 2)",
            "(foo without bar)",
            "((a or b) and (c if (d and e)))",
            "(libc.so.6(GLIBC_2.4)(64bit) or musl)",
            "(a)",
        ] {
            assert_eq!(RichDependency::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn wrong_formulas_name_the_place() {
        for (text, expected) in [
            ("a or b", "expected `(` at byte 0"),
            ("(a or b", "unknown operator `` at byte 7"),
            ("(a or b) c", "expected `end of text` at byte 9"),
            ("(a xor b)", "unknown operator `xor` at byte 3"),
            ("(a or b and c)", "operator `and` at byte 8 cannot follow `or` without parentheses"),
            ("(a if b if c)", "operator `if` at byte 8 cannot follow `if` without parentheses"),
            ("(a else b)", "unknown operator `else` at byte 3"),
            (
                "(a without b without c)",
                "operator `without` at byte 13 cannot follow `without` without parentheses",
            ),
            ("(a or )", "operand at byte 6 cannot be read"),
        ] {
            assert_eq!(RichDependency::parse(text).unwrap_err().to_string(), expected, "{text}");
        }
        let deep = format!("{}a{}", "(".repeat(100), ")".repeat(100));
        assert_eq!(RichDependency::parse(&deep), Err(RichError::Depth));
    }

    #[test]
    fn all_capabilities_are_found() {
        let formula = RichDependency::parse("(a if (b or c >= 2) else d)").unwrap();
        let names: Vec<_> = formula.capabilities().iter().map(|c| c.name.clone()).collect();
        assert_eq!(names, ["a", "b", "c", "d"]);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "[()a-c<>= ]{0,40}|(\\(|a | or | if | else |\\))*") {
            if let Ok(formula) = RichDependency::parse(&text) {
                proptest::prop_assert_eq!(RichDependency::parse(&formula.to_string()), Ok(formula));
            }
        }
    }
}
