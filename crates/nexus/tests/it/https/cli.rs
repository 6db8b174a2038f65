//! The command line and a Nexus server whose certificate a private authority has signed.

use super::service::Authority;
use crate::support::{Project, Ran, Server, command};

/// A project that is served over `https` by a certificate of this authority.
fn served(authority: &Authority) -> (Project, Server) {
    let (certificate, key) = authority.files("127.0.0.1");
    let project = Project::with(&[
        ("workflows/where.twf", "workflow Where() -> (string):\n    close complete(\"far\")\n"),
        ("nexus.toml", "[server.tls]\ncertificate = \"server.pem\"\nkey = \"server.key\"\n"),
        ("server.pem", &certificate),
        ("server.key", &key),
        ("ca.pem", &authority.pem),
    ]);
    let server = project.serve();
    assert!(server.url.starts_with("https://"), "{}", server.url);
    (project, server)
}

/// A command in a folder, where the system trusts nobody at all.
fn ran(project: &Project, args: &[&str], environment: &[(&str, &str)]) -> Ran {
    let mut command = command(project.path());
    command.args(args).env("SSL_CERT_FILE", "/dev/null").env_remove("SSL_CERT_DIR");
    Ran::of(command.envs(environment.iter().copied()).output().unwrap(), project)
}

#[test]
fn a_private_authority_is_named_by_flag_environment_or_profile() {
    let authority = Authority::new();
    let (_project, server) = served(&authority);
    let here = Project::with(&[("ca.pem", &authority.pem), ("elsewhere/note.txt", "")]);
    let line = ["run", "Where", "--format", "raw", "--server", &server.url];
    let far = |ran: Ran| assert_eq!(ran.ok().stdout(), "far\n");
    far(ran(&here, &[&line[..], &["--ca", "ca.pem"]].concat(), &[]));
    far(ran(&here, &line, &[("NEXUS_CA", "ca.pem")]));
    // Flags of a workflow are asked of the same server.
    ran(&here, &["run", "Where", "--help", "--server", &server.url, "--ca", "ca.pem"], &[]).ok();
    ran(&here, &["profile", "add", "private", "--url", &server.url, "--ca", "ca.pem"], &[]).ok();
    let shown = ran(&here, &["profile", "show", "private", "--format", "json"], &[]).ok().json();
    assert!(shown["ca"].as_str().is_some_and(|file| file.ends_with("/ca.pem")), "{shown}");
    let mut elsewhere = command(here.path());
    elsewhere.current_dir(here.path().join("elsewhere")).env("SSL_CERT_FILE", "/dev/null");
    let line = ["run", "Where", "--format", "raw", "--profile", "private"];
    far(Ran::of(elsewhere.args(line).output().unwrap(), &here));
}

#[test]
fn a_server_of_another_authority_is_not_trusted() {
    let (project, server) = served(&Authority::new());
    project.write("other.pem", &Authority::new().pem);
    let list = ["run", "list", "--server", &server.url, "--ca", "other.pem"];
    let refused = ran(&project, &list, &[]);
    refused.refused(5, "NX-5012", "another authority");
    assert!(
        refused.stderr().contains("--ca FILE") && !refused.stderr().contains("[http]"),
        "{}",
        refused.stderr()
    );
    ran(&project, &["run", "list", "--server", &server.url], &[]).refused(
        5,
        "NX-5015",
        "no authority at all",
    );
    // The project's own server is there, and cannot be mistaken for one that is gone.
    ran(&project, &["run", "list", "--ca", "other.pem"], &[]).refused(
        5,
        "NX-5012",
        "the project's own server",
    );
    ran(&project, &["run", "list", "--ca", "ca.pem"], &[]).ok();
    ran(&project, &["run", "list"], &[("NEXUS_CA", "ca.pem")]).ok();
}

#[test]
fn a_file_that_is_no_use_is_told() {
    let here = Project::with(&[("empty.pem", ""), ("good.pem", &Authority::new().pem)]);
    let list = ["run", "list", "--server", "https://127.0.0.1:1"];
    let with = |file: &str| ran(&here, &[&list[..], &["--ca", file]].concat(), &[]);
    with("none.pem").refused(2, "none.pem, which --ca names, cannot be used: it cannot be read", "missing");
    with("empty.pem").refused(2, "NX-2708", "empty");
    ran(&here, &list, &[("NEXUS_CA", "none.pem")]).refused(2, "which NEXUS_CA names", "environment");
    let add = ["profile", "add", "p", "--url", "https://127.0.0.1:1", "--ca"];
    ran(&here, &[&add[..], &["empty.pem"]].concat(), &[]).refused(2, "holds no certificate", "profile");
    ran(&here, &[&add[..], &["good.pem"]].concat(), &[]).ok();
    std::fs::remove_file(here.path().join("good.pem")).unwrap();
    ran(&here, &["run", "list", "--profile", "p"], &[]).refused(2, "which profile p names", "gone since");
}
