# What zsh offers for the last word of a line: `zsh -f offered.zsh SCRIPT LINE`. An interactive zsh in a pseudo terminal
# loads the script, the line and a tab are typed, and every word that its completion adds is written to a file.
zmodload zsh/zpty
work=$(mktemp -d)
trap 'zpty -d typed 2>/dev/null; rm -rf $work' EXIT
mkfifo $work/done
: > $work/offered
cat > $work/.zshrc <<RC
autoload -Uz compinit && compinit -u -d $work/dump
source ${(q)1}
compadd() {
  local -a found
  # A call with -O, -A or -D asks for matches and offers none.
  if [[ " \${(j: :)@[1,(i)(-|--)]}" != *' '-[a-zA-Z]#[OAD]* ]]; then
    builtin compadd -O found "\$@"
    print -rl -- \$found >> $work/offered
  fi
  builtin compadd "\$@"
}
told() { print done > $work/done }
comppostfuncs=(told)
RC
export TERM=xterm ZDOTDIR=$work
zpty -b typed zsh -d -i
zpty -w -n typed $2$'\t'
exec {done}<>$work/done
for _ in {1..300}; do
  if read -t 0.1 -u $done _; then
    cat $work/offered
    exit 0
  fi
  while zpty -r -t typed _; do :; done
done
print -u2 "zsh has not completed $2"
exit 9
