//! A path and its kind in; the label that libselinux (3.8 and later) would give it out.
//!
//! The rules, in their order: a path is renamed by the substitutions (local, then the distribution's). A pattern without
//! special characters that is exactly the path wins over all others. Of the patterns that match, the one read last wins.
//! `<<none>>` is an answer of its own: no label. Patterns are kept by the directory they begin with (at most three
//! components deep), and looked through from the deepest directory up, the last pattern first.

use std::collections::HashMap;
use std::sync::OnceLock;

use regex::bytes::{Regex, RegexBuilder};

use super::contexts::{self, ContextsError, FileKind, Line};
use super::substitutions::Substitutions;

/// The file contexts of one policy, ready to be asked.
#[derive(Debug)]
pub struct Contexts {
    nodes: HashMap<Vec<u8>, Node>,
    local: Substitutions,
    distribution: Substitutions,
}

/// The specifications that begin with one directory.
#[derive(Debug, Default)]
struct Node {
    /// In the order of reading.
    patterns: Vec<Pattern>,
    /// By path, in the order of reading.
    literals: HashMap<Vec<u8>, Vec<Specification>>,
}

#[derive(Debug)]
struct Pattern {
    specification: Specification,
    /// Nothing when the pattern is larger than the regular expression engine allows: it then matches nothing.
    regex: OnceLock<Option<Regex>>,
    text: String,
}

#[derive(Debug)]
struct Specification {
    /// Which file, and which line of it.
    order: (usize, usize),
    kind: Option<FileKind>,
    context: Option<String>,
}

/// libselinux sorts patterns into directories at most this deep.
const DEEPEST_NODE: usize = 3;

impl Contexts {
    /// Reads named files in the order given, later ones winning over earlier ones, and the two files of substitutions.
    pub fn parse(files: &[(String, String)], local: &str, distribution: &str) -> Result<Self, ContextsError> {
        let mut contexts = Self {
            nodes: HashMap::from([(Vec::new(), Node::default())]),
            local: Substitutions::parse(local),
            distribution: Substitutions::parse(distribution),
        };
        for (index, (name, text)) in files.iter().enumerate() {
            for line in contexts::parse(name, text)? {
                contexts.insert(index, name, line)?;
            }
        }
        Ok(contexts)
    }

    /// The label of an absolute path; nothing when the policy gives it none.
    pub fn lookup(&self, path: &[u8], kind: FileKind) -> Option<&str> {
        let renamed = self.rename(path);
        let path = renamed.as_deref().unwrap_or(path);
        let nodes = self.nodes_on_the_way(path);
        if let Some(specification) = nodes.last().and_then(|node| node.literal(path, kind)) {
            return specification.context.as_deref();
        }
        let mut best: Option<&Specification> = None;
        for node in nodes.iter().rev() {
            for pattern in node.patterns.iter().rev() {
                let specification = &pattern.specification;
                if best.is_some_and(|best| specification.order < best.order) {
                    break;
                }
                if specification.kind.is_none_or(|wanted| wanted == kind) && pattern.matches(path) {
                    // Found deeper down, `<<none>>` ends the search, whatever a directory further up says.
                    specification.context.as_ref()?;
                    best = Some(specification);
                    break;
                }
            }
        }
        best?.context.as_deref()
    }

    fn rename(&self, path: &[u8]) -> Option<Vec<u8>> {
        match self.local.apply(path) {
            Some(renamed) => Some(self.distribution.apply(&renamed).unwrap_or(renamed)),
            None => self.distribution.apply(path),
        }
    }

    fn nodes_on_the_way(&self, path: &[u8]) -> Vec<&Node> {
        let mut nodes = vec![&self.nodes[&Vec::new()]];
        for (end, _) in path.iter().enumerate().skip(1).filter(|(_, byte)| **byte == b'/').take(DEEPEST_NODE)
        {
            match self.nodes.get(&path[..end]) {
                Some(node) => nodes.push(node),
                None => break,
            }
        }
        nodes
    }

    fn insert(&mut self, file_index: usize, file: &str, line: Line) -> Result<(), ContextsError> {
        let specification =
            Specification { order: (file_index, line.number), kind: line.kind, context: line.context };
        match literal(&line.pattern) {
            Some(path) => {
                let node = self.node(directories(&path));
                node.literals.entry(path).or_default().push(specification);
            }
            None => {
                let stems = line.pattern.split('/').skip(1).filter(|stem| !stem.is_empty());
                let count = line.pattern.split('/').skip(1).filter(|stem| !stem.is_empty()).count();
                // The last component is never a directory of its own, even when it is plain.
                let stems = stems.take(count.saturating_sub(1)).map_while(literal);
                let directory = stems.take(DEEPEST_NODE).collect();
                // Compiled when first asked: most patterns of a policy are of programs that an image does not have.
                let pattern = Pattern { specification, regex: OnceLock::new(), text: line.pattern };
                pattern.check(file, line.number)?;
                self.node(directory).patterns.push(pattern);
            }
        }
        Ok(())
    }

    /// The node of a directory; those above it are made too, since the search goes down step by step.
    fn node(&mut self, directories: Vec<Vec<u8>>) -> &mut Node {
        let mut path = Vec::new();
        for directory in directories {
            path.push(b'/');
            path.extend(directory);
            self.nodes.entry(path.clone()).or_default();
        }
        self.nodes.entry(path).or_default()
    }
}

