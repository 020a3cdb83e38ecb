"""The whole program in real networks, against servers, resolvers and filters that are not ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
import trustme

from tests.kernel.worlds import AZURE_ADDRESS, AZURE_HOST, KEY, OWN_HOST, World, world

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(90)]

OWN_TLS = f"rediss://:{quote(KEY, safe='')}@{OWN_HOST}:6380"
OWN_PLAIN = f"redis://:{quote(KEY, safe='')}@{OWN_HOST}:6379"
AZURE_TLS = f"{AZURE_HOST}:6380,password={KEY},ssl=True,abortConnect=False"
PRIVATE_ALIAS = (
    f"--cname={AZURE_HOST},contoso.privatelink.redis.cache.windows.net",
    f"--host-record=contoso.privatelink.redis.cache.windows.net,{AZURE_ADDRESS}",
)
AZURE_RECORD = (f"--host-record={AZURE_HOST},{AZURE_ADDRESS}",)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[World]:
    """Give a world with nothing in it yet."""
    with world(tmp_path) as made:
        yield made


def first(report: dict[str, Any]) -> str:
    """Return the first cause, with the whole answer where there is none."""
    assert report["causes"], report["path"]
    return str(report["causes"][0]["id"])


def confirmed(report: dict[str, Any]) -> set[str]:
    """Return what is called confirmed."""
    return {cause["id"] for cause in report["causes"] if cause["certainty"] == "confirmed"}


def broken(report: dict[str, Any]) -> str:
    """Return the first hop that failed."""
    return str(next(hop["hop"] for hop in report["path"] if hop["status"] == "failed"))


def test_a_server_with_tls_is_healthy(here: World) -> None:
    """Nothing is wrong, and nothing is said to be."""
    here.redis()
    here.resolver()

    report = here.diagnose(OWN_TLS)

    assert report["verdict"] == "healthy", report["path"]
    assert report["causes"] == []


def test_a_host_that_drops_one_port_has_a_filter(here: World) -> None:
    """The server's host answers on other ports, so that only a filter explains the silence."""
    here.redis()
    here.resolver()
    here.net.server.filter("input", "tcp dport 6379 drop")

    report = here.diagnose(OWN_PLAIN)

    assert (broken(report), first(report)) == ("tcp", "vnet-nsg-blocked")
    assert not confirmed(report)


def test_a_gateway_that_prohibits_the_port_is_the_clients_side(here: World) -> None:
    """The kernel hears who said no, and that it is this client's own gateway."""
    here.redis()
    here.resolver()
    here.net.router.filter("forward", "tcp dport 6379 reject with icmp type admin-prohibited")

    report = here.diagnose(OWN_PLAIN)

    assert (broken(report), first(report)) == ("tcp", "egress-blocked")


def test_a_reset_from_a_firewall_on_the_way_to_azure(here: World) -> None:
    """The port of this service always listens; who refuses it stands in between."""
    here.resolver(*AZURE_RECORD)
    here.net.router.filter("forward", "ip daddr 20.42.65.90 meta l4proto tcp reject with tcp reset")

    report = here.diagnose(AZURE_TLS)

    assert (broken(report), first(report)) == ("tcp", "egress-blocked")
    assert not confirmed(report)


def test_a_filter_on_this_host_itself(here: World) -> None:
    """Run as root, the program reads the rule that drops the packets."""
    here.redis()
    here.resolver()
    here.net.client.filter("output", "tcp dport 6380 drop")

    report = here.diagnose(OWN_TLS)

    assert first(report) == "egress-blocked"
    assert confirmed(report) == {"egress-blocked"}


def test_a_closed_port_beside_an_open_one(here: World) -> None:
    """The server listens on 6379, and the client dials 6380."""
    here.redis(tls=False)
    here.resolver()

    report = here.diagnose(OWN_TLS)

    assert (broken(report), first(report)) == ("tcp", "wrong-port")


def test_a_host_on_which_no_server_runs(here: World) -> None:
    """Every usual port of Redis refuses."""
    here.resolver()

    report = here.diagnose(OWN_PLAIN)

    assert (broken(report), first(report)) == ("tcp", "local-server-not-running")


