//! The part of rpm's `posix` library that looks at files and changes them.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use mlua::{Function, IntoLuaMulti, Lua, MultiValue, Table, Value};
use rustix::fs::{Access, AtFlags, CWD, FileType, Mode, Timespec, Timestamps};

use super::posix_identity::{group_id, user_id};
use super::selection::{self, Field};
use super::session::Shared;
use super::{file_mode, process};

pub(super) fn register(lua: &Lua, posix: &Table, session: &Shared) -> mlua::Result<()> {
    register_paths(lua, posix, session)?;
    register_names(lua, posix, session)?;
    register_metadata(lua, posix, session)
}

fn path(text: &mlua::LuaString) -> std::path::PathBuf {
    Path::new(OsStr::from_bytes(&text.as_bytes())).to_owned()
}

/// Registers a function of one path that succeeds with 0.
fn on_path(
    lua: &Lua,
    posix: &Table,
    session: &Shared,
    name: &str,
    act: impl Fn(&Path) -> io::Result<()> + 'static,
) -> mlua::Result<()> {
    let session = session.clone();
    let function = lua.create_function(move |lua, text: mlua::LuaString| {
        session.outcome(lua, Some(&text.as_bytes()), act(&path(&text)).map(|()| 0.0))
    })?;
    posix.set(name, function)
}

/// Registers a function of an old and a new path that succeeds with 0.
fn on_paths(
    lua: &Lua,
    posix: &Table,
    session: &Shared,
    name: &str,
    act: impl Fn(&Path, &Path) -> io::Result<()> + 'static,
) -> mlua::Result<()> {
    let session = session.clone();
    let function = lua.create_function(move |lua, (old, new): (mlua::LuaString, mlua::LuaString)| {
        session.outcome(lua, None, act(&path(&old), &path(&new)).map(|()| 0.0))
    })?;
    posix.set(name, function)
}

fn register_paths(lua: &Lua, posix: &Table, session: &Shared) -> mlua::Result<()> {
    let every = Mode::from_raw_mode(0o777);
    on_path(lua, posix, session, "mkdir", move |path| Ok(rustix::fs::mkdir(path, every)?))?;
    on_path(lua, posix, session, "mkfifo", move |path| {
        Ok(rustix::fs::mknodat(CWD, path, FileType::Fifo, every, 0)?)
    })?;
    on_path(lua, posix, session, "chdir", |path| Ok(rustix::process::chdir(path)?))?;
    on_path(lua, posix, session, "rmdir", |path| Ok(rustix::fs::rmdir(path)?))?;
    on_path(lua, posix, session, "unlink", |path| Ok(rustix::fs::unlink(path)?))?;
    on_paths(lua, posix, session, "link", |old, new| {
        Ok(rustix::fs::linkat(CWD, old, CWD, new, AtFlags::empty())?)
    })?;
    on_paths(lua, posix, session, "symlink", |old, new| Ok(rustix::fs::symlink(old, new)?))
}

fn register_names(lua: &Lua, posix: &Table, session: &Shared) -> mlua::Result<()> {
    let shared = session.clone();
    let read_link =
        lua.create_function(move |lua, text: mlua::LuaString| match fs::read_link(path(&text)) {
            Ok(target) => lua.create_string(target.as_os_str().as_bytes())?.into_lua_multi(lua),
            Err(error) => shared.failure(lua, Some(&text.as_bytes()), &error),
        })?;
    posix.set("readlink", read_link)?;

    let shared = session.clone();
    let directory =
        lua.create_function(move |lua, text: Option<mlua::LuaString>| match names(text.as_ref()) {
            Ok(names) => {
                let names =
                    names.into_iter().map(|name| lua.create_string(name)).collect::<Result<Vec<_>, _>>()?;
                lua.create_sequence_from(names)?.into_lua_multi(lua)
            }
            Err((shown, error)) => shared.failure(lua, Some(&shown), &error),
        })?;
    posix.set("dir", directory)?;

    let shared = session.clone();
    let files =
        lua.create_function(move |lua, text: Option<mlua::LuaString>| match names(text.as_ref()) {
            Ok(names) => {
                let names = std::cell::RefCell::new(names.into_iter());
                let next: Function = lua.create_function(move |lua, _: MultiValue| {
                    names.borrow_mut().next().map(|name| lua.create_string(name)).transpose()
                })?;
                next.into_lua_multi(lua)
            }
            Err((shown, error)) => shared.failure(lua, Some(&shown), &error),
        })?;
    posix.set("files", files)?;

    let shared = session.clone();
    let get_directory = lua.create_function(move |lua, ()| match std::env::current_dir() {
        Ok(path) => lua.create_string(path.as_os_str().as_bytes())?.into_lua_multi(lua),
        Err(error) => shared.failure(lua, Some(b"."), &error),
    })?;
    posix.set("getcwd", get_directory)?;

    let make_temporary = lua.create_function(|lua, template: mlua::LuaString| {
        let path = make_temporary(&template.as_bytes())?;
        let path = lua.create_string(path)?;
        let open: Function = lua.globals().get::<Table>("io")?.get("open")?;
        let file: Value = open.call((path.clone(), "a+"))?;
        Ok((path, file))
    })?;
    posix.set("mkstemp", make_temporary)
}

