"""Name lookups: the system's, each resolver's on the wire, and what the host's files say."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import select
import shutil
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import dns.flags
import dns.resolver
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from refused.evidence.observations import HostsEntry, NameLookup, ResolverSettings, Unseen
from refused.probes import names
from refused.probes.names import (
    ask,
    hosts_entry,
    lookup,
    parse_resolver,
    resolver_settings,
)
from tests.conftest import LATE_S
from tests.probes.networks import Namespace, Routed, namespaces, routed
from tests.probes.resolvers import Asked, Resolver, from_zone, installed, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from refused.evidence.observations import DnsAnswer

HOST = "mycache.redis.cache.windows.net"
LINK = "mycache.privatelink.redis.cache.windows.net"
ROOT = Path(__file__).resolve().parents[2]


def asking(
    address: tuple[str, int], host: str = HOST, qtype: str = "A", wait_s: float = 2.0
) -> DnsAnswer:
    """Ask one question."""
    return ask(address, host, qtype, vantage="here", wait_s=wait_s)


def asked_of(
    answering: Callable[[Asked], list[bytes]], wait_s: float = 2.0
) -> tuple[DnsAnswer, list[Asked]]:
    """Ask a resolver that answers in a manner of its own."""
    with Resolver(answering) as resolver:
        return asking(resolver.address, wait_s=wait_s), resolver.asked


# --- a resolver on the wire ----------------------------------------------------------------------


@pytest.fixture(scope="module", params=installed())
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, int]]:
    """Give the address of a DNS server with the zone ``test``, once it answers."""
    with serving(request.param, tmp_path_factory.mktemp(request.param)) as address:
        ends = time.monotonic() + 20
        while asking(address, "cache.test", wait_s=0.2).outcome != "answered":
            assert time.monotonic() < ends, f"{request.param} does not answer"
            select.select([], [], [], 0.02)
        yield address


def test_a_real_server_leads_through_the_alias(server: tuple[str, int]) -> None:
    """The chain is kept: it says more than the address."""
    answer = asking(server, "cache.test")

    assert (answer.outcome, answer.rcode, answer.transport) == ("answered", 0, "udp")
    assert (answer.addresses, answer.aliases) == (("10.0.0.5",), ("cache.privatelink.test",))
    assert answer.resolver == f"127.0.0.1:{server[1]}"
    assert [record.type for record in answer.chain] == ["CNAME", "A"]


def test_a_real_server_has_ipv6(server: tuple[str, int]) -> None:
    """And a name with IPv6 alone has no IPv4 address, which is not to say it does not exist."""
    assert asking(server, "six.test", "AAAA").addresses == ("fd00::6",)
    assert asking(server, "six.test").outcome == "no-address"


def test_a_real_server_knows_what_is_not_there(server: tuple[str, int]) -> None:
    """NXDOMAIN is an answer."""
    answer = asking(server, "nobody.test")

    assert (answer.outcome, answer.rcode, answer.chain) == ("nxdomain", 3, ())


def test_a_real_server_sends_long_answers_by_tcp(server: tuple[str, int]) -> None:
    """A datagram has no room for 120 addresses."""
    answer = asking(server, "big.test")

    assert (answer.outcome, answer.transport, len(answer.addresses)) == ("answered", "tcp", 120)


def test_a_chain_that_leads_nowhere_is_kept() -> None:
    """An alias to a name without an address: a private zone that lacks the record."""
    answer, _ = asked_of(lambda asked: [asked.reply(f"{HOST}. 60 IN CNAME {LINK}.")])

    assert (answer.outcome, answer.addresses, answer.aliases) == ("no-address", (), (LINK,))


def test_a_chain_to_a_name_that_does_not_exist_is_kept() -> None:
    """NXDOMAIN speaks of the last name of the chain."""
    answer, _ = asked_of(
        lambda asked: [asked.reply(f"{HOST}. 60 IN CNAME {LINK}.", rcode="NXDOMAIN")]
    )

    assert (answer.outcome, answer.aliases) == ("nxdomain", (LINK,))


@pytest.mark.parametrize(
    ("rcode", "outcome", "number"),
    [("SERVFAIL", "servfail", 2), ("REFUSED", "refused", 5), ("NOTIMP", "other", 4)],
)
def test_a_resolver_that_will_not_or_cannot_tell(rcode: str, outcome: str, number: int) -> None:
    """Each refusal keeps its number."""
    answer, _ = asked_of(lambda asked: [asked.reply(rcode=rcode)])

    assert (answer.outcome, answer.rcode) == (outcome, number)


def test_the_chain_is_put_in_order_and_strangers_are_left_out() -> None:
    """Some servers put addresses first, and one that belongs to another name is no answer."""
    answer, _ = asked_of(
        lambda asked: [
            asked.reply(
                "elsewhere.example. 60 IN A 192.0.2.66",
                f"{LINK.upper()}. 60 IN A 10.0.0.5",
                f"{HOST}. 60 IN CNAME {LINK}.",
            )
        ]
    )

    assert [record.type for record in answer.chain] == ["CNAME", "A"]
    assert answer.addresses == ("10.0.0.5",)


def test_a_chain_that_bites_its_tail_ends() -> None:
    """It leads to no address."""
    answer, _ = asked_of(
        lambda asked: [asked.reply(f"{HOST}. 60 IN CNAME {LINK}.", f"{LINK}. 60 IN CNAME {HOST}.")]
    )

    assert (answer.outcome, answer.aliases) == ("no-address", (LINK, HOST))


def test_a_question_that_was_lost_is_asked_once_more() -> None:
    """After a third of the time, with the same number, from the same port."""
    times: list[float] = []

    def lose_the_first(asked: Asked) -> list[bytes]:
        times.append(time.monotonic())
        return [asked.reply(f"{HOST}. 60 IN A 10.0.0.5")] if len(times) == 2 else []

    answer, asked = asked_of(lose_the_first, wait_s=1.2)

    assert (answer.outcome, len(asked)) == ("answered", 2)
    assert 0.35 < times[1] - times[0] < 0.8
    assert asked[0].message.id == asked[1].message.id
    assert asked[0].caller == asked[1].caller


def test_numbers_and_ports_cannot_be_guessed() -> None:
    """They differ from question to question."""
    with Resolver(from_zone) as resolver:
        for _ in range(8):
            asking(resolver.address, "cache.test")

    assert len({asked.message.id for asked in resolver.asked}) > 4
    assert len({asked.caller for asked in resolver.asked}) > 4


def test_silence_lasts_as_long_as_we_were_told_to_wait() -> None:
    """Two questions, no answer."""
    answer, asked = asked_of(lambda _: [], wait_s=0.3)

    assert (answer.outcome, answer.rcode, len(asked)) == ("silent", None, 2)
    assert 299 <= answer.took_ms < 1000 * (0.3 + LATE_S)


def test_a_closed_port_is_told_from_silence() -> None:
    """ICMP comes back, and there is nothing to wait for."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        nobody = free.getsockname()

    answer = asking(nobody)

    assert answer.outcome == "unreachable"
    assert (
        answer.source == f"DNS query: {os.strerror(errno.ECONNREFUSED)}" or sys.platform != "linux"
    )