def test_a_name_that_does_not_exist(here: World) -> None:
    """The resolver says so in as many words."""
    here.redis()
    here.resolver()

    report = here.diagnose(OWN_TLS.replace("redis.corp", "reddis.corp"))

    assert (broken(report), first(report)) == ("name", "wrong-hostname")


def test_a_resolver_that_does_not_answer(here: World) -> None:
    """Its host drops the questions."""
    here.redis()
    here.resolver()
    here.net.server.filter("input", "udp dport 53 drop", "tcp dport 53 drop")

    report = here.diagnose(OWN_TLS)

    assert (broken(report), first(report)) == ("name", "dns-resolver-failure")


def test_a_private_endpoints_name_that_leads_to_the_public_address(here: World) -> None:
    """The zone is not linked, and the public address is silent."""
    here.resolver(*PRIVATE_ALIAS)
    here.net.server.filter("input", "ip daddr 20.42.65.90 drop")

    report = here.diagnose(AZURE_TLS)

    assert (broken(report), first(report)) == ("tcp", "private-endpoint-dns")
    assert not confirmed(report)


def test_a_hosts_entry_of_last_year(here: World) -> None:
    """DNS knows better, and the address it gives accepts."""
    here.redis()
    here.resolver()
    here.client_file("hosts", f"127.0.0.1 localhost\n10.99.2.77 {OWN_HOST}\n")

    report = here.diagnose(OWN_TLS)

    assert first(report) == "ip-address-changed"
    assert confirmed(report) == {"ip-address-changed"}


def test_a_proxy_that_breaks_tls_open(here: World) -> None:
    """A real stunnel on the router shows a certificate of the company's own making."""
    here.redis()
    here.resolver(*AZURE_RECORD)
    company = trustme.CA(organization_name="Example Corp Inspection")
    chain, key = here.papers(AZURE_HOST, ca=company)
    config = here.folder / "stunnel.conf"
    config.write_text(
        f"foreground = yes\npid = {here.folder}/stunnel.pid\n"
        f"[in]\naccept = 0.0.0.0:7000\nconnect = 127.0.0.1:7001\ncert = {chain}\nkey = {key}\n"
        f"[out]\nclient = yes\naccept = 127.0.0.1:7001\nconnect = {AZURE_ADDRESS}:6380\n"
    )
    here.program(here.net.router, "stunnel", str(config))
    here.await_port(here.net.router, 7000)
    rules = "table ip n {\nchain p {\ntype nat hook prerouting priority -100;\niifname rc tcp dport 6380 redirect to :7000\n}\n}\n"
    here.net.router.run("nft", "-f", "-", given=rules)

    report = here.diagnose(AZURE_TLS)

    assert (broken(report), first(report)) == ("tls", "tls-inspection")


def test_plain_text_spoken_to_a_tls_port(here: World) -> None:
    """The server hangs up on what is no ClientHello."""
    here.redis()
    here.resolver()

    report = here.diagnose(OWN_PLAIN.replace(":6379", ":6380"))

    assert (broken(report), first(report)) == ("resp", "tls-plaintext-mixup")


def test_tls_spoken_to_a_plain_port(here: World) -> None:
    """The server waits for the end of a line that never comes."""
    here.redis()
    here.resolver()

    report = here.diagnose(OWN_TLS.replace(":6380", ":6379"))

    assert (broken(report), first(report)) == ("tls", "tls-plaintext-mixup")


def test_a_key_that_is_not_the_servers(here: World) -> None:
    """WRONGPASS."""
    here.redis()
    here.resolver()

    report = here.diagnose(
        OWN_TLS.replace(quote(KEY, safe=""), "bm90IHRoZSBrZXkgb2YgdGhpcyBzZXJ2ZXIgYXQgYWxsISE%3D")
    )

    assert (broken(report), first(report)) == ("auth", "auth-wrong-key")


