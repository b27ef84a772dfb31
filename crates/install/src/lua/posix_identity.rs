//! The part of rpm's `posix` library about users, groups, the process and its environment.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use mlua::{IntoLuaMulti, Lua, MultiValue, Table, Value};

use super::accounts::{self, Wanted};
use super::selection::{self, Field};
use super::session::{Shared, message};
use super::{file_mode, process};

pub(super) fn register(lua: &Lua, posix: &Table, session: &Shared) -> mlua::Result<()> {
    register_accounts(lua, posix, session)?;
    register_environment(lua, posix, session)?;
    register_system(lua, posix)?;

    let shared = session.clone();
    posix.set(
        "errno",
        lua.create_function(move |_, ()| {
            Ok((message(shared.last_error.get()), f64::from(shared.last_error.get())))
        })?,
    )
}

/// A user's number from a number or a name; nobody (-1, which changes nothing) when absent or unknown.
pub(super) fn user_id(value: &Value) -> mlua::Result<Option<u32>> {
    Ok(match wanted(value)? {
        None => None,
        Some(Wanted::Id(id)) => (id != u32::MAX).then_some(id),
        Some(name) => accounts::user(&read("/etc/passwd"), &name).map(|user| user.uid),
    })
}

/// A group's number from a number or a name, likewise.
pub(super) fn group_id(value: &Value) -> mlua::Result<Option<u32>> {
    Ok(match wanted(value)? {
        None => None,
        Some(Wanted::Id(id)) => (id != u32::MAX).then_some(id),
        Some(name) => accounts::group(&read("/etc/group"), &name).map(|group| group.gid),
    })
}

fn wanted(value: &Value) -> mlua::Result<Option<Wanted>> {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "-1 means nobody, as in chown(2)"
    )]
    let number = |number: f64| Wanted::Id(number as i64 as u32);
    Ok(match value {
        Value::Nil => None,
        #[allow(clippy::cast_precision_loss, reason = "user numbers have 32 bits")]
        Value::Integer(id) => Some(number(*id as f64)),
        Value::Number(id) => Some(number(*id)),
        Value::String(text) => {
            let text = text.to_string_lossy();
            Some(text.trim().parse().map_or_else(|_| Wanted::Name(text.clone()), number))
        }
        other => {
            return Err(mlua::Error::runtime(format!(
                "string or number expected, got {}",
                other.type_name()
            )));
        }
    })
}

