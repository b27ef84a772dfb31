//! Which files go: shared ones stay, directories when empty, links, ghosts; and which replacements are refused.

use crate::peers::{Case, End, How, judge};

#[test]
fn files_go_and_stay_as_in_rpm() {
    judge(&[
        Case {
            name: "erase",
            before: "\
== a
%install
mkdir -p %{buildroot}/usr/lib/a/empty %{buildroot}/usr/bin
ln -s a/one %{buildroot}/usr/lib/link
ln -s a %{buildroot}/usr/lib/folder-link
echo program > %{buildroot}/usr/bin/program; chmod 4755 %{buildroot}/usr/bin/program
ln %{buildroot}/usr/bin/program %{buildroot}/usr/bin/second
mkfifo %{buildroot}/usr/lib/a/pipe
%files
%dir /usr/lib/a
/usr/lib/a/one
/usr/lib/a/pipe
/usr/lib/a/gone
%dir /usr/lib/a/empty
%dir /usr/lib/full
/usr/lib/full/own
/usr/lib/link
/usr/lib/folder-link
/usr/bin/program
/usr/bin/second
%ghost /var/ghost
%ghost %dir /var/ghosts
%ghost /var/never
/shared/file
%dir /shared
%doc /usr/share/doc/a/text
%verify(not mode) /usr/lib/changed
== b
%install
mkdir -p %{buildroot}/shared
echo 'a /shared/file' > %{buildroot}/shared/file
%files
%dir /shared
/shared/file
",
            disturb: "mkdir -p var/ghosts; echo x > var/ghost; rm usr/lib/a/gone; echo x > usr/lib/full/mine
                ln usr/bin/program usr/bin/kept; echo mine > usr/lib/changed",
            how: How::Erase(&["a"]),
            ..Case::NEW
        },
        Case {
            name: "erase-all-that-share",
            before: "== a\n%files\n%dir /d\n/d/a\n== b\n%install\nmkdir -p %{buildroot}/d\necho 'a /d/a' > %{buildroot}/d/a\n%files\n%dir /d\n/d/a\n== c\n%files\n/c\n",
            how: How::Erase(&["a", "b"]),
            ..Case::NEW
        },
        Case {
            name: "upgrade-drops-files",
            before: "== a 1\n%files\n%dir /usr/a\n/usr/a/one\n%dir /usr/a/sub\n/usr/a/sub/two\n/usr/a/three\n== k\n%files\n/k\n",
            after: "== a 2\n%files\n%dir /usr/a\n/usr/a/one\n/usr/a/new\n",
            ..Case::NEW
        },
        Case {
            name: "file-moves-to-another-package",
            before: "== a 1\n%files\n/usr/a\n/usr/moved\n== b 1\n%files\n/usr/b\n",
            after: "== a 2\n%files\n/usr/a\n== b 2\n%install\nmkdir -p %{buildroot}/usr\necho other > %{buildroot}/usr/moved\n%files\n/usr/b\n/usr/moved\n",
            ..Case::NEW
        },
        Case {
            name: "through-a-link",
            before: "== base\n%install\nmkdir -p %{buildroot}/usr/lib\nln -s usr/lib %{buildroot}/lib\n%files\n/lib\n%dir /usr/lib\n== a 1\n%files\n/lib/one\n/usr/lib/two\n/lib/three\n",
            after: "== a 2\n%install\nmkdir -p %{buildroot}/usr/lib\nprintf '%s\\n' 'a /lib/one' > %{buildroot}/usr/lib/one\n%files\n/usr/lib/one\n/lib/two\n",
            ..Case::NEW
        },
        Case {
            name: "obsoletes",
            before: "== old 1\n%files\n/usr/old\n%preun -p <lua>\n@lua old preun\n%postun -p <lua>\n@lua old postun\n== older 1\nProvides: old = 1\n%files\n/usr/older\n== kept 3\n%files\n/kept\n",
            after: "== new 1\nObsoletes: old < 2\nObsoletes: kept < 3\nObsoletes: absent\n%files\n/usr/new\n%post -p <lua>\n@lua new post\n%posttrans -p <lua>\n@lua new posttrans\n",
            ..Case::NEW
        },
        Case {
            name: "without-documentation",
            before: "== a 1\n%files\n/usr/a\n%doc /usr/share/doc/a/text\n== k\n%files\n/k\n",
            after: "== a 2\n%files\n/usr/a\n%doc /usr/share/doc/a/text\n",
            how: How::WithoutDocumentation,
            ..Case::NEW
        },
        Case {
            name: "reinstall",
            before: "== a 1\n%files\n/usr/a\n/usr/gone\n%pre -p <lua>\n@lua pre\n%post -p <lua>\n@lua post\n%preun -p <lua>\n@lua preun\n%postun -p <lua>\n@lua postun\n== k\n%files\n/k\n",
            after: "== a 1\n%files\n/usr/a\n/usr/gone\n%pre -p <lua>\n@lua pre\n%post -p <lua>\n@lua post\n%preun -p <lua>\n@lua preun\n%postun -p <lua>\n@lua postun\n",
            disturb: "echo mine > usr/a; rm usr/gone",
            how: How::Reinstall,
            ..Case::NEW
        },
        Case {
            name: "beside",
            before: "== a 1\n%files\n/usr/a-1\n%pre -p <lua>\n@lua pre\n%preun -p <lua>\n@lua preun\n",
            after: "== a 2\n%files\n/usr/a-2\n%pre -p <lua>\n@lua pre\n%post -p <lua>\n@lua post\n%posttrans -p <lua>\n@lua posttrans\n",
            how: How::Beside,
            ..Case::NEW
        },
        Case {
            name: "one-of-two",
            before: "== a 1\n%files\n/usr/a\n%preun -p <lua>\n@lua preun\n%postun -p <lua>\n@lua postun\n== b\n%files\n/b\n",
            after: "== c\n%files\n/c\n",
            ..Case::NEW
        },
        Case {
            name: "file-becomes-directory",
            before: "== a 1\n%files\n/usr/a\n",
            after: "== a 2\n%files\n%dir /usr/a\n/usr/a/in\n",
            ..Case::NEW
        },
    ]);
}