def test_what_does_not_answer_the_question_is_passed_over() -> None:
    """A forger's guess, noise, and an answer to another question come first."""

    def noisily(asked: Asked) -> list[bytes]:
        right = asked.reply(f"{HOST}. 60 IN A 10.0.0.5")
        forged = bytes((right[0] ^ 1,)) + right[1:]
        asked.message.question[0].name = dns.name.from_text("other.example")
        return [forged, b"noise", asked.reply(), right]

    answer, _ = asked_of(noisily)

    assert (answer.outcome, answer.addresses) == ("answered", ("10.0.0.5",))


def test_noise_and_nothing_else_is_garbled() -> None:
    """We wait to the end, for the right answer might have come."""
    answer, _ = asked_of(lambda _: [b"noise"], wait_s=0.3)

    assert answer.outcome == "garbled"
    assert answer.took_ms >= 299


def test_an_answer_from_another_address_is_nobodys() -> None:
    """Whoever was not asked is not heard."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.1", 0))

        def by_another(asked: Asked) -> list[bytes]:
            stranger.sendto(asked.reply(f"{HOST}. 60 IN A 192.0.2.66"), asked.caller)
            return []

        answer, asked = asked_of(by_another, wait_s=0.3)

    assert (answer.outcome, answer.chain) == ("silent", ())
    assert asked


def cut_off(asked: Asked, *by_tcp: bytes) -> list[bytes]:
    """Send the client to TCP."""
    return [asked.reply(flags=dns.flags.TC)] if asked.transport == "udp" else list(by_tcp)


def test_tcp_that_hangs_up_is_told() -> None:
    """The truncated answer was only half the story."""
    answer, _ = asked_of(cut_off)

    assert (answer.outcome, answer.transport) == ("other", "tcp")
    assert answer.source == "DNS query by TCP: it closed the connection before it had answered"


def test_noise_by_tcp_is_garbled() -> None:
    """There, no other answer can come."""
    answer, _ = asked_of(lambda asked: cut_off(asked, b"noise"))

    assert (answer.outcome, answer.transport) == ("garbled", "tcp")


def test_tcp_that_says_nothing_is_silence() -> None:
    """A firewall that lets UDP through, and not TCP, is common."""
    with contextlib.ExitStack() as kept:
        resolver = kept.enter_context(Resolver(cut_off))
        host, port = resolver.address
        # Keep the one thread busy that serves TCP.
        kept.enter_context(socket.create_connection((host, port))).sendall(b"\0")
        answer = asking((host, port), wait_s=0.4)

    assert (answer.outcome, answer.transport) == ("silent", "tcp")
    assert 399 <= answer.took_ms < 1000 * (0.4 + LATE_S)


def test_a_resolver_without_tcp_is_told() -> None:
    """RFC 7766 demands it; not everybody has heard."""
    with Resolver(cut_off, hears_tcp=False) as resolver:
        answer = asking(resolver.address)

    assert (answer.outcome, answer.transport) == ("unreachable", "tcp")
    assert answer.source == "DNS query by TCP: refused"


@pytest.mark.parametrize("host", ["", "a..b", "a" * 64, "b." * 200, "a b", "\u1f4a9" * 60])
def test_what_cannot_be_a_name_is_not_asked_for(host: str) -> None:
    """It is said why, and nobody is asked."""
    with Resolver(from_zone) as resolver:
        answer = asking(resolver.address, host)

    assert (answer.outcome, resolver.asked) == ("other", [])
    assert answer.source.startswith("nobody was asked: ")


def test_an_international_name_is_asked_for_in_its_ascii_form() -> None:
    """As the client would."""
    with Resolver(lambda asked: [asked.reply("xn--bcher-kva.test. 60 IN A 10.0.0.7")]) as resolver:
        answer = asking(resolver.address, "b\u00fccher.test")

    assert answer.addresses == ("10.0.0.7",)
    assert resolver.asked[0].message.question[0].name.to_text() == "xn--bcher-kva.test."


def test_a_resolver_may_have_an_ipv6_address() -> None:
    """Its port is written behind brackets."""
    try:
        resolver = Resolver(from_zone, "::1")
    except OSError:
        pytest.skip("needs IPv6")
    with resolver:
        answer = asking(resolver.address, "cache.test")

    assert answer.resolver == f"[::1]:{resolver.address[1]}"
    assert answer.outcome == "answered"


@given(st.lists(st.binary(max_size=80), max_size=3), st.lists(st.binary(max_size=80), max_size=2))
@settings(max_examples=20)
def test_whatever_comes_back_becomes_an_answer(udp: list[bytes], tcp: list[bytes]) -> None:
    """Bytes from strangers never raise."""

    def answering(asked: Asked) -> list[bytes]:
        head = asked.message.id.to_bytes(2, "big")
        if asked.transport == "udp":
            return [head + noise for noise in udp] + [asked.reply(flags=dns.flags.TC)]
        return [head + noise for noise in tcp]

    answer, _ = asked_of(answering, wait_s=1.0)

    assert answer.outcome in ("garbled", "other", "no-address")


@pytest.mark.kernel
def test_what_a_packet_filter_does_to_questions_is_told() -> None:
    """A router's reject is heard at once; so is this host's own drop, which UDP tells of."""
    with routed() as made:
        made.router.filter("forward", "udp dport 53 reject with icmp type host-unreachable")
        made.client.filter("output", "udp dport 5353 drop", "udp dport 5454 reject")
        by_router = made.client.inside(lambda: asking((Routed.SERVER, 53)))
        dropped = made.client.inside(lambda: asking((Routed.SERVER, 5353)))
        by_host = made.client.inside(lambda: asking((Routed.SERVER, 5454)))

    assert (by_router.outcome, by_router.source) == ("unreachable", "DNS query: No route to host")
    assert (dropped.outcome, dropped.source) == (
        "unreachable",
        "DNS query: Operation not permitted",
    )
    assert by_host.outcome == "unreachable"


# --- the system's lookup -------------------------------------------------------------------------


def looked_up(host: str, wait_s: float = 5.0) -> NameLookup:
    """Ask the system."""
    return lookup(host, 6380, vantage="here", wait_s=wait_s)


def test_the_system_knows_this_host() -> None:
    """Without asking anybody else; each address once."""
    seen = looked_up("localhost")

    assert (seen.outcome, seen.error, seen.source) == ("answered", None, "getaddrinfo(3)")
    assert set(seen.addresses) <= {"127.0.0.1", "::1"}
    assert len(seen.addresses) == len(set(seen.addresses)) > 0


@pytest.mark.parametrize("address", ["10.0.0.5", "::1", "fe80::1%lo", "FD00::0:5"])
def test_an_address_is_returned_as_it_is(address: str) -> None:
    """Nobody is asked, and no time passes."""
    seen = lookup(address, 6380, vantage="here", wait_s=0)

    assert (seen.outcome, seen.addresses) == ("answered", (address,))
    assert seen.source == "an address, which needs no lookup"


@pytest.mark.parametrize("host", ["a\0b", "\u00fc" * 300, "\u00fc..test", "\ud800"])
def test_what_cannot_be_written_fails(host: str) -> None:
    """And nobody is asked."""
    seen = looked_up(host)

    assert (seen.outcome, seen.source) == ("failed", "nobody was asked")


def test_a_link_local_address_keeps_its_link() -> None:
    """Without it the address cannot be dialled."""
    link = socket.if_indextoname(1)

    assert names._with_scope(("fe80::1", 80, 0, 1)) == f"fe80::1%{link}"
    assert names._with_scope(("fe80::1", 80, 0, 999_999)) == "fe80::1%999999"
    assert names._with_scope(("::1", 80, 0, 0)) == "::1"
    assert names._with_scope(("10.0.0.5", 80)) == "10.0.0.5"


@pytest.mark.parametrize(
    ("number", "outcome"),
    [
        (socket.EAI_NONAME, "not-found"),
        (socket.EAI_AGAIN, "try-again"),
        (socket.EAI_FAIL, "failed"),
        (11001, "not-found"),
        (11002, "try-again"),
        (11004, "no-address"),
        (None, "failed"),
    ],
)
def test_each_systems_numbers_have_the_same_words(number: int | None, outcome: str) -> None:
    """Windows has numbers of its own."""
    assert names._lookup_outcome(number) == outcome


SCRIPT = """
import json, sys
from refused.probes.names import lookup
for host in sys.argv[1:]:
    print(json.dumps(lookup(host, 6380, vantage="here", wait_s=1.5).to_json()))
