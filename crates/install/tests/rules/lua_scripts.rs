//! Lua scriptlets in the manner of a distribution's packages: what `filesystem`, `setup`, `bash`, `ca-certificates` and others need.

use crate::peers::{Case, judge};

const CASES: &[Case] = &[
    Case {
        name: "folders-before-all",
        shell: true,
        packages: "\
== base-folders
%pretrans -p <lua>
@say
local moved = {}
for _, name in ipairs({'bin', 'sbin', 'lib', 'lib64'}) do
    local state = posix.stat('/' .. name)
    say(name, state and state.type)
    posix.mkdir('/usr')
    posix.mkdir('/usr/' .. name)
    if not state then moved[#moved + 1] = name say(posix.symlink('usr/' .. name, '/' .. name)) end
end
say(#moved, table.concat(moved, ','))
for path, mode in pairs({['/proc'] = '555', ['/sys'] = '0555'}) do
    posix.mkdir(path)
    posix.chmod(path, mode)
end
posix.mkdir('/var')
posix.mkdir('/var/run')
posix.symlink('../run', '/var/lock')
posix.umask('rwxr-x---')
posix.mkdir('/var/private')
return 0
%posttrans -p <lua>
@say
local state = posix.stat('/var/lock')
say(state.type, state.mode, posix.readlink('/var/lock'))
posix.unlink('/var/lock')
say(posix.stat('/var/lock'))
%files
%dir %attr(0755, root, root) /usr/bin
%dir %attr(0555, root, root) /proc
%dir %attr(0555, root, root) /sys
== a-user-of-it
Requires: base-folders
%files
/bin/tool
",
        ..Case::NEW
    },
    Case {
        name: "account-files",
        packages: "\
== accounts
%post -p <lua>
@say
for _, name in ipairs({'passwd', 'group'}) do
    local path = '/etc/' .. name
    local f = assert(io.open(path, 'r'))
    local lines = {}
    for line in f:lines() do lines[#lines + 1] = line end
    f:close()
    table.sort(lines)
    say(name, #lines, lines[1], lines[#lines])
    os.remove(path .. '.rpmnew')
    local copy = io.open(path .. '.new', 'w+')
    copy:write(table.concat(lines, '\\n'), '\\n')
    copy:seek('set', 0)
    say(copy:read('l'), copy:read('a') == '', copy:seek('end'))
    copy:close()
    say(os.rename(path .. '.new', path))
    posix.chown(path, 'root', 'daemon')
    posix.chmod(path, 'u=rw,go=r')
end
say(posix.getpasswd('daemon', 'dir'), posix.getpasswd(2).name, posix.getgroup('daemon').gid)
say(posix.getpasswd('root').shell, posix.getpasswd('nobody'))
for line in io.lines('/etc/group') do say(line:match('^([^:]*):[^:]*:(%%d+)')) end
%install
mkdir -p %{buildroot}/etc
printf 'root:x:0:0:root:/root:/bin/bash\\ndaemon:x:2:2::/sbin:/bin/false\\n' > %{buildroot}/etc/passwd
printf 'root:x:0:\\ndaemon:x:2:root\\n' > %{buildroot}/etc/group
%files
%config(noreplace) /etc/passwd
%config(noreplace) /etc/group
",
        ..Case::NEW
    },
    Case {
        name: "list-of-shells",
        packages: "\
== shell-one
%post -p <lua>
nl = '\\n'
sh = '/bin/one' .. nl
posix.mkdir('/etc')
f = io.open('/etc/shells', 'a+')
if f then
    local shells = nl .. f:read('*all') .. nl
    if not shells:find(nl .. sh) then f:write(sh) end
    f:close()
end
%files
== shell-two
Requires: shell-one
%post -p <lua>
@say
local t = {}
for line in io.lines('/etc/shells') do
    if line ~= '/bin/one' then t[#t + 1] = line end
end
t[#t + 1] = '/bin/two'
f = io.open('/etc/shells', 'w+')
for n in pairs(t) do f:write(t[n] .. '\\n') end
f:close()
%files
",
        ..Case::NEW
    },
    Case {
        name: "folder-that-became-a-link",
        packages: "\
== certificates
%pretrans -p <lua>
posix.mkdir('/etc')
posix.mkdir('/etc/pki')
posix.mkdir('/etc/pki/certs')
local f = io.open('/etc/pki/certs/mine.pem', 'w') f:write('mine') f:close()
path = '/etc/pki/certs'
st = posix.stat(path)
if st and st.type == 'directory' then
    status = os.rename(path, path .. '.rpmmoved')
    if not status then
        suffix = 0
        while not status do
            suffix = suffix + 1
            status = os.rename(path .. '.rpmmoved', path .. '.rpmmoved.' .. suffix)
        end
        os.rename(path, path .. '.rpmmoved')
    end
end
%post -p <lua>
@say
say(posix.readlink('/etc/pki/certs'), posix.stat('/etc/pki/certs', 'type'))
for _, path in ipairs(rpm.glob('/etc/pki/*')) do say(path) end
for _, name in ipairs({'a', 'b'}) do
    local link = '/etc/pki/' .. name .. '.crt'
    say(posix.symlink('extracted/' .. name, link))
    say(posix.symlink('again', link))
end
say(posix.access('/etc/pki/a.crt'), posix.access('/etc/pki', 'w'))
%install
mkdir -p %{buildroot}/etc/pki/extracted
ln -s extracted %{buildroot}/etc/pki/certs
%files
/etc/pki/certs
%dir /etc/pki/extracted
",
        ..Case::NEW
    },
    Case {
        name: "policies",
        packages: "\
== policies
%post -p <lua>
@say
local config = '/etc/policies/config'
local f = io.open(config)
if not posix.access('/etc/policies/state', 'f') then say(posix.mkdir('/etc/policies/state')) end
local policy
for line in f:lines() do
    line = line:gsub('#.*$', ''):gsub('%%s+', '')
    if line ~= '' then policy = line end
end
f:close()
say(policy, policy:lower(), ('%%s-%%03d'):format(policy, 7))
local state = io.open('/etc/policies/state/current', 'w')
state:write(policy, '\\n')
state:close()
for name in posix.files('/usr/share/policies') do
    if name ~= '.' and name ~= '..' then
        local back = name:match('^(.*)%%.txt$')
        posix.symlink('/usr/share/policies/' .. name, '/etc/policies/' .. back .. '.config')
    end
end
local names = posix.dir('/etc/policies')
table.sort(names)
say(table.concat(names, ' '))
%files
%config /etc/policies/config
/usr/share/policies/one.txt
/usr/share/policies/two.txt
",
        ..Case::NEW
    },
    Case {
        name: "programs-from-lua",
        shell: true,
        packages: "\
== runner
Requires: a-shell
%post -p <lua>
@say
say(rpm.execute('/bin/sh', '-c', 'echo by execute >> /log'))
say(rpm.execute('/bin/sh', '-c', 'exit 5'))
say(rpm.execute('/bin/sh', '-c', 'kill -9 $$'))
say(rpm.execute('sh', '-c', 'echo found in the path >> /log'))
say(rpm.execute('/nowhere'))
say(rpm.spawn({'/bin/sh', '-c', 'echo by spawn; echo error >&2'}, {stdout = '/log', stderr = '/errors'}))
say(rpm.spawn({'/bin/sh', '-c', 'cat'}, {stdin = '/errors', stdout = '/log'}))
say(rpm.spawn({'/bin/sh', '-c', 'exit 3'}))
say(pcall(rpm.spawn, {'/bin/sh'}, {stdfoo = '/x'}))
say((pcall(rpm.spawn, 'no table')))
say(pcall(rpm.execute))
say(os.execute('echo by os >> /log'))
say(os.execute('exit 9'))
say(os.execute())
local p = io.popen('echo read; exit 2')
say(p:read('a'), p:close())
say(pcall(os.exit, 1))
say(pcall(posix.fork))
say(pcall(posix.exec, '/bin/sh'))
say(pcall(posix.wait, 1))
say(pcall(posix.redirect2null, 2))
say(pcall(rpm.redirect2null, 2))
posix.setenv('FROM_LUA', 'yes', true)
rpm.execute('/bin/sh', '-c', 'echo \"$FROM_LUA\" >> /log')
posix.unsetenv('FROM_LUA')
%posttrans
echo \"[$FROM_LUA]\" >> /log
%files
",
        ..Case::NEW
    },
    Case {
        name: "collected-files",
        packages: "\
== fonts
%transfiletriggerin -p <lua> -- /usr/share/fonts
@say
local seen, list = {}, {}
local file = rpm.next_file()
while file do
    local folder = file:match('^(.*)/[^/]*$')
    if not seen[folder] then seen[folder] = true list[#list + 1] = folder end
    local state = posix.stat(file)
    say(file, state and state.type, state and state.size, state and state.mode)
    file = rpm.next_file()
end
say(rpm.next_file())
table.sort(list)
for _, folder in ipairs(list) do
    local f = io.open(folder .. '/.index', 'w')
    f:write(#posix.dir(folder), '\\n')
    f:close()
    posix.utime(folder .. '/.index', 1000000000, 1000000000)
end
%files
/usr/share/fonts/a/one
/usr/share/fonts/b/two
== more-fonts
Requires: fonts
%files
/usr/share/fonts/a/three
%dir /usr/share/fonts/c
",
        ..Case::NEW
    },
    Case {
        name: "a-library-of-the-package",
        packages: "\
== library
%post -p <lua>
@say
local ok, result = pcall(dofile, '/usr/share/library/part.lua')
say(ok, ok and result.double(21))
say(pcall(dofile, '/nowhere.lua'))
say((pcall(require, 'nothing-here')))
local chunk, problem = load('return 1 +')
say(chunk, problem)
say(load('return ...')(7))
say(loadfile('/usr/share/library/part.lua') ~= nil)
say(string.rep('ab', 3), ('x'):byte(), #'ümläut', utf8.len('ümläut'), utf8.char(228))
say(math.type(1), math.type(1.0), 7 // 2, 7 / 2, 2^10, 1e15, 10 // 0.3, math.maxinteger)
say(os.getenv('HOME') ~= false, type(os.time()), os.date('!%%Y-%%m-%%d', 0), type(os.clock()))
say(select('#', table.unpack({1, nil, 3}, 1, 3)), #arg, next({}))
say(os.tmpname and type(os.tmpname))
goto done
say('never')
::done::
local t = setmetatable({}, {__index = function(_, key) return key .. '!' end})
say(t.hello)
%install
mkdir -p %{buildroot}/usr/share/library
echo 'return { double = function(x) return x * 2 end }' > %{buildroot}/usr/share/library/part.lua
%files
/usr/share/library/part.lua
",
        ..Case::NEW
    },
    Case {
        name: "what-is-there",
        packages: "\
== names
%post -p <lua>
@say
local function names(table_name, t)
    local list = {}
    for key, value in pairs(t) do list[#list + 1] = tostring(key) .. ':' .. type(value) end
    table.sort(list)
    say(table_name, table.concat(list, ' '))
end
names('posix', posix)
names('rpm', rpm)
names('string', string)
names('io', io)
names('os', os)
names('table', table)
names('math', math)
names('utf8', utf8)
names('package', package)
say(type(coroutine), type(macros), type(rpm.next_file))
%files
",
        ..Case::NEW
    },
    Case {
        name: "wrong-calls",
        packages: "\
== wrong
%post -p <lua>
@say
posix.mkdir('/folder')
for _, call in ipairs({
    {'chmod', '/nowhere', '0644'}, {'chmod', '/folder', 'nonsense'}, {'chmod', '/folder', 'a=rwx,u-w'}, {'chmod', '/folder', '2750'},
    {'chown', '/nowhere', 0, 0}, {'chown', '/folder', 'nobody-here', 0}, {'mkdir', '/folder'}, {'mkdir', '/a/b'}, {'rmdir', '/nowhere'},
    {'rmdir', '/'}, {'unlink', '/nowhere'}, {'link', '/nowhere', '/x'}, {'symlink', 'x', '/folder'}, {'readlink', '/folder'},
    {'readlink', '/nowhere'}, {'chdir', '/nowhere'}, {'mkfifo', '/folder'}, {'utime', '/nowhere'}, {'stat', '/nowhere'}, {'stat', '/folder', 'type'},
    {'stat', '/folder', 'nonsense'}, {'stat', '/folder', 'mode'}, {'access', '/nowhere'}, {'access', '/folder', 'rwx'}, {'access', '/folder', 'q'},
    {'dir', '/nowhere'}, {'dir', '/folder/x'}, {'getpasswd', 'nobody-here'}, {'getgroup', 'nobody-here'}, {'getgroup', 77777}, {'umask', 'rwxr-xr-x'},
    {'umask', '022'}, {'umask'}, {'uname', '%%s'}, {'uname', '%%q'}, {'sysconf', 'nonsense'}, {'pathconf', '/', 'name_max'}, {'pathconf', '/nowhere', 'name_max'},
    {'setenv', 'A'}, {'setenv', 'A', 'b'}, {'getenv', 'A'}, {'unsetenv', 'A'}, {'putenv', 'B=c'}, {'getenv', 'B'}, {'errno'}, {'ctermid'}, {'ttyname', 0},
    {'getprocessid', 'uid'}, {'getprocessid', 'nonsense'}, {'kill', 999999999, 0}, {'setuid', 0}, {'setgid', 0}, {'getlogin'},
}) do
    local results = table.pack(pcall(posix[call[1]], table.unpack(call, 2)))
    if not results[1] then results.n = 1 end
    say(call[1], call[2], call[3], '->', table.unpack(results, 1, results.n))
end
for _, name in ipairs({'chmod', 'chown', 'mkdir', 'stat', 'symlink', 'dir', 'files', 'access', 'getgroup', 'kill', 'setenv', 'mkstemp', 'utime', 'readlink', 'sleep'}) do
    say(name, (pcall(posix[name])))
end
for _, name in ipairs({'expand', 'define', 'undefine', 'isdefined', 'vercmp', 'ver', 'b64encode', 'b64decode', 'open', 'glob', 'load', 'splitargs', 'unsplitargs', 'register', 'call', 'execute', 'spawn'}) do
    say(name, (pcall(rpm[name])))
end
say(pcall(posix.nonsense))
say(posix.rmdir('/folder'))
%files
",
        ..Case::NEW
    },
    Case {
        name: "files-through-rpm",
        packages: "\
== opener
%post -p <lua>
@say
posix.mkdir('/data')
for _, mode in ipairs({'w.ufdio', 'w9.gzdio', 'w.bzdio', 'w6.xzdio', 'w3.zstdio', 'w.fdio', 'w'}) do
    local ok, f = pcall(rpm.open, '/data/file', mode)
    say(mode, ok, ok and type(f) or f)
    if ok then
        say(pcall(f.write, f, ('some text '):rep(300)))
        say(pcall(f.write, f, 'abcdef', 3))
        say(pcall(f.close, f))
        local kind = mode:match('%%.(.*)')
        local r = rpm.open('/data/file', kind and ('r.' .. kind) or 'r')
        local text = r:read()
        say(#text, text:sub(-6), r:read(5), r:read() == '')
        r:close()
    end
end
say(pcall(rpm.open, '/nowhere/file', 'r'))
say(pcall(rpm.open, '/data/file', 'r.nonsense'))
local f = rpm.open('/data/again', 'w')
f:write('0123456789')
f:flush()
f:close()
say((pcall(f.read, f)))
f = rpm.open('/data/again', 'a')
f:write('more')
f:close()
f = rpm.open('/data/again')
say(f:read(3), f:seek('cur', 2), f:read(2), f:seek('set', 0), f:read(4), type(f.reopen))
f:close()
os.remove('/data/file')
for _, path in ipairs(rpm.glob('/data/*')) do say(path) end
say(#rpm.glob('/nothing/*', 'c'), rpm.glob('/nothing/*', 'c')[1])
for _, path in ipairs(rpm.glob('/{data,nothing}/a*n')) do say(path) end
%files
",
        ..Case::NEW
    },
];

#[test]
fn scripts_of_a_distribution_do_what_they_do_under_rpm() {
    let Some(judged) = judge(CASES) else { return };
    assert!(
        judged.of("policies").log.contains("DEFAULT") || judged.of("policies").log.contains("one.config")
    );
}
