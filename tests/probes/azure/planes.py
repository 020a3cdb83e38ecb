"""Control planes to be asked: real https servers that answer, or misbehave, as told."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl, urlsplit

import trustme

from refused.evidence.redaction import Secret
from refused.probes.azure.client import Plane
from refused.probes.azure.endpoint import Endpoint
from refused.probes.stopwatch import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TOKEN = "eyJ0eXAi.a-token-that-opens-nothing.c2lnbmF0dXJl"
SUBSCRIPTION = "11111111-2222-4333-8444-555555555555"
GROUP_ID = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/prod"
CACHE_ID = f"{GROUP_ID}/providers/Microsoft.Cache/Redis/shop"


@dataclass
class Asked:
    """One request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class Reply:
    """One answer, with what goes wrong with it.

    Attributes:
        cut_at: Hang up after so many bytes of the body.
        drip_s: Send the body byte by byte, with so much time between them.
    """

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    delay_s: float = 0.0
    cut_at: int | None = None
    drip_s: float = 0.0

    @property
    def sent(self) -> bytes:
        """The body as it goes out."""
        if self.raw is not None:
            return self.raw
        return b"" if self.body is None else json.dumps(self.body).encode()


class Papers:
    """An authority, and the certificate it gave to loopback."""

    def __init__(self, folder: Path) -> None:
        self.authority = trustme.CA()
        self.ca_file = str(folder / "plane-ca.pem")
        self.authority.cert_pem.write_to_path(self.ca_file)
        self._leaf = self.authority.issue_cert("127.0.0.1", "localhost")

    def context(self) -> ssl.SSLContext:
        """Return what a server needs."""
        made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._leaf.configure_cert(made)
        return made


class Scripted:
    """A control plane that answers as *script* says; a context manager.

    Attributes:
        asked: The requests, in order.
        connections: How many connections were accepted.
    """

    def __init__(self, papers: Papers, script: Callable[[Asked], Reply]) -> None:
        self.script, self.papers = script, papers
        self.asked: list[Asked] = []
        self.connections = 0
        self.most_at_once = 0
        self._busy = 0
        self._planes: list[Plane] = []
        self._lock = threading.Lock()
        self._server = _Server(self, papers.context())

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return f"https://127.0.0.1:{self.port}"

    def plane(self, limit_s: float = 5.0, *, on_raw: Any = None, **environ: str) -> Plane:
        """Return a client that trusts it and bears a token."""
        given = {"REQUESTS_CA_BUNDLE": self.papers.ca_file, **environ}
        made = Plane(
            Endpoint(self.url),
            lambda: Secret(TOKEN),
            deadline=Deadline(limit_s),
            environ=given,
            on_raw=on_raw,
        )
        self._planes.append(made)
        return made

    def environ(self, **more: str) -> dict[str, str]:
        """Return the variables that lead a diagnosis to it."""
        return {
            "REFUSED_ARM_ENDPOINT": self.url,
            "REFUSED_ARM_TOKEN": TOKEN,
            "REQUESTS_CA_BUNDLE": self.papers.ca_file,
            **more,
        }

    def count(self, end: str) -> int:
        """Return how often a path with this end was asked for."""
        return sum(each.path.lower().endswith(end.lower()) for each in self.asked)

    @contextlib.contextmanager
    def _counted(self) -> Any:
        with self._lock:
            self._busy += 1
            self.most_at_once = max(self.most_at_once, self._busy)
        try:
            yield
        finally:
            with self._lock:
                self._busy -= 1

    def __enter__(self) -> Self:
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for plane in self._planes:
            plane.close()
        self._server.shutdown()
        self._server.finish()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, owner: Scripted, context: ssl.SSLContext) -> None:
        self.owner, self.context = owner, context
        self._open: list[socket.socket] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        self.owner.connections += 1
        self._open.append(request)
        try:
            request.settimeout(20)
            wrapped = self.context.wrap_socket(request, server_side=True)
        except OSError:
            request.close()
            return
        self._open.append(wrapped)
        try:
            super().process_request_thread(wrapped, client_address)
        finally:
            wrapped.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet about callers that hang up."""

    def finish(self) -> None:
        self.server_close()
        for sock in self._open:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = Asked(
            self.command,
            parts.path,
            dict(parse_qsl(parts.query)),
            {name.lower(): value for name, value in self.headers.items()},
            json.loads(sent) if sent else None,
        )
        owner = self.server.owner
        with owner._counted():
            owner.asked.append(asked)
            reply = owner.script(asked)
            time.sleep(reply.delay_s)
            self._send(reply)

    do_GET = do_POST = _serve  # noqa: N815 - so the base class finds them

    def _send(self, reply: Reply) -> None:
        body = reply.sent
        self.send_response(reply.status)
        headers = {"Content-Type": "application/json; charset=utf-8", **reply.headers}
        headers.setdefault("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if reply.cut_at is not None:
            self.wfile.write(body[: reply.cut_at])
            self.close_connection = True
        elif reply.drip_s:
            for at in range(len(body)):
                self.wfile.write(body[at : at + 1])
                time.sleep(reply.drip_s)
        else:
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def error(status: int, code: str, message: str = "", **headers: str) -> Reply:
    """Return an error as ARM words it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply({"error": {"code": code, "message": message}}, status, named)


def cache(**properties: Any) -> dict[str, Any]:
    """Return the resource of an Azure Cache for Redis."""
    return {
        "id": CACHE_ID,
        "name": "shop",
        "type": "Microsoft.Cache/Redis",
        "location": "West Europe",
        "properties": {
            "provisioningState": "Succeeded",
            "redisVersion": "6.0",
            "sku": {"name": "Standard", "family": "C", "capacity": 1},
            "enableNonSslPort": False,
            "minimumTlsVersion": "1.2",
            "publicNetworkAccess": "Enabled",
            "redisConfiguration": {"maxclients": "1000"},
            "accessKeys": None,
            "hostName": "shop.redis.cache.windows.net",
            "port": 6379,
            "sslPort": 6380,
            "linkedServers": [],
            **properties,
        },
    }


def healthy(asked: Asked) -> Reply:
    """Answer as a plane with one cache that is well does."""
    path = asked.path.lower()
    if path.endswith("microsoft.resourcegraph/resources"):
        rows = [{**cache(), "subscriptionId": SUBSCRIPTION}]
        found = rows if "'shop'" in asked.body["query"] else []
        return Reply({"totalRecords": len(found), "count": len(found), "data": found})
    if path.endswith(("/redis/shop",)):
        return Reply(cache())
    if path.endswith("/listkeys"):
        return Reply({"primaryKey": "the-first-key-of-the-shop", "secondaryKey": "its-second-key"})
    if path.endswith("/metrics"):
        return Reply(_metrics(asked))
    if path.endswith("/current"):
        return Reply({"properties": {"availabilityState": "Available", "title": "Available"}})
    if path == f"/subscriptions/{SUBSCRIPTION}":
        return Reply({"subscriptionId": SUBSCRIPTION, "state": "Enabled", "displayName": "Shop"})
    return Reply({"value": []})


def _metrics(asked: Asked) -> dict[str, Any]:
    names = asked.query["metricnames"].split(",")
    return {
        "interval": "PT1M",
        "value": [
            {
                "name": {"value": name},
                "unit": "Count",
                "timeseries": [
                    {"data": [{"timeStamp": "2026-11-26T03:00:00Z", "maximum": 7.0, "total": 1.0}]}
                ],
            }
            for name in names
        ],
    }
