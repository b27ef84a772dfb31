-- Macros that take parameters, called from text and from Lua.
rpm.define("one() [%0|%1|%2|%#|%*|%**]")
rpm.define("opts(ab:c) [%{-a}|%{-b}|%{-b*}|%{-c:yes}|%{!-c:no}|%1|%#|%*|%**]")
rpm.define("raw(-) [%1|%#|%*]")
rpm.define("cond() [%{?1}|%{?1:has}|%{!?2:lacks}|%{1}|%{?9}|%{2}]")
rpm.define("nested() <%{one %{1} x}|%1>")
rpm.define("plain P")
for _, text in ipairs({
    "%{one a b c}", "%one a b c", "x %one a b\ny", "%{one:a b c}", "%{one}", "%one,a", "%{one: a  b }",
    "%{one %{plain} \"q r\" %plain}", "%{one a\tb\nc}", "%{?one:yes} %{!?one:no}", "%{one %%a}",
    "%{opts -a -b val x y}", "%{opts x -c y}", "%{opts -bval -- -a z}", "%{opts -acb val}",
    "%{raw -a b}", "%{cond a}", "%{cond}", "%{nested q}", "%plain a b",
    "%1 %* %# %{-a} %{-a:x} %{!-a:y} %{1}",
}) do
    print(text .. " is " .. rpm.expand(text))
end
rpm.define("locals() %{expand:%global outer O%{1}}")
print(rpm.expand("%{locals z}%{outer}"))
print(macros.one("x"), macros.one({"a b", "c"}), macros.opts({"-b", "val x", "y"}), type(macros.one), macros.plain)
print(pcall(rpm.expand, "%{opts -z}") == false, pcall(macros.one) == false, rpm.isdefined("one"))
