//! Accounts that packages provide (`lib/psm.cc: runSysusers`, rpm-sysusers(7)), against systemd-sysusers as rpm calls it.

use crate::peers::{Case, End, Format, judge};

macro_rules! with_setup {
    ($name:literal, $packages:literal) => {
        Case { name: $name, packages: concat!(
            "== a-setup\n%install\nmkdir -p %{buildroot}/etc\n",
            "printf 'root:x:0:0:Super User:/root:/bin/sh\\nbin:x:1:1:bin:/bin:/usr/sbin/nologin\\n' > %{buildroot}/etc/passwd\n",
            "printf 'root:x:0:\\nbin:x:1:\\nmail:x:12:\\n' > %{buildroot}/etc/group\n",
            "printf 'root:!locked::0:99999:7:::\\nbin:*:18000:0:99999:7:::\\n' > %{buildroot}/etc/shadow\n",
            "printf 'root:::\\nbin:::\\nmail:::\\n' > %{buildroot}/etc/gshadow\n",
            "%files\n/etc/passwd\n/etc/group\n%attr(0000, root, root) /etc/shadow\n%attr(0000, root, root) /etc/gshadow\n",
            $packages), ..Case::NEW }
    };
}

const CASES: &[Case] = &[
    with_setup!("users-of-every-form", "\
== daemon
AutoReqProv: yes
Requires(pre): a-setup
%install
mkdir -p %{buildroot}/usr/lib/sysusers.d
cat > %{buildroot}/usr/lib/sysusers.d/daemon.conf <<'END'
# a comment
u first - \"First User\" /var/lib/first /bin/sh
u second 350
u third 351:350 \"With a group by number\"
u fourth -:mail \"With a group by name\" /
u! fifth 352 \"Locked\" - -
g group-only -
g numbered 450
m first mail
m second group-only
u sixth - 'In single quotes' \"/with blank\"
END
%files
/usr/lib/sysusers.d/daemon.conf
%attr(0644, first, first) /usr/share/daemon/first
%attr(0644, second, group-only) /usr/share/daemon/second
%attr(0644, third, numbered) /usr/share/daemon/third
%attr(2755, fourth, mail) /usr/share/daemon/fourth
"),
    with_setup!("numbers-go-down", "\
== b-one
AutoReqProv: yes
Requires(pre): a-setup
%install
mkdir -p %{buildroot}/usr/lib/sysusers.d
printf 'u one -\\nu two -\\ng three -\\n' > %{buildroot}/usr/lib/sysusers.d/one.conf
%files
/usr/lib/sysusers.d/one.conf
== c-two
AutoReqProv: yes
Requires(pre): b-one
%install
mkdir -p %{buildroot}/usr/lib/sysusers.d
printf 'u four 998\\nu five -\\ng six 999\\n' > %{buildroot}/usr/lib/sysusers.d/two.conf
printf 'u seven -\\nu one 77\\n' > %{buildroot}/usr/lib/sysusers.d/another.conf
%files
/usr/lib/sysusers.d/two.conf
/usr/lib/sysusers.d/another.conf
"),
    with_setup!("owners-of-paths", "\
== b-base
Requires(pre): a-setup
%files
/usr/bin/tool
%attr(0755, root, mail) /usr/share/of-mail
== c-user
AutoReqProv: yes
Requires(pre): b-base
%install
mkdir -p %{buildroot}/usr/lib/sysusers.d
printf 'u owner /usr/bin/tool\\ng reader /usr/share/of-mail\\nu absent /nowhere\\n' > %{buildroot}/usr/lib/sysusers.d/user.conf
%files
/usr/lib/sysusers.d/user.conf
"),
    with_setup!("members-of-others", "\
== daemon
AutoReqProv: yes
Requires(pre): a-setup
%install
mkdir -p %{buildroot}/usr/lib/sysusers.d
printf 'm new-user new-group\\nm bin mail\\nm bin new-group\\nu another -\\nm another bin\\n' > %{buildroot}/usr/lib/sysusers.d/x.conf
%files
/usr/lib/sysusers.d/x.conf
"),
    Case {
        name: "without-account-files",
        packages: "== daemon\nAutoReqProv: yes\n%install\nmkdir -p %{buildroot}/usr/lib/sysusers.d\nprintf 'u one -\\ng two 5\\n' > %{buildroot}/usr/lib/sysusers.d/x.conf\n\
                   %files\n/usr/lib/sysusers.d/x.conf\n%attr(0644, one, two) /usr/share/x\n",
        ..Case::NEW
    },
    Case {
        name: "group-with-a-description",
        end: End::Critical,
        packages: "== daemon\nAutoReqProv: yes\n%install\nmkdir -p %{buildroot}/usr/lib/sysusers.d\nprintf 'g two 5 \"Two\"\\n' > %{buildroot}/usr/lib/sysusers.d/x.conf\n\
                   %files\n/usr/lib/sysusers.d/x.conf\n",
        ..Case::NEW
    },
    Case {
        name: "packages-of-format-6",
        format: Format::Six,
        packages: "== daemon\nAutoReqProv: yes\n%install\nmkdir -p %{buildroot}/usr/lib/sysusers.d\nprintf 'u one - \"One\" /var/lib/one /bin/sh\\nu! two 5\\n' > %{buildroot}/usr/lib/sysusers.d/x.conf\n\
                   %files\n/usr/lib/sysusers.d/x.conf\n%attr(0644, one, two) /usr/share/x\n",
        ..Case::NEW
    },
    Case {
        name: "stated-by-hand",
        packages: "== daemon\nAutoReqProv: yes\nProvides: user(one)\nProvides: group(two)\n%files\n%attr(0644, one, two) /usr/share/x\n",
        ..Case::NEW
    },
];

#[test]
fn accounts_are_those_that_systemd_sysusers_makes() {
    let Some(judged) = judge(CASES) else { return };
    let passwd = std::fs::read_to_string(judged.of("users-of-every-form").ours.join("etc/passwd")).unwrap();
    assert_eq!(passwd.lines().count(), 8, "{passwd}");
}
