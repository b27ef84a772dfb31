//! A case as the other program reads it, in; what it made of it, out. One JSON object a line on its standard input and output.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::case::{Case, Outcome};

/// The program under `LAZULI_OVERLAY_JUDGE`, running.
pub struct Judge {
    program: PathBuf,
    scratch: PathBuf,
    running: Option<Running>,
}

struct Running {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Judge {
    /// Asks `program`, which keeps its files below `scratch`.
    pub fn new(program: PathBuf, scratch: &Path) -> Self {
        Self { program, scratch: scratch.to_owned(), running: None }
    }

    /// What the program makes of the case; none if it found no end.
    pub fn outcome(&mut self, case: &Case) -> Option<Outcome> {
        let answer = self.answer(&request(case));
        if answer["timed_out"] == true {
            self.stop();
            return None;
        }
        if answer["ok"] != true {
            let at = answer["at"].as_i64().expect("an error has its place");
            return Some(Outcome::Refused { at, why: answer["error"].to_string() });
        }
        let mut files: Vec<(String, Vec<u8>)> = Vec::new();
        for file in answer["files"].as_array().map_or(&[][..], Vec::as_slice) {
            files.push((file["name"].as_str().expect("a name").to_owned(), bytes(&file["data"])));
        }
        files.sort();
        Some(Outcome::Applied { spec: bytes(&answer["spec"]), files })
    }

    /// What the program makes of a pattern alone: the text after the replacement, or none if it refuses the pattern.
    pub fn replaced(&mut self, pattern: &str, replacement: &str, text: &[u8]) -> Option<Vec<u8>> {
        let text = STANDARD.encode(text);
        let answer =
            self.answer(&json!({"kind": "regex", "regex": pattern, "replace": replacement, "text": text}));
        (answer["ok"] == true).then(|| bytes(&answer["text"]))
    }

    /// Whether the program says that the names match the glob; none if it refuses it.
    pub fn matched(&mut self, glob: &str, names: &[String]) -> Option<Vec<bool>> {
        let answer = self.answer(&json!({"kind": "glob", "pattern": glob, "names": names}));
        let matches = answer["matches"].as_array().map_or(&[][..], Vec::as_slice);
        (answer["ok"] == true).then(|| matches.iter().map(|matched| matched == true).collect())
    }

    fn answer(&mut self, request: &Value) -> Value {
        let running = match &mut self.running {
            Some(running) => running,
            absent => absent.insert(start(&self.program, &self.scratch)),
        };
        writeln!(running.input, "{request}").expect("the judge reads");
        running.input.flush().expect("the judge reads");
        let mut line = String::new();
        running.output.read_line(&mut line).expect("the judge answers");
        serde_json::from_str(&line).expect("the judge answers in JSON")
    }

    fn stop(&mut self) {
        if let Some(Running { mut child, input, .. }) = self.running.take() {
            drop(input);
            child.wait().expect("the judge ends");
        }
    }
}

impl Drop for Judge {
    fn drop(&mut self) {
        self.stop();
    }
}

#[allow(clippy::disallowed_methods, reason = "the judge is a program of whoever runs this test")]
fn start(program: &Path, scratch: &Path) -> Running {
    let mut child = Command::new(program)
        .arg(scratch)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("LAZULI_OVERLAY_JUDGE names a program");
    let input = child.stdin.take().expect("piped");
    let output = BufReader::new(child.stdout.take().expect("piped"));
    Running { child, input, output }
}

fn request(case: &Case) -> Value {
    let files = |files: &[(String, Vec<u8>)]| -> Vec<Value> {
        files.iter().map(|(name, data)| json!({"name": name, "data": STANDARD.encode(data)})).collect()
    };
    json!({
        "kind": "list",
        "spec": STANDARD.encode(&case.spec),
        "files": files(&case.files),
        "sources": files(&case.sources),
        "overlays": case.overlays,
    })
}

fn bytes(text: &Value) -> Vec<u8> {
    STANDARD.decode(text.as_str().unwrap_or_default()).expect("base64")
}
