//! A package's main header, in; its contents, out. Arrays that belong together must be of one length, paths must be
//! absolute and plain: a header that says otherwise is refused.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use rpm_model::header::{Header, PackageHeaders, Tag};
use rpm_model::{Capability, Comparison, Constraint, Dependency, Evr, Nevra, PartialEvr, RichDependency};

use super::contents::{
    AccountSource, FileEntry, FileTrigger, PackageContents, PackageTriggers, Relation, RelationKind,
    Scriptlet, ScriptletKind, TriggerCondition,
};
use super::error::ContentsError;

/// rpm's `RPMTRIGGER_DEFAULT_PRIORITY`.
pub const DEFAULT_TRIGGER_PRIORITY: u32 = 1_000_000;

/// Reads everything that an installation needs from the headers.
pub fn contents(headers: &PackageHeaders) -> Result<PackageContents, ContentsError> {
    read(Nevra::from_header(headers)?, &headers.main)
}

/// The same of a header that an rpm database holds.
pub fn installed_contents(header: &Header) -> Result<PackageContents, ContentsError> {
    read(installed_nevra(header), header)
}

/// What rpm shows for a package without an architecture: the keys it keeps as packages.
const NO_ARCHITECTURE: &str = "(none)";

/// The identity of a package in an rpm database; a key there has the architecture `(none)`.
pub fn installed_nevra(header: &Header) -> Nevra {
    let epoch = narrow(header.number(Tag::EPOCH).unwrap_or(0));
    let evr = Evr::new(epoch, header.text(Tag::VERSION), header.text(Tag::RELEASE));
    let arch = if header.has(Tag::ARCH) { header.text(Tag::ARCH) } else { NO_ARCHITECTURE.to_owned() };
    Nevra::new(header.text(Tag::NAME), evr, arch)
}

fn read(nevra: Nevra, header: &Header) -> Result<PackageContents, ContentsError> {
    let files = files(header)?;
    let provides =
        capabilities(header, Tag::PROVIDE_NAME, Tag::PROVIDE_FLAGS, Tag::PROVIDE_VERSION, "PROVIDENAME")?;
    let accounts = accounts(header, &files)?;
    Ok(PackageContents {
        nevra,
        color: color(header, &files),
        relations: relations(header, &files)?,
        scriptlets: scriptlets(header),
        triggers: package_triggers(header)?,
        file_triggers: file_triggers(header, &FILE_TRIGGER_TAGS)?,
        transaction_file_triggers: file_triggers(header, &TRANSACTION_FILE_TRIGGER_TAGS)?,
        accounts,
        provides,
        obsoletes: capabilities(
            header,
            Tag::OBSOLETE_NAME,
            Tag::OBSOLETE_FLAGS,
            Tag::OBSOLETE_VERSION,
            "OBSOLETENAME",
        )?,
        files,
    })
}

