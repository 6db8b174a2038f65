//! "Did you mean": the nearest known name to a mistyped one.

/// The candidate nearest to `name`, when it is near enough to be what was meant.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = name.chars().count();
    let budget = length.div_ceil(3).clamp(1, 3);
    let lower = name.to_lowercase();
    // Each letter more or less costs one: what is much longer need not be compared, however long that would take.
    candidates
        .into_iter()
        .filter(|candidate| candidate.chars().count().abs_diff(length) <= budget)
        .map(|candidate| (distance(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= budget)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance in characters.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (at, from) in left.chars().enumerate() {
        let mut diagonal = at;
        let mut previous = at + 1;
        for (cell, to) in row.iter_mut().skip(1).zip(&right) {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = *cell;
            previous = replaced.min(diagonal + 1).min(previous + 1);
            *cell = previous;
        }
        if let Some(first) = row.first_mut() {
            *first = at + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_typos_and_leaves_strangers_alone() {
        let names = ["Checkout", "Refund", "ReserveStock"];
        assert_eq!(nearest("Chekout", names), Some("Checkout"));
        assert_eq!(nearest("checkout", names), Some("Checkout"));
        assert_eq!(nearest("Ship", names), None);
    }

    #[test]
    fn a_name_of_megabytes_is_compared_with_none() {
        let long = "k".repeat(4 << 20);
        let names: Vec<String> = (0..1_000).map(|number| format!("Workflow{number}")).collect();
        assert_eq!(nearest(&long, names.iter().map(String::as_str)), None);
    }

    #[test]
    fn distances() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
    }
}
