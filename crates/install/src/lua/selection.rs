//! Named facts and the name asked for, in; that fact, or a table of all, out: the calling convention of rpm's `posix` library.

use mlua::{IntoLua, IntoLuaMulti, Lua, MultiValue, Value};

/// A fact as Lua sees it: rpm gives every number as a float.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Field {
    Text(String),
    Number(f64),
}

impl Field {
    /// A whole number; those beyond 2^53 lose their last digits, as in rpm.
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn whole(number: i64) -> Self {
        Self::Number(number as f64)
    }

    fn to_lua(&self, lua: &Lua) -> mlua::Result<Value> {
        match self {
            Self::Text(text) => text.as_str().into_lua(lua),
            Self::Number(number) => number.into_lua(lua),
        }
    }
}

/// The fact called `selector`, or all in a table.
pub(super) fn choose(
    lua: &Lua,
    function: &str,
    selector: Option<&str>,
    fields: &[(&str, Field)],
) -> mlua::Result<MultiValue> {
    match selector {
        Some(selector) => match fields.iter().find(|(name, _)| *name == selector) {
            Some((_, field)) => field.to_lua(lua)?.into_lua_multi(lua),
            None => Err(mlua::Error::runtime(format!(
                "bad argument to '{function}' (invalid option '{selector}')"
            ))),
        },
        None => {
            let table = lua.create_table()?;
            for (name, field) in fields {
                table.set(*name, field.to_lua(lua)?)?;
            }
            table.into_lua_multi(lua)
        }
    }
}
