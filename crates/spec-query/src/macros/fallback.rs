//! What a spec is read with where no macro file says otherwise: rpm's names for folders, architectures and conditional
//! builds, as rpm documents them. No distribution's macros are among them.

/// Where a build root builds.
pub(super) const BUILD_FOLDER: &str = "/builddir/build";

/// As in a macro file.
pub(super) const DEFAULTS: &str = r#"
%nil %{!?nil}
%_usr /usr
%_usrsrc %{_usr}/src
%_var /var
%_prefix /usr
%_exec_prefix %{_prefix}
%_bindir %{_exec_prefix}/bin
%_sbindir %{_exec_prefix}/sbin
%_libexecdir %{_exec_prefix}/libexec
%_datarootdir %{_prefix}/share
%_datadir %{_datarootdir}
%_sysconfdir /etc
%_sharedstatedir %{_var}/lib
%_localstatedir %{_var}
%_rundir /run
%_libdir %{_exec_prefix}/%{_lib}
%_includedir %{_prefix}/include
%_infodir %{_datadir}/info
%_mandir %{_datadir}/man
%_initddir %{_sysconfdir}/rc.d/init.d
%_initrddir %{_initddir}
%_defaultdocdir %{_datadir}/doc
%_defaultlicensedir %{_datadir}/licenses
%_rpmconfigdir %{getconfdir}
%_rpmmacrodir %{_rpmconfigdir}/macros.d
%_rpmluadir %{_rpmconfigdir}/lua
%_fileattrsdir %{_rpmconfigdir}/fileattrs
%_builddir %{_topdir}/BUILD
%_sourcedir %{_topdir}/SOURCES
%_specdir %{_topdir}/SPECS
%_rpmdir %{_topdir}/RPMS
%_srcrpmdir %{_topdir}/SRPMS
%_tmppath %{_var}/tmp
%_dbpath %{_usr}/lib/sysimage/rpm
%_buildshell /bin/sh
%_os linux
%_gnu -gnu
%_vendor lazuli
%_target_os linux
%_host_os linux
%_build_os linux
%_target_vendor %{_vendor}
%_target %{_target_cpu}-%{_target_os}
%_target_platform %{_target_cpu}-%{_vendor}-%{_target_os}
%_host %{_host_cpu}-%{_vendor}-%{_host_os}%{?_gnu}
%_build %{_host}
%_isa %{?__isa:(%{__isa})}%{!?__isa:%{nil}}
%_smp_mflags -j${RPM_BUILD_NCPUS}
%build_cflags %{optflags}
%build_cxxflags %{optflags}
%build_fflags %{optflags}
%defined() %[ %{expand:%%{?%{1}:1}%%{!?%{1}:0}} ]
%undefined() %[ ! %{defined %{1}} ]
%with() %{expand:%%{?with_%{1}:1}%%{!?with_%{1}:0}}
%without() %[ ! %{with %{1}} ]
%bcond_override_default() %{expand:%%global bcond_override_default_%{1} %{2}}
%bcond() %[ %{expand:%%{?bcond_override_default_%{1}}%%{!?bcond_override_default_%{1}:%{2}}}\
    ? "%{expand:%%{!?_without_%{1}:%%global with_%{1} 1}}"\
    : "%{expand:%%{?_with_%{1}:%%global with_%{1} 1}}" ]
%bcond_with() %bcond %{1} 0
%bcond_without() %bcond %{1} 1
%ix86 i386 i486 i586 i686 pentium3 pentium4 athlon geode
%x86_64 x86_64 x86_64_v2 x86_64_v3 x86_64_v4 amd64 em64t
%arm armv3l armv4b armv4l armv4tl armv5tl armv5tel armv5tejl armv6l armv6hl armv7l armv7hl armv7hnl armv8l armv8hl armv8hnl armv8hcnl
%arm64 aarch64
%power64 ppc64 ppc64p7 ppc64le
%riscv64 riscv64
%riscv riscv32 riscv64 riscv128
%loongarch64 loongarch64
%__rpmuncompress %{_bindir}/rpmuncompress
%__patch %{_bindir}/patch
%__mkdir_p %{_bindir}/mkdir -p
%__chmod %{_bindir}/chmod
%__make %{_bindir}/make
%__install %{_bindir}/install
%_fixperms %{__chmod} -Rf a+rX,u+w,g-w,o-w
%_default_patch_fuzz 0
%_default_patch_flags --no-backup-if-mismatch -f
%__scm patch
%autopatch(vqp:m:M:) %{nil}
%autosetup(a:b:cCDn:TvNS:p:) %setup %{-a} %{-b} %{-c} %{-C} %{-D} %{-n} %{-T} %{!-v:-q}
%buildsystem_default_prep() %autosetup -C -p1 %*
%make_build %{__make} %{?_smp_mflags}
%make_install %{__make} install DESTDIR=%{?buildroot}
%configure ./configure --prefix=%{_prefix} --libdir=%{_libdir}
"#;

/// Architecture, family for provides, bits.
const FAMILIES: [(&str, &str, u32); 9] = [
    ("x86_64", "x86", 64),
    ("i686", "x86", 32),
    ("aarch64", "aarch", 64),
    ("ppc64le", "ppc", 64),
    ("ppc64", "ppc", 64),
    ("s390x", "s390", 64),
    ("riscv64", "riscv", 64),
    ("loongarch64", "loongarch", 64),
    ("armv7hl", "armv7hl", 32),
];

/// Macros that name an architecture.
pub(super) fn of_architecture(architecture: &str) -> Vec<(&'static str, String)> {
    let family = FAMILIES.into_iter().find(|(name, ..)| *name == architecture);
    let canonical = match architecture {
        "i686" => "i386",
        "armv7hl" => "arm",
        other => other,
    };
    let mut macros: Vec<(&'static str, String)> = vec![
        ("_arch", canonical.to_owned()),
        ("_build_arch", canonical.to_owned()),
        ("_host_cpu", architecture.to_owned()),
        ("_build_cpu", architecture.to_owned()),
        ("_target_cpu", architecture.to_owned()),
        ("_lib", if family.is_none_or(|(.., bits)| bits == 64) { "lib64" } else { "lib" }.to_owned()),
        ("optflags", "-O2 -g".to_owned()),
    ];
    if let Some((_, name, bits)) = family {
        macros.push(("__isa_name", name.to_owned()));
        macros.push(("__isa_bits", bits.to_string()));
        macros.push(("__isa", format!("{name}-{bits}")));
    }
    macros
}
