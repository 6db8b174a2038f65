//! Folds, selections, links, layout.

use super::fixture::Fixture;
use super::{SHOP, shop_at};
use crate::ide::{FoldKind, Link};

#[test]
fn blocks_brackets_comments_and_imports_fold() {
    let text = "import \"a\"\nimport \"b\"\n\n# One\n# two.\nworkflow W():\n    if (true):\n        activity A(\n            1\n        )\n    else:\n        pass\n# alone\n";
    let fixture = Fixture::new(text);
    let (id, _) = fixture.analysis.sources().iter().next().unwrap();
    let lines = |span| {
        let (from, to) =
            (fixture.analysis.sources().locate(span), fixture.analysis.sources().locate_end(span));
        (from.line, to.line)
    };
    let folds: Vec<_> = fixture.analysis.folds(id).iter().map(|it| (lines(it.span), it.kind)).collect();
    assert_eq!(
        folds,
        [
            ((1, 2), FoldKind::Imports),
            ((4, 5), FoldKind::Comment),
            ((6, 12), FoldKind::Code),
            ((7, 10), FoldKind::Code),
            ((8, 10), FoldKind::Code),
            ((11, 12), FoldKind::Code),
        ]
    );
}

#[test]
fn a_selection_grows_by_what_encloses_it() {
    let fixture = Fixture::new("workflow W():\n    if (x):\n        activity A(foo(b$0ar, 1))\n    pass\n");
    let (id, byte) = fixture.cursor();
    let texts: Vec<String> = fixture
        .analysis
        .selections(id, byte)
        .into_iter()
        .map(|span| fixture.analysis.slice(span).to_string())
        .collect();
    assert_eq!(
        texts[..8],
        [
            "bar",
            "bar, 1",
            "(bar, 1)",
            "foo(bar, 1)",
            "(foo(bar, 1))",
            "activity A(foo(bar, 1))",
            "if (x):\n        activity A(foo(bar, 1))",
            "if (x):\n        activity A(foo(bar, 1))\n    pass",
        ]
    );
    assert_eq!(texts.len(), 10, "{texts:?}");
}

#[test]
fn references_and_imports_are_links() {
    let fixture = Fixture::new("@ref(\"src/pay.go:12\")\nworkflow W():\n    @ref(\"a b.go\")\n    pass\n");
    let (id, _) = fixture.analysis.sources().iter().next().unwrap();
    let links: Vec<_> =
        fixture.analysis.links(id).into_iter().map(|(span, link)| (fixture.show(span), link)).collect();
    assert_eq!(
        links,
        [
            ("a.twf:1:7 src/pay.go:12".to_string(), Link::Path("src/pay.go".to_string(), Some(12))),
            ("a.twf:3:11 a b.go".to_string(), Link::Path("a b.go".to_string(), None)),
        ]
    );
    let shop = Fixture::new(SHOP);
    let (orders, billing) =
        (shop.analysis.sources().iter().next().unwrap().0, shop.analysis.sources().iter().nth(1).unwrap().0);
    let links = shop.analysis.links(orders);
    assert_eq!(links.len(), 2);
    assert!(links.iter().all(|(_, link)| *link == Link::File(billing)));
}

#[test]
fn formatting_changes_only_what_differs() {
    let fixture = Fixture::new("workflow W( x:int ):\n    y = 1\n    z=x+y\n");
    let (id, _) = fixture.analysis.sources().iter().next().unwrap();
    let edits = fixture.analysis.format(id).unwrap();
    assert_eq!(edits.len(), 2, "{edits:?}");
    let mut text = fixture.analysis.sources().get(id).unwrap().text.to_string();
    for edit in edits.iter().rev() {
        text.replace_range(edit.span.start as usize..edit.span.end as usize, &edit.replacement);
    }
    assert_eq!(text, "workflow W(x: int):\n    y = 1\n    z = x + y\n");
    let joined = Fixture::new("workflow W():\n    pass\n\n\n\nworkflow V():\n    log(\n        1)\n");
    let (id, _) = joined.analysis.sources().iter().next().unwrap();
    let edits = joined.analysis.format(id).unwrap();
    assert_eq!(edits.len(), 1);
    let broken = Fixture::new("workflow W(\n");
    assert_eq!(broken.analysis.format(broken.analysis.sources().iter().next().unwrap().0), None);
    let shop = shop_at("tries += 1");
    let (id, _) = shop.cursor();
    assert!(shop.analysis.format(id).is_some());
}
