"""A PostgreSQL server for a while, with its own defaults: what is committed is synced."""

import os
import pwd
import shutil
import socket
import subprocess
import time
from pathlib import Path

SETUP = Path(__file__).resolve().parent.parent / "setup.sh"
USER, PASSWORD = "bench", "only-for-benches"
# The server refuses to be run by root.
UNPRIVILEGED = "nobody"


class Server:
    """Runs as long as the `with` lasts, over a folder of its own."""

    def __init__(self, folder):
        self.folder = folder
        found = subprocess.run(["bash", SETUP, "postgres"], check=True, capture_output=True, text=True)
        self.programs = Path(found.stdout.strip().split("=", 1)[1])
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    def __enter__(self):
        self.folder.mkdir()
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        for parent in [self.folder, *self.folder.parents]:
            if os.geteuid() == 0 and not parent.stat().st_mode & 0o001:
                parent.chmod(parent.stat().st_mode | 0o001)
        if os.geteuid() == 0:
            shutil.chown(self.folder, UNPRIVILEGED)
        data = self.folder / "data"
        self._run("initdb", "-D", data, "-U", USER, "-A", "scram-sha-256", "--pwfile", secret, "--locale=C", "-E", "UTF8")
        settings = [f"port={self.port}", "listen_addresses=127.0.0.1", "unix_socket_directories=",
                    "shared_buffers=512MB", "max_wal_size=8GB"]
        flags = [flag for setting in settings for flag in ("-c", setting)]
        self.server = subprocess.Popen(self._command("postgres", "-D", data, *flags), stderr=subprocess.DEVNULL)
        while subprocess.run(self.psql("select 1"), env=self.environment(), capture_output=True).returncode:
            if self.server.poll() is not None:
                raise SystemExit("PostgreSQL did not start")
            time.sleep(0.05)
        return self

    def __exit__(self, *_):
        self.server.terminate()
        self.server.wait()

    def _command(self, program, *arguments):
        command = [self.programs / program, *arguments]
        if os.geteuid() == 0:
            group = str(pwd.getpwnam(UNPRIVILEGED).pw_gid)
            command = ["setpriv", f"--reuid={UNPRIVILEGED}", f"--regid={group}", "--clear-groups", *command]
        return [str(part) for part in command]

    def _run(self, program, *arguments):
        subprocess.run(self._command(program, *arguments), check=True, capture_output=True, cwd=self.folder)

    def environment(self):
        return {**os.environ, "PGPASSWORD": PASSWORD}

    def psql(self, statement):
        """The command line that runs a statement, or a `\\copy`."""
        return [str(self.programs / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1",
                "-p", str(self.port), "-U", USER, "-d", "postgres", "-c", statement]

    def run(self, statement):
        subprocess.run(self.psql(statement), env=self.environment(), check=True, capture_output=True)

    def url(self):
        return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/postgres"

    def connection(self):
        return ('type = "postgres"\npassword = "${PGPASSWORD}"\n'
                f'connection_string = "postgresql://{USER}@127.0.0.1:{self.port}/postgres"\n')
