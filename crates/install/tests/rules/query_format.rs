//! Scriptlets with the flag `-q` (`lib/headerfmt.cc`, `lib/tagexts.cc`, `lib/formats.cc`): every tag, iteration, condition and format.
//!
//! Left out are tags of the signature header and of the installation itself, which scripts of a new package do not see here
//! (docs/design/0711-what-differs-from-rpm.md).

use crate::peers::{Case, Format, judge};

/// What a package says of itself, in all relations and scripts that there are.
const TALKATIVE: &str = "\
== talkative 1.2
Release: 3
Epoch: 4
URL: https://example.org/?a=1&b=<2>
Vendor: Some \"Vendor\" & 'others'
Packager: Nobody
Group: Some/Group
BugURL: https://example.org/bugs
VCS: git:somewhere
AutoReqProv: yes
Requires: a-shell
Requires(pre): b >= 1:2-3
Requires(post,preun): c
Requires(meta): d < 5
Requires: (e if f else g)
Provides: thing = 7
Provides: user(someone) = dSBzb21lb25lIC0A
Recommends: h
Suggests: i > 1
Supplements: (j and k)
Enhances: l
Conflicts: m <= 2
Obsoletes: n = 3
OrderWithRequires: o
ExcludeArch: ppc
%triggerin -- p >= 1, q
echo
%triggerprein -- r
echo
%triggerpostun -- s = 1
echo
%filetriggerin -P 7 -- /nowhere /never
echo
%transfiletriggerin -- /nowhere
echo
%preun
echo
%install
mkdir -p %{buildroot}/usr/share/talkative
cd %{buildroot}/usr/share/talkative
echo text > plain
ln plain linked
ln -s plain link
printf '#!/bin/sh\\necho\\n' > script
chmod 755 script
mkfifo pipe
head -c 1234567 /dev/zero > zeros
printf 'tab\\there' > unusual
%files
%dir %attr(1777, bin, daemon) /usr/share/talkative
%config(noreplace) /usr/share/talkative/plain
%doc /usr/share/talkative/linked
/usr/share/talkative/link
%attr(4755, root, root) %verify(not mtime size) /usr/share/talkative/script
/usr/share/talkative/pipe
%caps(cap_net_raw=ep) /usr/share/talkative/zeros
%lang(de) %license /usr/share/talkative/unusual
%ghost %config(missingok) /usr/share/talkative/ghost
%dev(c, 1, 3) /usr/share/talkative/null
%post -q
cat >> /log <<'END'
";

