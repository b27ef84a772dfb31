//! The calls of rpm's `posix` and `rpm` libraries that start, wait for and end processes.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::IntoRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

use mlua::{IntoLuaMulti, Lua, MultiValue, Table, Value};

use super::process;
use super::session::{Shared, message};

pub(super) fn register_posix(lua: &Lua, posix: &Table, session: &Shared) -> mlua::Result<()> {
    let shared = session.clone();
    let fork = lua.create_function(move |lua, ()| {
        shared.check_fork_allowed("posix.fork")?;
        let result = process::fork();
        if let Ok(0) = result {
            shared.forked.set(true);
        }
        shared.outcome(lua, None, result.map(f64::from))
    })?;
    posix.set("fork", fork)?;

    let shared = session.clone();
    let execute = lua.create_function(move |lua, arguments: mlua::Variadic<mlua::LuaString>| {
        shared.check_fork_allowed("posix.exec")?;
        if !shared.forked.get() {
            return Err(mlua::Error::runtime("exec not permitted in this context"));
        }
        let arguments = words(&arguments, "posix.exec")?;
        let error = process::execute(&arguments);
        shared.failure(lua, Some(&arguments[0]), &error)
    })?;
    posix.set("exec", execute)?;

    let shared = session.clone();
    let wait = lua.create_function(move |lua, pid: Option<i32>| {
        shared.check_fork_allowed("posix.wait")?;
        shared.outcome(lua, None, process::wait(pid.unwrap_or(-1)).map(|(pid, _)| f64::from(pid)))
    })?;
    posix.set("wait", wait)?;

    let shared = session.clone();
    let kill = lua.create_function(move |lua, (pid, signal): (i32, Option<i32>)| {
        shared.outcome(lua, None, process::kill(pid, signal.unwrap_or(libc::SIGTERM)).map(|()| 0.0))
    })?;
    posix.set("kill", kill)?;

    let sleep = lua.create_function(|_, seconds: u32| {
        std::thread::sleep(Duration::from_secs(seconds.into()));
        Ok(0.0)
    })?;
    posix.set("sleep", sleep)?;
    posix.set("redirect2null", redirect_to_null(lua, session)?)
}

pub(super) fn register_rpm(lua: &Lua, rpm: &Table, session: &Shared) -> mlua::Result<()> {
    rpm.set("redirect2null", redirect_to_null(lua, session)?)?;

    let shared = session.clone();
    let execute = lua.create_function(move |lua, arguments: mlua::Variadic<mlua::LuaString>| {
        let arguments = words(&arguments, "rpm.execute")?;
        start_and_wait(lua, &shared, &arguments, Vec::new())
    })?;
    rpm.set("execute", execute)?;

    let shared = session.clone();
    let spawn = lua.create_function(move |lua, (command, actions): (Table, Option<Table>)| {
        let arguments: Vec<mlua::LuaString> = command.sequence_values().collect::<mlua::Result<_>>()?;
        if arguments.is_empty() {
            return Err(mlua::Error::runtime("command not supplied"));
        }
        let arguments = words(&arguments, "rpm.spawn")?;
        let mut redirections = Vec::new();
        for action in actions.iter().flat_map(Table::pairs::<String, mlua::LuaString>) {
            let (stream, path) = action?;
            let descriptor = match stream.as_str() {
                "stdin" => 0,
                "stdout" => 1,
                "stderr" => 2,
                other => return Err(mlua::Error::runtime(format!("invalid spawn directive: {other}"))),
            };
            redirections.push((descriptor, path.as_bytes().to_vec()));
        }
        start_and_wait(lua, &shared, &arguments, redirections)
    })?;
    rpm.set("spawn", spawn)
}