#[test]
fn what_rpm_cannot_replace_is_refused() {
    judge(&[
        Case {
            name: "directory-becomes-link",
            before: "== a 1\n%files\n%dir /usr/a\n/usr/a/one\n",
            after: "== a 2\n%install\nmkdir -p %{buildroot}/usr\nln -s b %{buildroot}/usr/a\n%files\n/usr/a\n",
            end: End::Conflicts,
            ..Case::NEW
        },
        Case {
            name: "directory-becomes-file",
            before: "== a 1\n%files\n%dir /usr/a\n/usr/a/one\n",
            after: "== a 2\n%files\n/usr/a\n",
            end: End::Conflicts,
            ..Case::NEW
        },
        Case {
            name: "link-becomes-directory",
            before: "== a 1\n%install\nmkdir -p %{buildroot}/usr/b\nln -s b %{buildroot}/usr/a\n%files\n/usr/a\n%dir /usr/b\n",
            after: "== a 2\n%files\n%dir /usr/a\n/usr/a/one\n%dir /usr/b\n",
            end: End::Conflicts,
            ..Case::NEW
        },
        Case {
            name: "with-installed",
            before: "== a\n%files\n/usr/a\n/usr/same\n%attr(644, root, root) /usr/mode\n== k\n%files\n/k\n",
            after: "== b\n%install\nmkdir -p %{buildroot}/usr\nprintf '%s\\n' 'a /usr/same' > %{buildroot}/usr/same\nprintf '%s\\n' 'a /usr/mode' > %{buildroot}/usr/mode\n%files\n/usr/a\n/usr/same\n%attr(755, root, root) /usr/mode\n",
            end: End::Conflicts,
            ..Case::NEW
        },
    ]);
}