/// One line for each tag: all of its values.
const TAGS: &[&str] = &[
    "ARCH",
    "ARCHSUFFIX",
    "BASENAMES",
    "BUGURL",
    "BUILDARCHS",
    "BUILDHOST",
    "BUILDTIME",
    "C",
    "CHANGELOGNAME",
    "CHANGELOGTEXT",
    "CHANGELOGTIME",
    "CLASSDICT",
    "CONFLICTFLAGS",
    "CONFLICTNAME",
    "CONFLICTNEVRS",
    "CONFLICTS",
    "CONFLICTVERSION",
    "COOKIE",
    "DEPENDSDICT",
    "DESCRIPTION",
    "DIRINDEXES",
    "DIRNAMES",
    "DISTRIBUTION",
    "DISTTAG",
    "DISTURL",
    "E",
    "ENCODING",
    "ENHANCEFLAGS",
    "ENHANCENAME",
    "ENHANCENEVRS",
    "ENHANCES",
    "ENHANCEVERSION",
    "EPOCH",
    "EPOCHNUM",
    "EVR",
    "EXCLUDEARCH",
    "EXCLUDEOS",
    "EXCLUSIVEARCH",
    "EXCLUSIVEOS",
    "FILECAPS",
    "FILECLASS",
    "FILECOLORS",
    "FILECONTEXTS",
    "FILEDEPENDSN",
    "FILEDEPENDSX",
    "FILEDEVICES",
    "FILEDIGESTALGO",
    "FILEDIGESTS",
    "FILEFLAGS",
    "FILEGROUPNAME",
    "FILEINODES",
    "FILELANGS",
    "FILELINKTOS",
    "FILEMD5S",
    "FILEMIMEINDEX",
    "FILEMIMES",
    "FILEMODES",
    "FILEMTIMES",
    "FILENAMES",
    "FILENLINKS",
    "FILEPROVIDE",
    "FILERDEVS",
    "FILEREQUIRE",
    "FILESIZES",
    "FILETRIGGERCONDS",
    "FILETRIGGERFLAGS",
    "FILETRIGGERINDEX",
    "FILETRIGGERNAME",
    "FILETRIGGERPRIORITIES",
    "FILETRIGGERSCRIPTFLAGS",
    "FILETRIGGERSCRIPTPROG",
    "FILETRIGGERSCRIPTS",
    "FILETRIGGERTYPE",
    "FILETRIGGERVERSION",
    "FILEUSERNAME",
    "FILEVERIFYFLAGS",
    "FSCONTEXTS",
    "GIF",
    "GROUP",
    "HEADERCOLOR",
    "ICON",
    "LICENSE",
    "LONGFILESIZES",
    "LONGSIZE",
    "MIMEDICT",
    "MODULARITYLABEL",
    "N",
    "NAME",
    "NEVR",
    "NEVRA",
    "NOPATCH",
    "NOSOURCE",
    "NVR",
    "NVRA",
    "O",
    "OBSOLETEFLAGS",
    "OBSOLETENAME",
    "OBSOLETENEVRS",
    "OBSOLETES",
    "OBSOLETEVERSION",
    "OLDENHANCES",
    "OLDENHANCESFLAGS",
    "OLDENHANCESNAME",
    "OLDENHANCESVERSION",
    "OLDFILENAMES",
    "OLDSUGGESTS",
    "OLDSUGGESTSFLAGS",
    "OLDSUGGESTSNAME",
    "OLDSUGGESTSVERSION",
    "OPTFLAGS",
    "ORDERFLAGS",
    "ORDERNAME",
    "ORDERVERSION",
    "ORIGBASENAMES",
    "ORIGDIRINDEXES",
    "ORIGDIRNAMES",
    "ORIGFILENAMES",
    "OS",
    "P",
    "PACKAGER",
    "PATCH",
    "PATCHESFLAGS",
    "PATCHESNAME",
    "PATCHESVERSION",
    "PAYLOADCOMPRESSOR",
    "PAYLOADFLAGS",
    "PAYLOADFORMAT",
    "PAYLOADSHA256",
    "PAYLOADSHA256ALGO",
    "PAYLOADSHA256ALT",
    "PAYLOADSHA3_256",
    "PAYLOADSHA3_256ALT",
    "PAYLOADSHA512",
    "PAYLOADSHA512ALT",
    "PAYLOADSIZE",
    "PAYLOADSIZEALT",
    "PLATFORM",
    "POLICIES",
    "POLICYFLAGS",
    "POLICYNAMES",
    "POLICYTYPES",
    "POLICYTYPESINDEXES",
    "POSTINFLAGS",
    "POSTINPROG",
    "POSTTRANS",
    "POSTTRANSFLAGS",
    "POSTTRANSPROG",
    "POSTUN",
    "POSTUNFLAGS",
    "POSTUNPROG",
    "POSTUNTRANS",
    "POSTUNTRANSFLAGS",
    "POSTUNTRANSPROG",
    "PREFIXES",
    "PREIN",
    "PREINFLAGS",
    "PREINPROG",
    "PRETRANS",
    "PRETRANSFLAGS",
    "PRETRANSPROG",
    "PREUN",
    "PREUNFLAGS",
    "PREUNPROG",
    "PREUNTRANS",
    "PREUNTRANSFLAGS",
    "PREUNTRANSPROG",
    "PROVIDEFLAGS",
    "PROVIDENAME",
    "PROVIDENEVRS",
    "PROVIDES",
    "PROVIDEVERSION",
    "PUBKEYS",
    "R",
    "RECOMMENDFLAGS",
    "RECOMMENDNAME",
    "RECOMMENDNEVRS",
    "RECOMMENDS",
    "RECOMMENDVERSION",
    "RECONTEXTS",
    "RELEASE",
    "REMOVETID",
    "REQUIREFLAGS",
    "REQUIRENAME",
    "REQUIRENEVRS",
    "REQUIRES",
    "REQUIREVERSION",
    "RPMFORMAT",
    "RPMVERSION",
    "SIZE",
    "SOURCE",
    "SOURCENEVR",
    "SOURCEPACKAGE",
    "SOURCERPM",
    "SOURCESIGMD5",
    "SPEC",
    "SUGGESTFLAGS",
    "SUGGESTNAME",
    "SUGGESTNEVRS",
    "SUGGESTS",
    "SUGGESTVERSION",
    "SUMMARY",
    "SUPPLEMENTFLAGS",
    "SUPPLEMENTNAME",
    "SUPPLEMENTNEVRS",
    "SUPPLEMENTS",
    "SUPPLEMENTVERSION",
    "SYSUSERS",
    "TRANSFILETRIGGERCONDS",
    "TRANSFILETRIGGERFLAGS",
    "TRANSFILETRIGGERINDEX",
    "TRANSFILETRIGGERNAME",
    "TRANSFILETRIGGERPRIORITIES",
    "TRANSFILETRIGGERSCRIPTFLAGS",
    "TRANSFILETRIGGERSCRIPTPROG",
    "TRANSFILETRIGGERSCRIPTS",
    "TRANSFILETRIGGERTYPE",
    "TRANSFILETRIGGERVERSION",
    "TRANSLATIONURL",
    "TRIGGERCONDS",
    "TRIGGERFLAGS",
    "TRIGGERINDEX",
    "TRIGGERNAME",
    "TRIGGERSCRIPTFLAGS",
    "TRIGGERSCRIPTPROG",
    "TRIGGERSCRIPTS",
    "TRIGGERTYPE",
    "TRIGGERVERSION",
    "UPSTREAMRELEASES",
    "URL",
    "V",
    "VCS",
    "VENDOR",
    "VERIFYSCRIPT",
    "VERIFYSCRIPTFLAGS",
    "VERIFYSCRIPTPROG",
    "VERSION",
    "XPM",
];

