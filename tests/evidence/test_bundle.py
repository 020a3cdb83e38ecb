"""Evidence and the bundle: what a judge may see, and a file that can be judged again anywhere."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refused.evidence.bundle import SCHEMA, BadBundle, Bundle, Evidence
from refused.evidence.observations import (
    Elsewhere,
    NameLookup,
    ProxyVariables,
    RouteLookup,
    TcpDial,
    Unseen,
)
from refused.evidence.target import Target
from tests.evidence.kinds import FOR_EACH_KIND, KINDS, bundles, instances, json_values

TARGET = Target(text="cache:6380", form="host", host="cache", port=6380, tls=True)
SEEN = {"at": 1.0, "took_ms": 2.0, "source": "test"}


def dial(vantage: str, outcome: str = "accepted") -> TcpDial:
    """Return one dial from *vantage*."""
    return TcpDial(vantage=vantage, address="10.0.0.4", port=6380, outcome=outcome, **SEEN)  # type: ignore[arg-type]


def a_bundle(*facts: Any) -> Bundle:
    """Return a bundle of these facts."""
    return Bundle(target=TARGET, taken_at=1.0, tool="refused 0", facts=facts)


def read_or_refused(data: object) -> Bundle | str:
    """Return the bundle, or the sentence with which it was refused."""
    try:
        return Bundle.from_json(data)
    except BadBundle as refusal:
        return str(refusal)


# --- saved and read again ------------------------------------------------------------------------


@given(before=bundles)
def test_a_bundle_comes_back_as_it_was_saved(before: Bundle) -> None:
    """Judging it again gives the same report, because it is the same."""
    after = Bundle.from_json(json.loads(json.dumps(before.to_json())))

    assert after == before


@pytest.mark.parametrize("name", sorted(KINDS))
@FOR_EACH_KIND
@given(data=st.data())
def test_every_kind_of_fact_finds_its_way_back(name: str, data: st.DataObject) -> None:
    """The name of a kind in the file is enough to read it."""
    fact = data.draw(instances(KINDS[name]))

    after = Bundle.from_json(json.loads(json.dumps(a_bundle(fact).to_json())))

    assert after.facts == (fact,)
    assert type(after.facts[0]) is KINDS[name]


@given(data=json_values)
def test_any_json_is_refused_in_one_line(data: object) -> None:
    """A file that is no bundle costs one sentence."""
    with pytest.raises(BadBundle) as refusal:
        Bundle.from_json(data)

    assert "\n" not in str(refusal.value)


@given(before=bundles, data=st.data())
def test_a_bundle_that_was_tampered_with_is_refused_or_read(
    before: Bundle, data: st.DataObject
) -> None:
    """Anything at all in the place of any value, at any depth, gives a bundle or BadBundle."""
    plain = json.loads(json.dumps(before.to_json()))
    holder: Any = plain
    while True:
        keys = sorted(holder) if isinstance(holder, dict) else list(range(len(holder)))
        if not keys:
            return
        key = data.draw(st.sampled_from(keys))
        inner = holder[key]
        if isinstance(inner, (dict, list)) and inner and data.draw(st.booleans()):
            holder = inner
            continue
        break
    action = data.draw(st.sampled_from(["replace", "remove", "double"]))
    if action == "replace" or (action == "double" and isinstance(holder, dict)):
        holder[key] = data.draw(json_values)
    elif action == "double":
        holder.insert(key, holder[key])
    else:
        del holder[key]

    read = read_or_refused(plain)
    if isinstance(read, str):
        assert "\n" not in read
    else:
        assert Bundle.from_json(json.loads(json.dumps(read.to_json()))) == read


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema": "refused.bundle/2"}, f"I know {SCHEMA}"),
        ({"schema": None}, 'no "schema"'),
        ({"facts": None}, "no list of facts"),
        ({"facts": [5]}, "fact 0 is not an object"),
        ({"facts": [{"fact": "Weather"}]}, "fact 0 is of kind 'Weather', which I don't know"),
        (
            {"facts": [{"fact": "Observation"}]},
            "fact 0 is of kind 'Observation', which I don't know",
        ),
        ({"facts": [{"fact": "TcpDial", "vantage": "here"}]}, "fact 0: TcpDial: missing"),
        ({"target": None}, "Target: expected an object, got null"),
        ({"target": {**TARGET.to_json(), "port": "6380"}}, "Target.port: expected int, got str"),
        ({"limit_s": "5"}, "expected float, got str"),
        ({"colour": "red"}, "unknown field 'colour'"),
        ({"scope": "most"}, "the scope is none of all, some and one"),
    ],
)
def test_a_refusal_says_what_is_wrong(change: dict[str, Any], said: str) -> None:
    """Whoever was mailed a broken bundle can say what is missing."""
    with pytest.raises(BadBundle) as refusal:
        Bundle.from_json({**a_bundle(dial("here")).to_json(), **change})

    assert said in str(refusal.value)


def test_a_bundle_of_an_older_writer_may_lack_what_has_a_default() -> None:
    """A field that was added with a default does not orphan the bundles before it."""
    plain = a_bundle(dial("here")).to_json()
    for name in ("took_ms", "limit_s", "scope"):
        del plain[name]

    assert Bundle.from_json(plain) == a_bundle(dial("here"))


def test_a_bundle_does_not_change_what_it_is_read_from() -> None:
    """The parsed JSON can be shown or read a second time."""
    plain = a_bundle(dial("here")).to_json()
    twin = json.loads(json.dumps(plain))

    Bundle.from_json(plain)

    assert plain == twin


# --- what a judge sees ---------------------------------------------------------------------------


def test_a_judge_sees_one_place_the_control_plane_and_summaries_of_the_others() -> None:
    """A pod's answer is never held against a laptop's dial."""
    here, pod = dial("here"), dial("pod", "silent")
    settings = ProxyVariables(vantage="user", variables=(), **SEEN)  # type: ignore[arg-type]
    plane = Unseen(
        vantage="control-plane", what="CacheNetwork", why="403", how_to_see="grant Reader"
    )
    of_pod = Elsewhere(vantage="pod", healthy=False, path=(), **SEEN)  # type: ignore[arg-type]
    of_here = Elsewhere(vantage="here", healthy=True, path=(), **SEEN)  # type: ignore[arg-type]
    bundle = a_bundle(here, pod, settings, plane, of_pod, of_here)

    assert bundle.view("here").facts == (here, settings, plane, of_pod, of_here)
    assert bundle.view("pod").facts == (pod, settings, plane, of_pod, of_here)


def test_vantage_points_are_those_we_looked_from() -> None:
    """Neither the control plane nor the user's words are a place, nor is a summary."""
    of_pod = Elsewhere(vantage="pod", healthy=False, path=(), **SEEN)  # type: ignore[arg-type]
    plane = Unseen(vantage="control-plane", what="x", why="", how_to_see="")

    assert a_bundle(dial("b"), plane, dial("a"), dial("b"), of_pod).vantages == ("b", "a")
    assert a_bundle(plane).vantages == ("here",)


def test_the_latest_observation_of_a_kind_counts() -> None:
    """A second look may say more than the first; the series is there for who asks."""
    first, second = dial("here", "silent"), dial("here")
    evidence = Evidence(first, second)

    assert evidence.one(TcpDial) == second
    assert evidence.all(TcpDial) == (first, second)


def test_what_was_not_seen_says_why() -> None:
    """Nothing found and nothing looked at are two things."""
    denied = Unseen(vantage="here", what="RouteLookup", why="no such tool", how_to_see="install it")
    evidence = Evidence(denied, dial("here"))

    assert evidence.one(RouteLookup) == denied
    assert evidence.gap(NameLookup).why == "nobody looked"
    assert evidence.unseen == (denied,)


def test_what_a_judge_asks_for_is_noted_and_what_others_look_at_is_not() -> None:
    """A test holds a cause to the kinds that it declares."""
    evidence = Evidence(dial("here"))

    evidence.look(RouteLookup)
    evidence.one(TcpDial)
    evidence.all(NameLookup)

    assert evidence.asked_for == {TcpDial, NameLookup}