fn files(header: &Header) -> Result<Vec<FileEntry>, ContentsError> {
    let names: Vec<&[u8]> = header.strings(Tag::BASE_NAMES).collect();
    let directories: Vec<&[u8]> = header.strings(Tag::DIR_NAMES).collect();
    let count = names.len();
    if count == 0 {
        return Ok(Vec::new());
    }
    let needed = |tag, name: &'static str| {
        let values = header.numbers(tag);
        if values.len() == count { Ok(values) } else { Err(uneven("BASENAMES", count, name, values.len())) }
    };
    let optional = |tag, name: &'static str| {
        let values = header.numbers(tag);
        match values.len() {
            0 => Ok(vec![0; count]),
            length if length == count => Ok(values),
            length => Err(uneven("BASENAMES", count, name, length)),
        }
    };
    let texts = |tag, name: &'static str| {
        let values: Vec<&[u8]> = header.strings(tag).collect();
        match values.len() {
            0 => Ok(vec![&b""[..]; count]),
            length if length == count => Ok(values),
            length => Err(uneven("BASENAMES", count, name, length)),
        }
    };
    let directory_indexes = needed(Tag::DIR_INDEXES, "DIRINDEXES")?;
    let modes = needed(Tag::FILE_MODES, "FILEMODES")?;
    let sizes = if header.has(Tag::LONG_FILE_SIZES) {
        needed(Tag::LONG_FILE_SIZES, "LONGFILESIZES")?
    } else {
        needed(Tag::FILE_SIZES, "FILESIZES")?
    };
    let mtimes = needed(Tag::FILE_MTIMES, "FILEMTIMES")?;
    let flags = needed(Tag::FILE_FLAGS, "FILEFLAGS")?;
    let rdevs = optional(Tag::FILE_RDEVS, "FILERDEVS")?;
    let devices = optional(Tag::FILE_DEVICES, "FILEDEVICES")?;
    let inodes = optional(Tag::FILE_INODES, "FILEINODES")?;
    let colors = optional(Tag::FILE_COLORS, "FILECOLORS")?;
    let digests = texts(Tag::FILE_DIGESTS, "FILEDIGESTS")?;
    let link_targets = texts(Tag::FILE_LINK_TOS, "FILELINKTOS")?;
    let users = texts(Tag::FILE_USER_NAME, "FILEUSERNAME")?;
    let groups = texts(Tag::FILE_GROUP_NAME, "FILEGROUPNAME")?;
    let languages = texts(Tag::FILE_LANGS, "FILELANGS")?;
    let capabilities = texts(Tag::FILE_CAPS, "FILECAPS")?;
    // No algorithm stated means MD5 (rpm before 4.6).
    let algorithm = narrow(header.number(Tag::FILE_DIGEST_ALGO).unwrap_or(1));
    (0..count)
        .map(|i| {
            let directory =
                usize::try_from(directory_indexes[i]).ok().and_then(|index| directories.get(index));
            let directory =
                directory.ok_or(ContentsError::DirectoryIndex { file: i, index: directory_indexes[i] })?;
            Ok(FileEntry {
                path: path(directory, names[i])?,
                mode: narrow(modes[i]),
                size: sizes[i],
                digest: (!digests[i].is_empty()).then(|| (algorithm, text(digests[i]))),
                link_target: PathBuf::from(OsStr::from_bytes(link_targets[i])),
                user: text(users[i]),
                group: text(groups[i]),
                mtime: narrow(mtimes[i]),
                rdev: narrow(rdevs[i]),
                flags: narrow(flags[i]),
                identity: (devices[i], inodes[i]),
                color: narrow(colors[i]),
                languages: text(languages[i]),
                capabilities: text(capabilities[i]),
            })
        })
        .collect()
}

/// An absolute path without `.`, `..` or empty parts: nothing that could lead out of a root.
fn path(directory: &[u8], name: &[u8]) -> Result<PathBuf, ContentsError> {
    let mut whole = directory.to_vec();
    whole.extend_from_slice(name);
    let inner = whole.strip_prefix(b"/").unwrap_or(&whole);
    let plain =
        inner.is_empty() || inner.split(|b| *b == b'/').all(|part| !matches!(part, b"" | b"." | b".."));
    if directory.first() != Some(&b'/') || directory.last() != Some(&b'/') || name.contains(&b'/') || !plain {
        return Err(ContentsError::UnsafePath(text(&whole)));
    }
    Ok(PathBuf::from(OsStr::from_bytes(&whole)))
}

fn color(header: &Header, files: &[FileEntry]) -> u32 {
    let counts = header.numbers(Tag::FILE_DEPENDS_N);
    files.iter().zip(counts).filter(|(_, count)| *count > 0).fold(0, |color, (file, _)| color | file.color)
}

