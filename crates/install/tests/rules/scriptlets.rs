//! Scriptlets (`lib/rpmscript.cc`, `lib/psm.cc`): when, with what program, arguments, input and environment, and what failing means.

use crate::peers::{Case, End, judge};

const CASES: &[Case] = &[
    Case {
        name: "all-kinds",
        shell: true,
        packages: "\
== one
Requires: a-shell
%pretrans -p <lua>
@lua one pretrans
%pre
@sh one pre
%post
@sh one post
%posttrans
@sh one posttrans
%preun
@sh one preun
%postun
@sh one postun
%preuntrans
@sh one preuntrans
%postuntrans
@sh one postuntrans
%files
/usr/share/one
== two
Requires: one
%pretrans -p <lua>
@lua two pretrans
%pre -p <lua>
@lua two pre
%post -p <lua>
@lua two post
%posttrans -p <lua>
@lua two posttrans
%files
/usr/share/two
",
        ..Case::NEW
    },
    Case {
        name: "programs",
        shell: true,
        packages: "\
== one
Requires: a-shell
%post -p /bin/true-without-a-body
%files
== two
Requires: a-shell
%post -p /usr/bin/mkdir
/made-by-its-name
%files
== three
Requires: a-shell
%post -p \"/usr/bin/env VARIABLE=value /bin/sh\"
echo \"variable $VARIABLE\" >> /log
@sh three
%files
== four
Requires: a-shell
%post -p /usr/bin/mkdir
%files
",
        ..Case::NEW
    },
    Case {
        name: "environment",
        shell: true,
        packages: "\
== one
Requires: a-shell
%post
echo \"$PATH\" \"$PWD\" \"$(umask)\" \"$RPM_INSTALL_PREFIX\" >> /log
case $0 in /var/tmp/rpm-tmp.*) echo place >> /log ;; esac
[ -t 0 ] || echo no terminal >> /log
umask 077
cd /usr
echo secret > /secret
%posttrans
echo \"$PWD $(umask)\" >> /log
%files
",
        ..Case::NEW
    },
    Case {
        name: "failing-without-harm",
        shell: true,
        packages: "\
== one
Requires: a-shell
%post
echo before >> /log
exit 3
%posttrans
kill -9 $$
%files
/usr/share/one
== two
Requires: one
%post -p <lua>
error('no')
%posttrans -p <lua>
local nothing
nothing.field = 1
%files
/usr/share/two
== three
Requires: two
%post -p /usr/bin/missing
hello
%posttrans
@sh three
%files
",
        ..Case::NEW
    },
    Case {
        name: "failing-pre",
        shell: true,
        end: End::Critical,
        packages: "== one\nRequires: a-shell\n%pre\nexit 1\n%files\n/usr/share/one\n",
        ..Case::NEW
    },
    Case {
        name: "failing-pretrans",
        end: End::Critical,
        packages: "== one\n%pretrans -p <lua>\nerror('not here')\n%files\n/usr/share/one\n",
        ..Case::NEW
    },
    Case {
        name: "missing-program-of-pre",
        end: End::Critical,
        packages: "== one\n%pre -p /usr/bin/missing\n%files\n/usr/share/one\n",
        ..Case::NEW
    },
    Case {
        name: "pretrans-in-a-shell-that-is-not-there",
        shell: true,
        end: End::Critical,
        packages: "== one\nRequires: a-shell\n%pretrans\n@sh one\n%files\n/usr/share/one\n",
        ..Case::NEW
    },
    Case {
        name: "arguments-of-lua",
        packages: "\
== one
%post -p <lua>
local f = io.open('/log', 'w')
for position, value in ipairs(arg) do f:write(position, ' ', math.type(value) or type(value), ' ', tostring(value), '\\n') end
f:write(type(opt), ' ', #opt, '\\n')
f:close()
%files
",
        ..Case::NEW
    },
    Case {
        name: "expanded-when-installed",
        shell: true,
        packages: "\
== one
Requires: a-shell
%post -e
echo \"%%{_bindir} %%{?nothing:some}%%{!?nothing:none} %%{name}\" >> /log
%posttrans -e -p <lua>
local f = io.open('/log', 'a') f:write('%%{_sysconfdir}', '\\n') f:close()
%files
",
        ..Case::NEW
    },
    Case {
        name: "relocatable",
        shell: true,
        packages: "\
== one
Requires: a-shell
Prefix: /opt/one
Prefix: /etc/one
%post
echo \"$RPM_INSTALL_PREFIX $RPM_INSTALL_PREFIX0 $RPM_INSTALL_PREFIX1 $RPM_INSTALL_PREFIX2\" >> /log
%posttrans -p <lua>
local f = io.open('/log', 'a') f:write(table.concat(RPM_INSTALL_PREFIX, ' '), '\\n') f:close()
%triggerin -- two
echo \"$RPM_INSTALL_PREFIX1\" >> /log
%files
/opt/one/file
/etc/one/file
== two
Requires: one
%post -p <lua>
local f = io.open('/log', 'a') f:write(tostring(RPM_INSTALL_PREFIX), '\\n') f:close()
",
        ..Case::NEW
    },
    Case {
        name: "without-files",
        packages: "== one\n%pre -p <lua>\n@lua pre\n%post -p <lua>\n@lua post\n%files\n",
        ..Case::NEW
    },
];

#[test]
fn scriptlets_run_as_in_rpm() {
    let Some(judged) = judge(CASES) else { return };
    let log = &judged.of("all-kinds").log;
    assert_eq!(log.lines().count(), 8, "{log}");
    assert!(judged.of("environment").log.contains("place\nno terminal"), "{}", judged.of("environment").log);
}
