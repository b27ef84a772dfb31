//! Files of a package in; the content of a generated file out. Pure.

use super::Generator;

/// Reads a file of the package as text.
pub(super) type ReadText<'a> = &'a dyn Fn(&str) -> Result<String, super::OverrideError>;

const PASSWD: &str = "/usr/share/base-passwd/passwd.master";
const GROUP: &str = "/usr/share/base-passwd/group.master";
const CERTIFICATES: &str = "/usr/share/ca-certificates/";

/// Content of a generated file; `day` is the package's time in days since 1970.
pub(super) fn content(
    generator: Generator,
    paths: &mut dyn Iterator<Item = &str>,
    read: ReadText<'_>,
    day: u32,
) -> Result<String, super::OverrideError> {
    Ok(match generator {
        Generator::CertificateList => paths
            .filter_map(|path| path.strip_prefix(CERTIFICATES).filter(|path| path.ends_with(".crt")))
            .map(|path| format!("{path}\n"))
            .collect(),
        Generator::Passwd => read(PASSWD)?.replace(":*:", ":x:"),
        Generator::Group => read(GROUP)?.replace(":*:", ":x:"),
        Generator::Shadow => names(&read(PASSWD)?)
            .map(|name| format!("{name}:{}:{day}:0:99999:7:::\n", if name == "root" { "!" } else { "*" }))
            .collect(),
        Generator::Gshadow => names(&read(GROUP)?).map(|name| format!("{name}:*::\n")).collect(),
    })
}

/// Account names of a text in passwd's or group's format.
pub(super) fn names(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_files_follow_the_master_files() {
        let read = |path: &str| {
            Ok(match path {
                PASSWD => "root:*:0:0:root:/root:/bin/bash\nmail:*:8:8:mail:/var/mail:/usr/sbin/nologin\n"
                    .to_owned(),
                _ => "root:*:0:\nshadow:*:42:\n".to_owned(),
            })
        };
        let generate = |generator| content(generator, &mut std::iter::empty(), &read, 20_000).unwrap();
        assert!(generate(Generator::Passwd).starts_with("root:x:0:0:root:/root:/bin/bash\nmail:x:8:8:"));
        assert_eq!(generate(Generator::Group), "root:x:0:\nshadow:x:42:\n");
        assert_eq!(generate(Generator::Shadow), "root:!:20000:0:99999:7:::\nmail:*:20000:0:99999:7:::\n");
        assert_eq!(generate(Generator::Gshadow), "root:*::\nshadow:*::\n");
    }

    #[test]
    fn certificates_are_listed_below_their_folder() {
        let paths =
            ["/etc/x.crt", "/usr/share/ca-certificates/mozilla/A.crt", "/usr/share/ca-certificates/mozilla"];
        let read = |_: &str| Ok(String::new());
        let list = content(Generator::CertificateList, &mut paths.into_iter(), &read, 0).unwrap();
        assert_eq!(list, "mozilla/A.crt\n");
    }
}
