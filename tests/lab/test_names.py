"""The DNS server answers as its zone says; dnspython is the witness."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest
from hypothesis import given
from hypothesis import strategies as some

from refused.lab.names import DnsServer, Entry, Zone
from tests.conftest import LATE_S

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST = "contoso.redis.cache.windows.net"
ALIAS = "contoso.privatelink.redis.cache.windows.net"
WAIT_S = 0.3


@pytest.fixture
def zone() -> Zone:
    """Know nothing yet."""
    return Zone()


@pytest.fixture
def server(zone: Zone) -> Iterator[DnsServer]:
    """Answer from the zone."""
    with DnsServer(zone) as running:
        yield running


def ask(
    server: DnsServer, name: str = HOST, kind: str = "A", *, tcp: bool = False, wait_s: float = 5
) -> dns.message.Message:
    """Ask one question on the wire."""
    query = dns.message.make_query(name, kind)
    send = dns.query.tcp if tcp else dns.query.udp
    return send(query, server.host, port=server.port, timeout=wait_s)


def told(answer: dns.message.Message) -> list[str]:
    """The answer section, one line for each record set."""
    return [str(rrset) for rrset in answer.answer]


@pytest.mark.parametrize("tcp", [False, True])
def test_a_chain_is_told_in_order_with_its_times(
    zone: Zone, server: DnsServer, *, tcp: bool
) -> None:
    """Aliases first, then the addresses, by UDP and TCP alike."""
    zone.chain(HOST, ALIAS, to=["10.1.0.4", "10.1.0.5", "2001:db8::4"], ttl_s=10)
    assert told(ask(server, tcp=tcp)) == [
        f"{HOST}. 10 IN CNAME {ALIAS}.",
        f"{ALIAS}. 10 IN A 10.1.0.4\n{ALIAS}. 10 IN A 10.1.0.5",
    ]
    assert told(ask(server, kind="AAAA", tcp=tcp))[1:] == [f"{ALIAS}. 10 IN AAAA 2001:db8::4"]


def test_an_unknown_name_does_not_exist(server: DnsServer) -> None:
    """NXDOMAIN."""
    assert ask(server).rcode() == dns.rcode.NXDOMAIN


def test_a_chain_that_leads_nowhere_is_told_as_far_as_it_goes(
    zone: Zone, server: DnsServer
) -> None:
    """NXDOMAIN, with the alias before it."""
    zone.chain(HOST, ALIAS)
    answer = ask(server)
    assert answer.rcode() == dns.rcode.NXDOMAIN
    assert told(answer) == [f"{HOST}. 60 IN CNAME {ALIAS}."]


def test_a_name_without_such_an_address_exists_all_the_same(zone: Zone, server: DnsServer) -> None:
    """NODATA: no error, no answer."""
    zone.a(HOST, "10.1.0.4")
    answer = ask(server, kind="AAAA")
    assert (answer.rcode(), told(answer)) == (dns.rcode.NOERROR, [])


@pytest.mark.parametrize("trouble", ["servfail", "refused", "nxdomain"])
@pytest.mark.parametrize("whole", [False, True])
def test_a_trouble_is_told_by_its_code(
    zone: Zone, server: DnsServer, trouble: str, *, whole: bool
) -> None:
    """Of one name, or of the resolver as a whole."""
    if whole:
        zone.a(HOST, "10.1.0.4")
        zone.trouble = trouble  # type: ignore[assignment]
    else:
        zone.says(HOST, Entry(trouble=trouble))  # type: ignore[arg-type]
    assert ask(server).rcode() == dns.rcode.from_text(trouble.upper())


def test_silence_answers_neither_udp_nor_tcp(zone: Zone, server: DnsServer) -> None:
    """Both time out."""
    zone.says(HOST, Entry(trouble="silent"))
    for tcp in (False, True):
        with pytest.raises(dns.exception.Timeout):
            ask(server, tcp=tcp, wait_s=WAIT_S)


def test_garbage_is_not_a_message(zone: Zone, server: DnsServer) -> None:
    """It comes from the right place with the right id, and cannot be read."""
    zone.says(HOST, Entry(trouble="garbled"))
    with pytest.raises(dns.exception.DNSException):
        ask(server)


def test_a_slow_answer_comes_late_and_holds_up_nobody_else(zone: Zone, server: DnsServer) -> None:
    """Each question has its own patience."""
    zone.says(HOST, Entry(a=("10.1.0.4",), slow_s=3.0))
    zone.a("other.example.net", "10.1.0.5")
    started = time.monotonic()
    with pytest.raises(dns.exception.Timeout):
        ask(server, wait_s=0.1)
    ask(server, "other.example.net")
    assert time.monotonic() - started < 3.0
    assert told(ask(server, wait_s=3.0 + LATE_S)) == [f"{HOST}. 60 IN A 10.1.0.4"]


def test_a_truncated_answer_sends_the_client_to_tcp(zone: Zone, server: DnsServer) -> None:
    """By order, or because it does not fit."""
    zone.says(HOST, Entry(a=("10.1.0.4",), truncated=True))
    zone.a("many.example.net", *(f"10.1.0.{at}" for at in range(1, 200)))
    for name, count in ((HOST, 1), ("many.example.net", 199)):
        short = ask(server, name)
        assert short.flags & dns.flags.TC
        assert not short.answer
        assert len(ask(server, name, tcp=True).answer[0]) == count


def test_a_larger_buffer_spares_the_second_question(zone: Zone, server: DnsServer) -> None:
    """The client's EDNS size counts."""
    zone.a(HOST, *(f"10.1.0.{at}" for at in range(1, 60)))
    query = dns.message.make_query(HOST, "A", use_edns=0, payload=4096)
    answer = dns.query.udp(query, server.host, port=server.port, timeout=5)
    assert not answer.flags & dns.flags.TC
    assert len(answer.answer[0]) == 59


def test_an_answer_can_change_after_some_questions(zone: Zone, server: DnsServer) -> None:
    """The two record types are counted apart."""
    zone.says(HOST, Entry(a=("10.1.0.4",), questions=2), Entry(a=("10.1.0.5",)))
    ask(server, kind="AAAA")
    assert [told(ask(server))[0].split()[-1] for _ in range(3)] == [
        "10.1.0.4",
        "10.1.0.4",
        "10.1.0.5",
    ]
    assert zone.asked(HOST) == 3


def test_letters_keep_their_case_in_the_question(zone: Zone, server: DnsServer) -> None:
    """Some clients mix it to catch forgers."""
    zone.a(HOST, "10.1.0.4")
    answer = ask(server, HOST.upper())
    assert str(answer.question[0].name) == f"{HOST.upper()}."
    assert len(answer.answer) == 1


def test_a_closed_resolver_refuses(zone: Zone) -> None:
    """Nobody listens on its port, UDP or TCP."""
    zone.trouble = "closed"
    with DnsServer(zone) as server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect((server.host, server.port))
        sock.settimeout(5)
        sock.send(b"anybody?")
        with pytest.raises(ConnectionRefusedError):
            sock.recv(1)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((server.host, server.port), 5)


@given(some.binary(max_size=80))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    """What is no question gets no answer."""
    DnsServer(Zone())._reply(data, by_udp=True)


@given(some.binary(min_size=1, max_size=40), some.integers(0, 60))
def test_a_question_with_flipped_bytes_is_survived(noise: bytes, at: int) -> None:
    """Nearly right is the hardest to read."""
    wire = bytearray(dns.message.make_query(HOST, "A").to_wire())
    wire[at : at + len(noise)] = noise
    DnsServer(Zone())._reply(bytes(wire), by_udp=False)
