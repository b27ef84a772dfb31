//! Tag numbers of RPM headers (`include/rpm/rpmtag.h`), those that this project names.

/// A tag number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(pub u32);

impl Tag {
    /// Old region tag.
    pub const HEADER_IMAGE: Tag = Tag(61);
    /// Region tag of the signature header.
    pub const HEADER_SIGNATURES: Tag = Tag(62);
    /// Region tag of the main header: everything in it is covered by digests and signatures.
    pub const HEADER_IMMUTABLE: Tag = Tag(63);
    /// Languages of the translated strings.
    pub const HEADER_I18N_TABLE: Tag = Tag(100);
    /// Signature: header and payload size (translated from 1000).
    pub const SIG_SIZE: Tag = Tag(257);
    /// Legacy signature over header and payload.
    pub const SIG_PGP: Tag = Tag(259);
    /// MD5 of header and payload.
    pub const SIG_MD5: Tag = Tag(261);
    /// Legacy DSA signature over header and payload.
    pub const SIG_GPG: Tag = Tag(262);
    /// DSA or EdDSA signature of the header.
    pub const DSA_HEADER: Tag = Tag(267);
    /// RSA signature of the header.
    pub const RSA_HEADER: Tag = Tag(268);
    /// SHA-1 of the header, hexadecimal.
    pub const SHA1_HEADER: Tag = Tag(269);
    /// 64-bit header and payload size.
    pub const LONG_SIG_SIZE: Tag = Tag(270);
    /// 64-bit uncompressed payload size.
    pub const LONG_ARCHIVE_SIZE: Tag = Tag(271);
    /// SHA-256 of the header, hexadecimal.
    pub const SHA256_HEADER: Tag = Tag(273);
    /// fs-verity signatures of the files.
    pub const VERITY_SIGNATURES: Tag = Tag(276);
    /// Algorithm of the fs-verity signatures.
    pub const VERITY_SIGNATURE_ALGORITHM: Tag = Tag(277);
    /// OpenPGP signatures of the header, base64 (v6).
    pub const OPEN_PGP: Tag = Tag(278);
    /// SHA3-256 of the header, hexadecimal (v6).
    pub const SHA3_256_HEADER: Tag = Tag(279);
    /// Package name.
    pub const NAME: Tag = Tag(1000);
    /// Upstream version.
    pub const VERSION: Tag = Tag(1001);
    /// Distribution release.
    pub const RELEASE: Tag = Tag(1002);
    /// Epoch.
    pub const EPOCH: Tag = Tag(1003);
    /// One line.
    pub const SUMMARY: Tag = Tag(1004);
    /// Several lines.
    pub const DESCRIPTION: Tag = Tag(1005);
    /// Seconds since 1970.
    pub const BUILD_TIME: Tag = Tag(1006);
    /// Host name.
    pub const BUILD_HOST: Tag = Tag(1007);
    /// Seconds since 1970; set by the installer.
    pub const INSTALL_TIME: Tag = Tag(1008);
    /// Size of all files in bytes.
    pub const SIZE: Tag = Tag(1009);
    /// Distribution.
    pub const DISTRIBUTION: Tag = Tag(1010);
    /// Vendor.
    pub const VENDOR: Tag = Tag(1011);
    /// Licence.
    pub const LICENSE: Tag = Tag(1014);
    /// Packager.
    pub const PACKAGER: Tag = Tag(1015);
    /// Group.
    pub const GROUP: Tag = Tag(1016);
    /// Home page.
    pub const URL: Tag = Tag(1020);
    /// Operating system.
    pub const OS: Tag = Tag(1021);
    /// Architecture.
    pub const ARCH: Tag = Tag(1022);
    /// %pre body.
    pub const PRE_INSTALL: Tag = Tag(1023);
    /// %post body.
    pub const POST_INSTALL: Tag = Tag(1024);
    /// %preun body.
    pub const PRE_UNINSTALL: Tag = Tag(1025);
    /// %postun body.
    pub const POST_UNINSTALL: Tag = Tag(1026);
    /// File sizes in bytes, 32 bits.
    pub const FILE_SIZES: Tag = Tag(1028);
    /// State of each file; set by the installer.
    pub const FILE_STATES: Tag = Tag(1029);
    /// st_mode of each file.
    pub const FILE_MODES: Tag = Tag(1030);
    /// Device number of each file.
    pub const FILE_RDEVS: Tag = Tag(1033);
    /// Modification time of each file.
    pub const FILE_MTIMES: Tag = Tag(1034);
    /// Digest of each regular file, hexadecimal.
    pub const FILE_DIGESTS: Tag = Tag(1035);
    /// Target of each symbolic link.
    pub const FILE_LINK_TOS: Tag = Tag(1036);
    /// Config, doc, ghost, ... of each file.
    pub const FILE_FLAGS: Tag = Tag(1037);
    /// Owner of each file.
    pub const FILE_USER_NAME: Tag = Tag(1039);
    /// Group of each file.
    pub const FILE_GROUP_NAME: Tag = Tag(1040);
    /// File name of the source package.
    pub const SOURCE_RPM: Tag = Tag(1044);
    /// What verification looks at.
    pub const FILE_VERIFY_FLAGS: Tag = Tag(1045);
    /// Uncompressed payload size.
    pub const ARCHIVE_SIZE: Tag = Tag(1046);
    /// Provided names.
    pub const PROVIDE_NAME: Tag = Tag(1047);
    /// Requirement flags.
    pub const REQUIRE_FLAGS: Tag = Tag(1048);
    /// Required names.
    pub const REQUIRE_NAME: Tag = Tag(1049);
    /// Required versions.
    pub const REQUIRE_VERSION: Tag = Tag(1050);
    /// Conflict flags.
    pub const CONFLICT_FLAGS: Tag = Tag(1053);
    /// Conflicting names.
    pub const CONFLICT_NAME: Tag = Tag(1054);
    /// Conflicting versions.
    pub const CONFLICT_VERSION: Tag = Tag(1055);
    /// rpm that built the package.
    pub const RPM_VERSION: Tag = Tag(1064);
    /// Trigger bodies.
    pub const TRIGGER_SCRIPTS: Tag = Tag(1065);
    /// Trigger names.
    pub const TRIGGER_NAME: Tag = Tag(1066);
    /// Trigger versions.
    pub const TRIGGER_VERSION: Tag = Tag(1067);
    /// Trigger flags.
    pub const TRIGGER_FLAGS: Tag = Tag(1068);
    /// Script of each trigger name.
    pub const TRIGGER_INDEX: Tag = Tag(1069);
    /// %verifyscript body.
    pub const VERIFY_SCRIPT: Tag = Tag(1079);
    /// Changelog times.
    pub const CHANGELOG_TIME: Tag = Tag(1080);
    /// Changelog authors.
    pub const CHANGELOG_NAME: Tag = Tag(1081);
    /// Changelog texts.
    pub const CHANGELOG_TEXT: Tag = Tag(1082);
    /// %pre interpreter and arguments.
    pub const PRE_INSTALL_PROGRAM: Tag = Tag(1085);
    /// %post interpreter and arguments.
    pub const POST_INSTALL_PROGRAM: Tag = Tag(1086);
    /// %preun interpreter and arguments.
    pub const PRE_UNINSTALL_PROGRAM: Tag = Tag(1087);
    /// %postun interpreter and arguments.
    pub const POST_UNINSTALL_PROGRAM: Tag = Tag(1088);
    /// Obsoleted names.
    pub const OBSOLETE_NAME: Tag = Tag(1090);
    /// %verifyscript interpreter and arguments.
    pub const VERIFY_SCRIPT_PROGRAM: Tag = Tag(1091);
    /// Trigger interpreters.
    pub const TRIGGER_SCRIPT_PROGRAM: Tag = Tag(1092);
    /// Build cookie.
    pub const COOKIE: Tag = Tag(1094);
    /// Device on which each file was built (hard link groups).
    pub const FILE_DEVICES: Tag = Tag(1095);
    /// Inode of each file (hard link groups).
    pub const FILE_INODES: Tag = Tag(1096);
    /// Language of each file.
    pub const FILE_LANGS: Tag = Tag(1097);
    /// Relocation prefixes.
    pub const PREFIXES: Tag = Tag(1098);
    /// Where those prefixes are, once installed.
    pub const INSTALLED_PREFIXES: Tag = Tag(1099);
    /// Provide flags.
    pub const PROVIDE_FLAGS: Tag = Tag(1112);
    /// Provided versions.
    pub const PROVIDE_VERSION: Tag = Tag(1113);
    /// Obsolete flags.
    pub const OBSOLETE_FLAGS: Tag = Tag(1114);
    /// Obsoleted versions.
    pub const OBSOLETE_VERSION: Tag = Tag(1115);
    /// Directory of each file.
    pub const DIR_INDEXES: Tag = Tag(1116);
    /// Base name of each file.
    pub const BASE_NAMES: Tag = Tag(1117);
    /// Directories, each with a final slash.
    pub const DIR_NAMES: Tag = Tag(1118);
    /// Directory of each file before relocation.
    pub const ORIG_DIR_INDEXES: Tag = Tag(1119);
    /// Base names before relocation.
    pub const ORIG_BASE_NAMES: Tag = Tag(1120);
    /// Directories before relocation.
    pub const ORIG_DIR_NAMES: Tag = Tag(1121);
    /// Compiler flags.
    pub const OPT_FLAGS: Tag = Tag(1122);
    /// `cpio`.
    pub const PAYLOAD_FORMAT: Tag = Tag(1124);
    /// `gzip`, `xz`, `zstd`, ...
    pub const PAYLOAD_COMPRESSOR: Tag = Tag(1125);
    /// Compression level.
    pub const PAYLOAD_FLAGS: Tag = Tag(1126);
    /// Transaction colour; set by the installer.
    pub const INSTALL_COLOR: Tag = Tag(1127);
    /// Transaction id; set by the installer.
    pub const INSTALL_TID: Tag = Tag(1128);
    /// Platform.
    pub const PLATFORM: Tag = Tag(1132);
    /// ELF class of each file.
    pub const FILE_COLORS: Tag = Tag(1140);
    /// Class of each file.
    pub const FILE_CLASS: Tag = Tag(1141);
    /// Start in the dependency dictionary of each file.
    pub const FILE_DEPENDS_X: Tag = Tag(1143);
    /// Count in the dependency dictionary of each file.
    pub const FILE_DEPENDS_N: Tag = Tag(1144);
    /// Dependency dictionary.
    pub const DEPENDS_DICT: Tag = Tag(1145);
    /// MD5 of the source package.
    pub const SOURCE_PKG_ID: Tag = Tag(1146);
    /// %pretrans body.
    pub const PRE_TRANS: Tag = Tag(1151);
    /// %posttrans body.
    pub const POST_TRANS: Tag = Tag(1152);
    /// %pretrans interpreter and arguments.
    pub const PRE_TRANS_PROGRAM: Tag = Tag(1153);
    /// %posttrans interpreter and arguments.
    pub const POST_TRANS_PROGRAM: Tag = Tag(1154);
    /// File sizes in bytes, 64 bits.
    pub const LONG_FILE_SIZES: Tag = Tag(5008);
    /// 64-bit size of all files in bytes.
    pub const LONG_SIZE: Tag = Tag(5009);
    /// File capabilities, text.
    pub const FILE_CAPS: Tag = Tag(5010);
    /// Algorithm of the file digests (OpenPGP number).
    pub const FILE_DIGEST_ALGO: Tag = Tag(5011);
    /// Where to report bugs.
    pub const BUG_URL: Tag = Tag(5012);
    /// %pre flags.
    pub const PRE_INSTALL_FLAGS: Tag = Tag(5020);
    /// %post flags.
    pub const POST_INSTALL_FLAGS: Tag = Tag(5021);
    /// %preun flags.
    pub const PRE_UNINSTALL_FLAGS: Tag = Tag(5022);
    /// %postun flags.
    pub const POST_UNINSTALL_FLAGS: Tag = Tag(5023);
    /// %pretrans flags.
    pub const PRE_TRANS_FLAGS: Tag = Tag(5024);
    /// %posttrans flags.
    pub const POST_TRANS_FLAGS: Tag = Tag(5025);
    /// %verifyscript flags.
    pub const VERIFY_SCRIPT_FLAGS: Tag = Tag(5026);
    /// Trigger flags.
    pub const TRIGGER_SCRIPT_FLAGS: Tag = Tag(5027);
    /// SELinux policy modules.
    pub const POLICY_NAMES: Tag = Tag(5030);
    /// OrderWithRequires names.
    pub const ORDER_NAME: Tag = Tag(5035);
    /// OrderWithRequires versions.
    pub const ORDER_VERSION: Tag = Tag(5036);
    /// OrderWithRequires flags.
    pub const ORDER_FLAGS: Tag = Tag(5037);
    /// Recommended names.
    pub const RECOMMEND_NAME: Tag = Tag(5046);
    /// Recommended versions.
    pub const RECOMMEND_VERSION: Tag = Tag(5047);
    /// Recommend flags.
    pub const RECOMMEND_FLAGS: Tag = Tag(5048);
    /// Suggested names.
    pub const SUGGEST_NAME: Tag = Tag(5049);
    /// Suggested versions.
    pub const SUGGEST_VERSION: Tag = Tag(5050);
    /// Suggest flags.
    pub const SUGGEST_FLAGS: Tag = Tag(5051);
    /// Supplemented names.
    pub const SUPPLEMENT_NAME: Tag = Tag(5052);
    /// Supplemented versions.
    pub const SUPPLEMENT_VERSION: Tag = Tag(5053);
    /// Supplement flags.
    pub const SUPPLEMENT_FLAGS: Tag = Tag(5054);
    /// Enhanced names.
    pub const ENHANCE_NAME: Tag = Tag(5055);
    /// Enhanced versions.
    pub const ENHANCE_VERSION: Tag = Tag(5056);
    /// Enhance flags.
    pub const ENHANCE_FLAGS: Tag = Tag(5057);
    /// `utf-8`.
    pub const ENCODING: Tag = Tag(5062);
    /// File trigger bodies.
    pub const FILE_TRIGGER_SCRIPTS: Tag = Tag(5066);
    /// File trigger interpreters.
    pub const FILE_TRIGGER_SCRIPT_PROGRAM: Tag = Tag(5067);
    /// File trigger script flags.
    pub const FILE_TRIGGER_SCRIPT_FLAGS: Tag = Tag(5068);
    /// File trigger path prefixes.
    pub const FILE_TRIGGER_NAME: Tag = Tag(5069);
    /// Script of each prefix.
    pub const FILE_TRIGGER_INDEX: Tag = Tag(5070);
    /// File trigger versions.
    pub const FILE_TRIGGER_VERSION: Tag = Tag(5071);
    /// File trigger flags.
    pub const FILE_TRIGGER_FLAGS: Tag = Tag(5072);
    /// Transaction file trigger bodies.
    pub const TRANS_FILE_TRIGGER_SCRIPTS: Tag = Tag(5076);
    /// Transaction file trigger interpreters.
    pub const TRANS_FILE_TRIGGER_SCRIPT_PROGRAM: Tag = Tag(5077);
    /// Transaction file trigger script flags.
    pub const TRANS_FILE_TRIGGER_SCRIPT_FLAGS: Tag = Tag(5078);
    /// Transaction file trigger path prefixes.
    pub const TRANS_FILE_TRIGGER_NAME: Tag = Tag(5079);
    /// Script of each prefix.
    pub const TRANS_FILE_TRIGGER_INDEX: Tag = Tag(5080);
    /// Transaction file trigger versions.
    pub const TRANS_FILE_TRIGGER_VERSION: Tag = Tag(5081);
    /// Transaction file trigger flags.
    pub const TRANS_FILE_TRIGGER_FLAGS: Tag = Tag(5082);
    /// File trigger priorities.
    pub const FILE_TRIGGER_PRIORITIES: Tag = Tag(5084);
    /// Transaction file trigger priorities.
    pub const TRANS_FILE_TRIGGER_PRIORITIES: Tag = Tag(5085);
    /// IMA signatures of the files.
    pub const FILE_SIGNATURES: Tag = Tag(5090);
    /// Length of the IMA signatures.
    pub const FILE_SIGNATURE_LENGTH: Tag = Tag(5091);
    /// Digest of the compressed payload (v4 name: PAYLOADDIGEST).
    pub const PAYLOAD_SHA256: Tag = Tag(5092);
    /// Algorithm of the payload digest.
    pub const PAYLOAD_SHA256_ALGO: Tag = Tag(5093);
    /// Module stream.
    pub const MODULARITY_LABEL: Tag = Tag(5096);
    /// Digest of the uncompressed payload.
    pub const PAYLOAD_SHA256_ALT: Tag = Tag(5097);
    /// %preuntrans body.
    pub const PRE_UN_TRANS: Tag = Tag(5103);
    /// %postuntrans body.
    pub const POST_UN_TRANS: Tag = Tag(5104);
    /// %preuntrans interpreter and arguments.
    pub const PRE_UN_TRANS_PROGRAM: Tag = Tag(5105);
    /// %postuntrans interpreter and arguments.
    pub const POST_UN_TRANS_PROGRAM: Tag = Tag(5106);
    /// %preuntrans flags.
    pub const PRE_UN_TRANS_FLAGS: Tag = Tag(5107);
    /// %postuntrans flags.
    pub const POST_UN_TRANS_FLAGS: Tag = Tag(5108);
    /// Lines for sysusers (extension).
    pub const SYS_USERS: Tag = Tag(5109);
    /// Payload size in bytes (v6).
    pub const PAYLOAD_SIZE: Tag = Tag(5112);
    /// Uncompressed payload size in bytes (v6).
    pub const PAYLOAD_SIZE_ALT: Tag = Tag(5113);
    /// Package format version (v6).
    pub const RPM_FORMAT: Tag = Tag(5114);
    /// MIME class of each file.
    pub const FILE_MIME_INDEX: Tag = Tag(5115);
    /// MIME dictionary.
    pub const MIME_DICT: Tag = Tag(5116);
    /// Digests of the whole package file; set by the installer.
    pub const PACKAGE_DIGESTS: Tag = Tag(5118);
    /// Algorithms of the package digests.
    pub const PACKAGE_DIGEST_ALGOS: Tag = Tag(5119);
    /// Source package identity.
    pub const SOURCE_NEVR: Tag = Tag(5120);
    /// SHA-512 of the compressed payload.
    pub const PAYLOAD_SHA512: Tag = Tag(5121);
    /// SHA-512 of the uncompressed payload.
    pub const PAYLOAD_SHA512_ALT: Tag = Tag(5122);
    /// SHA3-256 of the compressed payload.
    pub const PAYLOAD_SHA3_256: Tag = Tag(5123);
    /// SHA3-256 of the uncompressed payload.
    pub const PAYLOAD_SHA3_256_ALT: Tag = Tag(5124);
}

