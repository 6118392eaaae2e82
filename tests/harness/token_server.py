"""A stand-in for a token server, as OpenID providers have one: signs JWTs for who knows the client's secret.

    token_server.py FOLDER PORT SECONDS

On loopback, POST /token at PORT, and with TLS at PORT+1; the public key for brokers is at /jwks. FOLDER has the
certificate (server.crt, server.key) and keeps the key, so that one that was ended goes on. A token lasts SECONDS and
is for the audience that is asked for as the scope. Each request for a token adds a line of JSON to FOLDER/requests: its
"status", and the "token" that it got. A refusal repeats the secret, as none should.
"""

import base64
import json
import pathlib
import ssl
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "wasm-sink", "only-for-tokens"

folder, port, seconds = pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])


def kept_key():
    file = folder / "key.json"
    if not file.exists():
        key = RSAKey.generate_key(2048, {"kid": "tests", "use": "sig", "alg": "RS256"})
        file.write_text(json.dumps(key.as_dict(private=True)))
    return RSAKey.import_key(json.loads(file.read_text()))


key = kept_key()


def token(scope):
    now = int(time.time())
    claims = {"iss": "tests", "sub": "service-sink", "aud": scope, "iat": now, "exp": now + seconds}
    return jwt.encode({"alg": "RS256", "kid": "tests"}, claims, key)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        keys = {"keys": [key.as_dict(private=False)]}
        self.answer(*((200, keys) if self.path == "/jwks" else (404, {})))

    def do_POST(self):
        form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        scheme, _, credentials = self.headers.get("Authorization", "").partition(" ")
        client, _, secret = base64.b64decode(credentials).decode().partition(":")
        if self.path != "/token" or form.get("grant_type") != ["client_credentials"]:
            status, answer = 400, {"error": "invalid_request"}
        elif (scheme, client, secret) != ("Basic", CLIENT, SECRET):
            said = f"client {client} has another secret than {secret}"
            status, answer = 401, {"error": "invalid_client", "error_description": said}
        else:
            granted = token(form["scope"][0])
            status, answer = 200, {"access_token": granted, "token_type": "Bearer", "expires_in": seconds}
        with (folder / "requests").open("a") as requests:
            print(json.dumps({"status": status, "token": answer.get("access_token")}), file=requests)
        self.answer(status, answer)

    def answer(self, status, answer):
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


secured = ThreadingHTTPServer(("127.0.0.1", port + 1), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(folder / "server.crt", folder / "server.key")
secured.socket = context.wrap_socket(secured.socket, server_side=True)
threading.Thread(target=secured.serve_forever, daemon=True).start()
ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
