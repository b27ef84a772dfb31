//! Patterns of paths: what matches and what does not.

use spec_overlay::{Glob, GlobError};

#[test]
fn stars_stay_in_a_folder_and_double_stars_do_not() {
    for (pattern, matching, others) in [
        ("*.patch", &["a.patch", ".patch"][..], &["dir/a.patch", "a.patch.gz"][..]),
        ("**/*.patch", &["a.patch", "x/a.patch", "x/y/a.patch"], &["a.patches"]),
        ("a/**/b", &["a/b", "a/x/b", "a/x/y/b"], &["ab", "a/xb", "x/a/b"]),
        ("a/**", &["a", "a/b", "a/b/c"], &["ab", "b/a"]),
        ("a/**/", &["a", "a/"], &["a/b"]),
        ("**", &["a", "a/b"], &[]),
        ("a**b", &["ab", "axxb"], &["a/b"]),
        ("x/**y", &["x/y", "x/ay"], &["x/a/y"]),
        ("a?c", &["abc", "aéc"], &["ac", "a/c"]),
        ("[a-c]x", &["ax", "cx"], &["dx", "x"]),
        ("[!a]x", &["bx"], &["ax"]),
        ("[^a-b]x", &["cx"], &["ax", "bx"]),
        (r"[\]]x", &["]x"], &["ax"]),
        ("{a,b}.c", &["a.c", "b.c"], &["c.c", "{a,b}.c"]),
        ("{a,{b,c}d}", &["a", "bd", "cd"], &["b", "d"]),
        ("x{,-1}.y", &["x.y", "x-1.y"], &["x-2.y"]),
        ("*{*,b}", &["a", "ab"], &["a/b", ""]),
        ("{*,b}*", &["a", "a/b"], &[]),
        ("a***", &["ab"], &["a", "a/b"]),
        ("{**/,}*.c", &["a.c", "x/y/a.c"], &["a.d"]),
        (r"\*.c", &["*.c"], &["a.c"]),
        ("*a*b*", &["ab", "xaxbx"], &["ba"]),
    ] {
        let glob = Glob::new(pattern).unwrap();
        matching.iter().for_each(|path| assert!(glob.matches(path), "{pattern} should match {path}"));
        others.iter().for_each(|path| assert!(!glob.matches(path), "{pattern} should not match {path}"));
    }
}

#[test]
fn files_are_matched_name_by_name() {
    for (pattern, matching, others) in [
        ("*.c", &["a.c", ".c"][..], &["x/a.c"][..]),
        ("**/*.c", &["a.c", "x/y/a.c"], &["a.h"]),
        ("a/**", &["a/b", "a/b/c"], &["a", "b/a"]),
        ("**", &["a", "a/b"], &[]),
        ("a/**/b", &["a/b", "a/x/y/b"], &["a/b/c"]),
        ("*{*,x}", &["a", "a/b"], &[]),
        ("{a,b/*}.c", &["a.c", "b/x.c"], &["b.c", "x.c"]),
        ("x/**y", &["x/y", "x/ay"], &["x/a/y"]),
        ("**/**/b", &["b", "a/b", "a/x/b"], &["b/c"]),
    ] {
        let glob = Glob::new(pattern).unwrap();
        matching.iter().for_each(|path| assert!(glob.matches_file(path), "{pattern} should match {path}"));
        others.iter().for_each(|path| assert!(!glob.matches_file(path), "{pattern} should not match {path}"));
    }
}

#[test]
fn what_is_no_pattern() {
    assert_eq!(Glob::new("[a").unwrap_err(), GlobError::Class(0));
    assert_eq!(Glob::new("x[]").unwrap_err(), GlobError::Class(1));
    assert_eq!(Glob::new("{a").unwrap_err(), GlobError::Brace(0));
    assert_eq!(Glob::new("a}").unwrap_err(), GlobError::Brace(1));
    assert_eq!(Glob::new("a\\").unwrap_err(), GlobError::Backslash);
    assert_eq!(Glob::new(&"{a,b}".repeat(20)).unwrap_err(), GlobError::Alternatives);
}

#[test]
fn patterns_that_could_lead_elsewhere_are_told() {
    for pattern in ["/etc/passwd", "../x", "a/../../b", "", ".", "a/"] {
        assert_eq!(Glob::new(pattern).unwrap().below_folder(), None, "{pattern}");
    }
    assert_eq!(Glob::new("./a//**/*.c").unwrap().below_folder().unwrap().as_str(), "a/**/*.c");
    assert!(Glob::new("a.patch").unwrap().is_literal());
    assert!(!Glob::new("*.patch").unwrap().is_literal());
}

#[test]
fn hostile_patterns_end() {
    let glob = Glob::new(&"*a".repeat(40)).unwrap();
    assert!(glob.matches(&"a".repeat(4000)));
    assert!(!glob.matches(&format!("{}b", "a".repeat(4000))));
}
