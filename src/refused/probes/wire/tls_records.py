"""The little of TLS that the system's library does not tell: alerts, and a hello for a short no."""

from __future__ import annotations

# Source: RFC 8446, section 6; RFC 5246, section 7.2; RFC 6066, section 9; and the TLS Alerts
# registry of IANA for the newer ones.
ALERTS = {
    0: "close_notify",
    10: "unexpected_message",
    20: "bad_record_mac",
    21: "decryption_failed",
    22: "record_overflow",
    30: "decompression_failure",
    40: "handshake_failure",
    41: "no_certificate",
    42: "bad_certificate",
    43: "unsupported_certificate",
    44: "certificate_revoked",
    45: "certificate_expired",
    46: "certificate_unknown",
    47: "illegal_parameter",
    48: "unknown_ca",
    49: "access_denied",
    50: "decode_error",
    51: "decrypt_error",
    60: "export_restriction",
    70: "protocol_version",
    71: "insufficient_security",
    80: "internal_error",
    86: "inappropriate_fallback",
    90: "user_canceled",
    100: "no_renegotiation",
    109: "missing_extension",
    110: "unsupported_extension",
    111: "certificate_unobtainable",
    112: "unrecognized_name",
    113: "bad_certificate_status_response",
    114: "bad_certificate_hash_value",
    115: "unknown_psk_identity",
    116: "certificate_required",
    120: "no_application_protocol",
    121: "ech_required",
}

_LEVELS = {1: "warning", 2: "fatal"}

_ALERT = 21
_LARGEST_RECORD = 16384 + 2048


def parse_alert(data: bytes) -> tuple[str, str] | None:
    """Level and name of the first alert in the clear among the records of *data*.

    An alert that bears a number without a name is called ``alert_N``. ``None`` means that there
    is none, that it is encrypted, or that these are no TLS records.
    """
    at = 0
    while at + 5 <= len(data):
        kind, major, length = data[at], data[at + 1], int.from_bytes(data[at + 3 : at + 5], "big")
        if not 20 <= kind <= 23 or major != 3 or not 0 < length <= _LARGEST_RECORD:
            return None
        if kind == _ALERT:
            body = data[at + 5 : at + 5 + length]
            # Encrypted alerts are longer; two bytes are one in the clear.
            if length != 2 or len(body) != 2 or body[0] not in _LEVELS:
                return None
            return _LEVELS[body[0]], ALERTS.get(body[1]) or f"alert_{body[1]}"
        at += 5 + length
    return None


def tiny_hello(server_name: str) -> bytes:
    """A ClientHello to which any TLS server answers with an alert of seven bytes.

    It offers TLS 1.2 with the one suite ``RSA_EXPORT_WITH_RC4_40_MD5``, which no server of this
    century takes: one that speaks TLS 1.2 finds no common suite, one that does not, no common
    version. Both question and answer fit the smallest packets, so that a path which swallows
    large packets can be told from a peer that is dead. *server_name* goes along as SNI where it
    is a name, as fronts choose by it; an address or an empty text does not.

    Raises:
        BadName: *server_name* is no host name.
    """
    # The random protects nothing here: no key is ever agreed on.
    hello = b"\x03\x03" + bytes(range(32)) + b"\0" + b"\0\x02\0\x03" + b"\x01\0"
    extensions = _server_name(server_name)
    if extensions:
        hello += _sized(extensions, 2)
    return b"\x16\x03\x01" + _sized(b"\x01" + _sized(hello, 3), 2)


def _server_name(name: str) -> bytes:
    """The ``server_name`` extension (RFC 6066, section 3), or nothing where it would be wrong."""
    if not name or ":" in name or name.rstrip(".").rpartition(".")[2].isdigit():
        return b""
    from refused.probes.wire.dns_message import ascii_name

    entry = b"\0" + _sized(ascii_name(name), 2)
    return b"\0\0" + _sized(_sized(entry, 2), 2)


def _sized(body: bytes, width: int) -> bytes:
    return len(body).to_bytes(width, "big") + body
