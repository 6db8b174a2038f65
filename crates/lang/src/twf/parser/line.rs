//! What comments say: documentation of a definition, pragmas of a file.

use super::Parser;
use crate::text::source::Span;
use crate::twf::lexer::blanks_width;

/// Lines of documentation kept for one definition; a licence of a thousand lines is none.
const DOC_LINES_MAX: usize = 200;

impl Parser<'_> {
    /// The comment lines directly above a byte, without a blank line between, joined by newlines.
    pub(super) fn doc_above(&self, start: u32) -> String {
        let mut below = start;
        let level = blanks_width(self.indent_of(start));
        let mut lines = Vec::new();
        let before = self.comments.partition_point(|it| it.span.start < start);
        for comment in self.comments.iter().take(before).rev().take(DOC_LINES_MAX) {
            let gap = self.text.get(comment.span.end as usize..below as usize).unwrap_or("x");
            let is_adjacent = gap.trim().is_empty() && gap.matches('\n').count() == 1;
            let line = self.comment_text(comment.span);
            // A deeper comment ends the block before.
            let is_deeper = blanks_width(self.indent_of(comment.span.start)) > level;
            if !comment.own_line || !is_adjacent || is_deeper {
                break;
            }
            // What is meant for programs is no documentation, and may stand in the middle of it.
            if !line.starts_with("twf:") {
                lines.push(line);
            }
            below = comment.span.start;
        }
        lines.reverse();
        lines.join("\n").trim().to_string()
    }

    /// Where the comment lines directly above a byte begin; the byte itself when there are none.
    pub(super) fn comment_above(&self, start: u32) -> u32 {
        let mut first = start;
        let before = self.comments.partition_point(|it| it.span.start < start);
        for comment in self.comments.iter().take(before).rev() {
            let gap = self.text.get(comment.span.end as usize..first as usize).unwrap_or("x");
            let is_adjacent = gap.trim().is_empty() && gap.matches('\n').count() == 1;
            if !comment.own_line || !is_adjacent {
                break;
            }
            first = comment.span.start;
        }
        first
    }

    /// The comment on the line that ends at a byte.
    pub(super) fn doc_beside(&self, end: u32) -> String {
        let at = self.comments.partition_point(|it| it.span.start < end);
        let beside = self.comments.get(at).filter(|it| {
            let gap = self.text.get(end as usize..it.span.start as usize).unwrap_or("\n");
            !it.own_line && !gap.contains('\n')
        });
        beside.map_or_else(String::new, |it| self.comment_text(it.span).to_string())
    }

    /// `# twf: key=value, key=value` lines.
    pub(super) fn pragmas(&self) -> Vec<(String, String)> {
        let lines = self.comments.iter().filter_map(|it| self.comment_text(it.span).strip_prefix("twf:"));
        let items = lines.flat_map(|line| line.split([',', ' ']));
        items
            .filter_map(|item| item.split_once('='))
            .map(|(key, value)| (key.trim().to_string(), value.trim().to_string()))
            .filter(|(key, _)| !key.is_empty())
            .collect()
    }

    /// The text after `#` and one blank.
    fn comment_text(&self, span: Span) -> &str {
        let text = self.text.get(span.start as usize..span.end as usize).unwrap_or("");
        let text = text.trim_start_matches('#');
        text.strip_prefix(' ').unwrap_or(text)
    }
}
