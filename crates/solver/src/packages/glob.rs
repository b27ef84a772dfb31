//! Shell patterns, as the command line of dnf takes them.

/// Whether the text has a pattern character.
pub(crate) fn is_glob(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// Whether the whole text matches: `*` any run, `?` any character, `[a-z]`, `[!a-z]` one of a set.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // Where to resume when the rest does not match: behind the last `*`, one character further.
    let mut resume: Option<(usize, usize)> = None;
    loop {
        let step = match (pattern.get(p), text.get(t)) {
            (None, None) => return true,
            (Some(b'*'), _) => {
                resume = Some((p + 1, t));
                p += 1;
                continue;
            }
            (Some(b'?'), Some(_)) => Some(1),
            (Some(b'['), Some(byte)) => set(&pattern[p..], *byte),
            (Some(a), Some(b)) if a == b => Some(1),
            _ => None,
        };
        match (step, resume) {
            (Some(length), _) => (p, t) = (p + length, t + 1),
            (None, Some((after, from))) if from < text.len() => {
                resume = Some((after, from + 1));
                (p, t) = (after, from + 1);
            }
            _ => return false,
        }
    }
}

/// The length of the set at the start of the pattern if the byte is in it; an unclosed `[` stands for itself.
fn set(pattern: &[u8], byte: u8) -> Option<usize> {
    let negated = matches!(pattern.get(1), Some(b'!' | b'^'));
    let start = if negated { 2 } else { 1 };
    let Some(length) = pattern.iter().skip(start + 1).position(|byte| *byte == b']') else {
        return (byte == b'[').then_some(1);
    };
    let end = start + 1 + length;
    let mut members = &pattern[start..end];
    let mut found = false;
    while let [first, rest @ ..] = members {
        match rest {
            [b'-', last, rest @ ..] => {
                found |= (*first..=*last).contains(&byte);
                members = rest;
            }
            _ => {
                found |= *first == byte;
                members = rest;
            }
        }
    }
    (found != negated).then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_texts() {
        for (pattern, text, expected) in [
            ("bash", "bash", true),
            ("bash", "bash-doc", false),
            ("ba*", "bash", true),
            ("*sh", "bash", true),
            ("*a*s*", "bash", true),
            ("b?sh", "bash", true),
            ("b[a-c]sh", "bash", true),
            ("b[!a-c]sh", "bash", false),
            ("b[]]", "b]", true),
            ("b[", "b[", true),
            ("*", "", true),
            ("?", "", false),
            ("a*b*c", "a-b-b-d", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
