//! What the system knows of this process, under the names that all Prometheus clients use.

use nexus_gateway::metrics::Page;
use nexus_gateway::metrics::declared::{
    PROCESS_CPU, PROCESS_FILES, PROCESS_FILES_MAX, PROCESS_MEMORY, PROCESS_START, PROCESS_THREADS,
    PROCESS_VIRTUAL,
};
use nexus_kernel::time::Timestamp;
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

/// Writes the figures. What the system does not tell is left out.
pub(crate) fn show(page: &mut Page, begun: Timestamp) {
    let cpu = clock_gettime(ClockId::ProcessCPUTime);
    #[expect(clippy::cast_precision_loss, reason = "seconds are exact enough")]
    page.amount(&PROCESS_CPU, &[], cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9);
    #[expect(clippy::cast_precision_loss, reason = "milliseconds are exact until the year 287396")]
    page.amount(&PROCESS_START, &[], begun.millis() as f64 / 1e3);
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        let kibibytes = |name: &str| number(&status, name).map(|kib| kib * 1_024);
        let memory = [
            (&PROCESS_MEMORY, kibibytes("VmRSS")),
            (&PROCESS_VIRTUAL, kibibytes("VmSize")),
            (&PROCESS_THREADS, number(&status, "Threads")),
        ];
        for (metric, value) in memory {
            if let Some(value) = value {
                page.count(metric, &[], value);
            }
        }
    }
    if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
        page.number(&PROCESS_FILES, &[], files.count());
    }
    if let Some(most) = getrlimit(Resource::Nofile).current {
        page.count(&PROCESS_FILES_MAX, &[], most);
    }
}

/// The number of a line `Name:   123 kB`.
fn number(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_by_their_whole_name() {
        let status = "VmRSSX:\t1 kB\nVmRSS:\t  20480 kB\nThreads:\t7\n";
        assert_eq!((number(status, "VmRSS"), number(status, "Threads")), (Some(20_480), Some(7)));
        assert_eq!(number(status, "VmSize"), None);
    }
}
