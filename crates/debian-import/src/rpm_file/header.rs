//! A package and its payload's figures in; lead, signature header and header as bytes out.

use std::collections::{BTreeMap, BTreeSet};

use rpm::{
    DependencyFlags, Header, HeaderEntry, IndexData, IndexSignatureTag, IndexTag, Lead, PackageMetadata,
};
use sha2::{Digest, Sha256};

use super::payload::{Payload, ZSTD_LEVEL};
use super::{
    FileTrigger, RpmEntry, RpmEntryKind, RpmPackage, RpmRelation, RpmWriteError, Script, ScriptletKind,
    TriggerKind,
};

/// What `rpm -q --qf %{BUILDHOST}` says: conversion happens nowhere in particular.
const BUILD_HOST: &str = "localhost";

pub(super) fn encode(package: &RpmPackage, payload: &Payload) -> Result<Vec<u8>, RpmWriteError> {
    let mut tags = Tags::default();
    describe(package, payload, &mut tags);
    let provides = relations(package, payload, &mut tags);
    list_files(package, payload, &provides, &mut tags)?;
    for (kind, script) in &package.scriptlets {
        scriptlet(*kind, script, &mut tags);
    }
    triggers(package, &mut tags);
    let header = Header::from_entries(tags.entries, IndexTag::RPMTAG_HEADERIMMUTABLE);
    let mut metadata =
        PackageMetadata { lead: Lead::new(&package.file_name()), signature: Header::new_empty(), header };
    let bytes = metadata.header_bytes()?;
    metadata.signature = sign(&bytes, payload);
    let mut head = Vec::new();
    metadata.write(&mut head)?;
    Ok(head)
}

/// Digests and sizes; no signature: what trusts a converted package trusts the lock or the repository's metadata.
fn sign(header: &[u8], payload: &Payload) -> Header<IndexSignatureTag> {
    let total = header.len() as u64 + payload.compressed.length();
    let entry = |tag: IndexSignatureTag, data| HeaderEntry::new(tag.into(), data);
    let size = |small, large, bytes: u64| match u32::try_from(bytes) {
        Ok(bytes) => entry(small, IndexData::Int32(vec![bytes])),
        Err(_) => entry(large, IndexData::Int64(vec![bytes])),
    };
    let entries = [
        entry(
            IndexSignatureTag::RPMSIGTAG_SHA1,
            IndexData::StringTag(hex::encode(sha1::Sha1::digest(header))),
        ),
        entry(IndexSignatureTag::RPMSIGTAG_SHA256, IndexData::StringTag(hex::encode(Sha256::digest(header)))),
        size(IndexSignatureTag::RPMSIGTAG_SIZE, IndexSignatureTag::RPMSIGTAG_LONGSIZE, total),
        size(
            IndexSignatureTag::RPMSIGTAG_PAYLOADSIZE,
            IndexSignatureTag::RPMSIGTAG_LONGARCHIVESIZE,
            payload.archive_size,
        ),
    ];
    Header::from_entries(entries, IndexSignatureTag::HEADER_SIGNATURES)
}

#[derive(Default)]
struct Tags {
    entries: Vec<HeaderEntry>,
}

impl Tags {
    fn put(&mut self, tag: IndexTag, data: IndexData) {
        self.entries.push(HeaderEntry::new(tag.into(), data));
    }

    fn text(&mut self, tag: IndexTag, text: impl Into<String>) {
        self.put(tag, IndexData::StringTag(text.into()));
    }

    fn number(&mut self, tag: IndexTag, number: u32) {
        self.put(tag, IndexData::Int32(vec![number]));
    }

    fn texts(&mut self, tag: IndexTag, texts: impl IntoIterator<Item = String>) {
        self.put(tag, IndexData::StringArray(texts.into_iter().collect()));
    }

    fn numbers(&mut self, tag: IndexTag, numbers: impl IntoIterator<Item = u32>) {
        self.put(tag, IndexData::Int32(numbers.into_iter().collect()));
    }
}

