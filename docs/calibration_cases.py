"""Gather the lab's bundles once, and vary them: what is visible, what is noise, what else is wrong.

A variation takes nothing from the hop that failed; it takes away what was seen beside it (the control
plane, other places, the host, further dials), adds what is innocent, or a second fault's facts. What
is true of each case is known, because the lab made it.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from json import loads
from typing import TYPE_CHECKING, NamedTuple

from refused.api import load, probe_scenario, save
from refused.evidence.bundle import Bundle
from refused.evidence.control_plane import AzureCache, ResourceChange
from refused.evidence.observations import Observation, Platform, ProxyVariables, Unseen
from refused.lab.scenario import all_scenarios

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path
    from random import Random

    from refused.evidence.bundle import Fact

SIDE_BY_SIDE = 3

# Facts of the host that runs the client.
HOST = frozenset(
    {
        *("KernelSettings", "ConntrackUse", "PortUse", "SocketsToTarget", "Platform"),
        *("RedirectRules", "ProxyVariables", "DescriptorUse", "HostsEntry", "ResolverSettings"),
    }
)
# Looks beside the path: a diagnosis without them is a quicker one, or one from a log.
BESIDE = ("DnsAnswer", "PeerCertificates", "PlainTalk", "ServerInfo", "ClientSettings", "PathMtu")
# Chances, all of them guesses of what people have at hand; the page names them.
NO_CONTROL_PLANE, PART_OF_IT = 0.5, 0.25
NO_OTHER_PLACE = 0.6
NO_HOST, NO_LOOK, NO_KIND = 0.3, 0.25, 0.2
RED_HERRING, PROXIES, POD, SECOND_FAULT = 0.15, 0.1, 0.1, 0.15


# What a cause brings about is true as well: a client that leaks connections brings the server to its
# limit, and of a cache that was made anew the old one is gone.
BRINGS = {
    "connection-leak-client": frozenset({"max-clients-reached"}),
    "resource-retired-or-migrated": frozenset({"cache-not-running"}),
}
# What the host shows of a second fault.
SHOWN_BY = {"conntrack-table-full": "ConntrackUse", "linux-tcp-stall": "SocketsToTarget"}


class Told(NamedTuple):
    """A bundle of the lab, and what is true of it.

    Attributes:
        where: ``lab`` or ``kernel``.
        also: What else is true of it, beside the cause.
    """

    id: str
    cause: str
    also: frozenset[str]
    where: str
    bundle: Bundle


def gather(folder: Path) -> list[Told]:
    """Return the bundle of every scenario and kernel world with a fault; those in *folder* are not made anew."""
    found = [*_of_scenarios(folder), *_of_kernel_worlds(folder)]
    return sorted(found, key=lambda each: (each.where, each.id))


def _of_scenarios(folder: Path) -> Iterable[Told]:
    from refused.lab.certificates import CORPORATE, ISSUER, PROXY, ROOT, Authority
    from refused.lab.kernel import cannot_run

    # The authorities are made once in a process, and not safely by two threads at a time.
    for root, issuer in ((ROOT, ISSUER), (ROOT, None), (PROXY, None), (CORPORATE, None)):
        Authority(folder, root=root, issuer=issuer).issue("localhost")
    scenarios = [each for each in all_scenarios() if each.cause and not cannot_run(each)]

    def look(at: int) -> Told:
        each = scenarios[at]
        bundle = _kept(folder / f"{each.id}.json", lambda: probe_scenario(each))
        return Told(each.id, str(each.cause), frozenset(), "lab", bundle)

    return _all(look, len(scenarios))


def _of_kernel_worlds(folder: Path) -> Iterable[Told]:
    from refused.cli.lab_kernel import diagnosed
    from refused.lab.kernel_stage import missing
    from refused.lab.kernel_worlds import WORLDS

    if why_not := missing():
        print(f"no kernel worlds: {why_not}", file=sys.stderr)
        return ()
    worlds = [each for each in WORLDS if each.cause is not None]

    def look(at: int) -> Told:
        each = worlds[at]
        made = lambda: Bundle.from_json(diagnosed(each)["evidence"])  # noqa: E731
        bundle = _kept(folder / f"kernel-{each.id}.json", made)
        also = frozenset({each.behind} if each.behind else ())
        return Told(each.id, str(each.cause), also, "kernel", bundle)

    return _all(look, len(worlds))


def _all(look: Callable[[int], Told], count: int) -> list[Told]:
    found = []
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        for job in [pool.submit(look, at) for at in range(count)]:
            try:
                found.append(job.result())
            except (RuntimeError, OSError) as failure:
                print(f"left out: {failure}", file=sys.stderr)
    return found


def _kept(path: Path, made: Callable[[], Bundle]) -> Bundle:
    if path.exists():
        return load(str(path))
    bundle = made()
    save(bundle, str(path))
    return Bundle.from_json(loads(path.read_text("utf-8")))


# --- variations -----------------------------------------------------------------------------------


class Varied(NamedTuple):
    """A variation: what is left of a bundle, and every cause that is true of it."""

    bundle: Bundle
    true: frozenset[str]


def varied(told: Told, dice: Random, second: Sequence[Told]) -> Varied:
    """Vary what is visible of a bundle, add noise, and now and then a second fault of the same host."""
    facts: tuple[Fact, ...] = told.bundle.facts
    true = {told.cause, *told.also, *BRINGS.get(told.cause, ())}
    # Only faults of the host itself can be laid beside another one: the path is the first one's.
    beside = [each for each in second if each.cause in SHOWN_BY]
    if beside and dice.random() < SECOND_FAULT:
        other = dice.choice(beside)
        kind = SHOWN_BY[other.cause]
        added = _facts_of_second(other, told.bundle, kind)
        # Of one host there is one table: it cannot show two faults of which each is judged by it.
        if added and not true & set(SHOWN_BY):
            facts = (*(each for each in facts if type(each).__name__ != kind), *added)
            true.add(other.cause)
    facts = _control_plane(facts, dice)
    facts = _places(facts, told.bundle, dice)
    facts = _looks(facts, dice)
    facts = _noise(facts, told.bundle, dice)
    return Varied(told.bundle.replace(facts=facts), frozenset(true))


def _facts_of_second(other: Told, bundle: Bundle, kind: str) -> tuple[Fact, ...]:
    """Return what the host of another bundle shows, as seen from this one's place."""
    place = bundle.vantages[0]
    return tuple(
        each.replace(vantage=place) for each in other.bundle.facts if type(each).__name__ == kind
    )


