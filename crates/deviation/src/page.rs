//! A report, in; one HTML page that needs nothing else, out.

use std::fmt::{Display, Write as _};

use crate::report::{Report, Totals, Trend};
use crate::stated::{Deviation, Kind, counted};

const STYLE: &str = "\
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 20%, transparent); }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .6rem; text-align: left; vertical-align: top; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
code { overflow-wrap: anywhere; }
details > summary { cursor: pointer; font-weight: 600; }
.missing { font-style: italic; opacity: .75; }
";

/// The page; `title` names the distribution.
pub fn page(title: &str, report: &Report, trend: Option<&Trend>) -> String {
    let mut page = Page(String::new());
    page.add("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    page.add("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    page.add(&format!(
        "<title>{}: deviations</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n",
        Escaped(title)
    ));
    page.add(&format!("<h1>How {} differs from its upstreams</h1>\n", Escaped(title)));
    if let Some(as_of) = report.as_of {
        page.add(&format!("<p>As of {}.</p>\n", as_of.strftime("%Y-%m-%d")));
    }
    page.totals(&report.totals, trend.map(|trend| &trend.before));
    if let Some(trend) = trend {
        page.moved("Came", &trend.came);
        page.moved("Went", &trend.went);
    }
    page.components(report);
    page.add("</body>\n</html>\n");
    page.0
}

struct Page(String);

impl Page {
    fn add(&mut self, html: &str) {
        self.0.push_str(html);
    }

    fn totals(&mut self, totals: &Totals, before: Option<&Totals>) {
        self.add("<h2>Totals</h2>\n<table>\n<thead><tr><th scope=\"col\">What</th><th scope=\"col\" class=\"number\">Now</th>");
        if before.is_some() {
            self.add("<th scope=\"col\" class=\"number\">Before</th>");
        }
        self.add("</tr></thead>\n<tbody>\n");
        let mut row = |what: &str, of: &dyn Fn(&Totals) -> usize| {
            let _infallible =
                write!(self.0, "<tr><td>{}</td><td class=\"number\">{}</td>", Escaped(what), of(totals));
            if let Some(before) = before {
                let _infallible = write!(self.0, "<td class=\"number\">{}</td>", of(before));
            }
            self.0.push_str("</tr>\n");
        };
        row("components", &|totals| totals.components);
        row("components that differ", &|totals| totals.deviating);
        row("components that differ by more than skipped tests", &|totals| totals.deviating_beyond_checks);
        row("deviations", &|totals| totals.deviations);
        row("deviations without a reason", &|totals| totals.unexplained);
        row("changes without an upstream status", &|totals| totals.without_upstream_status);
        row("lines", &|totals| totals.lines);
        for kind in Kind::ALL {
            row(kind.words(), &|totals| totals.kinds.get(&kind).copied().unwrap_or_default());
        }
        let earlier = |of: fn(&Totals) -> Vec<&'static str>| {
            let mut names = of(totals);
            names.extend(before.map(of).unwrap_or_default());
            names.sort_unstable();
            names.dedup();
            names
        };
        for name in earlier(|totals| totals.categories.keys().copied().collect()) {
            row(name, &|totals| totals.categories.get(name).copied().unwrap_or_default());
        }
        for name in earlier(|totals| totals.upstream_statuses.keys().copied().collect()) {
            let words = format!("upstream status: {name}");
            row(&words, &|totals| totals.upstream_statuses.get(name).copied().unwrap_or_default());
        }
        self.add("</tbody>\n</table>\n");
    }

    fn moved(&mut self, heading: &str, moved: &[crate::report::Moved]) {
        self.add(&format!("<h2>{heading}: {}</h2>\n", counted(moved.len(), "deviation")));
        if moved.is_empty() {
            return;
        }
        self.add("<ul>\n");
        for moved in moved {
            let (component, kind) = (Escaped(&moved.component), moved.kind.words());
            self.add(&format!("<li>{component}, {kind}: <code>{}</code></li>\n", Escaped(&moved.what)));
        }
        self.add("</ul>\n");
    }

    fn components(&mut self, report: &Report) {
        self.add(&format!("<h2>{}</h2>\n", counted(report.components.len(), "component")));
        for component in &report.components {
            let mut facts =
                vec![counted(component.deviations.len(), "deviation"), counted(component.lines, "line")];
            facts.extend(component.oldest_days.map(|days| format!("oldest {days} days")));
            let name = Escaped(&component.component);
            self.add(&format!("<details id=\"{name}\">\n<summary>{name} ({})</summary>\n", facts.join(", ")));
            self.add("<table>\n<thead><tr><th scope=\"col\">Kind</th><th scope=\"col\">What</th><th scope=\"col\">Why</th>");
            self.add("<th scope=\"col\">Upstream</th><th scope=\"col\">Since</th><th scope=\"col\" class=\"number\">Lines</th>");
            self.add("<th scope=\"col\">Stated in</th></tr></thead>\n<tbody>\n");
            for deviation in &component.deviations {
                self.deviation(deviation);
            }
            self.add("</tbody>\n</table>\n</details>\n");
        }
    }

    fn deviation(&mut self, deviation: &Deviation) {
        self.add(&format!(
            "<tr><td>{}</td><td><code>{}</code></td><td>",
            deviation.kind.words(),
            Escaped(&deviation.what)
        ));
        match (&deviation.why, deviation.category) {
            (None, None) => self.add("<span class=\"missing\">not said</span>"),
            (why, category) => {
                let category = category.map(|category| format!("[{category}] ")).unwrap_or_default();
                self.add(&format!("{category}{}", Escaped(why.as_deref().unwrap_or_default())));
            }
        }
        self.add(&format!("</td><td>{}", Escaped(deviation.upstream_status.unwrap_or_default())));
        for address in deviation.commits.iter().chain(&deviation.bugs) {
            // Addresses are checked to be http or https when the definition is read.
            self.add(&format!(" <a href=\"{0}\">{0}</a>", Escaped(address)));
        }
        let since = deviation.since.map(|since| since.strftime("%Y-%m-%d").to_string()).unwrap_or_default();
        let (lines, place) = (deviation.lines, Escaped(&deviation.place));
        self.add(&format!("</td><td>{since}</td><td class=\"number\">{lines}</td><td>{place}</td></tr>\n"));
    }
}

/// Text between tags or within a quoted attribute.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for letter in self.0.chars() {
            match letter {
                '&' => out.write_str("&amp;")?,
                '<' => out.write_str("&lt;")?,
                '>' => out.write_str("&gt;")?,
                '"' => out.write_str("&quot;")?,
                '\'' => out.write_str("&#39;")?,
                // HTML has no way to write other control characters.
                letter if letter.is_control() && letter != '\n' && letter != '\t' => {
                    out.write_char('\u{fffd}')?
                }
                letter => out.write_char(letter)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_definition_becomes_markup() {
        let escaped = Escaped("<script>\"&'\u{1b}").to_string();
        assert_eq!(escaped, "&lt;script&gt;&quot;&amp;&#39;\u{fffd}");
    }
}
