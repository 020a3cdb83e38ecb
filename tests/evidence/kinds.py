"""Every kind of fact, and values for its fields by the annotations that the records themselves read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import settings
from hypothesis import strategies as st

from refused.evidence import bundle, record, redaction
from refused.evidence.target import Target

if TYPE_CHECKING:
    from refused.evidence.record import Record

# For a property that is held against every kind there is.
FOR_EACH_KIND = settings(max_examples=max(10, settings().max_examples // 10))
KINDS: dict[str, type[Record]] = dict(bundle._kinds())
# What stands inside a fact or beside the facts, and is read back the same way.
RECORDS: dict[str, type[Record]] = {**KINDS, **record._RECORDS, "Target": Target}

# JSON has neither NaN nor infinity, and no number that a double could not hold.
floats = st.floats(allow_nan=False, allow_infinity=False)
scalars: dict[str, st.SearchStrategy[Any]] = {
    "str": st.text(max_size=20),
    "int": st.integers(),
    "float": floats,
    "bool": st.booleans(),
}
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | floats | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4)
    ),
    max_leaves=12,
)


def forget() -> None:
    """Empty the memory of secrets, which a process otherwise keeps to its end."""
    redaction._known.clear()
    redaction._known_base64.clear()
    redaction._lengths.clear()
    redaction._ordinary.clear()


def values_of(annotation: str) -> st.SearchStrategy[Any]:
    """Return values that a field annotated like this may hold."""
    if annotation.endswith(" | None"):
        return st.none() | values_of(annotation.removesuffix(" | None"))
    if annotation.startswith("tuple["):
        inner = record._split(annotation.removeprefix("tuple[").removesuffix("]"))
        if inner[-1] == "...":
            return st.lists(values_of(inner[0]), max_size=3).map(tuple)
        return st.tuples(*map(values_of, inner))
    if annotation in record._RECORDS:
        return instances(record._RECORDS[annotation])
    # What is neither a scalar nor a record is the name of a list of words.
    return scalars.get(annotation, scalars["str"])


def instances(kind: type[Record]) -> st.SearchStrategy[Any]:
    """Return records of *kind*, each optional field given or left out."""
    required = {
        name: values_of(text) for name, text in kind._types.items() if name not in kind._defaults
    }
    optional = {name: values_of(kind._types[name]) for name in kind._defaults}
    return st.fixed_dictionaries(required, optional=optional).map(lambda given: kind(**given))


facts = st.sampled_from(sorted(KINDS)).flatmap(lambda name: instances(KINDS[name]))
bundles = st.builds(
    bundle.Bundle,
    target=instances(Target),
    taken_at=floats,
    tool=st.text(max_size=20),
    facts=st.lists(facts, max_size=4).map(tuple),
    took_ms=floats,
    limit_s=floats,
    scope=st.none() | st.sampled_from(["all", "some", "one"]),
)
