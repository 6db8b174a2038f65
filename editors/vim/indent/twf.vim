" A block begins behind a line that ends in a colon, and ends behind a statement that leaves it.
if exists('b:did_indent')
  finish
endif
let b:did_indent = 1

setlocal autoindent indentexpr=TwfIndent(v:lnum) indentkeys=!^F,o,O,0=else,0=elif,0=catch,0=finally
let b:undo_indent = 'setlocal autoindent< indentexpr< indentkeys<'

if exists('*TwfIndent')
  finish
endif

" The text of a line without its comment, whose `#` may stand in a string too.
function s:Code(line)
  return substitute(a:line, '^\(\%([^#"]\|"\%([^"\\]\|\\.\)*"\)*\)#.*$', '\1', '')
endfunction

function TwfIndent(number)
  let above = prevnonblank(a:number - 1)
  if above == 0
    return 0
  endif
  let code = s:Code(getline(above))
  let indent = indent(above)
  if code =~# ':\s*$'
    let indent += shiftwidth()
  elseif code =~# '^\s*\%(break\|close\|continue\|pass\|raise\|reject\|return\|\.\.\.\)\%(\s*$\|[ (].*[^,({\[ ]\s*$\)'
    let indent -= shiftwidth()
  endif
  " A branch ends the block before it, unless the line above has just done so.
  if getline(a:number) =~# '^\s*\%(else\|elif\|catch\|finally\)\>' && indent >= indent(above)
    let indent -= shiftwidth()
  endif
  return max([indent, 0])
endfunction
