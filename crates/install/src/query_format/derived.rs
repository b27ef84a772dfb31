//! A header and a tag, in; its values, out: of tags that no header has, what rpm makes of others (`lib/tagexts.cc`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rpm_model::header::{Header, Tag};

use super::formats::comparison;
use super::tags;
use super::values::{Values, stored};

/// The values of a tag; `None` where there are none.
pub(super) fn values(header: &Header, tag: u32) -> Option<Values> {
    for (name, derive) in DERIVED {
        if tags::number(name) == Some(tag) {
            return derive(header);
        }
    }
    for (name, names, flags, versions) in RELATIONS {
        if tags::number(name) == Some(tag) {
            return relations(header, names, flags, versions);
        }
    }
    stored(header, tag)
}

type Derive = fn(&Header) -> Option<Values>;

const DERIVED: [(&str, Derive); 30] = [
    ("FILENAMES", |header| paths(header, "BASENAMES", "DIRNAMES", "DIRINDEXES")),
    ("ORIGFILENAMES", |header| paths(header, "ORIGBASENAMES", "ORIGDIRNAMES", "ORIGDIRINDEXES")),
    ("INSTFILENAMES", installed_paths),
    ("LONGFILESIZES", |header| wide(header, "LONGFILESIZES", "FILESIZES")),
    ("LONGARCHIVESIZE", |header| wide(header, "LONGARCHIVESIZE", "ARCHIVESIZE")),
    ("LONGSIZE", |header| wide(header, "LONGSIZE", "SIZE")),
    ("LONGSIGSIZE", |header| wide(header, "LONGSIGSIZE", "SIGSIZE")),
    ("DBINSTANCE", |_| Some(Values::number(0))),
    ("EVR", |header| Some(identity(header, [false, true, true, true, false]))),
    ("NVR", |header| Some(identity(header, [true, false, true, true, false]))),
    ("NEVR", |header| Some(identity(header, [true, true, true, true, false]))),
    ("NVRA", |header| Some(identity(header, [true, false, true, true, true]))),
    ("NEVRA", |header| Some(identity(header, [true, true, true, true, true]))),
    ("ARCHSUFFIX", |header| Some(Values::text(format!(".{}", header.text(Tag::ARCH))))),
    ("HEADERCOLOR", header_color),
    ("VERBOSE", |_| None),
    ("EPOCHNUM", |header| Some(Values::number(header.number(Tag::EPOCH).unwrap_or(0)))),
    ("FILENLINKS", link_counts),
    ("FILECLASS", |header| classes(header, "FILECLASS", "CLASSDICT", &KINDS)),
    ("FILEMIMES", |header| classes(header, "FILEMIMEINDEX", "MIMEDICT", &MIME_KINDS)),
    ("FILEPROVIDE", |header| file_relations(header, b'P', "PROVIDENAME", "PROVIDEFLAGS", "PROVIDEVERSION")),
    ("FILEREQUIRE", |header| file_relations(header, b'R', "REQUIRENAME", "REQUIREFLAGS", "REQUIREVERSION")),
    ("TRIGGERCONDS", |header| trigger_conditions(header, "TRIGGER")),
    ("FILETRIGGERCONDS", |header| trigger_conditions(header, "FILETRIGGER")),
    ("TRANSFILETRIGGERCONDS", |header| trigger_conditions(header, "TRANSFILETRIGGER")),
    ("TRIGGERTYPE", |header| trigger_kinds(header, "TRIGGER")),
    ("FILETRIGGERTYPE", |header| trigger_kinds(header, "FILETRIGGER")),
    ("TRANSFILETRIGGERTYPE", |header| trigger_kinds(header, "TRANSFILETRIGGER")),
    ("SYSUSERS", account_lines),
    ("RPMFORMAT", |header| stored(header, tag("RPMFORMAT")).or(Some(Values::number(4)))),
];

const RELATIONS: [(&str, &str, &str, &str); 8] = [
    ("REQUIRENEVRS", "REQUIRENAME", "REQUIREFLAGS", "REQUIREVERSION"),
    ("RECOMMENDNEVRS", "RECOMMENDNAME", "RECOMMENDFLAGS", "RECOMMENDVERSION"),
    ("SUGGESTNEVRS", "SUGGESTNAME", "SUGGESTFLAGS", "SUGGESTVERSION"),
    ("SUPPLEMENTNEVRS", "SUPPLEMENTNAME", "SUPPLEMENTFLAGS", "SUPPLEMENTVERSION"),
    ("ENHANCENEVRS", "ENHANCENAME", "ENHANCEFLAGS", "ENHANCEVERSION"),
    ("PROVIDENEVRS", "PROVIDENAME", "PROVIDEFLAGS", "PROVIDEVERSION"),
    ("OBSOLETENEVRS", "OBSOLETENAME", "OBSOLETEFLAGS", "OBSOLETEVERSION"),
    ("CONFLICTNEVRS", "CONFLICTNAME", "CONFLICTFLAGS", "CONFLICTVERSION"),
];

fn tag(name: &str) -> u32 {
    tags::number(name).unwrap_or(0)
}

