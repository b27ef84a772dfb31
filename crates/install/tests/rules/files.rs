//! Files (`lib/fsm.cc`): each kind, with mode, owner, time, attributes; hard links; what is left out; the forms of payloads.

use crate::peers::{Case, Format, Policy, judge};

const KINDS: &str = "\
== base
%install
mkdir -p %{buildroot}/usr/bin %{buildroot}/etc
ln -s usr/bin %{buildroot}/bin
printf 'root:x:0:0::/root:/bin/sh\\nweb:x:77:78::/:/bin/sh\\n' > %{buildroot}/etc/passwd
printf 'root:x:0:\\nweb:x:78:\\n' > %{buildroot}/etc/group
%files
/bin
%dir /usr/bin
%dir /etc
/etc/passwd
/etc/group
== kinds
Requires: base
%install
mkdir -p %{buildroot}/usr/share/kinds
ln -s nowhere %{buildroot}/usr/share/kinds/dangling
ln -s /etc/passwd %{buildroot}/usr/share/kinds/absolute
: > %{buildroot}/usr/share/kinds/empty
mkfifo %{buildroot}/usr/share/kinds/pipe
head -c 3000000 /dev/zero > %{buildroot}/usr/share/kinds/zeros
touch -d @1234567890 %{buildroot}/usr/share/kinds/zeros
touch -h -d @1234567890 %{buildroot}/usr/share/kinds/dangling
printf 'x' > \"%{buildroot}/usr/share/kinds/with blank\"
printf 'x' > %{buildroot}/usr/share/kinds/ünï
%files
%dir %attr(1777, root, web) /usr/share/kinds
/usr/share/kinds/dangling
/usr/share/kinds/absolute
/usr/share/kinds/empty
%attr(0600, web, web) /usr/share/kinds/pipe
/usr/share/kinds/zeros
\"/usr/share/kinds/with blank\"
/usr/share/kinds/ünï
%attr(4755, root, web) /bin/setuid
%attr(2755, web, root) /usr/share/kinds/setgid
%attr(0000, root, root) /usr/share/kinds/secret
%caps(cap_net_raw=ep) /usr/share/kinds/strong
%caps(cap_net_admin,cap_net_raw=eip) %attr(0750, root, web) /usr/share/kinds/stronger
%caps(=) /usr/share/kinds/without-capabilities
%attr(0644, nobody-here, group-of-nobody) /usr/share/kinds/unknown
%attr(6755, nobody-here, group-of-nobody) /usr/share/kinds/unknown-setuid
%attr(0755, web, web) %dir /usr/share/kinds/folder
/usr/share/kinds/deep/below/folders/file
%dev(c, 1, 3) %attr(0666, root, root) /usr/share/kinds/null
%dev(b, 7, 200) %attr(0660, root, web) /usr/share/kinds/block
%ghost /usr/share/kinds/ghost
%ghost %dir /usr/share/kinds/ghost-folder
%ghost %attr(0600, web, web) /usr/share/kinds/unmade/ghost
%config /etc/kinds.conf
%config(noreplace) /etc/kinds-kept.conf
%config(missingok) /etc/kinds-missing.conf
%license /usr/share/licenses/kinds
%doc /usr/share/doc/kinds/README
%readme /usr/share/kinds/readme
%artifact /usr/share/kinds/artifact
%verify(not size mtime) /usr/share/kinds/changing
%lang(de) /usr/share/kinds/de.mo
%lang(fr) /usr/share/kinds/fr/fr.mo
%lang(es) /usr/share/kinds/es/es.mo
%lang(es) %dir /usr/share/kinds/es
";

const LINKS: &str = "\
== links
%install
mkdir -p %{buildroot}/usr/share/doc/links %{buildroot}/usr/share/links
cd %{buildroot}/usr/share/links
echo shared > first
ln first second
ln first ../third
echo translated > de.mo
ln de.mo es.mo
ln de.mo plain.mo
echo documented > ../doc/links/README
ln ../doc/links/README zz-not-documentation
: > empty-one
ln empty-one empty-two
echo capable > strong-one
ln strong-one strong-two
%files
%attr(0640, root, root) /usr/share/links/first
%attr(0640, root, root) /usr/share/links/second
%attr(0640, root, root) /usr/share/third
%lang(de) /usr/share/links/de.mo
%lang(es) /usr/share/links/es.mo
/usr/share/links/plain.mo
%doc /usr/share/doc/links/README
/usr/share/links/zz-not-documentation
/usr/share/links/empty-one
/usr/share/links/empty-two
%caps(cap_net_raw=ep) /usr/share/links/strong-one
%caps(cap_net_raw=ep) /usr/share/links/strong-two
";

const CASES: &[Case] = &[
    Case { name: "kinds-4", packages: KINDS, ..Case::NEW },
    Case { name: "kinds-6", packages: KINDS, format: Format::Six, ..Case::NEW },
    Case {
        name: "kinds-without-documentation",
        packages: KINDS,
        policy: Policy::NoDocumentation,
        ..Case::NEW
    },
    Case { name: "kinds-in-two-languages", packages: KINDS, policy: Policy::German, ..Case::NEW },
    Case { name: "links-4", packages: LINKS, ..Case::NEW },
    Case { name: "links-6", packages: LINKS, format: Format::Six, ..Case::NEW },
    Case {
        name: "links-without-documentation",
        packages: LINKS,
        policy: Policy::NoDocumentation,
        ..Case::NEW
    },
    Case {
        name: "links-in-two-languages",
        packages: LINKS,
        policy: Policy::German,
        format: Format::Six,
        ..Case::NEW
    },
];

#[test]
fn files_are_made_as_rpm_makes_them() {
    let Some(judged) = judge(CASES) else { return };
    let kinds = &judged.of("kinds-4").ours;
    assert!(kinds.join("usr/bin/setuid").exists() && !kinds.join("usr/share/kinds/ghost").exists());
    assert!(!judged.of("kinds-in-two-languages").ours.join("usr/share/kinds/es").exists());
}
