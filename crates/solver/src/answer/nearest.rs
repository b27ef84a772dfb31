//! A name that nobody has, in; names that look like it, out.

/// How many to offer.
const MAXIMUM: usize = 3;

/// Names within a few typing errors, or that begin or end with the text; nearest first.
pub(crate) fn names<'n>(wanted: &str, known: impl Iterator<Item = &'n str>) -> Vec<String> {
    let allowed = 1 + wanted.len() / 5;
    let mut near: Vec<(usize, &str)> = known
        .filter_map(|name| {
            let errors = distance(wanted, name, allowed);
            let contains = wanted.len() >= 3 && (name.starts_with(wanted) || name.ends_with(wanted));
            errors.or(contains.then(|| allowed + name.len() - wanted.len())).map(|errors| (errors, name))
        })
        .collect();
    near.sort_unstable();
    near.dedup();
    near.truncate(MAXIMUM);
    near.into_iter().map(|(_, name)| name.to_owned()).collect()
}

/// Letters added, left out, replaced or swapped with the next; `None` beyond what is allowed.
fn distance(a: &str, b: &str, allowed: usize) -> Option<usize> {
    // The lengths alone rule out most of a large repository's names.
    if a.len().abs_diff(b.len()) > allowed {
        return None;
    }
    Some(strsim::osa_distance(a, b)).filter(|errors| *errors <= allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_errors_and_parts_are_found() {
        let known = ["openssh-server", "openssl", "bash", "bash-completion", "vim-minimal"];
        let near = |wanted| names(wanted, known.into_iter());
        assert_eq!(near("bsah"), ["bash"]);
        assert_eq!(near("opensshserver"), ["openssh-server"]);
        assert_eq!(near("vim"), ["vim-minimal"]);
        assert_eq!(near("bash-"), ["bash", "bash-completion"]);
        assert_eq!(near("zsh"), Vec::<String>::new());
    }
}
