//! Places in a user's file: from a stack, and of an import in a source.

use crate::source::map::Map;

/// A file as the engine names it, and where its text comes from.
#[derive(Clone, Copy)]
pub(crate) struct Places<'a> {
    pub(crate) file: &'a str,
    pub(crate) map: Option<&'a Map>,
}

impl Places<'_> {
    /// The innermost frame of a stack that lies in a file of the project: the file, line and column as written.
    pub(crate) fn in_stack(&self, stack: &str) -> Option<(String, u32, u32)> {
        frames(stack, self.file).find_map(|(line, column)| self.find(line, column))
    }

    /// A place in what the engine got, as written.
    fn find(&self, line: u32, column: u32) -> Option<(String, u32, u32)> {
        match self.map {
            None => Some((self.file.to_owned(), line, column)),
            Some(map) => map.find(line, column).map(|(file, line, column)| (file.to_owned(), line, column)),
        }
    }
}

/// The frames of a stack that lie in this file: line and column, from 1.
///
/// Frames read `at name (file:line:column)`, or `at file:line:column` in syntax errors. Frames of the prelude and of
/// native functions are passed over.
fn frames<'a>(stack: &'a str, file: &'a str) -> impl Iterator<Item = (u32, u32)> + 'a {
    stack.lines().filter_map(move |frame| {
        let frame = frame.trim().trim_end_matches(')');
        let (rest, column) = frame.rsplit_once(':')?;
        let (rest, line) = rest.rsplit_once(':')?;
        let before = rest.strip_suffix(file)?;
        let whole = before.is_empty() || before.ends_with('(') || before.ends_with("at ");
        if whole { Some((line.parse().ok()?, column.parse().ok()?)) } else { None }
    })
}

/// Where a module is imported by this name: the first line that says `import` or `from` and has the name in quotes.
pub(crate) fn of_import(source: &str, name: &str) -> Option<(u32, u32)> {
    for (number, line) in source.lines().enumerate() {
        for quote in ['"', '\''] {
            let quoted = format!("{quote}{name}{quote}");
            let Some(at) = line.find(&quoted) else { continue };
            let before = line.get(..at).unwrap_or_default().trim_end();
            if before.ends_with("import") || before.ends_with("from") {
                let column = line.get(..at).unwrap_or_default().chars().count() + 1;
                return Some((u32::try_from(number + 1).ok()?, u32::try_from(column).ok()?));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_stack(stack: &str, file: &str) -> Option<(u32, u32)> {
        frames(stack, file).next()
    }

    #[test]
    fn the_first_frame_of_the_file_counts() {
        let stack = "    at start (<nexus>:50:41)\n    at push (native)\n    at Ship (activities/a.js:3:9)\n    at x (b.js:1:1)\n";
        assert_eq!(in_stack(stack, "activities/a.js"), Some((3, 9)));
        assert_eq!(in_stack(stack, "a.js"), None, "another file with the same ending");
        assert_eq!(in_stack("    at activities/a.js:7:2\n", "activities/a.js"), Some((7, 2)));
        assert_eq!(in_stack("no frames: here:x:y", "here"), None);
    }

    #[test]
    fn imports_are_found() {
        let source = "// \"./b.js\" is nice\nimport { b } from './b.js';\n";
        assert_eq!(of_import(source, "./b.js"), Some((2, 19)));
        assert_eq!(of_import(source, "./c.js"), None);
    }
}
