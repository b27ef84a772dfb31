//! Files that several packages have (`lib/transaction.cc: handleOverlappedFiles`, `lib/rpmfi.cc: rpmfilesCompare`): which agree,
//! which are conflicts, and what is made of those that agree.

use crate::peers::{Case, End, judge};

/// Two packages with the same path, made by these lines and listed by these.
macro_rules! pair {
    ($name:literal, $end:expr, $first_made:literal, $first:literal, $second_made:literal, $second:literal) => {
        Case {
            name: $name,
            end: $end,
            packages: concat!(
                "== one\n%install\nmkdir -p %{buildroot}/usr/share\ncd %{buildroot}/usr/share\n",
                $first_made,
                "\n%files\n",
                $first,
                "\n== two\n%install\nmkdir -p %{buildroot}/usr/share\ncd %{buildroot}/usr/share\n",
                $second_made,
                "\n%files\n",
                $second,
                "\n"
            ),
            ..Case::NEW
        }
    };
}

const CASES: &[Case] = &[
    pair!("the-same", End::Installed, "echo x > f", "/usr/share/f", "echo x > f", "/usr/share/f"),
    pair!(
        "other-time",
        End::Installed,
        "echo x > f; touch -d @1000000000 f",
        "/usr/share/f",
        "echo x > f",
        "/usr/share/f"
    ),
    pair!("other-content", End::Conflicts, "echo x > f", "/usr/share/f", "echo y > f", "/usr/share/f"),
    pair!("other-size", End::Conflicts, "echo x > f", "/usr/share/f", "echo xy > f", "/usr/share/f"),
    pair!(
        "other-mode",
        End::Conflicts,
        "echo x > f",
        "/usr/share/f",
        "echo x > f",
        "%attr(0755, root, root) /usr/share/f"
    ),
    pair!(
        "other-owner",
        End::Conflicts,
        "echo x > f",
        "/usr/share/f",
        "echo x > f",
        "%attr(0644, bin, root) /usr/share/f"
    ),
    pair!(
        "other-group",
        End::Conflicts,
        "echo x > f",
        "/usr/share/f",
        "echo x > f",
        "%attr(0644, root, bin) /usr/share/f"
    ),
    pair!("other-target", End::Conflicts, "ln -s a f", "/usr/share/f", "ln -s b f", "/usr/share/f"),
    pair!("longer-target", End::Conflicts, "ln -s a f", "/usr/share/f", "ln -s aa f", "/usr/share/f"),
    pair!("same-target", End::Installed, "ln -s a f", "/usr/share/f", "ln -s a f", "/usr/share/f"),
    pair!("link-and-file", End::Conflicts, "ln -s a f", "/usr/share/f", "echo a > f", "/usr/share/f"),
    pair!("folder-and-file", End::Conflicts, "mkdir f", "%dir /usr/share/f", "echo a > f", "/usr/share/f"),
    pair!("folder-and-link", End::Conflicts, "mkdir f", "%dir /usr/share/f", "ln -s a f", "/usr/share/f"),
    pair!("same-folder", End::Installed, "mkdir f", "%dir /usr/share/f", "mkdir f", "%dir /usr/share/f"),
    pair!(
        "folder-of-other-mode",
        End::Conflicts,
        "mkdir f",
        "%dir /usr/share/f",
        "mkdir f",
        "%dir %attr(0700, root, root) /usr/share/f"
    ),
    pair!("other-device", End::Conflicts, "", "%dev(c, 1, 3) /usr/share/f", "", "%dev(c, 1, 5) /usr/share/f"),
    pair!("same-device", End::Installed, "", "%dev(c, 1, 3) /usr/share/f", "", "%dev(c, 1, 3) /usr/share/f"),
    pair!(
        "other-kind-of-device",
        End::Conflicts,
        "",
        "%dev(c, 1, 3) /usr/share/f",
        "",
        "%dev(b, 1, 3) /usr/share/f"
    ),
    pair!("ghost-first", End::Installed, "echo x > f", "%ghost /usr/share/f", "echo y > f", "/usr/share/f"),
    pair!("ghost-second", End::Installed, "echo x > f", "/usr/share/f", "echo y > f", "%ghost /usr/share/f"),
    pair!(
        "ghosts",
        End::Installed,
        "echo x > f",
        "%ghost /usr/share/f",
        "echo y > f",
        "%ghost %attr(0600, root, root) /usr/share/f"
    ),
    pair!(
        "config-and-file",
        End::Installed,
        "echo x > f",
        "%config /usr/share/f",
        "echo x > f",
        "/usr/share/f"
    ),
    pair!(
        "config-that-differs",
        End::Conflicts,
        "echo x > f",
        "%config(noreplace) /usr/share/f",
        "echo y > f",
        "%config /usr/share/f"
    ),
    pair!(
        "capability-of-one",
        End::Installed,
        "echo x > f",
        "%caps(cap_net_raw=ep) /usr/share/f",
        "echo x > f",
        "/usr/share/f"
    ),
    pair!(
        "capability-of-the-other",
        End::Installed,
        "echo x > f",
        "/usr/share/f",
        "echo x > f",
        "%caps(cap_net_raw=ep) /usr/share/f"
    ),
    pair!(
        "hard-links-shared",
        End::Installed,
        "echo x > f; ln f g",
        "/usr/share/f\n/usr/share/g",
        "echo x > f; ln f g",
        "/usr/share/f\n/usr/share/g"
    ),
    pair!(
        "hard-links-of-one",
        End::Installed,
        "echo x > f; ln f g; ln f h",
        "/usr/share/f\n/usr/share/g\n/usr/share/h",
        "echo x > g; echo x > f",
        "/usr/share/f\n/usr/share/g"
    ),
    pair!(
        "hard-links-of-the-other",
        End::Installed,
        "echo x > f; echo x > g",
        "/usr/share/f\n/usr/share/g",
        "echo x > f; ln f g; ln f h",
        "/usr/share/f\n/usr/share/g\n/usr/share/h"
    ),
    Case {
        name: "three-of-which-one-is-a-ghost",
        packages: "== one\n%files\n%ghost /usr/share/f\n== two\n%install\nmkdir -p %{buildroot}/usr/share; echo x > %{buildroot}/usr/share/f\n%files\n/usr/share/f\n\
                   == three\n%install\nmkdir -p %{buildroot}/usr/share; echo x > %{buildroot}/usr/share/f\n%files\n/usr/share/f\n",
        ..Case::NEW
    },
    Case {
        name: "three-of-which-two-differ",
        end: End::Conflicts,
        packages: "== one\n%files\n/usr/share/f\n== two\n%files\n%ghost /usr/share/f\n== three\n%files\n/usr/share/f\n",
        ..Case::NEW
    },
    Case {
        name: "through-a-link",
        end: End::Conflicts,
        packages: "== base\n%install\nmkdir -p %{buildroot}/usr/lib; ln -s usr/lib %{buildroot}/lib64\n%files\n/lib64\n%dir /usr/lib\n\
                   == one\nRequires: base\n%files\n/lib64/f\n== two\nRequires: base\n%files\n/usr/lib/f\n",
        ..Case::NEW
    },
    Case {
        name: "through-a-link-the-same",
        packages: "== base\n%install\nmkdir -p %{buildroot}/usr/lib; ln -s usr/lib %{buildroot}/lib64\n%files\n/lib64\n%dir /usr/lib\n\
                   == one\nRequires: base\n%install\nmkdir -p %{buildroot}/lib64; echo x > %{buildroot}/lib64/f\n%files\n/lib64/f\n\
                   == two\nRequires: base\n%install\nmkdir -p %{buildroot}/usr/lib; echo x > %{buildroot}/usr/lib/f\n%files\n/usr/lib/f\n",
        ..Case::NEW
    },
    Case {
        name: "through-links-to-links",
        packages: "== base\n%install\nmkdir -p %{buildroot}/usr/lib; ln -s usr/lib %{buildroot}/lib; ln -s /lib %{buildroot}/other; ln -s ../other %{buildroot}/usr/more\n\
                   %files\n/lib\n/other\n/usr/more\n%dir /usr/lib\n\
                   == one\nRequires: base\n%files\n/usr/more/deep/f\n/other/g\n%dir /lib/deep\n",
        ..Case::NEW
    },
    Case {
        name: "folder-where-a-link-is",
        packages: "== base\n%install\nmkdir -p %{buildroot}/usr/lib; ln -s usr/lib %{buildroot}/lib\n%files\n/lib\n%dir /usr/lib\n\
                   == one\nRequires: base\n%files\n/lib/modules/f\n%dir /lib/modules\n",
        ..Case::NEW
    },
    Case {
        name: "many-conflicts",
        end: End::Conflicts,
        packages: "== a\n%files\n/usr/share/f\n/usr/share/g\n== b\n%files\n/usr/share/f\n/usr/share/g\n== c\n%files\n/usr/share/f\n%ghost /usr/share/g\n",
        ..Case::NEW
    },
];

