-- The shells are listed once each.
posix.mkdir("/etc")
local function list(shell)
  local found = false
  local file = io.open("/etc/shells", "a+")
  for line in file:lines() do
    if line == shell then found = true end
  end
  if not found then file:write(shell .. "\n") end
  file:close()
end
list("/bin/sh")
list("/bin/bash")
list("/bin/sh")
for line in io.lines("/etc/shells") do print(line) end
local old = posix.umask()
posix.umask("rwx------")
print(old, posix.umask())
local file = io.open("/etc/secret", "w")
file:write("x")
file:close()
print(posix.stat("/etc/secret").mode, posix.stat("/etc/secret").size)
posix.umask(old)
posix.setenv("SHELL_OF_TEST", "/bin/bash")
print(os.getenv("SHELL_OF_TEST"), posix.getenv("SHELL_OF_TEST"))
posix.setenv("SHELL_OF_TEST", "/bin/zsh", false)
print(posix.getenv("SHELL_OF_TEST"))
posix.unsetenv("SHELL_OF_TEST")
print(posix.getenv("SHELL_OF_TEST"))
posix.putenv("SHELL_OF_TEST=x")
print(posix.getenv("SHELL_OF_TEST"))
io.write("written ", 1, "\n")
print(posix.getcwd())
print(posix.chdir("/etc"), posix.getcwd())
