"""Tests of the judge of tls-hostname-mismatch."""

from __future__ import annotations

import pytest

from refused.causes.statements import Clue, Proof
from refused.causes.tls_hostname_mismatch import covers, judge
from refused.evidence.bundle import Evidence
from refused.evidence.observations import ClientSettings, DnsAnswer, DnsRecord
from tests.causes.tls_scenery import AZURE, CACHE, LEAF, OWN, SHAKE, SHOWN, STAMP, UNTRUSTED, shown

MISMATCH = SHAKE.replace(outcome="name-mismatch", verify_code=62)


@pytest.mark.parametrize(
    "host",
    ["20.42.65.90", "2001:db8::20", "contoso.privatelink.redis.cache.windows.net"],
)
def test_an_address_or_a_private_name_proves_it(host: str) -> None:
    """No certificate of Azure's holds these."""
    (said,) = judge(Evidence(MISMATCH, SHOWN, target=CACHE.replace(host=host)))

    assert isinstance(said, Proof)
    assert host in said.because


def test_another_name_that_is_sent_in_the_hosts_place_proves_it() -> None:
    """SslHost names another cache."""
    settings = ClientSettings(**STAMP, client="", sni="other.redis.cache.chinacloudapi.cn")
    (said,) = judge(Evidence(MISMATCH, SHOWN, settings, target=CACHE))

    assert isinstance(said, Proof)


def test_another_name_is_not_blamed_where_the_host_is_not_covered_either() -> None:
    """Without sslHost the client would fail as well."""
    settings = ClientSettings(**STAMP, client="", sni="other.example.net")
    other = shown(LEAF.replace(names=("old.example.net",)))
    (said,) = judge(Evidence(MISMATCH, other, settings, target=OWN))

    assert isinstance(said, Clue)


def test_an_alias_of_the_right_name_proves_it() -> None:
    """The company's own name leads to the cache, whose certificate does not know it."""
    record = DnsRecord(name="cache.example.net", type="CNAME", value=f"{AZURE}.", ttl_s=60)
    answer = DnsAnswer(
        **STAMP,
        host="cache.example.net",
        resolver="127.0.0.1:53",
        transport="udp",
        qtype="A",
        outcome="answered",
        chain=(record,),
    )
    target = CACHE.replace(host="cache.example.net", service="redis")
    (said,) = judge(Evidence(MISMATCH, SHOWN, answer, target=target))

    assert isinstance(said, Proof)


def test_a_certificate_for_some_other_name_is_only_likely() -> None:
    """Another server may have taken the address; that is not this cause."""
    other = shown(LEAF.replace(names=("old.example.net",)))
    (said,) = judge(Evidence(MISMATCH, other, target=OWN))

    assert isinstance(said, Clue)


def test_a_chain_that_is_not_trusted_is_another_cause() -> None:
    """The name does not come into it."""
    assert list(judge(Evidence(UNTRUSTED, SHOWN, target=CACHE))) == []


def test_without_the_certificate_we_say_so() -> None:
    """Its names could not be read."""
    said = list(judge(Evidence(MISMATCH, target=CACHE)))

    assert getattr(said[-1], "what", "") == "PeerCertificates"


def test_a_wildcard_covers_one_label() -> None:
    """Not two, and not none."""
    names = ("*.example.net",)

    assert covers(names, "A.example.net.")
    assert not covers(names, "a.b.example.net")
    assert not covers(names, "example.net")