/// `RPMSENSE_*` bits of a dependency's flags, beside the comparison (see [`crate::Comparison`]).
pub mod dependency_flags {
    /// Needed before %pretrans.
    pub const PRETRANS: u32 = 1 << 7;
    /// Needed for %posttrans.
    pub const POSTTRANS: u32 = 1 << 5;
    /// Old "PreReq".
    pub const PREREQ: u32 = 1 << 6;
    /// Found in an interpreter line.
    pub const INTERP: u32 = 1 << 8;
    /// Needed by %pre.
    pub const SCRIPT_PRE: u32 = 1 << 9;
    /// Needed by %post.
    pub const SCRIPT_POST: u32 = 1 << 10;
    /// Needed by %preun.
    pub const SCRIPT_PREUN: u32 = 1 << 11;
    /// Needed by %postun.
    pub const SCRIPT_POSTUN: u32 = 1 << 12;
    /// Needed by %verifyscript.
    pub const SCRIPT_VERIFY: u32 = 1 << 13;
    /// Found by a dependency generator.
    pub const FIND_REQUIRES: u32 = 1 << 14;
    /// Found by a dependency generator.
    pub const FIND_PROVIDES: u32 = 1 << 15;
    /// %triggerin.
    pub const TRIGGERIN: u32 = 1 << 16;
    /// %triggerun.
    pub const TRIGGERUN: u32 = 1 << 17;
    /// %triggerpostun.
    pub const TRIGGERPOSTUN: u32 = 1 << 18;
    /// May be absent.
    pub const MISSINGOK: u32 = 1 << 19;
    /// Needed by %preuntrans.
    pub const PREUNTRANS: u32 = 1 << 20;
    /// Needed for %postuntrans.
    pub const POSTUNTRANS: u32 = 1 << 21;
    /// A feature of rpm itself.
    pub const RPMLIB: u32 = 1 << 24;
    /// %triggerprein.
    pub const TRIGGERPREIN: u32 = 1 << 25;
    /// Keyring (never in packages).
    pub const KEYRING: u32 = 1 << 26;
    /// `Requires(meta)`: no influence on the order.
    pub const META: u32 = 1 << 29;
}

/// `RPMFILE_*` bits of a file's flags.
pub mod file_flags {
    /// %config.
    pub const CONFIG: u32 = 1 << 0;
    /// %doc.
    pub const DOC: u32 = 1 << 1;
    /// %config(missingok) and %ghost.
    pub const MISSINGOK: u32 = 1 << 3;
    /// %config(noreplace).
    pub const NOREPLACE: u32 = 1 << 4;
    /// %ghost.
    pub const GHOST: u32 = 1 << 6;
    /// %license.
    pub const LICENSE: u32 = 1 << 7;
    /// %readme.
    pub const README: u32 = 1 << 8;
    /// Public key.
    pub const PUBKEY: u32 = 1 << 11;
    /// %artifact.
    pub const ARTIFACT: u32 = 1 << 12;
}
