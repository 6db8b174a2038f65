//! Every builtin.

use serde_json::json;

use super::{NAMES, TABLE, find};
use crate::twf::eval::tests::{check, check_faults, value};

#[test]
fn every_function_has_a_unique_name_in_order() {
    assert!(TABLE.windows(2).all(|pair| pair[0].name < pair[1].name));
    assert!(TABLE.iter().all(|builtin| find(builtin.name).is_some() && NAMES.contains(&builtin.name)));
    assert_eq!(NAMES.len(), TABLE.len() + 2);
}

#[test]
fn numbers() {
    check(&[
        ("[abs(-3), abs(2.5), abs(-5m)]", json!([3, "2.5", "PT5M"])),
        ("[min(3, 1, 2), max([3, 1, 2]), min([])]", json!([1, 3, null])),
        ("[min(5m, 10s), max(\"a\", \"b\")]", json!(["PT10S", "b"])),
        ("max(o.list, x => len(x) if x == \"x\" else 5)", json!("y")),
        ("[round(2.5), round(-2.5), round(1.005, 2), floor(-1.5), ceil(1.2)]", json!([3, -3, "1.01", -2, 2])),
        (
            "[sum(xs), sum([1, 2.5]), sum([]), sum([1m, 2m]), sum(xs, x => x * 2)]",
            json!([6, "3.5", 0, "PT3M", 12]),
        ),
        ("[int(\"42\"), int(3.9), int(-3.9), int(true), int(5s)]", json!([42, 3, -3, 1, 5000])),
        ("[decimal(\"1.50\"), decimal(2)]", json!(["1.50", "2"])),
        ("[random(5) < 5, random() < 1, random(3, 4), len(uuid())]", json!([true, true, 3, 36])),
    ]);
    check_faults(&[
        ("int(\"x\")", "BAD_VALUE `x` is no whole number"),
        ("decimal(\"x\")", "BAD_VALUE `x` is no decimal number"),
        ("sum([1, \"a\"])", "TYPE_MISMATCH `sum` needs numbers or durations, got a string"),
        ("random(0)", "TYPE_MISMATCH `random` needs a range that is not empty"),
        ("abs(null)", "TYPE_MISMATCH `abs` needs a number, got null"),
        ("max(1, \"a\")", "TYPE_MISMATCH a string and an int have no order"),
    ]);
}

#[test]
fn texts() {
    check(&[
        ("[upper(\"aé\"), lower(\"ÄB\"), trim(\"  x \")]", json!(["AÉ", "äb", "x"])),
        ("[split(\"a,b,,c\", \",\"), split(\" a  b \")]", json!([["a", "b", "", "c"], ["a", "b"]])),
        (
            "[join([1, \"a\", 5m], \"|\"), join([]), replace(\"aXbX\", \"X\", \"--\")]",
            json!(["1|a|PT5M", "", "a--b--"]),
        ),
        (
            "[starts_with(\"abc\", \"ab\"), ends_with(\"abc\", \"x\"), contains(\"abc\", \"b\")]",
            json!([true, false, true]),
        ),
        ("[matches(\"order-17\", \"^order-[0-9]+$\"), matches(\"x\", \"y\")]", json!([true, false])),
        ("format(\"{} of {}: {}\", 1, 2.50, {a: 1})", json!("1 of 2.50: {\"a\":1}")),
        (
            "[str(null), str(1.0), str([1]), string(now())]",
            json!(["null", "1.0", "[1]", "2026-01-01T00:00:01Z"]),
        ),
        ("[bool(\"TRUE\"), bool(null), bool(true)]", json!([true, false, true])),
        (
            "[to_json({a: [1, 2.5]}), parse_json(\"{\\\"a\\\": [1, 2.5]}\").a]",
            json!(["{\"a\":[1,\"2.5\"]}", [1, "2.5"]]),
        ),
        ("hash(\"abc\")", json!("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")),
        ("hash({a: 1}) == hash({a: 1}) and hash([1]) != hash([2])", json!(true)),
        ("[slice(\"hällo\", 1, 3), slice(\"abc\", -2), reversed(\"abc\")]", json!(["äl", "bc", "cba"])),
    ]);
    check_faults(&[
        ("upper(1)", "TYPE_MISMATCH `upper` needs a string, got an int"),
        ("split(\"a\", \"\")", "TYPE_MISMATCH `split` needs a separator that is not empty"),
        ("matches(\"a\", \"(\")", "BAD_VALUE `(` is no usable pattern"),
        ("format(\"{}\", 1, 2)", "TYPE_MISMATCH `format` has more arguments than `{}`"),
        ("format(\"{} {}\", 1)", "TYPE_MISMATCH `format` has fewer arguments than `{}`"),
        ("bool(\"maybe\")", "BAD_VALUE `maybe` is neither true nor false"),
    ]);
    assert!(value("parse_json(\"{\")").unwrap_err().starts_with("BAD_VALUE this text is no JSON"));
}

