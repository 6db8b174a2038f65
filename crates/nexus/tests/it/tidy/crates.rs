//! Rules for the workspace: which crate may use which, and how many packages come along.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use super::repo;

const LOCKED_PACKAGES_MAX: usize = 550;

/// Every crate and the crates of ours that it may use. Arrows point down, three levels deep.
const ARROWS: &[(&str, &[&str])] = &[
    ("nexus-kernel", &[]),
    ("nexus-lang", &[]),
    ("nexus-rpc", &[]),
    ("nexus-store", &["nexus-kernel"]),
    ("nexus-sandbox", &["nexus-kernel"]),
    ("nexus-gateway", &["nexus-kernel", "nexus-rpc"]),
    ("nexus-engine", &["nexus-kernel", "nexus-lang", "nexus-rpc"]),
    (
        "nexus",
        &[
            "nexus-kernel",
            "nexus-lang",
            "nexus-rpc",
            "nexus-store",
            "nexus-sandbox",
            "nexus-gateway",
            "nexus-engine",
        ],
    ),
    (
        "nexus-benches",
        &[
            "nexus-kernel",
            "nexus-lang",
            "nexus-rpc",
            "nexus-store",
            "nexus-sandbox",
            "nexus-gateway",
            "nexus-engine",
            "nexus",
        ],
    ),
];

/// Heavy families and the one crate of ours that may use each. The benches compare us with a bare server.
const HEAVY: &[(&str, &[&str])] = &[
    ("wasmtime", &["nexus-sandbox"]),
    ("wasmtime-wizer", &["nexus-sandbox"]),
    ("oxc_parser", &["nexus-sandbox"]),
    ("oxc_resolver", &["nexus-sandbox"]),
    ("oxc_transformer", &["nexus-sandbox"]),
    ("rusqlite", &["nexus-store"]),
    ("axum", &["nexus-gateway", "nexus-benches"]),
    ("rmcp", &["nexus-gateway"]),
    ("jsonschema", &["nexus-gateway"]),
    ("reqwest", &["nexus"]),
    ("clap", &["nexus"]),
];

/// What cargo prints, without asking any registry.
fn cargo(arguments: &str) -> String {
    let mut command = Command::new(env!("CARGO"));
    let output = command.args(arguments.split(' ')).current_dir(repo::root()).output();
    let output = output.expect("cargo can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("cargo writes text")
}

/// Normal and build dependencies of every crate of ours.
fn dependencies() -> BTreeMap<String, Vec<String>> {
    let metadata = cargo("metadata --offline --no-deps --format-version 1");
    let metadata: Value = serde_json::from_str(&metadata).expect("cargo writes JSON");
    let name = |value: &Value| value["name"].as_str().unwrap_or_default().to_owned();
    let packages = metadata["packages"].as_array().cloned().unwrap_or_default();
    let used = |package: &Value| {
        let all = package["dependencies"].as_array().cloned().unwrap_or_default();
        all.iter().filter(|dependency| dependency["kind"] != "dev").map(name).collect()
    };
    packages.iter().map(|package| (name(package), used(package))).collect()
}

#[test]
fn crates_use_only_what_the_table_of_arrows_allows() {
    let mut wrong = Vec::new();
    for (name, used) in dependencies() {
        let Some((_, allowed)) = ARROWS.iter().find(|(known, _)| *known == name) else {
            wrong.push(format!("{name} is not in the table"));
            continue;
        };
        let ours = used.iter().filter(|other| ARROWS.iter().any(|(known, _)| known == other));
        wrong.extend(
            ours.filter(|other| !allowed.contains(&other.as_str())).map(|other| format!("{name} → {other}")),
        );
    }
    assert!(wrong.is_empty(), "forbidden arrows:\n  {}\n", wrong.join("\n  "));
}

#[test]
fn heavy_families_have_one_home_each() {
    let mut wrong = Vec::new();
    for (name, used) in dependencies() {
        let away = HEAVY.iter().filter(|(heavy, homes)| {
            used.iter().any(|used| used == heavy) && !homes.contains(&name.as_str())
        });
        wrong.extend(away.map(|(heavy, _)| format!("{name} → {heavy}")));
    }
    assert!(wrong.is_empty(), "heavy dependencies away from home:\n  {}\n", wrong.join("\n  "));
}

#[test]
fn the_arrows_are_three_levels_deep() {
    fn depth(name: &str) -> usize {
        let below = ARROWS.iter().find(|(known, _)| *known == name).map_or(&[][..], |(_, below)| *below);
        below.iter().map(|below| depth(below) + 1).max().unwrap_or(0)
    }
    assert!(depth("nexus") <= 3, "nexus is {} levels deep", depth("nexus"));
}

#[test]
fn few_packages_are_locked() {
    let count = repo::text("Cargo.lock").matches("[[package]]").count();
    assert!(count <= LOCKED_PACKAGES_MAX, "{count} packages are locked, more than {LOCKED_PACKAGES_MAX}");
}

/// Versions of every package that is built for Linux in more than one.
fn duplicates() -> BTreeMap<String, BTreeSet<String>> {
    let arguments = "tree --offline --workspace --duplicates --depth 0 --prefix none --edges normal,build,dev --format {p}";
    let text = cargo(&format!("{arguments} --target x86_64-unknown-linux-gnu"));
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in text.lines() {
        let mut words = line.split(' ');
        if let (Some(name), Some(version)) = (words.next(), words.next()) {
            versions.entry(name.to_owned()).or_default().insert(version.trim_start_matches('v').to_owned());
        }
    }
    versions
}

#[test]
fn every_duplicate_version_has_a_reason_in_deny_toml() {
    let deny: toml::Table = repo::text("deny.toml").parse().expect("deny.toml is TOML");
    let skips = deny["bans"]["skip"].as_array().cloned().unwrap_or_default();
    let known: Vec<(&str, &str)> =
        skips.iter().filter_map(|skip| skip["crate"].as_str()?.split_once('@')).collect();
    let is = |version: &str, prefix: &str| version == prefix || version.starts_with(&format!("{prefix}."));
    let found = duplicates();
    let mut wrong = Vec::new();
    for (name, versions) in &found {
        let explained =
            |version: &&String| known.iter().any(|(skip, prefix)| skip == name && is(version, prefix));
        if versions.len() > 1 + versions.iter().filter(explained).count() {
            wrong.push(format!("{name} {versions:?} without a reason"));
        }
    }
    let is_needed = |name: &str, prefix: &str| {
        found.get(name).is_some_and(|versions| versions.len() > 1 && versions.iter().any(|it| is(it, prefix)))
    };
    let needless = known.iter().filter(|(name, prefix)| !is_needed(name, prefix));
    wrong.extend(needless.map(|(name, prefix)| format!("{name}@{prefix} is no duplicate any more")));
    assert!(wrong.is_empty(), "duplicates in deny.toml:\n  {}\n", wrong.join("\n  "));
}
