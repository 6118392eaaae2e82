"""What it costs to send traces and metrics, to a collector that takes them and to one that is away."""

import http.server
import threading

from changes import free_port, pipeline
from measuring import BINARY, compare

TIMES = 9


class Taker(http.server.BaseHTTPRequestHandler):
    """Takes whatever comes."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def cost(folder, rows):
    """Wall time with [telemetry] against without, at 1,000 rows per batch: with a collector, and with none."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Taker)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    source = f'type = "generator"\nrows = {rows}\nbatch_rows = 1_000'
    for name, port in (("collector there", server.server_port), ("collector away", free_port())):
        more = f'[telemetry]\notlp = "http://127.0.0.1:{port}"\ninterval_ms = 1_000\n'

        def run(kind, more=""):
            def again(turn):
                own = folder / f"{kind}-{port}-{turn}"
                return BINARY, "run", "--quiet", pipeline(own, source, more=more)

            return again

        compare(TIMES, name, {"with [telemetry]": run("with", more), "without": run("without")})
    server.shutdown()
