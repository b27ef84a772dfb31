repo system 0 testtags <inline>
#>=Pkg: A 1 1 noarch
#>=Prv: A = 1-1
repo available 10.2 testtags <inline>
#>=Pkg: A 2 1 noarch
#>=Req: B >= 1
#>=Rec: D
#>=Pkg: B 1 1 x86_64
#>=Prv: C = 3
#>=Con: Z < 2
#>=Obs: Y
#>=Pkg: D 1 1 i686
#>=Sup: A & B
#>=Enh: namespace:language(de)
system x86_64 rpm system
solverflags allowvendorchange ignorerecommended
job install name A [forcebest]
job lock name B
result transaction,problems <inline>
#>upgrade A-1-1.noarch@system A-2-1.noarch@available
