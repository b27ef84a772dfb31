//! The names of macros that rpm has built in.

/// A macro that this crate expands itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Builtin {
    /// `%{P:n}`: the path of a patch.
    Patch,
    /// `%{S:n}`: the path of a source.
    Source,
    /// The last part of a path.
    Basename,
    /// Defines for this call.
    Define,
    /// A path without its last part.
    Dirname,
    /// Nothing, up to the end of the line.
    Comment,
    /// A list of all macros, on the terminal.
    Dump,
    /// A message.
    Echo,
    /// A message that ends everything.
    Error,
    /// Whether a file exists.
    Exists,
    /// Expands once more.
    Expand,
    /// An expression.
    Expression,
    /// rpm's folder.
    ConfigurationFolder,
    /// A variable of the environment.
    Environment,
    /// How many processors there are.
    Processors,
    /// Defines for good.
    Global,
    /// A function of Lua's `string`.
    Text(TextFunction),
    /// Reads a macro file.
    Load,
    /// Runs Lua.
    Lua,
    /// A macro's body as it is.
    MacroBody,
    /// Keeps an argument together.
    Quote,
    /// rpm's version.
    Version,
    /// Blanks squeezed.
    Shrink,
    /// Its argument.
    Span,
    /// What follows the last dot.
    Suffix,
    /// Switches tracing on.
    Trace,
    /// Quotes for a shell.
    ShellQuote,
    /// A command that decompresses a file.
    Uncompress,
    /// Takes a definition back.
    Undefine,
    /// The path of a URL.
    UrlPath,
    /// The same by its short name.
    UrlPathShort,
    /// Whether rpm was asked to talk.
    Verbose,
    /// A warning.
    Warn,
    /// A folder of the user's.
    UserFolder,
    /// The line that is being read.
    LineNumber,
    /// `%setup` inside %prep.
    Setup,
    /// `%patch` inside %prep.
    ApplyPatch,
}

/// A function of Lua's `string` that is a macro, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextFunction {
    /// `string.gsub`
    Gsub,
    /// `string.len`
    Len,
    /// `string.lower`
    Lower,
    /// `string.rep`
    Rep,
    /// `string.reverse`
    Reverse,
    /// `string.sub`
    Sub,
    /// `string.upper`
    Upper,
}

impl TextFunction {
    /// Its name in Lua.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gsub => "gsub",
            Self::Len => "len",
            Self::Lower => "lower",
            Self::Rep => "rep",
            Self::Reverse => "reverse",
            Self::Sub => "sub",
            Self::Upper => "upper",
        }
    }
}

/// How many arguments a built-in macro takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arity {
    /// None at all.
    None,
    /// At least one.
    Some,
    /// As it comes.
    Any,
}

impl Builtin {
    /// Those that are always there.
    pub(crate) const ALL: &'static [Builtin] = &[
        Self::Patch,
        Self::Source,
        Self::Basename,
        Self::Define,
        Self::Dirname,
        Self::Comment,
        Self::Dump,
        Self::Echo,
        Self::Error,
        Self::Exists,
        Self::Expand,
        Self::Expression,
        Self::ConfigurationFolder,
        Self::Environment,
        Self::Processors,
        Self::Global,
        Self::Text(TextFunction::Gsub),
        Self::Text(TextFunction::Len),
        Self::Text(TextFunction::Lower),
        Self::Text(TextFunction::Rep),
        Self::Text(TextFunction::Reverse),
        Self::Text(TextFunction::Sub),
        Self::Text(TextFunction::Upper),
        Self::Load,
        Self::Lua,
        Self::MacroBody,
        Self::Quote,
        Self::Version,
        Self::Shrink,
        Self::Span,
        Self::Suffix,
        Self::Trace,
        Self::ShellQuote,
        Self::Uncompress,
        Self::Undefine,
        Self::UrlPath,
        Self::UrlPathShort,
        Self::Verbose,
        Self::Warn,
        Self::UserFolder,
    ];

    /// Its name without the percent sign.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Patch => "P",
            Self::Source => "S",
            Self::Basename => "basename",
            Self::Define => "define",
            Self::Dirname => "dirname",
            Self::Comment => "dnl",
            Self::Dump => "dump",
            Self::Echo => "echo",
            Self::Error => "error",
            Self::Exists => "exists",
            Self::Expand => "expand",
            Self::Expression => "expr",
            Self::ConfigurationFolder => "getconfdir",
            Self::Environment => "getenv",
            Self::Processors => "getncpus",
            Self::Global => "global",
            Self::Text(function) => function.name(),
            Self::Load => "load",
            Self::Lua => "lua",
            Self::MacroBody => "macrobody",
            Self::Quote => "quote",
            Self::Version => "rpmversion",
            Self::Shrink => "shrink",
            Self::Span => "span",
            Self::Suffix => "suffix",
            Self::Trace => "trace",
            Self::ShellQuote => "shescape",
            Self::Uncompress => "uncompress",
            Self::Undefine => "undefine",
            Self::UrlPath => "url2path",
            Self::UrlPathShort => "u2p",
            Self::Verbose => "verbose",
            Self::Warn => "warn",
            Self::UserFolder => "xdg",
            Self::LineNumber => "__file_lineno",
            Self::Setup => "setup",
            Self::ApplyPatch => "patch",
        }
    }

    /// How many arguments it takes.
    pub(crate) fn arity(self) -> Arity {
        match self {
            Self::Dump | Self::ConfigurationFolder | Self::Version | Self::Trace => Arity::None,
            Self::Processors | Self::Verbose | Self::LineNumber | Self::Setup | Self::ApplyPatch => {
                Arity::Any
            }
            _ => Arity::Some,
        }
    }

    /// Its options for `getopt`, if it takes arguments; `-` leaves arguments as they are.
    pub(crate) fn options(self) -> Option<&'static str> {
        match self.arity() {
            Arity::None => None,
            _ if matches!(self, Self::Setup | Self::ApplyPatch) => Some("-"),
            _ => Some(""),
        }
    }

    /// Whether it reads its argument itself, unexpanded, to the end of what is being expanded if need be.
    pub(crate) fn reads_raw_text(self) -> bool {
        matches!(self, Self::Define | Self::Global | Self::Comment | Self::Lua | Self::Verbose)
    }
}
