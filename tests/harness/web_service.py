"""A stand-in for a web service that takes orders, on a bad day.

    web_service.py FOLDER PORT TOKEN

POST /v1/orders takes a JSON array of orders from whoever sends the token, in turn well and badly: it asks for patience
(429 with Retry-After, also as a date), fails (500, 503), takes orders and breaks the connection before or within its
answer, takes them and answers too late; more than 40 orders at once are too large (413), and an order with the amount 666
is none that it can take (422, for all that come with it). Its answers repeat the credentials that it was sent, as none
should. Each request that it takes orders from adds a line of JSON to FOLDER/taken: "key", "orders"; each answer one to
FOLDER/answers. HEAD and GET are answered.
"""

import json
import pathlib
import socket
import sys
import threading
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

folder, port, token = pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
MOST_ORDERS = 40
LATE_S = 3
MOODS = ["well", "429", "well", "500", "well", "taken, then cut", "503", "well", "taken, then cut short", "429 date", "well", "late"]
lock = threading.Lock()
turn = 0


def keep(name, line):
    with lock, (folder / name).open("a") as file:
        print(json.dumps(line), file=file)


class Service(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.answer(200)

    def do_GET(self):
        self.answer(200, {"service": "orders"})

    def do_POST(self):
        global turn
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Authorization"] != f"Bearer {token}" or self.path != "/v1/orders":
            return self.answer(404, {"error": "there is nothing here"})
        orders = json.loads(body)
        if len(orders) > MOST_ORDERS:
            return self.answer(413, {"error": f"more than {MOST_ORDERS} orders"})
        if any(order["amount"] == 666 for order in orders):
            return self.answer(422, {"error": "an order that nobody placed"})
        with lock:
            mood = MOODS[turn % len(MOODS)]
            turn += 1
        if mood.startswith("429"):
            after = formatdate(time.time() + 1, usegmt=True) if mood.endswith("date") else "1"
            return self.answer(429, {"error": "slower"}, {"Retry-After": after})
        if mood in ("500", "503"):
            return self.answer(int(mood), {"error": "a bad day"})
        keep("taken", {"key": self.headers["Idempotency-Key"], "orders": orders})
        if mood == "late":
            time.sleep(LATE_S)
        if mood == "taken, then cut":
            keep("answers", mood)
            self.close_connection = True
            return self.connection.shutdown(socket.SHUT_RDWR)
        if mood == "taken, then cut short":
            keep("answers", mood)
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
            self.close_connection = True
            return self.connection.shutdown(socket.SHUT_RDWR)
        self.answer(200, {"orders": len(orders)}, said="late" if mood == "late" else "well")

    def answer(self, status, value=None, headers={}, said=None):
        keep("answers", said or str(status))
        body = json.dumps({**(value or {}), "you": self.headers["Authorization"]}).encode()
        try:
            self.send_response(status)
            for name, text in headers.items():
                self.send_header(name, text)
            self.send_header("X-You-Are", self.headers["Authorization"] or "nobody")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)
        except OSError:
            pass  # Who asked is gone.

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", port), Service).serve_forever()