/// `os.exit`, which rpm allows only after a fork.
pub(super) fn register_exit(lua: &Lua, session: &Shared) -> mlua::Result<()> {
    let shared = session.clone();
    let exit = lua.create_function(move |_, status: Option<Value>| -> mlua::Result<()> {
        if !shared.forked.get() {
            return Err(mlua::Error::runtime("exit not permitted in this context"));
        }
        let status = match status {
            Some(Value::Integer(status)) => i32::try_from(status & 0xff).unwrap_or(1),
            Some(Value::Boolean(false)) => 1,
            _ => 0,
        };
        std::process::exit(status)
    })?;
    lua.globals().get::<Table>("os")?.set("exit", exit)
}

fn words(arguments: &[mlua::LuaString], function: &str) -> mlua::Result<Vec<Vec<u8>>> {
    if arguments.is_empty() {
        return Err(mlua::Error::runtime(format!(
            "bad argument #1 to '{function}' (string expected, got no value)"
        )));
    }
    Ok(arguments.iter().map(|argument| argument.as_bytes().to_vec()).collect())
}

fn redirect_to_null(lua: &Lua, session: &Shared) -> mlua::Result<mlua::Function> {
    let shared = session.clone();
    lua.create_function(move |lua, target: i32| {
        shared.check_fork_allowed("rpm.redirect2null")?;
        if !shared.forked.get() {
            return Err(mlua::Error::runtime("redirect2null not permitted in this context"));
        }
        let result = OpenOptions::new().write(true).open("/dev/null").and_then(|null| redirect(null, target));
        shared.outcome(lua, None, result.map(|()| f64::from(target)))
    })
}

/// Makes a file one of the standard streams, or any descriptor; the file stays open until the process ends.
fn redirect(file: File, target: i32) -> io::Result<()> {
    process::redirect(file.into_raw_fd(), target)
}

fn start_and_wait(
    lua: &Lua,
    session: &Shared,
    arguments: &[Vec<u8>],
    redirections: Vec<(i32, Vec<u8>)>,
) -> mlua::Result<MultiValue> {
    // A pipe that closes when the program starts tells why it did not.
    let started = io::pipe().and_then(|(mut reader, writer)| {
        let pid = process::fork()?;
        if pid == 0 {
            let error = become_program(arguments, redirections);
            let number = error.raw_os_error().unwrap_or(libc::EINVAL);
            drop(io::Write::write_all(&mut &writer, &number.to_ne_bytes()));
            process::end(127);
        }
        drop(writer);
        let mut number = [0; 4];
        let refused = io::Read::read_exact(&mut reader, &mut number).is_ok();
        let (_, status) = process::wait(pid)?;
        if refused { Err(io::Error::from_raw_os_error(i32::from_ne_bytes(number))) } else { Ok(status) }
    });
    let status = match started {
        Ok(status) => status,
        Err(error) => return session.failure(lua, None, &error),
    };
    if status == 0 {
        return 0.0.into_lua_multi(lua);
    }
    let (what, number) = if libc::WIFSIGNALED(status) {
        ("exit signal", libc::WTERMSIG(status))
    } else {
        ("exit code", libc::WEXITSTATUS(status))
    };
    (Value::Nil, what, f64::from(number)).into_lua_multi(lua)
}

fn become_program(arguments: &[Vec<u8>], redirections: Vec<(i32, Vec<u8>)>) -> io::Error {
    for (target, path) in redirections {
        let mut options = OpenOptions::new();
        if target == 0 {
            options.read(true);
        } else {
            options.append(true).create(true).mode(0o644);
        }
        if let Err(error) = options.open(OsStr::from_bytes(&path)).and_then(|file| redirect(file, target)) {
            return error;
        }
    }
    process::execute(arguments)
}

/// Says on standard error how the session of a script that forked and did not end its child ends.
pub(super) fn end_runaway_child() -> ! {
    super::session::warn("warning: runaway fork() in Lua script");
    process::end(1)
}

/// The words of an error number, for messages outside of Lua.
pub(super) fn reason(error: &io::Error) -> String {
    error.raw_os_error().map_or_else(|| error.to_string(), message)
}
