//! An expression of `%if`, `%[…]` or `%{expr:…}`, in; its value or truth, out: integers of 32 bits, strings, versions.
//! What is not known makes an expression unknown unless its value does not depend on it.

use std::cmp::Ordering;
use std::rc::Rc;

use super::value::{ExpressionError, Truth, Value};
use super::version::compare_versions;
use super::{Engine, MacroError, shown};
use crate::scan::{call_end, is_space, left_call};
use crate::unknown::{first_mark, is_unknown};

/// Deeper nesting is refused: no spec needs it, and a hostile one must not exhaust the stack.
const DEEPEST: usize = 100;

/// `%[…]`: macros in it are expanded where their value counts.
pub(super) fn expand(engine: &Rc<Engine>, text: &[u8]) -> Result<Vec<u8>, MacroError> {
    Ok(value(engine, text, true)?.into_text())
}

/// `%{expr:…}`: macros in it have been expanded.
pub(super) fn evaluate(engine: &Rc<Engine>, text: &[u8]) -> Result<Vec<u8>, MacroError> {
    Ok(value(engine, text, false)?.into_text())
}

impl Engine {
    /// Whether the condition of an `%if` line holds, whose macros have been expanded.
    pub(crate) fn truth(self: &Rc<Self>, text: &[u8]) -> Result<Truth, MacroError> {
        Ok(value(self, text, false)?.truth())
    }
}

