//! A file in each dialect that the language has had: all can be read, and all can be brought to the newest form.

use nexus_lang::text::source::SourceId;
use nexus_lang::twf::format::format;
use nexus_lang::twf::migrate::migrate;
use nexus_lang::twf::parser::parse;

const DIALECTS: &[(&str, &str)] = &[
    (
        "the sketch",
        "workflow OrderFulfillment(orderId: string) -> OrderResult:\n    signals:\n        - CancelOrder\n    queries: GetStatus\n    \
         order = activity GetOrder(orderId)\n    result = child ShipOrder(order)\n    nexus payments/Charge(order)\n    timer 1h\n    \
         parallel:\n        activity ReserveInventory(order)\n        activity ChargePayment(order)\n    select:\n        signal \
         CancelOrder:\n            return Result{status: \"cancelled\"}\n        timer 24h:\n            return result\n    await signal \
         CancelOrder timeout: 1h:\n        return result\n    return result\n\nsignal CancelOrder(reason: string)\n\nquery GetStatus() -> \
         Status\n\nactivity GetOrder(orderId: string) -> Order:\n    return db.get(orderId)\n",
    ),
    (
        "results by arrow",
        "workflow Parent(id: string) -> Result:\n    signal Approve(by: string)\n    query Status() -> string\n    update Change(x: int) \
         -> int\n    activity Load(id) -> data\n        options(startToCloseTimeout: 30s, retryPolicy: {maxAttempts: 3})\n    spawn workflow \
         Child(data) -> child\n    detach workflow Audit(data)\n    nexus \"billing\" workflow Charge(data) -> receipt\n    hint signal \
         Approve\n    if data.count > 10000:\n        continue_as_new(id)\n    return Result{receipt}\n",
    ),
    (
        "handlers with bodies",
        "workflow W(v: int) -> R:\n    signal Done(ok: bool):\n        finished = ok\n    await all:\n        activity A(v) -> a\n        \
         activity B(v) -> b\n    await one:\n        watch (finished):\n            close completed R{a}\n        timer (5m):\n            \
         close failed \"late\"\n    close R{b}\n",
    ),
    (
        "the first page",
        "workflow W(v: int) -> R:\n    options(timeout: 5m)\n    spawn nexus \"ns\" workflow Op(v) -> handle\n    await timer(1h)\n    \
         await signal Go -> (a, b)\n    await one:\n        signal Go:\n        activity A(v) -> r:\n            close r\n        \
         timer(5m):\n    await one:\n        handle -> r:\n    close\n",
    ),
    (
        "state and promises",
        "workflow W(v: int) -> (R):\n    state:\n        condition ready\n        n = 0\n    signal Go():\n        set ready\n    promise p \
         <- activity A(v)\n    await ready\n    await p -> r\n    options(start_to_close_timeout: 10s)\n    activity A(v)\n    unset ready\n    \
         close complete(R{r})\n",
    ),
    (
        "blocks of options",
        "workflow W(v: int) -> (R):\n    activity A(v) -> r\n        options:\n            start_to_close_timeout: 30s\n            \
         retry_policy:\n                maximum_attempts: 3\n    close continue_as_new(v)\n",
    ),
    (
        "workers that say where they run",
        "worker orders:\n    namespace default\n    task_queue orders-q\n    workflow W\n    activity A\n\nworkflow W():\n    activity \
         A()\n    close complete\n",
    ),
    (
        "services and endpoints",
        "nexus service S:\n    async Op workflow W\n    sync Now(x: int) -> (int):\n        return x\n\nworker w:\n    workflow W\n    nexus \
         service S\n\nnamespace n:\n    worker w\n        options:\n            task_queue: \"q\"\n    nexus endpoint Ep\n        \
         options:\n            task_queue: \"q\"\n\nworkflow W():\n    nexus Ep S.Op() -> r\n    promise h <- nexus Ep S.Now(1)\n    detach \
         nexus Ep S.Op()\n    close complete(r)\n",
    ),
    (
        "sends",
        "workflow W():\n    update U(x: int) -> (int):\n        options:\n            unfinished_policy: abandon\n        return x\n    promise \
         c <- workflow C()\n    signal c.Go(1)\n    await c\n    close complete\n",
    ),
    (
        "packages",
        "package orders\n\nimport \"shared/billing\"\nimport pay \"shared/payments\"\n\nworkflow W(x: billing.Order) -> (int):\n    \
         default_options:\n        task_queue: \"q\"\n    activity billing.Charge(x) -> r\n    nexus pay-{region} pay.S.Op(r)\n    \
         close complete(1)\n\nnamespace prod-{region}:\n    worker w\n        options:\n            task_queue: \"q-{region}\"\n",
    ),
];

#[test]
fn each_dialect_is_read_and_becomes_new() {
    for (at, (name, text)) in DIALECTS.iter().enumerate() {
        let refused = |text: &str| {
            let found = parse(SourceId(0), text).diagnostics.into_iter();
            found.filter(|it| matches!(it.code, "SYNTAX" | "LEX" | "RAW_STATEMENT")).collect::<Vec<_>>()
        };
        assert_eq!(refused(text), [], "{name}\n{text}");
        let new = migrate(text).unwrap_or_else(|errors| panic!("{name}\n{errors:#?}"));
        assert_eq!(refused(&new.text), [], "{name}\n{}", new.text);
        assert_eq!(new.left, [], "{name}\n{}", new.text);
        let is_new = ["blocks of options", "services and endpoints", "sends", "packages"].contains(name);
        assert_eq!(new.changes == 0, is_new, "{name} ({at})\n{}", new.text);
        assert!(format(&new.text).is_ok() && format(text).is_ok(), "{name}");
    }
}
