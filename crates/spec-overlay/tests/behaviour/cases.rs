//! Every file of `tests/cases`: a spec, overlays, and the spec or the error that comes of them.
//!
//! A case has `about`, `spec`, `[[overlays]]`, and `[expected]` with either `spec` (and `matches`, one number for each
//! overlay), or `error` (a part of the message), `overlay` (its index) and `nearest` (a part of the line). Beside them
//! may stand `[files]` (paths beside the spec), `links` (those of them that are links), `[sources]` (files of the
//! definition) and `[expected.files]` (all files afterwards). With `latin-1 = true` the characters of all texts are bytes.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use spec_overlay::apply;
use toml::{Table, Value};

use super::case::{Files, overlay};

#[test]
fn every_case_gives_what_it_expects() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    assert!(paths.len() > 40, "only {} cases", paths.len());
    let mut failures = Vec::new();
    for path in &paths {
        let text = std::fs::read_to_string(path).unwrap();
        let case: Table = text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        if let Err(failure) = run(&case) {
            failures.push(format!("{}: {failure}", path.file_name().unwrap().to_string_lossy()));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

fn run(case: &Table) -> Result<(), String> {
    let latin = case.get("latin-1").and_then(Value::as_bool).unwrap_or_default();
    let bytes = |text: &str| -> Vec<u8> {
        if latin {
            text.chars().map(|character| u8::try_from(u32::from(character)).expect("a byte")).collect()
        } else {
            text.as_bytes().to_vec()
        }
    };
    let files = |table: Option<&Value>| -> BTreeMap<String, Vec<u8>> {
        let table = table.and_then(Value::as_table).cloned().unwrap_or_default();
        table.iter().map(|(path, text)| (path.clone(), bytes(text.as_str().expect("a text")))).collect()
    };
    let links = case.get("links").and_then(Value::as_array).cloned().unwrap_or_default();
    let beside = Files {
        files: files(case.get("files")),
        links: links.iter().map(|link| link.as_str().expect("a path").to_owned()).collect(),
        sources: files(case.get("sources")),
        archives: false,
    };
    let spec = bytes(case["spec"].as_str().expect("spec is a text"));
    let overlays: Vec<_> = case["overlays"]
        .as_array()
        .expect("overlays are tables")
        .iter()
        .map(|table| overlay(table.as_table().expect("a table")))
        .collect();
    let expected = case["expected"].as_table().expect("expected is a table");
    let expected_text = |key: &str| expected.get(key).and_then(Value::as_str);
    match (apply(&spec, &overlays, &beside), expected_text("spec")) {
        (Ok(applied), Some(wanted)) => {
            same("spec", &applied.spec, &bytes(wanted))?;
            if let Some(wanted) = expected.get("matches") {
                let matches: Vec<Value> = applied
                    .effects
                    .iter()
                    .map(|effect| Value::Integer(i64::try_from(effect.matches).unwrap()))
                    .collect();
                if Value::Array(matches.clone()) != *wanted {
                    return Err(format!("matches are {matches:?}"));
                }
            }
            if expected.contains_key("files") {
                let after = beside.after(&applied.files);
                let wanted = files(expected.get("files"));
                let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
                if names(&after) != names(&wanted) {
                    return Err(format!("the files are {:?}", names(&after)));
                }
                for (path, bytes) in &wanted {
                    same(path, &after[path], bytes)?;
                }
            }
            Ok(())
        }
        (Ok(applied), None) => Err(format!("it applies:\n{}", String::from_utf8_lossy(&applied.spec))),
        (Err(error), Some(_)) => Err(chain(&error)),
        (Err(error), None) => {
            let message = chain(&error);
            let wanted = expected_text("error").expect("expected has spec or error");
            let index = expected.get("overlay").and_then(Value::as_integer).unwrap_or_default();
            if !message.contains(wanted) || i64::try_from(error.index).ok() != Some(index) {
                return Err(format!("the error is: {message}"));
            }
            let nearest = error.nearest.map(|nearest| nearest.text);
            match expected_text("nearest") {
                Some(wanted) if !nearest.as_ref().is_some_and(|text| text.contains(wanted)) => {
                    Err(format!("the nearest is {nearest:?}"))
                }
                _ => Ok(()),
            }
        }
    }
}

fn chain(error: &dyn Error) -> String {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        message = format!("{message}: {cause}");
        source = cause.source();
    }
    message
}

fn same(what: &str, is: &[u8], wanted: &[u8]) -> Result<(), String> {
    if is == wanted {
        return Ok(());
    }
    let show = |bytes: &[u8]| bytes.escape_ascii().to_string().replace("\\n", "\\n\n");
    Err(format!("{what} is\n{}---- and not\n{}----", show(is), show(wanted)))
}
