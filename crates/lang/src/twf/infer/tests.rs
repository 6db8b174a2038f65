//! What is inferred, what is reported, and that no value contradicts the type that its variable was given.

mod sound;

use super::*;
use crate::twf::check::{CheckOptions, check};
use crate::twf::parser::parse;

const DECLARED: &str = "
type Line:
    article: string
    price: decimal

type Order:
    id: string
    lines: []Line
    note: string?
    total: decimal = 0

activity Load(id: string) -> (Order):
    pass

activity Charge(order: Order, amount: decimal) -> (Receipt):
    pass

activity Pair() -> (int, string):
    pass
";

fn sources_of(text: &str) -> (Sources, SourceId) {
    let mut sources = Sources::new();
    let id = sources.add("test.twf", text);
    (sources, id)
}

/// The types of a text that follows the declared types above.
fn types(text: &str) -> Types {
    let (sources, id) = sources_of(&format!("{DECLARED}{text}"));
    let parsed = parse(id, &sources.get(id).unwrap().text);
    Types::of(&[ParsedUnit { source: id, unit: &parsed.unit }], &sources, id)
}

/// The variables of a body, as `name: type`.
fn variables(body: &str) -> Vec<String> {
    let types = types(&format!("\nworkflow W(given: any):\n    {}\n", body.trim().replace('\n', "\n    ")));
    let found = types.definitions().iter().find(|it| it.name == "W").unwrap();
    let own = found.variables.iter().filter(|it| it.first.is_some() && it.name != "given");
    own.map(|it| format!("{}: {}", it.name, it.ty)).collect()
}

/// The messages about types in a text.
fn messages(text: &str) -> Vec<String> {
    let (sources, id) = sources_of(&format!("{DECLARED}{text}"));
    let parsed = parse(id, &sources.get(id).unwrap().text);
    let found = check(&[ParsedUnit { source: id, unit: &parsed.unit }], &sources, CheckOptions::default());
    found.into_iter().filter(|it| it.code == "TYPE_MISMATCH").map(|it| it.message).collect()
}

