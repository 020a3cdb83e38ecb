"""TLS handshakes: how far they come, how they end, and what the server shows of itself.

The bytes are carried by hand between the socket and the library, so that it is seen who spoke,
how much, and in which language; and the library is listened to message by message, so that the
chain, an alert and the wish for a client certificate are known whatever became of the handshake.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

import contextlib
import socket
import ssl

from refused.evidence.observations import TlsHandshake
from refused.probes.plain import Line
from refused.probes.stopwatch import Deadline, Stopwatch
from refused.probes.tcp import transport
from refused.probes.tls_names import names_match, names_of
from refused.probes.tls_session import Session, may_be_tls, said
from refused.probes.tls_trust import VERSIONS, BadCaFile, authorities, ground
from refused.probes.wire.dns_message import BadName
from refused.probes.wire.first_bytes import first_words
from refused.probes.wire.tls_records import parse_alert, tiny_hello

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Tuple

    from refused.evidence.observations import PeerCertificates, TlsPurpose
    from refused.probes.plain import PlainChannel

__all__ = [
    "BadCaFile",
    "TlsAlert",
    "TlsChannel",
    "handshake",
    "limit_segments",
    "names_match",
    "small_reply",
    "versions",
]

# What TCP takes for safe where nothing is known of the path. Source: RFC 9293, 3.7.1.
SMALL_SEGMENT_BYTES = 536

_CHUNK = 65536
_HANDSHAKE_RECORD = 22


class TlsAlert(OSError):
    """The peer ended an established connection with an alert, whose name is :attr:`name`.

    In TLS 1.3 the client's certificate is judged after the client has finished the handshake, so
    that ``certificate_required`` arrives in place of the first answer.
    """

    def __init__(self, name: str) -> None:
        super().__init__(f"the peer sent the TLS alert {name}")
        self.name = name


# --- the conversation after the handshake ------------------------------------------------------


class TlsChannel:
    """An encrypted connection; it behaves as :class:`refused.probes.plain.PlainChannel` does."""

    __slots__ = ("sock", "_carrier", "_tls", "_incoming", "_outgoing", "_heard")

    def __init__(self, session: Session, carrier: PlainChannel) -> None:
        self.sock = carrier.sock
        self._carrier = carrier
        self._tls = session.tls
        self._incoming = session.incoming
        self._outgoing = session.outgoing
        self._heard = session.heard

    def send(self, data: bytes) -> None:
        """Send all of *data*; a broken connection is told by the next :meth:`recv`.

        Raises:
            TimeoutError: The peer takes no more of it.
        """
        try:
            self._tls.write(data)
        except ssl.SSLError as fault:
            raise self._named(fault) from None
        self._flush()

    def recv(self, wait_s: float) -> bytes:
        """Return what comes within *wait_s*; ``b""`` where the peer has closed.

        Raises:
            TimeoutError: Nothing came that can be read.
            TlsAlert: The peer ended the connection with an alert.
            OSError: The connection broke, or what came is no TLS.
        """
        deadline, came = Deadline(wait_s), b""
        while True:
            try:
                data = self._tls.read(_CHUNK)
            except ssl.SSLWantReadError:
                self._flush()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""
            except ssl.SSLError as fault:
                raise self._named(fault) from None
            else:
                self._flush()
                return data
            if came and deadline.over:  # a peer may send records without end that say nothing
                raise TimeoutError(f"nothing to read came for {wait_s:.1f} s")
            came = self._carrier.recv(deadline.left())
            if not came:
                return b""
            self._incoming.write(came)

    def close(self) -> None:
        """Say goodbye, as far as it costs no wait, and close the connection."""
        with contextlib.suppress(OSError, ValueError):  # the peer's goodbye is not waited for
            self._tls.unwrap()
        with contextlib.suppress(OSError):  # nobody may be there to hear ours
            self.sock.settimeout(0)
            self.sock.send(self._outgoing.read())
        self._carrier.close()

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._carrier.send(self._outgoing.read())

    def _named(self, fault: ssl.SSLError) -> OSError:
        name = self._heard.fatal_alert(fault)
        return TlsAlert(name) if name else fault


# --- the handshake -----------------------------------------------------------------------------


def handshake(
    sock: socket.socket,
    *,
    address: str,
    port: int,
    sni: str,
    wait_s: float,
    vantage: str,
    ca_file: str | None = None,
    verify: bool = True,
    check_hostname: bool = True,
    min_tls: str | None = None,
    max_tls: str | None = None,
    purpose: TlsPurpose = "client",
) -> Tuple[TlsChannel | None, TlsHandshake, PeerCertificates | None]:
    """Shake hands over *sock*, which the channel then owns, and which is closed where it fails.

    A failure is an observation. Where this library cannot do what is asked (a version it does not
    speak, a name that is none), the outcome is ``error``, nothing is sent, and *bytes_in* is
    ``None``: that is no word of the server's.

    The certificates come with every handshake that got as far as them. Of a chain that is not the
    client's to trust they are no less worth knowing.

    Args:
        sni: The name to send and to check. An address is checked and not sent.
        ca_file: The CA bundle to trust instead of the system's. The latter is OpenSSL's default,
            which ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` override.
        min_tls: The lowest version to accept, as ``"1.2"``.
        max_tls: The highest version to offer.
        purpose: ``version`` lowers this library's own bar for old versions and ciphers; use it
            for looking only, and send nothing over the channel.

    Raises:
        BadCaFile: *ca_file* cannot be read, or holds no certificate.
    """
    watch = Stopwatch(vantage)
    line = Line(sock, wait_s)
    session, sent_name = None, ""
    seen: Dict[str, Any]
    try:
        sent_name, checked_name = names_of(sni)
        if verify and check_hostname and checked_name is None:
            raise ValueError("there is no name to check")  # noqa: TRY301 - the library says nothing
        base = ground(
            verify=verify,
            check_hostname=verify and check_hostname,
            min_tls=min_tls,
            max_tls=max_tls,
            old_too=purpose == "version",
            ca_file=ca_file,
        )
        session = Session(base, checked_name)
        seen = session.shake(line)
    except BadCaFile:
        sock.close()
        raise
    except (ValueError, ssl.SSLError) as fault:
        seen = {"outcome": "error", "error_text": f"not tried: {said(fault)}"}
    stamp = watch.stamp(_means(sock, purpose))
    where: Dict[str, Any] = {"address": address, "port": port, "sni": sent_name}
    shake = TlsHandshake(
        **stamp,
        **where,
        verified=verify and check_hostname,
        min_tls=min_tls,
        max_tls=max_tls,
        purpose=purpose,
        ca=authorities(ca_file) if verify else "none",
        **seen,
    )
    certificates = None
    if session is not None:
        trusted = _TRUSTED.get(shake.outcome) if verify else None
        certificates = session.certificates({**stamp, **where, "trusted": trusted})
    if session is None or shake.failed:
        sock.close()
        return None, shake, certificates
    line.channel.send_wait_s = wait_s
    return TlsChannel(session, line.channel), shake, certificates


# Where another fault was found first, the search for the anchor may not have come to its end.
_TRUSTED = {"ok": True, "untrusted": False}


def _means(sock: socket.socket, purpose: TlsPurpose) -> str:
    source = ssl.OPENSSL_VERSION
    if purpose == "small-segments":
        try:
            size = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
        except (AttributeError, OSError):
            return f"{source}, segments of unknown size"
        return f"{source}, segments of at most {size} bytes"
    return source


# --- looking closer ----------------------------------------------------------------------------


def versions(
    dial: Callable[[], socket.socket | None],
    *,
    address: str,
    port: int,
    sni: str,
    wait_s: float,
    vantage: str,
) -> Tuple[TlsHandshake, ...]:
    """Try each version alone, from 1.0 to 1.3, over a connection of its own.

    Nothing is verified and nothing sent. A version is left out where *dial* returns ``None``.
    """
    seen = []
    for version in VERSIONS:
        sock = dial()
        if sock is None:
            continue
        channel, shake, _ = handshake(
            sock,
            address=address,
            port=port,
            sni=sni,
            wait_s=wait_s,
            vantage=vantage,
            verify=False,
            min_tls=version,
            max_tls=version,
            purpose="version",
        )
        if channel is not None:
            channel.close()
        seen.append(shake)
    return tuple(seen)


def limit_segments(sock: socket.socket) -> None:
    """Ask for small segments in both directions; to be called before *sock* is connected.

    A handshake over such a connection (purpose ``small-segments``) passes a path that swallows
    large packets without a word. Where the system does not take the limit, the handshake's source
    tells the size that is in force.
    """
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SMALL_SEGMENT_BYTES)
    except (AttributeError, OSError):
        return


def small_reply(
    sock: socket.socket, *, address: str, port: int, sni: str, wait_s: float, vantage: str
) -> TlsHandshake:
    """Send a hello to which every TLS server answers with a short alert, and close *sock*.

    An alert here and silence at an ordinary hello: the peer lives, and what is large gets lost.
    """
    watch = Stopwatch(vantage)
    line = Line(sock, wait_s)
    try:
        sent_name, _ = names_of(sni)
    except BadName:
        sent_name = ""
    line.send(tiny_hello(sent_name))
    seen = _small_answer(line)
    unacked = transport(sock).get("unacked_bytes")
    sock.close()
    return TlsHandshake(
        **watch.stamp("a TLS hello that no server accepts"),
        address=address,
        port=port,
        sni=sent_name,
        verified=False,
        server_spoke=line.bytes_in > 0 and seen["outcome"] != "not-tls",
        bytes_in=line.bytes_in,
        unacked_bytes=unacked,
        purpose="small-reply",
        ca="none",
        **seen,
    )


def _small_answer(line: Line) -> Dict[str, Any]:
    while line.receive():
        if not may_be_tls(line.first):
            line.receive_rest()
            return {"outcome": "not-tls", "first_bytes": first_words(line.first)}
        alert = parse_alert(line.first)
        if alert is not None:
            return {"outcome": "alert", "alert": alert[1]}
        if line.first[0] == _HANDSHAKE_RECORD:
            return {"outcome": "error", "error_text": "the server took a hello that offers nothing"}
    return {"outcome": line.ended, "error_text": line.error_text}
