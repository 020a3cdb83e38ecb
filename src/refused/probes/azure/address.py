"""The address from which the service sees this client: told by the user, an echo service, or a hint.

Only what the far side of every NAT says is worth anything to a firewall rule; what this machine's own
metadata says is a hint, and is marked as one. An echo service is a stranger: none is asked unless the
user names one.
"""

from __future__ import annotations

from refused.evidence.control_plane import ClientAddress
from refused.evidence.observations import Unseen
from refused.evidence.redaction import redact
from refused.probes.azure.endpoint import BadEndpoint
from refused.probes.azure.trust import trust
from refused.probes.azure.ways import items, text
from refused.probes.stopwatch import Stopwatch
from refused.service.addresses import parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

# Source: https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service
_METADATA = "http://169.254.169.254"
_METADATA_PATH = "/metadata/instance?api-version=2021-02-01"
_MOST_BYTES = 64 * 1024
_ECHO_HOW = "give the address with --client-ip"


class BadAddress(ValueError):
    """What was given is no address; one line says what would be."""

    for_people = True


def given(word: str, name: str = "--client-ip") -> ClientAddress:
    """Return the address that the user gave.

    Raises:
        BadAddress: It is none.
    """
    if parse(word.strip()) is None:
        raise BadAddress(f"{name}: {word[:40]!r} is no IP address; give one, as in 203.0.113.7")
    return ClientAddress(**Stopwatch("user").stamp(name), address=word.strip(), how="given")


def echoed(
    url: str, *, vantage: str, wait_s: float, environ: Mapping[str, str]
) -> ClientAddress | Unseen:
    """Ask an echo service, past any proxy: a Redis connection takes none.

    Raises:
        BadAddress: The service is not asked by https.
    """
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise BadAddress("the echo service is asked by https alone; give https://host/path")
    watch = Stopwatch(vantage)
    try:
        status, said = _fetch(url, {}, wait_s, environ)
    except (OSError, ValueError) as failed:
        why = f"the echo service {parts.hostname} did not answer: {failed}"
        return Unseen(
            vantage=vantage, what="ClientAddress", why=redact(why)[:200], how_to_see=_ECHO_HOW
        )
    address = _address_in(said)
    if status != 200 or address is None:
        why = f"the echo service {parts.hostname} answered without an address ({status})"
        return Unseen(vantage=vantage, what="ClientAddress", why=why, how_to_see=_ECHO_HOW)
    return ClientAddress(
        **watch.stamp(f"echo service {parts.hostname}"), address=address, how="echo"
    )


def _address_in(said: bytes) -> str | None:
    """Return the address in an answer: bare, or in the JSON of the usual services."""
    word = said.decode("utf-8", "replace").strip()
    if parse(word) is not None:
        return word
    from json import loads

    try:
        data = loads(word)
    except (ValueError, RecursionError):
        return None
    for name in ("ip", "ipAddress", "origin", "query", "address"):
        found = (text(data, name) or "").split(",")[0].strip()
        if found and parse(found) is not None:
            return found
    return None


class Machine:
    """What the metadata of a virtual machine on Azure says of it.

    Attributes:
        resource_id: The machine's own id; ``""`` where it does not say.
        public: Its public address, where the interface has one of its own.
        private: Its addresses inside its network.
    """

    __slots__ = ("resource_id", "public", "private", "facts")

    def __init__(self, body: Any, stamp: Mapping[str, Any]) -> None:
        self.resource_id = text(body, "compute", "resourceId") or ""
        pairs = [
            (text(each, "privateIpAddress"), text(each, "publicIpAddress"))
            for interface in items(body, "network", "interface")
            for each in items(interface, "ipv4", "ipAddress")
        ]
        self.private = tuple(one for one, _ in pairs if one)
        self.public = tuple(one for _, one in pairs if one and parse(one) is not None)
        self.facts = tuple(
            ClientAddress(**stamp, address=each, how="metadata") for each in self.public[:1]
        )


def machine(*, vantage: str, wait_s: float, environ: Mapping[str, str]) -> Machine | None:
    """Ask the metadata service of a virtual machine; ``None`` where it does not answer."""
    from json import loads

    # azure-identity and its tests find another address in this variable.
    base = environ.get("AZURE_POD_IDENTITY_AUTHORITY_HOST", _METADATA).rstrip("/")
    watch = Stopwatch(vantage)
    try:
        status, said = _fetch(base + _METADATA_PATH, {"Metadata": "true"}, wait_s, environ)
        body = loads(said)
    except (OSError, ValueError, RecursionError):
        return None
    if status != 200:
        return None
    return Machine(body, watch.stamp("instance metadata"))


def _fetch(
    url: str, headers: Mapping[str, str], wait_s: float, environ: Mapping[str, str]
) -> tuple[int, bytes]:
    """Get a small page.

    Raises:
        OSError: It cannot be had.
        ValueError: What came is not HTTP, or the CA file cannot be used.
    """
    from http.client import HTTPConnection, HTTPException, HTTPSConnection
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    host = parts.hostname or ""
    link: HTTPConnection
    if parts.scheme == "https":
        link = HTTPSConnection(host, parts.port, timeout=wait_s, context=trust(environ))
    else:
        link = HTTPConnection(host, parts.port, timeout=wait_s)
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        link.request("GET", path, headers={"Accept": "application/json, text/plain", **headers})
        answer = link.getresponse()
        return answer.status, answer.read(_MOST_BYTES)
    except HTTPException as broken:
        raise ValueError(f"no whole HTTP answer came ({type(broken).__name__})") from None
    finally:
        link.close()


__all__ = ["BadAddress", "BadEndpoint", "Machine", "echoed", "given", "machine"]
