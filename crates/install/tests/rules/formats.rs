//! Forms of packages: both formats, every compression, digests, big and many files, epochs, several versions of one name.

use crate::peers::{Case, Format, judge};

const SOME: &str = "\
== some
Epoch: 3
Provides: thing = 1:2-3
Requires: (a if b)
Recommends: c
Conflicts: d < 1
Obsoletes: e <= 2:1
%description
A text in several
lines, with ümläuts.
%install
mkdir -p %{buildroot}/usr/share/some
seq 30000 > %{buildroot}/usr/share/some/numbers
head -c 5000000 /dev/zero > %{buildroot}/usr/share/some/zeros
printf 'odd' > %{buildroot}/usr/share/some/odd
ln %{buildroot}/usr/share/some/odd %{buildroot}/usr/share/some/odd-too
%files
/usr/share/some
";

const CASES: &[Case] = &[
    Case { name: "gzip", packages: SOME, define: &["_binary_payload w9.gzdio"], ..Case::NEW },
    Case { name: "bzip2", packages: SOME, define: &["_binary_payload w9.bzdio"], ..Case::NEW },
    Case { name: "xz", packages: SOME, define: &["_binary_payload w1.xzdio"], ..Case::NEW },
    Case { name: "xz-threads", packages: SOME, define: &["_binary_payload w1T2.xzdio"], ..Case::NEW },
    Case { name: "lzma", packages: SOME, define: &["_binary_payload w1.lzdio"], ..Case::NEW },
    Case { name: "zstd-threads", packages: SOME, define: &["_binary_payload w1T2.zstdio"], ..Case::NEW },
    Case { name: "zstd-long", packages: SOME, define: &["_binary_payload w3L27.zstdio"], ..Case::NEW },
    Case { name: "none", packages: SOME, define: &["_binary_payload w0.ufdio"], ..Case::NEW },
    Case { name: "six-zstd", packages: SOME, format: Format::Six, ..Case::NEW },
    Case {
        name: "six-none",
        packages: SOME,
        format: Format::Six,
        define: &["_binary_payload w0.ufdio"],
        ..Case::NEW
    },
    Case { name: "digests-of-md5", packages: SOME, define: &["_binary_filedigest_algorithm 1"], ..Case::NEW },
    Case {
        name: "digests-of-sha512",
        packages: SOME,
        define: &["_binary_filedigest_algorithm 10"],
        ..Case::NEW
    },
    Case {
        name: "several-versions",
        packages: "== kernel 1\nProvides: installonlypkg(kernel)\n%post -p <lua>\n@lua kernel 1\n%posttrans -p <lua>\n@lua kernel 1 posttrans\n%files\n/boot/1\n\
                   == kernel 2\nProvides: installonlypkg(kernel)\n%post -p <lua>\n@lua kernel 2\n%posttrans -p <lua>\n@lua kernel 2 posttrans\n%files\n/boot/2\n\
                   == watcher\n%triggerin -p <lua> -- kernel\n@lua watcher\n%filetriggerin -p <lua> -- /boot\n@lua watcher files\n",
        ..Case::NEW
    },
    Case {
        name: "of-an-architecture",
        packages: "== one\nBuildArch: none\n%files\n/usr/share/one\n== two\n%files\n/usr/share/two\n",
        ..Case::NEW
    },
];

#[test]
fn every_form_of_package_is_installed() {
    let Some(judged) = judge(CASES) else { return };
    assert_eq!(judged.of("several-versions").order.len(), 3);
}
