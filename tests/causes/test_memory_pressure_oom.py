"""Tests of the judge of memory-pressure-oom."""

from __future__ import annotations

from refused.causes.memory_pressure_oom import judge
from refused.causes.statements import Clue, Proof
from refused.evidence.bundle import Evidence
from tests.causes.azure_scenery import (
    ACR,
    metric,
    weight,
)
from tests.causes.server_scenery import FRONT, INFO, OWN, PONG, kinds, refused
from tests.causes.tls_scenery import (
    CACHE,
)

OOM = refused("SETRANGE", "OOM command not allowed when used memory > 'maxmemory'.")
FULL = INFO.replace(
    used_memory_bytes=990, max_memory_bytes=1000, eviction_policy="noeviction", role="primary"
)


def test_a_refused_write_is_proof() -> None:
    """The server's word, and the memory beside it."""
    clue, proof = judge(Evidence(FRONT, PONG, OOM, FULL, target=OWN))

    assert isinstance(clue, Clue)
    assert clue.because == "99 % of the memory limit is in use, under the policy noeviction"
    assert isinstance(proof, Proof)


def test_the_word_alone_will_do() -> None:
    """Where INFO is forbidden."""
    assert kinds(judge(Evidence(FRONT, PONG, OOM, target=OWN))) == ["Proof"]


def test_a_full_server_that_refuses_nothing_is_left_alone() -> None:
    """There is room for the next key, or it is evicted for."""
    assert list(judge(Evidence(FRONT, PONG, FULL, target=OWN))) == []


def test_another_refusal_is_not_blamed_on_a_full_memory() -> None:
    """The folder of the snapshots is gone, whatever the memory holds."""
    misconf = refused("SETRANGE", "MISCONF Errors writing to the AOF file")

    assert list(judge(Evidence(FRONT, PONG, misconf, FULL, target=OWN))) == []


def test_a_cache_that_evicts_is_full_by_design() -> None:
    """Slowness has another reason then."""
    hung = PONG.replace(command="GET", outcome="silent", reply="")
    evicting = FULL.replace(eviction_policy="allkeys-lru")

    assert list(judge(Evidence(FRONT, PONG, hung, evicting, target=OWN))) == []
    assert kinds(judge(Evidence(FRONT, PONG, hung, FULL, target=OWN))) == ["Clue"]


def test_a_full_memory_explains_a_refused_write_better_than_a_slow_answer() -> None:
    """Slowness has many reasons."""
    hung = PONG.replace(command="GET", outcome="silent", reply="")
    refused_write, *_ = judge(Evidence(FRONT, PONG, OOM, FULL, target=OWN))
    (slow,) = judge(Evidence(FRONT, PONG, hung, FULL, target=OWN))

    assert isinstance(refused_write, Clue)
    assert isinstance(slow, Clue)
    assert slow.weight < refused_write.weight


def test_what_azure_counted_of_the_memory_is_weighed() -> None:
    """A slow server with full memory, and one with plenty."""
    slow = PONG.replace(outcome="silent", reply="")
    full = Evidence(PONG, slow, ACR, metric("usedmemorypercentage", 99), target=CACHE)
    plenty = Evidence(PONG, slow, ACR, metric("usedmemorypercentage", 20), target=CACHE)
    by_design = Evidence(
        PONG,
        slow,
        ACR.replace(eviction_policy="allkeys-lru"),
        metric("usedmemorypercentage", 99),
        target=CACHE,
    )

    assert weight(judge(full)) > 0 > weight(judge(plenty))
    assert weight(judge(by_design)) == 0
