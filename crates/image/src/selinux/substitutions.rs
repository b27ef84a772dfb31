//! Path substitutions of an SELinux policy: a path prefix that is looked up as if it were another.

/// The substitutions of one file, the last line of it first.
#[derive(Debug, Clone, Default)]
pub(super) struct Substitutions(Vec<(Vec<u8>, Vec<u8>)>);

impl Substitutions {
    /// Reads lines of two words; comments and incomplete lines are skipped, as libselinux does.
    pub(super) fn parse(text: &str) -> Self {
        let mut pairs: Vec<(Vec<u8>, Vec<u8>)> = text
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'))
            .filter_map(|line| {
                let mut words = line.split_ascii_whitespace();
                Some((words.next()?.as_bytes().to_vec(), words.next()?.as_bytes().to_vec()))
            })
            .collect();
        pairs.reverse();
        Self(pairs)
    }

    /// The path under its other name, when one of the prefixes fits at a component's end.
    pub(super) fn apply(&self, path: &[u8]) -> Option<Vec<u8>> {
        self.0.iter().find_map(|(from, to)| {
            let rest = path.strip_prefix(&from[..])?;
            match rest.first() {
                None => Some(to.clone()),
                Some(b'/') if to == b"/" => Some([&to[..], &rest[1..]].concat()),
                Some(b'/') => Some([&to[..], rest].concat()),
                Some(_) => None,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Substitutions;

    #[test]
    fn the_last_line_that_fits_at_a_component_end_is_used() {
        let substitutions =
            Substitutions::parse("/lib /usr/lib\n/lib/systemd /usr/lib/sd\n# /x /y\n/all /\n");
        assert_eq!(substitutions.apply(b"/lib/systemd/a").unwrap(), b"/usr/lib/sd/a");
        assert_eq!(substitutions.apply(b"/lib").unwrap(), b"/usr/lib");
        assert_eq!(substitutions.apply(b"/all/a").unwrap(), b"/a");
        assert!(substitutions.apply(b"/lib64/a").is_none());
        assert!(substitutions.apply(b"/x").is_none());
    }
}
