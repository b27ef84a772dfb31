//! A shell pattern and a text, in; where it matches, out.

/// One item of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    Byte(u8),
    /// `?`
    Any,
    /// `*`
    Many,
    /// `[…]`
    Set {
        ranges: Vec<(u8, u8)>,
        negated: bool,
    },
}

/// Reads a pattern; none for classes and collations, which depend on the locale.
pub(super) fn parse(text: &[u8]) -> Option<Vec<Item>> {
    let mut items = Vec::new();
    let mut at = 0;
    while let Some(byte) = text.get(at).copied() {
        at += 1;
        items.push(match byte {
            b'*' => Item::Many,
            b'?' => Item::Any,
            b'[' => {
                let negated = matches!(text.get(at), Some(b'!' | b'^'));
                at += usize::from(negated);
                let first = at;
                let mut ranges = Vec::new();
                loop {
                    let low = *text.get(at)?;
                    if low == b']' && at > first {
                        at += 1;
                        break;
                    }
                    if low == b'[' && matches!(text.get(at + 1), Some(b':' | b'.' | b'=')) {
                        return None;
                    }
                    match (text.get(at + 1), text.get(at + 2)) {
                        (Some(b'-'), Some(high)) if *high != b']' => {
                            ranges.push((low, *high));
                            at += 3;
                        }
                        _ => {
                            ranges.push((low, low));
                            at += 1;
                        }
                    }
                }
                Item::Set { ranges, negated }
            }
            byte => Item::Byte(byte),
        });
    }
    Some(items)
}

/// Whether a pattern matches all of a text.
fn matches(items: &[Item], text: &[u8]) -> bool {
    // The last `*` met, and where in the text it was tried.
    let (mut item, mut at) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    loop {
        if item == items.len() && at == text.len() {
            return true;
        }
        if items.get(item) == Some(&Item::Many) {
            retry = Some((item, at));
            item += 1;
            continue;
        }
        if let (Some(one), Some(byte)) = (items.get(item), text.get(at))
            && matches_one(one, *byte)
        {
            item += 1;
            at += 1;
            continue;
        }
        match retry {
            Some((star, from)) if from < text.len() => {
                retry = Some((star, from + 1));
                item = star + 1;
                at = from + 1;
            }
            _ => return false,
        }
    }
}

fn matches_one(item: &Item, byte: u8) -> bool {
    match item {
        Item::Byte(own) => *own == byte,
        Item::Any => true,
        Item::Many => false,
        Item::Set { ranges, negated } => {
            ranges.iter().any(|(low, high)| (*low..=*high).contains(&byte)) != *negated
        }
    }
}

/// Takes the shortest or longest match off one end.
pub(super) fn cut(text: &[u8], items: &[Item], from_end: bool, longest: bool) -> Vec<u8> {
    let splits: Vec<usize> = (0..=text.len()).collect();
    let found = match (from_end, longest) {
        (true, false) => splits.iter().rev().find(|at| matches(items, &text[**at..])),
        (true, true) => splits.iter().find(|at| matches(items, &text[**at..])),
        (false, false) => splits.iter().find(|at| matches(items, &text[..**at])),
        (false, true) => splits.iter().rev().find(|at| matches(items, &text[..**at])),
    };
    match found {
        Some(at) if from_end => text[..*at].to_vec(),
        Some(at) => text[*at..].to_vec(),
        None => text.to_vec(),
    }
}

/// Replaces the first or every longest match; none for a pattern that matches nothing at all.
pub(super) fn replace(text: &[u8], items: &[Item], replacement: &[u8], all: bool) -> Option<Vec<u8>> {
    if items.is_empty() || matches(items, b"") {
        return None;
    }
    let mut replaced = Vec::new();
    let mut at = 0;
    let mut done = false;
    while at < text.len() {
        let end = (at + 1..=text.len()).rev().find(|end| matches(items, &text[at..*end]));
        match end.filter(|_| all || !done) {
            Some(end) => {
                replaced.extend_from_slice(replacement);
                at = end;
                done = true;
            }
            None => {
                replaced.push(text[at]);
                at += 1;
            }
        }
    }
    Some(replaced)
}