fn read(path: &str) -> String {
    fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

fn register_accounts(lua: &Lua, posix: &Table, session: &Shared) -> mlua::Result<()> {
    let get_user = lua.create_function(|lua, (who, selector): (Value, Option<String>)| {
        let who = wanted(&who)?.unwrap_or_else(|| Wanted::Id(rustix::process::geteuid().as_raw()));
        let Some(user) = accounts::user(&read("/etc/passwd"), &who) else {
            return Value::Nil.into_lua_multi(lua);
        };
        let fields = [
            ("name", Field::Text(user.name)),
            ("uid", Field::Number(user.uid.into())),
            ("gid", Field::Number(user.gid.into())),
            ("dir", Field::Text(user.home)),
            ("shell", Field::Text(user.shell)),
            ("gecos", Field::Text(user.comment)),
            ("passwd", Field::Text(user.password)),
        ];
        selection::choose(lua, "getpasswd", selector.as_deref(), &fields)
    })?;
    posix.set("getpasswd", get_user)?;

    let get_group = lua.create_function(|lua, who: Value| {
        let who = wanted(&who)?.ok_or_else(|| mlua::Error::runtime("string or number expected, got nil"))?;
        let Some(group) = accounts::group(&read("/etc/group"), &who) else { return Ok(Value::Nil) };
        let table = lua.create_sequence_from(group.members)?;
        table.set("name", group.name)?;
        table.set("gid", f64::from(group.gid))?;
        Ok(Value::Table(table))
    })?;
    posix.set("getgroup", get_group)?;

    let shared = session.clone();
    let set_user = lua.create_function(move |lua, who: Value| {
        let result = process::set_user(user_id(&who)?.unwrap_or(u32::MAX)).map(|()| 0.0);
        shared.outcome(lua, None, result)
    })?;
    posix.set("setuid", set_user)?;
    let shared = session.clone();
    let set_group = lua.create_function(move |lua, who: Value| {
        let result = process::set_group(group_id(&who)?.unwrap_or(u32::MAX)).map(|()| 0.0);
        shared.outcome(lua, None, result)
    })?;
    posix.set("setgid", set_group)?;

    let identity = lua.create_function(|lua, selector: Option<String>| {
        let parent = rustix::process::getppid().map_or(0, rustix::process::Pid::as_raw_pid);
        let fields = [
            ("egid", Field::Number(rustix::process::getegid().as_raw().into())),
            ("euid", Field::Number(rustix::process::geteuid().as_raw().into())),
            ("gid", Field::Number(rustix::process::getgid().as_raw().into())),
            ("uid", Field::Number(rustix::process::getuid().as_raw().into())),
            ("pgrp", Field::Number(rustix::process::getpgrp().as_raw_pid().into())),
            ("pid", Field::Number(rustix::process::getpid().as_raw_pid().into())),
            ("ppid", Field::Number(parent.into())),
        ];
        selection::choose(lua, "getprocessid", selector.as_deref(), &fields)
    })?;
    posix.set("getprocessid", identity)?;
    // Nobody is logged in where packages are installed.
    posix.set("getlogin", lua.create_function(|_, ()| Ok(Value::Nil))?)
}

fn register_environment(lua: &Lua, posix: &Table, session: &Shared) -> mlua::Result<()> {
    let get = lua.create_function(|lua, name: Option<mlua::LuaString>| {
        let Some(name) = name else {
            let table = lua.create_table()?;
            for (name, value) in std::env::vars_os() {
                table.set(lua.create_string(name.into_vec())?, lua.create_string(value.into_vec())?)?;
            }
            return Ok(Value::Table(table));
        };
        let name = name.as_bytes();
        // The standard library refuses to look for such names; they are never there.
        if name.is_empty() || name.iter().any(|byte| matches!(byte, b'=' | 0)) {
            return Ok(Value::Nil);
        }
        match std::env::var_os(OsStr::from_bytes(&name)) {
            Some(value) => Ok(Value::String(lua.create_string(value.into_vec())?)),
            None => Ok(Value::Nil),
        }
    })?;
    posix.set("getenv", get)?;

    let shared = session.clone();
    let set = lua.create_function(
        move |lua, (name, value, replace): (mlua::LuaString, mlua::LuaString, Option<bool>)| {
            let (name, value) = (name.as_bytes(), value.as_bytes());
            let is_set =
                || !name.is_empty() && std::env::vars_os().any(|(other, _)| other.as_bytes() == &*name);
            let result = if replace == Some(false) && is_set() {
                Ok(())
            } else {
                process::set_variable(OsStr::from_bytes(&name), OsStr::from_bytes(&value))
            };
            shared.outcome(lua, Some(&name), result.map(|()| 0.0))
        },
    )?;
    posix.set("setenv", set)?;

    let shared = session.clone();
    let put = lua.create_function(move |lua, text: mlua::LuaString| {
        let text = text.as_bytes();
        let result = match text.iter().position(|byte| *byte == b'=') {
            Some(at) => {
                process::set_variable(OsStr::from_bytes(&text[..at]), OsStr::from_bytes(&text[at + 1..]))
            }
            None => {
                process::remove_variable(OsStr::from_bytes(&text));
                Ok(())
            }
        };
        shared.outcome(lua, Some(&text), result.map(|()| 0.0))
    })?;
    posix.set("putenv", put)?;

    let unset = lua.create_function(|_, name: mlua::LuaString| {
        process::remove_variable(OsStr::from_bytes(&name.as_bytes()));
        Ok(())
    })?;
    posix.set("unsetenv", unset)?;

    let umask = lua.create_function(|_, change: Option<String>| {
        let current = rustix::process::umask(rustix::fs::Mode::empty());
        rustix::process::umask(current);
        // rpm speaks of what is allowed, not of what is masked.
        let mut allowed = !current.as_raw_mode() & 0o777;
        if let Some(change) = change {
            let Some(changed) = file_mode::changed(allowed, &change) else { return Ok(None) };
            allowed = changed & 0o777;
            rustix::process::umask(rustix::fs::Mode::from_raw_mode(!allowed & 0o777));
        }
        Ok(Some(file_mode::words(allowed)))
    })?;
    posix.set("umask", umask)
}

fn register_system(lua: &Lua, posix: &Table) -> mlua::Result<()> {
    let system_name = lua.create_function(|lua, format: Option<String>| {
        let system = rustix::system::uname();
        let mut text = Vec::new();
        let mut characters = format.as_deref().unwrap_or("%s %n %r %v %m").chars();
        while let Some(character) = characters.next() {
            if character != '%' {
                text.extend(character.to_string().bytes());
                continue;
            }
            let part = match characters.next() {
                Some('%') => c"%",
                Some('m') => system.machine(),
                Some('n') => system.nodename(),
                Some('r') => system.release(),
                Some('s') => system.sysname(),
                Some('v') => system.version(),
                other => {
                    let other = other.map(String::from).unwrap_or_default();
                    return Err(mlua::Error::runtime(format!(
                        "bad argument #2 to 'uname' (unknown format option `{other}')"
                    )));
                }
            };
            text.extend(part.to_bytes());
        }
        lua.create_string(text)
    })?;
    posix.set("uname", system_name)?;

    let limits = lua.create_function(|lua, selector: Option<String>| -> mlua::Result<MultiValue> {
        let fields: Vec<(&str, Field)> = SYSTEM_LIMITS
            .iter()
            .map(|(name, number)| (*name, Field::whole(process::system_limit(*number))))
            .collect();
        selection::choose(lua, "sysconf", selector.as_deref(), &fields)
    })?;
    posix.set("sysconf", limits)?;

    let times = lua.create_function(|lua, selector: Option<String>| {
        const NAMES: [&str; 5] = ["utime", "stime", "cutime", "cstime", "elapsed"];
        // rpm divides ticks by CLOCKS_PER_SEC, which is a million whatever a tick is.
        #[allow(clippy::cast_precision_loss)]
        let seconds = process::times().map(|ticks| Field::Number(ticks as f64 / 1_000_000.0));
        let fields: Vec<(&str, Field)> = NAMES.into_iter().zip(seconds).collect();
        selection::choose(lua, "times", selector.as_deref(), &fields)
    })?;
    posix.set("times", times)?;

    posix.set("ctermid", lua.create_function(|_, ()| Ok("/dev/tty"))?)?;
    // Standard streams of a scriptlet are never terminals.
    posix.set("ttyname", lua.create_function(|_, _: Option<i32>| Ok(Value::Nil))?)
}

const SYSTEM_LIMITS: [(&str, i32); 10] = [
    ("arg_max", libc::_SC_ARG_MAX),
    ("child_max", libc::_SC_CHILD_MAX),
    ("clk_tck", libc::_SC_CLK_TCK),
    ("ngroups_max", libc::_SC_NGROUPS_MAX),
    ("stream_max", libc::_SC_STREAM_MAX),
    ("tzname_max", libc::_SC_TZNAME_MAX),
    ("open_max", libc::_SC_OPEN_MAX),
    ("job_control", libc::_SC_JOB_CONTROL),
    ("saved_ids", libc::_SC_SAVED_IDS),
    ("version", libc::_SC_VERSION),
];
