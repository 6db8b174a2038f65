//! Lines of standard input: one message each, bounded in length whatever the other side sends.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

use crate::limits::BODY_BYTES_MAX;

/// What came in.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// A line without its end.
    Whole(Vec<u8>),
    /// A line that is longer than messages may be. None of it is kept.
    TooLong,
}

/// Reads lines. A read that is given up loses nothing.
pub struct Lines<R> {
    from: BufReader<R>,
    so_far: Vec<u8>,
    is_skipping: bool,
    bytes_max: usize,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    /// Lines of this input, each as long as the body of a request may be.
    pub fn new(from: R) -> Lines<R> {
        Lines {
            from: BufReader::new(from),
            so_far: Vec::new(),
            is_skipping: false,
            bytes_max: BODY_BYTES_MAX,
        }
    }

    /// The next line that has something in it; `None` at the end. What comes last needs no end of its own.
    ///
    /// # Errors
    ///
    /// The input cannot be read.
    pub async fn next(&mut self) -> io::Result<Option<Line>> {
        loop {
            let available = self.from.fill_buf().await?;
            let end = available.iter().position(|byte| *byte == b'\n');
            let (taken, is_last) = (end.map_or(available.len(), |end| end + 1), available.is_empty());
            if !self.is_skipping {
                self.so_far.extend_from_slice(available.get(..taken).unwrap_or_default());
            }
            self.from.consume(taken);
            if self.so_far.len() > self.bytes_max {
                self.so_far = Vec::new();
                self.is_skipping = true;
            }
            if end.is_none() && !is_last {
                continue;
            }
            if std::mem::take(&mut self.is_skipping) {
                return Ok(Some(Line::TooLong));
            }
            let line = std::mem::take(&mut self.so_far);
            let line = line.trim_ascii();
            match (line.is_empty(), is_last) {
                (false, _) => return Ok(Some(Line::Whole(line.to_vec()))),
                (true, true) => return Ok(None),
                (true, false) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all(bytes: &[u8], bytes_max: usize) -> Vec<Line> {
        let mut lines = Lines { bytes_max, ..Lines::new(bytes) };
        let mut found = Vec::new();
        while let Some(line) = lines.next().await.unwrap() {
            found.push(line);
        }
        found
    }

    #[tokio::test]
    async fn lines_are_bounded_and_the_next_one_is_whole() {
        let whole = |text: &str| Line::Whole(text.as_bytes().to_vec());
        assert_eq!(all(b"a\r\n\n \nbc", 4).await, [whole("a"), whole("bc")]);
        assert_eq!(all(b"aaaaaaa\nb\n", 4).await, [Line::TooLong, whole("b")]);
        assert_eq!(all(b"aaaaaaa", 4).await, [Line::TooLong]);
        assert_eq!(all(b"\xff\n", 4).await, [Line::Whole(vec![0xff])]);
        let endless = vec![b'x'; 100_000];
        assert_eq!(all(&[&endless[..], b"\nb"].concat(), 50_000).await, [Line::TooLong, whole("b")]);
    }
}
