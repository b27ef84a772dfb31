//! %config through an upgrade: what the user changed, what the package changed, and the marks on the file.

use crate::peers::{Case, How, judge};

/// Each file of `c` is in one of the states that matter; its name says which: what is on disk, and whether the package changes it.
const FILES_1: &str = "\
== c 1
%install
mkdir -p %{buildroot}/etc %{buildroot}/usr
for mark in plain noreplace missingok; do
    for file in same-same same-new mine-same mine-new already-new gone-same gone-new link-new dir-new; do
        echo one > %{buildroot}/etc/$mark-$file
    done
    echo one > %{buildroot}/etc/$mark-mine-no-config
    echo one > %{buildroot}/etc/$mark-same-dropped
    echo one > %{buildroot}/etc/$mark-mine-dropped
    ln -s one %{buildroot}/etc/$mark-link-same
    ln -s one %{buildroot}/etc/$mark-link-mine
    ln -s one %{buildroot}/etc/$mark-link-now-file
    echo one > %{buildroot}/etc/$mark-file-now-link
done
echo one > %{buildroot}/etc/became-config
echo one > %{buildroot}/etc/became-config-mine
%files
%config /etc/plain-*
%config(noreplace) /etc/noreplace-*
%config(missingok) /etc/missingok-*
%config %ghost /etc/ghost
/etc/became-config*
";

const FILES_2: &str = "\
== c 2
%install
mkdir -p %{buildroot}/etc %{buildroot}/usr
for mark in plain noreplace missingok; do
    for file in same-same mine-same gone-same; do
        echo one > %{buildroot}/etc/$mark-$file
    done
    for file in same-new mine-new already-new gone-new link-new dir-new; do
        echo two > %{buildroot}/etc/$mark-$file
    done
    echo two > %{buildroot}/etc/$mark-mine-no-config
    ln -s two %{buildroot}/etc/$mark-link-same
    ln -s two %{buildroot}/etc/$mark-link-mine
    echo two > %{buildroot}/etc/$mark-link-now-file
    ln -s two %{buildroot}/etc/$mark-file-now-link
    echo two > %{buildroot}/etc/$mark-appears
done
echo two > %{buildroot}/etc/became-config
echo two > %{buildroot}/etc/became-config-mine
%files
%config /etc/plain-[!m]*
%config /etc/plain-mine-same
%config /etc/plain-mine-new
/etc/plain-mine-no-config
%config(noreplace) /etc/noreplace-[!m]*
%config(noreplace) /etc/noreplace-mine-same
%config(noreplace) /etc/noreplace-mine-new
/etc/noreplace-mine-no-config
%config(missingok) /etc/missingok-[!m]*
%config(missingok) /etc/missingok-mine-same
%config(missingok) /etc/missingok-mine-new
/etc/missingok-mine-no-config
%config %ghost /etc/ghost
%config /etc/became-config*
";

const CHANGE: &str = "\
for mark in plain noreplace missingok; do
    for file in mine-same mine-new mine-no-config mine-dropped; do echo mine > etc/$mark-$file; done
    echo two > etc/$mark-already-new
    chmod 600 etc/$mark-already-new
    rm etc/$mark-gone-same etc/$mark-gone-new etc/$mark-link-new etc/$mark-dir-new
    ln -s elsewhere etc/$mark-link-new
    ln -sfn mine etc/$mark-link-mine
    echo mine > etc/$mark-appears
done
echo mine > etc/became-config-mine
echo mine > etc/ghost
touch -d @1600000000 etc/*
";

#[test]
fn configuration_is_kept_replaced_or_set_aside_as_in_rpm() {
    judge(&[
        Case { name: "untouched", before: FILES_1, after: FILES_2, ..Case::NEW },
        Case { name: "changed", before: FILES_1, after: FILES_2, disturb: CHANGE, ..Case::NEW },
        Case {
            name: "back",
            before: FILES_2,
            after: FILES_1,
            disturb: CHANGE,
            how: How::Downgrade,
            ..Case::NEW
        },
        Case {
            name: "again",
            before: FILES_1,
            after: FILES_1,
            disturb: CHANGE,
            how: How::Reinstall,
            ..Case::NEW
        },
        Case { name: "erased", before: FILES_1, disturb: CHANGE, how: How::Erase(&["c"]), ..Case::NEW },
        Case {
            name: "moved-to-another-package",
            before: "== a 1\n%files\n%config /etc/moved\n%config(noreplace) /etc/mine\n",
            after: "== a 2\n%files\n/usr/a\n== b 1\nObsoletes: nothing\n%files\n%config /etc/moved\n%config(noreplace) /etc/mine\n",
            disturb: "echo mine > etc/mine",
            ..Case::NEW
        },
        Case {
            name: "shared-by-two-packages",
            before: "== a\n%install\nmkdir -p %{buildroot}/etc\necho one > %{buildroot}/etc/f\n%files\n%config /etc/f\n\
                     == b\n%install\nmkdir -p %{buildroot}/etc\necho one > %{buildroot}/etc/f\n%files\n%config /etc/f\n",
            after: "== a 2\n%install\nmkdir -p %{buildroot}/etc\necho one > %{buildroot}/etc/f\n%files\n%config /etc/f\n",
            disturb: "echo mine > etc/f",
            ..Case::NEW
        },
    ]);
}