/// Names of a directory with `.` and `..`, in byte order: what the kernel's order is must not matter.
fn names(text: Option<&mlua::LuaString>) -> Result<Vec<Vec<u8>>, (Vec<u8>, io::Error)> {
    let shown = text.map_or_else(|| b".".to_vec(), |text| text.as_bytes().to_vec());
    let read = || -> io::Result<Vec<Vec<u8>>> {
        let mut names = vec![b".".to_vec(), b"..".to_vec()];
        for entry in fs::read_dir(OsStr::from_bytes(&shown))? {
            names.push(entry?.file_name().into_vec());
        }
        names.sort();
        Ok(names)
    };
    read().map_err(|error| (shown.clone(), error))
}

/// Makes a file with the template's `XXXXXX` replaced by the first free number.
fn make_temporary(template: &[u8]) -> mlua::Result<Vec<u8>> {
    let stem = template
        .strip_suffix(b"XXXXXX")
        .ok_or_else(|| mlua::Error::runtime("mkstemp: the template does not end in XXXXXX"))?;
    for number in 0..1_000_000 {
        let path = [stem, format!("{number:06}").as_bytes()].concat();
        let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::CREATE | rustix::fs::OFlags::EXCL;
        match rustix::fs::open(OsStr::from_bytes(&path), flags, Mode::from_raw_mode(0o600)) {
            Ok(_) => return Ok(path),
            Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(mlua::Error::runtime(format!("mkstemp: {}", io::Error::from(error)))),
        }
    }
    Err(mlua::Error::runtime("mkstemp: every name is taken"))
}