@pytest.mark.parametrize(("target", "hop"), [(OWN_TLS, "tls"), (OWN_PLAIN, "resp")])
def test_a_server_at_its_limit(here: World, target: str, hop: str) -> None:
    """With TLS the door is shut without a word; in plain text the server says why."""
    here.redis("--maxclients", "8")
    here.resolver()
    here.hold(8)

    report = here.diagnose(target)

    assert (broken(report), first(report)) == (hop, "max-clients-reached")


def test_a_host_without_a_route(here: World) -> None:
    """The kernel says so before a packet is sent."""
    here.redis()
    here.client_file("hosts", f"127.0.0.1 localhost\n{here.net.SERVER} {OWN_HOST}\n")
    here.net.client.ip("route del default")

    report = here.diagnose(OWN_TLS)

    assert (broken(report), first(report)) == ("route", "route-blackhole")


def test_a_router_that_knows_no_way(here: World) -> None:
    """It says so by ICMP, and the kernel tells who it was."""
    here.redis()
    here.resolver()
    here.net.router.ip("route add unreachable 10.99.2.2/32")
    here.client_file("hosts", f"127.0.0.1 localhost\n{here.net.SERVER} {OWN_HOST}\n")

    report = here.diagnose(OWN_TLS)

    assert (broken(report), first(report)) == ("tcp", "route-blackhole")


def test_a_certificate_that_nobody_here_trusts(here: World, tmp_path: Path) -> None:
    """The client has another CA, and the server is its own, so that nobody inspects anything."""
    here.redis()
    here.resolver()
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))

    report = here.diagnose(OWN_TLS, "--ca-file", str(other))

    assert (broken(report), first(report)) == ("tls", "tls-certificate-untrusted")


def test_an_answer_within_the_limit_whatever_is_silent(here: World) -> None:
    """Every packet of the client is dropped, resolver's included."""
    here.resolver()
    here.net.router.filter("forward", "drop")

    report = here.diagnose(OWN_TLS, "--timeout", "1")

    assert report["verdict"] == "fault"
    assert report["took_ms"] < 4000  # without the limit it is five seconds


def test_a_server_in_protected_mode(here: World) -> None:
    """It has no password, and turns away everybody but its own host."""
    here.program(
        here.net.server, "redis-server", "--bind", "0.0.0.0", "--port", "6379", "--save", ""
    )
    here.await_port(here.net.server, 6379)
    here.resolver()

    report = here.diagnose(f"redis://{OWN_HOST}:6379")

    assert (broken(report), first(report)) == ("resp", "firewall-ip-blocked")
    assert confirmed(report) == {"firewall-ip-blocked"}


def test_a_path_that_loses_every_full_sized_packet(here: World) -> None:
    """Nobody says that the packets are too big; small segments get through, and prove it."""
    here.redis()
    here.resolver()
    here.net.server.run("ip", "link", "set", "eth0", "gso_max_segs", "1")
    here.net.router.filter("forward", f"ip saddr {here.net.SERVER} meta length gt 700 drop")

    report = here.diagnose(OWN_TLS)

    assert (broken(report), first(report)) == ("tls", "mtu-blackhole")


def test_a_server_that_asks_for_a_client_certificate(here: World) -> None:
    """With TLS 1.3 it says so only after the handshake."""
    here.redis("--tls-auth-clients", "yes")
    here.resolver()

    report = here.diagnose(OWN_TLS)

    assert (broken(report), first(report)) == ("tls", "tls-client-certificate-required")


def test_half_of_the_dials_lost_and_a_client_that_waits_is_healthy(here: World) -> None:
    """The kernel sends again, and the second packet arrives."""
    here.redis()
    here.resolver()
    here.net.router.filter("forward", "tcp dport 6380 tcp flags syn numgen inc mod 2 0 drop")

    report = here.diagnose(OWN_TLS)

    assert report["verdict"] == "healthy", report["path"]


def test_a_dead_first_resolver_beside_a_living_one_is_healthy(here: World) -> None:
    """Slow is not broken."""
    here.redis()
    here.resolver()
    here.client_file(
        "resolv.conf",
        f"nameserver 10.99.2.50\nnameserver {here.net.SERVER}\noptions timeout:1 attempts:1\n",
    )

    report = here.diagnose(OWN_TLS)

    assert report["verdict"] == "healthy", report["path"]
