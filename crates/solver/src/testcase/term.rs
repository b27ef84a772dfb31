//! A dependency as a testcase writes it, in; its tree, out; and back again.

use std::fmt;

use rpm_model::{Capability, Comparison, Constraint, Dependency, PartialEvr, RichDependency};

/// Deeper nesting is refused: a hostile file must not exhaust the stack.
const MAXIMUM_DEPTH: usize = 256;

/// A dependency: names and what relates them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Term {
    /// No name at all.
    Null,
    /// A name or a version.
    Literal(String),
    /// Two terms and what relates them.
    Relation(Operator, Box<Term>, Box<Term>),
}

/// What relates two terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Version(Versions),
    And,
    Or,
    With,
    Without,
    Namespace,
    Architecture,
    MultiArchitecture,
    FileConflict,
    If,
    Compatible,
    Kind,
    Else,
    Error,
    Unless,
    Conda,
}

/// Which versions a relation admits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Versions {
    Equal,
    Any,
    LessOrEqual,
    GreaterOrEqual,
    Greater,
    Other,
    Less,
}

/// In the order in which a text is tried against them.
const OPERATORS: &[(Operator, &str)] = &[
    (Operator::Version(Versions::Equal), "="),
    (Operator::Version(Versions::Any), "<=>"),
    (Operator::Version(Versions::LessOrEqual), "<="),
    (Operator::Version(Versions::GreaterOrEqual), ">="),
    (Operator::Version(Versions::Greater), ">"),
    (Operator::Version(Versions::Other), "<>"),
    (Operator::And, "&"),
    (Operator::Or, "|"),
    (Operator::With, "+"),
    (Operator::Without, "-"),
    (Operator::Namespace, "<NAMESPACE>"),
    (Operator::Architecture, "."),
    (Operator::MultiArchitecture, "<MULTIARCH>"),
    (Operator::FileConflict, "<FILECONFLICT>"),
    (Operator::If, "<IF>"),
    (Operator::Compatible, "compat >="),
    (Operator::Kind, "<KIND>"),
    (Operator::Else, "<ELSE>"),
    (Operator::Error, "<ERROR>"),
    (Operator::Unless, "<UNLESS>"),
    (Operator::Conda, "<CONDA>"),
    (Operator::Version(Versions::Less), "<"),
];

/// Why a text is no dependency of a testcase, or none that RPM knows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TermError {
    /// The text stops, or goes on, in an unexpected place.
    #[error("`{0}` is not a dependency")]
    Shape(String),
    /// Too many levels.
    #[error("a dependency is nested deeper than {MAXIMUM_DEPTH} levels")]
    TooDeep,
    /// RPM has no such relation.
    #[error("packages of RPM have no dependency like `{0}`")]
    NotOfRpm(String),
    /// A version cannot be read.
    #[error("`{0}` is not a version")]
    Version(String),
}

impl Operator {
    /// The operator that stands at the beginning of a text.
    pub(crate) fn at(text: &str) -> Option<(Operator, &'static str)> {
        OPERATORS.iter().find(|(_, name)| text.starts_with(name)).copied()
    }

    pub(crate) fn name(self) -> &'static str {
        OPERATORS.iter().find(|(operator, _)| *operator == self).map_or("", |(_, name)| *name)
    }

    fn is_version(self) -> bool {
        matches!(self, Operator::Version(_))
    }
}

impl Versions {
    /// `None` where rpm has no such relation.
    pub(crate) fn comparison(self) -> Option<Comparison> {
        match self {
            Versions::Equal => Some(Comparison::Equal),
            Versions::LessOrEqual => Some(Comparison::LessOrEqual),
            Versions::GreaterOrEqual => Some(Comparison::GreaterOrEqual),
            Versions::Greater => Some(Comparison::Greater),
            Versions::Less => Some(Comparison::Less),
            Versions::Any | Versions::Other => None,
        }
    }
}

impl Term {
    pub(crate) fn relation(operator: Operator, left: Term, right: Term) -> Term {
        Term::Relation(operator, Box::new(left), Box::new(right))
    }

    /// A relation of terms, refused where it would be nested too deep.
    pub(crate) fn bounded_relation(operator: Operator, left: Term, right: Term) -> Result<Term, TermError> {
        let deepest = left.depth().max(right.depth());
        if deepest < MAXIMUM_DEPTH {
            Ok(Term::relation(operator, left, right))
        } else {
            Err(TermError::TooDeep)
        }
    }

    fn depth(&self) -> usize {
        match self {
            Term::Relation(_, left, right) => 1 + left.depth().max(right.depth()),
            Term::Null | Term::Literal(_) => 0,
        }
    }

    /// Reads a whole text.
    pub(crate) fn parse(text: &str) -> Result<Term, TermError> {
        let mut reader = Reader { rest: text, whole: text };
        let term = reader.complex(false, 0)?;
        if reader.rest.is_empty() { Ok(term) } else { Err(reader.error()) }
    }