fn register_metadata(lua: &Lua, posix: &Table, session: &Shared) -> mlua::Result<()> {
    let shared = session.clone();
    let access = lua.create_function(move |lua, (text, mode): (mlua::LuaString, Option<String>)| {
        let mut wanted = Access::EXISTS;
        for character in mode.as_deref().unwrap_or("f").chars() {
            wanted |= match character {
                ' ' | 'f' => Access::EXISTS,
                'r' => Access::READ_OK,
                'w' => Access::WRITE_OK,
                'x' => Access::EXEC_OK,
                other => {
                    return Err(mlua::Error::runtime(format!(
                        "bad argument #2 to 'access' (unknown mode option `{other}')"
                    )));
                }
            };
        }
        let result = rustix::fs::access(path(&text), wanted).map(|()| 0.0).map_err(io::Error::from);
        shared.outcome(lua, Some(&text.as_bytes()), result)
    })?;
    posix.set("access", access)?;

    let shared = session.clone();
    let change_mode = lua.create_function(move |lua, (text, change): (mlua::LuaString, String)| {
        let path = path(&text);
        let metadata = match fs::metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) => return shared.failure(lua, Some(&text.as_bytes()), &error),
        };
        let mode = file_mode::changed(metadata.mode(), &change)
            .ok_or_else(|| mlua::Error::runtime("bad argument #2 to 'chmod' (bad mode)"))?;
        let result = fs::set_permissions(&path, fs::Permissions::from_mode(mode & 0o7777)).map(|()| 0.0);
        shared.outcome(lua, Some(&text.as_bytes()), result)
    })?;
    posix.set("chmod", change_mode)?;

    let shared = session.clone();
    let change_owner =
        lua.create_function(move |lua, (text, user, group): (mlua::LuaString, Value, Value)| {
            let result =
                std::os::unix::fs::chown(path(&text), user_id(&user)?, group_id(&group)?).map(|()| 0.0);
            shared.outcome(lua, Some(&text.as_bytes()), result)
        })?;
    posix.set("chown", change_owner)?;

    let shared = session.clone();
    let change_times = lua.create_function(
        move |lua, (text, modified, accessed): (mlua::LuaString, Option<f64>, Option<f64>)| {
            let moment = |seconds: Option<f64>| match seconds {
                #[allow(clippy::cast_possible_truncation, reason = "rpm cuts the fraction too")]
                Some(seconds) => Timespec { tv_sec: seconds as i64, tv_nsec: 0 },
                None => Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW },
            };
            let times = Timestamps { last_access: moment(accessed), last_modification: moment(modified) };
            let result = rustix::fs::utimensat(CWD, path(&text), &times, AtFlags::empty());
            shared.outcome(lua, Some(&text.as_bytes()), result.map(|()| 0.0).map_err(io::Error::from))
        },
    )?;
    posix.set("utime", change_times)?;

    let shared = session.clone();
    let stat = lua.create_function(move |lua, (text, selector): (mlua::LuaString, Option<String>)| {
        match fs::symlink_metadata(path(&text)) {
            Ok(metadata) => selection::choose(lua, "stat", selector.as_deref(), &facts(&metadata)),
            Err(error) => shared.failure(lua, Some(&text.as_bytes()), &error),
        }
    })?;
    posix.set("stat", stat)?;

    let limits = lua.create_function(|lua, (text, selector): (mlua::LuaString, Option<String>)| {
        let fields: Vec<(&str, Field)> = PATH_LIMITS
            .iter()
            .map(|(name, number)| (*name, Field::whole(process::path_limit(&text.as_bytes(), *number))))
            .collect();
        selection::choose(lua, "pathconf", selector.as_deref(), &fields)
    })?;
    posix.set("pathconf", limits)
}

const PATH_LIMITS: [(&str, i32); 9] = [
    ("link_max", libc::_PC_LINK_MAX),
    ("max_canon", libc::_PC_MAX_CANON),
    ("max_input", libc::_PC_MAX_INPUT),
    ("name_max", libc::_PC_NAME_MAX),
    ("path_max", libc::_PC_PATH_MAX),
    ("pipe_buf", libc::_PC_PIPE_BUF),
    ("chown_restricted", libc::_PC_CHOWN_RESTRICTED),
    ("no_trunc", libc::_PC_NO_TRUNC),
    ("vdisable", libc::_PC_VDISABLE),
];

fn facts(metadata: &fs::Metadata) -> Vec<(&'static str, Field)> {
    let number = |value: u64| Field::whole(i64::try_from(value).unwrap_or(i64::MAX));
    vec![
        ("mode", Field::Text(file_mode::words(metadata.mode()))),
        ("ino", number(metadata.ino())),
        ("dev", number(metadata.dev())),
        ("nlink", number(metadata.nlink())),
        ("uid", number(metadata.uid().into())),
        ("gid", number(metadata.gid().into())),
        ("size", number(metadata.size())),
        ("atime", Field::whole(metadata.atime())),
        ("mtime", Field::whole(metadata.mtime())),
        ("ctime", Field::whole(metadata.ctime())),
        ("type", Field::Text(kind(metadata.mode()).to_owned())),
        ("_mode", number(metadata.mode().into())),
    ]
}

fn kind(mode: u32) -> &'static str {
    match FileType::from_raw_mode(mode) {
        FileType::RegularFile => "regular",
        FileType::Symlink => "link",
        FileType::Directory => "directory",
        FileType::CharacterDevice => "character device",
        FileType::BlockDevice => "block device",
        FileType::Fifo => "fifo",
        FileType::Socket => "socket",
        FileType::Unknown => "?",
    }
}
