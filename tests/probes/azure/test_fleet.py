"""Many caches are read in one process, a few at a time, and what they share is asked for once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from refused.evidence.control_plane import AzureCache, AzureSubscription, FirewallRules
from refused.evidence.observations import Unseen
from refused.probes.azure.fleet import read_all
from tests.probes.azure.planes import (
    CACHE_ID,
    SUBSCRIPTION,
    Papers,
    Reply,
    Scripted,
    cache,
    healthy,
)

if TYPE_CHECKING:
    from tests.probes.azure.planes import Asked


def script(asked: Asked) -> Reply:
    """Answer for any cache, each with a rule of its own."""
    parts = asked.path.split("/")
    if len(parts) == 9 and parts[7].lower() == "redis":
        return Reply({**cache(), "id": asked.path, "name": parts[8]})
    if asked.path.endswith("/firewallRules"):
        rule = {"name": f"{parts[8]}/app", "properties": {"startIP": "1.1.1.1", "endIP": "1.1.1.1"}}
        return Reply({"value": [rule]})
    return healthy(asked)


def test_every_cache_is_read_and_kept_apart(papers: Papers) -> None:
    """Each with its own facts, and nothing unseen."""
    ids = [f"{CACHE_ID}{at}" for at in range(12)]
    with Scripted(papers, script) as server:
        found = dict(read_all(server.plane(30), ids))

    assert set(found) == set(ids)
    for cache_id, facts in found.items():
        assert not [fact for fact in facts if isinstance(fact, Unseen)]
        (made,) = [fact for fact in facts if isinstance(fact, AzureCache)]
        (rules,) = [fact for fact in facts if isinstance(fact, FirewallRules)]
        assert made.id == cache_id
        assert rules.resource_id == cache_id
        assert [fact.state for fact in facts if isinstance(fact, AzureSubscription)] == ["Enabled"]


def test_what_they_share_is_asked_for_once(papers: Papers) -> None:
    """The subscription, the group's log and deployments, events and zones."""
    with Scripted(papers, script) as server:
        list(read_all(server.plane(30), [f"{CACHE_ID}{at}" for at in range(12)]))

    for end in ("/values", "/deployments", "/events", f"/{SUBSCRIPTION}", "/resources"):
        assert server.count(end) == 1
    assert server.count("/firewallrules") == 12
    assert server.most_at_once <= 6


def test_whoever_has_seen_enough_may_leave(papers: Papers) -> None:
    """Nobody goes on reading behind their back."""
    with Scripted(papers, script) as server:
        reading = read_all(server.plane(30), (f"{CACHE_ID}{at}" for at in range(1000)))
        next(reading)
        reading.close()
        for thread in threading.enumerate():
            if thread.name == "fleet":
                thread.join(10)
                assert not thread.is_alive()

    assert server.count("/firewallrules") < 100


def test_no_caches_are_no_work(papers: Papers) -> None:
    """Nobody is asked."""
    with Scripted(papers, script) as server:
        assert list(read_all(server.plane(), [])) == []

    assert server.asked == []
