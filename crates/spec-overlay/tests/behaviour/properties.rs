//! What holds for any spec and any list of overlays.

use std::collections::BTreeMap;

use proptest::prelude::*;
use spec_overlay::{Glob, GoRegex, LineText, NoFiles, Overlay, SpecFile, apply, file_header};

use super::case::Files;

const LINES: &[&str] = &[
    "Name: agave",
    "Version: 1",
    "release:1%{?dist}",
    "Release: 2",
    "Source0: a",
    "Source: b",
    "Patch3: fix.patch",
    "Patch: other.patch",
    "BuildRequires:  gcc, make",
    "%package devel",
    "  %package -n libagave",
    "%Package devel",
    "%description",
    "%description devel",
    "%prep",
    "%build",
    "%configure --disable-static \\",
    "  --enable-shared \\",
    "  --with-x",
    "make check && make docs",
    "%check",
    "%files",
    "%files devel",
    "%files -n libagave -f list",
    "%patchlist",
    "fix.patch",
    "%changelog",
    "%if 0",
    "  %ifarch x86_64",
    "%else",
    "%endif",
    "%global answer 42",
    "%define long %{expand: \\",
    "  one",
    "}",
    "%bcond_with docs",
    "# %build",
    " # indented",
    "",
    "\t",
    "text\r",
    "text\r\r",
    "\u{a0}%build",
    "caf\u{e9}",
];

const TEXTS: &[&str] =
    &["x", "%build", "%check\r", "a\nb", "%if 1\n%files\nc", "", "Name: y", "%endif", "z\r\r"];
const SECTIONS: &[&str] = &["%build", "%check", "%files", "%description", "%package", "%patchlist", "%nope"];
const PACKAGES: &[&str] = &["", "devel", "libagave", "nope"];
const TAGS: &[&str] = &["Name", "release", "Source9", "Patch3", "BuildRequires", "%build x", "New"];
const REGEXES: &[&str] = &["e", "^.*$", "make", r"\s+", "42|fix", ".", "^%global.*", "a", "$"];

fn spec() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        8 => prop::sample::select(LINES).prop_map(|line| line.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..12),
    ];
    (prop::collection::vec(line, 0..30), any::<bool>()).prop_map(|(lines, newline)| {
        let mut bytes = lines.join(&b'\n');
        if newline {
            bytes.push(b'\n');
        }
        bytes
    })
}

fn overlay() -> impl Strategy<Value = Overlay> {
    let text = || prop::sample::select(TEXTS).prop_map(str::to_owned);
    let lines = || prop::collection::vec(text(), 1..3);
    let section = || prop::sample::select(SECTIONS).prop_map(str::to_owned);
    let package = || prop::sample::select(PACKAGES).prop_map(str::to_owned);
    let tag = || prop::sample::select(TAGS).prop_map(str::to_owned);
    let regex = || prop::sample::select(REGEXES).prop_map(|regex| GoRegex::new(regex).unwrap());
    prop_oneof![
        (package(), tag(), text()).prop_map(|(package, tag, value)| Overlay::AddTag { package, tag, value }),
        (package(), tag(), text()).prop_map(|(package, tag, value)| Overlay::InsertTag {
            package,
            tag,
            value
        }),
        (package(), tag(), text()).prop_map(|(package, tag, value)| Overlay::SetTag { package, tag, value }),
        (package(), tag()).prop_map(|(package, tag)| Overlay::RemoveTag { package, tag, value: None }),
        (prop::option::of(section()), package(), lines())
            .prop_map(|(section, package, lines)| Overlay::PrependLines { section, package, lines }),
        (prop::option::of(section()), package(), lines())
            .prop_map(|(section, package, lines)| Overlay::AppendLines { section, package, lines }),
        (prop::option::of(section()), regex(), text()).prop_map(|(section, regex, replacement)| {
            Overlay::SearchReplace { section, package: None, regex, replacement }
        }),
        (section(), package()).prop_map(|(section, package)| Overlay::RemoveSection { section, package }),
        package().prop_map(|package| Overlay::RemoveSubpackage { package }),
        Just(Overlay::AddPatch { package: String::new(), source: "new.patch".into(), file: None }),
        Just(Overlay::RemovePatch { file: Glob::new("fix*").unwrap() }),
        text().prop_map(|value| Overlay::SetMacro { name: "answer".to_owned(), value, count: 1 }),
        any::<bool>().prop_map(|enabled| Overlay::SetBuildCondition {
            name: "docs".to_owned(),
            enabled,
            count: 1
        }),
        Just(Overlay::AddArgument {
            section: "%build".to_owned(),
            package: String::new(),
            command: "%configure".to_owned(),
            argument: "--new".to_owned(),
            count: 1,
        }),
        prop::sample::select(&["--with-x", "--enable-shared", "--disable-static"][..]).prop_map(|argument| {
            Overlay::DropArgument {
                section: "%build".to_owned(),
                package: String::new(),
                command: "%configure".to_owned(),
                argument: argument.to_owned(),
                count: 1,
            }
        }),
        (text(), lines()).prop_map(|(text, lines)| Overlay::ReplaceLine {
            section: None,
            package: None,
            line: LineText::Whole(text),
            lines,
            count: 1,
        }),
        prop::sample::select(LINES).prop_map(|line| Overlay::DropLine {
            section: None,
            package: None,
            line: LineText::Whole(line.to_owned()),
            count: 1,
        }),
    ]
}