fn relations(header: &Header, files: &[FileEntry]) -> Result<Vec<Relation>, ContentsError> {
    let tags = [
        (RelationKind::Requires, Tag::REQUIRE_NAME, Tag::REQUIRE_FLAGS, Tag::REQUIRE_VERSION, "REQUIRENAME"),
        (
            RelationKind::Recommends,
            Tag::RECOMMEND_NAME,
            Tag::RECOMMEND_FLAGS,
            Tag::RECOMMEND_VERSION,
            "RECOMMENDNAME",
        ),
        (RelationKind::Suggests, Tag::SUGGEST_NAME, Tag::SUGGEST_FLAGS, Tag::SUGGEST_VERSION, "SUGGESTNAME"),
        (
            RelationKind::Supplements,
            Tag::SUPPLEMENT_NAME,
            Tag::SUPPLEMENT_FLAGS,
            Tag::SUPPLEMENT_VERSION,
            "SUPPLEMENTNAME",
        ),
        (RelationKind::Enhances, Tag::ENHANCE_NAME, Tag::ENHANCE_FLAGS, Tag::ENHANCE_VERSION, "ENHANCENAME"),
        (RelationKind::OrderWith, Tag::ORDER_NAME, Tag::ORDER_FLAGS, Tag::ORDER_VERSION, "ORDERNAME"),
    ];
    let colors = requirement_colors(header, files);
    let mut all = Vec::new();
    for (kind, names, flags, versions, label) in tags {
        for (place, (dependency, flags)) in
            dependencies(header, names, flags, versions, label)?.into_iter().enumerate()
        {
            let color = colors.get(&place).copied().filter(|_| kind == RelationKind::Requires);
            all.push(Relation { kind, dependency, flags, color: color.unwrap_or(0) });
        }
    }
    Ok(all)
}

fn scriptlets(header: &Header) -> BTreeMap<ScriptletKind, Scriptlet> {
    let tags = [
        (ScriptletKind::PreTransaction, Tag::PRE_TRANS, Tag::PRE_TRANS_PROGRAM, Tag::PRE_TRANS_FLAGS),
        (ScriptletKind::Pre, Tag::PRE_INSTALL, Tag::PRE_INSTALL_PROGRAM, Tag::PRE_INSTALL_FLAGS),
        (ScriptletKind::Post, Tag::POST_INSTALL, Tag::POST_INSTALL_PROGRAM, Tag::POST_INSTALL_FLAGS),
        (ScriptletKind::PostTransaction, Tag::POST_TRANS, Tag::POST_TRANS_PROGRAM, Tag::POST_TRANS_FLAGS),
        (
            ScriptletKind::PreUnTransaction,
            Tag::PRE_UN_TRANS,
            Tag::PRE_UN_TRANS_PROGRAM,
            Tag::PRE_UN_TRANS_FLAGS,
        ),
        (ScriptletKind::PreUn, Tag::PRE_UNINSTALL, Tag::PRE_UNINSTALL_PROGRAM, Tag::PRE_UNINSTALL_FLAGS),
        (ScriptletKind::PostUn, Tag::POST_UNINSTALL, Tag::POST_UNINSTALL_PROGRAM, Tag::POST_UNINSTALL_FLAGS),
        (
            ScriptletKind::PostUnTransaction,
            Tag::POST_UN_TRANS,
            Tag::POST_UN_TRANS_PROGRAM,
            Tag::POST_UN_TRANS_FLAGS,
        ),
    ];
    tags.into_iter()
        .filter(|(_, body, program, _)| header.has(*body) || header.has(*program))
        .map(|(kind, body, program, flags)| {
            let scriptlet = Scriptlet {
                program: header.texts(program),
                body: header.strings(body).next().map(<[u8]>::to_vec),
                flags: narrow(header.number(flags).unwrap_or(0)),
            };
            (kind, scriptlet)
        })
        .collect()
}

