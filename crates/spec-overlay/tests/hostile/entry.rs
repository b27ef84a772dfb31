//! Any bytes, in; nothing out but the promise that they were read without a panic. The fuzzer and the tests call the same functions.

use std::path::Path;

use spec_overlay::{
    Contents, FileChange, Glob, GoRegex, NoFiles, Overlay, SourceEntry, SourceError, SourceFiles, SpecFile,
    apply,
};

/// An expression, a pattern and a spec, with a zero byte between them: all is read, and overlays on every section give the same
/// as a list and one by one.
pub fn overlay(bytes: &[u8]) {
    let mut parts = bytes.splitn(3, |byte| *byte == 0);
    let (Some(regex), Some(glob), Some(spec)) = (parts.next(), parts.next(), parts.next()) else { return };
    let parsed = SpecFile::parse(spec);
    assert!(parsed.print() == spec, "a spec prints as it was read");
    let mut overlays =
        vec![Overlay::SetTag { package: String::new(), tag: "Release".to_owned(), value: "1".to_owned() }];
    for section in parsed.sections().iter().skip(1).take(8) {
        let (section, package) = (section.name.to_owned(), section.package.clone().into_owned());
        overlays.push(Overlay::InsertTag {
            package: package.clone(),
            tag: "Source".to_owned(),
            value: "a".to_owned(),
        });
        overlays.push(Overlay::RemoveSection { section: section.clone(), package: package.clone() });
        overlays.push(Overlay::AppendLines {
            section: Some(section),
            package,
            lines: vec!["%build".to_owned()],
        });
    }
    if let Ok(Ok(regex)) = std::str::from_utf8(regex).map(GoRegex::new) {
        let replacement = "%if 1\n%check".to_owned();
        overlays.push(Overlay::SearchReplace { section: None, package: None, regex, replacement });
    }
    if let Ok(Ok(file)) = std::str::from_utf8(glob).map(Glob::new) {
        let text = String::from_utf8_lossy(spec);
        std::hint::black_box((file.matches(&text), file.matches_file(&text), file.below_folder()));
        overlays.push(Overlay::RemovePatch { file });
    }
    // What does not apply is left out, so that the list goes on.
    let mut now = spec.to_vec();
    let mut applied = Vec::new();
    for overlay in &overlays {
        if let Ok(one) = apply(&now, [overlay], &NoFiles) {
            now = one.spec;
            applied.push(overlay);
        }
    }
    let list = apply(spec, applied, &NoFiles).expect("each of them has applied");
    assert!(list.spec == now, "a list gives what its overlays give");
}

/// A source archive: if it can be changed, it can be changed again.
pub fn source_archive(bytes: &[u8]) {
    if let Some(packed) = without_a(bytes) {
        assert!(without_a(&packed).is_none(), "all files with an a in them are gone");
    }
}

fn without_a(bytes: &[u8]) -> Option<Vec<u8>> {
    let archive = Some("a.tar".to_owned());
    let overlays = [Overlay::ReplaceInFile {
        file: Glob::new("**").expect("a pattern"),
        archive,
        regex: GoRegex::new("a").expect("an expression"),
        replacement: String::new(),
    }];
    let applied = apply(b"", &overlays, &OneFile(bytes)).ok()?;
    match applied.files.get("a.tar") {
        Some(FileChange::Written { contents: Contents::Bytes(bytes), .. }) => Some(bytes.clone()),
        other => panic!("the archive is packed anew, and not {other:?}"),
    }
}

struct OneFile<'a>(&'a [u8]);

impl SourceFiles for OneFile<'_> {
    fn entries(&self) -> Result<Vec<SourceEntry>, SourceError> {
        Ok(vec![SourceEntry { path: "a.tar".to_owned(), kind: spec_overlay::EntryKind::File }])
    }

    fn read(&self, _: &str) -> Result<Vec<u8>, SourceError> {
        Ok(self.0.to_vec())
    }

    fn read_source(&self, _: &Path) -> Result<Vec<u8>, SourceError> {
        Err("there is none".into())
    }

    fn has_archives(&self) -> bool {
        true
    }
}
