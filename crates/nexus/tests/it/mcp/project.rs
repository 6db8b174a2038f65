//! The project that agents are given.

use crate::support::Project;

/// Workflows that end at once, later, or when somebody says so.
pub(crate) const WORKFLOWS: &str = "\
# Adds two numbers.
workflow Add(a: int, b: int) -> (int):
    return a + b

# Gives back what it gets.
workflow Echo(value: json) -> (json):
    return value

# Takes a little while.
workflow Nap() -> (string):
    await timer(2s)
    return \"rested\"

# Waits for somebody's consent.
workflow Consent(order: string) -> (string):
    # Lets the order pass.
    signal Approve(by: string):
        pass
    await signal Approve -> by
    return \"approved by \" + by

workflow Fail(why: string):
    raise Refused(why)
";

/// A prompt.
pub(crate) const REVIEW: &str = "\
---
title: Review an order
arguments:
  - name: order
    description: the order's id
    required: true
    values: [o-1, o-2]
---
Look at {{order}}.
";

/// A project with these.
pub(crate) fn project() -> Project {
    Project::with(&[
        ("workflows/a.twf", WORKFLOWS),
        ("prompts/review.md", REVIEW),
        (
            "nexus.toml",
            "[mcp.servers.sums]\ntools = [\"Add\", \"run.result\"]\ninstructions = \"Sums only.\"\n",
        ),
    ])
}
