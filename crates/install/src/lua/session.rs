//! What the libraries of one interpreter share: the last error, whether the script forked, the macros; and how results are told.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;

use mlua::{IntoLuaMulti, Lua, MultiValue, Value};
use rpm_model::rpmvercmp;

use super::macros::Macros;

/// Since when the calls that fork are no longer there for a package's own version of rpm (`rpmio/lposix.cc`).
const FORK_REMOVED: &str = "5.99.0";
const FORK_DEPRECATED: &str = "4.20.0";

#[derive(Debug)]
pub(super) struct Session {
    pub(super) last_error: Cell<i32>,
    pub(super) forked: Cell<bool>,
    pub(super) macros: RefCell<Macros>,
    /// The rpm that built the package.
    pub(super) rpm_version: Option<String>,
}

pub(super) type Shared = Rc<Session>;

impl Session {
    /// `nil, "INFO: MESSAGE", NUMBER`, as the C library of rpm tells an error.
    pub(super) fn failure(
        &self,
        lua: &Lua,
        info: Option<&[u8]>,
        error: &io::Error,
    ) -> mlua::Result<MultiValue> {
        let number = error.raw_os_error().unwrap_or(libc::EINVAL);
        self.last_error.set(number);
        let mut text = info.map(|info| [info, b": "].concat()).unwrap_or_default();
        text.extend(message(number).into_bytes());
        (Value::Nil, lua.create_string(text)?, f64::from(number)).into_lua_multi(lua)
    }

    /// A number on success, three values on failure.
    pub(super) fn outcome(
        &self,
        lua: &Lua,
        info: Option<&[u8]>,
        result: io::Result<f64>,
    ) -> mlua::Result<MultiValue> {
        match result {
            Ok(number) => number.into_lua_multi(lua),
            Err(error) => self.failure(lua, info, &error),
        }
    }

    /// An error unless the package was built by an rpm that still had `function`.
    pub(super) fn check_fork_allowed(&self, function: &str) -> mlua::Result<()> {
        let older =
            |than: &str| self.rpm_version.as_deref().is_some_and(|version| rpmvercmp(version, than).is_lt());
        if !older(FORK_REMOVED) {
            return Err(mlua::Error::runtime(format!(
                "{function}() is no longer available, use rpm.spawn() or rpm.execute() instead"
            )));
        }
        if !older(FORK_DEPRECATED) {
            warn(&format!(
                "warning: {function}(): .fork(), .exec(), .wait() and .redirect2null() are deprecated, use rpm.spawn() or \
                 rpm.execute() instead"
            ));
        }
        Ok(())
    }
}

/// Writes a line to standard error; a message that cannot be written has nowhere else to go.
pub(super) fn warn(text: &str) {
    drop(io::Write::write_all(&mut io::stderr(), format!("{text}\n").as_bytes()));
}

/// The system's words for an error number.
pub(super) fn message(number: i32) -> String {
    let text = io::Error::from_raw_os_error(number).to_string();
    match text.rfind(" (os error") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}
