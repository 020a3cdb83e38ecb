"""What an X.509 certificate says of itself, read from its DER (RFC 5280).

The standard library shows a peer's certificate only when it has verified it, and the ones of
interest are those that do not verify.
"""

from __future__ import annotations

from refused.evidence.observations import Certificate
from refused.probes.wire.addresses import ipv4_text, ipv6_text
from refused.probes.wire.first_bytes import printable_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Tuple

    # Tag, where the content starts, where it ends.
    Element = Tuple[int, int, int]

_BOOLEAN, _INTEGER, _OCTETS, _OID = 0x01, 0x02, 0x04, 0x06
_SEQUENCE, _SET = 0x30, 0x31
_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18
_VERSION, _EXTENSIONS = 0xA0, 0xA3
_DNS_NAME, _IP_ADDRESS = 0x82, 0x87

_ALT_NAMES = b"\x55\x1d\x11"
_BASIC_CONSTRAINTS = b"\x55\x1d\x13"

# Short names of RFC 4514, section 3, then further ones that are registered for LDAP or usual.
_SHORT_NAMES = {
    b"\x55\x04\x03": "CN",
    b"\x55\x04\x07": "L",
    b"\x55\x04\x08": "ST",
    b"\x55\x04\x0a": "O",
    b"\x55\x04\x0b": "OU",
    b"\x55\x04\x06": "C",
    b"\x55\x04\x09": "STREET",
    b"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19": "DC",
    b"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x01": "UID",
    b"\x55\x04\x05": "serialNumber",
    b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01": "emailAddress",
}

_CHARSETS = {
    0x0C: "utf-8",
    0x12: "ascii",  # NumericString
    0x13: "ascii",  # PrintableString
    0x14: "latin-1",  # TeletexString, as everybody writes it
    0x16: "ascii",  # IA5String
    0x1A: "ascii",  # VisibleString
    0x1C: "utf-32-be",  # UniversalString
    0x1E: "utf-16-be",  # BMPString
}

# Longer ones exist nowhere, and numbers in them take quadratic time to write.
_LONGEST_OID = 64

_DAYS_BEFORE_MONTH = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365)


class BadCertificate(ValueError):
    """Bytes that are no certificate; the message says where they stop being one."""


def parse_certificate(der: bytes) -> Certificate:
    """Read one certificate; no signature is checked.

    Names of subject and issuer have the most specific part first. A part of a type that has no
    short name is written as its number and, where it is no text, the hex of its DER. Alternative
    names other than DNS names and addresses are left out.

    Raises:
        BadCertificate: *der* is no certificate, or something follows it.
    """
    import hashlib

    whole = _element(der, 0, len(der))
    _hold(whole[0] == _SEQUENCE and whole[2] == len(der), "it is not one sequence")
    signed = _children(der, whole)
    _hold([each[0] for each in signed] == [_SEQUENCE, _SEQUENCE, 0x03], "it is not signed")

    fields = _children(der, signed[0])
    if fields and fields[0][0] == _VERSION:
        del fields[0]
    tags = [each[0] for each in fields[:6]]
    _hold(tags == [_INTEGER] + [_SEQUENCE] * 5, "its fields are not those of a certificate")
    serial, _algorithm, issuer, validity, subject, _key = fields[:6]
    dates = _children(der, validity)
    _hold(len(dates) == 2, "its validity has not two dates")
    names, is_ca = _extensions(der, [each for each in fields[6:] if each[0] == _EXTENSIONS])
    return Certificate(
        subject=_name(der, subject),
        issuer=_name(der, issuer),
        names=names,
        not_before=_epoch_s(der, dates[0]),
        not_after=_epoch_s(der, dates[1]),
        serial=_hex(der[serial[1] : serial[2]]),
        sha256=hashlib.sha256(der).hexdigest(),
        is_ca=is_ca,
    )


