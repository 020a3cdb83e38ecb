"""As much of a Kubernetes API server as the real ``kubectl`` needs to exec, attach and debug.

Commands run in a network namespace or on this host. What the server answers is made after the API's
published schema; the stream is WebSocket (RFC 6455) with the protocol ``v5.channel.k8s.io``.
Source: https://kubernetes.io/docs/reference/using-api/api-concepts, KEP-4006.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import struct
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_STDIN, _STDOUT, _STDERR, _ERROR, _CLOSE = 0, 1, 2, 3, 255


class Cluster:
    """One pod ``cart-7`` with a container ``app``, of the deployment ``cart`` in ``shop``.

    Attributes:
        lacking: Programs that the image does not have.
        asked: Method and path of every request.
        debugged: The ephemeral containers that were asked for.
    """

    def __init__(self, prefix: Sequence[str] = (), lacking: Sequence[str] = ()) -> None:
        self.prefix = list(prefix)
        self.lacking = set(lacking)
        self.asked: list[str] = []
        self.debugged: list[dict[str, Any]] = []
        made = self

        class Handler(_Handler):
            cluster = made

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def kubeconfig(self, path: Path) -> Path:
        """Write a configuration that leads here."""
        context = {"cluster": "made", "user": "nobody"}
        path.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "made",
                    "clusters": [{"name": "made", "cluster": {"server": self.url}}],
                    "users": [{"name": "nobody", "user": {"token": "none"}}],
                    "contexts": [{"name": "made", "context": context}],
                }
            )
        )
        return path

    def pod(self) -> dict[str, Any]:
        """Return the pod as it is now."""
        running = {"state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}, "ready": True}
        common = {"restartCount": 0, "image": "x", "imageID": "x"}
        return {
            "kind": "Pod",
            "apiVersion": "v1",
            "metadata": {
                "name": "cart-7",
                "namespace": "shop",
                "uid": "1",
                "resourceVersion": str(1 + len(self.debugged)),
                "labels": {"app": "cart"},
            },
            "spec": {
                "containers": [{"name": "app", "image": "x"}],
                "ephemeralContainers": self.debugged,
            },
            "status": {
                "phase": "Running",
                "conditions": [{"type": "Ready", "status": "True"}],
                "containerStatuses": [{"name": "app", **running, **common}],
                "ephemeralContainerStatuses": [
                    {"name": each["name"], **running, **common} for each in self.debugged
                ],
            },
        }


class _Handler(BaseHTTPRequestHandler):
    cluster: Cluster
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Stay silent."""

    def do_PATCH(self) -> None:
        """Add an ephemeral container."""
        self._note()
        change = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.cluster.debugged += change["spec"]["ephemeralContainers"]
        self._say(self.cluster.pod())

    def do_GET(self) -> None:
        """Answer a read, a watch or a stream."""
        self._note()
        url = urlsplit(self.path)
        asked = parse_qs(url.query)
        if url.path.endswith(("/exec", "/attach")):
            self._stream(asked, is_attach=url.path.endswith("/attach"))
        elif asked.get("watch"):
            self._watch()
        elif url.path in _DISCOVERY:
            self._say(_DISCOVERY[url.path])
        elif url.path == "/api/v1/namespaces/shop/pods/cart-7":
            self._say(self.cluster.pod())
        elif url.path == "/api/v1/namespaces/shop/pods":
            kind = {"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}}
            self._say({**kind, "items": [self.cluster.pod()]})
        elif url.path == "/apis/apps/v1/namespaces/shop/deployments/cart":
            self._say(_DEPLOYMENT)
        else:
            said = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404}
            self._say({**said, "message": "pods not found", "reason": "NotFound"}, 404)

    do_POST = do_GET  # noqa: N815 - http.server's name

    def _note(self) -> None:
        self.cluster.asked.append(f"{self.command} {self.path}")

    def _say(self, data: dict[str, Any], code: int = 200) -> None:
        text = json.dumps(data).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _watch(self) -> None:
        """Say once that the pod has changed, and keep quiet."""
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Connection", "close")
        self.end_headers()
        event = {"type": "MODIFIED", "object": self.cluster.pod()}
        self.wfile.write(json.dumps(event).encode() + b"\n")
        time.sleep(0.5)

    # --- the stream ----------------------------------------------------------------------------

    def _stream(self, asked: dict[str, list[str]], *, is_attach: bool) -> None:
        self.close_connection = True
        if "v5.channel.k8s.io" not in self.headers.get("Sec-WebSocket-Protocol", ""):
            self._say({"kind": "Status", "message": "upgrade required"}, 400)
            return
        key = self.headers["Sec-WebSocket-Key"] + _GUID
        accepted = base64.b64encode(hashlib.sha1(key.encode(), usedforsecurity=False).digest())
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", accepted.decode())
        self.send_header("Sec-WebSocket-Protocol", "v5.channel.k8s.io")
        self.end_headers()
        words = asked.get("command", [])
        if is_attach:
            words = self.cluster.debugged[-1]["command"]
        lock = threading.Lock()
        if not is_attach and words[0] in self.cluster.lacking:
            said = f'exec: "{words[0]}": executable file not found in $PATH: unknown'
            self._end(lock, 127, said)
            return
        with subprocess.Popen(
            [*self.cluster.prefix, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        ) as program:
            pumps = [
                threading.Thread(target=self._pump, args=(lock, channel, pipe))
                for channel, pipe in ((_STDOUT, program.stdout), (_STDERR, program.stderr))
            ]
            feeding = threading.Thread(target=self._feed, args=(program.stdin,), daemon=True)
            for each in (*pumps, feeding):
                each.start()
            for each in pumps:
                each.join()
            self._end(lock, program.wait(), "")

    def _pump(self, lock: threading.Lock, channel: int, pipe: Any) -> None:
        while data := pipe.read(16384):
            self._send(lock, channel, data)

    def _feed(self, pipe: Any) -> None:
        with contextlib.suppress(OSError, ValueError):
            for message in self._messages():
                if message[:1] == bytes((_CLOSE,)):
                    pipe.close()
                elif message[:1] == bytes((_STDIN,)):
                    pipe.write(message[1:])

    def _end(self, lock: threading.Lock, code: int, said: str) -> None:
        status: dict[str, Any] = {"metadata": {}, "status": "Success"}
        if code:
            causes = [{"reason": "ExitCode", "message": str(code)}]
            status = {"metadata": {}, "status": "Failure", "reason": "NonZeroExitCode"}
            status |= {"details": {"causes": causes}, "message": said or f"exit code {code}"}
        if said:  # as a runtime's failure comes: no exit code of the command
            status = {"metadata": {}, "status": "Failure", "reason": "InternalError", "code": 500}
            status["message"] = f"error executing command in container: {said}"
        self._send(lock, _ERROR, json.dumps(status).encode())
        with lock, contextlib.suppress(OSError):
            self.wfile.write(b"\x88\x02" + struct.pack("!H", 1000))
            self.wfile.flush()

    def _send(self, lock: threading.Lock, channel: int, data: bytes) -> None:
        body = bytes((channel,)) + data
        size = len(body)
        head = b"\x82" + (bytes((size,)) if size < 126 else b"\x7e" + struct.pack("!H", size))
        with lock, contextlib.suppress(OSError):
            self.wfile.write(head + body)
            self.wfile.flush()

    def _messages(self) -> Iterator[bytes]:
        """Give the messages that come, fragments put together."""
        whole = b""
        while True:
            head = self.rfile.read(2)
            if len(head) < 2 or head[0] & 0x0F == 8:
                return
            size = head[1] & 0x7F
            if size == 126:
                (size,) = struct.unpack("!H", self.rfile.read(2))
            elif size == 127:
                (size,) = struct.unpack("!Q", self.rfile.read(8))
            mask = self.rfile.read(4)
            data = self.rfile.read(size)
            if head[0] & 0x0F in (9, 10):
                continue
            stream = int.from_bytes(mask * (size // 4 + 1), "big") >> (8 * (4 - size % 4))
            plain = (int.from_bytes(data, "big") ^ stream).to_bytes(size, "big") if size else b""
            whole += plain
            if head[0] & 0x80:
                yield whole
                whole = b""


def _resources(version: str, *kinds: tuple[str, str, list[str]]) -> dict[str, Any]:
    return {
        "kind": "APIResourceList",
        "groupVersion": version,
        "resources": [
            {"name": name, "singularName": "", "namespaced": True, "kind": kind, "verbs": verbs}
            for name, kind, verbs in kinds
        ],
    }


_VERBS = ["get", "list", "watch", "patch", "create"]
_APPS = {"groupVersion": "apps/v1", "version": "v1"}
_DISCOVERY: dict[str, dict[str, Any]] = {
    "/version": {"major": "1", "minor": "32", "gitVersion": "v1.32.0"},
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {
        "kind": "APIGroupList",
        "groups": [{"name": "apps", "versions": [_APPS], "preferredVersion": _APPS}],
    },
    "/api/v1": _resources(
        "v1",
        ("pods", "Pod", _VERBS),
        ("pods/exec", "PodExecOptions", ["create", "get"]),
        ("pods/attach", "PodAttachOptions", ["create", "get"]),
        ("pods/ephemeralcontainers", "Pod", ["get", "patch", "update"]),
    ),
    "/apis/apps/v1": _resources("apps/v1", ("deployments", "Deployment", _VERBS)),
}
_DEPLOYMENT = {
    "kind": "Deployment",
    "apiVersion": "apps/v1",
    "metadata": {"name": "cart", "namespace": "shop", "uid": "2", "resourceVersion": "1"},
    "spec": {
        "selector": {"matchLabels": {"app": "cart"}},
        "template": {"metadata": {"labels": {"app": "cart"}}, "spec": {"containers": []}},
    },
}


@contextlib.contextmanager
def cluster(prefix: Sequence[str] = (), lacking: Sequence[str] = ()) -> Iterator[Cluster]:
    """Give a cluster that is gone with the block."""
    made = Cluster(prefix, lacking)
    serving = threading.Thread(target=made.server.serve_forever, daemon=True)
    serving.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        made.server.server_close()
