"""What the application would get for a name, and what each resolver says on the wire.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

import os
import socket
import struct
import sys

from refused.evidence.observations import (
    DnsAnswer,
    HostsEntry,
    NameLookup,
    ResolverSettings,
    Unseen,
)
from refused.probes.stopwatch import Deadline, Stopwatch
from refused.probes.tcp import (
    SHORTAGES,
    dial,
    family_of,
    is_address,
    keep_icmp,
    meaning_of,
    sockaddr,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List, Sequence, Tuple, Union

    from refused.evidence.observations import DnsOutcome, DnsRecord, LookupOutcome
    from refused.probes.wire.dns_message import DnsReply

DNS_PORT = 53
_QTYPES = {"A": 1, "AAAA": 28}
_RCODES: Dict[int, DnsOutcome] = {2: "servfail", 3: "nxdomain", 5: "refused"}
# Files of the host are small; one that is not is not read to its end.
_MOST_BYTES = 16 * 1024 * 1024


class BadResolver(ValueError):
    """A resolver cannot be understood; the message is one line for people."""

    for_people = True


def parse_resolver(text: str) -> Tuple[str, int]:
    """Read ``IP``, ``IP:PORT``, a bare IPv6 address, ``[v6]`` or ``[v6]:PORT``.

    Raises:
        BadResolver: It is none of these.
    """
    host, port = text.strip(), str(DNS_PORT)
    bracketed = host.startswith("[")
    if bracketed:
        host, closed, rest = host[1:].partition("]")
        if rest or not closed:
            port = rest[1:] if rest.startswith(":") else "none"
    elif host.count(":") == 1:
        host, _, port = host.partition(":")
    number = int(port) if port.isascii() and port.isdigit() and len(port) <= 5 else 0
    if not is_address(host) or (bracketed and ":" not in host) or not 0 < number < 65536:
        raise BadResolver(
            f"--resolver: {text[:60]!r} is no IP[:PORT]; give an address, as in 168.63.129.16, "
            "127.0.0.1:5353 or [fd00::53]:53"
        )
    return host, number


# --- as the application looks names up -----------------------------------------------------------


def lookup(host: str, port: int, *, vantage: str, wait_s: float) -> NameLookup:
    """Ask the system as the application would; ``silent`` when it does not answer in time.

    ``getaddrinfo`` cannot be interrupted, so it runs beside and is left behind when it hangs. An
    address is returned as it is, and nobody is asked.
    """
    import threading

    watch = Stopwatch(vantage)

    def seen(
        outcome: LookupOutcome, source: str, error: int | None = None, text: str = ""
    ) -> NameLookup:
        return NameLookup(
            host=host, outcome=outcome, error=error, error_text=text, **watch.stamp(source)
        )

    if is_address(host):
        return seen("answered", "an address, which needs no lookup").replace(addresses=(host,))
    name = _as_bytes(host)
    if name is None:
        return seen("failed", "nobody was asked", text="the name cannot be written in DNS")
    answer: List[Union[Tuple[str, ...], OSError]] = []

    def ask_system() -> None:
        try:
            found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
            answer.append(tuple(dict.fromkeys(_with_scope(each[4]) for each in found)))
        except OSError as failure:
            answer.append(failure)

    job = threading.Thread(target=ask_system, daemon=True)
    try:
        job.start()
    except RuntimeError as full:
        return seen("failed", "nobody was asked", text=str(full))
    job.join(wait_s)
    if not answer:
        return seen("silent", "getaddrinfo(3)", text=f"no answer within {wait_s:.1f} s")
    found = answer[0]
    if isinstance(found, OSError):
        text = found.strerror or str(found)
        return seen(_lookup_outcome(found.errno), "getaddrinfo(3)", found.errno, text)
    return seen("answered", "getaddrinfo(3)").replace(addresses=found)


def _as_bytes(host: str) -> bytes | None:
    """Return the name as the system takes it; ``None`` where there is no such form."""
    if host.isascii():
        # As bytes, because Python sends text through a codec that takes milliseconds to load.
        return None if "\0" in host else host.encode("ascii")
    from refused.probes.wire.dns_message import BadName, ascii_name

    try:
        return ascii_name(host)
    except BadName:
        return None


def _with_scope(where: Sequence[Any]) -> str:
    """Return the address of a ``sockaddr``, with its link where it has one."""
    address, scope = str(where[0]), int(where[3]) if len(where) > 3 else 0
    if not scope or "%" in address:
        return address
    try:
        return f"{address}%{socket.if_indextoname(scope)}"
    except OSError:
        return f"{address}%{scope}"


def _lookup_outcome(number: int | None) -> LookupOutcome:
    # Names, because the numbers differ between systems; Windows has its own for three of them.
    if number in (socket.EAI_NONAME, 11001):
        return "not-found"
    if number in (_eai("EAI_NODATA"), _eai("EAI_ADDRFAMILY"), 11004):
        return "no-address"
    if number in (socket.EAI_AGAIN, 11002):
        return "try-again"
    return "failed"


def _eai(name: str) -> int:
    """Return a number that not every system has; 0 is no error anywhere."""
    return int(getattr(socket, name, 0)) or -1_000_000


# --- as a resolver answers on the wire -----------------------------------------------------------


def ask(
    resolver: Tuple[str, int], host: str, qtype: str, *, vantage: str, wait_s: float
) -> DnsAnswer:
    """Put one question to one resolver, and follow nothing.

    By UDP, once more after a third of the time, and by TCP where the answer was cut off. What is
    no answer to our question is passed over, for the right one may yet come.

    Args:
        qtype: ``A`` or ``AAAA``.
        wait_s: How long to wait, in all.
    """
    from refused.probes.wire.dns_message import BadName

    watch = Stopwatch(vantage)
    address, port = resolver
    end = _Heard("other", "nobody was asked")
    try:
        question = _Question(resolver, host, qtype)
    except BadName as wrong:
        end.how = f"nobody was asked: {wrong}"
    else:
        deadline = Deadline(wait_s)
        end = question.by_udp(deadline)
        if end.reply is not None and end.reply.truncated:
            end = question.by_tcp(deadline, vantage)
    outcome = end.outcome
    chain: Tuple[DnsRecord, ...] = ()
    if end.reply is not None:
        chain = _chain(end.reply.answers, host, qtype)
        outcome = _dns_outcome(end.reply.rcode, chain, qtype)
    return DnsAnswer(
        host=host,
        resolver=f"[{address}]:{port}" if ":" in address else f"{address}:{port}",
        transport=end.transport,
        qtype=qtype,
        outcome=outcome,
        chain=chain,
        rcode=end.reply.rcode if end.reply is not None else None,
        **watch.stamp(end.how),
    )


class _Heard:
    """What came back: a reply, or the word for there being none."""

    __slots__ = ("outcome", "how", "transport", "reply")

    def __init__(
        self, outcome: DnsOutcome, how: str, reply: DnsReply | None = None, transport: str = "udp"
    ) -> None:
        self.outcome = outcome
        self.how = how
        self.transport = transport
        self.reply = reply


class _Question:
    """One question to one resolver.

    Raises:
        BadName: The name cannot be asked for.
    """

    def __init__(self, resolver: Tuple[str, int], host: str, qtype: str) -> None:
        from refused.probes.wire.dns_message import build_query

        self.resolver = resolver
        self.host = host
        self.qtype = _QTYPES[qtype]
        # Nobody off the path can guess the number, nor the port, which the kernel draws.
        self.ident = int.from_bytes(os.urandom(2), "big")
        self.message = build_query(host, self.qtype, self.ident)

    def by_udp(self, deadline: Deadline) -> _Heard:
        """Ask, and ask again once a third of the time is over."""
        how = "DNS query"
        heard_noise = False
        second = Deadline(deadline.limit_s / 3)
        try:
            with socket.socket(family_of(self.resolver[0]), socket.SOCK_DGRAM) as sock:
                # Connected, so that the kernel takes answers from the asked address alone, and
                # tells us when its port is closed or the way there is.
                keep_icmp(sock, wanted=True)
                sock.connect(sockaddr(*self.resolver))
                for until in (second, deadline):
                    sock.send(self.message)
                    for data in _datagrams(sock, until):
                        reply = self.read(data)
                        if reply is not None:
                            return _Heard("answered", how, reply)
                        heard_noise = True
        except OSError as failure:
            word: DnsOutcome = "other" if meaning_of(failure) in SHORTAGES else "unreachable"
            return _Heard(word, f"{how}: {failure.strerror or failure}")
        return _Heard("garbled" if heard_noise else "silent", how)

    def by_tcp(self, deadline: Deadline, vantage: str) -> _Heard:
        """Ask again where an answer may be as long as it likes."""
        address, port = self.resolver
        how = "DNS query by TCP"
        sock, attempt = dial(address, port, vantage=vantage, wait_s=deadline.left())
        if sock is None:
            word: DnsOutcome = "other" if attempt.outcome in SHORTAGES else "unreachable"
            word = "silent" if attempt.outcome == "silent" else word
            return _Heard(word, f"{how}: {attempt.outcome}", transport="tcp")
        try:
            with sock:
                sock.settimeout(max(0.001, deadline.left()))
                sock.sendall(struct.pack("!H", len(self.message)) + self.message)
                size = struct.unpack("!H", _exactly(sock, 2, deadline))[0]
                reply = self.read(_exactly(sock, size, deadline))
        except socket.timeout:
            return _Heard("silent", how, transport="tcp")
        except OSError as failure:
            return _Heard("other", f"{how}: {failure.strerror or failure}", transport="tcp")
        return _Heard("answered" if reply is not None else "garbled", how, reply, "tcp")

    def read(self, data: bytes) -> DnsReply | None:
        """Return the reply to our question; ``None`` where the bytes are none."""
        from refused.probes.wire.dns_message import GarbledMessage, parse_response

        try:
            return parse_response(data, self.ident, self.host, self.qtype)
        except GarbledMessage:
            return None


def _datagrams(sock: socket.socket, until: Deadline) -> Iterator[bytes]:
    while not until.over:
        sock.settimeout(max(0.001, until.left()))
        try:
            yield sock.recv(65535)
        except socket.timeout:
            return


def _exactly(sock: socket.socket, size: int, deadline: Deadline) -> bytes:
    data = b""
    while len(data) < size:
        sock.settimeout(max(0.001, deadline.left()))
        more = sock.recv(size - len(data))
        if not more:
            raise ConnectionError("it closed the connection before it had answered")
        data += more
    return data


def _chain(records: Sequence[DnsRecord], host: str, qtype: str) -> Tuple[DnsRecord, ...]:
    """Return the records that lead from *host* to its addresses, aliases first.

    What belongs to other names is left out, as the C library does.
    """
    from refused.probes.wire.dns_message import ascii_name

    name = ascii_name(host).decode("ascii").lower()
    aliases = {each.name.lower(): each for each in records if each.type == "CNAME"}
    chain: List[DnsRecord] = []
    while name in aliases:
        alias = aliases.pop(name)  # so that a chain that bites its tail ends
        chain.append(alias)
        name = alias.value.lower()
    chain += [each for each in records if each.type == qtype and each.name.lower() == name]
    return tuple(chain)


def _dns_outcome(rcode: int, chain: Sequence[DnsRecord], qtype: str) -> DnsOutcome:
    if rcode:
        return _RCODES.get(rcode, "other")
    return "answered" if any(record.type == qtype for record in chain) else "no-address"


# --- as the host's files have it -----------------------------------------------------------------


def read_text(path: str) -> str:
    """Return a file's text, whatever bytes it has.

    Raises:
        OSError: It cannot be read, or is far larger than such a file ever is.
    """
    with open(path, "rb") as file:
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise OSError(0, f"it is larger than {_MOST_BYTES >> 20} MiB")
    text = data.decode("utf-8", "replace")
    return text[1:] if text.startswith("\ufeff") else text  # Notepad's byte order mark


def resolver_settings(*, vantage: str, root: str = "/") -> Union[ResolverSettings, Unseen]:
    """Read which resolvers the host is told to ask, as the C library reads it.

    Where the first of them is the stub of systemd-resolved, the servers behind it stand among the
    options as ``resolved-upstream:ADDRESS``. More than three servers are listed, but a C library
    asks the first three alone. macOS keeps further ones for single domains elsewhere.

    Source: resolv.conf(5).
    """
    watch = Stopwatch(vantage)
    path = os.path.join(root, "etc", "resolv.conf")
    if sys.platform == "win32" and root == "/":
        return Unseen(
            vantage=vantage,
            what="ResolverSettings",
            why="Windows keeps them in its registry, one list for each network adapter",
            how_to_see="run ipconfig /all, and name a resolver with --resolver",
        )
    try:
        text = read_text(path)
    except OSError as gone:
        return Unseen(
            vantage=vantage,
            what="ResolverSettings",
            why=f"{path}: {gone.strerror}",
            how_to_see="name a resolver with --resolver",
        )
    servers, search, options = _resolv_conf(text)
    source = path
    if not servers:
        servers = ("127.0.0.1",)
        source = f"{path}, which names none: the C library then asks this host"
    ndots = 1
    for option in options:
        digits = option[6:12]
        if option.startswith("ndots:") and digits.isascii() and digits.isdigit():
            ndots = min(15, int(digits))
    if servers[0] in _RESOLVED_STUBS:
        beside = os.path.join(root, "run", "systemd", "resolve", "resolv.conf")
        try:
            upstream = _resolv_conf(read_text(beside))[0]
        except OSError:
            upstream = ()
        options += tuple(f"resolved-upstream:{server}" for server in upstream)
        source += " (the stub of systemd-resolved)"
    return ResolverSettings(
        nameservers=servers, search=search, ndots=ndots, options=options, **watch.stamp(source)
    )


# Source: systemd-resolved.service(8).
_RESOLVED_STUBS = ("127.0.0.53", "127.0.0.54")


def _resolv_conf(text: str) -> Tuple[Tuple[str, ...], Tuple[str, ...], Tuple[str, ...]]:
    """Return servers, search list and options; a keyword counts at the start of its line only."""
    servers: List[str] = []
    search: Tuple[str, ...] = ()
    options: List[str] = []
    for line in text.split("\n"):
        words = _before_comment(line).split()
        if len(words) < 2 or line[0] in " \t":
            continue
        if words[0] == "nameserver" and is_address(words[1]):
            servers.append(words[1])
        elif words[0] == "search":
            search = tuple(words[1:])  # the last line of the two kinds wins
        elif words[0] == "domain":
            search = (words[1],)
        elif words[0] == "options":
            options += words[1:]
    return tuple(servers), search, tuple(options)


def _before_comment(line: str) -> str:
    return line.partition("#")[0].partition(";")[0]


def hosts_entry(host: str, *, vantage: str, root: str = "/") -> Union[HostsEntry, Unseen]:
    """Read which addresses the hosts file gives *host*; none is an answer, too.

    Source: hosts(5).
    """
    watch = Stopwatch(vantage)
    path = os.path.join(root, "etc", "hosts")
    if sys.platform == "win32" and root == "/":
        windows = os.environ.get("SYSTEMROOT", "C:\\Windows")
        path = os.path.join(windows, "System32", "drivers", "etc", "hosts")
    try:
        text = read_text(path)
    except FileNotFoundError:
        return HostsEntry(host=host, addresses=(), **watch.stamp(f"{path}, which does not exist"))
    except OSError as gone:
        return Unseen(
            vantage=vantage,
            what="HostsEntry",
            why=f"{path}: {gone.strerror}",
            how_to_see=f"let this user read {path}",
        )
    found = tuple(_hosts_lines(text, host.lower().rstrip(".")))
    return HostsEntry(
        host=host,
        addresses=tuple(dict.fromkeys(address for _, address in found)),
        lines=tuple(number for number, _ in found),
        **watch.stamp(path),
    )


def _hosts_lines(text: str, name: str) -> Iterator[Tuple[int, str]]:
    """Yield line number and address wherever *name* stands."""
    if not name or name not in text.lower():
        return
    for number, line in enumerate(text.split("\n"), 1):
        words = line.partition("#")[0].split()
        if len(words) < 2 or not is_address(words[0]):
            continue
        if any(word.lower().rstrip(".") == name for word in words[1:]):
            yield number, words[0]
