//! This process, under the names that every Prometheus client uses.

use super::text::Exposition;

/// Clock ticks a second in /proc: fixed by Linux's ABI.
const TICKS: f64 = 100.0;

/// Writes what /proc tells; nothing where it cannot be read.
pub(super) fn write(text: &mut Exposition) {
    if let Some(stat) = Stat::read() {
        text.counter(
            "process_cpu_seconds_total",
            "Total user and system CPU time spent in seconds.",
            stat.cpu_ticks as f64 / TICKS,
        );
        text.gauge(
            "process_resident_memory_bytes",
            "Resident memory size in bytes.",
            stat.resident_pages as f64 * rustix::param::page_size() as f64,
        );
        text.gauge(
            "process_virtual_memory_bytes",
            "Virtual memory size in bytes.",
            stat.virtual_bytes as f64,
        );
        if let Some(boot) = boot_time() {
            text.gauge(
                "process_start_time_seconds",
                "Start time of the process since unix epoch in seconds.",
                boot + stat.start_ticks as f64 / TICKS,
            );
        }
    }
    if let Ok(descriptors) = std::fs::read_dir("/proc/self/fd") {
        // The listing itself holds one open.
        let open = descriptors.count().saturating_sub(1);
        text.gauge(
            "process_open_fds",
            "Number of open file descriptors.",
            open as f64,
        );
    }
    if let Some(limit) = rustix::process::getrlimit(rustix::process::Resource::Nofile).current {
        text.gauge(
            "process_max_fds",
            "Maximum number of open file descriptors.",
            limit as f64,
        );
    }
}

/// The fields of /proc/self/stat in use; see proc_pid_stat(5).
struct Stat {
    cpu_ticks: u64,
    start_ticks: u64,
    virtual_bytes: u64,
    resident_pages: u64,
}

impl Stat {
    fn read() -> Option<Self> {
        let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
        // The command's name may hold spaces and brackets; the last bracket ends
        // it. What follows is field 3.
        let fields: Vec<&str> = stat[stat.rfind(')')? + 1..].split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Self {
            cpu_ticks: field(14)? + field(15)?,
            start_ticks: field(22)?,
            virtual_bytes: field(23)?,
            resident_pages: field(24)?,
        })
    }
}

/// When the machine started, in seconds since the epoch.
fn boot_time() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/stat").ok()?;
    stat.lines()
        .find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok())
}
