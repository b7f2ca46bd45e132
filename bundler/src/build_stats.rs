//! What a build took: time, memory, and the bytes that it read and wrote, as the kernel counts them (proc_pid_io(5), proc_pid_status(5)).

use landfall_console::Size;
use serde::Serialize;
use std::fmt;
use std::fs;
use std::time::Instant;

/// What this process has taken so far.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BuildStats {
    seconds: f64,
    /// From files, those that the machine had in memory included. What came from registries is not among them.
    read_bytes: u64,
    written_bytes: u64,
    peak_memory_bytes: u64,
}

impl BuildStats {
    /// Since `began`, if the kernel tells.
    pub(crate) fn of_this_process(began: Instant) -> Option<Self> {
        let io = fs::read_to_string("/proc/self/io").ok()?;
        let status = fs::read_to_string("/proc/self/status").ok()?;
        Some(Self {
            seconds: began.elapsed().as_secs_f64(),
            read_bytes: number(&io, "rchar:")?,
            written_bytes: number(&io, "wchar:")?,
            // In KiB.
            peak_memory_bytes: number(&status, "VmHWM:")?.saturating_mul(1024),
        })
    }
}

impl fmt::Display for BuildStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seconds, read_bytes, written_bytes, peak_memory_bytes } = self;
        let [read, written, memory] = [read_bytes, written_bytes, peak_memory_bytes].map(|bytes| Size(*bytes));
        writeln!(f, "  took     {seconds:.2} s, {read} read, {written} written, at most {memory} of memory")
    }
}

fn number(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells_what_this_process_took() {
        let stats = BuildStats::of_this_process(Instant::now());
        assert!(stats.is_some_and(|stats| stats.read_bytes > 0 && stats.peak_memory_bytes > 1 << 20));
        assert_eq!(number("VmPeak:  5 kB\nVmHWM:\t  12 kB\n", "VmHWM:"), Some(12));
        assert_eq!(number("rchar: x\n", "rchar:"), None);
    }
}
