"""What the application would get for a name, and what each resolver says on the wire.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import threading
import time

from refused.evidence.observations import DnsAnswer, HostsEntry, NameLookup, ResolverSettings, Unseen
from refused.evidence.path import is_literal
from refused.probes.stopwatch import Stopwatch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Tuple, Union

DNS_PORT = 53
_QTYPES = {"A": 1, "AAAA": 28}
_RCODES = {2: "servfail", 3: "nxdomain", 5: "refused"}
# Files of the host are small; one that is not is not read to its end.
_MOST_BYTES = 4 * 1024 * 1024


class BadResolver(ValueError):
    """A resolver cannot be understood; the message is one line for people."""

    for_people = True


def parse_resolver(text: str) -> Tuple[str, int]:
    """Read ``IP``, ``IP:PORT``, ``[v6]`` or ``[v6]:PORT``.

    Raises:
        BadResolver: It is none of these.
    """
    host, port = text.strip(), str(DNS_PORT)
    if host.startswith("["):
        host, _, rest = host[1:].partition("]")
        port = rest[1:] if rest.startswith(":") else port
    elif host.count(":") == 1:
        host, _, port = host.partition(":")
    wrong = f"--resolver: {text[:60]!r} is no IP[:PORT]; give an address, as in 168.63.129.16 or 127.0.0.1:5353"
    try:
        socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
        number = int(port)
    except (OSError, ValueError):
        raise BadResolver(wrong) from None
    if not 0 < number < 65536:
        raise BadResolver(wrong)
    return host, number


def lookup(host: str, port: int, *, vantage: str, wait_s: float) -> NameLookup:
    """Ask the system as the application would; ``silent`` when it does not answer in time.

    ``getaddrinfo`` cannot be interrupted, so it runs beside and is left behind when it hangs.
    """
    watch = Stopwatch(vantage)
    if is_literal(host):
        return NameLookup(host=host, outcome="answered", addresses=(host,), **watch.stamp("literal address"))
    answer: List[Union[List[str], OSError, UnicodeError]] = []

    def ask_system() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answer.append([str(each[4][0]) for each in found])
        except (OSError, UnicodeError) as failure:
            answer.append(failure)

    job = threading.Thread(target=ask_system, daemon=True)
    job.start()
    job.join(wait_s)
    stamp = watch.stamp("getaddrinfo(3)")
    if not answer:
        return NameLookup(host=host, outcome="silent", error_text=f"no answer within {wait_s:.1f} s", **stamp)
    found = answer[0]
    if isinstance(found, list):
        addresses = tuple(dict.fromkeys(found))
        return NameLookup(host=host, outcome="answered", addresses=addresses, **stamp)
    number = found.errno if isinstance(found, OSError) else None
    text = (found.strerror or str(found)) if isinstance(found, OSError) else "the name cannot be written in DNS"
    return NameLookup(host=host, outcome=_lookup_outcome(number), error=number, error_text=text, **stamp)


def _lookup_outcome(number: int | None) -> str:
    if number in (socket.EAI_NONAME, 11001):
        return "not-found"
    if number in (getattr(socket, "EAI_NODATA", None), getattr(socket, "EAI_ADDRFAMILY", None), 11004):
        return "no-address"
    if number in (socket.EAI_AGAIN, 11002):
        return "try-again"
    return "failed"


def ask(resolver: Tuple[str, int], host: str, qtype: str, *, vantage: str, wait_s: float) -> DnsAnswer:
    """Put one question to one resolver, by UDP, once more after a third of the time, then by TCP if told to."""
    from refused.probes.wire.dns_message import BadName, build_query

    watch = Stopwatch(vantage)
    where = f"[{resolver[0]}]:{resolver[1]}" if ":" in resolver[0] else f"{resolver[0]}:{resolver[1]}"
    ident = struct.unpack("H", os.urandom(2))[0]

    def said(outcome: str, reply: object = None, transport: str = "udp") -> DnsAnswer:
        return DnsAnswer(
            host=host, resolver=where, transport=transport, qtype=qtype, outcome=outcome,
            chain=getattr(reply, "answers", ()), rcode=getattr(reply, "rcode", None), **watch.stamp("DNS query"),
        )  # fmt: skip

    try:
        question = build_query(host, _QTYPES[qtype], ident)
    except BadName:
        return said("other")
    until = time.monotonic() + wait_s
    outcome, reply = _ask_udp(resolver, question, ident, host, qtype, wait_s)
    if reply is not None and getattr(reply, "truncated", False):
        outcome, reply = _ask_tcp(resolver, question, ident, host, qtype, max(0.0, until - time.monotonic()))
        return said(_dns_outcome(reply, qtype) if reply is not None else outcome, reply, "tcp")
    return said(_dns_outcome(reply, qtype) if reply is not None else outcome, reply)


def _dns_outcome(reply: object, qtype: str) -> str:
    rcode = getattr(reply, "rcode", None)
    if rcode != 0:
        return _RCODES.get(int(rcode or 0), "other")
    found = any(record.type == qtype for record in getattr(reply, "answers", ()))
    return "answered" if found else "no-address"


def _ask_udp(
    resolver: Tuple[str, int], question: bytes, ident: int, host: str, qtype: str, wait_s: float
) -> Tuple[str, object]:
    from refused.probes.wire.dns_message import GarbledMessage, parse_response

    family = socket.AF_INET6 if ":" in resolver[0] else socket.AF_INET
    garbled = False
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            # Connected, so that the kernel takes answers from the asked address alone, and tells
            # us when its port is closed.
            sock.connect(resolver)
            until = time.monotonic() + wait_s
            for share in (wait_s / 3, wait_s):
                sock.send(question)
                pause = min(until, time.monotonic() + share)
                while time.monotonic() < pause:
                    if not select.select([sock], [], [], max(0.0, pause - time.monotonic()))[0]:
                        break
                    try:
                        return "answered", parse_response(sock.recv(65535), ident, host, _QTYPES[qtype])
                    except GarbledMessage:
                        # Not the answer to our question, or damaged: the right one may yet come.
                        garbled = True
    except OSError:
        return "unreachable", None
    return ("garbled" if garbled else "silent"), None


def _ask_tcp(
    resolver: Tuple[str, int], question: bytes, ident: int, host: str, qtype: str, wait_s: float
) -> Tuple[str, object]:
    from refused.probes.wire.dns_message import GarbledMessage, parse_response

    try:
        with socket.create_connection(resolver, timeout=max(0.05, wait_s)) as sock:
            sock.sendall(struct.pack("!H", len(question)) + question)
            head = _exactly(sock, 2)
            return "answered", parse_response(
                _exactly(sock, struct.unpack("!H", head)[0]), ident, host, _QTYPES[qtype]
            )
    except GarbledMessage:
        return "garbled", None
    except socket.timeout:
        return "silent", None
    except OSError:
        return "unreachable", None


def _exactly(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = sock.recv(size - len(data))
        if not more:
            raise ConnectionResetError
        data += more
    return data


def read_text(path: str) -> str:
    """Return a file's text, whatever bytes it has.

    Raises:
        OSError: It cannot be read.
    """
    with open(path, "rb") as file:
        return file.read(_MOST_BYTES).decode("utf-8", "replace")


def resolver_settings(*, vantage: str, root: str = "/") -> Union[ResolverSettings, Unseen]:
    """Read which resolvers the host is told to ask."""
    watch = Stopwatch(vantage)
    path = os.path.join(root, "etc/resolv.conf")
    try:
        text = read_text(path)
    except OSError as gone:
        why = f"{path}: {gone.strerror}"
        return Unseen(vantage=vantage, what="ResolverSettings", why=why, how_to_see="name a resolver with --resolver")
    servers: List[str] = []
    search: Tuple[str, ...] = ()
    options: List[str] = []
    ndots = 1
    for line in text.splitlines():
        words = line.split("#")[0].split(";")[0].split()
        if len(words) < 2:
            continue
        if words[0] == "nameserver" and _is_address(words[1]):
            servers.append(words[1])
        elif words[0] in ("search", "domain"):
            search = tuple(words[1:])
        elif words[0] == "options":
            options += words[1:]
            for option in words[1:]:
                if option.startswith("ndots:") and option[6:].isdigit():
                    # The C library caps it at 15; see resolv.conf(5).
                    ndots = min(15, int(option[6:][:4]))
    return ResolverSettings(
        nameservers=tuple(servers), search=search, ndots=ndots, options=tuple(options), **watch.stamp(path)
    )


def _is_address(text: str) -> bool:
    bare = text.split("%")[0]
    try:
        socket.inet_pton(socket.AF_INET6 if ":" in bare else socket.AF_INET, bare)
    except (OSError, ValueError):
        return False
    return True


def hosts_entry(host: str, *, vantage: str, root: str = "/") -> Union[HostsEntry, Unseen]:
    """Read which addresses the hosts file gives *host*; none is an answer, too."""
    watch = Stopwatch(vantage)
    path = os.path.join(root, "etc/hosts")
    if os.name == "nt" and root == "/":
        path = os.path.join(os.environ.get("SystemRoot", "C:\\Windows"), "System32\\drivers\\etc\\hosts")
    try:
        text = read_text(path)
    except OSError as gone:
        why = f"{path}: {gone.strerror}"
        return Unseen(vantage=vantage, what="HostsEntry", why=why, how_to_see="")
    addresses: List[str] = []
    lines: List[int] = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split("#")[0].split()
        if len(words) > 1 and host.lower().rstrip(".") in (word.lower().rstrip(".") for word in words[1:]):
            if _is_address(words[0]):
                addresses.append(words[0])
                lines.append(number)
    return HostsEntry(host=host, addresses=tuple(dict.fromkeys(addresses)), lines=tuple(lines), **watch.stamp(path))
