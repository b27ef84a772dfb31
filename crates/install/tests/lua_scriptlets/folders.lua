-- A new root gets its folders, and a folder that became a link is moved out of the way.
for _, path in ipairs({"/usr", "/usr/bin", "/usr/lib", "/usr/lib64", "/usr/sbin", "/etc", "/var", "/var/lib", "/run"}) do
  posix.mkdir(path)
end
for _, name in ipairs({"bin", "lib", "lib64", "sbin"}) do
  print(name, posix.symlink("usr/" .. name, "/" .. name))
end
print(posix.symlink("usr/bin", "/bin"))
posix.chmod("/run", 755)
print(posix.stat("/run", "mode"))
posix.chmod("/run", "0755")
print(posix.stat("/run", "mode"))
posix.chmod("/etc", "u=rwx")
posix.chmod("/etc", "go+rx")
print(posix.stat("/etc", "mode"))
posix.mkdir("/etc/pki")
posix.mkdir("/etc/pki/old")
local status = posix.stat("/etc/pki")
if status and status.type == "directory" then
  print(os.rename("/etc/pki", "/etc/pki.rpmmoved"))
end
print(posix.symlink("pki.rpmmoved", "/etc/pki"))
print(posix.stat("/etc/pki", "type"), posix.readlink("/etc/pki"))
print(posix.stat("/nowhere"))
print(posix.rmdir("/etc/pki.rpmmoved"))
print(posix.unlink("/etc/pki"))
print(posix.access("/etc/pki", "f"))
print(posix.access("/usr", "rwx"))
print(arg[1], arg[2], math.type(arg[2]), #arg)
