//! `rpm.open`: plain and compressed files by the modes of rpm's I/O (`r`, `w.gzdio`, ...).
//! A compressed file is held in memory: read whole when it is opened, written whole when it is closed.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;

use mlua::{AnyUserData, Lua, MetaMethod, Table, UserData, UserDataMethods, UserDataRefMut};

use super::processes::reason;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compression {
    Gzip,
    Bzip2,
    Xz,
    Zstd,
}

#[derive(Debug)]
enum Stream {
    Plain(File),
    Reading(Cursor<Vec<u8>>),
    Writing { file: File, compression: Compression, bytes: Vec<u8> },
    Closed,
}

struct OpenFile {
    name: String,
    stream: Stream,
}

pub(super) fn register(lua: &Lua, rpm: &Table) -> mlua::Result<()> {
    let open = lua.create_function(|_, (path, mode): (mlua::LuaString, Option<String>)| {
        let name = path.to_string_lossy();
        let stream = open(&path.as_bytes(), mode.as_deref().unwrap_or("r"))
            .map_err(|error| mlua::Error::runtime(format!("{name} open failed: {}", reason(&error))))?;
        Ok(OpenFile { name, stream })
    })?;
    rpm.set("open", open)
}

fn open(path: &[u8], mode: &str) -> io::Result<Stream> {
    let (access, kind) = mode.split_once('.').unwrap_or((mode, "ufdio"));
    let mut options = OpenOptions::new();
    match access.chars().next() {
        Some('r') => options.read(true).write(access.contains('+')),
        Some('w') => options.write(true).create(true).truncate(true).read(access.contains('+')),
        Some('a') => options.append(true).create(true).read(access.contains('+')),
        _ => return Err(io::Error::from_raw_os_error(libc::EINVAL)),
    };
    if access.contains('x') {
        options.create_new(true);
    }
    let compression = compression(kind)?;
    let mut file = options.open(OsStr::from_bytes(path))?;
    let Some(compression) = compression else { return Ok(Stream::Plain(file)) };
    if access.starts_with('r') {
        let mut packed = Vec::new();
        file.read_to_end(&mut packed)?;
        return Ok(Stream::Reading(Cursor::new(unpacked(&packed, compression)?)));
    }
    Ok(Stream::Writing { file, compression, bytes: Vec::new() })
}

fn compression(kind: &str) -> io::Result<Option<Compression>> {
    Ok(Some(match kind {
        "ufdio" | "fdio" | "fpio" => return Ok(None),
        "gzdio" => Compression::Gzip,
        "bzdio" => Compression::Bzip2,
        "xzdio" | "lzdio" => Compression::Xz,
        "zstdio" => Compression::Zstd,
        _ => return Err(io::Error::from_raw_os_error(libc::EINVAL)),
    }))
}

fn unpacked(packed: &[u8], compression: Compression) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match compression {
        Compression::Gzip => flate2::read::MultiGzDecoder::new(packed).read_to_end(&mut bytes)?,
        Compression::Bzip2 => bzip2::read::MultiBzDecoder::new(packed).read_to_end(&mut bytes)?,
        Compression::Xz => liblzma::read::XzDecoder::new_multi_decoder(packed).read_to_end(&mut bytes)?,
        Compression::Zstd => zstd::stream::read::Decoder::new(packed)?.read_to_end(&mut bytes)?,
    };
    Ok(bytes)
}

fn packed(bytes: &[u8], compression: Compression) -> io::Result<Vec<u8>> {
    match compression {
        Compression::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(9));
            encoder.write_all(bytes)?;
            encoder.finish()
        }
        Compression::Bzip2 => {
            let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
            encoder.write_all(bytes)?;
            encoder.finish()
        }
        Compression::Xz => {
            let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 6);
            encoder.write_all(bytes)?;
            encoder.finish()
        }
        Compression::Zstd => zstd::stream::encode_all(bytes, 3),
    }
}

impl OpenFile {
    fn failed(&self, what: &str, error: &io::Error) -> mlua::Error {
        mlua::Error::runtime(format!("error {what} {}: {}", self.name, reason(error)))
    }

    fn read(&mut self, most: Option<i64>) -> mlua::Result<Vec<u8>> {
        let limit = most.and_then(|most| u64::try_from(most).ok()).unwrap_or(u64::MAX);
        let mut bytes = Vec::new();
        let result = match &mut self.stream {
            Stream::Plain(file) => file.take(limit).read_to_end(&mut bytes),
            Stream::Reading(cursor) => cursor.take(limit).read_to_end(&mut bytes),
            Stream::Writing { .. } | Stream::Closed => Err(io::Error::from_raw_os_error(libc::EBADF)),
        };
        result.map_err(|error| self.failed("reading", &error))?;
        Ok(bytes)
    }

