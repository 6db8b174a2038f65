" Shows how the plugin reads the texts of the tests: run by `vim/check`, from the folder of the editors.
set nocompatible nomore
let &runtimepath = getcwd() . '/vim,' . &runtimepath
filetype plugin indent on
syntax on

let s:out = []

" Each line of a file, and below it the groups of its characters as letters.
function s:Show(file)
  execute 'edit' a:file
  call add(s:out, '== ' . fnamemodify(a:file, ':t') . ' is ' . &filetype)
  for number in range(1, line('$'))
    let groups = map(range(1, col([number, '$']) - 1), 's:Letter(synIDattr(synID(number, v:val, 1), "name"))')
    call extend(s:out, [getline(number), join(groups, '')])
  endfor
endfunction

let s:letters = {'': ' ', 'twfAnnotation': '@', 'twfComment': '#', 'twfConditional': 'i', 'twfConstant': '1',
      \ 'twfDefine': 'D', 'twfDuration': 'd', 'twfEscape': '\', 'twfException': 'x', 'twfFunction': 'f', 'twfHole': '{',
      \ 'twfInclude': 'I', 'twfKey': 'k', 'twfName': 'N', 'twfNumber': '1', 'twfOperator': '=', 'twfPragma': '@',
      \ 'twfRepeat': 'r', 'twfStatement': 'S', 'twfString': '"', 'twfType': 'T'}

function s:Letter(group)
  return get(s:letters, a:group, '?')
endfunction

" A text that is indented anew is as it was.
function s:Indent(file)
  execute 'edit!' a:file
  let before = getline(1, '$')
  let wrong = []
  for number in range(1, line('$'))
    let text = getline(number)
    let wanted = TwfIndent(number)
    " A line may always be shallower than the one before it.
    if text =~ '\S' && text !~ '^\s*#' && indent(number) > wanted
      call add(wrong, number . ': ' . wanted . ': ' . text)
    endif
  endfor
  call extend(s:out, ['== indentation of ' . fnamemodify(a:file, ':t')] + wrong)
endfunction

" The errors of a check in the quickfix list.
function s:Errors()
  compiler nexus
  let &errorformat = &l:errorformat
  cgetexpr ['error[SYNTAX]: unknown statement', ' --> shop/a.twf:2:5', '  |', '2 |     activty B()', '  |     ^^^^^^^', '',
        \ 'warning[W_B]: odd', '  --> b.twf:13:1', 'error[NX-1]: no place']
  call add(s:out, '== errors')
  for error in filter(getqflist(), 'v:val.valid')
    call add(s:out, printf('%s:%d:%d: %s: %s', bufname(error.bufnr), error.lnum, error.col, error.type, error.text))
  endfor
endfunction

try
  for s:name in ['definitions', 'statements', 'expressions', 'older', 'broken']
    call s:Show('vscode/test/fixtures/' . s:name . '.twf')
  endfor
  call s:Indent('vscode/test/fixtures/statements.twf')
  call s:Errors()
catch
  call add(s:out, v:throwpoint . ': ' . v:exception)
endtry
call writefile(s:out, $OUT)
qall!
