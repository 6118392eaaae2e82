//! An S3 server.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::server::{Server, answers_http, free_port};
use crate::tools::tool;

/// A Versity gateway over a folder of its own, with one bucket.
#[derive(Debug)]
pub struct Versitygw {
    server: Option<Server>,
    port: u16,
    directory: TempDir,
}

impl Versitygw {
    /// Its only bucket.
    pub const BUCKET: &'static str = "lake";
    /// The region that it expects in signatures.
    pub const REGION: &'static str = "us-east-1";
    /// Who may do everything.
    pub const ACCESS_KEY_ID: &'static str = "tester";
    /// The secret of that account.
    pub const SECRET_ACCESS_KEY: &'static str = "only-for-tests";

    /// Starts one on a free port.
    pub fn start() -> Self {
        let directory = TempDir::with_prefix("versitygw-").expect("a temporary folder");
        for folder in ["drive", "iam", &format!("drive/{}", Self::BUCKET)] {
            std::fs::create_dir(directory.path().join(folder)).expect("a folder");
        }
        let mut gateway = Self {
            server: None,
            port: free_port(),
            directory,
        };
        gateway.resume();
        gateway
    }

    /// Starts it again, over what it had.
    pub fn resume(&mut self) {
        let (port, directory) = (self.port, &self.directory);
        let mut command = Command::new(tool("versitygw"));
        command
            .env("ROOT_ACCESS_KEY", Self::ACCESS_KEY_ID)
            .env("ROOT_SECRET_KEY", Self::SECRET_ACCESS_KEY)
            .args(["--quiet", "--health", "/healthz", "--region", Self::REGION])
            .args(["--port", &format!("127.0.0.1:{port}")])
            .arg("--iam-dir")
            .arg(directory.path().join("iam"))
            .arg("posix")
            .arg(directory.path().join("drive"));
        let log = directory.path().join("log");
        self.server = Some(Server::start(&command, &log, || {
            answers_http(port, "/healthz")
        }));
    }

    /// Ends it, as a power cut would.
    pub fn stop(&mut self) {
        self.server = None;
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Its URL.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address())
    }

    /// The bucket as a folder: every object is a file.
    pub fn bucket_directory(&self) -> PathBuf {
        self.directory.path().join("drive").join(Self::BUCKET)
    }

    /// What it logged.
    pub fn log(&self) -> String {
        self.server.as_ref().map(Server::log).unwrap_or_default()
    }
}
