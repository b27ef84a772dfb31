//! A commit's message, in; an entry of a changelog, out.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::wrap::fill;

/// An entry of a changelog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    /// What a commit's whole message says.
    Commit(Heading, String),
    /// A merge beyond which nothing is known.
    Unresolvable(Heading),
    /// The file `changelog` as it is.
    Verbatim(String),
}

/// The first line of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Heading {
    /// In seconds since 1970-01-01 00:00 UTC.
    pub(super) seconds: i64,
    /// `Name <address>`.
    pub(super) author: String,
    /// Version and release, where they are known.
    pub(super) evr: Option<String>,
}

impl Entry {
    pub(super) fn text(&self) -> String {
        match self {
            Entry::Verbatim(text) => text.clone(),
            Entry::Unresolvable(heading) => {
                format!("{}\n{}", heading.text(), fill("- RPMAUTOSPEC: unresolvable merge"))
            }
            Entry::Commit(heading, message) => {
                let body: Vec<String> =
                    items(message).iter().map(|item| fill(&format!("- {item}"))).collect();
                format!("{}\n{}", heading.text(), body.join("\n"))
            }
        }
    }
}

impl Heading {
    fn text(&self) -> String {
        // A time beyond the year 9999 is nonsense that git can hold; the end of time is as good as any.
        let time = Timestamp::from_second(self.seconds).unwrap_or(Timestamp::MAX).to_zoned(TimeZone::UTC);
        let date = time.strftime("%a %b %d %Y");
        match &self.evr {
            Some(evr) => format!("* {date} {} - {evr}", self.author),
            None => format!("* {date} {}", self.author),
        }
    }
}

/// Where in a message the reader is.
#[derive(PartialEq, Eq)]
enum Part {
    BeforeSubject,
    Subject,
    BeforeBody,
    Continuation,
    Body,
}

/// The items of an entry: the subject, which an ellipsis in the body continues, and paragraphs that begin with a dash.
fn items(message: &str) -> Vec<String> {
    let mut items: Vec<Vec<String>> = vec![Vec::new()];
    let mut part = Part::BeforeSubject;
    for line in message.split('\n') {
        let line = line.replace('%', "%%");
        let mut line = line.trim();
        if part == Part::BeforeSubject {
            if line.is_empty() {
                continue;
            }
            part = Part::Subject;
            line = without_dash(line);
        }
        if part == Part::Subject {
            if !line.is_empty() {
                append(&mut items, line);
                continue;
            }
            part = Part::BeforeBody;
        }
        if part == Part::BeforeBody {
            if line.is_empty() {
                continue;
            }
            if let Some(rest) = after_ellipsis(line) {
                part = Part::Continuation;
                append(&mut items, rest);
                continue;
            }
            if !line.starts_with('-') {
                break;
            }
            part = Part::Body;
        }
        if part == Part::Continuation {
            if !line.is_empty() && !line.starts_with('-') {
                append(&mut items, line);
                continue;
            }
            part = Part::Body;
        }
        if line.is_empty() {
            break;
        }
        if line.starts_with('-') {
            line = without_dash(line);
            items.push(Vec::new());
        }
        append(&mut items, line);
    }
    items.into_iter().map(|lines| lines.join(" ")).collect()
}

fn append(items: &mut [Vec<String>], line: &str) {
    if let Some(last) = items.last_mut() {
        last.push(line.to_owned());
    }
}

fn without_dash(line: &str) -> &str {
    line.strip_prefix('-').map_or(line, str::trim_start)
}

/// What follows `...` (or more dots), or `…` (one or more).
fn after_ellipsis(line: &str) -> Option<&str> {
    let dots = line.trim_start_matches('.');
    if line.len() - dots.len() >= 3 {
        return Some(dots.trim_start());
    }
    line.starts_with('…').then(|| line.trim_start_matches('…').trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subject_and_dashed_paragraphs_are_items() {
        let message = "- Update to 2.0\n\n- Fix a bug\n  in two lines\n- 100% done\n\nSigned-off-by: x\n";
        assert_eq!(items(message), ["Update to 2.0", "Fix a bug in two lines", "100%% done"]);
    }

    #[test]
    fn an_ellipsis_continues_the_subject_and_prose_is_left_out() {
        assert_eq!(
            items("Update to\n\n...2.0 at last\nfor all\n- and more\n"),
            ["Update to 2.0 at last for all", "and more"]
        );
        assert_eq!(items("Update\n\n… now\n"), ["Update now"]);
        assert_eq!(items("Update\n\nBecause.\n\n- not this\n"), ["Update"]);
    }

    #[test]
    fn an_entry_has_a_date_in_utc_and_version_where_known() {
        let entry = |evr: Option<&str>| {
            let evr = evr.map(str::to_owned);
            let heading = Heading { seconds: 1_700_000_000, author: "A B <a@b>".into(), evr };
            Entry::Commit(heading, "Subject\n".into()).text()
        };
        assert_eq!(entry(Some("1:2-3")), "* Tue Nov 14 2023 A B <a@b> - 1:2-3\n- Subject");
        assert_eq!(entry(None), "* Tue Nov 14 2023 A B <a@b>\n- Subject");
    }
}
