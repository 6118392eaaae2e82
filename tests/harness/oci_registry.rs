//! A registry for OCI artifacts.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::folder::files_below;
use crate::server::{Server, answers_http, free_port};
use crate::tools::tool;

/// Docker's registry over a folder of its own.
#[derive(Debug)]
pub struct OciRegistry {
    server: Option<Server>,
    port: u16,
    folder: TempDir,
}

/// Whom a registry lets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// Everybody.
    Open,
    /// One user, with a password.
    Locked,
}

impl OciRegistry {
    /// Who is let in where it is locked.
    pub const USER: &'static str = "tester";
    /// The user's password.
    pub const PASSWORD: &'static str = "only-for-components";
    /// The same as bcrypt hashes it.
    const HASHED: &'static str = "$2b$04$zrzNnMiK3dyVoxJDSvTyI.BU/xeKFVetaKMhnUd6SckcsQ3b82hvO";

    /// Starts one on a free port.
    pub fn start(door: Door) -> Self {
        let folder = TempDir::with_prefix("oci-registry-").expect("a temporary folder");
        let port = free_port();
        let path = |name: &str| folder.path().join(name);
        let mut settings = json!({
            "version": "0.1",
            "log": { "level": "warn" },
            "storage": { "filesystem": { "rootdirectory": path("data") } },
            "http": { "addr": format!("127.0.0.1:{port}") },
        });
        if door == Door::Locked {
            let users = format!("{}:{}\n", Self::USER, Self::HASHED);
            std::fs::write(path("users"), users).expect("a file of users");
            settings["auth"] = json!({ "htpasswd": { "realm": "tests", "path": path("users") } });
        }
        // JSON is YAML, too.
        std::fs::write(path("settings.yml"), settings.to_string()).expect("its settings");
        let mut command = Command::new(tool("oci_registry"));
        command.arg("serve").arg(path("settings.yml"));
        let server = Server::start(&command, &path("log"), || answers_http(port, "/"));
        Self {
            server: Some(server),
            port,
            folder,
        }
    }

    /// Ends it.
    pub fn stop(&mut self) {
        self.server = None;
    }

    /// Host and port.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// A component there: `name` with tag or digest.
    pub fn reference(&self, name: &str) -> String {
        format!("oci://{}/{name}", self.address())
    }

    /// A folder for `DOCKER_CONFIG`, as `docker login` leaves it with this password.
    ///
    /// # Panics
    /// It cannot be written.
    pub fn logged_in(&self, encoded: &str) -> PathBuf {
        let folder = self.folder.path().join("docker");
        std::fs::create_dir_all(&folder).expect("a folder");
        let settings = json!({ "auths": { self.address(): { "auth": encoded } } });
        std::fs::write(folder.join("config.json"), settings.to_string()).expect("a file");
        folder
    }

    /// The file that holds what has this digest, "sha256:…".
    ///
    /// # Panics
    /// There is none.
    pub fn file(&self, digest: &str) -> PathBuf {
        let digits = digest.trim_start_matches("sha256:");
        let data = self.folder.path().join("data");
        let files = files_below(&data).into_iter();
        let mut found = files.filter(|path| path.ends_with(&format!("{digits}/data")));
        data.join(found.next().expect("the file of a digest"))
    }

    /// What it keeps under a digest, as JSON.
    ///
    /// # Panics
    /// It is none.
    pub fn json(&self, digest: &str) -> Value {
        let bytes = std::fs::read(self.file(digest)).expect("a file");
        serde_json::from_slice(&bytes).expect("JSON")
    }

    /// Where it keeps everything.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}
