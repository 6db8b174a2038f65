# What fish offers for the last word of a line: `fish --no-config offered.fish SCRIPT LINE`.
source $argv[1]
# What a word means stands after a tab.
complete --do-complete $argv[2] | string replace --regex '\t.*' ''; or true