fn package_triggers(header: &Header) -> Result<PackageTriggers, ContentsError> {
    let scripts =
        trigger_scripts(header, Tag::TRIGGER_SCRIPTS, Tag::TRIGGER_SCRIPT_PROGRAM, Tag::TRIGGER_SCRIPT_FLAGS);
    let capabilities =
        relation_rows(header, Tag::TRIGGER_NAME, Tag::TRIGGER_FLAGS, Tag::TRIGGER_VERSION, "TRIGGERNAME")?;
    let indexes = header.numbers(Tag::TRIGGER_INDEX);
    if indexes.len() != capabilities.len() {
        return Err(uneven("TRIGGERNAME", capabilities.len(), "TRIGGERINDEX", indexes.len()));
    }
    let conditions = capabilities
        .into_iter()
        .zip(indexes)
        .map(|((name, version, flags), index)| {
            let script = usize::try_from(index).ok().filter(|index| *index < scripts.len());
            let script = script.ok_or(ContentsError::TriggerIndex { trigger: name.clone(), index })?;
            Ok(TriggerCondition { capability: capability(name, &version, flags)?, flags, script })
        })
        .collect::<Result<_, ContentsError>>()?;
    Ok(PackageTriggers { conditions, scripts })
}

struct FileTriggerTags {
    scripts: Tag,
    programs: Tag,
    script_flags: Tag,
    names: Tag,
    indexes: Tag,
    versions: Tag,
    flags: Tag,
    priorities: Tag,
    label: &'static str,
}

const FILE_TRIGGER_TAGS: FileTriggerTags = FileTriggerTags {
    scripts: Tag::FILE_TRIGGER_SCRIPTS,
    programs: Tag::FILE_TRIGGER_SCRIPT_PROGRAM,
    script_flags: Tag::FILE_TRIGGER_SCRIPT_FLAGS,
    names: Tag::FILE_TRIGGER_NAME,
    indexes: Tag::FILE_TRIGGER_INDEX,
    versions: Tag::FILE_TRIGGER_VERSION,
    flags: Tag::FILE_TRIGGER_FLAGS,
    priorities: Tag::FILE_TRIGGER_PRIORITIES,
    label: "FILETRIGGERNAME",
};

const TRANSACTION_FILE_TRIGGER_TAGS: FileTriggerTags = FileTriggerTags {
    scripts: Tag::TRANS_FILE_TRIGGER_SCRIPTS,
    programs: Tag::TRANS_FILE_TRIGGER_SCRIPT_PROGRAM,
    script_flags: Tag::TRANS_FILE_TRIGGER_SCRIPT_FLAGS,
    names: Tag::TRANS_FILE_TRIGGER_NAME,
    indexes: Tag::TRANS_FILE_TRIGGER_INDEX,
    versions: Tag::TRANS_FILE_TRIGGER_VERSION,
    flags: Tag::TRANS_FILE_TRIGGER_FLAGS,
    priorities: Tag::TRANS_FILE_TRIGGER_PRIORITIES,
    label: "TRANSFILETRIGGERNAME",
};

fn file_triggers(header: &Header, tags: &FileTriggerTags) -> Result<Vec<FileTrigger>, ContentsError> {
    let scripts = trigger_scripts(header, tags.scripts, tags.programs, tags.script_flags);
    let rows = relation_rows(header, tags.names, tags.flags, tags.versions, tags.label)?;
    let indexes = header.numbers(tags.indexes);
    if indexes.len() != rows.len() {
        return Err(uneven(tags.label, rows.len(), "its index", indexes.len()));
    }
    let priorities = header.numbers(tags.priorities);
    let mut triggers: Vec<FileTrigger> = scripts
        .into_iter()
        .enumerate()
        .map(|(i, script)| FileTrigger {
            prefixes: Vec::new(),
            flags: 0,
            priority: priorities.get(i).copied().map_or(DEFAULT_TRIGGER_PRIORITY, narrow),
            script,
        })
        .collect();
    for ((prefix, _, flags), index) in rows.into_iter().zip(indexes) {
        let trigger = usize::try_from(index).ok().and_then(|index| triggers.get_mut(index));
        let trigger =
            trigger.ok_or_else(|| ContentsError::TriggerIndex { trigger: prefix.clone(), index })?;
        if trigger.prefixes.is_empty() {
            trigger.flags = flags;
        }
        trigger.prefixes.push(prefix);
    }
    Ok(triggers)
}

