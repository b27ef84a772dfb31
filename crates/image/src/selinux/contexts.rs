//! Lines of a file_contexts file in; patterns with their kind and label out.

/// The kind of a file, as file contexts tell kinds apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// `-b`
    BlockDevice,
    /// `-c`
    CharacterDevice,
    /// `-d`
    Directory,
    /// `-p`
    Pipe,
    /// `-l`
    SymbolicLink,
    /// `-s`
    Socket,
    /// `--`
    Regular,
}

/// Why file contexts cannot be understood.
#[derive(Debug, thiserror::Error)]
pub enum ContextsError {
    /// A line has a pattern and nothing else.
    #[error("{file}:{line}: a pattern without a context")]
    Incomplete {
        /// The file inside the image.
        file: String,
        /// Counted from 1.
        line: usize,
    },
    /// The second word of three is no kind of file.
    #[error("{file}:{line}: `{kind}` is no kind of file: one of -b -c -d -p -l -s -- is")]
    UnknownKind {
        /// The file inside the image.
        file: String,
        /// Counted from 1.
        line: usize,
        /// As written.
        kind: String,
    },
    /// A pattern is no regular expression.
    #[error("{file}:{line}: `{pattern}` is no regular expression")]
    BadPattern {
        /// The file inside the image.
        file: String,
        /// Counted from 1.
        line: usize,
        /// As written.
        pattern: String,
        /// Why.
        source: Box<regex_syntax::Error>,
    },
}

/// One line: what it matches and the label it gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) number: usize,
    pub(super) pattern: String,
    pub(super) kind: Option<FileKind>,
    /// Nothing for `<<none>>`.
    pub(super) context: Option<String>,
}

/// Reads the lines of one file; comments and empty lines are left out.
pub(super) fn parse(file: &str, text: &str) -> Result<Vec<Line>, ContextsError> {
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let words: Vec<&str> = line.split_ascii_whitespace().take(3).collect();
        let (pattern, kind, context) = match words[..] {
            [] => continue,
            [first, ..] if first.starts_with('#') => continue,
            [pattern, context] => (pattern, None, context),
            [pattern, kind, context] => (pattern, Some(kind), context),
            _ => return Err(ContextsError::Incomplete { file: file.to_owned(), line: number }),
        };
        let kind = kind
            .map(|kind| {
                file_kind(kind).ok_or_else(|| ContextsError::UnknownKind {
                    file: file.to_owned(),
                    line: number,
                    kind: kind.to_owned(),
                })
            })
            .transpose()?;
        let context = (context != "<<none>>").then(|| context.to_owned());
        lines.push(Line { number, pattern: pattern.to_owned(), kind, context });
    }
    Ok(lines)
}

fn file_kind(word: &str) -> Option<FileKind> {
    Some(match word {
        "-b" => FileKind::BlockDevice,
        "-c" => FileKind::CharacterDevice,
        "-d" => FileKind::Directory,
        "-p" => FileKind::Pipe,
        "-l" => FileKind::SymbolicLink,
        "-s" => FileKind::Socket,
        "--" => FileKind::Regular,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{FileKind, parse};

    #[test]
    fn a_line_may_leave_out_the_kind_and_say_none() {
        let lines = parse("f", "# c\n\n/a\tu:r:t\n/b -- u:r:x\n/c -d <<none>>\n").unwrap();
        let read: Vec<_> =
            lines.iter().map(|line| (line.number, line.kind, line.context.as_deref())).collect();
        assert_eq!(
            read,
            [
                (3, None, Some("u:r:t")),
                (4, Some(FileKind::Regular), Some("u:r:x")),
                (5, Some(FileKind::Directory), None)
            ]
        );
    }

    #[test]
    fn broken_lines_are_named_by_file_and_number() {
        assert_eq!(parse("f", "/a\n").unwrap_err().to_string(), "f:1: a pattern without a context");
        assert!(parse("f", "\n/a -x u:r:t\n").unwrap_err().to_string().starts_with("f:2: `-x` is no kind"));
    }
}
