"""A proxy before an object store that answers wrongly when it is told to; a process of its own, started as a script.

A fault is ``{"method": …, "path": …, "what": …, "times": …}``: the next so many requests of this method whose path has
this in it go wrong in this way. ``POST /-/faults`` takes a list of them, ``GET /-/seen`` tells which requests met one.
"""

import http.client
import io
import json
import re
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

SLOW_SECONDS = 2.0
CONTROL = "/-/"
# What S3 says, by its code.
SAYS = {
    "503": (503, "SlowDown", "Please reduce your request rate."),
    "500": (500, "InternalError", "We encountered an internal error. Please try again."),
    "denied": (403, "AccessDenied", "Access Denied"),
    "unknown key": (403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."),
    "wrong secret": (403, "SignatureDoesNotMatch", "The request signature we calculated does not match."),
}


class Flaky(BaseHTTPRequestHandler):
    """Passes requests on, and answers those that meet a fault wrongly."""

    protocol_version = "HTTP/1.1"
    store: ClassVar[str] = ""
    faults: ClassVar[list[dict[str, Any]]] = []
    seen: ClassVar[list[str]] = []
    lock: ClassVar[threading.Lock] = threading.Lock()

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.startswith(CONTROL):
            self.control(body)
            return
        what = self.fault()
        if what == "reset":
            self.reset()
        elif what in SAYS:
            status, code, message = SAYS[what]
            told = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
            self.answer(status, [("Content-Type", "application/xml")], told.encode())
        else:
            if what == "slow":
                time.sleep(SLOW_SECONDS)
            answer = self.passed_on(body)
            if what == "lost":
                self.reset()
            else:
                self.answer(*answer)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any  # noqa: N815

    def control(self, body: bytes) -> None:
        with self.lock:
            if self.command == "POST":
                self.faults[:] = json.loads(body)
                self.seen.clear()
            told = json.dumps(self.seen).encode()
        self.answer(200, [("Content-Type", "application/json")], told)

    def fault(self) -> str:
        with self.lock:
            for one in self.faults:
                fits = self.command in one["method"] and re.search(one["path"], self.path)
                if fits and one["times"] > 0:
                    one["times"] -= 1
                    self.seen.append(f"{self.command} {self.path}")
                    return one["what"]
        return ""

    def passed_on(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        store = http.client.HTTPConnection(self.store, timeout=60)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
            store.request(self.command, self.path, body, headers)
            answer = store.getresponse()
            kept = [one for one in answer.getheaders() if one[0].lower() not in ("connection", "transfer-encoding")]
            return answer.status, kept, answer.read()
        finally:
            store.close()

    def answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() != "content-length" or self.command == "HEAD":
                self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def reset(self) -> None:
        """Close the connection as one that was torn down."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()
        self.wfile = io.BytesIO()  # which the base class flushes at the end


class FlakyStore:
    """The proxy's address, and how it is told what shall go wrong."""

    def __init__(self, address: str) -> None:
        self.address = address

    def fail(self, method: str, path: str, what: str, times: int = 1) -> None:
        self._control([{"method": method, "path": path, "what": what, "times": times}])

    def heal(self) -> None:
        self._control([])

    @property
    def seen(self) -> list[str]:
        """The requests that met a fault."""
        with urllib.request.urlopen(f"{self.address}{CONTROL}seen") as answer:
            return json.load(answer)

    def _control(self, faults: list[dict[str, Any]]) -> None:
        request = urllib.request.Request(f"{self.address}{CONTROL}faults", json.dumps(faults).encode())
        urllib.request.urlopen(request).close()


@contextmanager
def flaky(store: str) -> Iterator[FlakyStore]:
    """A proxy before the store at an address."""
    proxy = subprocess.Popen(
        [sys.executable, "-m", "tests.flaky_store", store], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert proxy.stdout is not None
        yield FlakyStore(f"http://127.0.0.1:{proxy.stdout.readline().strip()}")
    finally:
        proxy.kill()
        proxy.wait()


if __name__ == "__main__":
    Flaky.store = sys.argv[1].removeprefix("http://")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Flaky)
    print(server.server_address[1], flush=True)  # noqa: T201
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
