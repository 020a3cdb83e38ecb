"""The far end of a SOCKS5 proxy (RFC 1928, RFC 1929): a jump host, or the lab."""

from __future__ import annotations

import socket
import struct
import time

from refused.evidence.observations import TcpDial
from refused.evidence.redaction import Secret
from refused.probes.stopwatch import Stopwatch
from refused.vantage import BadVantage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Tuple

# Reply codes of RFC 1928, section 6.
_REPLIES = {2: "denied", 3: "unreachable", 4: "unreachable", 5: "refused", 6: "unreachable"}
_WORDS = {
    1: "general failure", 2: "not allowed by its rules", 3: "network unreachable", 4: "host unreachable",
    5: "connection refused", 6: "time to live expired", 7: "command not supported", 8: "address type not supported",
}  # fmt: skip


class Socks5:
    """Dials through a proxy; names and files of this host do not speak of its far end.

    Raises:
        BadVantage: The URL is not ``socks5://[user:password@]host:port``.
    """

    is_local = False

    def __init__(self, url: str) -> None:
        from urllib.parse import unquote, urlsplit

        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            port = None
            parts = None  # type: ignore[assignment]
        if parts is None or not parts.hostname or not port:
            raise BadVantage("--from: that is no socks5://[user:password@]host:port")
        self._proxy = (parts.hostname, port)
        self._user = unquote(parts.username or "")
        self._password = Secret(unquote(parts.password)) if parts.password else None
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        self.name = f"socks5://{host}:{port}"

    def dial(
        self, address: str, port: int, wait_s: float, purpose: str = "client"
    ) -> Tuple[socket.socket | None, TcpDial]:
        """Have the proxy open a TCP connection."""
        watch = Stopwatch(self.name)

        def seen(outcome: str, how: str) -> TcpDial:
            return TcpDial(
                address=address, port=port, outcome=outcome, purpose=purpose, via=self.name, **watch.stamp(how)
            )

        until = time.monotonic() + wait_s
        try:
            sock = socket.create_connection(self._proxy, timeout=max(0.05, wait_s))
        except OSError as failure:
            return None, seen("proxy-failed", f"the proxy: {failure.strerror or failure}")
        try:
            self._greet(sock)
        except OSError as failure:
            sock.close()
            return None, seen("proxy-failed", f"the proxy: {failure}")
        try:
            code = self._connect(sock, address, port, until)
        except socket.timeout:
            sock.close()
            return None, seen("silent", "SOCKS5 CONNECT")
        except OSError as failure:
            sock.close()
            return None, seen("proxy-failed", f"the proxy: {failure}")
        if code:
            sock.close()
            word = _WORDS.get(code, f"code {code}")
            return None, seen(_REPLIES.get(code, "proxy-failed"), f"SOCKS5 CONNECT: {word}")
        sock.settimeout(None)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock, seen("accepted", "SOCKS5 CONNECT")

    def _greet(self, sock: socket.socket) -> None:
        methods = b"\x00\x02" if self._user else b"\x00"
        sock.sendall(bytes((5, len(methods))) + methods)
        version, method = _exactly(sock, 2)
        if version != 5 or method not in methods:
            raise ConnectionError("it speaks no SOCKS5, or wants another login")
        if method == 2:
            user = self._user.encode()
            password = self._password.reveal().encode() if self._password else b""
            sock.sendall(bytes((1, len(user))) + user + bytes((len(password),)) + password)
            if _exactly(sock, 2)[1] != 0:
                raise ConnectionError("it refuses the login")

    def _connect(self, sock: socket.socket, address: str, port: int, until: float) -> int:
        sock.settimeout(max(0.05, until - time.monotonic()))
        sock.sendall(b"\x05\x01\x00" + _packed(address) + struct.pack("!H", port))
        _, code, _, kind = _exactly(sock, 4)
        if kind in (1, 4):
            _exactly(sock, (4 if kind == 1 else 16) + 2)
        elif kind == 3:
            _exactly(sock, _exactly(sock, 1)[0] + 2)
        return code


def _packed(address: str) -> bytes:
    if ":" in address:
        return b"\x04" + socket.inet_pton(socket.AF_INET6, address.split("%")[0])
    try:
        return b"\x01" + socket.inet_pton(socket.AF_INET, address)
    except OSError:
        name = address.encode("idna")
        return b"\x03" + bytes((len(name),)) + name


def _exactly(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = sock.recv(size - len(data))
        if not more:
            raise ConnectionError("it closed the connection")
        data += more
    return data