fn describe(package: &RpmPackage, payload: &Payload, tags: &mut Tags) {
    tags.texts(IndexTag::RPMTAG_HEADERI18NTABLE, ["C".to_owned()]);
    tags.text(IndexTag::RPMTAG_NAME, &package.name);
    if package.epoch != 0 {
        tags.number(IndexTag::RPMTAG_EPOCH, package.epoch);
    }
    tags.text(IndexTag::RPMTAG_VERSION, &package.version);
    tags.text(IndexTag::RPMTAG_RELEASE, &package.release);
    tags.put(IndexTag::RPMTAG_SUMMARY, IndexData::I18NString(vec![package.summary.clone()]));
    tags.put(IndexTag::RPMTAG_DESCRIPTION, IndexData::I18NString(vec![package.description.clone()]));
    tags.put(IndexTag::RPMTAG_GROUP, IndexData::I18NString(vec![package.group.clone()]));
    tags.number(IndexTag::RPMTAG_BUILDTIME, package.time);
    tags.text(IndexTag::RPMTAG_BUILDHOST, BUILD_HOST);
    tags.text(IndexTag::RPMTAG_VENDOR, &package.vendor);
    tags.text(IndexTag::RPMTAG_LICENSE, &package.license);
    package.packager.iter().for_each(|packager| tags.text(IndexTag::RPMTAG_PACKAGER, packager));
    package.url.iter().for_each(|url| tags.text(IndexTag::RPMTAG_URL, url));
    tags.text(IndexTag::RPMTAG_OS, "linux");
    tags.text(IndexTag::RPMTAG_ARCH, &package.architecture);
    tags.text(IndexTag::RPMTAG_SOURCERPM, &package.source_rpm);
    tags.text(IndexTag::RPMTAG_RPMVERSION, concat!("lazuli-", env!("CARGO_PKG_VERSION")));
    tags.text(IndexTag::RPMTAG_ENCODING, "utf-8");
    tags.text(IndexTag::RPMTAG_PAYLOADFORMAT, "cpio");
    tags.text(IndexTag::RPMTAG_PAYLOADCOMPRESSOR, "zstd");
    tags.text(IndexTag::RPMTAG_PAYLOADFLAGS, ZSTD_LEVEL.to_string());
    tags.texts(IndexTag::RPMTAG_PAYLOADSHA256, [payload.compressed_sha256.clone()]);
    tags.number(IndexTag::RPMTAG_PAYLOADSHA256ALGO, SHA256);
    tags.texts(IndexTag::RPMTAG_PAYLOADSHA256ALT, [payload.archive_sha256.clone()]);
    tags.number(IndexTag::RPMTAG_FILEDIGESTALGO, SHA256);
    match u32::try_from(payload.installed_size) {
        Ok(size) => tags.number(IndexTag::RPMTAG_SIZE, size),
        Err(_) => tags.put(IndexTag::RPMTAG_LONGSIZE, IndexData::Int64(vec![payload.installed_size])),
    }
}

/// OpenPGP's number of SHA-256.
const SHA256: u32 = 8;

/// Writes all relations and returns the provides in their final order.
fn relations(package: &RpmPackage, payload: &Payload, tags: &mut Tags) -> Vec<RpmRelation> {
    let mut provides = package.provides.clone();
    provides.extend(own_provides(package));
    let mut requires = package.requires.clone();
    if package.files.values().any(|entry| entry.flags.contains(rpm::FileFlags::CONFIG)) {
        let config = own(package, format!("config({})", package.name)).with(DependencyFlags::CONFIG);
        provides.push(config.clone());
        requires.push(config);
    }
    requires.extend(interpreters(package));
    requires.extend(features(package, payload));
    let provides = sorted(provides);
    use IndexTag as T;
    let lists = [
        (&provides, [T::RPMTAG_PROVIDENAME, T::RPMTAG_PROVIDEFLAGS, T::RPMTAG_PROVIDEVERSION]),
        (&sorted(requires), [T::RPMTAG_REQUIRENAME, T::RPMTAG_REQUIREFLAGS, T::RPMTAG_REQUIREVERSION]),
        (
            &sorted(package.conflicts.clone()),
            [T::RPMTAG_CONFLICTNAME, T::RPMTAG_CONFLICTFLAGS, T::RPMTAG_CONFLICTVERSION],
        ),
        (
            &sorted(package.obsoletes.clone()),
            [T::RPMTAG_OBSOLETENAME, T::RPMTAG_OBSOLETEFLAGS, T::RPMTAG_OBSOLETEVERSION],
        ),
        (
            &sorted(package.recommends.clone()),
            [T::RPMTAG_RECOMMENDNAME, T::RPMTAG_RECOMMENDFLAGS, T::RPMTAG_RECOMMENDVERSION],
        ),
        (
            &sorted(package.suggests.clone()),
            [T::RPMTAG_SUGGESTNAME, T::RPMTAG_SUGGESTFLAGS, T::RPMTAG_SUGGESTVERSION],
        ),
        (
            &sorted(package.enhances.clone()),
            [T::RPMTAG_ENHANCENAME, T::RPMTAG_ENHANCEFLAGS, T::RPMTAG_ENHANCEVERSION],
        ),
    ];
    for (list, [name, flags, version]) in lists {
        if !list.is_empty() {
            tags.texts(name, list.iter().map(|relation| relation.name.clone()));
            tags.numbers(flags, list.iter().map(|relation| relation.flags.bits()));
            tags.texts(version, list.iter().map(|relation| relation.version.clone()));
        }
    }
    provides
}

