autocmd BufNewFile,BufRead *.twf setfiletype twf
