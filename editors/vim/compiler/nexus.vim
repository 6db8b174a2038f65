" Errors of `nexus check` for the quickfix list.
if exists('current_compiler')
  finish
endif
let current_compiler = 'nexus'

CompilerSet makeprg=nexus\ check
CompilerSet errorformat=
      \%E%trror[%\\w%\\+]:\ %m,
      \%W%tarning[%\\w%\\+]:\ %m,
      \%I%tnfo[%\\w%\\+]:\ %m,
      \%C\ %#-->\ %f:%l:%c,
      \%-G%.%#
