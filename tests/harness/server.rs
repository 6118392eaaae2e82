//! Servers that tests talk to.

use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Runs its arguments, and ends them as soon as its own stdin does: a server never outlives the
/// test that started it, even one that was killed. Says its id in the first, a file, and removes the second
/// at the end, a folder, if it has a name.
const KEEPER: &str = r#"
exec 3<&0
folder=$1
shift
"$@" </dev/null 3<&- &
server=$!
echo $server >"$0"
{ cat <&3 >/dev/null; kill -9 $server 2>/dev/null; } &
wait $server
[ -z "$folder" ] || rm -rf "$folder"
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
        Self::keep(command, log, Path::new(""), is_ready)
    }

    /// The same for one that nobody drops, since it is there for all tests of a process: with it, `folder`
    /// is removed.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub fn start_for_all(
        command: &Command,
        log: &Path,
        folder: &Path,
        is_ready: impl Fn() -> bool,
    ) -> Self {
        Self::keep(command, log, folder, is_ready)
    }

    fn keep(command: &Command, log: &Path, folder: &Path, is_ready: impl Fn() -> bool) -> Self {
        let output = File::create(log).expect("a log file");
        let mut keeper = Command::new("sh");
        keeper
            .args(["-c", KEEPER])
            .arg(log.with_extension("pid"))
            .arg(folder)
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

    /// Sends its process a signal.
    ///
    /// # Panics
    /// It has ended.
    pub fn signal(&self, signal: Signal) {
        let id = std::fs::read_to_string(self.log.with_extension("pid")).expect("a server's id");
        let id = id.trim().parse().ok().and_then(Pid::from_raw);
        kill_process(id.expect("the id of a process"), signal).expect("a server that runs");
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

/// The first of so many ports in a row that nobody listens on, and that the system gives to no client: a server
/// which goes away finds them free when it comes back, and a client that asks for one meanwhile is not
/// connected to itself.
pub(crate) fn lasting_ports(count: u16) -> u16 {
    // Systems hand out ports from 32768 on, or from higher up.
    const RANGE: Range<u16> = 15_000..32_000;
    static NEXT: Mutex<Option<u16>> = Mutex::new(None);
    let mut next = NEXT.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        // Begins apart from other processes that do the same.
        let first = next.unwrap_or_else(|| {
            let seed = RandomState::new().hash_one(std::process::id());
            RANGE.start + (seed % u64::from(RANGE.end - RANGE.start)) as u16
        });
        let ports = first..first + count;
        *next = Some(ports.end);
        if ports.end > RANGE.end {
            *next = Some(RANGE.start);
            continue;
        }
        let is_free = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
        if ports.clone().all(is_free) {
            return first;
        }
    }
}

/// Whether a server on this port answers GET with 200.
pub(crate) fn answers_http(port: u16, path: &str) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").as_bytes())?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        Ok(status.ends_with(b"200"))
    };
    ask().unwrap_or(false)
}

/// A port that nobody listens on. Somebody else may take it before it is used; ports are handed
/// out in turn by the system, so that this is rare.
pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .expect("a free port")
        .port()
}
