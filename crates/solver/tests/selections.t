# What libsolv 0.7.40 (testsolv -r) makes of selections: a world of our own, segment by segment.
repo sys 0 testtags <inline>
#>=Pkg: A 1 1 noarch
#>=Pkg: Z 1 1 i686
repo available 0 testtags <inline>
#>=Pkg: A 2 1 noarch
#>=Prv: pattern:x = 3
#>=Pkg: pattern:A 2 1 noarch
#>=Pkg: A 1:2 2 i686
#>=Req: BBB > 5
#>=Fls: /usr/bin/a
#>=Pkg: Ab 3 1 noarch
#>=Prv: A = 3.1
#>=Sup: A | Z
#>=Pkg: A 2 2 badarch
#>=Pkg: S 1 1 src
system i686 rpm sys
disable pkg Ab-3-1.noarch@available

job noop selection a nocase,name
result jobs <inline>
#>job noop name A

nextjob
job noop selection A* glob,name
result jobs <inline>
#>job noop name A

nextjob
job noop selection A* glob,name,withdisabled
result jobs <inline>
#>job noop name A
#>job noop pkg Ab-3-1.noarch@available [noautoset]

nextjob
job noop selection A name,skipkind
result jobs <inline>
#>job noop name A
#>job noop name pattern:A

nextjob
job noop selection a* name,glob,nocase,skipkind,flat
result jobs <inline>
#>job noop oneof A-1-1.noarch@sys A-2-1.noarch@available pattern:A-2-1.noarch@available A-1:2-2.i686@available

nextjob
job noop selection A!=2 name,rel
result jobs <inline>
#>job noop name A <> 2

nextjob
job noop selection A<>2-1 provides,rel
result jobs <inline>
#>job noop provides A <> 2-1

nextjob
job noop selection A>=2 provides,rel,withdisabled
result jobs <inline>
#>job noop oneof A-2-1.noarch@available A-1:2-2.i686@available Ab-3-1.noarch@available

nextjob
job noop selection A name,installedonly
result jobs <inline>
#>job noop pkg A-1-1.noarch@sys [setrepo,noautoset]

nextjob
job noop selection [AZ] name,glob,installedonly,flat
result jobs <inline>
#>job noop oneof A-1-1.noarch@sys Z-1-1.i686@sys

nextjob
job noop selection A.noarch provides,dotarch
result jobs <inline>
#>job noop provides A . noarch [setarch]

nextjob
job noop selection A-2-1.noarch canon
result jobs <inline>
#>job noop name (A . noarch) = 2-1 [setevr,setarch]

nextjob
job noop selection A*-2 canon,glob
result jobs <inline>
#>job noop oneof A-2-1.noarch@available A-1:2-2.i686@available

nextjob
job noop selection A-2.i686 canon
result jobs <inline>
#>job noop name (A . i686) = 1:2 [setev,setarch]

nextjob
job noop selection S-1 canon
result jobs <inline>

nextjob
job noop selection S-1-1.src canon
result jobs <inline>
#>job noop name (S . src) = 1-1 [setevr,setarch]

nextjob
job noop selection S.src name,dotarch
result jobs <inline>
#>job noop name S . src [setarch]

nextjob
job noop selection */a filelist,glob
result jobs <inline>
#>job noop pkg A-1:2-2.i686@available [noautoset]

nextjob
job noop selection /usr/bin/A filelist,nocase
result jobs <inline>
#>job noop pkg A-1:2-2.i686@available [noautoset]

nextjob
job noop selection pattern:* provides,glob
result jobs <inline>
#>job noop provides pattern:A
#>job noop provides pattern:x

nextjob
job noop selection A name
job noop selection Z name,add
result jobs <inline>
#>job noop name A
#>job noop name Z

nextjob
job noop selection A name
job noop selection A>1 name,rel,subtract
result jobs <inline>
#>job noop pkg A-1-1.noarch@sys [noautoset]

nextjob
job noop selection A* name,glob
job noop selection A.i686 name,dotarch,filter
result jobs <inline>
#>job noop pkg A-1:2-2.i686@available [setarch,noautoset]

nextjob
job noop selection A name
job noop selection Q name,subtract
result jobs <inline>
#>job noop name A

nextjob
job noop selection_matchdeps solvable:supplements Z flat
result jobs <inline>

nextjob
job noop selection_matchdeps solvable:supplements Z flat,withdisabled
result jobs <inline>
#>job noop pkg Ab-3-1.noarch@available [noautoset]

nextjob
job noop selection_matchdeps solvable:provides a>2 rel,nocase,withdisabled,withbadarch
result jobs <inline>
#>job noop pkg A-1:2-2.i686@available [noautoset]
#>job noop pkg Ab-3-1.noarch@available [noautoset]

nextjob
job noop all packages
job install selection A name,filter
result jobs <inline>
#>job install name A

nextjob
job noop repo available
job install selection A name,filter
result jobs <inline>
#>job install oneof A-2-1.noarch@available A-1:2-2.i686@available

nextjob
job noop repo available
job install selection_matchdeps solvable:name A=2 rel,filter [weak]
result jobs <inline>
#>job install pkg A-2-1.noarch@available [weak,noautoset]

nextjob
job noop selection A <=> 2 name,rel
result jobs <inline>
#>job noop name A <=> 2

nextjob
job noop selection B provides
result jobs <inline>

nextjob
job noop name A
job erase selection Z* name,glob,add [cleandeps]
result jobs <inline>
#>job erase name A [cleandeps]
#>job erase name Z [cleandeps]