def _control_plane(facts: tuple[Fact, ...], dice: Random) -> tuple[Fact, ...]:
    sure = dice.random()
    if sure < NO_CONTROL_PLANE:
        return tuple(
            each
            for each in facts
            if each.vantage != "control-plane" and type(each).__name__ != "ClientAddress"
        )
    if sure > NO_CONTROL_PLANE + PART_OF_IT:
        return facts
    kinds = {type(each).__name__ for each in facts if each.vantage == "control-plane"}
    denied = {each for each in sorted(kinds) if dice.random() < 0.4}
    kept = [
        each
        for each in facts
        if each.vantage != "control-plane" or type(each).__name__ not in denied
    ]
    kept += [
        Unseen(
            vantage="control-plane",
            what=kind,
            why="403 AuthorizationFailed",
            how_to_see="grant Reader on the cache",
        )
        for kind in sorted(denied)
    ]
    return tuple(kept)


def _places(facts: tuple[Fact, ...], bundle: Bundle, dice: Random) -> tuple[Fact, ...]:
    """Hide what other places saw; the first, where the fault shows, stays."""
    if len(bundle.vantages) < 2 or dice.random() > NO_OTHER_PLACE:
        return facts
    gone = set(bundle.vantages[1:])
    return tuple(each for each in facts if each.vantage not in gone)


def _looks(facts: tuple[Fact, ...], dice: Random) -> tuple[Fact, ...]:
    """Leave out what a hastier look would have left out, never the dial or the handshake itself."""
    gone = {each for each in sorted(HOST) if dice.random() < NO_HOST}
    gone |= {each for each in BESIDE if dice.random() < NO_KIND}
    purposes = sorted({str(getattr(each, "purpose", "")) for each in facts} - {"client", ""})
    unseen = {each for each in purposes if dice.random() < NO_LOOK}
    return tuple(
        each
        for each in facts
        if type(each).__name__ not in gone and getattr(each, "purpose", "") not in unseen
    )


def _noise(facts: tuple[Fact, ...], bundle: Bundle, dice: Random) -> tuple[Fact, ...]:
    """Stretch every duration, and add what is innocent."""
    stretch = dice.lognormvariate(0.0, 0.6)
    made: list[Fact] = [
        each.replace(took_ms=each.took_ms * stretch) if isinstance(each, Observation) else each
        for each in facts
    ]
    place, now = bundle.vantages[0], bundle.taken_at
    resource = next((e.id for e in facts if isinstance(e, AzureCache)), "")
    if resource and dice.random() < RED_HERRING:
        operation = dice.choice(("redis/write", "redis/firewallRules/write", "redis/flush/action"))
        made.append(
            ResourceChange(
                vantage="control-plane",
                at=now,
                took_ms=1.0,
                source="a variation",
                when=now - dice.uniform(600, 80_000),
                operation=f"Microsoft.Cache/{operation}",
                resource_id=resource,
                status="Succeeded",
                caller="ops@contoso.example",
            )
        )
    if dice.random() < PROXIES:
        made = [each for each in made if not isinstance(each, ProxyVariables)]
        made.append(
            ProxyVariables(
                vantage=place,
                at=now,
                took_ms=0.1,
                source="a variation",
                variables=(("HTTPS_PROXY", "proxy.corp.example"),),
            )
        )
    if dice.random() < POD:
        made = [
            each.replace(kind="kubernetes") if isinstance(each, Platform) else each for each in made
        ]
    return tuple(made)
