//! Packages in a short form of spec files, in; a whole spec for each, out.
//!
//! `== NAME [VERSION]` begins a package; its preamble follows, then sections as in a spec. Missing tags are filled in, files that
//! no `%install` makes are made: a listed path holds its package's name and itself. `@sh TEXT` and `@lua TEXT` in a script write
//! the text, the script's arguments and its input to `/log`; `@say` defines a function of Lua that prints there.

/// A spec file and the package that it makes.
pub(crate) struct Spec {
    pub(crate) name: String,
    pub(crate) text: String,
}

pub(crate) fn specs(text: &str) -> Vec<Spec> {
    text.split("\n== ")
        .map(|part| part.trim_start_matches("== "))
        .filter(|part| !part.trim().is_empty())
        .map(spec)
        .collect()
}

fn spec(part: &str) -> Spec {
    let (head, body) = part.split_once('\n').unwrap_or((part, ""));
    let mut words = head.split_whitespace();
    let name = words.next().expect("a package has a name").to_owned();
    let version = words.next().unwrap_or("1").to_owned();
    let begins_section =
        |line: &str| SECTIONS.iter().any(|section| line.split([' ', '\t']).next() == Some(section));
    let lines: Vec<&str> = body.lines().collect();
    let sections = lines.iter().position(|line| begins_section(line)).unwrap_or(lines.len());
    let (preamble, rest) = lines.split_at(sections);
    let mut text = format!("Name: {name}\nVersion: {version}\nSummary: made for a test\nLicense: MIT\n");
    for (tag, line) in
        [("Release:", "Release: 1"), ("BuildArch:", "BuildArch: noarch"), ("AutoReqProv:", "AutoReqProv: no")]
    {
        if !preamble.iter().any(|given| given.starts_with(tag)) {
            text += line;
            text.push('\n');
        }
    }
    for line in preamble.iter().filter(|line| **line != "BuildArch: none") {
        text += &format!("{line}\n");
    }
    text += "%description\nMade for a test.\n";
    let (install, others) = take_install(rest, begins_section);
    text += &others.iter().map(|line| script_line(line)).collect::<Vec<_>>().join("\n");
    text += "\n%install\n";
    text += &install.join("\n");
    text.push('\n');
    if !others.iter().any(|line| line.starts_with("%files")) {
        text += "%files\n";
    }
    for line in in_section(&others, "%files", begins_section) {
        text += &make_listed(&name, line);
    }
    Spec { name: format!("{name}-{version}"), text }
}

const SECTIONS: [&str; 24] = [
    "%install",
    "%files",
    "%pre",
    "%post",
    "%preun",
    "%postun",
    "%pretrans",
    "%posttrans",
    "%preuntrans",
    "%postuntrans",
    "%triggerprein",
    "%triggerin",
    "%triggerun",
    "%triggerpostun",
    "%filetriggerin",
    "%filetriggerun",
    "%filetriggerpostun",
    "%transfiletriggerin",
    "%transfiletriggerun",
    "%transfiletriggerpostun",
    "%prep",
    "%build",
    "%verify",
    "%sourcelist",
];

fn take_install<'a>(lines: &[&'a str], begins: impl Fn(&str) -> bool) -> (Vec<&'a str>, Vec<&'a str>) {
    let (mut install, mut others, mut inside) = (Vec::new(), Vec::new(), false);
    for line in lines {
        if begins(line) {
            inside = line.starts_with("%install");
            if inside {
                continue;
            }
        }
        if inside { install.push(*line) } else { others.push(*line) }
    }
    (install, others)
}

fn in_section<'a>(lines: &[&'a str], wanted: &str, begins: impl Fn(&str) -> bool) -> Vec<&'a str> {
    let mut inside = false;
    let mut found = Vec::new();
    for line in lines {
        if begins(line) {
            inside = line.starts_with(wanted);
        } else if inside {
            found.push(*line);
        }
    }
    found
}

/// Makes a listed path in the build root unless it is there.
fn make_listed(name: &str, line: &str) -> String {
    let Some(path) = line.split_whitespace().last().filter(|word| word.starts_with('/')) else {
        return String::new();
    };
    if line.contains("%dev(") || path.contains('*') {
        return String::new();
    }
    let inside = format!("%{{buildroot}}{path}");
    let make = if line.contains("%dir") {
        format!("mkdir -p {inside}")
    } else {
        format!("mkdir -p \"$(dirname {inside})\"; printf '%s\\n' '{name} {path}' > {inside}")
    };
    format!("[ -e {inside} ] || [ -L {inside} ] || {{ {make}; }}\n")
}

fn script_line(line: &str) -> String {
    if let Some(text) = line.strip_prefix("@sh ") {
        return format!(
            "echo \"{text} $# $*\" >> /log; while read -r line; do echo \"   $line\" >> /log; done"
        );
    }
    if let Some(text) = line.strip_prefix("@lua ") {
        return format!(
            "do local f = io.open('/log', 'a') f:write('{text} ', tostring(arg[2]), ' ', tostring(arg[3]), '\\n') \
             if rpm.next_file then local p = rpm.next_file() while p do f:write('   ', p, '\\n') p = rpm.next_file() end end f:close() end"
        );
    }
    if line == "@say" {
        return "local function say(...) local f = io.open('/log', 'a') for i = 1, select('#', ...) do \
                f:write(i > 1 and '\\t' or '', tostring((select(i, ...)))) end f:write('\\n') f:close() end"
            .to_owned();
    }
    line.to_owned()
}

/// A shell with what it needs, copied from the root that the packages are built in.
pub(crate) const SHELL: &str = "\
== a-shell
BuildArch: none
Provides: /bin/sh
%install
mkdir -p %{buildroot}/usr/bin %{buildroot}/usr/lib %{buildroot}/var/tmp
ln -s usr/bin %{buildroot}/bin
ln -s usr/lib %{buildroot}/lib64; ln -s usr/lib %{buildroot}/lib
cp /usr/bin/dash %{buildroot}/usr/bin/sh
cp /usr/bin/cat /usr/bin/mkdir /usr/bin/env %{buildroot}/usr/bin/
for library in $(ldd /usr/bin/dash /usr/bin/mkdir | sed -n 's/.*=> \\([^ ]*\\).*/\\1/p' | sort -u); do
    cp -L $library %{buildroot}/usr/lib/
done
cp -L /lib64/ld-linux-x86-64.so.2 %{buildroot}/usr/lib/
%files
/bin
/lib64
%dir /usr/bin
%dir /usr/lib
%dir %attr(1777, root, root) /var/tmp
/lib
/usr/bin/*
/usr/lib/*
";

#[cfg(test)]
mod tests {
    use super::specs;

    #[test]
    fn what_is_missing_is_filled_in() {
        let specs = specs("== one 2\nRequires: two\n%files\n%dir /a\n/a/b\n== two\n%post\n@sh hello\n");
        assert_eq!(specs.iter().map(|spec| spec.name.as_str()).collect::<Vec<_>>(), ["one-2", "two-1"]);
        assert!(specs[0].text.starts_with("Name: one\nVersion: 2\n"), "{}", specs[0].text);
        assert!(specs[0].text.contains("Requires: two\n%description"), "{}", specs[0].text);
        assert!(specs[0].text.contains("printf '%s\\n' 'one /a/b'"), "{}", specs[0].text);
        assert!(specs[1].text.contains("echo \"hello $# $*\" >> /log"), "{}", specs[1].text);
    }
}