#[test]
fn lists() {
    check(&[
        ("[len(xs), len(o), len(\"äö\"), len(null)]", json!([3, 4, 2, 0])),
        ("xs.append(9).append(8)", json!([3, 1, 2, 9, 8])),
        ("[extend(xs, [7]), pop(xs), pop(xs, 0), xs]", json!([[1, 2], 7, 3, [1, 2]])),
        ("[remove(xs, 1), remove(xs, 5), xs]", json!([true, false, [3, 2]])),
        ("[remove(o, \"a\"), remove(o, \"zz\"), \"a\" in o]", json!([true, false, false])),
        (
            "[sorted(xs), sorted(xs, true), sorted([{k: 2}, {k: 1}], x => x.k)]",
            json!([[1, 2, 3], [3, 2, 1], [{"k": 1}, {"k": 2}]]),
        ),
        ("[reversed(xs), unique([1, 1.0, \"a\", 1, \"a\"])]", json!([[2, 1, 3], [1, "a"]])),
        ("[range(3), range(1, 3), range(5, 0, -2)]", json!([[0, 1, 2], [1, 2], [5, 3, 1]])),
        (
            "[chunk([1, 2, 3], 2), zip([1, 2], [\"a\", \"b\", \"c\"])]",
            json!([[[1, 2], [3]], [[1, "a"], [2, "b"]]]),
        ),
        ("[first(xs), last(xs), first([]), index_of(xs, 2), index_of(xs, 9)]", json!([3, 2, null, 2, -1])),
        (
            "[find(xs, x => x < 3), find(xs, x => x > 9), count(xs), count(xs, x => x > 1)]",
            json!([1, null, 3, 2]),
        ),
        (
            "[slice(xs, 1), slice(xs, 0, -1), slice(xs, 5), contains(xs, 2)]",
            json!([[1, 2], [3, 1], [], true]),
        ),
        ("[any([null, true]), all([]), any([])]", json!([true, true, false])),
        ("[clear(xs), xs]", json!([null, []])),
    ]);
    check_faults(&[
        ("append(1, 2)", "TYPE_MISMATCH `append` needs a list, got an int"),
        ("pop([])", "INDEX_RANGE `pop`: the list has no position -1"),
        ("chunk(xs, 0)", "TYPE_MISMATCH `chunk` needs a size of at least 1"),
        ("range(0, 5, 0)", "TYPE_MISMATCH the step of a range cannot be 0"),
        ("sorted([1, \"a\"])", "TYPE_MISMATCH an int and a string have no order"),
        ("len(5)", "TYPE_MISMATCH `len` needs a list, object or string, got an int"),
    ]);
}

#[test]
fn objects() {
    check(&[
        ("[keys({b: 1, a: 2}), values({b: 1, a: 2})]", json!([["b", "a"], [1, 2]])),
        ("entries({b: 1})", json!([{"key": "b", "value": 1}])),
        ("merge({a: 1, b: 2}, null, {b: 3, c: 4})", json!({"a": 1, "b": 3, "c": 4})),
        ("[get(o, \"zz\", 7), get(xs, 1), get(xs, 9), get(null, \"a\", 0)]", json!([7, 1, null, 0])),
        (
            "[type(T{a: 1}), type({}), type(1), type(null), type(5m)]",
            json!(["T", "object", "int", "null", "duration"]),
        ),
        ("copy(o).a.b", json!(5)),
        ("[patched(\"x\"), pass()]", json!([true, null])),
        ("[deprecate_patch(\"x\"), patched(\"x\")]", json!([null, true])),
    ]);
    check_faults(&[
        ("keys(xs)", "TYPE_MISMATCH `keys` needs an object, got a list"),
        ("merge(o, 1)", "TYPE_MISMATCH `merge` needs an object, got an int"),
        ("patched(1)", "TYPE_MISMATCH `patched` needs the id of a change, got an int"),
        ("deprecate_patch(1)", "TYPE_MISMATCH `deprecate_patch` needs the id of a change, got an int"),
    ]);
}

#[test]
fn time() {
    check(&[
        (
            "[duration(90), duration(\"1h30m\"), duration(\"PT5M\"), duration(1.5)]",
            json!(["PT1M30S", "PT1H30M", "PT5M", "PT1.5S"]),
        ),
        (
            "[timestamp(\"2026-02-03T04:05:06+01:00\"), timestamp(\"2026-02-03\"), timestamp(0)]",
            json!(["2026-02-03T03:05:06Z", "2026-02-03T00:00:00Z", "1970-01-01T00:00:00Z"]),
        ),
        (
            "[millis(1500), seconds(90), minutes(2), hours(1), days(2), weeks(1)]",
            json!(["PT1.5S", "PT1M30S", "PT2M", "PT1H", "P2D", "P7D"]),
        ),
        ("date_add(\"2026-01-31\", 36h)", json!("2026-02-01T12:00:00Z")),
        ("[history_length(), history_size()]", json!([5_000, 7])),
    ]);
    check_faults(&[
        ("duration(\"soon\")", "BAD_VALUE `soon` is no duration; write it as `5m` or `PT5M`"),
        ("timestamp(\"soon\")", "BAD_VALUE `soon` is no timestamp; write it as `2026-01-31T12:00:00Z`"),
        ("days(\"1\")", "TYPE_MISMATCH `days` needs a number, got a string"),
        ("days(99999999999999999)", "OVERFLOW the duration is too long"),
    ]);
}
