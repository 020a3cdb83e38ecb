"""Records: frozen, keyword-only, and read back from JSON as they were, or refused in one line."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refused.evidence.record import MalformedRecord, Record, nested
from tests.evidence.kinds import FOR_EACH_KIND, RECORDS, instances, json_values


@nested
class Leg(Record):
    """A part of another record."""

    port: int


class Trip(Record):
    """One field of each sort that a record can have."""

    host: str
    took_ms: float
    legs: tuple[Leg, ...] = ()
    pair: tuple[str, int] = ("", 0)
    points: tuple[tuple[float, float], ...] = ()
    most_ms: float | None = None
    user: str | None = None
    is_open: bool = False


TRIP = Trip(host="cache", took_ms=1.5, legs=(Leg(port=6380),), pair=("a", 1))


def read_or_refused(kind: type[Record], data: object) -> Record | str:
    """Return the record, or the sentence with which it was refused."""
    try:
        return kind.from_json(data)
    except MalformedRecord as refusal:
        return str(refusal)


def test_every_record_is_covered() -> None:
    """What the room offers is what these tests look at."""
    assert {"TcpDial", "Unseen", "Target", "DnsRecord", "ClusterNode", "ClientSettings"} <= set(
        RECORDS
    )


@pytest.mark.parametrize("name", sorted(RECORDS))
@FOR_EACH_KIND
@given(data=st.data())
def test_a_record_comes_back_from_json_as_it_went(name: str, data: st.DataObject) -> None:
    """A bundle that was saved holds what was seen, to the last field."""
    kind = RECORDS[name]
    before = data.draw(instances(kind))

    after = kind.from_json(json.loads(json.dumps(before.to_json())))

    assert after == before
    assert hash(after) == hash(before)
    assert after.to_json() == before.to_json()


@pytest.mark.parametrize("name", sorted(RECORDS))
@FOR_EACH_KIND
@given(data=st.data())
def test_strange_values_are_refused_or_read_never_worse(name: str, data: st.DataObject) -> None:
    """One field of a real record is replaced by any JSON at all."""
    kind = RECORDS[name]
    plain = data.draw(instances(kind)).to_json()
    field = data.draw(st.sampled_from(sorted(plain)) | st.text(max_size=8))
    plain[field] = data.draw(json_values)

    read = read_or_refused(kind, plain)
    if isinstance(read, str):
        assert "\n" not in read
        assert read.startswith(tuple(RECORDS))
    else:
        assert kind.from_json(read.to_json()) == read


@given(data=json_values)
def test_any_json_is_refused_in_one_line_or_is_a_record(data: object) -> None:
    """Nothing but MalformedRecord comes of what is no record."""
    read = read_or_refused(Trip, data)

    assert isinstance(read, Trip) or "\n" not in str(read)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"host": 5}, "Trip.host: expected str, got int"),
        ({"host": None}, "Trip.host: expected str, got null"),
        ({"took_ms": "1"}, "Trip.took_ms: expected float, got str"),
        ({"took_ms": True}, "Trip.took_ms: expected float, got bool"),
        ({"is_open": 1}, "Trip.is_open: expected bool, got int"),
        ({"legs": {}}, "Trip.legs: expected a list, got dict"),
        ({"legs": [{"port": "x"}]}, "Leg.port: expected int, got str"),
        ({"legs": [{}]}, "Leg: missing ['port']"),
        ({"pair": ["a"]}, "Trip.pair: expected 2 items, got 1"),
        ({"colour": "red"}, "Trip: unknown field 'colour'"),
        ({"x" * 500: 1}, f"Trip: unknown field '{'x' * 40}'"),
    ],
)
def test_a_refusal_says_which_field_and_why(change: dict[str, Any], said: str) -> None:
    """The reader of a broken bundle is told where to look."""
    with pytest.raises(MalformedRecord) as refusal:
        Trip.from_json({**TRIP.to_json(), **change})

    assert str(refusal.value) == said


def test_a_missing_field_is_named() -> None:
    """A field without default cannot be left out, in JSON or in code."""
    with pytest.raises(MalformedRecord, match=r"Trip: missing \['took_ms'\]"):
        Trip.from_json({"host": "cache"})
    with pytest.raises(TypeError, match=r"Trip: missing \['took_ms'\]"):
        Trip(host="cache")  # type: ignore[call-arg]


def test_an_unknown_field_is_named() -> None:
    """A typing error in code does not pass."""
    with pytest.raises(TypeError, match=r"Trip: unknown \['colour'\]"):
        Trip(host="cache", took_ms=1.0, colour="red")  # type: ignore[call-arg]


def test_a_whole_number_may_stand_for_a_float() -> None:
    """JSON writers drop the fraction of 1.0."""
    assert Trip.from_json({"host": "cache", "took_ms": 1}).took_ms == 1.0


@pytest.mark.parametrize(
    "text", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1" + "0" * 400]
)
def test_a_number_that_json_does_not_have_is_refused(text: str) -> None:
    """Python reads and writes these; nobody else does, and no judge can reckon with them."""
    for field in ("took_ms", "most_ms"):
        with pytest.raises(MalformedRecord, match=rf"Trip\.{field}: expected a number of JSON"):
            Trip.from_json({"host": "cache", "took_ms": 1.0, field: json.loads(text)})
    with pytest.raises(MalformedRecord, match=r"Trip\.points: expected a number of JSON"):
        Trip.from_json({"host": "cache", "took_ms": 1, "points": [[1, json.loads(text)]]})


@pytest.mark.parametrize("name", sorted(RECORDS))
@FOR_EACH_KIND
@given(data=st.data())
def test_every_record_is_written_in_strict_json(name: str, data: st.DataObject) -> None:
    """Whatever went wrong in the reckoning of a number, the rest of the evidence is kept."""
    kind = RECORDS[name]
    whole = data.draw(instances(kind))
    odd = st.sampled_from([float("nan"), float("inf"), -float("inf")])
    spoilt = {
        field: data.draw(odd)
        for field, text in kind._types.items()
        if text.removesuffix(" | None") == "float"
    }
    written = json.dumps(whole.replace(**spoilt).to_json(), allow_nan=False)
    unspoilt = {field: value for field, value in whole.to_json().items() if field not in spoilt}

    assert {f: v for f, v in json.loads(written).items() if f not in spoilt} == unspoilt
    assert isinstance(read_or_refused(kind, json.loads(written)), (kind, str))


def test_a_number_without_end_is_written_as_the_largest_there_is() -> None:
    """In tuples as well; what is no number is not known."""
    endless, none = float("inf"), float("nan")
    trip = TRIP.replace(took_ms=endless, most_ms=none, points=((1.0, -endless),))

    assert json.loads(json.dumps(trip.to_json(), allow_nan=False)) == {
        **TRIP.to_json(),
        "took_ms": 1.7976931348623157e308,
        "most_ms": None,
        "points": [[1.0, -1.7976931348623157e308]],
    }


def test_a_record_never_changes() -> None:
    """What was seen was seen."""
    with pytest.raises(AttributeError, match="Trip is frozen"):
        TRIP.host = "other"  # type: ignore[misc]
    with pytest.raises(AttributeError, match="Trip is frozen"):
        del TRIP.host


def test_a_copy_differs_in_what_is_asked_for_alone() -> None:
    """The way to vary a record is to make another."""
    other = TRIP.replace(host="other")

    assert (other.host, other.legs) == ("other", TRIP.legs)
    assert TRIP.host == "cache"
    assert other != TRIP


def test_records_of_two_kinds_are_not_equal() -> None:
    """The same fields mean another thing in another kind."""

    class Journey(Record):
        port: int

    assert Journey(port=1) != Leg(port=1)
    assert Journey(port=1) == Journey(port=1)


def test_a_record_prints_as_it_is_made() -> None:
    """A failed assertion shows what was there."""
    assert repr(Leg(port=1)) == "Leg(port=1)"


def test_a_kind_inherits_fields_in_order() -> None:
    """Every observation begins with where and when."""

    class Detour(Trip):
        why: str

    assert Detour._fields == (*Trip._fields, "why")
    assert Detour(host="cache", took_ms=1.0, why="roadworks").user is None
