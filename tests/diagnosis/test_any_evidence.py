"""Whatever a bundle holds, it is judged: a file from elsewhere never breaks the judges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from refused.causes import catalogue
from refused.diagnosis.judge import diagnose
from refused.evidence.bundle import Bundle, Evidence
from refused.evidence.observations import TcpDial
from tests.causes.azure_scenery import ACCEPTED, AT_ENDPOINT, SILENCE
from tests.causes.tls_scenery import CACHE, CLOSED
from tests.evidence.kinds import KINDS, instances

if TYPE_CHECKING:
    from refused.evidence.bundle import Fact

OF_AZURE = sorted(
    name for name, kind in KINDS.items() if kind.__module__ == "refused.evidence.control_plane"
)
of_azure = st.sampled_from(OF_AZURE).flatmap(lambda name: instances(KINDS[name]))
paths: st.SearchStrategy[tuple[Fact, ...]] = st.sampled_from(
    [
        (SILENCE,),
        (AT_ENDPOINT,),
        (ACCEPTED, CLOSED),
        (TcpDial(**{**SILENCE.__dict__, "outcome": "refused"}),),
    ]
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(path=paths, facts=st.lists(of_azure, max_size=5))
def test_no_judge_breaks_on_what_azure_might_say(path: tuple[Fact, ...], facts: list[Fact]) -> None:
    """Empty texts, negative ports, times beyond the calendar, prefixes that are none."""
    evidence = Evidence(*path, *facts, target=CACHE, vantage="here")

    for _, judge in catalogue():
        list(judge(evidence))


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(path=paths, facts=st.lists(of_azure, max_size=5), taken_at=st.floats(allow_nan=False))
def test_no_diagnosis_breaks_on_what_azure_might_say(
    path: tuple[Fact, ...], facts: list[Fact], taken_at: float
) -> None:
    """Notes included: a date that is none is left out."""
    facts = [fact.replace(vantage="control-plane") for fact in facts]

    diagnose(Bundle(target=CACHE, taken_at=taken_at, tool="test", facts=(*path, *facts)))