#[test]
fn variables_are_all_that_they_are_assigned() {
    assert_eq!(
        variables(
            "
a = 1
a = 2.5
b = null
b = \"x\"
c = [1, \"x\"]
d = {n: 1, deep: {m: 5m}}
e = d.deep.m * 2
f = given.x
g = a if given else now()
h = 1..3
i = Receipt{ok: true}
j = 7 / 2
k = 7 // 2
"
        ),
        [
            "a: decimal",
            "b: string?",
            "c: List[int | string]",
            "d: {n: int, deep: {m: duration}}",
            "e: duration",
            "f: any",
            "g: decimal | timestamp",
            "h: []int",
            "i: Receipt",
            "j: decimal",
            "k: int",
        ]
    );
}

#[test]
fn results_messages_and_loops_give_their_types() {
    let text = "
workflow W(orders: []Order, prices: Map[string, decimal]) -> (int):
    state:
        condition ready
    signal Paid(ref: string, cents: int):
        reference = ref
    activity Load(\"x\") -> order
    activity Pair() -> (number, text)
    activity Pair() -> both
    for (each in orders):
        line = each.lines[0]
    for (article, price in prices):
        pass
    await signal Paid -> (r, c)
    await signal Paid -> message
    promise p <- activity Load(\"y\")
    await p -> other
    await all (one in orders) -> receipts:
        activity Charge(one, 1) -> receipt
    await all [p] -> loaded
    try:
        activity Load(\"z\") -> order
            options:
                on_failure: capture
    catch e:
        why = e.message
    caught = order.failed
    names = orders.map(o => o.id)
    sure = first(orders.filter(o => o.total > 1))
    totals = sum(orders, o => o.total)
    close complete(len(names))
";
    let types = types(text);
    let ty = |name: &str| types.variable("W", name).unwrap().ty.to_string();
    for (name, expected) in [
        ("reference", "string"),
        ("order", "{failed: bool, error: Failure} | Order"),
        ("number", "int"),
        ("text", "string"),
        ("both", "List[int | string]"),
        ("each", "Order"),
        ("line", "Line"),
        ("article", "string"),
        ("price", "decimal"),
        ("r", "string"),
        ("c", "int"),
        ("message", "{ref: string, cents: int}"),
        ("p", "promise of Order"),
        ("other", "Order"),
        ("receipts", "[]Receipt"),
        ("loaded", "[]Order"),
        ("e", "Failure"),
        ("why", "string"),
        ("caught", "bool"),
        ("names", "[]string"),
        ("sure", "Order?"),
        ("totals", "decimal"),
        ("ready", "condition"),
    ] {
        assert_eq!(ty(name), expected, "{name}");
    }
    assert_eq!(messages(text), [""; 0]);
}

#[test]
fn what_is_written_by_one_name_is_seen_by_all_that_share_it() {
    assert_eq!(
        variables(
            "
a = []
b = a
b.append(1)
c = [\"x\"]
c.append(5m)
d = {}
d[given.key] = 1
e = {list: []}
f = e.list
f.append(true)
g = e.list[0]
h = {}
h.name = \"x\"
"
        ),
        [
            "a: []int",
            "b: []int",
            "c: List[string | duration]",
            "d: Map[string, int]",
            "e: {list: []bool}",
            "f: []bool",
            "g: bool",
            "h: {name: string?}",
        ]
    );
}

#[test]
fn types_that_never_settle_are_any_value() {
    assert_eq!(variables("a = [a]\nb = {next: b}"), ["a: any", "b: any"]);
    let chain: Vec<String> = (0..200).map(|at| format!("v{at} = v{}", at + 1)).collect();
    assert_eq!(variables(&format!("{}\nv200 = 1", chain.join("\n")))[0], "v0: any");
}

#[test]
fn editors_get_hints_fields_and_types_by_place() {
    let text = "
workflow W(id: string):
    activity Load(id) -> order
    total = order.total
    total = 5
    for (line in order.lines):
        log(line.price)
";
    let types = types(text);
    let whole = format!("{DECLARED}{text}");
    let hints: Vec<String> = types
        .hints()
        .iter()
        .map(|it| {
            let name = whole[..it.at as usize].rsplit([' ', '(']).next().unwrap();
            format!("{name}{}", it.text)
        })
        .collect();
    assert_eq!(hints, ["order: Order", "total: decimal", "line: Line"]);
    let at = |needle: &str, more: usize| {
        let place = whole.rfind(needle).unwrap() + more;
        let (span, ty) = types.at(u32::try_from(place).unwrap()).unwrap();
        format!("{}: {ty}", &whole[span.start as usize..span.end as usize])
    };
    assert_eq!(at("order.lines", 2), "order: Order");
    assert_eq!(at("order.lines", 7), "order.lines: []Line");
    assert_eq!(at("line.price", 6), "line.price: decimal");
    let order = types.variable("W", "order").unwrap();
    let fields: Vec<String> =
        types.fields(&order.ty).iter().map(|it| format!("{}: {}", it.name, it.ty)).collect();
    assert_eq!(fields, ["id: string", "lines: []Line", "note: string?", "total: decimal"]);
    let place = u32::try_from(whole.rfind("log").unwrap()).unwrap();
    assert_eq!(types.definition_at(place).unwrap().name, "W");
}

#[test]
fn messages_say_what_is_expected_and_what_was_found() {
    let text = "
workflow W(order: Order, n: int) -> (Receipt):
    activity Charge(order, true)
    activity Charge({id: \"a\"}, n)
    activity Charge(Order{id: \"a\", lines: [Line{article: \"a\", prise: 1, price: 1}]}, n)
    made = [{article: n, price: 2}]
    activity Charge(Order{id: \"a\", lines: made}, 1)
    x = order.totl
    order.note = n
    close complete(n, 1)
";
    assert_eq!(
        messages(text),
        [
            "expected `decimal` for `amount` of `Charge`, found `bool`",
            "`Order` needs the field `lines: []Line`",
            "`Line` has no field `prise`",
            "expected `string` for `lines[].article`, found `int`",
            "`Order` has no field `totl`",
            "expected `string?` for the field `note` of `Order`, found `int`",
        ]
    );
}
