//! A tar archive in, its entries out; and entries written as a tar archive in GNU's format.

use std::collections::BTreeMap;
use std::io::Cursor;

use tar::{Archive, EntryType};

use super::{ArchiveError, Entry, Names, What};

const BLOCK: usize = 512;
const NAME_LENGTH: usize = 100;
const FOLDER_MODE: u32 = 0o755;

/// The entries of an archive; a folder that is only part of a path gets the mode 0755.
pub(super) fn read(bytes: &[u8]) -> Result<BTreeMap<Names, Entry>, ArchiveError> {
    let mut entries = BTreeMap::new();
    let mut archive = Archive::new(Cursor::new(bytes));
    for entry in archive.entries().map_err(ArchiveError::Tar)? {
        let entry = entry.map_err(ArchiveError::Tar)?;
        let kind = entry.header().entry_type();
        if matches!(kind, EntryType::XGlobalHeader | EntryType::XHeader) {
            continue;
        }
        let path = String::from_utf8(entry.path_bytes().into_owned()).map_err(|error| {
            ArchiveError::Encoding { path: String::from_utf8_lossy(error.as_bytes()).into_owned() }
        })?;
        let mode = entry.header().mode().map_err(ArchiveError::Tar)? & 0o777;
        let what = match kind {
            // Old archives tell a folder by the slash alone.
            EntryType::Directory => What::Folder,
            EntryType::Regular if path.ends_with('/') => What::Folder,
            EntryType::Regular => {
                let position = usize::try_from(entry.raw_file_position()).unwrap_or(usize::MAX);
                let end = usize::try_from(entry.size()).ok().and_then(|size| position.checked_add(size));
                match end.filter(|end| *end <= bytes.len()) {
                    Some(end) => What::File(position..end),
                    None => return Err(ArchiveError::Tar(std::io::ErrorKind::UnexpectedEof.into())),
                }
            }
            EntryType::Symlink => What::Link(entry.link_name_bytes().unwrap_or_default().into_owned()),
            _ => return Err(ArchiveError::Entry { path }),
        };
        add(&mut entries, &path, Entry { what, mode })?;
    }
    Ok(entries)
}

fn add(entries: &mut BTreeMap<Names, Entry>, path: &str, entry: Entry) -> Result<(), ArchiveError> {
    let outside = || ArchiveError::Outside { path: path.to_owned() };
    let twice = || ArchiveError::Twice { path: path.to_owned() };
    if path.starts_with('/') {
        return Err(outside());
    }
    let names = names(path).ok_or_else(outside)?;
    if names.is_empty() {
        return if entry.what == What::Folder { Ok(()) } else { Err(outside()) };
    }
    if let What::Link(target) = &entry.what
        && leads_outside(&names[..names.len() - 1], target)
    {
        return Err(outside());
    }
    for length in 1..names.len() {
        let folder = Entry { what: What::Folder, mode: FOLDER_MODE };
        if entries.entry(names[..length].to_vec()).or_insert(folder).what != What::Folder {
            return Err(twice());
        }
    }
    match (entries.get(&names).map(|former| &former.what), &entry.what) {
        (None, _) | (Some(What::Folder), What::Folder) | (Some(What::File(_)), What::File(_)) => {
            entries.insert(names, entry);
            Ok(())
        }
        _ => Err(twice()),
    }
}

/// The names of a path, or nothing if one of them is `..`.
fn names(path: &str) -> Option<Names> {
    let names = path.split('/').filter(|name| !name.is_empty() && *name != ".");
    names.map(|name| (name != "..").then(|| name.to_owned())).collect()
}

/// Whether a link in this folder leads out of the archive, by its text.
fn leads_outside(folder: &[String], target: &[u8]) -> bool {
    if target.starts_with(b"/") {
        return true;
    }
    let mut depth = folder.len();
    for name in target.split(|byte| *byte == b'/') {
        match name {
            b"" | b"." => {}
            b".." if depth == 0 => return true,
            b".." => depth -= 1,
            _ => depth += 1,
        }
    }
    false
}

/// Appends one entry.
pub(super) fn write(archive: &mut Vec<u8>, names: &Names, entry: &Entry, bytes: &[u8]) {
    let mut name = names.join("/").into_bytes();
    let (kind, link, mode) = match &entry.what {
        What::File(_) => (b'0', &[][..], entry.mode),
        What::Folder => {
            name.push(b'/');
            (b'5', &[][..], entry.mode)
        }
        // A link's own permissions mean nothing, and Linux shows all of them.
        What::Link(target) => (b'2', target.as_slice(), 0o777),
    };
    if name.len() > NAME_LENGTH {
        long(archive, b'L', &name);
    }
    if link.len() > NAME_LENGTH {
        long(archive, b'K', link);
    }
    let mut header = [0; BLOCK];
    text(&mut header[..100], &name);
    text(&mut header[157..257], link);
    octal(&mut header[100..108], mode.into());
    octal(&mut header[329..337], 0);
    octal(&mut header[337..345], 0);
    header_block(archive, header, kind, bytes.len());
    data(archive, bytes);
}

/// Appends the end mark.
pub(super) fn finish(archive: &mut Vec<u8>) {
    archive.extend_from_slice(&[0; 2 * BLOCK]);
}

/// A name that does not fit into the header, as an entry before its own.
fn long(archive: &mut Vec<u8>, kind: u8, name: &[u8]) {
    let mut header = [0; BLOCK];
    text(&mut header[..100], b"././@LongLink");
    octal(&mut header[100..108], 0);
    let bytes = [name, b"\0"].concat();
    header_block(archive, header, kind, bytes.len());
    data(archive, &bytes);
}

fn header_block(archive: &mut Vec<u8>, mut header: [u8; BLOCK], kind: u8, size: usize) {
    octal(&mut header[108..116], 0);
    octal(&mut header[116..124], 0);
    octal(&mut header[124..136], size as u64);
    octal(&mut header[136..148], 0);
    header[156] = kind;
    header[257..265].copy_from_slice(b"ustar  \0");
    header[148..156].fill(b' ');
    let sum: u64 = header.iter().map(|byte| u64::from(*byte)).sum();
    // Six digits, a zero and a blank, unlike other numbers.
    octal(&mut header[148..155], sum);
    header[154] = 0;
    archive.extend_from_slice(&header);
}

fn data(archive: &mut Vec<u8>, bytes: &[u8]) {
    archive.extend_from_slice(bytes);
    archive.resize(archive.len().next_multiple_of(BLOCK), 0);
}

/// As much of the text as fits; a slash that would end a cut name is left out, so that nobody takes it for a folder.
fn text(field: &mut [u8], text: &[u8]) {
    let mut length = text.len().min(field.len());
    if text.len() > field.len() {
        while length > 0 && text[length - 1] == b'/' {
            length -= 1;
        }
    }
    field[..length].copy_from_slice(&text[..length]);
}

/// Octal digits up to the field's last byte, which stays 0. Sizes are below 8 GiB: an archive has 4 at most.
fn octal(field: &mut [u8], number: u64) {
    let width = field.len() - 1;
    let digits = format!("{number:0width$o}");
    field[..width].copy_from_slice(digits.as_bytes());
}