#[test]
fn packages_that_share_files_agree_as_in_rpm() {
    let Some(judged) = judge(CASES) else { return };
    assert!(judged.of("other-mode").said.contains("conflicts"));
}

/// An ELF file of 32 bits is made by hand; the one of 64 bits is a program of the judge's.
const COLOURS: &[Case] = &[
    Case {
        name: "sixty-four-first",
        packages: "\
== a-one
BuildArch: none
%install
mkdir -p %{buildroot}/usr/bin; cp /usr/bin/true %{buildroot}/usr/bin/f; cp /usr/bin/true %{buildroot}/usr/bin/only-64
%files
/usr/bin/f
/usr/bin/only-64
== b-two
BuildArch: none
%install
mkdir -p %{buildroot}/usr/bin
{ printf '\\177ELF\\1\\1\\1\\0\\0\\0\\0\\0\\0\\0\\0\\0\\2\\0\\3\\0\\1\\0\\0\\0'; head -c 28 /dev/zero; } > %{buildroot}/usr/bin/f
cp %{buildroot}/usr/bin/f %{buildroot}/usr/bin/only-32
chmod 755 %{buildroot}/usr/bin/*
%files
/usr/bin/f
/usr/bin/only-32
",
        ..Case::NEW
    },
    Case {
        name: "thirty-two-first",
        packages: "\
== a-one
BuildArch: none
%install
mkdir -p %{buildroot}/usr/bin
{ printf '\\177ELF\\1\\1\\1\\0\\0\\0\\0\\0\\0\\0\\0\\0\\2\\0\\3\\0\\1\\0\\0\\0'; head -c 28 /dev/zero; } > %{buildroot}/usr/bin/f
cp %{buildroot}/usr/bin/f %{buildroot}/usr/bin/only-32
chmod 755 %{buildroot}/usr/bin/*
%files
/usr/bin/f
/usr/bin/only-32
== b-two
BuildArch: none
%install
mkdir -p %{buildroot}/usr/bin; cp /usr/bin/true %{buildroot}/usr/bin/f
%files
/usr/bin/f
",
        ..Case::NEW
    },
    Case {
        name: "a-script-and-a-program",
        end: End::Conflicts,
        packages: "\
== a-one
BuildArch: none
%install
mkdir -p %{buildroot}/usr/bin; cp /usr/bin/true %{buildroot}/usr/bin/f
%files
/usr/bin/f
== b-two
%files
%attr(0755, root, root) /usr/bin/f
",
        ..Case::NEW
    },
];

#[test]
fn of_two_word_sizes_the_larger_is_installed() {
    let Some(_judged) = judge(COLOURS) else { return };
}
