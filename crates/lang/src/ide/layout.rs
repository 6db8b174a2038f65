//! Where the blocks of a file begin and end, read from its indentation alone: it works on broken files too.

use crate::twf::token::{Token, TokenKind};

/// An indented block with the line it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// First byte of the header line's first token.
    pub head: u32,
    /// One past the header line's last token.
    pub head_end: u32,
    /// First byte of the first token in the block.
    pub start: u32,
    /// One past the last token in the block.
    pub end: u32,
}

/// The blocks of a file by the place of their headers.
#[derive(Debug, Clone, Default)]
pub struct Layout {
    blocks: Vec<Block>,
}

impl Layout {
    /// Reads the blocks from the tokens of a file, in time linear in their number.
    pub fn new(tokens: &[Token]) -> Layout {
        let mut blocks: Vec<Block> = Vec::new();
        let mut open = Vec::new();
        let (mut line, mut before) = (None::<(u32, u32)>, (0, 0));
        let mut last_end = 0;
        for token in tokens {
            match token.kind {
                TokenKind::Indent => {
                    open.push(blocks.len());
                    blocks.push(Block {
                        head: before.0,
                        head_end: before.1,
                        start: token.start,
                        end: token.start,
                    });
                }
                TokenKind::Dedent => {
                    if let Some(block) = open.pop().and_then(|at| blocks.get_mut(at)) {
                        block.end = last_end;
                    }
                }
                TokenKind::Newline => before = line.take().unwrap_or(before),
                TokenKind::End => {}
                _ => {
                    line = Some((line.map_or(token.start, |(start, _)| start), token.end));
                    last_end = token.end;
                }
            }
        }
        // A block is noted when it begins, so headers are ascending already.
        Layout { blocks }
    }

    /// All blocks, outer ones before those in them.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// The block under the line that begins at a byte.
    pub fn under(&self, head: u32) -> Option<&Block> {
        let at = self.blocks.binary_search_by_key(&head, |block| block.head).ok()?;
        self.blocks.get(at)
    }

    /// One past the last byte of what begins at a byte: its block, or its line that ends at `line_end`.
    pub fn end_of(&self, head: u32, line_end: u32) -> u32 {
        self.under(head).map_or(line_end, |block| block.end.max(line_end))
    }

    /// The blocks whose header stands before a byte and whose body is indented less than `column` columns, from the
    /// outermost: what encloses a line that begins at that column, whether or not it is written yet.
    pub fn enclosing(&self, text: &str, byte: u32, column: u32) -> Vec<Block> {
        let mut stack: Vec<(Block, u32)> = Vec::new();
        let ahead = self.blocks.partition_point(|block| block.head < byte);
        for block in self.blocks.iter().take(ahead) {
            let depth = column_of(text, block.head);
            while stack.last().is_some_and(|(_, outer)| *outer >= depth) {
                stack.pop();
            }
            stack.push((*block, depth));
        }
        while stack.last().is_some_and(|(_, depth)| *depth >= column) {
            stack.pop();
        }
        // A line less indented than the cursor's between a block and the cursor has closed that block.
        stack.retain(|(block, depth)| block.end >= byte || !closed_before(text, block.end, byte, *depth));
        stack.into_iter().map(|(block, _)| block).collect()
    }
}

/// Columns before a byte on its line.
pub fn column_of(text: &str, byte: u32) -> u32 {
    let before = text.get(..byte as usize).unwrap_or("");
    let line = before.rfind('\n').map_or(0, |at| at + 1);
    crate::text::source::offset(before.len() - line)
}

/// Whether a line that is indented at most `depth` columns stands between two bytes.
fn closed_before(text: &str, from: u32, to: u32, depth: u32) -> bool {
    let between = text.get(from as usize..to as usize).unwrap_or("");
    // The first piece is the rest of the block's last line, the last one the line of the cursor itself.
    let mut lines: Vec<&str> = between.split('\n').skip(1).collect();
    lines.pop();
    lines.iter().any(|line| {
        let content = line.trim_start();
        !content.is_empty() && !content.starts_with('#') && line.len() - content.len() <= depth as usize
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::source::SourceId;
    use crate::twf::lexer::lex;

    fn heads(text: &str, byte: usize) -> Vec<&str> {
        let layout = Layout::new(&lex(SourceId(0), text).tokens);
        let byte = u32::try_from(byte).unwrap();
        let blocks = layout.enclosing(text, byte, column_of(text, byte));
        blocks.iter().map(|it| &text[it.head as usize..it.head_end as usize]).collect()
    }

    #[test]
    fn blocks_end_with_their_last_token() {
        let text = "a:\n    b\n    c:\n        d\n\n# x\ne\n";
        let layout = Layout::new(&lex(SourceId(0), text).tokens);
        let shown: Vec<_> = layout
            .blocks()
            .iter()
            .map(|it| {
                (&text[it.head as usize..it.head_end as usize], &text[it.start as usize..it.end as usize])
            })
            .collect();
        assert_eq!(shown, [("a:", "b\n    c:\n        d"), ("c:", "d")]);
        assert_eq!(layout.end_of(text.find('e').unwrap().try_into().unwrap(), 99), 99);
    }

    #[test]
    fn a_new_line_belongs_to_the_blocks_it_is_indented_under() {
        let text = "a:\n    b:\n        c\n        \n    \ne:\n    f\n    ";
        assert_eq!(heads(text, text.find("c\n").unwrap() + 10), ["a:", "b:"]);
        assert_eq!(heads(text, text.find("\ne").unwrap()), ["a:"]);
        assert_eq!(heads(text, text.len()), ["e:"]);
        assert_eq!(heads("a:\n    ", 7), Vec::<&str>::new(), "a header without a block is not a block yet");
    }
}
