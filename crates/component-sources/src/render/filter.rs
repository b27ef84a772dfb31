//! A component's files and what its spec lists, in; the files that belong to a rendered component, out.
//! Nothing here reads a disk.

use std::collections::BTreeSet;

use super::listed::top_name;
use super::output::Files;
use crate::prepare::SOURCES_FILE;

/// What a spec says about its sources and patches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listing {
    /// The value of every `Source` and `Patch`, macros expanded.
    Values(Vec<String>),
    /// Some value cannot be known, and why.
    Unknown(String),
}

/// Takes away what neither is the spec nor the `sources` file nor is named by the spec. Where a name is not known, everything
/// stays, and why is told.
pub fn filter(files: &mut Files, spec: &str, listing: &Listing) -> Option<String> {
    let values = match listing {
        Listing::Values(values) => values,
        Listing::Unknown(reason) => return Some(format!("all files are kept: {reason}")),
    };
    // A macro that nothing defines stays as it is written: no file has such a name, so which one is meant is not known.
    if let Some(value) = values.iter().find(|value| value.contains("%{")) {
        return Some(format!("all files are kept: `{value}` has a macro that nothing defines"));
    }
    let named: BTreeSet<String> = values.iter().filter_map(|value| top_name(value)).collect();
    files.retain(|path, _file| {
        let top = path.split('/').next().unwrap_or(path);
        path == spec || top == SOURCES_FILE || named.contains(top)
    });
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prepare::PreparedFile;

    fn filtered(values: &[&str]) -> (Vec<String>, Option<String>) {
        let paths = [
            "README.md",
            "fix.patch",
            "patches/1.patch",
            "patches/2.patch",
            "sources",
            "tool.service",
            "tool.spec",
        ];
        let file = PreparedFile { bytes: Vec::new(), executable: false };
        let mut files: Files = paths.iter().map(|path| ((*path).to_owned(), file.clone())).collect();
        let listing = Listing::Values(values.iter().map(|value| (*value).to_owned()).collect());
        let note = filter(&mut files, "tool.spec", &listing);
        (files.into_keys().collect(), note)
    }

    #[test]
    fn what_the_spec_names_stays_and_with_a_file_of_a_folder_the_whole_folder() {
        let (paths, note) =
            filtered(&["https://example.com/tool-1.tar.gz", "tool.service", "patches/1.patch"]);
        assert_eq!(paths, ["patches/1.patch", "patches/2.patch", "sources", "tool.service", "tool.spec"]);
        assert_eq!(note, None);
        assert_eq!(filtered(&[]).0, ["sources", "tool.spec"]);
    }

    #[test]
    fn everything_stays_where_a_name_is_not_known() {
        let (paths, note) = filtered(&["fix.patch", "57-%{fontname}.conf"]);
        assert_eq!(paths.len(), 7);
        assert_eq!(
            note.unwrap(),
            "all files are kept: `57-%{fontname}.conf` has a macro that nothing defines"
        );
    }
}
