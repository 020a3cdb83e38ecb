"""What was read of the client's own place counts, though nobody walked from there."""

from __future__ import annotations

import pytest

from refused import api
from refused.evidence.bundle import Bundle
from refused.evidence.observations import (
    DnsAnswer,
    DnsRecord,
    NameLookup,
    RedisReply,
    TcpDial,
    TlsHandshake,
)
from tests.probes.kubernetes.scenery import MANIFESTS, facts
from tests.remedies.scenery import HERE, target

HOST = "contoso.redis.cache.windows.net"
WELL = (
    NameLookup(**HERE, host=HOST, outcome="answered", addresses=("20.42.65.90",)),
    TcpDial(**HERE, address="20.42.65.90", port=6380, outcome="accepted"),
    TlsHandshake(**HERE, address="20.42.65.90", port=6380, sni=HOST, outcome="ok", server_spoke=True, version="1.3"),
    RedisReply(**HERE, address="20.42.65.90", port=6380, command="PING", outcome="ok", reply="PONG"),
)  # fmt: skip


def judged(name: str) -> api.Report:
    """Judge a path that is well from a laptop, beside a manifest."""
    given = (*WELL, *facts(MANIFESTS / name))
    return api.judge(Bundle(target=target(), taken_at=1.0, tool="test", facts=given))


@pytest.mark.parametrize("name", ["istio-double-tls.yaml", "istio-operator.yaml"])
def test_a_pod_that_cannot_reach_it_is_told_beside_a_laptop_that_can(name: str) -> None:
    """It is likely and not confirmed: that the pod fails, nobody saw."""
    report = judged(name)

    assert report.verdict == "inconclusive"
    assert (report.causes[0].id, report.causes[0].certainty) == ("service-mesh-intercept", "likely")


@pytest.mark.parametrize(
    "name", ["istio-correct.yaml", "istio-not-injected.yaml", "linkerd-skips.yaml"]
)
def test_a_manifest_that_is_right_leaves_a_healthy_path_healthy(name: str) -> None:
    """No finding, and no doubt."""
    report = judged(name)

    assert (report.verdict, report.causes) == ("healthy", ())


POD = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: cart, namespace: shop}}
spec:
  template:
    spec:
      hostAliases: [{{ip: "{pinned}", hostnames: [{host}]}}]
      containers:
      - name: app
        image: cart
        env: [{{name: REDIS, value: "rediss://{host}:6380"}}]
        livenessProbe: {{exec: {{command: [redis-cli, -h, {host}, ping]}}, periodSeconds: 5, failureThreshold: 2}}
"""
ANSWER = DnsAnswer(
    **HERE,
    host=HOST,
    resolver="10.0.0.10:53",
    transport="udp",
    qtype="A",
    outcome="answered",
    chain=(DnsRecord(name=HOST, type="A", value="20.42.65.90", ttl_s=30),),
)


def pinned(address: str) -> api.Report:
    """Judge a path that is well from a laptop, beside pods whose hosts file names another address."""
    given = (*WELL, ANSWER, *facts(POD.format(pinned=address, host=HOST)))
    return api.judge(Bundle(target=target(), taken_at=1.0, tool="test", facts=given))


def test_pods_that_keep_a_public_address_of_old_are_told() -> None:
    """A private one may be right where they are: that is a note."""
    old, private, same = pinned("20.9.9.9"), pinned("10.9.9.9"), pinned("20.42.65.90")

    assert (old.verdict, old.causes[0].id) == ("inconclusive", "ip-address-changed")
    assert "pin contoso.redis.cache.windows.net to 20.9.9.9" in old.causes[0].because[0]
    assert not any("hostAliases" in note for note in old.diagnosis.notes)
    assert (private.verdict, private.causes) == ("healthy", ())
    assert any(
        "pin contoso.redis.cache.windows.net to 10.9.9.9" in note
        for note in private.diagnosis.notes
    )
    assert same.verdict == "healthy"


def test_a_liveness_probe_that_asks_the_cache_is_a_note_while_all_is_well() -> None:
    """It breaks nothing until the cache is away for a moment."""
    (note,) = [each for each in pinned("20.42.65.90").diagnosis.notes if "liveness probe" in each]

    assert "ends the pod after 10 s without it" in note
