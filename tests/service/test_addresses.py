"""Addresses are read as :mod:`ipaddress` reads them, only sooner."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from refused.service.addresses import (
    BLOCKS_V4,
    BLOCKS_V6,
    address_class,
    in_network,
    in_range,
    parse,
)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# The registries change, and a library of last year follows last year's. A witness of each block
# tells whether this one is up to date; where it is not, there is nothing to compare with.
LAGGING = [
    ipaddress.ip_network(block)
    for block, witness, is_global in (
        ("192.0.0.0/24", "192.0.0.128", False),
        ("64:ff9b:1::/48", "64:ff9b:1::1", False),
        ("2001::/23", "2001:1::1", True),
        ("2001:1::3/128", "2001:1::3", True),
        ("2002::/16", "2002::1", False),
        ("3fff::/20", "3fff::1", False),
    )
    if ipaddress.ip_address(witness).is_global != is_global
]
# What the library takes at face value and we look into, and what it calls site-local.
OUR_OWN = [ipaddress.ip_network(text) for text in ("::ffff:0:0/96", "64:ff9b::/96", "fec0::/10")]

# Random addresses seldom meet a small block, so blocks are sought out, with both neighbours.
EDGES_V4 = [
    number
    for first, prefix, *_ in BLOCKS_V4
    for number in (first - 1, first, first + (1 << (32 - prefix)) - 1, first + (1 << (32 - prefix)))
    if 0 <= number < 1 << 32
]
EDGES_V6 = [
    number
    for first, prefix, *_ in BLOCKS_V6
    for number in (
        first - 1,
        first,
        first + (1 << (128 - prefix)) - 1,
        first + (1 << (128 - prefix)),
    )
    if 0 <= number < 1 << 128
]
v4 = st.one_of(st.sampled_from(EDGES_V4), st.integers(0, (1 << 32) - 1)).map(ipaddress.IPv4Address)
v6 = st.one_of(st.sampled_from(EDGES_V6), st.integers(0, (1 << 128) - 1)).map(ipaddress.IPv6Address)
addresses = st.one_of(v4, v6)

# Texts that are nearly addresses.
nearly = st.one_of(
    st.text(alphabet="0123456789abcdef:.%/", max_size=45),
    st.lists(st.sampled_from(["0", "1", "255", "256", "01", "", "-1", "²"]), max_size=5).map(
        ".".join
    ),
    st.lists(st.sampled_from(["0", "ffff", "10000", "", "g", "1.2.3.4"]), max_size=10).map(
        ":".join
    ),
)


def library_says(text: str) -> Address | None:
    """Return what :mod:`ipaddress` makes of *text*."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20.42.65.90", "public"),
        ("10.1.2.3", "private"),
        ("172.31.255.255", "private"),
        ("172.32.0.0", "public"),
        ("192.168.0.1", "private"),
        ("100.64.0.1", "shared"),
        ("127.0.0.53", "loopback"),
        ("0.0.0.0", "unspecified"),
        ("0.1.2.3", "reserved"),
        ("169.254.169.254", "link-local"),
        ("168.63.129.16", "public"),
        ("203.0.113.9", "documentation"),
        ("224.0.0.251", "multicast"),
        ("255.255.255.255", "reserved"),
        ("::", "unspecified"),
        ("::1", "loopback"),
        ("fe80::1%eth0", "link-local"),
        ("fd00::5", "private"),
        ("fec0::1", "private"),
        ("2603:1030::1", "public"),
        ("2001:db8::1", "documentation"),
        ("ff02::1", "multicast"),
        ("4000::1", "reserved"),
        ("::ffff:10.0.0.4", "private"),
        ("::ffff:20.42.65.90", "public"),
        ("64:ff9b::20.42.65.90", "public"),
        ("64:ff9b::10.0.0.4", "private"),
        ("64:ff9b:1::10.0.0.4", "reserved"),
        ("::10.0.0.4", "reserved"),
        ("localhost", "not-an-address"),
        ("010.0.0.1", "not-an-address"),
        ("[::1]", "not-an-address"),
        ("10.0.0.0/8", "not-an-address"),
        ("", "not-an-address"),
    ],
)
def test_what_people_meet(text: str, expected: str) -> None:
    """One address of every class, and what only looks like one."""
    assert address_class(text) == expected


