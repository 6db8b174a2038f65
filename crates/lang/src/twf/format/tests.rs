//! The rules of the layout, each on a small text.

use super::*;

fn formatted(text: &str) -> String {
    let once = format(text).unwrap_or_else(|errors| panic!("{text}\n{errors:#?}"));
    assert_eq!(format(&once).as_deref(), Ok(once.as_str()), "formatting twice changes something");
    once
}

/// A line as the body of a workflow.
fn line(text: &str) -> String {
    let file = formatted(&format!("workflow W():\n  {text}\n"));
    let body = file.strip_prefix("workflow W():\n").unwrap();
    body.lines().map(|it| it.strip_prefix("    ").unwrap_or(it)).collect::<Vec<_>>().join("\n")
}

#[test]
fn blanks_stand_around_operators_and_nowhere_else() {
    for (given, expected) in [
        ("x=1+2*-3", "x = 1 + 2 * -3"),
        ("x  =  a<-b", "x = a < -b"),
        ("x = a+b<-c", "x = a + b < -c"),
        ("x=!a&&not  b", "x = !a && not b"),
        ("x = [1,2 , 3 ,][ 0 ]", "x = [1, 2, 3][0]"),
        ("x = {a:1 , b , \"c d\":T { x:2 } ,}", "x = {a: 1, b, \"c d\": T{x: 2}}"),
        ("f ( a , b:2 ) ", "f(a, b: 2)"),
        ("x.y [ 1 ] . z+=a ?. b??0", "x.y[1].z += a?.b ?? 0"),
        ("x = 1 .. n+1", "x = 1..n + 1"),
        ("x=(a,b)=>a if c else b", "x = (a, b) => a if c else b"),
        ("if(x==1 and(y)):\n    pass ( )", "if (x == 1 and (y)):\n    pass()"),
        ("for(x in xs):\n    ...", "for (x in xs):\n    ..."),
        ("await  timer (5m)", "await timer(5m)"),
        ("promise p<-nexus prod-{r}  S . Op ( x )", "promise p <- nexus prod-{r} S.Op(x)"),
        ("activity A( x )->( a,b )", "activity A(x) -> (a, b)"),
        ("close complete ( x )", "close complete(x)"),
        ("signal h . S (x)", "signal h.S(x)"),
        ("x = \"a  b\" # c", "x = \"a  b\"  # c"),
    ] {
        assert_eq!(line(given), expected, "{given}");
    }
}

#[test]
fn headers_and_types() {
    assert_eq!(
        formatted("workflow  W( a:[ ] Item ,b : Map [string,int]? , c:Map<a,b> =1,d)->( A , []B ) :\n  pass"),
        "workflow W(a: []Item, b: Map[string, int]?, c: Map<a, b> = 1, d) -> (A, []B):\n    pass\n"
    );
    assert_eq!(
        formatted("type T :\n\ta:{x:int , y:Item [ ]}\n\tb: a|b  c\n"),
        "type T:\n    a: {x: int, y: Item[]}\n    b: a|b  c\n"
    );
    assert_eq!(formatted("@ref ( \"x\" )\nactivity A():\n  ...\n"), "@ref(\"x\")\nactivity A():\n    ...\n");
}

#[test]
fn wide_lines_are_broken_inside_their_widest_bracket() {
    let long = "a".repeat(40);
    assert_eq!(
        line(&format!("activity Charge({long}, {long}, b: [{long}]) -> r")),
        format!("activity Charge(\n    {long},\n    {long},\n    b: [{long}]\n) -> r")
    );
    assert_eq!(
        line(&format!("close fail(Failed{{a: {long}, b: {long}, c: 1}})")),
        format!("close fail(Failed{{\n    a: {long},\n    b: {long},\n    c: 1\n}})")
    );
    assert_eq!(
        line(&format!("if ({long} and x or {long} and y or {long}):\n    pass")),
        format!("if (\n    {long} and x\n    or {long} and y\n    or {long}\n):\n    pass")
    );
    // Without brackets there is nothing to break.
    assert_eq!(line(&format!("x = {long} + {long} + {long}")), format!("x = {long} + {long} + {long}"));
}

