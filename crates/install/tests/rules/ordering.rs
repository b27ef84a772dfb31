//! The order of packages (`lib/order.cc`): what orders, what does not, and where a circle is cut.

use crate::peers::{Case, judge};

const CASES: &[Case] = &[
    Case {
        name: "chain",
        packages: "== one\nRequires: two\n== two\nRequires: three\n== three\n",
        ..Case::NEW
    },
    Case { name: "nothing", packages: "== one\n== two\n== three\n", ..Case::NEW },
    Case {
        name: "circle-cut-by-scripts",
        packages: "== one\nRequires: two\n== two\nRequires: three\n== three\nRequires(pre): one\n",
        ..Case::NEW
    },
    Case {
        name: "circle-with-a-way-in",
        packages: "== a\nRequires: b\n== b\nRequires: c\nRequires(post): d\n== c\nRequires: a\n== d\nRequires: b\n== e\nRequires: c\n",
        ..Case::NEW
    },
    Case {
        name: "two-circles",
        packages: "== a\nRequires: b\n== b\nRequires: a\nRequires: c\n== c\nRequires: d\n== d\nRequires: c\nRequires(pre): a\n",
        ..Case::NEW
    },
    Case {
        name: "relations-that-do-not-order",
        packages: "== a\nRequires(meta): z\nRequires(pretrans): y\nRequires(posttrans): x\nRequires(verify): w\n\
                   Recommends: v\nSuggests: u\nSupplements: t\nEnhances: s\n\
                   == s\n== t\n== u\n== v\n== w\n== x\n== y\n== z\n",
        ..Case::NEW
    },
    Case {
        name: "relations-of-removal",
        packages: "== a\nRequires(preun): c\nRequires(postun): b\n== b\n== c\nRequires(preun): a\n",
        ..Case::NEW
    },
    Case {
        name: "ordered-without-being-required",
        packages: "== a\nOrderWithRequires: c\nOrderWithRequires(post): b\n== b\nOrderWithRequires: missing\n== c\nOrderWithRequires(pre): b\n",
        ..Case::NEW
    },
    Case {
        name: "weak-relations-of-scripts",
        packages: "== a\nRecommends(pre): z\n== b\nSuggests(post): y\n== x\nSupplements(pre): a\n== y\n== z\n",
        ..Case::NEW
    },
    Case {
        name: "rich-and",
        packages: "== a\nRequires: (c and b)\n== b\nRequires: (d with d(x))\n== c\nRequires: b\n== d\nProvides: d(x)\n",
        ..Case::NEW
    },
    Case {
        name: "rich-or",
        packages: "== a\nRequires: (z or y)\n== b\nRequires: (missing or x)\n== x\n== y\n== z\n",
        ..Case::NEW
    },
    Case {
        name: "rich-if",
        packages: "== a\nRequires: (z if y)\n== b\nRequires: (x if missing else w)\n== c\nRequires: (w if a else v)\n\
                   == d\nConflicts: (u unless t)\n== t\n== u\n== v\n== w\n== x\n== y\n== z\n",
        ..Case::NEW
    },
    Case {
        name: "rich-and-scripts",
        packages: "== a\nRequires(pre): (c and (d or e))\nRecommends: (e if d)\n== b\nRequires: a\n== c\nRequires: b\n== d\n== e\nRequires: a\n",
        ..Case::NEW
    },
    Case {
        name: "files-and-provides",
        packages: "== a\nRequires: /usr/bin/tool\nRequires: capability >= 2\n== b\nProvides: capability = 1\n\
                   == c\nProvides: capability = 3\nRequires: d\n== d\n%files\n/usr/bin/tool\n== e\nProvides: /usr/bin/tool\n",
        ..Case::NEW
    },
    Case {
        name: "versions-that-do-not-fit",
        packages: "== a\nRequires: b > 5\nRequires: c = 1:1\n== b\nRequires: a\n== c\nEpoch: 1\n",
        ..Case::NEW
    },
    Case {
        name: "several-providers",
        packages: "== a\nRequires: thing\n== m\nProvides: thing\nRequires: a\n== n\nProvides: thing\n== o\nProvides: thing\nRequires: n\n",
        ..Case::NEW
    },
    Case {
        name: "itself",
        packages: "== a\nRequires: a\nRequires(pre): a\nProvides: thing\nRequires: thing\n== b\nProvides: thing\nRequires: a\n",
        ..Case::NEW
    },
    Case {
        name: "epochs-and-tildes",
        packages: "== a 1\nRequires: b >= 2\n== b 2~rc1\n== c 1\nRequires: d < 2^1\n== d 2\nRequires: c\n== e\nEpoch: 3\nRequires: f = 2:1-1\n== f\nEpoch: 2\n",
        ..Case::NEW
    },
    Case {
        name: "obsoletes-and-conflicts",
        packages: "== a\nObsoletes: b < 1\nConflicts: c < 1\n== b\nRequires: c\n== c\nRequires: a\n",
        ..Case::NEW
    },
];

#[test]
fn packages_come_in_rpm_s_order() {
    let Some(judged) = judge(CASES) else { return };
    // The database tells rpm's order, which the comparison has seen; a few are told here so that the judge is judged.
    assert_eq!(judged.of("chain").order, ["three", "two", "one"]);
    assert_eq!(judged.of("circle-cut-by-scripts").order.last().map(String::as_str), Some("three"));
}