@given(st.one_of(nearly, addresses.map(str), st.text(max_size=30)))
@example("1.2.3.4::")
@example("::1.2.3.4")
@example("1:2:3:4:5:6:7::")
@example("::2:3:4:5:6:7:8")
@example("1:2:3:4:5:6:7:8::")
@example(":::")
@example(":1::2")
@example("1::2:")
@example("::1%")
@example("::1%a%b")
@example("1.2.3.4%eth0")
@example("٣.1.1.1")
def test_the_same_texts_are_addresses(text: str) -> None:
    """What the library refuses we refuse, and a number we read is the library's."""
    known = library_says(text)
    expected = None if known is None else (known.version, int(known))
    assert parse(text) == expected
    assert (address_class(text) == "not-an-address") == (known is None)


@given(addresses)
def test_the_classes_are_the_library_s(address: Address) -> None:
    """Where :mod:`ipaddress` has a word for an address, ours agrees with it."""
    if any(address in network for network in OUR_OWN):
        return
    ours = address_class(str(address))
    assert (ours == "unspecified") == address.is_unspecified
    assert (ours == "loopback") == address.is_loopback
    assert (ours == "link-local") == address.is_link_local
    assert (ours == "multicast") == address.is_multicast
    if any(address in network for network in LAGGING):
        return
    is_everybodys = address.is_global and not address.is_multicast and not address.is_reserved
    assert (ours == "public") == is_everybodys
    assert ours != "private" or address.is_private
    assert ours != "documentation" or address.is_private
    assert ours != "shared" or not (address.is_private or address.is_global)


@given(v4)
def test_an_address_inside_an_address_keeps_its_class(address: ipaddress.IPv4Address) -> None:
    """Mapped or behind NAT64, it is still the same destination."""
    assert address_class(f"::ffff:{address}") == address_class(str(address))
    assert address_class(f"64:ff9b::{address}") == address_class(str(address))


@given(addresses)
def test_any_spelling_is_the_same_address(address: Address) -> None:
    """Long or short, upper or lower case."""
    assert parse(address.exploded.upper()) == parse(str(address)) == (address.version, int(address))


@given(addresses, addresses, st.data())
def test_a_network_holds_what_the_library_says(
    address: Address, stranger: Address, data: st.DataObject
) -> None:
    """Bits behind the prefix do not count, and the last one before it does."""
    bit = data.draw(st.integers(0, address.max_prefixlen - 1))
    neighbour = type(address)(int(address) ^ 1 << bit)
    for prefix in (0, address.max_prefixlen - bit - 1, address.max_prefixlen - bit):
        network = ipaddress.ip_network(f"{address}/{prefix}", strict=False)
        for other in (address, neighbour, stranger):
            assert in_network(str(other), f"{address}/{prefix}") == (other in network)


@pytest.mark.parametrize("network", ["", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/x", "AzureCloud"])
def test_what_is_no_network_holds_nothing(network: str) -> None:
    """A service tag or a slip of the pen is no reason to fail."""
    assert not in_network("10.0.0.0", network)


def test_a_network_without_a_length_is_one_address() -> None:
    """As network rules write it."""
    assert in_network("10.0.0.1", "10.0.0.1")
    assert not in_network("10.0.0.2", "10.0.0.1")


@given(v4, v4, v4)
def test_a_firewall_range_includes_both_ends(
    address: ipaddress.IPv4Address, first: ipaddress.IPv4Address, last: ipaddress.IPv4Address
) -> None:
    """The rule of a cache is a pair of addresses."""
    assert in_range(str(address), str(first), str(last)) == (first <= address <= last)
    assert in_range(str(first), str(first), str(first))


def test_a_range_does_not_mix_versions() -> None:
    """The number of an IPv6 address may lie between two of IPv4 and still not be among them."""
    assert not in_range("::a00:1", "10.0.0.0", "10.0.0.255")
    assert not in_range("host", "10.0.0.0", "10.0.0.255")
