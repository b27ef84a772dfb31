//! `lazuli config schema`

use crate::cli::{ConfigSchema, SchemaOf};
use crate::failure::{Context as _, Failure};
use crate::output;

/// Prints a JSON Schema.
pub fn run(options: &ConfigSchema) -> Result<(), Failure> {
    let schema = match options.of {
        SchemaOf::Project => definition::schema().definition,
        SchemaOf::Image => definition::schema().image,
        SchemaOf::OverlayFile => definition::schema().overlay_file,
    };
    let text = serde_json::to_string_pretty(&schema).context(|| "the schema has no JSON form".to_owned())?;
    output::print_text(&(text + "\n"))
}
