"""Hardened settings for client libraries, as data and as code; one module for each library.

A module has ``NAME``, ``ALIASES``, ``TITLE`` and ``config(wanted)``. Nothing here does I/O, and no
key is ever written into code: it comes from the environment, or from Entra ID.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from refused.remedies.clients.advice import ClientConfig
    from refused.remedies.clients.wanted import Wanted

    class Library(Protocol):
        """What a module of this room offers."""

        NAME: str
        ALIASES: tuple[str, ...]
        TITLE: str

        def config(self, wanted: Wanted) -> ClientConfig:
            """Return what is advised."""


# Names as people type them, in the order of the table.
MODULES = (
    "stackexchange_redis",
    "redis_py",
    "jedis",
    "lettuce",
    "redisson",
    "spring",
    "ioredis",
    "node_redis",
    "go_redis",
    "phpredis",
    "predis",
    "redis_rb",
    "celery",
    "django",
)


class UnknownClient(ValueError):
    """No such library is known; the message is one line for people, with the nearest name."""

    for_people = True


def all_libraries() -> tuple[Library, ...]:
    """Return every library's module."""
    return tuple(import_module(f"{__name__}.{each}") for each in MODULES)


def find(name: str) -> Library:
    """Return a library by any name that it goes by.

    Raises:
        UnknownClient: None goes by it.
    """
    wanted = _plain(name)
    libraries = all_libraries()
    for each in libraries:
        if wanted in map(_plain, (each.NAME, *each.ALIASES)):
            return each
    from difflib import get_close_matches

    known = {_plain(alias): each.NAME for each in libraries for alias in (each.NAME, *each.ALIASES)}
    near = get_close_matches(wanted, known, 1)
    names = ", ".join(each.NAME for each in libraries)
    hint = f"did you mean {known[near[0]]}?" if near else f"there are {names}"
    raise UnknownClient(f"that client is none that I know; {hint}")


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())
