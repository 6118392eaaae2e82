"""A web service that takes orders, to try the examples beside it with: python3 orders_service.py [port]

POST /v1/orders takes a JSON array of orders from whoever sends the token in ORDERS_TOKEN. An order is known by its `id`:
one that comes again changes nothing. GET /v1/orders shows what there is.
"""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MOST_BYTES = 1_000
TOKEN = f"Bearer {os.environ['ORDERS_TOKEN']}"
orders: dict[str, object] = {}


class Service(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self.is_for_us():
            return
        if len(body) > MOST_BYTES:
            return self.answer(413, {"error": f"more than {MOST_BYTES} bytes"})
        given = json.loads(body)
        if unnamed := [order for order in given if not order.get("id")]:
            return self.answer(422, {"error": "an order without an id", "order": unnamed[0]})
        orders.update({order["id"]: order for order in given})
        self.answer(200, {"orders": len(orders)})

    def do_GET(self) -> None:
        if self.is_for_us():
            self.answer(200, list(orders.values()))

    def do_HEAD(self) -> None:
        self.answer(204, None)

    def is_for_us(self) -> bool:
        if self.headers["Authorization"] != TOKEN:
            self.answer(401, {"error": "another token is needed"})
        elif self.path != "/v1/orders":
            self.answer(404, {"error": "there is nothing here"})
        else:
            return True
        return False

    def answer(self, status: int, value: object) -> None:
        body = b"" if value is None else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer(("localhost", int(sys.argv[1]) if len(sys.argv) > 1 else 8080), Service).serve_forever()
