"""What was read of the client's own place counts, though nobody walked from there."""

from __future__ import annotations

import pytest

from refused import api
from refused.evidence.bundle import Bundle
from refused.evidence.observations import NameLookup, RedisReply, TcpDial, TlsHandshake
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
