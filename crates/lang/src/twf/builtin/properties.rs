//! General rules of functions and operators, over values nobody chose.

use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};

use crate::twf::eval::tests::value;

/// A literal, with what kinds of values it has an order with.
fn literal() -> impl Strategy<Value = (String, u8)> {
    prop_oneof![
        (-50_i64..50).prop_map(|it| (it.to_string(), 0)),
        (-500_i64..500).prop_map(|it| (format!("{}", Decimal::new(it, 1)), 0)),
        "[a-c]{0,2}".prop_map(|it| (format!("\"{it}\""), 1)),
        (0_u32..90).prop_map(|it| (format!("{it}s"), 2)),
        Just(("null".to_string(), 3)),
    ]
}

/// A decimal with few enough digits that sums and products of three are exact.
fn decimal() -> impl Strategy<Value = Decimal> {
    (-1_000_000_000_i64..1_000_000_000, 0_u32..5).prop_map(|(digits, scale)| Decimal::new(digits, scale))
}

fn text(expr: &str) -> String {
    match value(expr) {
        Ok(Json::String(text)) => text,
        Ok(other) => other.to_string(),
        Err(error) => panic!("{expr}: {error}"),
    }
}

fn number(expr: &str) -> Decimal {
    text(expr).parse().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sorting_orders_what_has_an_order_and_refuses_the_rest(
        items in prop::collection::vec(literal(), 0..60),
        one_kind in any::<bool>(),
    ) {
        let wanted = items.first().map_or(0, |it| it.1);
        let items: Vec<_> = items.into_iter().filter(|it| !one_kind || it.1 == wanted).collect();
        let list = format!("[{}]", items.iter().map(|it| it.0.as_str()).collect::<Vec<_>>().join(", "));
        let sorted = value(&format!("sorted({list})"));
        let fits = items.len() < 2 || items.iter().all(|it| it.1 == wanted && it.1 != 3);
        prop_assert_eq!(sorted.is_ok(), fits, "{} gives {:?}", list, sorted);
        let (Ok(Json::Array(mut sorted)), Ok(Json::Array(mut given))) = (sorted, value(&list)) else { return Ok(()) };
        let rule = format!("[sorted(sorted({list})) == sorted({list}), sorted({list}, true) == reversed(sorted({list}))]");
        prop_assert_eq!(value(&rule), Ok(json!([true, true])), "{}", list);
        for all in [&mut sorted, &mut given] {
            all.sort_by_key(Json::to_string);
        }
        prop_assert_eq!(sorted, given);
    }

    #[test]
    fn decimals_calculate_exactly(a in decimal(), b in decimal(), c in decimal()) {
        prop_assert_eq!(number(&format!("({a}) + ({b})")), a + b);
        prop_assert_eq!(number(&format!("({a}) - ({b})")), a - b);
        prop_assert_eq!(number(&format!("({a}) * ({b})")), a * b);
        prop_assert_eq!(number(&format!("(({a}) + ({b})) + ({c})")), number(&format!("({a}) + (({b}) + ({c}))")));
        prop_assert_eq!(number(&format!("({a}) * (({b}) + ({c}))")), a * b + a * c);
        if !b.is_zero() {
            // Division and remainder fit together, and the remainder has the sign of the divisor.
            let (floor, rest) = (number(&format!("({a}) // ({b})")), number(&format!("({a}) % ({b})")));
            prop_assert_eq!(floor * b + rest, a, "{} and {}", a, b);
            prop_assert!(rest.is_zero() || rest.is_sign_negative() == b.is_sign_negative());
        }
    }

    #[test]
    fn patterns_match_or_are_refused(pattern in "[ab(|)*+?.\\[\\]{}0-9^$]{0,24}", text in "[ab]{0,40}") {
        let quoted = |text: &str| serde_json::to_string(text).unwrap();
        match value(&format!("matches({}, {})", quoted(&text), quoted(&pattern))) {
            Ok(it) => prop_assert!(it.is_boolean()),
            Err(error) => prop_assert!(error.starts_with("BAD_VALUE"), "{}", error),
        }
    }

    /// What makes matchers that go back and try again take for ever.
    #[test]
    fn patterns_take_linear_time(repeats in 100_usize..3_000) {
        let text = "a".repeat(repeats);
        prop_assert_eq!(value(&format!("matches(\"{text}!\", \"^(a+)+$\")")), Ok(json!(false)));
        prop_assert_eq!(value(&format!("matches(\"{text}\", \"^(a|a)*$\")")), Ok(json!(true)));
    }
}
