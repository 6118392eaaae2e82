//! The real `wasm-sink`, run as a user runs it.

use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::volume::Volume;

use rustix::process::{Pid, Signal, kill_process};

/// How long a run may take that no test gave a limit of its own.
const PATIENCE: Duration = Duration::from_secs(180);

/// The built binary.
#[derive(Clone, Debug)]
pub struct Binary {
    path: PathBuf,
}

impl Binary {
    /// `$WASM_SINK_BINARY`, or `wasm-sink` of the same profile as the running test.
    ///
    /// # Panics
    /// There is none: `cargo build` makes it, which `make test` does.
    pub fn find() -> Self {
        let path = match std::env::var_os("WASM_SINK_BINARY") {
            Some(path) => path.into(),
            None => profile_directory().join("wasm-sink"),
        };
        assert!(
            path.is_file(),
            "no binary at {}: run `cargo build` first, or `make test`, which does",
            path.display()
        );
        Self { path }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A command line, not started yet. Secrets and settings of whoever runs the tests stay out.
    pub fn command(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Invocation {
        let mut command = Command::new(&self.path);
        command.args(args).env_clear().stdin(Stdio::null());
        for kept in ["PATH", "HOME", "TMPDIR", "RUST_BACKTRACE"] {
            if let Some(value) = std::env::var_os(kept) {
                command.env(kept, value);
            }
        }
        Invocation { command }
    }

    /// `wasm-sink run <pipeline>`.
    pub fn run(&self, pipeline: &Path) -> Invocation {
        self.command([OsStr::new("run"), pipeline.as_os_str()])
    }
}

/// `target/<profile>`, where the test itself is `target/<profile>/deps/<test>-<hash>`.
fn profile_directory() -> PathBuf {
    let test = std::env::current_exe().expect("the path of the running test");
    let deps = test.parent().expect("a folder that holds the test");
    deps.parent().unwrap_or(deps).to_owned()
}

/// A command line that is about to run.
#[derive(Debug)]
pub struct Invocation {
    command: Command,
}

impl Invocation {
    /// One argument more.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// Some arguments more.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(args);
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Sets several.
    #[must_use]
    pub fn envs(mut self, variables: &[(String, String)]) -> Self {
        self.command
            .envs(variables.iter().map(|(name, value)| (name, value)));
        self
    }

    /// Runs it in this folder.
    #[must_use]
    pub fn current_dir(mut self, directory: impl AsRef<Path>) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// Feeds it this file.
    #[must_use]
    pub fn stdin(mut self, file: std::fs::File) -> Self {
        self.command.stdin(file);
        self
    }

    /// What is run, for a command line that something else starts.
    pub fn program(&self) -> String {
        self.command.get_program().to_string_lossy().into_owned()
    }

    /// Runs it where a volume is mounted, which is at its [mount point](Volume::mount_point) there.
    #[must_use]
    pub fn within(self, volume: &Volume) -> Self {
        let mut command = volume.enter();
        command
            .arg(self.command.get_program())
            .args(self.command.get_args())
            .env_clear()
            .stdin(Stdio::null());
        for (name, value) in self.command.get_envs() {
            if let Some(value) = value {
                command.env(name, value);
            }
        }
        Self { command }
    }

    /// Starts it.
    pub fn start(mut self) -> Process {
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().expect("the binary starts");
        let stdout = Capture::of(child.stdout.take().expect("a piped stdout"));
        let stderr = Capture::of(child.stderr.take().expect("a piped stderr"));
        Process {
            child,
            stdout,
            stderr,
            started: Instant::now(),
        }
    }

    /// Starts it and waits for its end.
    ///
    /// # Panics
    /// It takes over three minutes.
    pub fn finish(self) -> Outcome {
        self.start().wait(PATIENCE)
    }

    /// The same for what runs compilers, and may install them first.
    ///
    /// # Panics
    /// It takes over a quarter of an hour.
    pub fn finish_building(self) -> Outcome {
        self.start().wait(5 * PATIENCE)
    }
}

/// A running binary; killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    stdout: Capture,
    stderr: Capture,
    started: Instant,
}

impl Process {
    /// The number that the system knows it by.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        // A process that just ended is not waited for yet, so its number is still its own.
        kill_process(pid.expect("a process id"), signal).expect("a signal to our own child");
    }

    /// kill -9, and waits.
    pub fn kill(mut self) -> Outcome {
        self.child.kill().expect("a signal to our own child");
        self.wait(PATIENCE)
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.child
            .try_wait()
            .expect("the state of our own child")
            .is_none()
    }