#[test]
fn what_fits_is_joined_unless_a_comment_stands_in_it() {
    assert_eq!(line("f(\n      a,\n      b,\n  )"), "f(a, b)");
    assert_eq!(
        line("f(#one\n      a #two\n      , #three\n      #four\n      b\n      #five\n  )#six"),
        "f(  # one\n    a,  # two\n    # three\n    # four\n    b\n    # five\n)  # six"
    );
    assert_eq!(line("x = (a + # why\n    b)"), "x = (\n    a +  # why\n    b\n)");
}

#[test]
fn blank_lines_are_one_between_definitions_and_at_most_one_elsewhere() {
    let given = "\n\n# file\n\n\npackage a\nimport \"x\"\nimport \"y\"\n# about A\nactivity A():\n\n\n  x = 1\n\n\n\n  y = 2\n\nworkflow \
                 B():\n  pass\n  # end of B\n# between\n\n\n# about C\nworkflow C():\n  pass\n# end";
    let expected = "# file\n\npackage a\n\nimport \"x\"\nimport \"y\"\n\n# about A\nactivity A():\n    x = 1\n\n    y = 2\n\nworkflow \
                    B():\n    pass\n    # end of B\n\n# between\n\n# about C\nworkflow C():\n    pass\n\n# end\n";
    assert_eq!(formatted(given), expected);
}

#[test]
fn comments_keep_their_block() {
    let given = "workflow A():\n  if (x):\n     a()\n     # in the branch\n  # before else\n  else:\n     # only this\n  # after\n  b()\n# \
                 outside\n";
    let expected = "workflow A():\n    if (x):\n        a()\n        # in the branch\n    # before else\n    else:\n        # only \
                    this\n    # after\n    b()\n\n# outside\n";
    assert_eq!(formatted(given), expected);
}

#[test]
fn line_ends_marks_and_tabs_are_those_of_the_layout() {
    assert_eq!(formatted("\u{feff}workflow A():\r\n\tpass \r\n"), "workflow A():\n    pass\n");
    assert_eq!(formatted(""), "");
    assert_eq!(formatted("   \n\n"), "");
    assert_eq!(formatted("#a"), "# a\n");
}

#[test]
fn text_that_is_not_read_stays() {
    let given = "activity A():\n  Read   the `row`,  then: it's done (see\n     there)\n  while  x<3 :\n     y =  1\n";
    let expected = "activity A():\n    Read   the `row`,  then: it's done (see there)\n    while  x<3 :\n        y = 1\n";
    assert_eq!(formatted(given), expected);
    assert_eq!(
        formatted("nexus_endpoint E:\n  target_task_queue: payments-worker  v2\n  list:\n  -  a b\n"),
        "nexus_endpoint E:\n    target_task_queue: payments-worker  v2\n    list:\n    - a b\n"
    );
}

#[test]
fn lines_that_are_no_statements_stay_or_nothing_is_moved() {
    let sketch = "activity A():\n  ask the   bank (twice)\n  wait\n";
    assert_eq!(format(sketch).unwrap(), "activity A():\n    ask the   bank (twice)\n    wait\n");
    // The bracket runs on over a carriage return that is no end of a line.
    for odd in ["query r:\n '(\n'\r')", "query A:\n ('\n)'"] {
        assert_eq!(format(odd).unwrap_err().first().map(|it| it.code), Some("RAW_STATEMENT"), "{odd}");
    }
}

#[test]
fn files_with_errors_of_syntax_are_refused_and_others_are_not() {
    let errors = format("workflow A(:\n  pass\n").unwrap_err();
    assert!(errors.iter().all(|it| matches!(it.code, "LEX" | "SYNTAX")) && !errors.is_empty());
    assert!(format("workflow A():\n  activity Missing()\n").is_ok());
}
