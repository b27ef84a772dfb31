//! Real spec texts, in; random cases built around what they contain, out.

use serde_json::{Map, Value, json};

use crate::case::Case;
use crate::patterns::pattern;
use crate::random::Random;

/// What an overlay on a text can aim at. A rough reading: whether it is right is for the two sides to agree upon.
struct Landmarks {
    headers: Vec<(String, String)>,
    tags: Vec<(String, String, String)>,
    lines: Vec<String>,
}

const HEADERS: &[&str] = &[
    "%package",
    "%prep",
    "%conf",
    "%build",
    "%install",
    "%check",
    "%clean",
    "%generate_buildrequires",
    "%pre",
    "%post",
    "%preun",
    "%postun",
    "%pretrans",
    "%posttrans",
    "%preuntrans",
    "%postuntrans",
    "%verify",
    "%triggerin",
    "%triggerun",
    "%triggerprein",
    "%triggerpostun",
    "%filetriggerin",
    "%transfiletriggerpostun",
    "%description",
    "%files",
    "%changelog",
    "%patchlist",
    "%sourcelist",
];

const TAGS: &[&str] = &[
    "Name",
    "Version",
    "Release",
    "Summary",
    "BuildRequires",
    "Requires",
    "Requires(post)",
    "Source",
    "Source0",
    "Source9999",
    "Patch",
    "Patch0",
    "Patch17",
    "Provides",
    "license",
    "EXCLUDEARCH",
    "%{?systemd_requires}",
    "9",
    "Patch+5",
    "patch007",
];

/// One case of the texts.
pub fn case(random: &mut Random, texts: &[Vec<u8>]) -> Case {
    let mut spec = texts[random.below(texts.len())].clone();
    if random.percent(40) {
        for _ in 0..=random.below(3) {
            spec = damaged(random, spec);
        }
    }
    let landmarks = landmarks(&spec);
    let mut files = Vec::new();
    for name in [
        "a.patch",
        "b.patch",
        "conf/x.conf",
        "conf/deep/y.conf",
        "run.sh",
        ".git/config",
        "other.spec",
        "we\\x2dird.mount",
    ] {
        if random.percent(80) {
            files.push((name.to_owned(), content(random)));
        }
    }
    let sources =
        vec![("new.patch".to_owned(), b"--- a\n+++ b\n".to_vec()), ("new.conf".to_owned(), content(random))];
    let overlays = (0..=random.below(5)).map(|_| overlay(random, &landmarks)).collect();
    Case { spec, files, sources, overlays }
}

fn content(random: &mut Random) -> Vec<u8> {
    const LINES: &[&[u8]] = &[
        b"key=value\n",
        b"# remark\n",
        b"KERNEL==\"sd*\"\n",
        b"\n",
        b"caf\xe9\n",
        b"end",
        b"a\r\n",
        b"%{x}\n",
    ];
    (0..random.below(5)).flat_map(|_| random.pick(LINES).iter().copied()).collect()
}

fn landmarks(spec: &[u8]) -> Landmarks {
    let text = String::from_utf8_lossy(spec).into_owned();
    let mut found = Landmarks { headers: Vec::new(), tags: Vec::new(), lines: Vec::new() };
    let mut package = String::new();
    let mut tags_here = true;
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let word = words.next().unwrap_or_default();
        if HEADERS.contains(&word.to_lowercase().as_str()) && !line.starts_with('#') {
            let rest: Vec<&str> = words.collect();
            package = match rest.as_slice() {
                [] => String::new(),
                ["-n", name, ..] => (*name).to_owned(),
                [name, ..] => (*name).to_owned(),
            };
            tags_here = word.eq_ignore_ascii_case("%package");
            found.headers.push((word.to_owned(), package.clone()));
        } else if let Some((tag, value)) =
            line.split_once(':').filter(|(tag, _)| tags_here && !tag.trim().contains(' '))
        {
            found.tags.push((package.clone(), tag.trim().to_owned(), value.trim().to_owned()));
        } else if !line.is_empty() {
            found.lines.push(line.to_owned());
        }
    }
    found
}

