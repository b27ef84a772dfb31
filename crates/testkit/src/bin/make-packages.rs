//! `make-packages COUNT FOLDER`: RPMs to measure with, always the same bytes.

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [count, folder] = &*arguments else {
        eprintln!("usage: make-packages COUNT FOLDER");
        return ExitCode::FAILURE;
    };
    let Ok(count) = count.parse() else {
        eprintln!("error: `{count}` is no number of packages");
        return ExitCode::FAILURE;
    };
    testkit::generated::packages(count, std::path::Path::new(folder));
    ExitCode::SUCCESS
}
