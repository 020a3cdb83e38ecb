"""One TLS connection as the library sees it, listened to message by message.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

import ssl

from refused.evidence.observations import PeerCertificates
from refused.probes.tcp import transport
from refused.probes.tls_trust import no_authorities
from refused.probes.wire.first_bytes import first_words
from refused.probes.wire.tls_records import ALERTS, parse_alert

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Tuple

    from refused.evidence.observations import Certificate, TlsOutcome
    from refused.probes.plain import Line
    from refused.probes.tls_trust import Ground

# Content types and messages, as numbered in RFC 8446, B.1 and B.3.
_ALERT, _HANDSHAKE = 21, 22
_SERVER_HELLO, _CERTIFICATE, _CERTIFICATE_REQUEST, _HELLO_DONE = 2, 11, 13, 14
_TLS_1_3 = 0x0304
_FATAL = 2

# OpenSSL's verification errors, as in x509_vfy.h; all others are matters of trust.
_VERIFY_OUTCOMES: Dict[int, TlsOutcome] = {
    9: "not-yet-valid",
    10: "expired",
    62: "name-mismatch",
    64: "name-mismatch",  # an address
}


class Session:
    """The library's end of one connection, apart from the socket."""

    __slots__ = ("tls", "incoming", "outgoing", "heard", "_ground")

    def __init__(self, ground: Ground, name: str | None) -> None:
        self._ground = ground
        self.heard = Heard()
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ground.context
        if context.sslobject_class is not _Heeded:
            context.sslobject_class = _Heeded
            # Private, but the same from Python 3.8 to 3.14, and the only ear there is. Where it
            # is missing, the attribute is set to no effect, and less is known.
            context._msg_callback = _hear  # type: ignore[attr-defined]  # noqa: SLF001
        # As bytes the name is taken as it is; as text it would load the IDNA codec, 10 ms of tables.
        told: Any = name.encode("ascii") if name is not None and name.isascii() else name
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname=told)
        self.tls.heard = self.heard  # type: ignore[attr-defined]

    def shake(self, line: Line) -> Dict[str, Any]:
        """Carry bytes to and fro until it is decided; return the fields that say how it ended.

        Raises:
            ssl.SSLError: The library could not even begin.
        """
        seen = self._carry(line)
        return {
            **seen,
            "alert": seen.get("alert") or self.heard.alert,
            "server_spoke": line.bytes_in > 0 and seen["outcome"] != "not-tls",
            "bytes_in": line.bytes_in,
            "client_certificate_wanted": self.heard.certificate_wanted,
        }

    def _carry(self, line: Line) -> Dict[str, Any]:
        begun = False
        while True:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                line.send(self.outgoing.read())
            except ssl.SSLError as fault:
                if not begun:
                    raise
                line.send(self.outgoing.read())  # the alert in which the library says why
                return self._failure(fault, line)
            else:
                line.send(self.outgoing.read())
                return {
                    "outcome": "ok",
                    "version": _version(self.tls),
                    "cipher": (self.tls.cipher() or ("",))[0],
                }
            self._ground.complete()
            begun = True
            came = line.receive()
            if not came:
                # Elsewhere our own last word is still on its way, which would mean nothing.
                unacked = transport(line.channel.sock).get("unacked_bytes")
                return {
                    "outcome": line.ended,
                    "error_text": line.error_text,
                    "unacked_bytes": unacked,
                }
            if not may_be_tls(line.first):
                line.receive_rest()
                return {"outcome": "not-tls", "first_bytes": first_words(line.first)}
            self.incoming.write(came)

    def _failure(self, fault: ssl.SSLError, line: Line) -> Dict[str, Any]:
        if isinstance(fault, ssl.SSLCertVerificationError):
            return {
                "outcome": _VERIFY_OUTCOMES.get(fault.verify_code, "untrusted"),
                "verify_code": fault.verify_code,
                "verify_text": fault.verify_message,
                "error_text": no_authorities(self._ground.context),
            }
        alert = self.heard.fatal_alert(fault, line.first)
        if alert is not None:
            return {"outcome": "alert", "alert": alert, "error_text": said(fault)}
        if isinstance(fault, ssl.SSLZeroReturnError):
            return {"outcome": "closed", "alert": "close_notify"}
        text = said(fault)
        if text == "UNSUPPORTED_PROTOCOL" and self.heard.version is not None:
            text += f": the server chose TLS {self.heard.version}"
        return {"outcome": "error", "error_text": text}

    def certificates(self, fields: Dict[str, Any]) -> PeerCertificates | None:
        """Return the chain as it was sent; ``None`` where the handshake did not get that far."""
        from refused.probes.wire.x509 import BadCertificate, parse_certificate

        ders, complete = self._chain()
        chain: List[Certificate] = []
        try:
            chain.extend(map(parse_certificate, ders))
        except BadCertificate:
            complete = False  # what came before it stands, what comes after has lost its place
        if not chain:
            return None
        return PeerCertificates(**fields, chain=tuple(chain), complete=complete)

    def _chain(self) -> Tuple[List[bytes], bool]:
        if self.heard.chain:
            return self.heard.chain, True
        try:
            if hasattr(self.tls, "get_unverified_chain"):  # Python 3.13
                return list(self.tls.get_unverified_chain()), True
            leaf = self.tls.getpeercert(binary_form=True)
        except ValueError:  # the handshake is not over
            return [], False
        return [leaf] if leaf else [], False


