//! Packages that require each other at random are erased and upgraded in rpm's order.

use std::path::Path;

use rpm::{BuildConfig, Dependency, FileOptions, PackageBuilder, Scriptlet};

use crate::peers::{Case, How, judge};

/// Numbers that look random and are the same in every run (Knuth's MMIX generator).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

const COUNT: u64 = 30;

fn make(folder: &Path, version: u64, seed: u64) {
    let mut numbers = Numbers(seed * 1000 + version);
    for number in 0..COUNT {
        let name = format!("p{number:02}");
        let mut builder =
            PackageBuilder::new(&name, &version.to_string(), "MIT", "noarch", "made for a test");
        builder.using_config(BuildConfig::v4().source_date(1_700_000_000_u32)).build_host("localhost");
        for _ in 0..numbers.below(4) {
            let other = format!("p{:02}", numbers.below(COUNT));
            match numbers.below(9) {
                0 => builder.requires(Dependency::script_preun(other)),
                1 => builder.requires(Dependency::script_postun(other)),
                2 => builder.requires(Dependency::script_pre(other)),
                3 => builder.recommends(Dependency::any(other)),
                4 => builder.supplements(Dependency::any(other)),
                5 => builder.order_with_requires(Dependency::any(other)),
                6 => builder.requires(Dependency::any(format!("({other} or p00)"))),
                _ => builder.requires(Dependency::any(other)),
            };
        }
        let told = |kind: &str| {
            let text = format!("{name}-{version} {kind}");
            let body = format!("local f = io.open('/log', 'a') f:write('{text} ', arg[2], '\\n') f:close()");
            Scriptlet::new(body).prog(vec!["<lua>"])
        };
        builder.post_install_script(told("post")).post_trans_script(told("posttrans"));
        builder.pre_uninstall_script(told("preun")).post_uninstall_script(told("postun"));
        for path in [format!("/files/{number}"), format!("/files/{number}-{version}")] {
            builder.with_file_contents("x", FileOptions::new(path)).unwrap();
        }
        let file = format!("{name}-{version}-1.noarch.rpm");
        builder.build().unwrap().write_file(folder.join(file)).unwrap();
    }
}

fn erased(folder: &Path, seed: u64) {
    make(&folder.join("before"), 1, seed);
}

fn upgraded(folder: &Path, seed: u64) {
    make(&folder.join("before"), 1, seed);
    make(&folder.join("after"), 2, seed);
}

#[test]
fn tangled_packages_go_in_rpm_s_order() {
    const NAMES: &[&str] = &[
        "p01", "p02", "p03", "p05", "p08", "p09", "p11", "p12", "p13", "p17", "p19", "p20", "p21", "p22",
        "p27",
    ];
    let erase = How::Erase(NAMES);
    judge(&[
        Case { name: "erase-1", make: |folder| erased(folder, 1), how: erase, ..Case::NEW },
        Case { name: "erase-2", make: |folder| erased(folder, 2), how: erase, ..Case::NEW },
        Case { name: "erase-3", make: |folder| erased(folder, 3), how: erase, ..Case::NEW },
        Case { name: "upgrade-4", make: |folder| upgraded(folder, 4), ..Case::NEW },
        Case { name: "upgrade-5", make: |folder| upgraded(folder, 5), ..Case::NEW },
        Case { name: "upgrade-6", make: |folder| upgraded(folder, 6), ..Case::NEW },
    ]);
}
