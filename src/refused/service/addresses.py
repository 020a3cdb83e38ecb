"""Which kind of address a text is, without :mod:`ipaddress` and its 20 ms of start-up.

An IPv4 address inside IPv6 (mapped, ``::ffff:0:0/96``, or NAT64, ``64:ff9b::/96``) has the class of
the IPv4 address, because that is the one that is reached. Where :mod:`ipaddress` has a word for an
address, this module says the same; it is tested against it.

``private`` is not "inside a virtual network": a network may use public ranges, and Azure hands out
100.64.0.0/10 as well. Compare with the private endpoint's own address before judging.

Source: https://www.iana.org/assignments/iana-ipv4-special-registry,
https://www.iana.org/assignments/iana-ipv6-special-registry, RFC 4291, RFC 6052, RFC 6598.
"""

from __future__ import annotations

from refused.service.facts import SURE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from refused.service.facts import Certainty

    Version = Literal[4, 6]
    AddressClass = Literal[
        "public",
        "private",
        "loopback",
        "link-local",
        "unspecified",
        "shared",
        "documentation",
        "multicast",
        "reserved",
        "not-an-address",
    ]

_IPV4 = "https://www.iana.org/assignments/iana-ipv4-special-registry"
_IPV6 = "https://www.iana.org/assignments/iana-ipv6-special-registry"
_RFC_4291 = "https://www.rfc-editor.org/rfc/rfc4291"

# The first block that holds an address decides, so what is narrow stands before what is wide.
# Shape: (first address as a number, prefix length, class, source, certainty).
BLOCKS_V4: tuple[tuple[int, int, AddressClass, str, Certainty], ...] = (
    (0x00000000, 32, "unspecified", _IPV4, SURE),
    (0x00000000, 8, "reserved", _IPV4, SURE),
    (0x7F000000, 8, "loopback", _IPV4, SURE),
    (0xA9FE0000, 16, "link-local", _IPV4, SURE),
    (0xE0000000, 4, "multicast", _IPV4, SURE),
    (0x64400000, 10, "shared", _IPV4, SURE),
    (0xC0000200, 24, "documentation", _IPV4, SURE),
    (0xC6336400, 24, "documentation", _IPV4, SURE),
    (0xCB007100, 24, "documentation", _IPV4, SURE),
    (0x0A000000, 8, "private", _IPV4, SURE),
    (0xAC100000, 12, "private", _IPV4, SURE),
    (0xC0A80000, 16, "private", _IPV4, SURE),
    (0xC0000009, 32, "public", _IPV4, SURE),
    (0xC000000A, 32, "public", _IPV4, SURE),
    (0xC0000000, 24, "reserved", _IPV4, SURE),
    (0xC6120000, 15, "reserved", _IPV4, SURE),
    (0xF0000000, 4, "reserved", _IPV4, SURE),
)
BLOCKS_V6: tuple[tuple[int, int, AddressClass, str, Certainty], ...] = (
    (0, 128, "unspecified", _IPV6, SURE),
    (1, 128, "loopback", _IPV6, SURE),
    (0xFE80 << 112, 10, "link-local", _IPV6, SURE),
    (0xFEC0 << 112, 10, "private", _RFC_4291, SURE),  # site-local, long deprecated
    (0xFF << 120, 8, "multicast", _RFC_4291, SURE),
    (0xFC << 120, 7, "private", _IPV6, SURE),
    (0x20010DB8 << 96, 32, "documentation", _IPV6, SURE),
    (0x3FFF << 112, 20, "documentation", _IPV6, SURE),
    ((0x20010001 << 96) + 1, 128, "public", _IPV6, SURE),
    ((0x20010001 << 96) + 2, 128, "public", _IPV6, SURE),
    ((0x20010001 << 96) + 3, 128, "public", _IPV6, SURE),
    (0x20010003 << 96, 32, "public", _IPV6, SURE),
    (0x200100040112 << 80, 48, "public", _IPV6, SURE),
    (0x20010020 << 96, 28, "public", _IPV6, SURE),
    (0x20010030 << 96, 28, "public", _IPV6, SURE),
    (0x2001 << 112, 23, "reserved", _IPV6, SURE),
    (0x2002 << 112, 16, "reserved", _IPV6, SURE),  # 6to4
    (0x2000 << 112, 3, "public", _RFC_4291, SURE),
    (0, 0, "reserved", _RFC_4291, SURE),
)

