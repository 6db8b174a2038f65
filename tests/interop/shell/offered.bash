# What bash offers for the last word of a line: `bash offered.bash SCRIPT WORD...`. The words are split as bash splits them.
script=$1
shift
source "$script"
# The function that the script has registered, asked the way that bash asks it.
registered=$(complete -p nexus) || exit 9
asked=${registered#*-F }
asked=${asked%% *}
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_TYPE=9 COMP_LINE="$*" COMPREPLY=()
"$asked" nexus "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
[ ${#COMPREPLY[@]} = 0 ] || printf '%s\n' "${COMPREPLY[@]}"