"""


@contextlib.contextmanager
def resolving(space: Namespace, **files: str) -> Iterator[None]:
    """Give programs in a namespace their own files in ``/etc``."""
    folder = Path("/etc/netns", space.name)
    existed = folder.parent.is_dir()
    folder.mkdir(parents=True)
    try:
        for name, text in files.items():
            (folder / name.replace("_", ".")).write_text(text)
        yield
    finally:
        shutil.rmtree(folder)
        if not existed:
            folder.parent.rmdir()


def _system(asked: Asked) -> list[bytes]:
    name = asked.message.question[0].name.to_text().lower()
    if name == "silent.test.":
        return []
    if name == "ill.test.":
        return [asked.reply(rcode="SERVFAIL")]
    if name == "void.test.":
        return [asked.reply()]
    return list(from_zone(asked))


@pytest.mark.kernel
def test_the_c_library_tells_its_failures_apart() -> None:
    """With a resolver of our own on port 53 and files of our own in /etc."""
    hosts = ["cache.test", "nobody.test", "void.test", "ill.test", "silent.test", "pinned.test"]
    with namespaces("client") as (space,):
        files = {
            "resolv_conf": "nameserver 127.0.0.1\noptions timeout:5 attempts:1\nsearch .\n",
            "hosts": "10.9.9.9 Pinned.test\n10.9.9.9 pinned.test\nfd00::9 pinned.test\n",
            "nsswitch_conf": "hosts: files dns\n",
        }
        with resolving(space, **files), space.inside(lambda: Resolver(_system, port=53)):
            said = space.output(
                *("env", f"PYTHONPATH={ROOT / 'src'}", sys.executable, "-c", SCRIPT, *hosts)
            )
    seen = {}
    for line in said.splitlines():
        each = NameLookup.from_json(json.loads(line))
        seen[each.host] = each

    assert {host: seen[host].outcome for host in hosts} == {
        "cache.test": "answered",
        "nobody.test": "not-found",
        "void.test": "no-address",
        "ill.test": "try-again",
        "silent.test": "silent",
        "pinned.test": "answered",
    }
    assert seen["cache.test"].addresses == ("10.0.0.5",)
    assert sorted(seen["pinned.test"].addresses) == ["10.9.9.9", "fd00::9"]
    assert (seen["nobody.test"].error, seen["void.test"].error) == (-2, -5)
    assert seen["nobody.test"].error_text
    assert 1499 <= seen["silent.test"].took_ms < 1000 * (1.5 + LATE_S)


# --- the host's files ----------------------------------------------------------------------------


def written(root: Path, text: str | bytes, *, file: str = "etc/resolv.conf") -> str:
    """Write a file below *root*, and return *root* as the probes take it."""
    path = root / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(root)


def set_to(root: Path, text: str | bytes) -> ResolverSettings:
    """Read a ``resolv.conf``."""
    seen = resolver_settings(vantage="here", root=written(root, text))
    assert isinstance(seen, ResolverSettings)
    return seen


def test_a_resolv_conf_as_kubernetes_writes_it(tmp_path: Path) -> None:
    """Five dots before a name counts as whole: every lookup of a cache asks four names first."""
    seen = set_to(
        tmp_path,
        "search shop.svc.cluster.local svc.cluster.local cluster.local\n"
        "nameserver 10.96.0.10\noptions ndots:5 edns0\n",
    )

    assert seen.nameservers == ("10.96.0.10",)
    assert seen.search == ("shop.svc.cluster.local", "svc.cluster.local", "cluster.local")
    assert (seen.ndots, seen.options) == (5, ("ndots:5", "edns0"))
    assert seen.source == f"{tmp_path}/etc/resolv.conf"


def test_a_resolv_conf_with_everything_people_write(tmp_path: Path) -> None:
    """Comments, Windows line ends, IPv6 with a link, an indented line, and what is no address."""
    seen = set_to(
        tmp_path,
        b"# nameserver 1.1.1.1\r\n; nameserver 2.2.2.2\r\nnameserver\t168.63.129.16 # Azure\r\n"
        b"  nameserver 3.3.3.3\r\nnameserver dns.example\nnameserver fe80::1%eth0\n"
        b"nameserver\nsearch a.example\ndomain b.example c.example\noptions ndots:9\xff ndots:42\n",
    )

    assert seen.nameservers == ("168.63.129.16", "fe80::1%eth0")
    assert seen.search == ("b.example",)
    assert seen.ndots == 15


def test_without_a_server_the_c_library_asks_this_host(tmp_path: Path) -> None:
    """Which is seldom what was meant."""
    seen = set_to(tmp_path, "search a.example\n")

    assert seen.nameservers == ("127.0.0.1",)
    assert "names none" in seen.source


def test_behind_the_stub_of_systemd_stand_the_real_servers(tmp_path: Path) -> None:
    """What is asked is the stub; what decides is behind it."""
    written(
        tmp_path,
        "nameserver 168.63.129.16\nnameserver 10.0.0.4\n",
        file="run/systemd/resolve/resolv.conf",
    )
    seen = set_to(tmp_path, "nameserver 127.0.0.53\noptions edns0\n")

    assert seen.nameservers == ("127.0.0.53",)
    assert seen.options == (
        "edns0",
        "resolved-upstream:168.63.129.16",
        "resolved-upstream:10.0.0.4",
    )
    assert seen.source.endswith("(the stub of systemd-resolved)")


def test_no_resolv_conf_is_unseen(tmp_path: Path) -> None:
    """It says what to do instead."""
    seen = resolver_settings(vantage="pod a", root=str(tmp_path))

    assert isinstance(seen, Unseen)
    assert (seen.vantage, seen.what) == ("pod a", "ResolverSettings")
    assert seen.why == f"{tmp_path}/etc/resolv.conf: No such file or directory"
    assert "--resolver" in seen.how_to_see


_words = st.from_regex(r"[a-z0-9]{1,9}(\.[a-z0-9]{1,9}){0,3}", fullmatch=True)
_lines = st.one_of(
    st.ip_addresses().map(lambda address: f"nameserver {address}"),
    st.lists(_words, min_size=1, max_size=4).map(lambda found: "search " + " ".join(found)),
    _words.map(lambda word: f"domain {word}"),
    st.integers(0, 30).map(lambda dots: f"options rotate ndots:{dots}"),
    st.sampled_from(["# nameserver 9.9.9.9", "; search x", "", "sortlist 10.0.0.0", "nameserver"]),
)


@given(st.lists(_lines, max_size=8))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_dnspython_reads_the_same_servers(tmp_path: Path, lines: list[str]) -> None:
    """An implementation by others is the oracle, where it follows resolv.conf(5)."""
    text = "\n".join(lines) + "\n"
    seen = set_to(tmp_path, text)
    others = dns.resolver.Resolver(configure=False)
    with contextlib.suppress(dns.resolver.NoResolverConfiguration):
        others.read_resolv_conf(str(tmp_path / "etc/resolv.conf"))

    assert seen.nameservers == (tuple(map(str, others.nameservers)) or ("127.0.0.1",))
    assert seen.ndots == min(15, 1 if others.ndots is None else others.ndots)


@given(st.binary(max_size=300))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_can_be_a_resolv_conf(tmp_path: Path, data: bytes) -> None:
    """Whoever wrote them."""
    assert set_to(tmp_path, b"nameserver 10.0.0.1\n" + data).nameservers[0] == "10.0.0.1"


HOSTS = """\
127.0.0.1\tlocalhost
10.0.0.5  MyCache.Redis.Cache.Windows.NET mycache   # pinned by hand
#10.0.0.6 mycache.redis.cache.windows.net
  10.0.0.7 other mycache.redis.cache.windows.net.
