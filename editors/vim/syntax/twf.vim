" Highlighting of the Temporal Workflow Format.
if exists('b:current_syntax')
  finish
endif

syntax case match
syntax sync fromstart

" Names first: what is defined later wins where two match at one place.
syntax match twfFunction "\<\h\w*\>\ze\s*("
syntax match twfType "\<\u\w*\>\ze\s*{"
syntax match twfOperator "->\|<-\|=>\|[-+*/%<>!=?&|]"
syntax keyword twfOperator and or not in
syntax keyword twfConstant true false null None
syntax match twfNumber "\<\d[0-9_]*\%(\.\d[0-9_]*\)\?\%([eE][-+]\?\d\+\)\?\>"
syntax match twfDuration "\<\%(\d[0-9_]*\%(\.\d[0-9_]*\)\?\%(ms\|[smhdw]\)\)\+\>"

" Words of the language begin a line, or follow one that does. Elsewhere, and before `=`, `.`, `,`, they are names.
syntax match twfConditional "^\s*\zs\%(if\|elif\|else\|switch\|case\)\>\%(\s*[=.,]\)\@!"
syntax match twfConditional "\%(\<else\s\+\)\@<=if\>"
syntax match twfRepeat "^\s*\zs\%(for\|break\|continue\)\>\%(\s*[=.,]\)\@!"
syntax match twfException "^\s*\zs\%(try\|catch\|finally\|raise\|reject\)\>\%(\s*[=.,]\)\@!"
syntax match twfStatement "^\s*\zs\%(return\|pass\|heartbeat\|set\|unset\|cancel\|timer\|watch\|fail\|hint\|parallel\|select\|child\)\>\%(\s*[=.,-]\)\@!"
syntax match twfStatement "^\s*\zs\.\.\.\ze\s*\%(#\|$\)"
syntax match twfStatement "^\s*\zsclose\%(\s\+\%(complete\|completed\|fail\|failed\)\>\|\s\+continue_as_new\>\)\?\%(\s*[=.,]\)\@!"
syntax match twfStatement "^\s*\zscontinue_as_new\ze\s*("
syntax match twfStatement "\<await\>\%(\s*[=.,]\)\@!\%(\s\+\%(all\|one\|timer\|signal\|update\|condition\|all_handlers_finished\)\>\)\?"
syntax match twfStatement "^\s*\zspromise\>\ze\s\+\h"
syntax match twfStatement "\%(<-\s*\)\@<=\%(timer\|signal\|update\)\>"
syntax match twfStatement "\<\%(\%(detach\|spawn\)\s\+\)\?\%(activity\|workflow\|nexus\)\>\ze\s\+[\"[:alpha:]_]"
syntax match twfStatement "^\s*\zs\%(signal\|query\|update\)\>\ze\s\+\h"

" Definitions.
syntax match twfDefine "^\%(workflow\|activity\)\>\ze\s\+\h" nextgroup=twfName skipwhite
syntax match twfDefine "^\s*\zs\%(worker\|namespace\|sync\|async\|operation\|nexus_service\|nexus_endpoint\)\>\ze[: ]\s*[\"[:alpha:]_]" nextgroup=twfName skipwhite
syntax match twfDefine "^\s*\zsnexus\s\+\%(service\|endpoint\)\>" nextgroup=twfName skipwhite
syntax match twfDefine "^type\>\ze\s\+\h" nextgroup=twfName skipwhite
syntax match twfDefine "^\s*\zscondition\>\ze\s\+\h" nextgroup=twfName skipwhite
syntax match twfDefine "^\s*\zs\%(state\|validator\|on_cancel\|options\|default_options\|signals\|queries\|updates\)\>\ze\s*:"
syntax match twfDefine "^\s*\zsoptions\ze\s*("
syntax match twfName "\h\%(\w\|-\|{\w\+}\)*" contained
syntax match twfInclude "^\s*\zs\%(package\|import\)\>\ze\s\+[\"[:alpha:]_]"
syntax match twfAnnotation "^\s*\zs@\h[[:alnum:]_.]*"

" Options and fields: a key and a value.
syntax match twfKey "^\s\+\zs\h\w*\ze\s*:\s*[^#[:space:]]"
syntax match twfKey "^\s*\zs\%(retry_policy\|priority\|memo\|search_attributes\|allowed_caller_namespaces\)\ze\s*:"

" Strings end with their line; an apostrophe that closes nothing begins none.
syntax match twfString "\"\%([^\"\\]\|\\.\)*\"\?" contains=twfEscape,twfHole
syntax match twfString "'\%([^'\\]\|\\.\)*'" contains=twfEscape,twfHole
syntax match twfEscape "\\\%([\"'\\nrt0]\|u{\x\+}\)" contained
syntax match twfHole "{[[:alnum:]_.]*}" contained

syntax match twfComment "#.*$" contains=twfPragma,@Spell
syntax match twfPragma "\%(#\s\?\)\@<=twf:.*$" contained

highlight default link twfAnnotation PreProc
highlight default link twfComment Comment
highlight default link twfConditional Conditional
highlight default link twfConstant Constant
highlight default link twfDefine Keyword
highlight default link twfDuration Number
highlight default link twfEscape SpecialChar
highlight default link twfException Exception
highlight default link twfFunction Function
highlight default link twfHole Special
highlight default link twfInclude Include
highlight default link twfKey Identifier
highlight default link twfName Function
highlight default link twfNumber Number
highlight default link twfOperator Operator
highlight default link twfPragma PreProc
highlight default link twfRepeat Repeat
highlight default link twfStatement Statement
highlight default link twfString String
highlight default link twfType Type

let b:current_syntax = 'twf'
