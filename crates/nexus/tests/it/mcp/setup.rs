//! `nexus mcp install` and `nexus mcp list`.

use serde_json::{Value as Json, json};

use super::project::project;
use crate::support::{Project, Ran, command};

/// The binary in a project, of a user whose files are in a folder of the project.
fn nexus(project: &Project, args: &[&str]) -> Ran {
    let home = project.path().join("home");
    std::fs::create_dir_all(&home).unwrap();
    let mut command = command(project.path());
    Ran::of(command.args(args).env("HOME", home).env_remove("XDG_CONFIG_HOME").output().unwrap(), project)
}

fn file(project: &Project, path: &str) -> String {
    std::fs::read_to_string(project.path().join(path)).unwrap()
}

#[test]
fn every_program_gets_its_own_form() {
    let project = project();
    let root = project.path().canonicalize().unwrap();
    let name = format!("nexus-{}", root.file_stem().unwrap().to_string_lossy());
    let name = name.replace('.', "-");
    for (client, path, section, extra) in [
        ("claude-code", "home/.claude.json", "mcpServers", json!({ "type": "stdio" })),
        ("claude-desktop", "home/.config/Claude/claude_desktop_config.json", "mcpServers", json!({})),
        ("cursor", "home/.cursor/mcp.json", "mcpServers", json!({})),
        ("vscode", "home/.config/Code/User/mcp.json", "servers", json!({ "type": "stdio" })),
        ("windsurf", "home/.codeium/windsurf/mcp_config.json", "mcpServers", json!({})),
        (
            "zed",
            "home/.config/zed/settings.json",
            "context_servers",
            json!({ "source": "custom", "env": {} }),
        ),
        ("gemini-cli", "home/.gemini/settings.json", "mcpServers", json!({})),
    ] {
        nexus(&project, &["mcp", "install", client, "--name", &name]).ok();
        let written: Json = serde_json::from_str(&file(&project, path)).unwrap();
        let server = &written[section][&name];
        let program = env!("CARGO_BIN_EXE_nexus");
        let mut expected = json!({ "command": program, "args": ["mcp", "stdio", "--project", root] });
        for (key, value) in extra.as_object().unwrap() {
            expected[key] = value.clone();
        }
        assert_eq!(*server, expected, "{client}");
    }
}

#[test]
fn what_else_a_file_says_stays_and_a_broken_one_is_left_alone() {
    let project = project();
    let before = "// mine\n{ \"theme\": \"dark\", /* keep */ \"context_servers\": {} }\n";
    project.write(".zed/settings.json", before);
    let shown = nexus(&project, &["mcp", "install", "zed", "--local", "--print", "--name", "n"]).ok();
    assert!(
        shown.stdout().starts_with("// mine\n{ \"theme\": \"dark\", /* keep */ \"context_servers\": {\n")
    );
    assert_eq!(file(&project, ".zed/settings.json"), before, "printing writes nothing");
    nexus(&project, &["mcp", "install", "zed", "--local", "--name", "n", "--subset", "sums"]).ok();
    assert!(file(&project, ".zed/settings.json").contains("\"--subset\""));
    assert_eq!(file(&project, ".zed/settings.json.bak"), before);
    let again =
        nexus(&project, &["mcp", "install", "zed", "--local", "--name", "n", "--subset", "sums"]).ok();
    assert_eq!(again.stderr(), "Zed has n already\n");
    project.write(".cursor/mcp.json", "{ \"mcpServers\": [] }");
    let broken = nexus(&project, &["mcp", "install", "cursor", "--local"]);
    broken.refused(2, "error[NX-2504]", "a list where an object belongs");
    assert_eq!(file(&project, ".cursor/mcp.json"), "{ \"mcpServers\": [] }");
    nexus(&project, &["mcp", "install", "windsurf", "--local"]).refused(
        2,
        "leave --local out",
        "no projects",
    );
    nexus(&project, &["mcp", "install", "zed", "--subset", "smus"]).refused(
        4,
        "did you mean \"sums\"?",
        "a subset",
    );
}

#[test]
fn the_tools_are_listed_with_and_without_a_server() {
    let project = project();
    let listed = nexus(&project, &["mcp", "list", "--subset", "sums"]).ok();
    assert!(listed.stdout().contains("Add") && !listed.stdout().contains("Nap"), "{}", listed.stdout());
    let _server = project.serve();
    let tools = nexus(&project, &["mcp", "list", "--format", "json"]).ok().json()["tools"].clone();
    let add = tools.as_array().unwrap().iter().find(|tool| tool["name"] == "Add").unwrap();
    assert_eq!(add["_meta"]["nexus/operation"], "default/Add");
    assert_eq!(add["annotations"]["openWorldHint"], true);
}
