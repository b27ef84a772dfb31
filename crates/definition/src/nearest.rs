//! A misspelt word and the words that would be right, in; the one most likely meant, out.

/// The candidate that differs from `word` in fewest letters, if it is close enough to be a slip of the hand.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Advice for a word that is none of `candidates`: the nearest one, else all of them.
pub(crate) fn advice<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str> + Clone,
) -> Option<String> {
    if let Some(near) = nearest(word, candidates.clone()) {
        return Some(format!("did you mean `{near}`?"));
    }
    let all: Vec<String> = candidates
        .into_iter()
        .filter(|candidate| !candidate.is_empty())
        .map(|candidate| format!("`{candidate}`"))
        .collect();
    match all.len() {
        0 => None,
        1 => Some(format!("the only one is {}", all[0])),
        2..=24 => Some(format!("known are {}", all.join(", "))),
        _ => None,
    }
}

/// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`; case and `_` for `-` do not count.
fn distance(a: &str, b: &str) -> usize {
    let plain = |word: &str| word.to_lowercase().replace('_', "-");
    strsim::osa_distance(&plain(a), &plain(b))
}

#[cfg(test)]
mod tests {
    use super::{advice, nearest};

    #[test]
    fn a_slip_of_the_hand_is_recognised() {
        for (word, meant) in [
            ("descripton", Some("description")),
            ("Description", Some("description")),
            ("work_dir", Some("work-dir")),
            ("wrok-dir", Some("work-dir")),
            ("zzz", None),
        ] {
            assert_eq!(nearest(word, ["description", "work-dir", "log-dir"]), meant, "{word}");
        }
    }

    #[test]
    fn a_word_far_from_all_gets_the_list() {
        assert_eq!(advice("btrfs", ["ext4", "erofs"]), Some("known are `ext4`, `erofs`".into()));
        assert_eq!(advice("x", []), None);
    }
}
