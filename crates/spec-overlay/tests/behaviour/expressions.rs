//! Go's regular expressions: which there are, and what they match.

use spec_overlay::GoRegex;

fn replaced(pattern: &str, text: &str) -> String {
    let regex = GoRegex::new(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
    match regex.replace_all(text.as_bytes(), b"<>") {
        Some((bytes, _)) => String::from_utf8(bytes).unwrap(),
        None => text.to_owned(),
    }
}

#[test]
fn a_brace_that_begins_no_count_is_a_brace() {
    assert_eq!(replaced(r"cp %{SOURCE1} .", "cp %{SOURCE1} x"), "<>");
    assert_eq!(replaced(r"%{?dist}", "1%{dist} 1%dist}"), "1<> 1<>");
    assert_eq!(replaced(r"%\{\?dist}", "1%{?dist}"), "1<>");
    assert_eq!(replaced("a{,2}", "a{,2}"), "<>");
    assert_eq!(replaced("a{01}", "a{01}aa"), "<>aa");
    assert_eq!(replaced("a{2}{", "aa{"), "<>");
    assert_eq!(replaced("a{2", "a{2"), "<>");
    assert_eq!(replaced("{", "{}"), "<>}");
}

#[test]
fn counts_are_counts() {
    assert_eq!(replaced("^a{2}$", "aa"), "<>");
    assert_eq!(replaced("^a{2,}$", "aaaa"), "<>");
    assert_eq!(replaced("^a{1,3}?", "aaa"), "<>aa");
}

#[test]
fn letters_and_digits_are_ascii() {
    assert_eq!(replaced(r"\w+", "né"), "<>é");
    assert_eq!(replaced(r"\d", "٣3"), "٣<>");
    assert_eq!(replaced(r"\s", "a\u{b}b\u{a0}c d"), "a\u{b}b\u{a0}c<>d");
    assert_eq!(replaced(r"\W", "aé-"), "a<><>");
    assert_eq!(replaced(r"[^\s]", " é"), " <>");
    assert_eq!(replaced(r"[\D]", "1x"), "1<>");
    assert_eq!(replaced(r"\bé", "aé"), "a<>");
    assert_eq!(replaced(r"a\B", "aé ab"), "aé <>b");
    assert_eq!(replaced("[[:alpha:]]+", "aé"), "<>é");
    assert_eq!(replaced("[[:^alpha:]]", "a1"), "a<>");
}

#[test]
fn classes_have_no_operators() {
    assert_eq!(replaced("[[]", "a[b"), "a<>b");
    assert_eq!(replaced("[]a]+", "b]a"), "b<>");
    assert_eq!(replaced("[^]]", "]x"), "]<>");
    assert_eq!(replaced("[a&&b]+", "a&b-"), "<>-");
    assert_eq!(replaced("[a~~b]+", "~ab"), "<>");
    assert_eq!(replaced(r"[\w-x]+", "a-b "), "<> ");
    assert_eq!(replaced("[-a]+", "-a"), "<>");
    assert_eq!(replaced("[[:x]", "[ :"), "<> <>");
    assert_eq!(replaced(r"[\]\-\\]+", r"]-\"), "<>");
}

#[test]
fn escapes_mean_what_they_mean_in_go() {
    assert_eq!(replaced(r"\Q.*{\E+", ".*{{"), "<>");
    assert_eq!(replaced(r"\Qa.b", "a.b axb"), "<> axb");
    assert_eq!(replaced(r"a\012b", "a\nb"), "<>");
    assert_eq!(replaced(r"\0", "\0"), "<>");
    assert_eq!(replaced(r"\x41\x{42}", "AB"), "<>");
    assert_eq!(replaced(r"\<a\>", "<a>"), "<>");
    assert_eq!(replaced(r"\_\ \#\%", "_ #%"), "<>");
    assert_eq!(replaced(r"\v\a", "\u{b}\u{7}"), "<>");
    assert_eq!(replaced(r"\pL+", "aé1"), "<>1");
    assert_eq!(replaced(r"\p{^L}", "a1"), "a<>");
    assert_eq!(replaced(r"[\p{Greek}x]+", "αx"), "<>");
}

#[test]
fn flags_and_groups() {
    assert_eq!(replaced("(?i)abc", "ABC"), "<>");
    assert_eq!(replaced("(?m)^", "a\nb\n"), "<>a\n<>b\n<>");
    assert_eq!(replaced("(?s)a.b", "a\nb"), "<>");
    assert_eq!(replaced("a.b", "a\nb"), "a\nb");
    assert_eq!(replaced("(?U)a+", "aa"), "<><>");
    assert_eq!(replaced("(?i-i)a", "A"), "A");
    assert_eq!(replaced("(?)a", "a"), "<>");
    assert_eq!(replaced("(?P<1x>a)(?<y>b)", "ab"), "<>");
    assert_eq!(replaced("a(?i)*b", "aaB"), "<>");
    assert_eq!(replaced("$", "a\n"), "a\n<>");
}

#[test]
fn empty_matches_do_not_follow_a_match() {
    assert_eq!(replaced("a*", "baac"), "<>b<>c<>");
    assert_eq!(replaced("x*", "é"), "<>é<>");
}

#[test]
fn a_byte_that_is_no_text_is_one_character() {
    let regex = GoRegex::new("^a.b.c$").unwrap();
    assert_eq!(regex.replace_all(b"a\xffb\xc3\xa9c", b"-"), Some((b"-".to_vec(), 1)));
    let regex = GoRegex::new(".").unwrap();
    assert_eq!(regex.replace_all(b"\xe2\x82\xff", b"-"), Some((b"---".to_vec(), 3)));
    let regex = GoRegex::new("b").unwrap();
    assert_eq!(regex.replace_all(b"\xff\xfeb\xff", b"[b]"), Some((b"\xff\xfe[b]\xff".to_vec(), 1)));
}

#[test]
fn what_go_refuses_is_refused() {
    for (pattern, what) in [
        ("a**", "repeated"),
        ("a+?*", "repeated"),
        ("a{2}{3}", "repeated"),
        ("x{1001}", "1000"),
        ("x{3,2}", "1000"),
        ("*a", "missing"),
        ("(a", "unclosed"),
        ("a)", "unopened"),
        ("[a", "`]` is missing"),
        ("[]", "`]` is missing"),
        ("[b-a]", "backwards"),
        ("[a--]", "backwards"),
        ("[[:word]", ""),
        ("[[:nope:]]", "name"),
        (r"\1", "back-references"),
        (r"\8", "back-references"),
        (r"\y", "no meaning"),
        (r"\Z", "no meaning"),
        (r"[\b]", "no meaning"),
        (r"[a-\d]", "no meaning"),
        (r"\é", "no meaning"),
        ("a\\", "after the backslash"),
        (r"\x{110000}", "no character"),
        (r"\xg1", "no character"),
        (r"\p{scx=Greek}", "name"),
        ("(?=a)", "ahead"),
        ("(?<!a)", "ahead"),
        ("(?x)a", "flags"),
        ("(?u)a", "flags"),
        ("(?-)a", "flags"),
        ("(?P<a-b>c)", "letters"),
    ] {
        if what.is_empty() {
            assert!(GoRegex::new(pattern).is_ok(), "{pattern}");
            continue;
        }
        let error = GoRegex::new(pattern).expect_err(pattern).to_string();
        assert!(error.contains(what), "{pattern}: {error}");
    }
}

#[test]
fn an_error_names_the_byte() {
    assert_eq!(GoRegex::new(r"ab\y").unwrap_err().to_string(), "this escape has no meaning (at byte 2)");
}
