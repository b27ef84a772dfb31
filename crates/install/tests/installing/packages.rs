//! Packages made for a test.

use std::path::{Path, PathBuf};

use rpm::{BuildConfig, FileOptions, PackageBuilder, Scriptlet};

use crate::World;

pub(crate) const BUILT: u32 = 1_700_000_000;

/// Makes `NAME-1-1.noarch.rpm`.
pub(crate) fn package(world: &World, name: &str, fill: impl FnOnce(&mut PackageBuilder)) -> PathBuf {
    package_as(world, name, BuildConfig::v4(), fill)
}

pub(crate) fn package_as(
    world: &World,
    name: &str,
    config: BuildConfig,
    fill: impl FnOnce(&mut PackageBuilder),
) -> PathBuf {
    let path = world.path(&format!("{name}-1-1.noarch.rpm"));
    write(&path, name, config, fill);
    path
}

pub(crate) fn write(path: &Path, name: &str, config: BuildConfig, fill: impl FnOnce(&mut PackageBuilder)) {
    let mut builder = PackageBuilder::new(name, "1", "MIT", "noarch", "made for a test");
    builder.using_config(config.source_date(BUILT)).build_host("localhost");
    fill(&mut builder);
    builder.build().expect("a package").write_file(path).expect("a package file");
}

pub(crate) fn file(builder: &mut PackageBuilder, path: &str, content: &str) {
    builder.with_file_contents(content, FileOptions::new(path).mode(0o100_644)).expect("a file");
}

/// A scriptlet in Lua, which needs no program in the root.
pub(crate) fn lua(body: &str) -> Scriptlet {
    Scriptlet::new(body).prog(vec!["<lua>"])
}

/// Lua that adds a line to `/log`.
pub(crate) fn log(line: &str) -> String {
    format!("local f = io.open('/log', 'a') f:write({line} .. '\\n') f:close()")
}