/// What every package provides of itself.
pub(crate) fn own_provides(package: &RpmPackage) -> Vec<RpmRelation> {
    let mut provides = vec![own(package, package.name.clone())];
    if package.architecture == "x86_64" {
        provides.push(own(package, format!("{}(x86-64)", package.name)));
    }
    provides
}

fn own(package: &RpmPackage, name: String) -> RpmRelation {
    RpmRelation::versioned(name, DependencyFlags::EQUAL, package.evr())
}

/// The order of relations in headers: each once, by name.
pub(crate) fn sorted(mut relations: Vec<RpmRelation>) -> Vec<RpmRelation> {
    relations
        .sort_by(|a, b| (&a.name, &a.version, a.flags.bits()).cmp(&(&b.name, &b.version, b.flags.bits())));
    relations.dedup();
    relations
}

fn interpreters(package: &RpmPackage) -> Vec<RpmRelation> {
    let phase = |kind: ScriptletKind| match kind {
        ScriptletKind::Pretrans => DependencyFlags::PRETRANS,
        ScriptletKind::Pre => DependencyFlags::SCRIPT_PRE,
        ScriptletKind::Post => DependencyFlags::SCRIPT_POST,
        ScriptletKind::Preun => DependencyFlags::SCRIPT_PREUN,
        ScriptletKind::Postun => DependencyFlags::SCRIPT_POSTUN,
        ScriptletKind::Posttrans => DependencyFlags::POSTTRANS,
    };
    let scriptlets = package.scriptlets.iter().map(|(kind, script)| (script, phase(*kind)));
    let triggers = package.file_triggers.iter().map(|trigger| (&trigger.script, DependencyFlags::ANY));
    scriptlets
        .chain(triggers)
        .filter(|(script, _)| script.interpreter != "<lua>")
        .map(|(script, phase)| RpmRelation::any(&script.interpreter).with(DependencyFlags::INTERP | phase))
        .collect()
}

/// What the installing rpm must be able to do.
fn features(package: &RpmPackage, payload: &Payload) -> Vec<RpmRelation> {
    let all = [
        &package.provides,
        &package.requires,
        &package.conflicts,
        &package.obsoletes,
        &package.recommends,
        &package.suggests,
        &package.enhances,
    ];
    let any = |test: &dyn Fn(&RpmRelation) -> bool| all.iter().any(|list| list.iter().any(test));
    let scripts =
        package.scriptlets.values().chain(package.file_triggers.iter().map(|trigger| &trigger.script));
    let lua = scripts.into_iter().any(|script| script.interpreter == "<lua>");
    let tilde = package.evr().contains('~') || any(&|relation| relation.version.contains('~'));
    let conditional = [
        (lua, "BuiltinLuaScripts", "4.2.2-1"),
        (payload.large, "LargeFiles", "4.12.0-1"),
        (any(&|relation| relation.name.starts_with('(')), "RichDependencies", "4.12.0-1"),
        (tilde, "TildeInVersions", "4.10.4-1"),
        (true, "CompressedFileNames", "3.0.4-1"),
        (true, "FileDigests", "4.6.0-1"),
        (true, "PayloadFilesHavePrefix", "4.0-1"),
        (true, "PayloadIsZstd", "5.4.18-1"),
    ];
    conditional
        .into_iter()
        .filter(|(needed, ..)| *needed)
        .map(|(_, name, version)| {
            RpmRelation::versioned(
                format!("rpmlib({name})"),
                DependencyFlags::LE | DependencyFlags::RPMLIB,
                version,
            )
        })
        .collect()
}

/// File type and permissions as `st_mode` has them.
pub(super) fn mode(entry: &RpmEntry) -> u16 {
    let kind: u16 = match entry.kind {
        RpmEntryKind::Directory => 0o040_000,
        RpmEntryKind::Stored { .. } | RpmEntryKind::Made(_) | RpmEntryKind::HardLink(_) => 0o100_000,
        RpmEntryKind::Symlink(_) => 0o120_000,
        RpmEntryKind::Device { block: true, .. } => 0o060_000,
        RpmEntryKind::Device { .. } => 0o020_000,
        RpmEntryKind::Fifo => 0o010_000,
    };
    kind | entry.mode & 0o7777
}