fn trigger_scripts(header: &Header, scripts: Tag, programs: Tag, flags: Tag) -> Vec<Scriptlet> {
    let programs = header.texts(programs);
    let flags = header.numbers32(flags);
    header
        .strings(scripts)
        .enumerate()
        .map(|(i, body)| Scriptlet {
            program: programs.get(i).cloned().into_iter().collect(),
            body: Some(body.to_vec()),
            flags: flags.get(i).copied().unwrap_or(0),
        })
        .collect()
}

/// Account lines come as `Provides: user(NAME) = BASE64`; a provide without a value only says that the account exists.
fn accounts(header: &Header, files: &[FileEntry]) -> Result<Vec<AccountSource>, ContentsError> {
    let rows =
        relation_rows(header, Tag::PROVIDE_NAME, Tag::PROVIDE_FLAGS, Tag::PROVIDE_VERSION, "PROVIDENAME")?;
    let declaring = declaring_files(header);
    let mut sources: Vec<AccountSource> = Vec::new();
    for (index, (name, version, flags)) in rows.into_iter().enumerate() {
        let is_account = ["user(", "group(", "groupmember("].iter().any(|prefix| name.starts_with(prefix));
        if !is_account || Comparison::from_sense(flags) != Some(Comparison::Equal) {
            continue;
        }
        let Some(line) = decode_account_line(&version) else { continue };
        let file = declaring.get(&index).and_then(|file| files.get(*file)).map(|file| file.path.clone());
        match sources.iter_mut().find(|source| source.file == file) {
            Some(source) => source.lines.push(line),
            None => sources.push(AccountSource { file, lines: vec![line] }),
        }
    }
    Ok(sources)
}

fn decode_account_line(encoded: &str) -> Option<String> {
    let bytes = base64::engine::general_purpose::STANDARD.decode(encoded).ok()?;
    // rpm pads the line with NUL bytes so that the base64 text has no `=`, which a version could not hold.
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8(bytes[..end].to_vec()).ok()
}

/// For each provide that a file generated: the first such file's index.
fn declaring_files(header: &Header) -> BTreeMap<usize, usize> {
    let mut declaring = BTreeMap::new();
    generated(header, b'P', |file, place| {
        declaring.entry(place).or_insert(file);
    });
    declaring
}

/// For each requirement that files generated: their colours together.
fn requirement_colors(header: &Header, files: &[FileEntry]) -> BTreeMap<usize, u32> {
    let mut colors = BTreeMap::new();
    generated(header, b'R', |file, place| {
        *colors.entry(place).or_default() |= files.get(file).map_or(0, |file| file.color);
    });
    colors
}

/// Calls `each` with every file and dependency that it generated. An entry of the dictionary is a type letter and 24 bits.
fn generated(header: &Header, letter: u8, mut each: impl FnMut(usize, usize)) {
    let dictionary = header.numbers32(Tag::DEPENDS_DICT);
    let starts = header.numbers(Tag::FILE_DEPENDS_X);
    let counts = header.numbers(Tag::FILE_DEPENDS_N);
    for (file, (start, count)) in starts.into_iter().zip(counts).enumerate() {
        let (Ok(start), Ok(count)) = (usize::try_from(start), usize::try_from(count)) else { continue };
        let end = start.saturating_add(count).min(dictionary.len());
        for entry in dictionary.get(start..end).unwrap_or(&[]) {
            if entry >> 24 == u32::from(letter) {
                each(file, (entry & 0x00ff_ffff) as usize);
            }
        }
    }
}

