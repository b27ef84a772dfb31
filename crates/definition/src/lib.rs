//! A folder of TOML in; one resolved, validated Distro out.
