//! A small disk of a test's own, which can be full or read-only: as root, no permission bit is in
//! the way of a write.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use tempfile::TempDir;

/// How a mount namespace is made: as root, and as somebody who may have a user namespace.
const WAYS: [&str; 2] = ["--mount", "--mount --user --map-root-user"];

/// A disk in memory, mounted in a mount namespace of its own: nothing is left of it once the shell
/// that holds it ends, which it does with the test, even one that was killed.
#[derive(Debug)]
pub struct Volume {
    shell: Child,
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    mount_point: TempDir,
    way: &'static str,
}

impl Volume {
    /// Mounts one of so many bytes, as `mount` reads them: "1m".
    ///
    /// # Panics
    /// This process may not mount.
    pub fn mount(size: &str) -> Self {
        let mut refusals = String::new();
        for way in WAYS {
            match Self::try_mount(way, size) {
                Ok(volume) => return volume,
                Err(why) => refusals.push_str(&format!("  unshare {way}: {why}\n")),
            }
        }
        panic!(
            "this test mounts a small disk, and may not: run it as root with the capability \
             CAP_SYS_ADMIN, or where users may have namespaces\n{refusals}"
        );
    }

    fn try_mount(way: &'static str, size: &str) -> Result<Self, String> {
        let mount_point = TempDir::with_prefix("volume-").expect("a temporary folder");
        // Both programs take the place of the shell before them, so that the process stays the same.
        let mut shell = Command::new("sh")
            .args(["-c", &format!("exec unshare {way} sh 2>&1")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("sh starts");
        let mut volume = Self {
            commands: shell.stdin.take(),
            answers: BufReader::new(shell.stdout.take().expect("a piped stdout")),
            shell,
            mount_point,
            way,
        };
        let at = volume.mount_point.path().display().to_string();
        volume.tell(&format!("mount -t tmpfs -o size={size} tmpfs '{at}'"))?;
        Ok(volume)
    }

    /// Where it is for everybody, also outside the namespace. A path that only the kernel can
    /// resolve: software that resolves paths by itself needs a [copy](Self::copy), or to run within.
    pub fn path(&self) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.shell.id()));
        let inside = self.mount_point.path().strip_prefix("/");
        root.join(inside.expect("an absolute path"))
    }

    /// Where it is for what runs [within](crate::Invocation::within) it.
    pub fn mount_point(&self) -> &Path {
        self.mount_point.path()
    }

    /// The command that runs another one in the namespace of the volume.
    pub(crate) fn enter(&self) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--mount", "--target", &self.shell.id().to_string()]);
        if self.way.contains("--user") {
            command.args(["--user", "--preserve-credentials"]);
        }
        command
    }

    /// Changes how it is mounted: "size=64m", "ro", "rw".
    ///
    /// # Panics
    /// `mount` refuses.
    pub fn remount(&mut self, options: &str) {
        let at = self.mount_point.path().display().to_string();
        self.tell(&format!("mount -o remount,{options} '{at}'"))
            .unwrap_or_else(|why| panic!("mount -o remount,{options}: {why}"));
    }

    /// Writes a file until there is no room left.
    ///
    /// # Panics
    /// Anything but a full disk stops it.
    pub fn fill(&self, name: &str) {
        let mut file = std::fs::File::create(self.path().join(name)).expect("a new file");
        let mut block = vec![0; 64 << 10];
        while !block.is_empty() {
            if let Err(error) = file.write_all(&block) {
                assert_eq!(error.kind(), std::io::ErrorKind::StorageFull, "{error}");
                // What is too large as a whole may have some room yet.
                block.truncate(block.len() / 2);
            }
        }
    }

    /// What it holds below `name`, in a folder that every program finds.
    ///
    /// # Panics
    /// It does not hold that.
    pub fn copy(&self, name: &str) -> TempDir {
        let folder = TempDir::with_prefix("copy-").expect("a temporary folder");
        let copied = Command::new("cp")
            .arg("-R")
            .arg(self.path().join(name).join("."))
            .arg(folder.path())
            .status()
            .expect("cp starts");
        assert!(copied.success(), "no copy of {name}");
        folder
    }

    /// Has the shell do something, and waits for its end.
    fn tell(&mut self, command: &str) -> Result<(), String> {
        let text = format!("{command} 2>&1; echo \"ended $?\"\n");
        let commands = self.commands.as_mut().expect("open until it is dropped");
        // A shell that did not start says why on its output.
        let _ = commands.write_all(text.as_bytes());
        let mut said = String::new();
        loop {
            let mut line = String::new();
            let read = self
                .answers
                .read_line(&mut line)
                .expect("what a shell says");
            match line.strip_prefix("ended ").map(str::trim) {
                Some("0") => return Ok(()),
                None if read > 0 => said.push_str(&line),
                _ => return Err(said.trim().to_owned()),
            }
        }
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        // The end of its input ends the shell, and with it the namespace.
        drop(self.commands.take());
        let _ = self.shell.wait();
    }
}
