//! A file mode as a number and a change in the words of rpm's `posix` library, in; the changed mode, or the mode in words, out.

/// `rwxr-xr-x` with `s` or `S` for set-user-id and set-group-id.
pub(super) fn words(mode: u32) -> String {
    let mut words: Vec<char> = "rwxrwxrwx"
        .chars()
        .zip((0..9).rev())
        .map(|(word, bit)| if mode & (1 << bit) == 0 { '-' } else { word })
        .collect();
    for (flag, execute, place) in [(0o4000, 0o100, 2), (0o2000, 0o010, 5)] {
        if mode & flag != 0 {
            words[place] = if mode & execute == 0 { 'S' } else { 's' };
        }
    }
    words.into_iter().collect()
}

/// Applies `rwxr-xr-x`, `0755` or `u+rw,go-w`; `None` where rpm refuses the words.
pub(super) fn changed(mode: u32, change: &str) -> Option<u32> {
    match change.chars().next() {
        Some('r' | '-') => whole(mode, change),
        Some('0'..='7') => u32::from_str_radix(change, 8).ok(),
        _ => change.split(',').try_fold(mode, symbolic),
    }
}

fn whole(mode: u32, words: &str) -> Option<u32> {
    let mut mode = mode & !0o6000;
    for ((given, expected), bit) in
        words.chars().chain(std::iter::repeat('\0')).zip("rwxrwxrwx".chars()).zip((0..9).rev())
    {
        match given {
            '-' => mode &= !(1 << bit),
            's' if bit == 6 => mode |= 0o4100,
            's' if bit == 3 => mode |= 0o2010,
            's' => return None,
            given if given == expected => mode |= 1 << bit,
            _ => {}
        }
    }
    Some(mode)
}

fn symbolic(mode: u32, clause: &str) -> Option<u32> {
    let clause: String = clause.chars().filter(|character| *character != ' ').collect();
    let operator_at = clause.find(['+', '-', '='])?;
    let (who, rest) = clause.split_at(operator_at);
    let mut affected = 0;
    for character in who.chars() {
        affected |= match character {
            'u' => 0o4700,
            'g' => 0o2070,
            'o' => 0o1007,
            'a' => 0o7777,
            _ => return None,
        };
    }
    let affected = if affected == 0 { 0o7777 } else { affected };
    let mut bits = 0;
    for character in rest[1..].chars() {
        bits |= match character {
            'r' => 0o444,
            'w' => 0o222,
            'x' => 0o111,
            's' => 0o6000,
            _ => return None,
        };
    }
    Some(match rest.as_bytes()[0] {
        // An empty change changes nothing, not even with `=`.
        _ if bits == 0 => mode,
        b'+' => mode | (bits & affected),
        b'-' => mode & !(bits & affected),
        _ => bits & affected,
    })
}

#[cfg(test)]
mod tests {
    use super::{changed, words};

    #[test]
    fn modes_in_words() {
        assert_eq!(words(0o100_755), "rwxr-xr-x");
        assert_eq!(words(0o104_755), "rwsr-xr-x");
        assert_eq!(words(0o102_644), "rw-r-Sr--");
    }

    #[test]
    fn changes_in_every_form() {
        for (mode, change, expected) in [
            (0o644, "0755", Some(0o755)),
            (0o644, "rwxr-x---", Some(0o750)),
            (0o644, "rwsr-xr-x", Some(0o4755)),
            (0o644, "u+x", Some(0o744)),
            (0o644, "a+x,go-r", Some(0o711)),
            (0o755, "u=r", Some(0o400)),
            (0o755, "ug+s", Some(0o6755)),
            (0o755, "z+r", None),
            (0o755, "u", None),
            (0o755, "0799", None),
        ] {
            assert_eq!(changed(mode, change), expected, "{change}");
        }
    }
}