fn capabilities(
    header: &Header,
    names: Tag,
    flags: Tag,
    versions: Tag,
    label: &'static str,
) -> Result<Vec<Capability>, ContentsError> {
    let rows = relation_rows(header, names, flags, versions, label)?;
    // Versions of account provides are base64, which is no version: such a provide satisfies by its name alone.
    Ok(rows
        .into_iter()
        .map(|(name, version, flags)| {
            let unversioned = Capability { name: name.clone(), constraint: None };
            capability(name, &version, flags).unwrap_or(unversioned)
        })
        .collect())
}

fn dependencies(
    header: &Header,
    names: Tag,
    flags: Tag,
    versions: Tag,
    label: &'static str,
) -> Result<Vec<(Dependency, u32)>, ContentsError> {
    relation_rows(header, names, flags, versions, label)?
        .into_iter()
        .map(|(name, version, flags)| {
            let dependency = if name.starts_with('(') {
                let rich = RichDependency::parse(&name);
                Dependency::Rich(rich.map_err(|source| ContentsError::Rich { text: name, source })?)
            } else {
                Dependency::Simple(capability(name, &version, flags)?)
            };
            Ok((dependency, flags))
        })
        .collect()
}

fn capability(name: String, version: &str, flags: u32) -> Result<Capability, ContentsError> {
    let constraint = match Comparison::from_sense(flags) {
        Some(comparison) if !version.is_empty() => {
            let evr = PartialEvr::parse(version)
                .map_err(|source| ContentsError::Version { name: name.clone(), source })?;
            Some(Constraint { comparison, evr })
        }
        _ => None,
    };
    Ok(Capability { name, constraint })
}

fn relation_rows(
    header: &Header,
    names: Tag,
    flags: Tag,
    versions: Tag,
    label: &'static str,
) -> Result<Vec<(String, String, u32)>, ContentsError> {
    let (names, versions, flags) = (header.texts(names), header.texts(versions), header.numbers32(flags));
    if names.len() != versions.len() {
        return Err(uneven(label, names.len(), "its versions", versions.len()));
    }
    if names.len() != flags.len() {
        return Err(uneven(label, names.len(), "its flags", flags.len()));
    }
    Ok(names
        .into_iter()
        .zip(versions)
        .zip(flags)
        .map(|((name, version), flags)| (name, version, flags))
        .collect())
}

fn uneven(
    first: &'static str,
    first_length: usize,
    second: &'static str,
    second_length: usize,
) -> ContentsError {
    ContentsError::Uneven { first, first_length, second, second_length }
}

fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Whether a path is one that [`path`] would let pass; for callers that have a whole path.
pub fn is_plain_absolute(path: &Path) -> bool {
    let bytes = path.as_os_str().as_bytes();
    bytes.first() == Some(&b'/')
        && (bytes.len() == 1
            || bytes[1..].split(|b| *b == b'/').all(|part| !matches!(part, b"" | b"." | b"..")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_could_leave_the_root_are_refused() {
        for (directory, name) in [
            ("/usr/../", "x"),
            ("usr/", "x"),
            ("/usr", "x"),
            ("/usr/", "a/b"),
            ("/", ".."),
            ("//", "x"),
            ("/./", "x"),
            ("", ""),
        ] {
            assert!(path(directory.as_bytes(), name.as_bytes()).is_err(), "{directory}{name}");
        }
        assert_eq!(path(b"/usr/bin/", b"ls").unwrap(), Path::new("/usr/bin/ls"));
        assert_eq!(path(b"/", b"").unwrap(), Path::new("/"));
        assert_eq!(path(b"/a/", b"..b").unwrap(), Path::new("/a/..b"));
    }

    #[test]
    fn account_lines_are_decoded_up_to_the_padding() {
        let encoded = base64::engine::general_purpose::STANDARD.encode("u dbus 81 \"Bus\" - -\0\0");
        assert_eq!(decode_account_line(&encoded).as_deref(), Some("u dbus 81 \"Bus\" - -"));
        assert_eq!(decode_account_line("not base64!"), None);
    }
}