fn texts(header: &Header, name: &str) -> Vec<Vec<u8>> {
    match stored(header, tag(name)) {
        Some(Values::Texts(texts)) => texts,
        _ => Vec::new(),
    }
}

fn numbers(header: &Header, name: &str) -> Vec<u64> {
    match stored(header, tag(name)) {
        Some(Values::Numbers(numbers)) => numbers,
        _ => Vec::new(),
    }
}

fn some(texts: Vec<Vec<u8>>) -> Option<Values> {
    (!texts.is_empty()).then_some(Values::Texts(texts))
}

fn paths(header: &Header, names: &str, folders: &str, places: &str) -> Option<Values> {
    let (names, folders, places) = (texts(header, names), texts(header, folders), numbers(header, places));
    if names.len() != places.len() {
        return None;
    }
    let folder = |place: u64| usize::try_from(place).ok().and_then(|place| folders.get(place));
    let paths = names.iter().zip(places).map(|(name, place)| Some([&folder(place)?[..], name].concat()));
    some(paths.collect::<Option<_>>()?)
}

/// Without those that were left out; a package that is not installed has none.
fn installed_paths(header: &Header) -> Option<Values> {
    let states = numbers(header, "FILESTATES");
    let Some(Values::Texts(paths)) = paths(header, "BASENAMES", "DIRNAMES", "DIRINDEXES") else {
        return None;
    };
    if states.len() != paths.len() {
        return None;
    }
    // Normal, replaced and on a shared file system.
    let there = |state: &u64| matches!(state, 0 | 1 | 3);
    some(paths.into_iter().zip(&states).filter(|(_, state)| there(state)).map(|(path, _)| path).collect())
}

fn wide(header: &Header, long: &str, short: &str) -> Option<Values> {
    stored(header, tag(long)).or_else(|| stored(header, tag(short)))
}

/// Name, epoch, version, release and architecture, those that are wanted.
fn identity(header: &Header, wanted: [bool; 5]) -> Values {
    let mut text = String::new();
    let [name, epoch, version, release, arch] = wanted;
    if name {
        text += &format!("{}-", header.text(Tag::NAME));
    }
    if let (true, Some(epoch)) = (epoch, header.number(Tag::EPOCH)) {
        text += &format!("{epoch}:");
    }
    if version {
        text += &format!("{}-", header.text(Tag::VERSION));
    }
    if release {
        text += &header.text(Tag::RELEASE);
    }
    if let (true, Some(arch)) = (arch, header.string(Tag::ARCH)) {
        text += &format!(".{arch}");
    }
    Values::text(text)
}

fn header_color(header: &Header) -> Option<Values> {
    let color = numbers(header, "FILECOLORS").iter().fold(0, |all, color| all | color);
    Some(Values::number(color & 0x0f))
}

/// How many paths of the package are each file's.
fn link_counts(header: &Header) -> Option<Values> {
    let (devices, inodes) = (numbers(header, "FILEDEVICES"), numbers(header, "FILEINODES"));
    let modes = numbers(header, "FILEMODES");
    let flags = numbers(header, "FILEFLAGS");
    if modes.is_empty() {
        return None;
    }
    let identity = |file: usize| {
        let is_regular = modes[file] & 0o170_000 == 0o100_000;
        let is_ghost = flags.get(file).is_some_and(|flags| flags & GHOST != 0);
        let identity = (*devices.get(file)?, *inodes.get(file)?);
        (is_regular && !is_ghost).then_some(identity)
    };
    let mut counts = std::collections::BTreeMap::new();
    for file in 0..modes.len() {
        if let Some(identity) = identity(file) {
            *counts.entry(identity).or_insert(0) += 1;
        }
    }
    let count = |file| identity(file).and_then(|identity| counts.get(&identity)).copied().unwrap_or(1);
    Some(Values::Numbers((0..modes.len()).map(count).collect()))
}

const GHOST: u64 = 1 << 6;

/// By file type: block and character device, folder, pipe, socket, link.
const KINDS: [&str; 6] =
    ["block special", "character special", "directory", "fifo (named pipe)", "socket", "symbolic link to `"];
const MIME_KINDS: [&str; 6] = [
    "inode/blockdevice",
    "inode/chardevice",
    "inode/directory",
    "inode/fifo",
    "inode/socket",
    "inode/symlink",
];

/// What libmagic said of each file when the package was built; of those that it said nothing of, the type.
fn classes(header: &Header, places: &str, words: &str, kinds: &[&str; 6]) -> Option<Values> {
    let (places, words) = (numbers(header, places), texts(header, words));
    let (modes, links) = (numbers(header, "FILEMODES"), texts(header, "FILELINKTOS"));
    let class = |file: usize| {
        let place = places.get(file).and_then(|place| usize::try_from(*place).ok());
        let stated = place.and_then(|place| words.get(place)).filter(|word| !word.is_empty());
        if let Some(stated) = stated {
            return stated.clone();
        }
        let kind = match modes[file] & 0o170_000 {
            0o060_000 => kinds[0],
            0o020_000 => kinds[1],
            0o040_000 => kinds[2],
            0o010_000 => kinds[3],
            0o140_000 => kinds[4],
            0o120_000 => kinds[5],
            _ => "",
        };
        if kind.ends_with('`') {
            let target = links.get(file).map_or(&b""[..], Vec::as_slice);
            return [kind.as_bytes(), target, b"'"].concat();
        }
        kind.as_bytes().to_vec()
    };
    some((0..modes.len()).map(class).collect())
}

