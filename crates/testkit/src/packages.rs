//! What an RPM should hold, in; the RPM, signed if a key is given, out.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::path::{Path, PathBuf};

use rpm::signature::pgp::Signer;
use rpm::{BuildConfig, CompressionType, Dependency, FileOptions, PackageBuilder, Scriptlet};

use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use crate::keys::Key;

/// 2023-11-14, when all packages are built.
pub const BUILT: u32 = 1_700_000_000;

/// Makes `NAME-VERSION-1.noarch.rpm` in the folder, in format 4.
pub fn package(
    folder: &Path,
    key: Option<&Key>,
    name: &str,
    version: &str,
    fill: impl FnOnce(&mut PackageBuilder),
) -> PathBuf {
    let mut builder = PackageBuilder::new(name, version, "MIT", "noarch", "made for a test");
    let config = BuildConfig::v4().source_date(BUILT).compression(CompressionType::Gzip);
    builder.using_config(config).build_host("localhost");
    fill(&mut builder);
    // The builder makes every interpreter a requirement; of its own Lua, rpm makes none.
    builder.provides(Dependency::any("<lua>"));
    let built = match key {
        Some(key) => builder.build_and_sign(Signer::from_asc(&key.secret()).unwrap()),
        None => builder.build(),
    };
    let path = folder.join(format!("{name}-{version}-1.noarch.rpm"));
    built.unwrap().write_file(&path).unwrap();
    path
}

/// Adds a file of root's.
pub fn file(builder: &mut PackageBuilder, path: &str, content: &str) {
    builder.with_file_contents(content, FileOptions::new(path).mode(0o100_644)).unwrap();
}

/// A relation as a spec file states it: `name`, `name = 1-1`, `(a if b)`.
pub fn relation(text: &str) -> Dependency {
    if text.starts_with('(') {
        return Dependency::any(text);
    }
    match *text.split(' ').collect::<Vec<_>>().as_slice() {
        [name, "=", version] => Dependency::eq(name, version),
        [name, ">=", version] => Dependency::greater_eq(name, version),
        [name, "<", version] => Dependency::less(name, version),
        _ => Dependency::any(text),
    }
}

/// A scriptlet in Lua, which needs no program in the root.
pub fn lua(body: &str) -> Scriptlet {
    Scriptlet::new(body).prog(vec!["<lua>"])
}

/// Lua that adds a line, given as a Lua expression, to `/log`.
pub fn log(line: &str) -> String {
    format!("local f = io.open('/log', 'a') f:write({line} .. '\\n') f:close()")
}

/// Replaces bytes in the header of a package by others of the same number, with digests and a signature as if it had been built so:
/// what no builder would write.
pub fn forge(file: &Path, key: &Key, from: &[u8], to: &[u8]) {
    let header = |bytes: &[u8]| rpm::Package::parse(&mut &*bytes).unwrap().header_bytes().unwrap();
    let bytes = std::fs::read(file).unwrap();
    let forged = replace(&bytes, from, to);
    let (before, after) = (header(&bytes), header(&forged));
    assert_ne!(before, after, "nothing was replaced");
    let sha1 = |header: &[u8]| hex::encode(Sha1::digest(header));
    let sha256 = |header: &[u8]| hex::encode(Sha256::digest(header));
    let forged = replace(&forged, sha1(&before).as_bytes(), sha1(&after).as_bytes());
    let forged = replace(&forged, sha256(&before).as_bytes(), sha256(&after).as_bytes());
    let mut package = rpm::Package::parse(&mut forged.as_slice()).unwrap();
    package.sign_with_timestamp(Signer::from_asc(&key.secret()).unwrap(), BUILT).unwrap();
    package.write_file(file).unwrap();
}

fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len(), "the header's index must stay right");
    let mut bytes = bytes.to_vec();
    while let Some(at) = bytes.windows(from.len()).position(|window| window == from) {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
    bytes
}

/// Changes one byte of a file, counted from its end.
pub fn damage(file: &Path, from_end: usize) {
    let mut bytes = std::fs::read(file).unwrap();
    let position = bytes.len() - from_end;
    bytes[position] ^= 0x20;
    std::fs::write(file, bytes).unwrap();
}

/// Leaves the first half of a file.
pub fn truncate(file: &Path) {
    let bytes = std::fs::read(file).unwrap();
    std::fs::write(file, &bytes[..bytes.len() / 2]).unwrap();
}
