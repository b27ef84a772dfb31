//! The text of a rendered spec, in; the parts that rendering made, told apart, out.
//! Nothing here reads a disk.

const BLOCK_START: &[u8] = b"## START: Set by rpmautospec\n";
const BLOCK_END: &[u8] = b"\n## END: Set by rpmautospec\n";

/// The text without the block that states its release number; that block is computed from a history, not from overlays.
pub fn without_release_block(text: &[u8]) -> &[u8] {
    let Some(inside) = text.strip_prefix(BLOCK_START) else { return text };
    let Some(end) = inside.windows(BLOCK_END.len()).position(|there| there == BLOCK_END) else { return text };
    let rest = &inside[end + BLOCK_END.len()..];
    rest.strip_prefix(b"\n").unwrap_or(rest)
}

/// What lies between two texts of the same spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Nothing.
    Same,
    /// The number of its release.
    Release,
    /// The changelog, and perhaps the number of its release.
    Changelog,
    /// Something that no history accounts for.
    Different {
        /// The first line that differs, from 1, in the text that was made.
        line: usize,
        /// That line as it was made.
        made: String,
        /// The line in its place in the text that is there.
        there: String,
    },
}

/// Compares a text that was made with the one that is there, both without release block.
pub fn compare(made: &[u8], there: &[u8]) -> Comparison {
    if made == there {
        return Comparison::Same;
    }
    let (made_lines, there_lines) = (settled(made), settled(there));
    if made_lines.iter().map(|line| line.1).eq(there_lines.iter().map(|line| line.1)) {
        return Comparison::Release;
    }
    let (made_lines, there_lines) = (before_changelog(made_lines), before_changelog(there_lines));
    let differing = (0..made_lines.len().max(there_lines.len()))
        .find(|at| made_lines.get(*at).map(|line| line.1) != there_lines.get(*at).map(|line| line.1));
    let Some(at) = differing else { return Comparison::Changelog };
    let shown = |lines: &[(usize, &[u8])]| {
        lines
            .get(at)
            .map_or_else(|| "the end".to_owned(), |(_, line)| String::from_utf8_lossy(line).into_owned())
    };
    let line = made_lines.get(at).or(made_lines.last()).map_or(1, |(number, _)| *number);
    Comparison::Different { line, made: shown(&made_lines), there: shown(&there_lines) }
}

/// Lines and their numbers; the main package's release numbers are blanked.
fn settled(text: &[u8]) -> Vec<(usize, &[u8])> {
    let mut in_preamble = true;
    let mut lines = Vec::new();
    for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
        in_preamble &= !SECTIONS.contains(&first_word(line));
        lines.push((index + 1, if in_preamble && is_release(line) { b"Release:" } else { line }));
    }
    lines
}

fn is_release(line: &[u8]) -> bool {
    let Some((tag, _)) = line.split_at_checked(7) else { return false };
    tag.eq_ignore_ascii_case(b"release") && line[7..].trim_ascii_start().starts_with(b":")
}

/// Enough of the section headers to know where the preamble ends.
const SECTIONS: &[&[u8]] = &[
    b"%package",
    b"%description",
    b"%prep",
    b"%generate_buildrequires",
    b"%conf",
    b"%build",
    b"%install",
    b"%check",
    b"%files",
    b"%changelog",
];

fn before_changelog(lines: Vec<(usize, &[u8])>) -> Vec<(usize, &[u8])> {
    let end = lines.iter().position(|(_, line)| first_word(line) == b"%changelog").unwrap_or(lines.len());
    lines.into_iter().take(end).collect()
}

fn first_word(line: &[u8]) -> &[u8] {
    line.split(u8::is_ascii_whitespace).find(|word| !word.is_empty()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_block_is_left_out() {
        let block = "## START: Set by rpmautospec\n%define autorelease 1\n## END: Set by rpmautospec\n\n";
        assert_eq!(without_release_block(format!("{block}Name: a\n").as_bytes()), b"Name: a\n");
        assert_eq!(without_release_block(b"Name: a\n"), b"Name: a\n");
    }

    #[test]
    fn release_and_changelog_are_told_from_other_differences() {
        let spec = |release: &str, build: &str, changelog: &str| {
            format!("Name: a\nRelease:  {release}\n%build\nRelease: {build}\n%changelog\n{changelog}\n")
                .into_bytes()
        };
        let made = spec("1", "x", "- first");
        let against = |there: Vec<u8>| compare(&made, &there);
        assert_eq!(against(made.clone()), Comparison::Same);
        assert_eq!(against(spec("2%{?dist}", "x", "- first")), Comparison::Release);
        assert_eq!(against(spec("2", "x", "- second\n- first")), Comparison::Changelog);
        let (made, there) = ("Release: x".to_owned(), "Release: y".to_owned());
        assert_eq!(against(spec("1", "y", "- first")), Comparison::Different { line: 4, made, there });
    }
}
