"""What the walk makes of what a server leaves unsaid."""

from __future__ import annotations

import pytest

from refused import api
from refused.evidence.observations import ClusterTopology, RedisReply, ServerInfo
from refused.evidence.observations import Unseen as Gap
from refused.lab.servers import Server
from refused.probes.gather import _no_cluster

STAMP = {"vantage": "here", "at": 1.0, "took_ms": 1.0, "source": "INFO"}
INFO = ServerInfo(**STAMP, address="127.0.0.1", port=6379)  # type: ignore[arg-type]


def test_only_the_servers_own_word_says_that_it_is_no_cluster() -> None:
    """What INFO leaves out is asked for in another way."""
    told = _no_cluster("here", (INFO.replace(cluster_enabled=False),))

    assert told is not None
    assert told.enabled is False
    assert _no_cluster("here", (INFO,)) is None
    assert _no_cluster("here", (INFO.replace(cluster_enabled=True),)) is None
    assert _no_cluster("here", ()) is None


@pytest.mark.parametrize("protocol", [2, 3])
def test_a_client_of_resp3_meets_a_server_without_it(protocol: int) -> None:
    """The refused HELLO is kept as evidence, and the path is well where AUTH is enough."""
    with Server(password="a-password-that-is-long", without=["HELLO"]) as server:
        bundle = api.probe(
            f"redis://:a-password-that-is-long@127.0.0.1:{server.port}?protocol={protocol}",
            azure=False,
        )
    refused = [f for f in bundle.facts if isinstance(f, RedisReply) and f.command == "HELLO"]

    assert [each.outcome for each in refused] == (["error"] if protocol == 3 else [])
    assert not [f for f in bundle.facts if isinstance(f, Gap) and f.what == "ClusterTopology"]
    assert [f.enabled for f in bundle.facts if isinstance(f, ClusterTopology)] == [False]
    assert api.judge(bundle).verdict == "healthy"
