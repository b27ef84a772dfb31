//! The tables of definition files, in; their JSON schemas, out.

use schemars::transform::transform_subschemas;
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::Value;

use crate::tables::{DefinitionFile, NativeImageFile};

/// The JSON schemas of the files that people write.
#[derive(Debug, Clone, PartialEq)]
pub struct Schemas {
    /// Of `lazuli.toml` and every file it includes.
    pub definition: Value,
    /// Of `image.toml`.
    pub image: Value,
}

/// The JSON schemas of the files that people write.
pub fn schema() -> Schemas {
    Schemas {
        definition: schema_of::<DefinitionFile>("Lazuli definition"),
        image: schema_of::<NativeImageFile>("Lazuli native image"),
    }
}

fn schema_of<T: JsonSchema>(title: &str) -> Value {
    let generator = SchemaGenerator::new(SchemaSettings::draft2020_12().with_transform(NoNull));
    let mut schema = generator.into_root_schema_for::<T>();
    schema.insert("title".to_owned(), Value::from(title));
    schema.into()
}

/// TOML has no null: an optional key is absent.
#[derive(Clone)]
struct NoNull;

impl schemars::transform::Transform for NoNull {
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
        transform_subschemas(self, schema);
    }
}