fn value(engine: &Rc<Engine>, text: &[u8], expand: bool) -> Result<Value, MacroError> {
    let mut parser =
        Parser { engine, text, at: 0, expand, discard: false, depth: 0, token: Token::End, start: 0 };
    parser.advance()?;
    let value = parser.ternary()?;
    match parser.token {
        Token::End => Ok(value),
        _ => Err(parser.unexpected()),
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    End,
    Value(Value),
    /// `name(`
    Function(Vec<u8>),
    Operator(&'static str),
}

const OPERATORS: [&str; 18] =
    ["==", "!=", "<=", ">=", "&&", "||", "<", ">", "!", "+", "-", "*", "/", "(", ")", "?", ":", ","];

struct Parser<'a> {
    engine: &'a Rc<Engine>,
    text: &'a [u8],
    at: usize,
    expand: bool,
    /// The value does not count: macros are not expanded.
    discard: bool,
    depth: usize,
    token: Token,
    /// Where the token begins.
    start: usize,
}

impl Parser<'_> {
    fn unexpected(&self) -> MacroError {
        match self.token {
            Token::End => ExpressionError::Ends.into(),
            _ => ExpressionError::Unexpected(shown(&self.text[self.start..])).into(),
        }
    }

    fn is(&self, operator: &str) -> bool {
        matches!(self.token, Token::Operator(this) if this == operator)
    }

    fn advance(&mut self) -> Result<(), MacroError> {
        while self.text.get(self.at).copied().is_some_and(is_space) {
            self.at += 1;
        }
        self.start = self.at;
        let rest = &self.text[self.at..];
        let Some(first) = rest.first().copied() else {
            self.token = Token::End;
            return Ok(());
        };
        if let Some(operator) = OPERATORS.into_iter().find(|operator| rest.starts_with(operator.as_bytes())) {
            self.at += operator.len();
            self.token = Token::Operator(operator);
            return Ok(());
        }
        self.token = match first {
            b'"' => Token::Value(Value::Text(self.string(self.at + 1)?)),
            b'v' if rest.get(1) == Some(&b'"') => Token::Value(self.version()?),
            b'%' if !self.expand => {
                let Some(call) = left_call(rest).filter(|call| rest.starts_with(call)) else {
                    return Err(ExpressionError::Token(shown(rest)).into());
                };
                self.at += call.len();
                self.undefined(call)
            }
            b'%' | b'0'..=b'9' => Token::Value(self.integer()?),
            _ if is_unknown(&rest[..1]) => Token::Value(self.integer()?),
            b'a'..=b'z' | b'A'..=b'Z' => self.function()?,
            _ => return Err(ExpressionError::Token(shown(rest)).into()),
        };
        Ok(())
    }

    /// A macro that nothing defines stands where a number should: its definition may be in a file that is not at hand.
    fn undefined(&self, call: &[u8]) -> Token {
        let reason = format!("macro {} is not defined", shown(call));
        Token::Value(Value::Unknown(self.engine.unknowns.mark(&reason)))
    }

    fn integer(&mut self) -> Result<Value, MacroError> {
        let start = self.at;
        while let Some(byte) = self.text.get(self.at).copied() {
            match byte {
                b'%' if self.expand => self.skip_call(),
                b'0'..=b'9' => self.at += 1,
                byte if is_unknown(&[byte]) => {
                    let mark = first_mark(&self.text[self.at..]).map_or(1, <[u8]>::len);
                    self.at += mark;
                }
                // An undefined macro glued to digits, as in `0%{undefined}`.
                b'%' if left_call(&self.text[self.at..])
                    .is_some_and(|call| self.text[self.at..].starts_with(call)) =>
                {
                    let call = left_call(&self.text[self.at..]).unwrap_or_default().to_vec();
                    self.at += call.len();
                    let Token::Value(value) = self.undefined(&call) else { continue };
                    return Ok(value);
                }
                _ => break,
            }
        }
        let text = self.value_of(start, self.at)?;
        if let Some(mark) = first_mark(&text) {
            return Ok(Value::Unknown(mark.to_vec()));
        }
        let digits = text.strip_prefix(b"-").unwrap_or(&text);
        if !digits.iter().all(u8::is_ascii_digit) {
            if let Some(call) = left_call(&text) {
                return match self.undefined(call) {
                    Token::Value(value) => Ok(value),
                    _ => Err(ExpressionError::NoInteger(shown(&text)).into()),
                };
            }
            return Err(ExpressionError::NoInteger(shown(&text)).into());
        }
        let text = String::from_utf8_lossy(&text);
        // As C does it: a number that is too long is cut to 32 bits.
        let number = text.parse::<i64>().unwrap_or(if text.is_empty() { 0 } else { i64::MAX });
        #[allow(clippy::cast_possible_truncation, reason = "so does rpm")]
        Ok(Value::Integer(number as i32))
    }

    fn string(&mut self, start: usize) -> Result<Vec<u8>, MacroError> {
        self.at = start;
        loop {
            match self.text.get(self.at) {
                None => return Err(ExpressionError::OpenString.into()),
                Some(b'"') => break,
                Some(b'%') if self.expand => self.skip_call(),
                Some(_) => self.at += 1,
            }
        }
        let text = self.value_of(start, self.at)?;
        self.at += 1;
        Ok(text)
    }

    fn version(&mut self) -> Result<Value, MacroError> {
        let text = self.string(self.at + 2)?;
        if text.is_empty() && !self.discard {
            return Err(ExpressionError::EmptyVersion.into());
        }
        match left_call(&text) {
            Some(call) => match self.undefined(call) {
                Token::Value(value) => Ok(value),
                _ => Err(ExpressionError::EmptyVersion.into()),
            },
            None => Ok(Value::Version(text)),
        }
    }

    fn function(&mut self) -> Result<Token, MacroError> {
        let rest = &self.text[self.at..];
        let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':');
        let length = rest.iter().position(|byte| !is_letter(byte)).unwrap_or(rest.len());
        if rest.get(length) != Some(&b'(') {
            return Err(ExpressionError::BareWord(shown(rest)).into());
        }
        let name = rest[..length].to_vec();
        self.at += length + 1;
        Ok(Token::Function(name))
    }

    fn skip_call(&mut self) {
        self.at += 1;
        if self.text.get(self.at) == Some(&b'%') {
            self.at += 1;
        } else {
            self.at = call_end(self.text, self.at).unwrap_or(self.text.len());
        }
    }

    fn value_of(&self, start: usize, end: usize) -> Result<Vec<u8>, MacroError> {
        match (self.discard, self.expand) {
            (true, _) => Ok(Vec::new()),
            (false, true) => self.engine.expand(&self.text[start..end]),
            (false, false) => Ok(self.text[start..end].to_vec()),
        }
    }

    fn ternary(&mut self) -> Result<Value, MacroError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(ExpressionError::Depth.into());
        }
        let condition = self.logical()?;
        let result = if self.is("?") { self.choice(condition)? } else { condition };
        self.depth -= 1;
        Ok(result)
    }

    fn choice(&mut self, condition: Value) -> Result<Value, MacroError> {
        let before = self.discard;
        let truth = condition.truth();
        self.discard = before || truth == Truth::No;
        self.advance()?;
        let yes = self.ternary()?;
        if !self.is(":") {
            return Err(self.unexpected());
        }
        self.discard = before || truth == Truth::Yes;
        self.advance()?;
        let no = self.ternary()?;
        self.discard = before;
        if yes.mark().is_none() && no.mark().is_none() && !yes.is_same_type(&no) {
            return Err(ExpressionError::Types.into());
        }
        Ok(match truth {
            Truth::Yes => yes,
            Truth::No => no,
            Truth::Unknown(_) if yes == no => yes,
            Truth::Unknown(mark) => Value::Unknown(mark),
        })
    }

    fn logical(&mut self) -> Result<Value, MacroError> {
        let mut left = self.relational()?;
        while self.is("&&") || self.is("||") {
            let and = self.is("&&");
            let before = self.discard;
            let truth = left.truth();
            let decided = truth == if and { Truth::No } else { Truth::Yes };
            self.discard = before || decided;
            self.advance()?;
            let right = self.relational()?;
            let unknown = left.mark().is_some() || right.mark().is_some();
            if !unknown && !left.is_same_type(&right) {
                return Err(ExpressionError::Types.into());
            }
            left = match truth {
                _ if decided => left,
                // `unknown && false` is false whatever the first is.
                Truth::Unknown(_) if right.truth() == if and { Truth::No } else { Truth::Yes } => right,
                Truth::Unknown(mark) => Value::Unknown(mark),
                _ => right,
            };
            self.discard = before;
        }
        Ok(left)
    }

    fn relational(&mut self) -> Result<Value, MacroError> {
        let mut left = self.sum()?;
        while let Token::Operator(operator @ ("==" | "!=" | "<" | "<=" | ">" | ">=")) = self.token {
            self.advance()?;
            let right = self.sum()?;
            if let Some(mark) = left.mark().or_else(|| right.mark()) {
                left = Value::Unknown(mark);
                continue;
            }
            if let Some(call) = undefined_in(&left).or_else(|| undefined_in(&right)) {
                self.engine
                    .doubt(format!("a condition compares macro {}, which is not defined", shown(&call)));
            }
            let order = match (&left, &right) {
                (Value::Integer(left), Value::Integer(right)) => left.cmp(right),
                (Value::Text(left), Value::Text(right)) => left.cmp(right),
                (Value::Version(left), Value::Version(right)) => compare_versions(left, right),
                _ => return Err(ExpressionError::Types.into()),
            };
            let holds = match operator {
                "==" => order == Ordering::Equal,
                "!=" => order != Ordering::Equal,
                "<" => order == Ordering::Less,
                "<=" => order != Ordering::Greater,
                ">" => order == Ordering::Greater,
                _ => order != Ordering::Less,
            };
            left = Value::Integer(i32::from(holds));
        }
        Ok(left)
    }

    fn sum(&mut self) -> Result<Value, MacroError> {
        let mut left = self.product()?;
        while self.is("+") || self.is("-") {
            let plus = self.is("+");
            self.advance()?;
            let right = self.product()?;
            left = match (left, right) {
                (Value::Integer(left), Value::Integer(right)) if plus => {
                    Value::Integer(left.wrapping_add(right))
                }
                (Value::Integer(left), Value::Integer(right)) => Value::Integer(left.wrapping_sub(right)),
                (Value::Text(left), Value::Text(right)) if plus => Value::Text([left, right].concat()),
                (Value::Unknown(mark), _) | (_, Value::Unknown(mark)) => Value::Unknown(mark),
                (left, right) if left.is_same_type(&right) => return Err(ExpressionError::Operand.into()),
                _ => return Err(ExpressionError::Types.into()),
            };
        }
        Ok(left)
    }

    fn product(&mut self) -> Result<Value, MacroError> {
        let mut left = self.primary()?;
        while self.is("*") || self.is("/") {
            let times = self.is("*");
            self.advance()?;
            let right = self.primary()?;
            left = match (left, right) {
                (left @ Value::Integer(_), Value::Integer(_)) if self.discard => left,
                (Value::Integer(left), Value::Integer(right)) if times => {
                    Value::Integer(left.wrapping_mul(right))
                }
                (Value::Integer(_), Value::Integer(0)) => return Err(ExpressionError::DivisionByZero.into()),
                (Value::Integer(left), Value::Integer(right)) => Value::Integer(left.wrapping_div(right)),
                (Value::Unknown(mark), _) | (_, Value::Unknown(mark)) => Value::Unknown(mark),
                (left, right) if left.is_same_type(&right) => return Err(ExpressionError::Operand.into()),
                _ => return Err(ExpressionError::Types.into()),
            };
        }
        Ok(left)
    }

    fn primary(&mut self) -> Result<Value, MacroError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(ExpressionError::Depth.into());
        }
        let value = match std::mem::replace(&mut self.token, Token::End) {
            Token::Value(value) => {
                self.advance()?;
                value
            }
            Token::Function(name) => self.function_call(&name)?,
            Token::Operator("(") => {
                self.advance()?;
                let value = self.ternary()?;
                if !self.is(")") {
                    return Err(self.unexpected());
                }
                self.advance()?;
                value
            }
            Token::Operator("-") => {
                self.advance()?;
                match self.primary()? {
                    Value::Integer(number) => Value::Integer(number.wrapping_neg()),
                    unknown @ Value::Unknown(_) => unknown,
                    _ => return Err(ExpressionError::Operand.into()),
                }
            }
            Token::Operator("!") => {
                self.advance()?;
                match self.primary()?.truth() {
                    Truth::Yes => Value::Integer(0),
                    Truth::No => Value::Integer(1),
                    Truth::Unknown(mark) => Value::Unknown(mark),
                }
            }
            other => {
                self.token = other;
                return Err(self.unexpected());
            }
        };
        self.depth -= 1;
        Ok(value)
    }

    fn function_call(&mut self, name: &[u8]) -> Result<Value, MacroError> {
        self.advance()?;
        let mut arguments = Vec::new();
        while !self.is(")") {
            arguments.push(self.ternary()?);
            if self.is(",") {
                self.advance()?;
                if self.is(")") {
                    return Err(self.unexpected());
                }
            } else if !self.is(")") {
                return Err(self.unexpected());
            }
        }
        self.advance()?;
        let Some(name) = name.strip_prefix(b"lua:") else {
            return Err(ExpressionError::Function(shown(name)).into());
        };
        if self.discard {
            return Ok(Value::Text(Vec::new()));
        }
        if let Some(mark) = arguments.iter().find_map(Value::mark) {
            return Ok(Value::Unknown(mark));
        }
        if arguments.iter().any(|argument| matches!(argument, Value::Version(_))) {
            return Err(ExpressionError::Types.into());
        }
        self.engine.lua()?.call_function(name, &arguments).map(Value::Text)
    }
}

/// A macro in a string that nothing defines: to rpm it is text, but its definition may be in a file that is not at hand.
fn undefined_in(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::Text(text) => left_call(text).map(<[u8]>::to_vec),
        _ => None,
    }
}
