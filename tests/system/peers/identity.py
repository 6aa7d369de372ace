"""HTTP on loopback: a token endpoint, and whatever else a test wants answered."""
import http.server
import json
import os
import ssl
import urllib.parse

import harness


class HttpStub:
    """A small HTTP server on a free port; `answer(method, path, form)` returns (status, object or bytes)."""

    def __init__(self, answer, certificates=None):
        class Handler(http.server.BaseHTTPRequestHandler):
            def _run(handler):
                size = int(handler.headers.get("Content-Length") or 0)
                form = dict(urllib.parse.parse_qsl(handler.rfile.read(size).decode()))
                status, body = answer(handler.command, handler.path, form)
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                handler.send_response(status)
                handler.send_header("Content-Type", "application/json")
                handler.send_header("Content-Length", str(len(data)))
                handler.end_headers()
                handler.wfile.write(data)

            do_GET = do_POST = _run

            def log_message(handler, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            request_queue_size = 200  # of the five that are usual, the sixth would wait for a second

        self.server = Server(("127.0.0.1", 0), Handler)
        if certificates:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificates.cert, certificates.key)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        harness.serve(self.server)

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Identity:
    """A token endpoint and a token introspection endpoint (RFC 7662), the least that Dovecot and a provider file need.

    A token is `user`'s, or that of the client id where it is an address with "=" for "@": so may one provider serve many."""

    def __init__(self, user, certificates):
        self.user = user
        self.live = {}  # token: its user, None for `user`
        self.issued = 0
        self.lifetime_s = 3600
        self.stub = HttpStub(self._answer)
        self.url = f"http://127.0.0.1:{self.stub.port}"
        self.tls = HttpStub(self._answer, certificates)
        self.tls_url = f"https://127.0.0.1:{self.tls.port}"

    def issue(self, user=None):
        self.issued += 1
        token = f"stub-token-{self.issued}-{os.urandom(8).hex()}"
        self.live[token] = user
        return token

    def _answer(self, method, path, form):
        if path == "/token":
            client = form.get("client_id", "")
            token = self.issue(client.replace("=", "@") if "=" in client else None)
            return 200, {"token_type": "Bearer", "expires_in": self.lifetime_s, "access_token": token}
        if path.startswith("/introspect"):
            token = form.get("token") or path.rsplit("?token=", 1)[-1]
            if token in self.live:
                user = self.live[token] or self.user
                return 200, {"active": True, "username": user, "email": user, "scope": "mail"}
            return 200, {"active": False}
        return 404, {"error": "not_found"}

    def close(self):
        self.stub.close()
        self.tls.close()