    /// Waits until it has stopped itself (see `WASM_SINK_STALL_AT`); false where it ended instead.
    ///
    /// # Panics
    /// `limit` passes.
    pub fn await_stop(&mut self, limit: Duration) -> bool {
        let stat = format!("/proc/{}/stat", self.child.id());
        let started = Instant::now();
        while self.is_running() {
            let text = std::fs::read_to_string(&stat).unwrap_or_default();
            // "pid (name) state …", and a name may hold anything.
            let state = text.rsplit_once(") ").map(|(_, rest)| rest);
            if state.is_some_and(|state| state.starts_with('T')) {
                return true;
            }
            assert!(started.elapsed() < limit, "it did not stop: {text}");
            std::thread::sleep(Duration::from_millis(2));
        }
        false
    }

    /// How many of its threads have this name.
    pub fn threads(&self, name: &str) -> usize {
        let tasks = format!("/proc/{}/task", self.child.id());
        let tasks = std::fs::read_dir(tasks).into_iter().flatten().flatten();
        tasks
            .filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok())
            .filter(|found| found.trim_end() == name)
            .count()
    }

    /// Waits until `text` stands in what it wrote to stderr.
    ///
    /// # Panics
    /// It ends without, or `limit` passes.
    pub fn await_stderr(&self, text: &str, limit: Duration) {
        if let Err(written) = self.stderr.await_text(text, limit) {
            panic!("no `{text}` in what it said:\n{written}");
        }
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// `limit` passes; it is killed, and what it wrote is shown.
    pub fn wait(mut self, limit: Duration) -> Outcome {
        let waiting = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("the state of our own child") {
                break status;
            }
            if waiting.elapsed() > limit {
                let _ = self.child.kill();
                let _ = self.child.wait();
                panic!(
                    "still running after {limit:?}\nstdout:\n{}\nstderr:\n{}",
                    self.stdout.finish(),
                    self.stderr.finish()
                );
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        Outcome {
            status,
            took: self.started.elapsed(),
            stdout: self.stdout.finish(),
            stderr: self.stderr.finish(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How a run ended.
#[derive(Debug)]
pub struct Outcome {
    status: ExitStatus,
    /// From start to end.
    pub took: Duration,
    /// All it wrote to stdout.
    pub stdout: String,
    /// All it wrote to stderr.
    pub stderr: String,
}

impl Outcome {
    /// The exit code; None after a signal.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// The signal that ended it.
    pub fn signal(&self) -> Option<i32> {
        self.status.signal()
    }

    /// Everything it said.
    pub fn said(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// # Panics
    /// The exit code is another one; what the run wrote is shown.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(
            self.code(),
            Some(code),
            "{} after {:?}\nstdout:\n{}\nstderr:\n{}",
            self.status,
            self.took,
            self.stdout,
            self.stderr
        );
        self
    }

    /// # Panics
    /// It did not say `text`; what it said is shown.
    #[track_caller]
    pub fn expect_said(&self, text: &str) {
        let said = self.said();
        assert!(
            said.contains(text),
            "`{text}` is not in what it said:\n{said}"
        );
    }
}

/// What a pipe has carried so far, collected by a thread.
#[derive(Debug)]
struct Capture {
    shared: Arc<(Mutex<Captured>, Condvar)>,
    reader: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Captured {
    bytes: Vec<u8>,
    ended: bool,
}

impl Capture {
    fn of(mut pipe: impl Read + Send + 'static) -> Self {
        let shared = Arc::new((Mutex::new(Captured::default()), Condvar::new()));
        let writer = Arc::clone(&shared);
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            loop {
                let read = pipe.read(&mut buffer).unwrap_or(0);
                let mut captured = writer.0.lock().unwrap_or_else(PoisonError::into_inner);
                captured.bytes.extend_from_slice(&buffer[..read]);
                captured.ended = read == 0;
                writer.1.notify_all();
                if read == 0 {
                    return;
                }
            }
        });
        Self {
            shared,
            reader: Some(reader),
        }
    }

    /// Everything so far, once it contains `text`; as an error when it ends or takes too long.
    fn await_text(&self, text: &str, limit: Duration) -> Result<(), String> {
        let end = Instant::now() + limit;
        let mut captured = self.shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let written = String::from_utf8_lossy(&captured.bytes);
            if written.contains(text) {
                return Ok(());
            }
            let left = end.saturating_duration_since(Instant::now());
            if captured.ended || left.is_zero() {
                return Err(written.into_owned());
            }
            captured = self
                .shared
                .1
                .wait_timeout(captured, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Everything; the process has ended.
    fn finish(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the thread that reads a pipe");
        }
        let captured = self.shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&captured.bytes).into_owned()
    }
}