fn list_files(
    package: &RpmPackage,
    payload: &Payload,
    provides: &[RpmRelation],
    tags: &mut Tags,
) -> Result<(), RpmWriteError> {
    if package.files.is_empty() {
        return Ok(());
    }
    let split = |path: &str| {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        (format!("{folder}/"), name.to_owned())
    };
    let folders = package.files.keys().map(|path| split(path).0).collect::<BTreeSet<_>>();
    let numbers = folders.iter().zip(0_u32..).collect::<BTreeMap<_, _>>();
    let entries = || package.files.values();
    tags.numbers(IndexTag::RPMTAG_DIRINDEXES, package.files.keys().map(|path| numbers[&split(path).0]));
    tags.texts(IndexTag::RPMTAG_BASENAMES, package.files.keys().map(|path| split(path).1));
    tags.texts(IndexTag::RPMTAG_DIRNAMES, folders.iter().cloned());
    if payload.large {
        let sizes = payload.files.iter().map(|file| file.size).collect();
        tags.put(IndexTag::RPMTAG_LONGFILESIZES, IndexData::Int64(sizes));
    } else {
        let sizes = payload.files.iter().map(|file| u32::try_from(file.size).map_err(std::io::Error::other));
        tags.put(IndexTag::RPMTAG_FILESIZES, IndexData::Int32(sizes.collect::<Result<_, _>>()?));
    }
    tags.put(IndexTag::RPMTAG_FILEMODES, IndexData::Int16(entries().map(mode).collect()));
    tags.put(IndexTag::RPMTAG_FILERDEVS, IndexData::Int16(entries().map(device_number).collect()));
    tags.numbers(IndexTag::RPMTAG_FILEMTIMES, entries().map(|entry| entry.modified));
    tags.texts(IndexTag::RPMTAG_FILEDIGESTS, payload.files.iter().map(|file| file.digest.clone()));
    tags.texts(IndexTag::RPMTAG_FILELINKTOS, entries().map(link_target));
    tags.numbers(IndexTag::RPMTAG_FILEFLAGS, entries().map(|entry| entry.flags.bits()));
    tags.texts(IndexTag::RPMTAG_FILEUSERNAME, entries().map(|entry| entry.owner.clone()));
    tags.texts(IndexTag::RPMTAG_FILEGROUPNAME, entries().map(|entry| entry.group.clone()));
    tags.numbers(IndexTag::RPMTAG_FILEVERIFYFLAGS, entries().map(verify_flags));
    tags.numbers(IndexTag::RPMTAG_FILEDEVICES, entries().map(|_| 1));
    tags.numbers(IndexTag::RPMTAG_FILEINODES, payload.files.iter().map(|file| file.inode));
    tags.texts(IndexTag::RPMTAG_FILELANGS, entries().map(|_| String::new()));
    file_provides(package, provides, tags);
    Ok(())
}

fn device_number(entry: &RpmEntry) -> u16 {
    match entry.kind {
        RpmEntryKind::Device { major, minor, .. } => u16::from(major) << 8 | u16::from(minor),
        _ => 0,
    }
}

fn link_target(entry: &RpmEntry) -> String {
    match &entry.kind {
        RpmEntryKind::Symlink(target) => target.clone(),
        _ => String::new(),
    }
}

/// All of them; of a ghost neither digest, size, link target nor time (bits 0, 1, 2 and 5).
fn verify_flags(entry: &RpmEntry) -> u32 {
    if entry.flags.contains(rpm::FileFlags::GHOST) { !0b10_0111 } else { u32::MAX }
}

/// Says which file causes which provide: rpm makes the users of a sysusers file before it unpacks the package.
fn file_provides(package: &RpmPackage, provides: &[RpmRelation], tags: &mut Tags) {
    if package.file_provides.is_empty() {
        return;
    }
    let (mut starts, mut counts, mut dictionary) = (Vec::new(), Vec::new(), Vec::new());
    for path in package.files.keys() {
        let caused = package.file_provides.get(path).map_or(&[][..], Vec::as_slice);
        let places = caused
            .iter()
            .filter_map(|relation| provides.iter().zip(0_u32..).find(|(one, _)| *one == relation));
        let before = u32::try_from(dictionary.len()).unwrap_or(u32::MAX);
        // Kind of relation in the high byte, place in the list in the others.
        dictionary.extend(places.map(|(_, place)| u32::from(b'P') << 24 | place));
        let count = u32::try_from(dictionary.len()).unwrap_or(u32::MAX) - before;
        starts.push(if count == 0 { 0 } else { before });
        counts.push(count);
    }
    tags.numbers(IndexTag::RPMTAG_FILEDEPENDSX, starts);
    tags.numbers(IndexTag::RPMTAG_FILEDEPENDSN, counts);
    tags.numbers(IndexTag::RPMTAG_DEPENDSDICT, dictionary);
}

