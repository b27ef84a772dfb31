repo system 0 testtags <inline>
repo one 99 testtags <inline>
#>=Pkg: A 1 1 noarch
#>=Req: (B | C) & D
#>=Pkg: B 1 1 noarch
#>=Con: C
system unset * system
poolflags implicitobsoleteusescolors
job install provides A >= 1
result transaction,problems <inline>
#>problem 1 info nothing provides (B | C) & D needed by A-1-1.noarch
nextjob
job install oneof A-1-1.noarch@one B-1-1.noarch@one
result transaction,problems <inline>
nextjob keep
job update all packages
job distupgrade repo one
