"""A world that is up, with its control plane, and a client that has a token for it."""

from __future__ import annotations

import contextlib
import copy
import ssl
import warnings
from typing import TYPE_CHECKING, Any, Self

from tests.lab.arm.plane import Plane, Said, Witness
from tests.lab.dialling import Declined, dial

if TYPE_CHECKING:
    import socket

    from refused.lab.azure import Cache
    from refused.lab.world import World

REDIS, ENTERPRISE = "2024-11-01", "2025-07-01"
SOON_S = 1.0  # silence lasts for ever; a busy machine takes its time


class Twin(Plane):
    """The control plane of *world*, which is brought up with it; a context manager."""

    def __init__(self, world: World, witness: Witness | None = None) -> None:
        self.world = world
        self.witness = None if witness is None else _AsRecorded(witness)  # type: ignore[assignment]
        self._line = None

    def __enter__(self) -> Self:
        self.world.start()
        self.state, self.server = self.world.arm, self.world.arm_server
        self.ca_file = self.world.arm_ca_file
        self._context = ssl.create_default_context(cafile=self.ca_file)
        return self

    def __exit__(self, *_: object) -> None:
        if self._line is not None:
            self._line.close()
        self.world.stop()
        for name in ("failures", "unread"):
            assert name not in self.state.extra, self.state.extra[name]

    def redis(self, method: str, path: str = "", body: object = None, **query: str) -> Said:
        """Send a request about the Azure Cache for Redis ``contoso``."""
        stem = "/subscriptions/{0}/resourceGroups/prod/providers/Microsoft.Cache/redis/contoso"
        query.setdefault("version", REDIS)
        return self.ask(method, stem.format(self.state.subscription) + path, body, **query)

    def managed(self, method: str, path: str = "", body: object = None, **query: str) -> Said:
        """Send a request about the Azure Managed Redis ``fabrikam``."""
        stem = "/subscriptions/{0}/resourceGroups/prod/providers/Microsoft.Cache/redisEnterprise"
        query.setdefault("version", ENTERPRISE)
        where = f"{stem.format(self.state.subscription)}/fabrikam{path}"
        return self.ask(method, where, body, **query)


class _AsRecorded:
    """The witness, told what the real service answers against its own description.

    Sources: the README of the recordings, "Where the recorded service and the swagger differ".
    """

    def __init__(self, witness: Witness) -> None:
        self.witness = witness

    def check(self, method: str, target: str, said: Said) -> None:
        """Hold an answer against its description, the recorded differences left out."""
        self.witness.check(method, target, said._replace(body=_without(copy.deepcopy(said.body))))


def _without(body: Any) -> Any:
    if isinstance(body, list):
        return [_without(each) for each in body]
    if not isinstance(body, dict):
        return body
    return {
        name: _without(value)
        for name, value in body.items()
        if not (value is None and name in ("accessKeys", "startTime", "endTime", "tags"))
    }


def says(
    cache: Cache,
    world: World,
    *words: str,
    key: str | None = "",
    host: str | None = None,
    port: int | None = None,
    vantage: str = "here",
    version: ssl.TLSVersion | None = None,
) -> str:
    """Log in at a cache as a client would, and return what it says, or how the dial ended.

    Args:
        key: Another key than the cache's; ``None`` logs in with none.
    """
    place = int(world.vantages[vantage].rpartition(":")[2])
    lines = list(words or ("PING",))
    if key is not None:
        lines.insert(0, f"AUTH {key or cache.key}")
    try:
        sock: socket.socket = dial(place, host or cache.host, port or cache.port, SOON_S)
    except TimeoutError:
        return "silent"
    except Declined as declined:
        return f"declined {declined.code}"
    with contextlib.ExitStack() as stack:
        stack.enter_context(sock)
        sock.settimeout(5)
        try:
            if port != 6379:
                context = ssl.create_default_context(cafile=world.ca_file)
                if version is not None:
                    context.set_ciphers("DEFAULT:@SECLEVEL=0")
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore", DeprecationWarning)
                        context.minimum_version = context.maximum_version = version
                sock = context.wrap_socket(sock, server_hostname=cache.host)
                stack.enter_context(sock)
            sock.sendall("".join(f"{line}\r\n" for line in (*lines, "QUIT")).encode())
            said = b""
            while more := sock.recv(1 << 16):
                said += more
        except ConnectionResetError:
            return "reset"
        except ssl.SSLError as failure:
            return failure.reason or "tls"
    return said.decode("latin-1")