fn files() -> Files {
    Files {
        files: BTreeMap::from([("fix.patch".to_owned(), b"-".to_vec())]),
        sources: BTreeMap::from([("new.patch".to_owned(), b"+".to_vec())]),
        ..Files::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_print_as_they_were_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(SpecFile::parse(&bytes).print(), bytes);
    }

    #[test]
    fn any_spec_prints_as_it_was_read(bytes in spec()) {
        prop_assert_eq!(SpecFile::parse(&bytes).print(), bytes);
    }

    #[test]
    fn without_overlays_only_the_header_comes(bytes in spec()) {
        let applied = apply(&bytes, &[file_header()], &NoFiles).unwrap();
        let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
        if lines.last() == Some(&&b""[..]) {
            lines.pop();
        }
        let mut wanted = Vec::new();
        for line in lines {
            wanted.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
            wanted.push(b'\n');
        }
        let header_end = applied.spec.windows(2).position(|two| two == b"\n\n").unwrap() + 2;
        prop_assert_eq!(&applied.spec[header_end..], wanted.as_slice());
        prop_assert!(applied.spec.starts_with(b"# This spec file"));
    }

    /// The list gives what its overlays give one by one, each on the bytes that the one before has printed; and it
    /// fails where they fail.
    #[test]
    fn a_list_is_read_once_and_gives_what_reading_again_gives(
        bytes in spec(),
        overlays in prop::collection::vec(overlay(), 1..6),
    ) {
        let mut now = (bytes.clone(), files());
        let mut failed = None;
        let mut effects = Vec::new();
        for (index, overlay) in overlays.iter().enumerate() {
            match apply(&now.0, [overlay], &now.1) {
                Ok(applied) => {
                    let files = Files { files: now.1.after(&applied.files), ..now.1.clone() };
                    effects.extend(applied.effects);
                    now = (applied.spec, files);
                }
                Err(error) => {
                    failed = Some((index, error.to_string()));
                    break;
                }
            }
        }
        match (apply(&bytes, &overlays, &files()), failed) {
            (Ok(applied), None) => {
                prop_assert_eq!(applied.spec, now.0);
                prop_assert_eq!(files().after(&applied.files), now.1.files);
                prop_assert_eq!(applied.effects, effects);
            }
            (Err(error), Some((index, _))) => prop_assert_eq!(error.index, index),
            (Ok(_), Some(failed)) => prop_assert!(false, "one by one: {:?}", failed),
            (Err(error), None) => prop_assert!(false, "as a list: {error}"),
        }
    }

    /// What an effect says was removed and added, made by hand, gives the same spec.
    #[test]
    fn effects_tell_every_change(bytes in spec(), overlay in overlay()) {
        let Ok(applied) = apply(&bytes, [&overlay], &files()) else { return Ok(()) };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let mut before: Vec<&str> = text.split('\n').collect();
        if before.last() == Some(&"") {
            before.pop();
        }
        let before: Vec<&str> = before.iter().map(|line| line.strip_suffix('\r').unwrap_or(line)).collect();
        let mut after: Vec<String> = Vec::new();
        let mut at = 0;
        for change in &applied.effects[0].lines {
            after.extend(before[at..change.line - 1].iter().map(|line| (*line).to_owned()));
            at = change.line - 1 + change.removed.len();
            prop_assert_eq!(&before[change.line - 1..at], &change.removed);
            after.extend(change.added.iter().cloned());
        }
        after.extend(before[at..].iter().map(|line| (*line).to_owned()));
        let printed: String = after.iter().map(|line| format!("{line}\n")).collect();
        prop_assert_eq!(String::from_utf8_lossy(&applied.spec).into_owned(), printed);
    }
}