def _hold(fits: bool, because: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not fits:
        raise BadCertificate(because)


def _element(der: bytes, at: int, end: int) -> Element:
    """The element that starts at *at* and must end by *end*."""
    _hold(at + 2 <= end, "it ends within an element")
    tag, length = der[at], der[at + 1]
    _hold(tag & 0x1F != 0x1F, "it has a tag of more than one byte")
    at += 2
    if length >= 0x80:
        width = length & 0x7F
        _hold(1 <= width <= 4 and at + width <= end, "a length is not one of DER")
        length = int.from_bytes(der[at : at + width], "big")
        at += width
    _hold(at + length <= end, "an element is longer than what it stands in")
    return tag, at, at + length


def _children(der: bytes, parent: Element) -> list[Element]:
    _, at, end = parent
    children = []
    while at < end:
        child = _element(der, at, end)
        children.append(child)
        at = child[2]
    return children


def _hex(integer: bytes) -> str:
    """An INTEGER in whole bytes, without the byte that only says that it is positive."""
    _hold(bool(integer), "its serial number is empty")
    if integer[0] & 0x80:  # negative ones are against the rules, and exist
        number = -int.from_bytes(integer, "big", signed=True)
        return "-" + number.to_bytes(len(integer), "big").hex()
    return (integer.lstrip(b"\0") or b"\0").hex()


def _name(der: bytes, name: Element) -> str:
    """A distinguished name as text (RFC 4514, section 2)."""
    parts = []
    for part in reversed(_children(der, name)):
        _hold(part[0] == _SET and part[1] < part[2], "a name has a part that is no set")
        parts.append("+".join(_attribute(der, each) for each in _children(der, part)))
    return ",".join(parts)


def _attribute(der: bytes, attribute: Element) -> str:
    pair = _children(der, attribute)
    _hold(len(pair) == 2 and pair[0][0] == _OID, "a name has a part without a type")
    (_, start, end), (tag, value_start, value_end) = pair
    kind = der[start:end]
    short = _SHORT_NAMES.get(kind)
    charset = _CHARSETS.get(tag)
    if charset is not None:
        try:
            text = der[value_start:value_end].decode(charset)
        except UnicodeDecodeError:
            pass
        else:
            return f"{short or _dotted(kind)}={_escaped(text)}"
    return f"{short or _dotted(kind)}=#{der[end:value_end].hex()}"


def _escaped(text: str) -> str:
    """Escape what has a meaning in a name, and what a terminal would act on."""
    if text.isalnum():
        return text
    letters = {letter: _letter(letter) for letter in set(text)}
    shown = [letters[letter] for letter in text]
    if text[:1] in {" ", "#"}:
        shown[0] = "\\" + shown[0]
    if text[1:].endswith(" "):
        shown[-1] = "\\ "
    return "".join(shown)


def _letter(letter: str) -> str:
    if letter in '"+,;<>\\':
        return "\\" + letter
    if letter.isprintable():
        return letter
    return "".join(f"\\{byte:02x}" for byte in letter.encode())


def _dotted(oid: bytes) -> str:
    _hold(0 < len(oid) <= _LONGEST_OID and oid[-1] < 0x80, "an object identifier is broken")
    arcs, arc = [], 0
    for byte in oid:
        arc = arc << 7 | byte & 0x7F
        if byte < 0x80:
            arcs.append(arc)
            arc = 0
    top = min(arcs[0] // 40, 2)
    return ".".join(map(str, (top, arcs[0] - top * 40, *arcs[1:])))


def _epoch_s(der: bytes, time: Element) -> float:
    """A date as seconds since 1970 UTC, by arithmetic: :mod:`datetime` is slow to load."""
    tag, start, end = time
    raw = der[start:end]
    width = {_UTC_TIME: 2, _GENERALIZED_TIME: 4}.get(tag, 0)
    digits = raw[:-1]
    # Old certificates may leave out the seconds, as ASN.1 lets them.
    fits = width and len(digits) in {width + 8, width + 10} and digits.isdigit()
    _hold(bool(fits) and raw.endswith(b"Z"), f"{raw[:20]!r} is no date")
    year = int(digits[:width])
    if tag == _UTC_TIME:
        year += 1900 if year >= 50 else 2000  # RFC 5280, 4.1.2.5.1
    month, day, hour, minute, second = (
        int(digits[at : at + 2] or b"0") for at in range(width, width + 10, 2)
    )
    is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    _hold(1 <= month <= 12 and hour < 24 and minute < 60 and second < 60, f"{raw!r} is no date")
    days = _DAYS_BEFORE_MONTH[month] - _DAYS_BEFORE_MONTH[month - 1] + (is_leap and month == 2)
    _hold(1 <= day <= days, f"{raw!r} is no date")
    before = year - 1
    since = before * 365 + before // 4 - before // 100 + before // 400 - 719162
    since += _DAYS_BEFORE_MONTH[month - 1] + (is_leap and month > 2) + day - 1
    return float(since * 86400 + hour * 3600 + minute * 60 + second)


def _extensions(der: bytes, found: list[Element]) -> tuple[tuple[str, ...], bool]:
    """The alternative names, and whether it is a CA's certificate."""
    names: list[str] = []
    is_ca = False
    for wrapper in found:
        for sequence in _children(der, wrapper):
            for extension in _children(der, sequence):
                parts = _children(der, extension)
                _hold(
                    len(parts) >= 2 and (parts[0][0], parts[-1][0]) == (_OID, _OCTETS),
                    "an extension has not a name and a value",
                )
                kind = der[parts[0][1] : parts[0][2]]
                if kind == _ALT_NAMES:
                    names += _alternatives(der, _content(der, parts[-1]))
                elif kind == _BASIC_CONSTRAINTS:
                    is_ca = _says_ca(der, _content(der, parts[-1]))
    return tuple(names), is_ca


def _content(der: bytes, octets: Element) -> Element:
    """The one sequence that an extension's value holds."""
    inner = _element(der, octets[1], octets[2])
    _hold(inner[0] == _SEQUENCE and inner[2] == octets[2], "an extension is not one sequence")
    return inner


def _alternatives(der: bytes, sequence: Element) -> list[str]:
    names = []
    for tag, start, end in _children(der, sequence):
        value = der[start:end]
        if tag == _DNS_NAME:
            names.append(printable_text(value.decode("ascii", "backslashreplace")))
        elif tag == _IP_ADDRESS and len(value) == 4:
            names.append(ipv4_text(value))
        elif tag == _IP_ADDRESS and len(value) == 16:
            names.append(ipv6_text(value))
    return names


def _says_ca(der: bytes, sequence: Element) -> bool:
    first = _children(der, sequence)[:1]
    return bool(first) and first[0][0] == _BOOLEAN and any(der[first[0][1] : first[0][2]])