fn overlay(random: &mut Random, landmarks: &Landmarks) -> Value {
    let kinds: &[(&str, usize)] = &[
        ("spec-add-tag", 8),
        ("spec-insert-tag", 10),
        ("spec-set-tag", 8),
        ("spec-update-tag", 8),
        ("spec-remove-tag", 8),
        ("spec-prepend-lines", 10),
        ("spec-append-lines", 12),
        ("spec-search-replace", 22),
        ("spec-remove-section", 12),
        ("spec-remove-subpackage", 8),
        ("patch-add", 6),
        ("patch-remove", 8),
        ("file-prepend-lines", 3),
        ("file-search-replace", 5),
        ("file-add", 3),
        ("file-remove", 3),
        ("file-rename", 3),
    ];
    let mut at = random.below(kinds.iter().map(|(_, weight)| weight).sum());
    let (kind, _) = kinds
        .iter()
        .find(|(_, weight)| {
            if at < *weight {
                true
            } else {
                at -= weight;
                false
            }
        })
        .expect("below the sum");
    let mut fields = Map::from_iter([("type".to_owned(), json!(kind))]);
    let mut set = |name: &str, value: Value| {
        if value != json!("") {
            fields.insert(name.to_owned(), value);
        }
    };
    let (package, tag, value) = aimed_tag(random, landmarks);
    let (section, of_section) = aimed_section(random, landmarks);
    match *kind {
        "spec-add-tag" | "spec-insert-tag" | "spec-set-tag" | "spec-update-tag" => {
            set("package", json!(package));
            set("tag", json!(tag));
            set("value", json!(random.pick(&["1%{?dist}", "x.patch", "%{name}-libs = 1", "a: b", "word"])));
        }
        "spec-remove-tag" => {
            set("package", json!(package));
            set("tag", json!(tag));
            if random.percent(50) {
                set("value", json!(if random.percent(30) { value.to_uppercase() } else { value }));
            }
        }
        "spec-prepend-lines" | "spec-append-lines" => {
            if random.percent(85) {
                set("section", json!(section));
                set("package", json!(of_section));
            }
            set("lines", json!(lines(random, landmarks)));
        }
        "spec-search-replace" => {
            if random.percent(50) {
                set("section", json!(section));
                if random.percent(50) {
                    set("package", json!(of_section));
                }
            }
            set("regex", json!(aimed_pattern(random, landmarks)));
            set("replacement", json!(replacement(random)));
        }
        "spec-remove-section" => {
            set("section", json!(section));
            set("package", json!(of_section));
        }
        "spec-remove-subpackage" => {
            set("package", json!(if of_section.is_empty() { "devel".to_owned() } else { of_section }))
        }
        "patch-add" => {
            set("source", json!("new.patch"));
            if random.percent(30) {
                set("package", json!(package));
            }
            if random.percent(50) {
                set(
                    "file",
                    json!(random.pick(&["a.patch", "renamed.patch", "conf/z.patch", "none/z.patch"])),
                );
            }
        }
        "patch-remove" => {
            let patch =
                landmarks.tags.iter().filter(|(_, tag, _)| tag.to_lowercase().starts_with("patch")).count();
            let patches =
                || landmarks.tags.iter().filter(|(_, tag, _)| tag.to_lowercase().starts_with("patch"));
            let aimed = patches().nth(random.below(patch)).map_or("a.patch", |(_, _, value)| value.as_str());
            set(
                "file",
                json!(if random.percent(60) {
                    aimed
                } else {
                    random.pick(&["*.patch", "*", "a.patch", "**/*.patch", "{a,b}.patch", "?.patch"])
                }),
            );
        }
        "file-prepend-lines" => {
            set("file", json!(file_glob(random)));
            set("lines", json!(lines(random, landmarks)));
        }
        "file-search-replace" => {
            set("file", json!(file_glob(random)));
            set(
                "regex",
                json!(random.pick(&[
                    "(?m)^",
                    "key",
                    "v.*$",
                    "(?s).*",
                    "a*",
                    "\\n",
                    "[^=]+=",
                    "(?m)$",
                    "caf.",
                    "\\x{e9}",
                    "end|remark"
                ])),
            );
            set("replacement", json!(replacement(random)));
        }
        "file-add" => {
            set("source", json!("new.conf"));
            set(
                "file",
                json!(random.pick(&[
                    "new.conf",
                    "conf/new.conf",
                    "none/new.conf",
                    "run.sh",
                    "x.spec",
                    "a b.conf"
                ])),
            );
        }
        "file-remove" => set("file", json!(file_glob(random))),
        "file-rename" => {
            set("file", json!(file_glob(random)));
            set("replacement", json!(random.pick(&["renamed", "a.patch", "run.sh"])));
        }
        _ => unreachable!("every kind is listed"),
    }
    Value::Object(fields)
}

fn aimed_tag(random: &mut Random, landmarks: &Landmarks) -> (String, String, String) {
    let found = landmarks.tags.get(random.below(landmarks.tags.len())).cloned();
    match found {
        Some((package, tag, value)) if random.percent(75) => (package, tag, value),
        found => {
            let package =
                found.map_or_else(
                    String::new,
                    |(package, _, _)| if random.percent(50) { package } else { "absent".into() },
                );
            (
                if random.percent(60) { String::new() } else { package },
                random.pick(TAGS).to_owned(),
                "1".to_owned(),
            )
        }
    }
}

fn aimed_section(random: &mut Random, landmarks: &Landmarks) -> (String, String) {
    match landmarks.headers.get(random.below(landmarks.headers.len())) {
        Some(found) if random.percent(85) => found.clone(),
        _ => (random.pick(HEADERS).to_owned(), random.pick(&["", "", "devel", "%{name}-libs"]).to_owned()),
    }
}