nonsense mycache.redis.cache.windows.net
10.0.0.8
10.0.0.5 mycache.redis.cache.windows.net
notmycache.redis.cache.windows.net 10.0.0.9
"""


def entry(root: Path, host: str = HOST) -> HostsEntry:
    """Look a name up in the hosts file."""
    seen = hosts_entry(host, vantage="here", root=str(root))
    assert isinstance(seen, HostsEntry)
    return seen


@pytest.mark.parametrize("host", [HOST, HOST.upper(), HOST + "."])
def test_every_line_that_names_the_host_is_found(tmp_path: Path, host: str) -> None:
    """In whatever letters, and wherever it stands among several names."""
    written(tmp_path, HOSTS, file="etc/hosts")
    seen = entry(tmp_path, host)

    assert (seen.addresses, seen.lines) == (("10.0.0.5", "10.0.0.7"), (2, 4, 7))
    assert (seen.host, seen.source) == (host, f"{tmp_path}/etc/hosts")


@pytest.mark.parametrize("host", ["cache.redis.cache.windows.net", "pinned", "", ".", "10.0.0.5"])
def test_a_name_that_no_line_has_is_not_found(tmp_path: Path, host: str) -> None:
    """Parts of names, comments and addresses are no names."""
    written(tmp_path, HOSTS, file="etc/hosts")

    assert (entry(tmp_path, host).addresses, entry(tmp_path, host).lines) == ((), ())


def test_a_hosts_file_saved_by_notepad_is_read(tmp_path: Path) -> None:
    """A byte order mark, Windows line ends, and letters of an old code page."""
    data = b"\xef\xbb\xbf10.0.0.5 mycache\r\n# f\xfcr den Cache\r\n10.0.0.6 mycache\r\n"
    written(tmp_path, data, file="etc/hosts")

    assert (entry(tmp_path, "mycache").addresses, entry(tmp_path, "mycache").lines) == (
        ("10.0.0.5", "10.0.0.6"),
        (1, 3),
    )


def test_no_hosts_file_names_nobody(tmp_path: Path) -> None:
    """The C library goes on to the next source without a word."""
    seen = entry(tmp_path)

    assert (seen.addresses, seen.lines) == ((), ())
    assert seen.source.endswith("which does not exist")


def test_a_hosts_file_that_cannot_be_read_is_unseen(tmp_path: Path) -> None:
    """Absence of a line is not known then."""
    (tmp_path / "etc/hosts").mkdir(parents=True)
    seen = hosts_entry(HOST, vantage="here", root=str(tmp_path))

    assert isinstance(seen, Unseen)
    assert (seen.what, seen.why) == ("HostsEntry", f"{tmp_path}/etc/hosts: Is a directory")


def test_a_hosts_file_without_end_is_unseen(tmp_path: Path) -> None:
    """It is not read to its end, so nobody knows what stands there."""
    written(tmp_path, "", file="etc/hosts")
    os.truncate(tmp_path / "etc/hosts", 64 << 20)
    seen = hosts_entry(HOST, vantage="here", root=str(tmp_path))

    assert isinstance(seen, Unseen)
    assert "larger than 16 MiB" in seen.why


@given(st.binary(max_size=300), st.integers(0, 5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_line_is_found_in_any_surroundings(tmp_path: Path, data: bytes, lines: int) -> None:
    """Other lines, comments and garbage change nothing but the number of the line."""
    before = b"\n".join(data.replace(b"\n", b"").replace(b"mycache", b"") for _ in range(lines))
    text = before + b"\n10.0.0.5 mycache\n" + data.replace(b"mycache", b"")
    written(tmp_path, text, file="etc/hosts")
    seen = entry(tmp_path, "mycache")

    assert (seen.addresses, seen.lines) == (("10.0.0.5",), (max(lines, 1) + 1,))


# --- resolvers as the user names them ------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("10.0.0.4", ("10.0.0.4", 53)),
        (" 127.0.0.1:5353 ", ("127.0.0.1", 5353)),
        ("fd00::53", ("fd00::53", 53)),
        ("[fd00::53]", ("fd00::53", 53)),
        ("[fd00::53]:5353", ("fd00::53", 5353)),
        ("[fe80::1%eth0]:53", ("fe80::1%eth0", 53)),
    ],
)
def test_a_resolver_is_an_address_and_perhaps_a_port(text: str, read: tuple[str, int]) -> None:
    """IPv6 needs brackets only where a port follows."""
    assert parse_resolver(text) == read


@pytest.mark.parametrize(
    "text",
    [
        *("", "dns.example", "dns.example:53", "10.0.0", "10.0.0.4:", "10.0.0.4:0", "10.0.0.4:x"),
        *("10.0.0.4:65536", "10.0.0.4:\u0665\u0663", "10.0.0.4:+53", "[10.0.0.4]:53", "[fd00::53"),
        *("[fd00::53]53", "fd00::53]:53", "10.0.0.4:5:3", "10.0.0.4/24", "10.0.0.4\0"),
    ],
)
def test_what_is_no_resolver_is_said_in_one_line(text: str) -> None:
    """With an example of what is one."""
    with pytest.raises(ValueError, match=r"^--resolver: .* is no IP\[:PORT\]; give .*$") as said:
        parse_resolver(text)

    assert "\n" not in str(said.value)


@given(st.text(max_size=30) | st.from_regex(r"[\[\]0-9a-f:.]{1,20}", fullmatch=True))
def test_no_text_does_worse_than_that(text: str) -> None:
    """What is read can be written and read again."""
    try:
        host, port = parse_resolver(text)
    except names.BadResolver:
        return
    again = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    assert parse_resolver(again) == (host, port)
