//! Servers that tests talk to.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

/// Runs its arguments, and ends them as soon as its own stdin does: a server never outlives the
/// test that started it, even one that was killed.
const KEEPER: &str = r#"
exec 3<&0
"$@" </dev/null 3<&- &
server=$!
{ cat <&3 >/dev/null; kill -9 $server 2>/dev/null; } &
wait $server
"#;

/// A running server; ended when dropped.
#[derive(Debug)]
pub struct Server {
    keeper: Child,
    lifeline: Option<ChildStdin>,
    log: PathBuf,
}

impl Server {
    /// Starts `command`, with its output in `log`, and waits until `is_ready` says so.
    ///
    /// # Panics
    /// It ends, or is not ready within half a minute; the log is shown.
    pub fn start(command: &Command, log: &Path, is_ready: impl Fn() -> bool) -> Self {
        let output = File::create(log).expect("a log file");
        let mut keeper = Command::new("sh");
        keeper
            .args(["-c", KEEPER, "sh"])
            .arg(command.get_program())
            .args(command.get_args())
            .stdin(Stdio::piped())
            .stdout(output.try_clone().expect("a second handle of a file"))
            .stderr(output);
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                keeper.env(name, value);
            }
        }
        let mut keeper = keeper.spawn().expect("sh starts");
        let mut server = Self {
            lifeline: keeper.stdin.take(),
            keeper,
            log: log.to_owned(),
        };
        let started = Instant::now();
        while !is_ready() {
            let ended = server
                .keeper
                .try_wait()
                .expect("the state of our own child");
            assert!(
                ended.is_none() && started.elapsed() < Duration::from_secs(30),
                "{command:?} did not start:\n{}",
                server.log()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        server
    }

    /// What it logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Ends it, as a power cut would.
    pub fn stop(&mut self) {
        drop(self.lifeline.take());
        let _ = self.keeper.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A port that nobody listens on. Somebody else may take it before it is used; ports are handed
/// out in turn by the system, so that this is rare.
pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .expect("a free port")
        .port()
}