fn lines(random: &mut Random, landmarks: &Landmarks) -> Vec<String> {
    const LINES: &[&str] = &[
        "",
        "echo one",
        "  indented",
        "# remark",
        "%if 0",
        "%endif",
        "%else",
        "Requires: more",
        "%post",
        "%description",
        "%check",
        "two\nlines",
        "%build\nmake",
        "\r",
        "a\r",
        "%package extra",
        "end ",
        "\u{a0}%files",
        "Ünïcode",
        "x\n%files devel",
    ];
    (0..=random.below(3))
        .map(|_| match landmarks.lines.get(random.below(landmarks.lines.len())) {
            Some(line) if random.percent(20) => line.clone(),
            _ => random.pick(LINES).to_owned(),
        })
        .collect()
}

fn replacement(random: &mut Random) -> String {
    let parts = [
        "",
        "$1",
        "${0}",
        "new",
        "%{?dist}",
        "\n",
        "\n\n",
        "%build",
        "  %files",
        "#",
        "\\n",
        "é",
        "a\nRequires: b",
        "Name: z",
    ];
    (0..=random.below(1)).map(|_| random.pick(&parts)).collect()
}

fn aimed_pattern(random: &mut Random, landmarks: &Landmarks) -> String {
    let line = match landmarks.lines.get(random.below(landmarks.lines.len())) {
        Some(line) if random.percent(85) => line,
        _ => return pattern(random),
    };
    let letters: Vec<char> = line.chars().collect();
    let start = random.below(letters.len());
    let length = 1 + random.below((letters.len() - start).min(20));
    let piece: String = letters[start..(start + length).min(letters.len())].iter().collect();
    let literal = regex_escaped(&piece);
    match random.below(9) {
        0 => format!("^{}", regex_escaped(line)),
        1 => format!("{literal}$"),
        2 => format!("{literal}.*"),
        3 => format!(".*{literal}.*"),
        4 => piece,
        5 => format!("(?i){literal}"),
        6 => format!("{literal}|{}", pattern(random)),
        7 => format!("\\Q{piece}\\E\\s*"),
        _ => literal,
    }
}

fn regex_escaped(text: &str) -> String {
    text.chars()
        .flat_map(|letter| {
            let escape = "\\.+*?()|[]{}^$".contains(letter).then_some('\\');
            escape.into_iter().chain([letter])
        })
        .collect()
}

fn file_glob(random: &mut Random) -> &'static str {
    random.pick(&[
        "a.patch",
        "*.patch",
        "**/*.conf",
        "conf/x.conf",
        "conf/*",
        "conf/**",
        "**",
        "*",
        "run.sh",
        "missing",
        "[ab].patch",
        "{a,run}.*",
        "./run.sh",
        "we\\x2dird.mount",
        "we\\x2dird.*",
        "*\\x2dird.mount",
        "./conf//x.conf",
        "conf/",
        "{run.sh,a.patch}",
        "{conf/x.conf,run.*}",
        "**/x.conf",
        "con*/**/y.conf",
        "conf",
        "*.spec",
        "**/*",
    ])
}

/// The text with one feature that few real ones have.
fn damaged(random: &mut Random, spec: Vec<u8>) -> Vec<u8> {
    let mut lines: Vec<Vec<u8>> = spec.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let at = random.below(lines.len());
    match random.below(15) {
        0 => lines.iter_mut().for_each(|line| line.push(b'\r')),
        1 => lines[at].splice(0..0, b" \t".iter().copied()).for_each(drop),
        2 => lines[at].splice(0..0, "\u{a0}".bytes()).for_each(drop),
        3 => lines[at] = lines[at].to_ascii_uppercase(),
        4 => lines.insert(
            at,
            random
                .pick::<[u8]>(&[
                    b"%if 1",
                    b"%ifarch x86_64",
                    b"%IF 0",
                    b"%endif",
                    b"%else",
                    b"%elif 1",
                    b"%endif # x",
                ])
                .to_vec(),
        ),
        5 => lines.insert(at, random.pick(HEADERS).as_bytes().to_vec()),
        6 => lines.insert(
            at,
            format!(
                "{} {}",
                random.pick(HEADERS),
                random.pick(&[
                    "devel",
                    "-n other",
                    "-p /bin/sh devel",
                    "-p <lua> -- glibc",
                    "-f list",
                    "-l ja devel",
                    "-n",
                    "-q -- x"
                ])
            )
            .into_bytes(),
        ),
        7 => lines.insert(at, b"\xff\xfe bytes \xc3".to_vec()),
        8 => drop(lines.pop()),
        9 => lines.extend([
            b"%patchlist".to_vec(),
            b"a.patch".to_vec(),
            b"# b.patch".to_vec(),
            b" b.patch ".to_vec(),
        ]),
        10 => lines.insert(
            at,
            format!("{}: {}", random.pick(TAGS), random.pick(&["a.patch", "b.patch", "x/b.patch", "1", ""]))
                .into_bytes(),
        ),
        11 => {
            let end = (at + random.below(12)).min(lines.len());
            let copy = lines[at..end].to_vec();
            let place = random.below(lines.len());
            lines.splice(place..place, copy);
        }
        12 => {
            let end = (at + random.below(30)).min(lines.len());
            lines.drain(at..end);
        }
        13 => lines.insert(at, b"Patch:   bare.patch".to_vec()),
        _ => lines.truncate(at + 1),
    }
    lines.join(&b'\n')
}
