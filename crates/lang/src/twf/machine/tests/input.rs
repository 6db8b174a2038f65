//! Input of runs, and JSON at the boundary.

use super::*;

const TYPED: &str = "
type Line:
    sku: string
    price: decimal
    count: int = 1

workflow W(lines: []Line, note: string?, limit: duration = 5m):
    total = sum(lines, l => l.price * l.count)
    close complete({total, note, limit, first: lines[0]})
";

fn run(text: &str, input: Json) -> Result<String, String> {
    let program = program(text);
    let mut machine = Machine::start(&program, info("W"), &input)
        .map_err(|error| format!("{error} {}", error.suggestion.clone().unwrap_or_default()))?;
    let commands = machine.task(&program, &TaskInfo::default(), &[]).unwrap();
    Ok(line(&commands[0]))
}

#[test]
fn typed_input_is_checked_and_exact() {
    let input = json!({"lines": [{"sku": "a", "price": 0.1, "count": 3}, {"sku": "b", "price": "0.20"}]});
    assert_eq!(
        run(TYPED, input).unwrap(),
        r#"1 complete {"total":"0.50","note":null,"limit":"PT5M","first":{"sku":"a","price":"0.1","count":3}}"#
    );
    for (input, error) in [
        (json!({}), "lines: is missing ([]Line) "),
        (json!({"lines": [{"sku": "a"}]}), "lines[0].price: is missing (decimal) "),
        (json!({"lines": [{"sku": 5, "price": 1}]}), "lines[0].sku: expected string, got 5 "),
        (json!({"linse": []}), "input.linse: is not declared did you mean `lines`?"),
        (json!([[], "n", "5m", 1]), "input: 4 values for 3 parameters "),
        (json!("x"), "input: expected an object with the parameters by name "),
    ] {
        assert_eq!(run(TYPED, input).unwrap_err(), error);
    }
}

#[test]
fn input_may_be_positional_or_the_only_value() {
    let one = "\nworkflow W(order: Order):\n    close complete(order)\n";
    assert_eq!(run(one, json!({"order": {"id": 1}})).unwrap(), r#"1 complete {"id":1}"#);
    assert_eq!(run(one, json!({"id": 1})).unwrap(), r#"1 complete {"id":1}"#);
    assert_eq!(run(one, json!([{"id": 1}])).unwrap(), r#"1 complete {"id":1}"#);
    assert_eq!(run(one, json!("x")).unwrap(), r#"1 complete "x""#);
    let list = "\nworkflow W(xs: []int):\n    close complete(xs)\n";
    assert_eq!(run(list, json!([1, 2])).unwrap(), "1 complete [1,2]");
    assert_eq!(run(list, json!([1])).unwrap(), "1 complete [1]");
    assert_eq!(run(list, json!([[1]])).unwrap(), "1 complete [1]");
    let none = "\nworkflow W():\n    close complete(1)\n";
    assert_eq!(run(none, json!(null)).unwrap(), "1 complete 1");
    assert_eq!(run(none, json!(5)).unwrap_err(), "input: takes no parameters ");
}

#[test]
fn results_take_their_declared_type() {
    let program = compile(
        "
activity Price() -> (decimal):
    ...

workflow W():
    activity Price() -> p
    close complete(p * 2)
",
        false,
    );
    let mut run = Driven::new(&program, json!({}));
    run.task(&[]);
    assert_eq!(run.task(&[done(1, json!("1.25"))]), [r#"2 complete "2.50""#]);
}

#[test]
fn unknown_workflows_are_suggested() {
    let program = program("\nworkflow W():\n    close complete(1)\n");
    let error = Machine::start(&program, info("V"), &json!({})).unwrap_err();
    assert_eq!(error.suggestion.as_deref(), Some("did you mean `W`?"));
}

#[test]
fn activities_get_defaults_for_what_is_not_given() {
    let program = compile(
        "
activity F(a: int, b: string = \"x\", c: any = null):
    ...

workflow W():
    activity F(c: 3, a: 1)
",
        false,
    );
    assert_eq!(Driven::new(&program, json!({})).task(&[]), [r#"1 F[1,"x",3]"#]);
}
