"""A registry of a few lines for the failure cases: it answers what the test laid out, and
remembers what it got.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Dict

CREATED: Dict[str, Any] = {
    "id": "abcdefghijklmnop",
    "url": "/r/abcdefghijklmnop",
    "status": "published",
    "results": [],
    "flags": [],
    "warnings": [],
    "standing": None,
    "advice": [],
}


def error(code, message, details=()):
    return {"error": {"code": code, "message": message, "details": list(details)}}


class SmallRegistry:
    """`answers` are (status, headers, body) in order; the last one is given again and again."""

    def __init__(self, *answers):
        self.answers = list(answers) or [(201, {}, CREATED)]
        self.requests = []

    def __enter__(self):
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *exc):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def _handler(self):
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                length = int(self.headers["Content-Length"])
                registry.requests.append((self.path, self._sent(), self.rfile.read(length)))
                self._answer()

            def do_GET(self):
                registry.requests.append((self.path, self._sent(), None))
                self._answer()

            def _sent(self):
                return {name.lower(): value for name, value in self.headers.items()}

            def _answer(self):
                answers = registry.answers
                status, headers, body = answers.pop(0) if len(answers) > 1 else answers[0]
                content = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in {"Content-Length": str(len(content)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args):
                pass

        return Handler
