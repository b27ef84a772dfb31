//! Arguments of a macro call, in; split at blanks, sorted into options and the rest, out.

/// Keeps what is between two of it in one argument, blanks and all; rpm's `%{quote:}` makes it.
pub(super) const QUOTE: u8 = 0x1f;

/// An option that was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GivenOption {
    pub(crate) letter: u8,
    pub(crate) value: Option<Vec<u8>>,
}

/// Options in the order given; where the rest begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parsed {
    pub(crate) options: Vec<GivenOption>,
    pub(crate) rest: usize,
}

/// Splits at blanks outside of quotes; an argument in quotes counts even when it is empty.
pub(crate) fn split_quoted(text: &[u8]) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut quoted = false;
    let mut start = 0;
    for at in 0..=text.len() {
        let byte = text.get(at).copied();
        // What a quote without its partner keeps together is lost, as with rpm.
        if !quoted && matches!(byte, None | Some(b' ' | b'\t')) {
            if at > start {
                words.push(text[start..at].iter().copied().filter(|byte| *byte != QUOTE).collect());
            }
            start = at + 1;
        }
        if byte == Some(QUOTE) {
            quoted = !quoted;
        }
    }
    words
}

/// Arguments in quotes, with a blank between them.
pub(crate) fn unsplit_quoted(words: &[Vec<u8>]) -> Vec<u8> {
    let quoted: Vec<Vec<u8>> =
        words.iter().map(|word| [&[QUOTE], word.as_slice(), &[QUOTE]].concat()).collect();
    quoted.join(&b' ')
}

/// Takes quotes out of what was added to a text.
pub(super) fn unquote(text: &mut Vec<u8>, start: usize) {
    let mut kept = start;
    for at in start..text.len() {
        if text[at] != QUOTE {
            text[kept] = text[at];
            kept += 1;
        }
    }
    text.truncate(kept);
}

/// Finds options as GNU's `getopt` does: the first argument is the name, others move behind the options.
/// `-` as options leaves all as it is. The error is the letter that does not fit.
pub(crate) fn parse_options(arguments: &mut Vec<Vec<u8>>, options: &[u8]) -> Result<Parsed, u8> {
    if options == b"-" {
        return Ok(Parsed { options: Vec::new(), rest: 1.min(arguments.len()) });
    }
    let in_order = options.first() == Some(&b'+');
    let all = std::mem::take(arguments);
    let mut all = all.into_iter();
    let mut front: Vec<Vec<u8>> = all.by_ref().take(1).collect();
    let mut rest: Vec<Vec<u8>> = Vec::new();
    let mut given = Vec::new();
    let mut failed = None;
    while let Some(argument) = all.next() {
        if argument == b"--" {
            front.push(argument);
            break;
        }
        if argument.len() < 2 || argument[0] != b'-' || failed.is_some() {
            rest.push(argument);
            if in_order {
                break;
            }
            continue;
        }
        let mut at = 1;
        let mut value_of_its_own = None;
        while at < argument.len() {
            let letter = argument[at];
            at += 1;
            let place = options.iter().position(|option| *option == letter && letter != b':');
            let Some(place) = place else {
                failed = Some(letter);
                break;
            };
            let value = match (options.get(place + 1), options.get(place + 2)) {
                (Some(b':'), Some(b':')) => {
                    let value = argument[at..].to_vec();
                    at = argument.len();
                    (!value.is_empty()).then_some(value)
                }
                (Some(b':'), _) if at < argument.len() => {
                    let value = argument[at..].to_vec();
                    at = argument.len();
                    Some(value)
                }
                (Some(b':'), _) => {
                    let Some(next) = all.next() else {
                        // A colon in front makes `getopt` return it as an option, and rpm takes it as one.
                        if options.first() == Some(&b':') {
                            given.push(GivenOption { letter: b':', value: None });
                        } else {
                            failed = Some(letter);
                        }
                        break;
                    };
                    value_of_its_own = Some(next.clone());
                    Some(next)
                }
                _ => None,
            };
            given.push(GivenOption { letter, value });
        }
        front.push(argument);
        front.extend(value_of_its_own);
    }
    rest.extend(all);
    let start = front.len();
    front.extend(rest);
    *arguments = front;
    match failed {
        Some(letter) => Err(letter),
        None => Ok(Parsed { options: given, rest: start }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<Vec<u8>> {
        text.split(' ').map(|word| word.as_bytes().to_vec()).collect()
    }

    #[test]
    fn quotes_keep_arguments_together() {
        assert_eq!(split_quoted(b"a  b\x1f c\x1fd \x1f\x1f"), [b"a".to_vec(), b"b cd".to_vec(), Vec::new()]);
        assert_eq!(split_quoted(&unsplit_quoted(&words("a b"))), words("a b"));
        assert_eq!(split_quoted(b" \t"), Vec::<Vec<u8>>::new());
    }

    #[test]
    fn options_move_to_the_front() {
        let mut arguments = words("name one -ab -nvalue two -n other -- -c");
        let parsed = parse_options(&mut arguments, b"abn:c").unwrap();
        let letters: String = parsed.options.iter().map(|option| char::from(option.letter)).collect();
        assert_eq!(letters, "abnn");
        assert_eq!(parsed.options[3].value.as_deref(), Some(b"other".as_slice()));
        assert_eq!(arguments[parsed.rest..], words("one two -c")[..]);
    }

    #[test]
    fn a_letter_that_is_no_option_is_named() {
        assert_eq!(parse_options(&mut words("name -x"), b"ab"), Err(b'x'));
        assert_eq!(parse_options(&mut words("name -n"), b"n:"), Err(b'n'));
        assert_eq!(parse_options(&mut words("name --long"), b"ab"), Err(b'-'));
        let parsed = parse_options(&mut words("name -n"), b":n:").unwrap();
        assert_eq!(parsed.options, [GivenOption { letter: b':', value: None }]);
        assert_eq!(parse_options(&mut words("name -x"), b"-"), Ok(Parsed { options: vec![], rest: 1 }));
    }
}
