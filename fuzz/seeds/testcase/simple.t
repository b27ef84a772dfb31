repo system 0 testtags <inline>
repo available 0 testtags <inline>
#>=Pkg: A 1 1 noarch
system x86_64 rpm system
job install name A
result transaction,problems <inline>
#>install A-1-1.noarch@available