    fn write(&mut self, bytes: &[u8]) -> mlua::Result<()> {
        let result = match &mut self.stream {
            Stream::Plain(file) => file.write_all(bytes),
            Stream::Writing { bytes: held, .. } => {
                held.extend(bytes);
                Ok(())
            }
            Stream::Reading(_) | Stream::Closed => Err(io::Error::from_raw_os_error(libc::EBADF)),
        };
        result.map_err(|error| self.failed("writing", &error))
    }

    fn seek(&mut self, to: SeekFrom) -> mlua::Result<u64> {
        let result = match &mut self.stream {
            Stream::Plain(file) => file.seek(to),
            Stream::Reading(cursor) => cursor.seek(to),
            Stream::Writing { .. } | Stream::Closed => Err(io::Error::from_raw_os_error(libc::ESPIPE)),
        };
        result
            .map_err(|error| mlua::Error::runtime(format!("{}: seek failed: {}", self.name, reason(&error))))
    }

    fn close(&mut self) -> mlua::Result<i64> {
        match std::mem::replace(&mut self.stream, Stream::Closed) {
            Stream::Writing { mut file, compression, bytes } => {
                let written = packed(&bytes, compression).and_then(|packed| file.write_all(&packed));
                written.map(|()| 0).map_err(|error| self.failed("writing", &error))
            }
            Stream::Closed => Ok(-1),
            Stream::Plain(_) | Stream::Reading(_) => Ok(0),
        }
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        // A script that forgets to close is told of nothing, as in rpm.
        drop(self.close());
    }
}

impl UserData for OpenFile {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_method_mut("read", |lua, file, most: Option<i64>| lua.create_string(file.read(most)?));
        methods.add_method_mut("write", |_, file, (bytes, size): (mlua::LuaString, Option<usize>)| {
            let bytes = bytes.as_bytes();
            let part = &bytes[..size.unwrap_or(bytes.len()).min(bytes.len())];
            file.write(part)?;
            Ok(part.len())
        });
        methods.add_method_mut("flush", |_, file, ()| match &mut file.stream {
            Stream::Plain(plain) => Ok(if plain.flush().is_ok() { 0 } else { -1 }),
            Stream::Reading(_) | Stream::Writing { .. } => Ok(0),
            Stream::Closed => Ok(-1),
        });
        methods.add_method_mut("close", |_, file, ()| file.close());
        methods.add_method_mut("seek", |_, file, (whence, offset): (Option<String>, Option<i64>)| {
            let offset = offset.unwrap_or(0);
            file.seek(match whence.as_deref().unwrap_or("cur") {
                "set" => SeekFrom::Start(u64::try_from(offset).map_err(mlua::Error::external)?),
                "cur" => SeekFrom::Current(offset),
                "end" => SeekFrom::End(offset),
                other => {
                    return Err(mlua::Error::runtime(format!(
                        "bad argument #2 to 'seek' (invalid option '{other}')"
                    )));
                }
            })
        });
        methods.add_function("reopen", |_, (this, mode): (AnyUserData, String)| {
            let mut file: UserDataRefMut<OpenFile> = this.borrow_mut()?;
            let kind = mode.split_once('.').map_or("ufdio", |(_, kind)| kind);
            let wanted = compression(kind).map_err(|_| {
                mlua::Error::runtime(format!("{} stream reopen failed (invalid mode?)", file.name))
            })?;
            let Some(wanted) = wanted else { return Ok(this.clone()) };
            file.stream = match std::mem::replace(&mut file.stream, Stream::Closed) {
                Stream::Plain(mut plain) if mode.starts_with('r') => {
                    let mut bytes = Vec::new();
                    let read = plain.read_to_end(&mut bytes).and_then(|_| unpacked(&bytes, wanted));
                    Stream::Reading(Cursor::new(read.map_err(|error| file.failed("reading", &error))?))
                }
                Stream::Plain(plain) => {
                    Stream::Writing { file: plain, compression: wanted, bytes: Vec::new() }
                }
                other => other,
            };
            drop(file);
            Ok(this)
        });
        methods.add_meta_method(MetaMethod::ToString, |_, file, ()| Ok(file.name.clone()));
    }
}
