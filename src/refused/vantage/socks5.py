"""The far end of a SOCKS5 proxy (RFC 1928, RFC 1929): a jump host, or the lab.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

import socket
import struct

from refused.evidence.observations import TcpDial
from refused.evidence.redaction import Secret
from refused.probes import names, tcp
from refused.probes.stopwatch import Deadline, Stopwatch
from refused.vantage import BadVantage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Tuple

    from refused.evidence.observations import DialOutcome, DialPurpose

_VERSION, _NO_LOGIN, _LOGIN, _CONNECT = 5, 0, 2, 1
_IPV4, _NAME, _IPV6 = 1, 3, 4
# Reply codes of RFC 1928, section 6, with what each says of the far side; the others say that the
# proxy itself did not manage.
_OUTCOMES: Dict[int, DialOutcome] = {
    0: "accepted",
    2: "denied",
    3: "unreachable",
    4: "unreachable",
    5: "refused",
    6: "unreachable",
}
_WORDS = {
    1: "general failure",
    2: "not allowed by its rules",
    3: "network unreachable",
    4: "host unreachable",
    5: "connection refused",
    6: "time to live expired",
    7: "command not supported",
    8: "address type not supported",
}


class Socks5:
    """Dials through a proxy; names and files of this host do not speak of its far end.

    What the proxy says is taken at its word. Some say yes before they have dialled (``ssh -D``
    does): then a dial that should have been refused is accepted, and closed at once.

    Raises:
        BadVantage: The URL is not ``socks5://[user:password@]host:port``.
    """

    is_local = False

    def __init__(self, url: str) -> None:
        from urllib.parse import unquote, urlsplit

        # No message quotes the URL, which may hold a password.
        wrong = BadVantage("--from: that is no socks5://[user:password@]host:port")
        try:
            parts = urlsplit(url.strip())
            host, port = parts.hostname, parts.port
        except ValueError:
            raise wrong from None
        if parts.scheme not in ("socks5", "socks5h") or not host or not port:
            raise wrong
        if parts.path not in ("", "/") or parts.query or parts.fragment:
            raise wrong
        self._host, self._port = unquote(host), port
        self._user = unquote(parts.username or "")
        self._password = Secret(unquote(parts.password or ""))
        if not self._user and self._password:
            raise BadVantage("--from: a SOCKS5 proxy takes no password without a user")
        for text in (self._user, self._password.reveal()):
            if len(text.encode("utf-8", "surrogateescape")) > 255:
                raise BadVantage("--from: SOCKS5 takes user and password of 255 bytes at most")
        where = f"[{self._host}]" if ":" in self._host else self._host
        self.name = f"socks5://{where}:{port}"

    def dial(
        self, address: str, port: int, wait_s: float, purpose: DialPurpose = "client"
    ) -> Tuple[socket.socket | None, TcpDial]:
        """Have the proxy open a TCP connection to an IP address.

        The socket is blocking and has no time limit. *local_address* is the one the proxy says
        that it dialled from; many do not say.
        """
        if not tcp.is_address(address):
            return self._undialled(address, port, purpose, f"{address[:60]!r} is no IP address")
        if "%" in address:
            # A link of this host means nothing to the proxy.
            return self._undialled(address, port, purpose, "SOCKS5 cannot carry a scope")
        packed = socket.inet_pton(tcp.family_of(address), address)
        kind = _IPV6 if len(packed) == 16 else _IPV4
        return self._through(bytes((kind,)) + packed, address, port, wait_s, purpose)

    def dial_name(
        self, host: str, port: int, wait_s: float, purpose: DialPurpose = "client"
    ) -> Tuple[socket.socket | None, TcpDial]:
        """Have the proxy look a name up and open a TCP connection to what it finds.

        The observation's *address* is empty, for the proxy does not tell which it found.
        """
        from refused.probes.wire.dns_message import BadName, ascii_name

        try:
            name = ascii_name(host)
        except BadName as wrong:
            return self._undialled("", port, purpose, str(wrong))
        asked = bytes((_NAME, len(name))) + name
        return self._through(asked, "", port, wait_s, purpose)

    def _undialled(
        self, address: str, port: int, purpose: DialPurpose, why: str
    ) -> Tuple[None, TcpDial]:
        return None, TcpDial(
            address=address,
            port=port,
            outcome="other",
            purpose=purpose,
            via=self.name,
            **Stopwatch(self.name).stamp(f"nothing was dialled: {why}"),
        )

    def _through(
        self, asked: bytes, address: str, port: int, wait_s: float, purpose: DialPurpose
    ) -> Tuple[socket.socket | None, TcpDial]:
        if not 0 <= port <= 65535:
            return self._undialled(address, port, purpose, f"{port} is no port")
        watch = Stopwatch(self.name)
        deadline = Deadline(wait_s)
        sock: socket.socket | None = None
        local: str | None = None
        outcome: DialOutcome = "proxy-failed"
        how = "SOCKS5 CONNECT"
        if not address:
            how += f" to the name {asked[2:].decode('ascii')}"
        try:
            sock = self._reach(deadline)
            talk = _Talk(sock, deadline)
            self._greet(talk)
            talk.send(struct.pack("!BBB", _VERSION, _CONNECT, 0) + asked + struct.pack("!H", port))
            try:
                code, local = _reply(talk)
            except socket.timeout:
                # The proxy is there and listens: it is the far side that does not answer.
                outcome = "silent"
            else:
                outcome = _OUTCOMES.get(code, "proxy-failed")
                how += f": {_WORDS.get(code, f'code {code}')}" if code else ""
        except _ProxyFailed as failure:
            how += f": {failure}"
        except socket.timeout:
            how += ": the proxy does not answer"
        except OSError as failure:
            how += f": the proxy: {failure.strerror or failure}"
        seen = TcpDial(
            address=address,
            port=port,
            outcome=outcome,
            local_address=local if outcome == "accepted" else None,
            purpose=purpose,
            via=self.name,
            **watch.stamp(how),
        )
        if sock is not None:
            if outcome == "accepted":
                sock.settimeout(None)
                return sock, seen
            sock.close()
        return None, seen

    def _reach(self, deadline: Deadline) -> socket.socket:
        """Return a connection to the proxy itself.

        Raises:
            _ProxyFailed: There is none to be had.
        """
        found = names.lookup(self._host, self._port, vantage="here", wait_s=deadline.left())
        if not found.addresses:
            said = found.error_text or found.outcome
            raise _ProxyFailed(f"the proxy's name: {said}")
        troubles = []
        for at, address in enumerate(found.addresses):
            # The last address gets what time is left; the ones before it must leave some.
            wait_s = deadline.left() / (len(found.addresses) - at)
            sock, attempt = tcp.dial(address, self._port, vantage="here", wait_s=wait_s)
            if sock is not None:
                return sock
            troubles.append(f"the proxy at {address} port {self._port}: {attempt.outcome}")
        raise _ProxyFailed("; ".join(troubles[:3]))

    def _greet(self, talk: _Talk) -> None:
        """Agree on how to log in, and do it.

        Raises:
            _ProxyFailed: They do not agree, or the login is refused.
        """
        methods = bytes((_NO_LOGIN, _LOGIN) if self._user else (_NO_LOGIN,))
        talk.send(bytes((_VERSION, len(methods))) + methods)
        version, method = talk.receive(2)
        if version != _VERSION:
            raise _ProxyFailed("the proxy does not speak SOCKS5")
        if method not in methods:
            raise _ProxyFailed("the proxy wants another login")
        if method == _LOGIN:
            user = self._user.encode("utf-8", "surrogateescape")
            password = self._password.reveal().encode("utf-8", "surrogateescape")
            # RFC 1929, section 2.
            talk.send(bytes((1, len(user))) + user + bytes((len(password),)) + password)
            if talk.receive(2)[1] != 0:
                raise _ProxyFailed("the proxy refuses the login")


class _ProxyFailed(Exception):
    """The proxy itself stands in the way; the message says how."""


class _Talk:
    """Whole messages over a connection, within one time limit.

    Raises:
        socket.timeout: The time is up.
        OSError: The connection broke, or ended early.
    """

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline

    def send(self, data: bytes) -> None:
        self._sock.settimeout(max(0.001, self._deadline.left()))
        self._sock.sendall(data)

    def receive(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            self._sock.settimeout(max(0.001, self._deadline.left()))
            more = self._sock.recv(size - len(data))
            if not more:
                raise _ProxyFailed("the proxy closed the connection")
            data += more
        return data


def _reply(talk: _Talk) -> Tuple[int, str | None]:
    """Return the reply code, and the address that the proxy dialled from where it says so."""
    version, code, _, kind = talk.receive(4)
    if version != _VERSION:
        raise _ProxyFailed("the proxy does not speak SOCKS5")
    if code:
        return code, None  # what follows says nothing, and some proxies leave it out
    if kind == _NAME:
        talk.receive(talk.receive(1)[0] + 2)
        return code, None
    if kind not in (_IPV4, _IPV6):
        raise _ProxyFailed(f"the proxy gives its address in an unknown form ({kind})")
    packed = talk.receive(4 if kind == _IPV4 else 16)
    talk.receive(2)
    if not any(packed):
        return code, None
    family = socket.AF_INET if kind == _IPV4 else socket.AF_INET6
    return code, socket.inet_ntop(family, packed)
