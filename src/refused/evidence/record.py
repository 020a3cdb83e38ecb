"""A frozen, keyword-only record that costs almost nothing to import.

Thirty frozen dataclasses with slots cost 46 ms at start-up, because each one compiles its own
methods. A command that competes with ``nc`` cannot afford that, so records share one set of
methods and read their fields from the annotations. Type checkers see an ordinary dataclass.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Tuple, Type, TypeVar

    from typing_extensions import Self, dataclass_transform

    R = TypeVar("R", bound="Record")
else:

    def dataclass_transform(**_: object) -> Callable[[type], type]:
        """Stand in for :func:`typing.dataclass_transform`, which Python 3.8 lacks."""
        return lambda cls: cls


class MalformedRecord(ValueError):
    """Data from outside does not describe a record; the message says which field and why."""


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Record:
    """Fields are the annotations; values are given by keyword and never change.

    A subclass declares fields the way a dataclass does, a class attribute being the default::

        class Lookup(Record):
            host: str
            addresses: tuple[str, ...] = ()

    Field types are limited to what JSON can carry and bring back: ``str``, ``int``, ``float``,
    ``bool``, ``None``, other records, tuples of these, and unions with ``None``. JSON has no number
    without end and none that is not a number: neither is read, and neither is written.

    Raises:
        TypeError: A field without default is missing, or an unknown field is given.
    """

    _fields: Tuple[str, ...] = ()
    _types: Dict[str, str] = {}
    _defaults: Dict[str, Any] = {}

    def __init_subclass__(cls) -> None:
        # Annotations are read as the text they are, never evaluated: no `typing` at run time.
        own = {
            name: text
            for name, text in cls.__dict__.get("__annotations__", {}).items()
            if not name.startswith("_")
        }
        cls._types = {**cls._types, **own}
        cls._fields = tuple(cls._types)
        cls._defaults = {
            **cls._defaults,
            **{name: cls.__dict__[name] for name in own if name in cls.__dict__},
        }

    def __init__(self, **values: Any) -> None:
        cls = type(self)
        state = self.__dict__
        state.update(cls._defaults)
        state.update(values)
        if len(state) != len(cls._fields):
            missing = [name for name in cls._fields if name not in state]
            unknown = [name for name in values if name not in cls._types]
            said = f"missing {missing}" if missing else f"unknown {unknown}"
            raise TypeError(f"{cls.__name__}: {said}")

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((type(self), *(self.__dict__[name] for name in self._fields)))

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={self.__dict__[name]!r}" for name in self._fields)
        return f"{type(self).__name__}({inside})"

    def replace(self, **changes: Any) -> Self:
        """Return a copy that differs in *changes*."""
        return type(self)(**{**self.__dict__, **changes})

    def to_json(self) -> Dict[str, Any]:
        """Return the record as JSON-ready objects, strictly: tuples become lists.

        A number without end is written as the largest there is, one that is no number as ``null``:
        what was seen is worth more than the number that went wrong. No probe makes either.
        """
        return {name: _plain(self.__dict__[name]) for name in self._fields}

    @classmethod
    def from_json(cls: Type[R], data: object) -> R:
        """Rebuild the record; the inverse of :meth:`to_json`.

        Raises:
            MalformedRecord: *data* has a missing, unknown or ill-typed field.
        """
        if not isinstance(data, dict):
            raise MalformedRecord(f"{cls.__name__}: expected an object, got {_name_of(data)}")
        values = {}
        for name, value in data.items():
            if name not in cls._types:
                raise MalformedRecord(f"{cls.__name__}: unknown field {str(name)[:40]!r}")
            values[name] = _typed(value, cls._types[name], f"{cls.__name__}.{name}")
        try:
            return cls(**values)
        except TypeError as gap:
            raise MalformedRecord(str(gap)) from None


_SCALARS: Dict[str, Tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (float, int),
    "bool": (bool,),
}


def _plain(value: Any) -> Any:
    if isinstance(value, Record):
        return value.to_json()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and value - value != 0:
        return None if value != value else _LARGEST if value > 0 else -_LARGEST  # noqa: PLR0124
    return value


_LARGEST = 1.7976931348623157e308


def _typed(value: object, kind: str, where: str) -> Any:
    """Hold *value* against the annotation *kind*, which is text such as ``tuple[str, ...] | None``."""
    if kind.endswith(" | None"):
        return None if value is None else _typed(value, kind[: -len(" | None")], where)
    if kind.startswith("tuple[") and kind.endswith("]"):
        if not isinstance(value, list):
            raise MalformedRecord(f"{where}: expected a list, got {_name_of(value)}")
        inner = _split(kind[len("tuple[") : -1])
        if inner[-1] == "...":
            return tuple(_typed(item, inner[0], where) for item in value)
        if len(inner) != len(value):
            raise MalformedRecord(f"{where}: expected {len(inner)} items, got {len(value)}")
        return tuple(_typed(item, each, where) for item, each in zip(value, inner))
    record = _RECORDS.get(kind)
    if record is not None:
        return record.from_json(value)
    # What is neither a scalar nor a record is a Literal alias, and those are texts.
    allowed = _SCALARS.get(kind, (str,))
    if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
        raise MalformedRecord(f"{where}: expected {kind}, got {_name_of(value)}")
    if kind == "float" and not _is_finite(value):
        raise MalformedRecord(f"{where}: expected a number of JSON, got one without end or none")
    return value


def _is_finite(number: Any) -> bool:
    try:
        return float(number) - float(number) == 0
    except OverflowError:  # a whole number larger than any float
        return False


def _split(text: str) -> list[str]:
    """Split at the commas outside brackets."""
    parts, depth, start = [], 0, 0
    for at, letter in enumerate(text):
        depth += {"[": 1, "]": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            parts.append(text[start:at].strip())
            start = at + 1
    parts.append(text[start:].strip())
    return parts


def _name_of(value: object) -> str:
    return "null" if value is None else type(value).__name__


_RECORDS: Dict[str, Type[Record]] = {}


def nested(cls: Type[R]) -> Type[R]:
    """Let other records hold *cls* in a field, and find it again when they are read back."""
    _RECORDS[cls.__name__] = cls
    return cls