    /// What rpm understands by it.
    pub(crate) fn to_dependency(&self) -> Result<Dependency, TermError> {
        let Term::Relation(operator, left, right) = self else {
            return self.to_capability().map(Dependency::Simple);
        };
        let both = || Ok::<_, TermError>(vec![left.to_dependency()?, right.to_dependency()?]);
        let rich = match operator {
            Operator::And => RichDependency::And(both()?),
            Operator::Or => RichDependency::Or(both()?),
            Operator::With => RichDependency::With(both()?),
            Operator::Without => {
                RichDependency::Without(Box::new(left.to_dependency()?), Box::new(right.to_dependency()?))
            }
            Operator::If | Operator::Unless => {
                let then = Box::new(left.to_dependency()?);
                let (condition, otherwise) = match &**right {
                    Term::Relation(Operator::Else, condition, otherwise) => {
                        (condition.to_dependency()?, Some(Box::new(otherwise.to_dependency()?)))
                    }
                    condition => (condition.to_dependency()?, None),
                };
                let condition = Box::new(condition);
                if *operator == Operator::If {
                    RichDependency::If { then, condition, otherwise }
                } else {
                    RichDependency::Unless { then, condition, otherwise }
                }
            }
            _ => return self.to_capability().map(Dependency::Simple),
        };
        Ok(Dependency::Rich(rich))
    }

    /// What rpm understands by it, where only one capability may stand.
    pub(crate) fn to_capability(&self) -> Result<Capability, TermError> {
        let not_of_rpm = || TermError::NotOfRpm(self.to_string());
        match self {
            Term::Literal(name) => Ok(Capability::any(name.as_str())),
            Term::Relation(Operator::Version(versions), name, version) => {
                let (Term::Literal(name), Term::Literal(version)) = (&**name, &**version) else {
                    return Err(not_of_rpm());
                };
                let comparison = versions.comparison().ok_or_else(not_of_rpm)?;
                let evr = PartialEvr::parse(version).map_err(|_| TermError::Version(version.clone()))?;
                Ok(Capability { name: name.clone(), constraint: Some(Constraint { comparison, evr }) })
            }
            Term::Relation(Operator::Namespace, name, argument) => match (&**name, &**argument) {
                (Term::Literal(name), Term::Literal(argument)) => {
                    Ok(Capability::any(format!("{name}({argument})")))
                }
                _ => Err(not_of_rpm()),
            },
            Term::Null | Term::Relation(..) => Err(not_of_rpm()),
        }
    }

    /// The tree from its leaves up, a line a node, as testcases list it.
    pub(crate) fn nodes(&self, lines: &mut Vec<String>) {
        match self {
            Term::Null => lines.push("null".to_owned()),
            Term::Literal(text) => lines.push(format!("lit {text}")),
            Term::Relation(operator, left, right) => {
                left.nodes(lines);
                right.nodes(lines);
                lines.push(format!("op {}", operator.name()));
            }
        }
    }
}

struct Reader<'t> {
    rest: &'t str,
    whole: &'t str,
}

impl<'t> Reader<'t> {
    fn error(&self) -> TermError {
        TermError::Shape(self.whole.to_owned())
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    /// A term; behind the operator of a version, only a version.
    fn complex(&mut self, is_version: bool, depth: usize) -> Result<Term, TermError> {
        if depth > MAXIMUM_DEPTH {
            return Err(TermError::TooDeep);
        }
        self.skip_blanks();
        let namespace = self.namespace();
        let mut term = match self.rest.strip_prefix('(') {
            Some(rest) => {
                self.rest = rest;
                let inner = self.complex(false, depth + 1)?;
                self.rest = self.rest.strip_prefix(')').ok_or_else(|| self.error())?;
                inner
            }
            None => self.simple(!is_version),
        };
        if let Some(name) = namespace {
            term = Term::relation(Operator::Namespace, Term::Literal(name.to_owned()), term);
        }
        let mut relations = 0;
        loop {
            self.skip_blanks();
            let ends = self.rest.is_empty() || self.rest.starts_with(')');
            if ends || is_version && !self.rest.starts_with("compat >= ") {
                return Ok(term);
            }
            relations += 1;
            if relations > MAXIMUM_DEPTH {
                return Err(TermError::TooDeep);
            }
            let (operator, name) = Operator::at(self.rest).ok_or_else(|| self.error())?;
            self.rest = &self.rest[name.len()..];
            let right = self.complex(operator.is_version(), depth + 1)?;
            term = Term::relation(operator, term, right);
        }
    }

    /// `namespace:NAME` in front of an opening parenthesis.
    fn namespace(&mut self) -> Option<&'t str> {
        let end = self.rest.starts_with("namespace:").then(|| self.rest.find('(')).flatten()?;
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(name)
    }

