//! The tables of definition files, in; their JSON schemas, out.

use schemars::transform::transform_subschemas;
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::Value;

use crate::tables::{DefinitionFile, NativeImageFile, OverlayFile};

/// The JSON schemas of the files that people write.
#[derive(Debug, Clone, PartialEq)]
pub struct Schemas {
    /// Of `lazuli.toml` and every file it includes.
    pub definition: Value,
    /// Of `image.toml`.
    pub image: Value,
    /// Of the files that `overlay-files` names.
    pub overlay_file: Value,
}

/// The JSON schemas of the files that people write.
pub fn schema() -> Schemas {
    Schemas {
        definition: schema_of::<DefinitionFile>("Lazuli definition"),
        image: schema_of::<NativeImageFile>("Lazuli native image"),
        overlay_file: schema_of::<OverlayFile>("Lazuli overlay file"),
    }
}

fn schema_of<T: JsonSchema>(title: &str) -> Value {
    let generator = SchemaGenerator::new(SchemaSettings::draft2020_12().with_transform(Toml));
    let mut schema = generator.into_root_schema_for::<T>();
    schema.insert("title".to_owned(), Value::from(title));
    schema.into()
}

/// TOML has no null, so an optional key is absent; a table of free names is never required, for it may have none.
#[derive(Clone)]
struct Toml;

impl schemars::transform::Transform for Toml {
    fn transform(&mut self, schema: &mut Schema) {
        if let Some(Value::Array(types)) = schema.get_mut("type") {
            types.retain(|kind| kind != "null");
            if let [only] = types.as_slice() {
                let only = only.clone();
                schema.insert("type".to_owned(), only);
            }
        }
        if let Some(Value::Array(choices)) = schema.get_mut("anyOf") {
            choices.retain(|choice| choice.get("type").is_none_or(|kind| kind != "null"));
            if let [only] = choices.as_slice()
                && let Value::Object(only) = only.clone()
            {
                schema.remove("anyOf");
                for (key, value) in only {
                    schema.insert(key, value);
                }
            }
        }
        let free: Vec<String> = schema
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .filter(|(_, property)| property.get("additionalProperties").is_some_and(Value::is_object))
            .map(|(key, _)| key.clone())
            .collect();
        if let Some(Value::Array(required)) = schema.get_mut("required") {
            required.retain(|key| key.as_str().is_none_or(|key| !free.iter().any(|free| free == key)));
            if required.is_empty() {
                schema.remove("required");
            }
        }
        transform_subschemas(self, schema);
    }
}