/// `name <= version`.
fn relation(name: &[u8], flags: u64, version: &[u8]) -> Vec<u8> {
    let comparison = comparison(flags);
    let mut text = name.to_vec();
    if !comparison.is_empty() && !version.is_empty() {
        text.push(b' ');
        text.extend(comparison.as_bytes());
        text.push(b' ');
        text.extend(version);
    }
    text
}

fn relations(header: &Header, names: &str, flags: &str, versions: &str) -> Option<Values> {
    let (names, flags, versions) = (texts(header, names), numbers(header, flags), texts(header, versions));
    let row = |(place, name): (usize, &Vec<u8>)| {
        let flags = flags.get(place).copied().unwrap_or(0);
        relation(name, flags, versions.get(place).map_or(&b""[..], Vec::as_slice))
    };
    some(names.iter().enumerate().map(row).collect())
}

/// For each file the relations that it is the reason of.
fn file_relations(header: &Header, kind: u8, names: &str, flags: &str, versions: &str) -> Option<Values> {
    let Some(Values::Texts(all)) = relations(header, names, flags, versions) else {
        let files = numbers(header, "FILEMODES").len();
        return some(vec![Vec::new(); files]);
    };
    let dictionary = numbers(header, "DEPENDSDICT");
    let (starts, counts) = (numbers(header, "FILEDEPENDSX"), numbers(header, "FILEDEPENDSN"));
    let of_file = |file: usize| {
        let start = starts.get(file).and_then(|start| usize::try_from(*start).ok()).unwrap_or(0);
        let count = counts.get(file).and_then(|count| usize::try_from(*count).ok()).unwrap_or(0);
        let rows = dictionary.iter().skip(start).take(count).filter(|row| **row >> 24 == u64::from(kind));
        let texts = rows.filter_map(|row| all.get(usize::try_from(row & 0x00ff_ffff).ok()?));
        texts.map(Vec::as_slice).collect::<Vec<_>>().join(&b' ')
    };
    some((0..numbers(header, "FILEMODES").len()).map(of_file).collect())
}

fn trigger_conditions(header: &Header, prefix: &str) -> Option<Values> {
    let list = |suffix: &str| texts(header, &format!("{prefix}{suffix}"));
    let (names, versions, scripts) = (list("NAME"), list("VERSION"), list("SCRIPTS"));
    let flags = numbers(header, &format!("{prefix}FLAGS"));
    let places = numbers(header, &format!("{prefix}INDEX"));
    let of_script = |script: usize| {
        let rows = names.iter().enumerate().filter(|(row, _)| places.get(*row) == Some(&(script as u64)));
        let conditions = rows.map(|(row, name)| {
            let flags = flags.get(row).copied().unwrap_or(0);
            match comparison(flags) {
                "" => name.clone(),
                sign => {
                    let version = versions.get(row).map_or(&b""[..], Vec::as_slice);
                    [name, &b" "[..], sign.as_bytes(), b" ", version].concat()
                }
            }
        });
        conditions.collect::<Vec<_>>().join(&b", "[..])
    };
    if names.is_empty() { None } else { some((0..scripts.len()).map(of_script).collect()) }
}

fn trigger_kinds(header: &Header, prefix: &str) -> Option<Values> {
    let scripts = texts(header, &format!("{prefix}SCRIPTS"));
    let (flags, places) =
        (numbers(header, &format!("{prefix}FLAGS")), numbers(header, &format!("{prefix}INDEX")));
    let kind = |script: usize| {
        let row = places.iter().position(|place| *place == script as u64);
        let flags = row.and_then(|row| flags.get(row)).copied().unwrap_or(0);
        super::formats::trigger_kind(flags).as_bytes().to_vec()
    };
    some((0..scripts.len()).map(kind).collect())
}

/// The lines of sysusers.d that the provides hold.
fn account_lines(header: &Header) -> Option<Values> {
    let names = texts(header, "PROVIDENAME");
    let (flags, versions) = (numbers(header, "PROVIDEFLAGS"), texts(header, "PROVIDEVERSION"));
    let mut lines = Vec::new();
    for (row, name) in names.iter().enumerate() {
        let declares =
            [&b"user("[..], b"group(", b"groupmember("].iter().any(|start| name.starts_with(start));
        let equal = flags.get(row).is_some_and(|flags| comparison(*flags) == "=");
        if !declares || !equal {
            continue;
        }
        let Some(line) = versions.get(row).and_then(|version| STANDARD.decode(version).ok()) else {
            continue;
        };
        lines.push(line.split(|byte| *byte == 0).next().unwrap_or_default().to_vec());
    }
    some(lines)
}