fn scriptlet(kind: ScriptletKind, script: &Script, tags: &mut Tags) {
    use IndexTag as T;
    let (body, interpreter) = match kind {
        ScriptletKind::Pretrans => (T::RPMTAG_PRETRANS, T::RPMTAG_PRETRANSPROG),
        ScriptletKind::Pre => (T::RPMTAG_PREIN, T::RPMTAG_PREINPROG),
        ScriptletKind::Post => (T::RPMTAG_POSTIN, T::RPMTAG_POSTINPROG),
        ScriptletKind::Preun => (T::RPMTAG_PREUN, T::RPMTAG_PREUNPROG),
        ScriptletKind::Postun => (T::RPMTAG_POSTUN, T::RPMTAG_POSTUNPROG),
        ScriptletKind::Posttrans => (T::RPMTAG_POSTTRANS, T::RPMTAG_POSTTRANSPROG),
    };
    tags.text(body, &script.body);
    tags.text(interpreter, &script.interpreter);
}

fn triggers(package: &RpmPackage, tags: &mut Tags) {
    use IndexTag as T;
    let of_transaction = |trigger: &&FileTrigger| {
        matches!(
            trigger.kind,
            TriggerKind::TransFileTriggerIn
                | TriggerKind::TransFileTriggerUn
                | TriggerKind::TransFileTriggerPostUn
        )
    };
    let (transaction, package_wise): (Vec<_>, Vec<_>) =
        package.file_triggers.iter().partition(of_transaction);
    let of_package = [
        T::RPMTAG_FILETRIGGERSCRIPTS,
        T::RPMTAG_FILETRIGGERSCRIPTPROG,
        T::RPMTAG_FILETRIGGERPRIORITIES,
        T::RPMTAG_FILETRIGGERNAME,
        T::RPMTAG_FILETRIGGERVERSION,
        T::RPMTAG_FILETRIGGERFLAGS,
        T::RPMTAG_FILETRIGGERINDEX,
    ];
    let of_transaction = [
        T::RPMTAG_TRANSFILETRIGGERSCRIPTS,
        T::RPMTAG_TRANSFILETRIGGERSCRIPTPROG,
        T::RPMTAG_TRANSFILETRIGGERPRIORITIES,
        T::RPMTAG_TRANSFILETRIGGERNAME,
        T::RPMTAG_TRANSFILETRIGGERVERSION,
        T::RPMTAG_TRANSFILETRIGGERFLAGS,
        T::RPMTAG_TRANSFILETRIGGERINDEX,
    ];
    write_triggers(&package_wise, of_package, tags);
    write_triggers(&transaction, of_transaction, tags);
}

fn write_triggers(triggers: &[&FileTrigger], names: [IndexTag; 7], tags: &mut Tags) {
    if triggers.is_empty() {
        return;
    }
    let [scripts, interpreters, priorities, paths, versions, flags, indexes] = names;
    tags.texts(scripts, triggers.iter().map(|trigger| trigger.script.body.clone()));
    tags.texts(interpreters, triggers.iter().map(|trigger| trigger.script.interpreter.clone()));
    tags.numbers(priorities, triggers.iter().map(|trigger| trigger.priority));
    let mut conditions = Vec::new();
    for (trigger, index) in triggers.iter().zip(0_u32..) {
        let sense = match trigger.kind {
            TriggerKind::FileTriggerIn | TriggerKind::TransFileTriggerIn => DependencyFlags::TRIGGERIN,
            TriggerKind::FileTriggerUn | TriggerKind::TransFileTriggerUn => DependencyFlags::TRIGGERUN,
            TriggerKind::FileTriggerPostUn | TriggerKind::TransFileTriggerPostUn => {
                DependencyFlags::TRIGGERPOSTUN
            }
        };
        conditions.extend(trigger.paths.iter().map(|path| (path.clone(), sense.bits(), index)));
    }
    conditions.sort();
    tags.texts(paths, conditions.iter().map(|(path, ..)| path.clone()));
    tags.texts(versions, conditions.iter().map(|_| String::new()));
    tags.numbers(flags, conditions.iter().map(|(_, sense, _)| *sense));
    tags.numbers(indexes, conditions.iter().map(|(.., index)| *index));
}
