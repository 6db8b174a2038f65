//! Signature help.

use super::fixture::Fixture;

fn shown(call: &str) -> String {
    let text = format!(
        "workflow W(first: int, second: string):\n    signal S(by: int):\n        pass\n    promise p <- workflow W(1, \"\")\n    {call}\n\nactivity A(one: int, two: []int) -> (int):\n    ...\n\nnexus service N:\n    async Op workflow W\n"
    );
    let fixture = Fixture::new(&text);
    let (id, byte) = fixture.cursor();
    let Some(help) = fixture.analysis.signature_help(id, byte) else { return String::new() };
    let active = help.params.get(help.active).map_or("", |(start, end)| &help.label[*start..*end]);
    format!("{} | {active}", help.label)
}

#[test]
fn the_parameter_under_the_cursor_is_marked() {
    for (call, expected) in [
        ("activity A($0)", "activity A(one: int, two: []int) -> (int) | one: int"),
        ("activity A(1, $0)", "activity A(one: int, two: []int) -> (int) | two: []int"),
        ("activity A(1, [1, 2, $0])", "activity A(one: int, two: []int) -> (int) | two: []int"),
        ("activity A(two: $0", "activity A(one: int, two: []int) -> (int) | two: []int"),
        ("activity A(", ""),
        ("workflow W(1, \"\"$0)", "workflow W(first: int, second: string) | second: string"),
        ("signal p.S($0)", "signal S(by: int) | by: int"),
        ("nexus E N.Op($0)", "operation Op(first: int, second: string) | first: int"),
        ("nexus E-{x} N.Op(1, $0", "operation Op(first: int, second: string) | second: string"),
        ("x = replace(a, $0", "replace(text: string, part: string, by: string) -> string | part: string"),
        ("x = a.replace($0", "replace(text: string, part: string, by: string) -> string | part: string"),
        ("x = max(1, 2, $0", "max(values...) -> any | values..."),
        ("x = (1 + $0", ""),
        ("activity Nobody($0)", ""),
    ] {
        let call = if call.contains("$0") { call.to_string() } else { format!("$0{call}") };
        assert_eq!(shown(&call), expected, "{call}");
    }
}
