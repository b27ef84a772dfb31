//! A rendered spec and the overlays that made it, in; the spec as it was before them, out, where they only added text.
//! Nothing here reads a disk.
//!
//! What a line was before it was replaced is not in the rendered text; what was added can be taken back, if it stands there once.

use spec_overlay::Overlay;

/// Why the text before cannot be told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotUndone {
    /// The text was not rendered, or by other rules.
    #[error("the rendered spec does not begin with {0:?}")]
    Beginning(String),
    /// The change does not say what was there before.
    #[error("{0} does not tell what was there before")]
    Lost(&'static str),
    /// What was added is not there once.
    #[error("what {what} added is there {times} times: {text:?}")]
    Places {
        /// The overlay's type, or what else added it.
        what: &'static str,
        /// How often.
        times: usize,
        /// The first line of it.
        text: String,
    },
}

/// Takes back, last first, what the overlays added to the body of a rendered spec.
pub fn undo(overlays: &[Overlay], body: &[u8]) -> Result<Vec<u8>, NotUndone> {
    let body = body.strip_suffix(b"\n").unwrap_or(body);
    let mut lines: Vec<&[u8]> = body.split(|byte| *byte == b'\n').collect();
    for overlay in overlays.iter().rev() {
        take(&mut lines, overlay)?;
    }
    let mut text = lines.join(&b'\n');
    text.push(b'\n');
    Ok(text)
}

fn take(lines: &mut Vec<&[u8]>, overlay: &Overlay) -> Result<(), NotUndone> {
    let what = overlay.type_name();
    match overlay {
        Overlay::AddTag { tag, value, .. } | Overlay::InsertTag { tag, value, .. } => {
            take_once(lines, &[format!("{tag}: {value}")], what)
        }
        Overlay::AddPatch { .. } => take_patch(lines, overlay.source_name().unwrap_or_default(), what),
        Overlay::PrependLines { section: None, lines: added, .. } => take_beginning(lines, added),
        Overlay::PrependLines { section: Some(section), lines: added, .. } => {
            take_after_headers(lines, section, added, what)
        }
        Overlay::AppendLines { section: None, lines: added, .. } => take_end(lines, added, what),
        Overlay::AppendLines { lines: added, .. } => take_once(lines, added, what),
        overlay if !overlay.changes_spec() => Ok(()),
        _ => Err(NotUndone::Lost(what)),
    }
}

fn take_beginning(lines: &mut Vec<&[u8]>, added: &[String]) -> Result<(), NotUndone> {
    let added = physical(added);
    if !lines.starts_with(&added) {
        return Err(NotUndone::Beginning(first_of(&added)));
    }
    lines.drain(..added.len());
    Ok(())
}

fn take_end(lines: &mut Vec<&[u8]>, added: &[String], what: &'static str) -> Result<(), NotUndone> {
    let added = physical(added);
    if !lines.ends_with(&added) {
        return Err(places(what, 0, &added));
    }
    lines.truncate(lines.len() - added.len());
    Ok(())
}

fn take_once(lines: &mut Vec<&[u8]>, added: &[String], what: &'static str) -> Result<(), NotUndone> {
    let added = physical(added);
    let found: Vec<usize> = (0..lines.len())
        .filter(|at| lines.get(*at..*at + added.len()).is_some_and(|there| there == added))
        .collect();
    let [at] = found[..] else { return Err(places(what, found.len(), &added)) };
    lines.drain(at..at + added.len());
    Ok(())
}

/// After every header of that section: an overlay puts lines into all of them.
fn take_after_headers(
    lines: &mut Vec<&[u8]>,
    section: &str,
    added: &[String],
    what: &'static str,
) -> Result<(), NotUndone> {
    let added = physical(added);
    let is_header = |line: &[u8]| line.split(u8::is_ascii_whitespace).next() == Some(section.as_bytes());
    let mut times = 0;
    let mut at = 0;
    while at < lines.len() {
        at += 1;
        if is_header(lines[at - 1]) && lines[at..].starts_with(&added) {
            lines.drain(at..at + added.len());
            times += 1;
        }
    }
    if times == 0 { Err(places(what, 0, &added)) } else { Ok(()) }
}

/// `Patch7: name`, or `name` in `%patchlist`.
fn take_patch(lines: &mut Vec<&[u8]>, name: &str, what: &'static str) -> Result<(), NotUndone> {
    let names = |line: &[u8]| {
        let tag = line.strip_prefix(b"Patch").and_then(|rest| rest.strip_suffix(name.as_bytes()));
        let numbered = tag
            .and_then(|rest| rest.strip_suffix(b": "))
            .is_some_and(|number| !number.is_empty() && number.iter().all(u8::is_ascii_digit));
        numbered || line == name.as_bytes()
    };
    let found: Vec<usize> = (0..lines.len()).filter(|at| names(lines[*at])).collect();
    let [at] = found[..] else { return Err(places(what, found.len(), &[name.as_bytes()])) };
    lines.remove(at);
    Ok(())
}

/// Lines as the file has them: text with line feeds in it is several.
fn physical(added: &[String]) -> Vec<&[u8]> {
    added.iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b'\n')).collect()
}

fn places(what: &'static str, times: usize, added: &[&[u8]]) -> NotUndone {
    NotUndone::Places { what, times, text: first_of(added) }
}

fn first_of(added: &[&[u8]]) -> String {
    added.first().map_or_else(String::new, |line| String::from_utf8_lossy(line).into_owned())
}

#[cfg(test)]
mod tests {
    use spec_overlay::{NoFiles, apply, file_header, load_macros, skip_check};

    use super::*;

    const SPEC: &str =
        "Name: a\nSource0: a.tar\nSource1: b.tar\n\n%build\nmake\n\n%check\nmake check\n\n%files\n";

    fn add_tag(tag: &str, value: &str) -> Overlay {
        Overlay::AddTag { package: String::new(), tag: tag.into(), value: value.into() }
    }

    #[test]
    fn what_was_added_is_taken_back() {
        let lines = vec!["one\ntwo".to_owned(), String::new()];
        let section = Some("%build".to_owned());
        let mut overlays = load_macros("a").unwrap().to_vec();
        overlays.push(add_tag("BuildRequires", "gcc"));
        overlays.push(Overlay::AppendLines { section, package: String::new(), lines });
        overlays.extend([skip_check("there is no network"), file_header()]);

        let rendered = apply(SPEC.as_bytes(), &overlays, &NoFiles).unwrap().spec;
        assert_ne!(rendered, SPEC.as_bytes());
        assert_eq!(undo(&overlays, &rendered), Ok(SPEC.as_bytes().to_vec()));
    }

    #[test]
    fn what_stands_there_twice_is_not_taken_back() {
        let rendered = format!("BuildRequires: gcc\n{SPEC}BuildRequires: gcc\n");
        let error = undo(&[add_tag("BuildRequires", "gcc")], rendered.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), "what spec-add-tag added is there 2 times: \"BuildRequires: gcc\"");
    }

    #[test]
    fn what_was_replaced_is_lost() {
        let set = Overlay::UpdateTag { package: String::new(), tag: "Name".into(), value: "a".into() };
        assert_eq!(undo(&[set], SPEC.as_bytes()), Err(NotUndone::Lost("spec-update-tag")));
    }

    #[test]
    fn a_text_without_header_was_not_rendered() {
        let error = undo(&[file_header()], SPEC.as_bytes()).unwrap_err();
        assert!(matches!(error, NotUndone::Beginning(_)), "{error}");
    }
}
