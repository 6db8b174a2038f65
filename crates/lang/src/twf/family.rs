//! Families of names: `tenant-{t}` stands for `tenant-acme`, `tenant-beta` and so on (language page, rule H19).

/// What the holes of a pattern stand for in a name; none when the name is no instance of the pattern.
pub fn instance<'p, 'n>(pattern: &'p str, name: &'n str) -> Option<Vec<(&'p str, &'n str)>> {
    let mut found: Vec<(&str, &str)> = Vec::new();
    let (head, mut rest) = pattern.split_once('{').map_or((pattern, None), |(head, rest)| (head, Some(rest)));
    let mut left = name.strip_prefix(head)?;
    while let Some(hole) = rest {
        let (param, after) = hole.split_once('}')?;
        let (literal, next) =
            after.split_once('{').map_or((after, None), |(literal, next)| (literal, Some(next)));
        let (value, remaining) = match next {
            None => (left.strip_suffix(literal)?, ""),
            Some(_) => left.split_once(literal).filter(|_| !literal.is_empty())?,
        };
        let is_same = found.iter().all(|(known, earlier)| *known != param || *earlier == value);
        if value.is_empty() || !is_same {
            return None;
        }
        found.push((param, value));
        (left, rest) = (remaining, next);
    }
    left.is_empty().then_some(found)
}

/// A pattern with its holes filled; none when a hole has no value.
pub fn filled(pattern: &str, values: &[(&str, &str)]) -> Option<String> {
    let mut made = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some((literal, hole)) = rest.split_once('{') {
        let (param, after) = hole.split_once('}')?;
        made.push_str(literal);
        made.push_str(values.iter().find(|(known, _)| *known == param)?.1);
        rest = after;
    }
    made.push_str(rest);
    Some(made)
}

/// Whether a name has holes.
pub fn is_family(name: &str) -> bool {
    name.contains('{')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_instances_of_patterns() {
        assert_eq!(instance("tenant-{t}", "tenant-acme"), Some(vec![("t", "acme")]));
        assert_eq!(instance("{a}-x-{b}", "one-x-two"), Some(vec![("a", "one"), ("b", "two")]));
        assert_eq!(instance("{t}-{t}", "a-a"), Some(vec![("t", "a"), ("t", "a")]));
        assert_eq!(instance("plain", "plain"), Some(vec![]));
        for (pattern, name) in [
            ("tenant-{t}", "tenant-"),
            ("tenant-{t}", "other"),
            ("{t}-{t}", "a-b"),
            ("plain", "plainer"),
            ("{a}{b}", "ab"),
            ("{broken", "x"),
        ] {
            assert_eq!(instance(pattern, name), None, "{pattern} {name}");
        }
        assert_eq!(instance("t-{t}-eu", "t-a-eu-eu"), Some(vec![("t", "a-eu")]));
    }

    #[test]
    fn holes_are_filled() {
        assert_eq!(filled("q-{t}-{r}", &[("t", "acme"), ("r", "eu")]).as_deref(), Some("q-acme-eu"));
        assert_eq!(filled("q-{t}", &[]), None);
        assert_eq!(filled("q", &[]).as_deref(), Some("q"));
    }
}