    /// A name up to the next blank or the parenthesis that is not its own.
    fn simple(&mut self, is_name: bool) -> Term {
        let mut open = 0;
        let mut end = self.rest.len();
        for (place, byte) in self.rest.bytes().enumerate() {
            match byte {
                b'(' => open += 1,
                b')' if open == 0 => end = place,
                b')' => open -= 1,
                0..=b' ' => end = place,
                _ => continue,
            }
            if end == place {
                break;
            }
        }
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        match text.strip_suffix(":any").filter(|name| is_name && !name.is_empty()) {
            Some(name) => {
                let any = Term::Literal("any".to_owned());
                Term::relation(Operator::MultiArchitecture, literal(name), any)
            }
            None => literal(text),
        }
    }
}

fn literal(text: &str) -> Term {
    match text {
        "<NULL>" => Term::Null,
        "\\00" => Term::Literal(String::new()),
        _ => Term::Literal(unescape(text)),
    }
}

/// `\` and two hexadecimal digits stand for a byte.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let digit = |place: usize| behind.get(place).and_then(|byte| char::from(*byte).to_digit(16));
        match (first, digit(0), digit(1)) {
            (b'\\', Some(high), Some(low)) => {
                bytes.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                rest = &behind[2..];
            }
            _ => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Term::Null => f.write_str("<NULL>"),
            Term::Literal(text) => write_name(f, text, true),
            Term::Relation(operator, left, right) => write_relation(f, *operator, left, right),
        }
    }
}

fn write_relation(f: &mut fmt::Formatter<'_>, operator: Operator, left: &Term, right: &Term) -> fmt::Result {
    if let (Operator::Namespace, Term::Literal(name)) = (operator, left)
        && name.starts_with("namespace:")
    {
        return write!(f, "{name}({right})");
    }
    if operator == Operator::MultiArchitecture && *right == Term::Literal("any".to_owned()) {
        return write!(f, "{left}:any");
    }
    let is_version = |term: &Term| matches!(term, Term::Relation(Operator::Version(_), ..));
    let left_needs = matches!(left, Term::Relation(..))
        && !(is_version(left) && !operator.is_version() && operator != Operator::Compatible);
    write_operand(f, left, left_needs, true)?;
    write!(f, " {} ", operator.name())?;
    let right_needs = match right {
        Term::Relation(inner, ..) => {
            let chain = operator == *inner && matches!(operator, Operator::And | Operator::Or);
            let plain = !operator.is_version() && inner.is_version();
            let compatible = operator.is_version() && *inner == Operator::Compatible;
            !(chain || plain || compatible)
        }
        _ => false,
    };
    write_operand(f, right, right_needs, false)
}

fn write_operand(f: &mut fmt::Formatter<'_>, term: &Term, parentheses: bool, is_name: bool) -> fmt::Result {
    match term {
        Term::Literal(text) => write_name(f, text, is_name),
        _ if parentheses && !closes_itself(term) => write!(f, "({term})"),
        _ => write!(f, "{term}"),
    }
}

/// Whether a relation is written so that nothing can be taken for a part of it.
fn closes_itself(term: &Term) -> bool {
    match term {
        Term::Relation(Operator::Namespace, name, _) => {
            matches!(&**name, Term::Literal(name) if name.starts_with("namespace:"))
        }
        Term::Relation(Operator::MultiArchitecture, _, any) => **any == Term::Literal("any".to_owned()),
        _ => false,
    }
}

fn write_name(f: &mut fmt::Formatter<'_>, text: &str, is_name: bool) -> fmt::Result {
    if text.is_empty() {
        return f.write_str("\\00");
    }
    let mut rest = text;
    if let Some(behind) = text.strip_prefix("namespace:") {
        f.write_str("namespace\\3a")?;
        rest = behind;
    }
    let ends_in_any = is_name && rest.len() > 4 && rest.ends_with(":any");
    let body = if ends_in_any { &rest[..rest.len() - 4] } else { rest };
    let parentheses_are_fine = has_one_pair(text) && !text.starts_with("namespace:");
    for (place, letter) in body.char_indices() {
        let first = place == 0 && "[(<=>!".contains(letter);
        let blank = letter == ' ' || letter == '\\' || u32::from(letter) < 32;
        let parenthesis = matches!(letter, '(' | ')') && !parentheses_are_fine;
        if first || blank || parenthesis {
            write!(f, "\\{:02x}", u32::from(letter))?;
        } else {
            write!(f, "{letter}")?;
        }
    }
    if ends_in_any { f.write_str("\\3aany") } else { Ok(()) }
}

/// Whether all parentheses of a name are matched and none lies in another, and nothing else needs a way out.
fn has_one_pair(text: &str) -> bool {
    let mut open = false;
    for letter in text.chars() {
        match letter {
            '(' if open => return false,
            '(' => open = true,
            ')' if !open => return false,
            ')' => open = false,
            ' ' | '\\' => return false,
            _ => {}
        }
    }
    !open && !text.starts_with(['[', '(', '<', '=', '>', '!'])
}
