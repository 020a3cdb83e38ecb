"""Addresses are written the way everybody else writes them."""

from __future__ import annotations

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refused.probes.wire.addresses import ipv4_text, ipv6_text

# Zeros must be common, or no run of them is ever drawn.
WORDS = st.lists(st.sampled_from([0, 0, 0, 1, 0xDB8, 0xFFFF]), min_size=8, max_size=8)


@given(st.binary(min_size=4, max_size=4))
def test_four_bytes_make_a_dotted_quad(packed: bytes) -> None:
    """As the standard library says."""
    assert ipv4_text(packed) == str(ipaddress.IPv4Address(packed))


@given(WORDS)
def test_sixteen_bytes_make_the_text_that_the_c_library_gives(words: list[int]) -> None:
    """An address from DNS must compare equal to the same one from ``getaddrinfo``."""
    packed = b"".join(word.to_bytes(2, "big") for word in words)
    said = socket.inet_ntop(socket.AF_INET6, packed)
    if packed[:12] == bytes(12):  # the C library writes a dotted quad here, long out of use
        said = ipaddress.IPv6Address(packed).compressed

    assert ipv6_text(packed) == said
    assert socket.inet_pton(socket.AF_INET6, ipv6_text(packed)) == packed


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("0:0:0:0:0:0:0:0", "::"),
        ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
        ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"),
        ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
        ("::ffff:10.0.0.4", "::ffff:10.0.0.4"),
    ],
)
def test_the_examples_of_the_standard(text: str, same: str) -> None:
    """RFC 5952, sections 4.2 and 5."""
    assert ipv6_text(socket.inet_pton(socket.AF_INET6, text)) == same
