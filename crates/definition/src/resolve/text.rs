//! Checks of single values that several tables share.

use url::Url;

use crate::decode::Text;
use crate::problem::Collector;

/// Whether a resource's name is made of letters, digits and `_.:-`, the first being a letter or digit.
pub(crate) fn is_resource_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':' | '-'))
}

/// Whether a name can stand as one path element: no separator, no white space, not `.` or `..`.
pub(crate) fn is_plain_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && name.chars().all(|c| c.is_ascii_graphic() && c != '/' && c != '\\')
}

/// Whether a text is there and not empty.
pub(crate) fn says(text: Option<&Text>) -> bool {
    text.is_some_and(|text| !text.is_empty())
}

/// The text, if it says anything.
pub(crate) fn stated(text: Option<&Text>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(|text| text.value.clone())
}

/// Whether this is a moment as RFC 3339 writes it: date, `T`, time, and `Z` or an offset.
pub(crate) fn is_rfc3339(text: &str) -> bool {
    let offset = text.ends_with('Z')
        || text.len() > 6 && matches!(text.as_bytes()[text.len() - 6], b'+' | b'-') && text.is_ascii();
    text.as_bytes().get(10) == Some(&b'T') && offset && text.parse::<jiff::Timestamp>().is_ok()
}

/// Reports an empty value or one with a line break or NUL in it.
pub(crate) fn check_one_line(text: &Text, what: &str, collector: &mut Collector) -> bool {
    if text.trim().is_empty() {
        collector.report(text.place, format!("{what} is empty"));
        return false;
    }
    if text.contains(['\r', '\n', '\0', '\u{2028}', '\u{2029}']) {
        collector.report(text.place, format!("{what} holds a line break or NUL"));
        return false;
    }
    true
}

/// An address with one of the schemes.
pub(crate) fn parse_url(
    text: &Text,
    value: &str,
    schemes: &[&str],
    collector: &mut Collector,
) -> Option<Url> {
    let hint = format!(
        "write {}",
        schemes.iter().map(|scheme| format!("`{scheme}://…`")).collect::<Vec<_>>().join(" or ")
    );
    let url = match Url::parse(value) {
        Ok(url) => url,
        Err(error) => {
            collector.report_hinted(text.place, format!("`{value}` is no address: {error}"), hint);
            return None;
        }
    };
    if !schemes.contains(&url.scheme()) {
        collector.report_hinted(
            text.place,
            format!("address `{value}` has the scheme `{}`", url.scheme()),
            hint,
        );
        return None;
    }
    if url.scheme() != "file" && url.host_str().is_none_or(str::is_empty) {
        collector.report(text.place, format!("address `{value}` names no host"));
        return None;
    }
    Some(url)
}

/// Reports every value that stands in a list twice, and gives the list without repetitions.
pub(crate) fn distinct(list: Option<&Vec<Text>>, what: &str, collector: &mut Collector) -> Vec<Text> {
    let mut seen: Vec<Text> = Vec::new();
    for item in list.into_iter().flatten() {
        if !check_one_line(item, &format!("the name of this {what}"), collector) {
            continue;
        }
        if let Some(first) = seen.iter().find(|other| other.value == item.value) {
            let hint = format!("it is first named at {}", collector.sources.describe(first.place));
            collector.report_hinted(item.place, format!("{what} `{item}` is named twice"), hint);
            continue;
        }
        seen.push(item.clone());
    }
    seen
}
