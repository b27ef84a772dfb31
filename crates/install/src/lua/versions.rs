//! `rpm.ver` and `rpm.vercmp`: versions as scriptlets compare them.

use std::cmp::Ordering;

use mlua::{Lua, MetaMethod, Table, UserData, UserDataMethods};
use rpm_model::rpmvercmp;

/// `[EPOCH:]VERSION[-RELEASE]`, whose parts may be missing.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Version {
    epoch: Option<String>,
    version: String,
    release: Option<String>,
}

pub(super) fn register(lua: &Lua, rpm: &Table) -> mlua::Result<()> {
    let compare = lua.create_function(|_, (first, second): (String, String)| {
        let first = parse(&first)
            .ok_or_else(|| mlua::Error::runtime("bad argument #1 to 'vercmp' (invalid version )"))?;
        let second = parse(&second)
            .ok_or_else(|| mlua::Error::runtime("bad argument #2 to 'vercmp' (invalid version )"))?;
        Ok(first.compare(&second) as i64)
    })?;
    rpm.set("vercmp", compare)?;
    let new = lua.create_function(|_, parts: mlua::Variadic<Option<String>>| match parts.as_slice() {
        [Some(text)] => Ok(parse(text)),
        [epoch, Some(version), release] => {
            Ok(Some(Version { epoch: epoch.clone(), version: version.clone(), release: release.clone() }))
        }
        [None] | [_, None, _] => Ok(None),
        parts => Err(mlua::Error::runtime(format!("invalid number of arguments: {}", parts.len()))),
    })?;
    rpm.set("ver", new)
}

/// rpm's rules for a text: an epoch of digits only, a release after the last `-`, nothing empty.
fn parse(text: &str) -> Option<Version> {
    let digits = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (epoch, rest) = match text[digits..].strip_prefix(':') {
        // A missing epoch before the colon is 0.
        Some(rest) => (Some(if digits == 0 { "0" } else { &text[..digits] }.to_owned()), rest),
        None => (None, text),
    };
    let (version, release) = match rest.rsplit_once('-') {
        Some((version, release)) => (version, Some(release.to_owned())),
        None => (rest, None),
    };
    if version.is_empty() {
        return None;
    }
    Some(Version { epoch, version: version.to_owned(), release })
}

impl Version {
    fn compare(&self, other: &Self) -> Ordering {
        let epoch = |version: &Self| version.epoch.clone().unwrap_or_else(|| "0".to_owned());
        rpmvercmp(&epoch(self), &epoch(other))
            .then_with(|| rpmvercmp(&self.version, &other.version))
            // A version with a release is newer than the same without.
            .then_with(|| match (&self.release, &other.release) {
                (Some(first), Some(second)) => rpmvercmp(first, second),
                (Some(_), None) => Ordering::Greater,
                (None, Some(_)) => Ordering::Less,
                (None, None) => Ordering::Equal,
            })
    }

    fn text(&self) -> String {
        let epoch = self.epoch.as_ref().map(|epoch| format!("{epoch}:")).unwrap_or_default();
        let release = self.release.as_ref().map(|release| format!("-{release}")).unwrap_or_default();
        format!("{epoch}{}{release}", self.version)
    }
}

impl UserData for Version {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_meta_method(MetaMethod::Index, |_, version, key: String| match key.as_str() {
            "e" => Ok(version.epoch.clone()),
            "v" => Ok(Some(version.version.clone())),
            "r" => Ok(version.release.clone()),
            other => Err(mlua::Error::runtime(format!("invalid attribute: {other}"))),
        });
        methods.add_meta_method(MetaMethod::ToString, |_, version, ()| Ok(version.text()));
        let other = |other: mlua::UserDataRef<Self>| other.clone();
        methods.add_meta_method(MetaMethod::Eq, move |_, version, right| {
            Ok(version.compare(&other(right)) == Ordering::Equal)
        });
        methods.add_meta_method(MetaMethod::Lt, move |_, version, right| {
            Ok(version.compare(&other(right)) == Ordering::Less)
        });
        methods.add_meta_method(MetaMethod::Le, move |_, version, right| {
            Ok(version.compare(&other(right)) != Ordering::Greater)
        });
    }
}
