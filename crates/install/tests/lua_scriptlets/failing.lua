print("before")
local nothing
nothing.field = 1
print("never")
