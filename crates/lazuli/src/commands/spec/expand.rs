//! `lazuli spec expand SPEC`

use super::reading;
use crate::cli::SpecExpand;
use crate::failure::Failure;
use crate::output;

/// Prints a spec as it reads with its macros expanded.
pub fn run(options: &SpecExpand) -> Result<(), Failure> {
    let macros = reading::macros_of(&options.macros)?;
    let evaluation = reading::evaluate(&options.spec, &macros)?;
    output::print_text(&evaluation.expanded)?;
    for doubt in &evaluation.doubts {
        output::say(&format!("not known: line {}: {}", doubt.line, doubt.text));
    }
    Ok(())
}
