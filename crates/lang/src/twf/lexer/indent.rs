//! Indentation: the stack of open blocks.

/// Columns that a tab counts in a file that mixes tabs and spaces, which is an error; in other files any
/// figure would do.
const TAB_COLUMNS: u32 = 4;

/// The levels of the open blocks and which character the file indents with.
#[derive(Debug, Default)]
pub(super) struct Indent {
    /// Columns of the open blocks; the first is that of the file's first line.
    levels: Vec<u32>,
    style: Option<u8>,
    mixed: bool,
}

/// What a line's indentation means.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Change {
    /// Blocks that end before the line.
    pub dedents: usize,
    /// Whether a block begins with the line.
    pub indent: bool,
    /// Whether the line is the first of the file that mixes tabs and spaces.
    pub mixed: bool,
    /// Whether the line returns to a level that no block has.
    pub inconsistent: bool,
}

impl Indent {
    /// Takes the blanks at the start of a line that holds a token.
    pub(super) fn line(&mut self, blanks: &str) -> Change {
        let mut change = Change { mixed: self.mixes(blanks), ..Change::default() };
        let width = width(blanks);
        let Some(top) = self.levels.last().copied() else {
            self.levels.push(width);
            return change;
        };
        if width > top {
            self.levels.push(width);
            change.indent = true;
            return change;
        }
        while self.below_top().is_some_and(|below| below >= width) {
            self.levels.pop();
            change.dedents += 1;
        }
        // Between two levels the line stays in the deeper block, which continues at the new column: a block
        // that slipped by a column gives one error and not one a line.
        if let Some(top) = self.levels.last_mut().filter(|top| **top > width) {
            *top = width;
            change.inconsistent = true;
        }
        change
    }

    /// Columns of the innermost open block.
    pub(super) fn current(&self) -> u32 {
        self.levels.last().copied().unwrap_or(0)
    }

    /// Ends all blocks and says how many there were.
    pub(super) fn close(&mut self) -> usize {
        let open = self.levels.len().saturating_sub(1);
        self.levels.clear();
        open
    }

    fn below_top(&self) -> Option<u32> {
        self.levels.iter().rev().nth(1).copied()
    }

    /// Whether this line is the first to use another character than the lines before it.
    fn mixes(&mut self, blanks: &str) -> bool {
        let Some(first) = blanks.bytes().find(|b| matches!(b, b' ' | b'\t')) else {
            return false;
        };
        let style = *self.style.get_or_insert(first);
        let mixed = blanks.bytes().any(|b| matches!(b, b' ' | b'\t') && b != style);
        mixed && !std::mem::replace(&mut self.mixed, true)
    }
}

/// Columns of the blanks at the start of a line.
pub(crate) fn width(blanks: &str) -> u32 {
    blanks
        .bytes()
        .map(|b| match b {
            b'\t' => TAB_COLUMNS,
            b' ' => 1,
            _ => 0,
        })
        .fold(0, u32::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(lines: &[&str]) -> Vec<Change> {
        let mut indent = Indent::default();
        lines.iter().map(|line| indent.line(line)).collect()
    }

    #[test]
    fn blocks_open_and_close() {
        let all = changes(&["", "  ", "      ", "  ", ""]);
        assert!(all[1].indent && all[2].indent);
        assert_eq!((all[3].dedents, all[4].dedents), (1, 1));
        assert!(all.iter().all(|it| !it.inconsistent && !it.mixed));
    }

    #[test]
    fn a_level_that_was_never_opened_is_reported_once() {
        let all = changes(&["", "        ", "    ", "    ", ""]);
        assert!(all[2].inconsistent && !all[3].inconsistent);
        assert_eq!((all[2].dedents, all[4].dedents), (0, 1));
    }

    #[test]
    fn mixing_is_reported_once_and_tabs_alone_never() {
        assert!(changes(&["", "\t", "\t\t", ""]).iter().all(|it| !it.mixed));
        let all = changes(&["", "\t", "    ", " \t"]);
        assert_eq!(all.iter().map(|it| it.mixed).collect::<Vec<_>>(), [false, false, true, false]);
    }

    #[test]
    fn a_file_may_be_indented_as_a_whole() {
        let all = changes(&["    ", "        ", "    "]);
        assert_eq!(all[0], Change::default());
        assert!(all[1].indent);
        assert_eq!(all[2].dedents, 1);
    }
}