class _Heeded(ssl.SSLObject):
    """A connection that knows who listens to it."""

    heard: Heard | None = None


def _hear(tls: _Heeded, direction: str, *message: Any) -> None:
    if direction == "read" and tls.heard is not None:
        tls.heard.message(*message)


class Heard:
    """What the peer said, message by message, also after the handshake.

    Attributes:
        alert: The last alert's name.
        chain: The certificates as they were sent, leaf first.
        version: What the ServerHello names as its version, as ``"1.2"``; TLS 1.3 names 1.2 there.
        certificate_wanted: Whether a client certificate was asked for; ``None`` where the
            handshake ended before the server would have asked.
    """

    __slots__ = ("alert", "chain", "version", "certificate_wanted", "_is_fatal")

    def __init__(self) -> None:
        self.alert: str | None = None
        self.chain: List[bytes] = []
        self.version: str | None = None
        self.certificate_wanted: bool | None = None
        self._is_fatal = False

    def message(self, version: int, content: int, kind: int, data: bytes) -> None:
        """Take note of one message; the library calls this, and must not see it raise."""
        if content == _ALERT and len(data) == 2:
            self.alert = ALERTS.get(data[1]) or f"alert_{data[1]}"
            self._is_fatal = data[0] == _FATAL
        elif content == _HANDSHAKE:
            self._handshake(version, kind, data)

    def _handshake(self, version: int, kind: int, data: bytes) -> None:
        if kind == _SERVER_HELLO and data[4:5] == b"\3":
            self.version = f"1.{data[5] - 1}" if len(data) > 5 and 1 <= data[5] <= 4 else None
        elif kind == _CERTIFICATE_REQUEST:
            self.certificate_wanted = True
        elif kind == _CERTIFICATE:
            self.chain = _certificates_in(data[4:], has_extensions=version == _TLS_1_3)
        # TLS 1.3 asks before the server's certificate, TLS 1.2 just before the hello is done.
        if kind == _HELLO_DONE or (kind == _CERTIFICATE and version == _TLS_1_3):
            self.certificate_wanted = bool(self.certificate_wanted)

    def fatal_alert(self, fault: ssl.SSLError, first: bytes = b"") -> str | None:
        """Return the name of the alert that *fault* stems from, if it stems from one.

        The last two ways are for a library that cannot be listened to.
        """
        head, mark, rest = said(fault).partition("_ALERT_")  # TLSV1_ALERT_PROTOCOL_VERSION
        if self.alert is not None:
            # TLS 1.3 has no levels: there the library decides which alerts end a connection.
            return self.alert if self._is_fatal or mark else None
        clear = parse_alert(first)
        if clear is not None and clear[0] == "fatal":
            return clear[1]
        return rest.lower() if mark and head in ("SSLV3", "TLSV1", "TLSV13") else None


def _certificates_in(body: bytes, *, has_extensions: bool) -> List[bytes]:
    """Take a Certificate message apart. Source: RFC 5246, 7.4.2; RFC 8446, 4.4.2."""
    at = 1 + body[0] if has_extensions and body else 0
    at += 3
    found = []
    while at + 3 <= len(body):
        end = at + 3 + int.from_bytes(body[at : at + 3], "big")
        found.append(body[at + 3 : end])
        at = end
        if has_extensions:
            at += 2 + int.from_bytes(body[at : at + 2], "big")
    return found


def may_be_tls(first: bytes) -> bool:
    """Whether the stranger's first bytes can begin an alert or a handshake record."""
    return first[:1] in (b"\x15", b"\x16") and first[1:2] in (b"", b"\3") and first[2:3] <= b"\4"


def _version(tls: ssl.SSLObject) -> str | None:
    said = tls.version()
    if said is None:
        return None
    number = said[len("TLSv") :]
    return number if "." in number else f"{number}.0"


def said(fault: Exception) -> str:
    """Return what the library says, without the place in its source."""
    if isinstance(fault, ssl.SSLError):
        return str(getattr(fault, "reason", None) or fault.strerror or fault)
    return str(fault)