impl Node {
    /// The exact match that was read last; within one file, the first.
    fn literal(&self, path: &[u8], kind: FileKind) -> Option<&Specification> {
        let fitting = self
            .literals
            .get(path)?
            .iter()
            .filter(|literal| literal.kind.is_none_or(|wanted| wanted == kind));
        fitting.rev().max_by_key(|literal| literal.order.0)
    }
}

impl Pattern {
    fn check(&self, file: &str, line: usize) -> Result<(), ContextsError> {
        let bad = |source| ContextsError::BadPattern {
            file: file.to_owned(),
            line,
            pattern: self.text.clone(),
            source: Box::new(source),
        };
        regex_syntax::ParserBuilder::new()
            .utf8(false)
            .unicode(false)
            .build()
            .parse(&anchored(&self.text))
            .map(drop)
            .map_err(bad)
    }

    fn matches(&self, path: &[u8]) -> bool {
        // Anchored, with a dot that also means a line end, over bytes: as libselinux asks of PCRE2.
        let compile = || {
            RegexBuilder::new(&anchored(&self.text)).dot_matches_new_line(true).unicode(false).build().ok()
        };
        self.regex.get_or_init(compile).as_ref().is_some_and(|regex| regex.is_match(path))
    }
}

fn anchored(pattern: &str) -> String {
    format!("^(?:{pattern})$")
}

/// The path that a pattern means when it has no special characters; nothing when it has.
fn literal(pattern: &str) -> Option<Vec<u8>> {
    let mut path = Vec::with_capacity(pattern.len());
    let mut bytes = pattern.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'.' | b'^' | b'$' | b'?' | b'*' | b'+' | b'|' | b'[' | b'(' | b'{' | b']' | b')' | b'}' => {
                return None;
            }
            b'\\' => match bytes.next()? {
                escaped @ (b'.' | b'^' | b'$' | b'?' | b'*' | b'+' | b'|' | b'[' | b'(' | b'{' | b']'
                | b')' | b'}' | b'-' | b'_' | b',') => path.push(escaped),
                _ => return None,
            },
            byte => path.push(byte),
        }
    }
    Some(path)
}

/// The directories a path goes through, at most three.
fn directories(path: &[u8]) -> Vec<Vec<u8>> {
    let mut components: Vec<Vec<u8>> = path
        .split(|byte| *byte == b'/')
        .skip(1)
        .filter(|component| !component.is_empty())
        .map(<[u8]>::to_vec)
        .collect();
    components.pop();
    components.truncate(DEEPEST_NODE);
    components
}

#[cfg(test)]
mod tests {
    use super::super::FileKind::{self, Directory, Regular};
    use super::Contexts;

    fn contexts(main: &str, homes: &str) -> Contexts {
        let files = [("main".to_owned(), main.to_owned()), ("homes".to_owned(), homes.to_owned())];
        Contexts::parse(&files, "", "/lib /usr/lib\n").unwrap()
    }

    fn ask(contexts: &Contexts, path: &str, kind: FileKind) -> Option<String> {
        contexts.lookup(path.as_bytes(), kind).map(str::to_owned)
    }

    #[test]
    fn the_last_pattern_wins_and_an_exact_path_wins_over_all() {
        let contexts = contexts("/usr/bin/ls -- exact\n/.* default\n/usr/.* usr\n/usr/bin(/.*)? bin\n", "");
        assert_eq!(ask(&contexts, "/usr/bin/ls", Regular).unwrap(), "exact");
        assert_eq!(ask(&contexts, "/usr/bin/ls", Directory).unwrap(), "bin");
        assert_eq!(ask(&contexts, "/usr/share", Directory).unwrap(), "usr");
        assert_eq!(ask(&contexts, "/opt", Directory).unwrap(), "default");
        assert_eq!(ask(&contexts, "/", Directory).unwrap(), "default");
    }

    #[test]
    fn a_later_file_wins_over_an_earlier_one() {
        let contexts =
            contexts("/home/.* first\n/home/a/x -- one\n", "/home/[^/]+/.* second\n/home/a/x -- two\n");
        assert_eq!(ask(&contexts, "/home/a/b", Regular).unwrap(), "second");
        assert_eq!(ask(&contexts, "/home/a/x", Regular).unwrap(), "two");
    }

    #[test]
    fn none_is_an_answer_and_substitutions_come_first() {
        let contexts =
            contexts("/.* default\n/proc/.* <<none>>\n/usr/lib/.* lib\n/usr/lib/a\\.so -- object\n", "");
        assert_eq!(ask(&contexts, "/proc/1", Directory), None);
        assert_eq!(ask(&contexts, "/lib/x", Regular).unwrap(), "lib");
        assert_eq!(ask(&contexts, "/lib/a.so", Regular).unwrap(), "object");
    }

    #[test]
    fn a_broken_pattern_is_named() {
        let files = [("main".to_owned(), "/a\n".to_owned() + "")];
        assert!(Contexts::parse(&files, "", "").is_err());
        let files = [("main".to_owned(), "/ok x\n/a(b x\n".to_owned())];
        assert_eq!(
            Contexts::parse(&files, "", "").unwrap_err().to_string(),
            "main:2: `/a(b` is no regular expression"
        );
    }
}
