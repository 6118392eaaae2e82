//! Who this process is, for whoever asks who made a commit.

use std::sync::OnceLock;

/// The machine's name.
pub fn host_name() -> &'static str {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| {
        std::fs::read_to_string("/proc/sys/kernel/hostname")
            .or_else(|_| std::fs::read_to_string("/etc/hostname"))
            .ok()
            .map(|name| name.trim().to_owned())
            .or_else(|| std::env::var("HOSTNAME").ok())
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| "unknown host".to_owned())
    })
}

/// "process 4711 on etl-1".
pub fn describe() -> String {
    format!("process {} on {}", std::process::id(), host_name())
}
