//! Typed calls to programs and the kernel: the sandbox, the clock, one module a tool.
