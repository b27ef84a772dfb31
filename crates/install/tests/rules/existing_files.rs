//! Paths that are taken when a package comes: what scripts of packages before it made, configuration and not.

use crate::peers::{Case, judge};

const CASES: &[Case] = &[
    Case {
        name: "made-by-pretrans",
        packages: "\
== one
%pretrans -p <lua>
posix.mkdir('/etc')
for _, name in ipairs({'kept', 'replaced', 'same', 'plain', 'ghost', 'missingok', 'link', 'kept-link'}) do
    local f = io.open('/etc/' .. name, 'w') f:write('made by the script\\n') f:close()
end
posix.symlink('elsewhere', '/etc/to-file')
posix.symlink('elsewhere', '/etc/to-config')
posix.symlink('elsewhere', '/etc/same-link')
posix.mkdir('/etc/folder')
posix.chmod('/etc/folder', '0700')
posix.mkdir('/etc/real')
posix.symlink('real', '/etc/folder-link')
posix.symlink('real', '/etc/config-folder')
posix.mkfifo('/etc/pipe')
posix.mkdir('/etc/config-is-folder')
%install
mkdir -p %{buildroot}/etc
echo 'made by the script' > %{buildroot}/etc/same
ln -s target %{buildroot}/etc/link
ln -s target %{buildroot}/etc/kept-link
ln -s elsewhere %{buildroot}/etc/same-link
%files
%config(noreplace) /etc/kept
%config /etc/replaced
%config(noreplace) /etc/same
/etc/plain
%ghost %config /etc/ghost
%config(missingok) /etc/missingok
%config /etc/link
%config(noreplace) /etc/kept-link
/etc/to-file
%config(noreplace) /etc/to-config
%config(noreplace) /etc/same-link
%dir /etc/folder
%dir /etc/folder-link
/etc/folder-link/inside
/etc/pipe
",
        ..Case::NEW
    },
    Case {
        name: "made-by-a-package-before",
        shell: true,
        packages: "\
== one
Requires: a-shell
%post
mkdir -p /etc /usr/share
for name in kept replaced plain ghost; do echo made by the script > /etc/$name; done
mkdir -m 700 /usr/share/folder
%files
== two
Requires: one
%post
cat /etc/kept /etc/replaced /etc/plain >> /log
%files
%config(noreplace) /etc/kept
%config /etc/replaced
/etc/plain
%ghost /etc/ghost
%dir /usr/share/folder
",
        ..Case::NEW
    },
    Case {
        name: "made-by-its-own-pre",
        shell: true,
        packages: "\
== one
Requires: a-shell
%pre
mkdir -p /etc
for name in kept replaced plain; do echo made by the script > /etc/$name; done
%files
%config(noreplace) /etc/kept
%config /etc/replaced
/etc/plain
",
        ..Case::NEW
    },
    Case {
        name: "removed-and-changed-by-scripts",
        shell: true,
        packages: "\
== one
Requires: a-shell
%post -p <lua>
os.remove('/etc/removed')
local f = io.open('/etc/changed', 'w') f:write('changed') f:close()
posix.chmod('/etc/mode', '0600')
posix.unlink('/etc/now-a-link')
posix.symlink('changed', '/etc/now-a-link')
%files
/etc/removed
/etc/changed
%config /etc/mode
/etc/now-a-link
%verify(not size filedigest mtime) /etc/not-verified
",
        ..Case::NEW
    },
];

#[test]
fn what_is_in_the_way_is_kept_replaced_or_set_aside() {
    let Some(judged) = judge(CASES) else { return };
    assert!(judged.of("made-by-pretrans").ours.join("etc/kept.rpmnew").exists());
}
