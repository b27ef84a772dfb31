//! The JSON schemas accept the distribution's own files and refuse what reading refuses.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without is its verdict")]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// What the schema has against a value: paths of the values, none if it accepts them.
fn refusals(root: &Value, schema: &Value, value: &Value, path: &str) -> Vec<String> {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let target = root
            .pointer(reference.strip_prefix('#').unwrap())
            .unwrap_or_else(|| panic!("{reference} exists"));
        return refusals(root, target, value, path);
    }
    if let Some(choices) = schema.get("anyOf").or(schema.get("oneOf")).and_then(Value::as_array) {
        let accepted = choices.iter().any(|choice| refusals(root, choice, value, path).is_empty());
        return if accepted { Vec::new() } else { vec![path.to_owned()] };
    }
    if schema.get("const").is_some_and(|only| only != value) {
        return vec![path.to_owned()];
    }
    if let Some(words) = schema.get("enum").and_then(Value::as_array)
        && !words.contains(value)
    {
        return vec![path.to_owned()];
    }
    let kind = match value {
        Value::Object(_) => "object",
        Value::Array(_) => "array",
        Value::String(_) => "string",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::Null => "null",
    };
    if schema.get("type").is_some_and(|expected| expected != kind) {
        return vec![path.to_owned()];
    }
    let mut found = Vec::new();
    match value {
        Value::Object(table) => {
            for key in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
                if !table.contains_key(key.as_str().unwrap()) {
                    found.push(format!("{path}/{} is missing", key.as_str().unwrap()));
                }
            }
            for (key, value) in table {
                let path = format!("{path}/{key}");
                let known = schema.get("properties").and_then(|properties| properties.get(key));
                match known.or(schema.get("additionalProperties")) {
                    Some(Value::Bool(false)) => found.push(path),
                    Some(schema) => found.extend(refusals(root, schema, value, &path)),
                    None => {}
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                if let Some(schema) = schema.get("items") {
                    found.extend(refusals(root, schema, item, &format!("{path}/{index}")));
                }
            }
        }
        _ => {}
    }
    found
}

fn check(schema: &Value, text: &str) -> Vec<String> {
    let value: Value = toml::from_str(text).unwrap();
    refusals(schema, schema, &value, "")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_distributions_files_are_accepted() {
    let schemas = definition::schema();
    let distro = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../distro");
    let mut definitions: Vec<PathBuf> = vec![distro.join("lazuli.toml")];
    definitions.extend(
        fs::read_dir(distro.join("upstreams"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_file()),
    );
    assert!(definitions.len() >= 3);
    for file in definitions {
        assert_eq!(check(&schemas.definition, &read(&file)), Vec::<String>::new(), "{}", file.display());
    }
    for image in ["server", "tools", "judges"] {
        let file = distro.join("images").join(image).join("image.toml");
        assert_eq!(check(&schemas.image, &read(&file)), Vec::<String>::new(), "{}", file.display());
    }
}

/// Every TOML file below a folder.
fn toml_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(toml_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    files
}

#[test]
fn files_of_cases_that_load_are_accepted() {
    let schemas = definition::schema();
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let good = fs::read_dir(cases).unwrap().map(|entry| entry.unwrap().path());
    let good = good.filter(|case| case.file_name().unwrap().to_str().unwrap().starts_with("good-"));
    let mut seen = [0, 0, 0];
    for file in good.flat_map(|case| toml_files(&case)) {
        let path = file.display().to_string();
        let which = match () {
            () if path.contains("/overlays/") || path.contains(".overlay.") => 0,
            () if path.contains("/images/") => 1,
            () => 2,
        };
        seen[which] += 1;
        let schema = [&schemas.overlay_file, &schemas.image, &schemas.definition][which];
        assert_eq!(check(schema, &read(&file)), Vec::<String>::new(), "{path}");
    }
    assert!(seen[0] >= 4 && seen[1] >= 2 && seen[2] >= 6, "{seen:?}");
}

#[test]
fn what_reading_refuses_the_schema_refuses() {
    let schemas = definition::schema();
    for (text, refused) in [
        ("[project]\ndescripton = ''", "/project/descripton"),
        ("[projects]", "/projects"),
        ("[project]\ndescription = 1", "/project/description"),
        ("[distros.a]\ndisable-origins = 'yes'", "/distros/a/disable-origins"),
        ("[resources.deb-repos.a]\nsuite = 's'", "/resources/deb-repos/a/keyring is missing"),
        ("[components.a.release]\ncalculation = 'x'", "/components/a/release/calculation"),
        ("[[components.a.overlays]]\ntype = 'spec-set-tags'", "/components/a/overlays/0/type"),
        ("[images.a.definition]\ntype = 'nativ'", "/images/a/definition/type"),
    ] {
        assert_eq!(check(&schemas.definition, text), [refused], "{text}");
    }
    assert_eq!(check(&schemas.overlay_file, "overlays = []"), ["/metadata is missing"]);
    assert_eq!(
        check(&schemas.overlay_file, "[metadata]\ncategory = 'azl-pruning'\nupstream-status = 'no'"),
        ["/overlays is missing", "/metadata/upstream-status"]
    );
    assert_eq!(check(&schemas.image, "kind = 'disc'"), ["/kind"]);
    assert_eq!(check(&schemas.image, "description = 'a'"), ["/kind is missing"]);
}

#[test]
fn every_key_is_described_and_none_may_be_null() {
    fn visit(value: &Value, path: &str) {
        match value {
            Value::Object(object) => {
                if let Some(Value::Object(properties)) = object.get("properties") {
                    for (key, property) in properties {
                        assert!(property.get("description").is_some(), "{path}/{key} has no description");
                    }
                }
                for (key, value) in object {
                    visit(value, &format!("{path}/{key}"));
                }
            }
            Value::Array(items) => items.iter().for_each(|item| visit(item, path)),
            Value::String(text) => assert_ne!(text, "null", "{path}"),
            _ => {}
        }
    }
    let schemas = definition::schema();
    visit(&schemas.definition, "definition");
    visit(&schemas.image, "image");
    visit(&schemas.overlay_file, "overlay file");
}
