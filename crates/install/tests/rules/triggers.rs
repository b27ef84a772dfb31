//! Triggers on packages and on files (`lib/psm.cc`, `lib/rpmtriggers.cc`): which run, when, in what order, with what arguments and input.

use crate::peers::{Case, End, judge};

const CASES: &[Case] = &[
    Case {
        name: "own-and-others",
        shell: true,
        packages: "\
== first
Requires: a-shell
%triggerprein -- second
@sh first triggerprein second
%triggerin -- second
@sh first triggerin second
%triggerun -- second
@sh first triggerun second
%triggerpostun -- second
@sh first triggerpostun second
%triggerin -- first
@sh first triggerin itself
%triggerprein -- first
@sh first triggerprein itself
%pre
@sh first pre
%post
@sh first post
%files
/usr/share/first
== second
Requires: first
%triggerprein -- first
@sh second triggerprein first
%triggerin -- first
@sh second triggerin first
%pre
@sh second pre
%post
@sh second post
%files
/usr/share/second
",
        ..Case::NEW
    },
    Case {
        name: "several-names-and-versions",
        shell: true,
        packages: "\
== watcher
Requires: a-shell
%triggerin -- b, c > 1, d = 2
@sh watcher triggerin many
%triggerin -- e < 2
@sh watcher triggerin old e
%triggerin -- f >= 2
@sh watcher triggerin new f
%triggerprein -- f >= 4, c < 3, c = 3
@sh watcher triggerprein of versions
%triggerin -- capability
@sh watcher triggerin capability
%triggerprein -- d = 2-1, b = 1:1-1, e = 0:2
@sh watcher triggerprein exact
%files
== b 1
Epoch: 1
Requires: watcher
Provides: capability
%files
== c 3
Requires: b
%files
== d 2
Requires: c
%files
== e 2
Requires: d
%files
== f 2
Requires: e
%files
",
        ..Case::NEW
    },
    Case {
        name: "watchers-of-one",
        shell: true,
        packages: "\
== w1
Requires: a-shell
%triggerin -- target
@sh w1
%files
== w2
Requires: w1
%triggerin -- target
@sh w2
%triggerprein -- target >= 1
@sh w2 before
%files
== w3
Requires: w2
%triggerin -p <lua> -- target
@lua w3
%files
== target
Requires: w3
%triggerin -- w1, w2
@sh target
%files
== later
Requires: target
%triggerin -- target
@sh later
%triggerprein -- target
@sh later prein
%files
",
        ..Case::NEW
    },
    Case {
        name: "failing-triggerin",
        shell: true,
        packages: "\
== one
Requires: a-shell
%triggerin -- two
exit 7
%triggerin -p <lua> -- three
error('no')
%filetriggerin -- /usr/share
exit 8
%transfiletriggerin -- /usr/share
exit 9
%filetriggerin -p <lua> -- /usr/share
error('no')
%files
== two
Requires: one
%post
@sh two post
%files
/usr/share/two
== three
Requires: two
",
        ..Case::NEW
    },
    Case {
        name: "failing-triggerprein",
        shell: true,
        end: End::Critical,
        packages: "== one\nRequires: a-shell\n%triggerprein -- two\nexit 7\n%files\n== two\nRequires: one\n%files\n/usr/share/two\n",
        ..Case::NEW
    },
    Case {
        name: "file-triggers-and-priorities",
        shell: true,
        packages: "\
== watcher
Requires: a-shell
%filetriggerin -P 9999 -- /usr/share
@sh watcher 9999
%filetriggerin -P 10000 -- /usr/share
@sh watcher 10000
%filetriggerin -P 10001 -- /usr/share
@sh watcher 10001
%filetriggerin -- /usr/share
@sh watcher default
%filetriggerin -P 2000000 -- /usr/share
@sh watcher 2000000
%filetriggerin -P 0 -- /usr/share
@sh watcher 0
%transfiletriggerin -P 5 -- /usr/share
@sh watcher trans 5
%transfiletriggerin -- /usr/share
@sh watcher trans default
%transfiletriggerin -P 20000000 -- /usr/share
@sh watcher trans 20000000
%post
@sh watcher post
%files
/usr/share/watcher
== second-watcher
Requires: watcher
%filetriggerin -P 10000 -- /usr/share/target
@sh second 10000
%filetriggerin -P 9999 -- /usr/share/target
@sh second 9999
%transfiletriggerin -P 5 -- /usr/share/target /usr/share/second
@sh second trans 5
%post
@sh second post
%files
/usr/share/second/one
== target
Requires: second-watcher
%pre
@sh target pre
%post
@sh target post
%posttrans
@sh target posttrans
%triggerin -- target
@sh target triggerin
%files
/usr/share/target/a
/usr/share/target/b
/usr/share/zz
/usr/lib/other
",
        ..Case::NEW
    },
    Case {
        name: "prefixes",
        shell: true,
        packages: "\
== watcher
Requires: a-shell
%filetriggerin -- /usr/lib/a /usr/lib/b /usr/share
@sh watcher several
%filetriggerin -- /usr/share /usr/lib/b /usr/lib/a
@sh watcher reversed
%filetriggerin -- /usr/lib /usr/lib/a
@sh watcher overlapping
%filetriggerin -- /usr/li
@sh watcher part of a name
%filetriggerin -- /usr/lib/
@sh watcher with a slash
%filetriggerin -- /nowhere
@sh watcher never
%filetriggerin -- /usr/lib/b/deep/file
@sh watcher one file
%filetriggerin -- /
@sh watcher all
%transfiletriggerin -- /usr/lib/b /usr/lib/a /usr/lib
@sh watcher trans
%transfiletriggerin -- /nowhere
@sh watcher trans never
%files
/usr/lib/a-of-watcher
== target
Requires: watcher
%files
%dir /usr/lib/a
/usr/lib/a/1
/usr/lib/ab
%dir /usr/lib/b
%dir /usr/lib/b/deep
/usr/lib/b/deep/file
/usr/share/file
== last
Requires: target
%files
/usr/lib/a/0
/usr/lib/b/0
",
        ..Case::NEW
    },
    Case {
        name: "states-of-files",
        shell: true,
        packages: "\
== watcher
Requires: a-shell
%filetriggerin -- /usr/share
@sh watcher
%transfiletriggerin -- /usr/share
@sh watcher trans
%files
== target
Requires: watcher
%install
mkdir -p %{buildroot}/usr/share/target
echo shared > %{buildroot}/usr/share/target/shared
ln -s nowhere %{buildroot}/usr/share/target/link
%files
%dir /usr/share/target
%ghost /usr/share/target/ghost
%doc /usr/share/target/doc
%lang(es) /usr/share/target/es
/usr/share/target/shared
/usr/share/target/link
%config(noreplace) /usr/share/target/config
== zz-the-same
Requires: target
%install
mkdir -p %{buildroot}/usr/share/target
echo shared > %{buildroot}/usr/share/target/shared
%files
/usr/share/target/shared
%dir /usr/share/target
",
        policy: crate::peers::Policy::German,
        ..Case::NEW
    },
    Case {
        name: "in-lua",
        packages: "\
== watcher
%filetriggerin -p <lua> -- /usr/share
@lua watcher
%transfiletriggerin -p <lua> -- /usr/share /usr/lib
@lua watcher trans
%transfiletriggerin -p <lua> -P 100 -- /usr/share
local f = io.open('/log', 'a')
f:write(type(rpm.next_file), ' ', rpm.next_file(), ' ', tostring(arg[1]), ' ', #arg, '\\n')
f:close()
%triggerin -p <lua> -- target
@lua watcher triggerin
local f = io.open('/log', 'a')
f:write(type(rpm.next_file), '\\n')
f:close()
%files
/usr/share/0
== target
Requires: watcher
%files
/usr/share/1
/usr/share/2
/usr/lib/3
",
        ..Case::NEW
    },
    Case {
        name: "input-that-nobody-reads",
        shell: true,
        packages: "\
== watcher
Requires: a-shell
%transfiletriggerin -- /usr/share
echo started >> /log
exec 0<&-
%transfiletriggerin -p /usr/bin/mkdir -- /usr/share
%transfiletriggerin -p /bin/sh -- /usr/share
read -r first
echo \"$first\" >> /log
%install
mkdir -p %{buildroot}/usr/share/many
for number in $(seq 4000); do : > %{buildroot}/usr/share/many/a-file-with-a-long-name-$number; done
%files
/usr/share/many
",
        ..Case::NEW
    },
    Case {
        name: "expanded-triggers",
        shell: true,
        packages: "\
== watcher
Requires: a-shell
%triggerin -e -- target
echo \"%%{_bindir}\" >> /log
%filetriggerin -q -- /usr/share
echo \"%%{name}\" >> /log
%transfiletriggerin -e -q -- /usr/share
echo \"%%{_datadir} %%%%{version}\" >> /log
%files
== target
Requires: watcher
%files
/usr/share/target
",
        ..Case::NEW
    },
];

#[test]
fn triggers_run_as_in_rpm() {
    let Some(judged) = judge(CASES) else { return };
    let log = &judged.of("file-triggers-and-priorities").log;
    assert!(log.lines().count() > 40, "{log}");
    assert!(
        judged.of("own-and-others").log.contains("second triggerin first 2 1 1"),
        "{}",
        judged.of("own-and-others").log
    );
}
