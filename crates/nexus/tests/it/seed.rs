//! The examples of the design's Nexus document: each checks as a sketch and runs in a simulation.

use crate::support::{Project, root};

#[test]
fn every_seed_file_checks_leniently_and_runs_in_stub_mode() {
    let folder = root().join("examples/shop/seed");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), 10);
    let project = Project::empty();
    for file in files {
        let path = file.to_str().unwrap();
        project.nexus(&["check", "--lenient", path]).ok();
        let text = std::fs::read_to_string(&file).unwrap();
        let names = text.lines().filter_map(|line| line.strip_prefix("workflow ")?.split('(').next());
        for name in names {
            project.nexus(&["run", name, "--stub", "--project", path]).ok();
        }
    }
}