const FORMATS: &str = "\
%%{NAME} %%{RPMTAG_NAME} %%{name} %%{nAmE:string}|%%10{NAME}|%%-12{NAME}|%%3{NAME}|%%-2{VERSION}|%%20{=NAME}|
[%%-20{FILENAMES:shescape} %%{FILEMODES:octal} %%{FILEMODES:perms} %%{FILEMODES:permissions} %%{FILEMODES:hex} %%{FILEFLAGS:fflags} %%{FILEVERIFYFLAGS:vflags} %%{FILEVERIFYFLAGS:fstatus} %%{FILESIZES:humansi} %%{FILESIZES:humaniec} %%{=NAME} %%{#FILENAMES}\n]
[%%{REQUIRENAME} %%{REQUIREFLAGS:depflags} %%{REQUIREVERSION} %%{REQUIREFLAGS:deptype} %%{REQUIREFLAGS:hex}\n]
[%%{TRIGGERFLAGS:triggertype} ]%%{BUILDTIME:date} %%{BUILDTIME:day} %%{BUILDTIME:octal} %%{BUILDTIME:humansi}
%%{VENDOR:shescape} %%{VENDOR:json} %%{VENDOR:xml} %%{URL:xml} %%{SIZE:json} %%{SIZE:xml} %%{EPOCH:shescape} %%{DESCRIPTION:json}
%%{NAME:arraysize} %%{FILENAMES:arraysize} %%{NAME:tagname} %%{NAME:tagnum} %%{FILEDIGESTALGO:hashalgo} %%{SIZE:hashalgo}
%%{NAME:octal} %%{NAME:date} %%{SIZE:base64} %%{SIZE:expand} %%{PACKAGER:base64} %%{NOTHING_LIKE_IT_IS_MISSING}
%|EPOCH?{with %%{EPOCH}}:{without}| %|COOKIE?{with}:{without}| %|COOKIE?{with}| %|NONSENSE?{with}:{without}| %|NAME?{[%%{PROVIDENAME} ]}:{}|
%%{COOKIE} %%{COOKIE:octal} %%{CHANGELOGTIME:date} [%%{CHANGELOGTEXT}] [%%{=NAME} %%{COOKIE}] a\tb \\\\ 100%%%%
END
%posttrans -q
echo \"%%{NEVRA} %%{EVR} %%{NVR} %%{NVRA} %%{NEVR} %%{ARCHSUFFIX} %%{EPOCHNUM}\" >> /log
";

#[test]
fn texts_are_filled_in_as_by_rpm() {
    let mut tags = String::from(TALKATIVE);
    for tag in TAGS {
        tags += &format!("{tag} %%{{{tag}}} [<%%{{{tag}}}>]\n");
    }
    tags += "END\n";
    let formats = format!("{TALKATIVE}{}", FORMATS.replace("%%{NOTHING_LIKE_IT_IS_MISSING}", ""));
    let (tags, formats): (&str, &str) = (tags.leak(), formats.leak());
    let case = |name, packages| Case { name, packages, shell: true, ..Case::NEW };
    let cases = [
        case("all-tags-4", tags),
        Case { format: Format::Six, ..case("all-tags-6", tags) },
        case("all-formats-4", formats),
        Case { format: Format::Six, ..case("all-formats-6", formats) },
    ];
    let Some(judged) = judge(&cases) else { return };
    assert!(
        judged.of("all-tags-4").log.contains("NEVRA talkative-4:1.2-3.noarch"),
        "{}",
        judged.of("all-tags-4").log
    );
}