_MAPPED = 0xFFFF
_NAT64 = 0x0064FF9B << 64


def address_class(text: str) -> AddressClass:
    """Say what kind of address *text* is; anything else is ``not-an-address``, never an error.

    >>> address_class("10.1.2.3"), address_class("::ffff:127.0.0.1"), address_class("localhost")
    ('private', 'loopback', 'not-an-address')
    """
    parsed = parse(text)
    if parsed is None:
        return "not-an-address"
    version, number = parsed
    if version == 6 and number >> 32 in (_MAPPED, _NAT64):
        version, number = 4, number & 0xFFFFFFFF
    width, blocks = (32, BLOCKS_V4) if version == 4 else (128, BLOCKS_V6)
    for first, prefix, name, _, _ in blocks:
        if (number ^ first) >> (width - prefix) == 0:
            return name
    return "public"


def parse(text: str) -> tuple[Version, int] | None:
    """Read an address literal as its version and number; ``None`` for any other text.

    A zone (``fe80::1%eth0``) is dropped. Leading zeros are refused, because programs disagree on
    whether ``010`` is eight or ten.
    """
    number = _parse_v4(text)
    if number is not None:
        return 4, number
    number = _parse_v6(text)
    return None if number is None else (6, number)


def in_range(text: str, first: str, last: str) -> bool:
    """Whether *text* lies between *first* and *last*, both included, as a cache's firewall asks."""
    address, low, high = parse(text), parse(first), parse(last)
    if address is None or low is None or high is None:
        return False
    return low[0] == address[0] == high[0] and low[1] <= address[1] <= high[1]


def in_network(text: str, network: str) -> bool:
    """Whether *text* lies in *network* (``10.0.0.0/8``; without a length, the one address).

    Bits behind the prefix are ignored, as in a route. What is not a network holds nothing.
    """
    base, slash, length = network.partition("/")
    address, start = parse(text), parse(base)
    if address is None or start is None or address[0] != start[0]:
        return False
    width = 32 if start[0] == 4 else 128
    prefix = _decimal(length, width) if slash else width
    return prefix is not None and (address[1] ^ start[1]) >> (width - prefix) == 0


def _decimal(text: str, most: int) -> int | None:
    """Read ASCII digits without leading zeros, up to *most*."""
    if not 1 <= len(text) <= 3 or text.strip("0123456789") or (text[0] == "0" and text != "0"):
        return None
    number = int(text)
    return number if number <= most else None


def _parse_v4(text: str) -> int | None:
    octets = text.split(".", 4)
    if len(octets) != 4:
        return None
    number = 0
    for octet in octets:
        value = _decimal(octet, 255)
        if value is None:
            return None
        number = number << 8 | value
    return number


def _parse_v6(text: str) -> int | None:
    bare, percent, zone = text.partition("%")
    head, gap, tail = bare.partition("::")
    before, after = _groups(head, is_last=not gap), _groups(tail, is_last=True)
    if before is None or after is None or (percent and (not zone or "%" in zone)):
        return None
    zeros = 8 - len(before) - len(after)
    if (gap and zeros < 1) or (not gap and zeros != 0):
        return None
    number = 0
    for group in [*before, *[0] * zeros, *after]:
        number = number << 16 | group
    return number


def _groups(text: str, *, is_last: bool) -> list[int] | None:
    """Read groups of hexadecimal digits; the *last* may end in an IPv4 address."""
    if not text:
        return []
    groups = []
    texts = text.split(":")
    for at, group in enumerate(texts, 1):
        dotted = _parse_v4(group) if is_last and at == len(texts) else None
        if dotted is not None:
            groups += [dotted >> 16, dotted & 0xFFFF]
        elif 1 <= len(group) <= 4 and not group.strip("0123456789abcdefABCDEF"):
            groups.append(int(group, 16))
        else:
            return None
    return groups
