"""IP addresses as text, without :mod:`ipaddress`, which costs more to load than to do without."""

from __future__ import annotations


def ipv4_text(packed: bytes) -> str:
    """Four bytes as a dotted quad."""
    return ".".join(map(str, packed))


def ipv6_text(packed: bytes) -> str:
    """Sixteen bytes in the one canonical form, so that two texts can be compared.

    >>> ipv6_text(bytes.fromhex("20010db8000000000000000000000001"))
    '2001:db8::1'

    Source: RFC 5952, sections 4 and 5.
    """
    if packed[:12] == b"\0" * 10 + b"\xff\xff":
        return "::ffff:" + ipv4_text(packed[12:])
    words = [f"{packed[at] << 8 | packed[at + 1]:x}" for at in range(0, 16, 2)]
    first, length = _longest_zeros(words)
    if length < 2:
        return ":".join(words)
    return ":".join(words[:first]) + "::" + ":".join(words[first + length :])


def _longest_zeros(words: list[str]) -> tuple[int, int]:
    """Where the longest run of zeros starts, and how long it is; the first of equals wins."""
    best, run = (0, 0), 0
    for at, word in enumerate(words):
        run = run + 1 if word == "0" else 0
        if run > best[1]:
            best = (at - run + 1, run)
    return best
