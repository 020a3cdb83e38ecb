"""A scenario: a reproducible fault, or a healthy system, and the cause that it should lead to."""

from __future__ import annotations

import functools
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from refused.lab.world import World

if TYPE_CHECKING:
    from refused.service.facts import Service

Build = Callable[[World], object]


class UnknownScenario(KeyError):  # the contract's word
    """No scenario bears that id; the message names those that come near."""

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True)
class Scenario:
    """One fault that can be made at will.

    Attributes:
        id: The cause's id, with ``.variation`` behind it; or ``healthy…``.
        title: What is wrong, in one line.
        cause: The cause that a diagnosis should arrive at; ``None`` where nothing is wrong.
        service: ``acr``, ``acre``, ``amr`` or ``redis``.
        build: Declares the world.
        story: What happened, as whoever was there would tell it.
        options: With what the diagnosing program is asked, as in ``{"deep": True}``.
        needs: What the machine must have, as in ``("kernel",)``.
        unknown: What is not known of the real service's behaviour here.
        control_plane: Whether there is one to ask; without it the data plane is all there is.
    """

    id: str
    title: str
    cause: str | None
    service: Service
    build: Build = field(repr=False)
    story: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    unknown: str = ""
    control_plane: bool = True

    def up(self) -> World:
        """Return the world of this scenario, declared and not yet started; use it in a ``with``."""
        world = World(control_plane=self.control_plane)
        try:
            self.build(world)
        except BaseException:
            world.stop()
            raise
        return world


def scenario(  # what there is to say of one
    id: str,  # noqa: A002  # the contract's word
    title: str,
    *,
    service: Service,
    options: Mapping[str, Any] | None = None,
    needs: tuple[str, ...] = (),
    unknown: str = "",
    control_plane: bool = True,
) -> Callable[[Build], Scenario]:
    """Make a scenario of a function that declares a world; its docstring is the story.

    The cause is what stands before the first dot of *id*, and none for ``healthy``.
    """
    cause = id.partition(".")[0]

    def made(build: Build) -> Scenario:
        return Scenario(
            id=id,
            title=title,
            cause=None if cause == "healthy" else cause,
            service=service,
            build=build,
            story=inspect.cleandoc(build.__doc__ or ""),
            options=dict(options or {}),
            needs=needs,
            unknown=unknown,
            control_plane=control_plane,
        )

    return made


@functools.cache
def all_scenarios() -> tuple[Scenario, ...]:
    """Return every scenario of ``lab/scenarios/``, by id.

    Raises:
        ValueError: Two scenarios bear the same id.
    """
    from refused.lab import scenarios

    found: dict[str, Scenario] = {}
    for module in pkgutil.iter_modules(scenarios.__path__, f"{scenarios.__name__}."):
        for value in vars(import_module(module.name)).values():
            for each in value if isinstance(value, list | tuple) else (value,):
                if not isinstance(each, Scenario):
                    continue
                if found.setdefault(each.id, each) is not each:
                    raise ValueError(f"two scenarios are called {each.id}")
    return tuple(found[name] for name in sorted(found))


def by_id(name: str) -> Scenario:
    """Return one scenario.

    Raises:
        UnknownScenario: None is called *name*.
    """
    known = {each.id: each for each in all_scenarios()}
    if name not in known:
        from difflib import get_close_matches

        near = get_close_matches(name, known, n=3, cutoff=0.5)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise UnknownScenario(f"the lab has no scenario {name[:80]!r}{hint}")
    return known[name]
