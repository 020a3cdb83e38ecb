"""As much of a container engine as the real ``docker exec -i`` needs; commands run where *prefix* says.

Source: https://docs.docker.com/reference/api/engine, "Attach to a container" (stream format).
"""

from __future__ import annotations

import contextlib
import json
import struct
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Engine:
    """One container, ``till``.

    Attributes:
        lacking: Programs that the image does not have.
        execs: What was asked to be run.
    """

    def __init__(self, prefix: Sequence[str], lacking: Sequence[str] = ()) -> None:
        self.prefix = list(prefix)
        self.lacking = set(lacking)
        self.execs: list[dict[str, Any]] = []
        self.codes: dict[str, int] = {}
        made = self

        class Handler(_Handler):
            engine = made

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True

    @property
    def host(self) -> str:
        """What to put into ``DOCKER_HOST``."""
        return f"tcp://127.0.0.1:{self.server.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    engine: Engine
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Stay silent."""

    def do_HEAD(self) -> None:
        """Say which version of the API this is."""
        self.send_response(200)
        self.send_header("Api-Version", "1.45")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        """Tell of the container, or how a command ended."""
        parts = self.path.split("/")
        if self.path.endswith("/_ping"):
            self.do_HEAD()
        elif "exec" in parts:
            name = parts[parts.index("exec") + 1]
            code = self.engine.codes.get(name)
            self._say({"ID": name, "Running": code is None, "ExitCode": code, "Pid": 1})
        elif "till" in parts:
            self._say({"Id": "till", "Name": "/till", "State": {"Running": True}, "Config": {}})
        else:
            self._say({"message": f"No such container: {parts[-2]}"}, 404)

    def do_POST(self) -> None:
        """Note a command, or run it."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = self.path.split("/")
        if parts[-1] == "start":
            self._start(parts[-2])
        elif "till" not in parts:
            self._say({"message": f"No such container: {parts[-2]}"}, 404)
        else:
            self.engine.execs.append(json.loads(body))
            self._say({"Id": f"e{len(self.engine.execs)}"}, 201)

    def _say(self, data: dict[str, Any], code: int = 200) -> None:
        text = json.dumps(data).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _start(self, name: str) -> None:
        self.close_connection = True
        self.send_response(101, "UPGRADED")
        self.send_header("Content-Type", "application/vnd.docker.multiplexed-stream")
        self.send_header("Connection", "Upgrade")
        self.send_header("Upgrade", "tcp")
        self.end_headers()
        lock = threading.Lock()
        words = self.engine.execs[int(name[1:]) - 1]["Cmd"]
        if words[0] in self.engine.lacking:
            said = f'OCI runtime exec failed: exec failed: exec: "{words[0]}": executable file not found in $PATH'
            self.engine.codes[name] = 127
            self._send(lock, 1, said.encode() + b": unknown\r\n")
            return
        with subprocess.Popen(
            [*self.engine.prefix, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        ) as program:
            pumps = [
                threading.Thread(target=self._pump, args=(lock, stream, pipe))
                for stream, pipe in ((1, program.stdout), (2, program.stderr))
            ]
            feeding = threading.Thread(target=self._feed, args=(program.stdin,), daemon=True)
            for each in (*pumps, feeding):
                each.start()
            for each in pumps:
                each.join()
            self.engine.codes[name] = program.wait()

    def _pump(self, lock: threading.Lock, stream: int, pipe: Any) -> None:
        while data := pipe.read(16384):
            self._send(lock, stream, data)

    def _feed(self, pipe: Any) -> None:
        with contextlib.suppress(OSError, ValueError):
            while data := self.connection.recv(16384):
                pipe.write(data)
            pipe.close()

    def _send(self, lock: threading.Lock, stream: int, data: bytes) -> None:
        with lock, contextlib.suppress(OSError):
            self.wfile.write(struct.pack("!BxxxL", stream, len(data)) + data)
            self.wfile.flush()


@contextlib.contextmanager
def engine(prefix: Sequence[str] = (), lacking: Sequence[str] = ()) -> Iterator[Engine]:
    """Give an engine that is gone with the block."""
    made = Engine(prefix, lacking)
    serving = threading.Thread(target=made.server.serve_forever, daemon=True)
    serving.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        made.server.server_close()
