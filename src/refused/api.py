"""What ``import refused`` offers: gather, judge and report in one call.

This module wires the rooms together; it neither looks nor judges.
"""

from __future__ import annotations

import time

from refused import __version__
from refused.evidence.bundle import BadBundle, Bundle
from refused.evidence.parse_target import BadTarget, kind_of, parse_target
from refused.report import Report

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

    from refused.evidence.bundle import Fact
    from refused.evidence.observations import LoggedError
    from refused.evidence.target import Parsed
    from refused.lab.scenario import Scenario
    from refused.lab.world import World
    from refused.probes.kubernetes.beside import Look as ClusterLook
    from refused.probes.logs.read import LogRead
    from refused.probes.logs.sources import Source
    from refused.probes.logs.tally import Group
    from refused.probes.stopwatch import Deadline
    from refused.remedies.apply import Seen
    from refused.remedies.arm import Writer
    from refused.remedies.plan import Plan
    from refused.remedies.rehearsal import Rehearsal
    from refused.remedies.watch import Attempt

TIMEOUT_S = 5.0

__all__ = [
    "TIMEOUT_S",
    "BadBundle",
    "BadTarget",
    "Report",
    "diagnose",
    "explain",
    "judge",
    "load",
    "probe",
]


def diagnose(target: str, **options: Any) -> Report:
    """Look at *target* from where this program runs, judge what was seen, and explain it.

    Args:
        target: ``host``, ``host:port``, a ``redis://`` or ``rediss://`` URL, a client's connection
            string, ``@bundle.json``, or ``lab:SCENARIO``.
        options: As for :func:`probe`; ``logs`` names logs to read beside, ``fleet`` says how many
            clients there are, by the fields of ``ClientFleet``.

    Raises:
        BadTarget: The target cannot be understood; the message is one line for people.
        BadBundle: The file named by ``@file`` is no evidence bundle.
    """
    logs, fleet = options.pop("logs", ()), options.pop("fleet", None)
    return judge(with_fleet(with_logs(probe(target, **options), logs), fleet))


def with_fleet(bundle: Bundle, fleet: Mapping[str, Any] | None) -> Bundle:
    """Return the evidence with the user's word beside it on how many clients there are.

    Args:
        fleet: Fields of ``ClientFleet``: pods, processes, pool_size, shards, nodes, outbound …
    """
    if not fleet:
        return bundle
    from refused.evidence.observations import ClientFleet

    told = ClientFleet(
        vantage="user", at=time.time(), took_ms=0.0, source="the user's word", **fleet
    )
    return bundle.replace(facts=(*bundle.facts, told))


def with_logs(bundle: Bundle, files: Sequence[str]) -> Bundle:
    """Return the evidence with what the logs tell beside it.

    Args:
        files: Names of logs, also ``.gz`` and ``.zst``.

    Raises:
        ValueError: A file cannot be read; the message is one line for people.
    """
    if not files:
        return bundle
    return bundle.replace(facts=(*bundle.facts, *read_files(files)))


def read_files(files: Sequence[str]) -> tuple[LoggedError, ...]:
    """Return the errors of Redis connections that logs of any size tell of, as evidence.

    Raises:
        ValueError: A file cannot be read; the message is one line for people.
    """
    from refused.probes.logs.sources import Source

    _, found = read_log([Source(file) for file in files])
    return tuple(error for errors in found.values() for error in errors)


def read_log(
    sources: Sequence[Source], on_new: Callable[[LogRead, Group], None] | None = None
) -> tuple[LogRead, dict[Group, tuple[LoggedError, ...]]]:
    """Read logs once, in chunks; return what was read, and the errors in each group of it.

    Args:
        on_new: Is told of each kind of error that has not been seen before.

    Raises:
        ValueError: A source cannot be read; the message is one line for people.
    """
    from refused.diagnosis.signatures import all_patterns, matcher, own_ids
    from refused.probes.logs.facts import facts_of
    from refused.probes.logs.read import read_logs

    patterns = [(each.id, each.pattern, each.ignores_case) for each in all_patterns()]
    read = read_logs(sources, patterns, now=time.time(), on_new=on_new)
    return read, facts_of(read, matcher(), own_ids())


def explain(text: str, *, scope: str | None = None) -> Report:
    """Name the causes that an error message, a stack trace or some lines of a log speak for.

    Nothing is dialled, and nothing but *text* is read. Secrets in it are removed before anything
    is kept.

    Args:
        text: What a client printed, of any length; for files of many megabytes use
            ``refused explain``.
        scope: Who is affected: ``all``, ``some`` or ``one``.
    """
    started = time.monotonic()
    errors = read_text(text)
    return judge(bundle_of(errors, scope=scope, took_ms=(time.monotonic() - started) * 1000))


def read_text(text: str, file: str = "") -> tuple[LoggedError, ...]:
    """Return the errors of Redis connections that *text* tells of, as evidence."""
    from refused.diagnosis.signatures import matcher, own_ids
    from refused.evidence.error_text import read_errors

    return read_errors(text, matcher(), own_ids(), file=file)


def bundle_of(facts: Sequence[Fact], *, scope: str | None = None, took_ms: float = 0.0) -> Bundle:
    """Return evidence that a text alone gave; its target is what the text names, if anything."""
    from refused.evidence.text_target import target_of

    return Bundle(
        target=target_of(facts),
        taken_at=time.time(),
        tool=f"refused {__version__}",
        facts=tuple(facts),
        took_ms=took_ms,
        scope=scope,
    )


def judge(bundle: Bundle) -> Report:
    """Judge evidence that was gathered before."""
    from refused.diagnosis.judge import diagnose as conclude

    return Report(bundle, conclude(bundle))


def probe(
    target: str,
    *,
    user: str | None = None,
    auth: str | None = None,
    cluster: bool = False,
    vantages: Sequence[str] = (),
    resolver: str | None = None,
    ca_file: str | None = None,
    timeout_s: float = TIMEOUT_S,
    deep: bool = False,
    hold_s: float = 0.0,
    scope: str | None = None,
    pid: int | None = None,
    write: bool = False,
    azure: bool | None = None,
    resource: str | None = None,
    client_ip: str | None = None,
    client_subnet: str | None = None,
    subscription: str | None = None,
    changes: str | None = None,
    echo: str | None = None,
    keeps_raw: bool = False,
    manifests: Sequence[str] = (),
    workload: str | None = None,
    kube_context: str | None = None,
    reads_cluster: bool = True,
    root: str = "/",
    environ: Mapping[str, str] | None = None,
) -> Bundle:
    """Gather the evidence alone, unjudged.

    Args:
        user: The user name to log in with, where the target names none.
        auth: ``key``, ``entra`` or ``none``: how to log in.
        cluster: The client is cluster-aware.
        vantages: Where to look from: ``here``, ``ssh:user@host``, ``k8s:namespace/pod``, ``docker:name``,
            ``socks5://host:port``, ``@bundle.json``; several are compared.
        resolver: ``IP[:PORT]`` of the one resolver to ask, instead of the system's.
        ca_file: The CA bundle to trust instead of the system's.
        timeout_s: Seconds until the answer, in all and for each vantage point.
        deep: Slower, heavier looks as well.
        hold_s: Keep trying for so long, and hold a connection idle meanwhile.
        scope: Who is affected: ``all``, ``some`` or ``one``.
        pid: The process whose descriptors are counted.
        write: Write a value under a key of our own, read it back and delete it.
        azure: Whether to ask the control plane; ``None`` asks it where the host name is Azure's or
            *resource* is given, and a credential is at hand.
        resource: The ARM id of the cache, where its host name does not lead to it.
        client_ip: The address from which the service sees the client.
        client_subnet: The ARM id of the subnet that the client stands in.
        subscription: Look for the cache in this subscription alone.
        changes: A file or a command with your own history of changes.
        echo: The https URL of a service that says from which address it was asked.
        keeps_raw: Keep the control plane's raw answers as well, secrets removed.
        manifests: Files and folders of Kubernetes manifests of the client and its cluster, ``-`` for
            standard input.
        workload: ``namespace/kind/name`` of the client's workload.
        kube_context: The context of the user's kubeconfig whose cluster is asked.
        reads_cluster: Whether manifests and cluster are read at all; a look that is repeated need not.
        root: The folder that plays ``/`` for files of the host.
        environ: The environment variables that count; none by default.

    Raises:
        BadTarget: The target cannot be understood.
        BadBundle: The file named by ``@file`` is no evidence bundle.
        ValueError: An option cannot be understood; the message is one line for people.
    """
    kind = kind_of(target)
    if kind == "bundle":
        read_before = _beside(load(target.strip()[1:]), vantages)
        return _with_cluster(read_before, manifests, workload, kube_context, timeout_s)
    if kind == "lab":
        # A scenario that needs a connection held says so itself.
        held: dict[str, Any] = {"hold_s": hold_s} if hold_s else {}
        if azure is False:  # a scenario's own control plane is asked unless told otherwise
            held["azure"] = False
        played = _probe_lab(
            target.strip()[len("lab:") :], timeout_s=timeout_s, deep=deep, scope=scope, **held
        )
        return _with_cluster(played, manifests, workload, kube_context, timeout_s)
    from refused.probes.gather import Wishes
    from refused.probes.names import parse_resolver
    from refused.vantage import open_vantage
    from refused.vantage.look import look

    surroundings = environ if environ is not None else {}

    def read(text: str) -> Parsed:
        return parse_target(
            text, user=user, auth=auth, cluster=True if cluster else None, environ=surroundings
        )

    from refused.probes.azure.beside import Wanted, start
    from refused.probes.stopwatch import Deadline

    taken_at, started, deadline = time.time(), time.monotonic(), Deadline(timeout_s)
    begun = start(
        target,
        read,
        Wanted(
            azure=azure,
            resource=resource,
            client_ip=client_ip,
            client_subnet=client_subnet,
            subscription=subscription,
            changes=changes,
            echo=echo,
            keeps_raw=keeps_raw,
            deep=deep,
            local="here" if "here" in (vantages or ("here",)) else None,
            resolver=parse_resolver(resolver) if resolver else None,
        ),
        deadline=deadline,
        environ=surroundings,
        root=root,
    )
    parsed = begun.parsed
    wishes = Wishes(
        limit_s=max(0.5, deadline.left()) if begun.is_delayed else timeout_s,
        resolver=parse_resolver(resolver) if resolver else None,
        ca_file=ca_file,
        deep=deep,
        hold_s=hold_s,
        write=write,
        root=root,
        environ=surroundings,
        pid=pid,
    )
    places = [open_vantage(text) for text in (vantages or ("here",))]
    facts: list[Fact] = [] if parsed.settings is None else [parsed.settings]
    with begun:
        beside = None
        if reads_cluster:
            beside = _cluster_look(
                parsed.target.host, manifests, workload, kube_context, vantages, deadline
            )
        facts += [*look(parsed, places, wishes), *begun.facts]
        facts += begun.end(facts)
        if beside is not None:
            facts += beside.end()
    return Bundle(
        target=parsed.target,
        taken_at=taken_at,
        tool=f"refused {__version__}",
        facts=tuple(facts),
        took_ms=(time.monotonic() - started) * 1000,
        limit_s=timeout_s,
        scope=scope,
    )


def _cluster_look(  # noqa: PLR0917 - the user's options, in the order of the command line
    host: str,
    manifests: Sequence[str],
    workload: str | None,
    context: str | None,
    vantages: Sequence[str],
    deadline: Deadline,
) -> ClusterLook | None:
    """Begin to look at the client's cluster or its manifests; ``None`` where nobody asks for it."""
    if not (manifests or workload or context or any(each.startswith("k8s:") for each in vantages)):
        return None
    from refused.probes.kubernetes.beside import Look, Wanted

    wanted = Wanted(manifests=manifests, workload=workload, context=context, vantages=vantages)
    return Look(wanted, host, deadline)


def _with_cluster(
    bundle: Bundle,
    manifests: Sequence[str],
    workload: str | None,
    context: str | None,
    timeout_s: float,
) -> Bundle:
    """Lay what manifests or a cluster say beside evidence that was gathered before."""
    from refused.probes.stopwatch import Deadline

    host, deadline = bundle.target.host, Deadline(timeout_s)
    beside = _cluster_look(host, manifests, workload, context, (), deadline)
    return bundle if beside is None else bundle.replace(facts=(*bundle.facts, *beside.end()))


def _beside(bundle: Bundle, vantages: Sequence[str]) -> Bundle:
    """Lay the places of other saved bundles beside those of *bundle*; nothing is looked at."""
    others = [text.strip()[1:] for text in vantages if text.strip().startswith("@")]
    if not others:
        return bundle
    from refused.vantage.look import join
    from refused.vantage.saved import Saved

    told = [Saved(path).facts_about(bundle.target) for path in others]
    return bundle.replace(facts=join([bundle.facts, *told]))


def load(path: str) -> Bundle:
    """Read a saved bundle.

    Raises:
        BadBundle: The file cannot be read or is no evidence bundle; one line says why.
    """
    from refused.vantage.saved import read

    return read(path)


def save(bundle: Bundle, path: str) -> None:
    """Write a bundle to *path*, whole or not at all, readable by its owner alone.

    Raises:
        OSError: The file cannot be written.
    """
    import os
    from json import dumps

    from refused.evidence.redaction import redact_data

    text = dumps(redact_data(bundle.to_json()), indent=1, ensure_ascii=False, allow_nan=False)
    beside = f"{path}.{os.getpid()}.part"
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        # What UTF-8 cannot hold, half a surrogate pair, becomes an escape that JSON knows.
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text + "\n")
        os.replace(beside, path)
    except BaseException:
        os.unlink(beside)
        raise


def _probe_lab(scenario: str, **options: Any) -> Bundle:
    """Bring a scenario up, look at it as at any target, and take it down."""
    from refused.lab.scenario import UnknownScenario, by_id

    try:
        found = by_id(scenario)
    except UnknownScenario as unknown:
        raise BadTarget(str(unknown)) from None
    return probe_scenario(found, **options)


def probe_scenario(scenario: Scenario, **options: Any) -> Bundle:
    """Look at a scenario of the lab, with the options that it asks for.

    Raises:
        ValueError: It needs a kernel of its own to harm, which this machine does not give.
    """
    wanted = {**options, **scenario.options}
    if "kernel" not in scenario.needs:
        with scenario.up() as world:
            return probe_world(world, **wanted)
    from refused.lab import kernel

    if kernel.is_inside():
        world = scenario.up()
        kernel.make_real(world)
        with world:
            return probe(
                world.target,
                resolver=world.resolver,
                ca_file=world.ca_file,
                environ=world.client_environ,
                **wanted,
            )
    why_not = kernel.cannot_run(scenario)
    if why_not:
        raise BadTarget(f"lab:{scenario.id} {why_not}")
    return _probe_inside(scenario, kernel.prefix())


def _probe_inside(scenario: Scenario, prefix: Sequence[str]) -> Bundle:
    """Have a process with a network of its own look, and read the bundle it prints."""
    import os
    import subprocess
    import sys
    from json import loads

    from refused.lab.kernel import INSIDE

    command = [*prefix, sys.executable, "-m", "refused.cli.main", "probe", f"lab:{scenario.id}"]
    done = subprocess.run(  # noqa: S603  # our own interpreter
        command, capture_output=True, check=False, timeout=120, env={**os.environ, INSIDE: "1"}
    )
    try:
        return Bundle.from_json(loads(done.stdout))
    except ValueError:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise RuntimeError(f"lab:{scenario.id} did not come up: {said}") from None


def probe_world(world: World, **options: Any) -> Bundle:
    """Look at a world of the lab that is up, its control plane included where it has one."""
    asked: dict[str, Any] = {}
    if world.control_plane and world.resource:
        asked = {"client_ip": world.client_ip}
    environ = {**world.client_environ, **(world.environment() if asked else {})}
    return probe(
        world.target,
        vantages=tuple(world.vantages.values()),
        resolver=world.resolver,
        ca_file=world.ca_file,
        root=world.host_root,
        environ=environ,
        **{**asked, **options},
    )


# --- mending -------------------------------------------------------------------------------------


def plan(
    report: Report,
    tried: Mapping[str, str] | None = None,
    let_in: tuple[str, str] | None = None,
) -> Plan:
    """Plan what would end the causes of *report*; nothing is changed.

    Args:
        tried: What changes taught that were made before and taken back, by title.
        let_in: First and last address of the range that a firewall rule is to hold, beside the client.
    """
    from refused.remedies.plan import plan as made

    return made(report.bundle, report.diagnosis, tried, let_in)


def arm_writer(environ: Mapping[str, str]) -> Writer:
    """Return the control plane as a change needs it.

    Raises:
        ValueError: It cannot be asked the way the environment says; one line for people.
    """
    from refused.remedies.arm import Writer as Opened

    return Opened(environ)


def led_to(target: str, options: Mapping[str, Any]) -> str:
    """Return *target* as a look that is repeated wants it: an id or a cache's name as its host and port.

    Only the control plane can lead from these to a host. It is asked once, before anything is changed
    or watched, so that each later look needs no word of Azure's.

    Raises:
        BadTarget: It leads nowhere.
    """
    from refused.probes.azure.beside import is_bare

    kind = kind_of(target)
    environ = options.get("environ") or {}
    if kind in ("lab", "bundle") or (
        kind == "endpoint" and not is_bare(parse_target(target, environ=environ))
    ):
        return target
    found = probe(target, **options).target
    return f"{'rediss' if found.tls else 'redis'}://{found.host}:{found.port}"


def looker(target: str, options: Mapping[str, Any]) -> Callable[[str], Callable[[], Seen]]:
    """Return what looks at *target* again, as the first diagnosis did, for a change to be proved by.

    The look asks whether a hop works now, and every hop before it. The control plane is left alone:
    its word does not prove that a connection works.
    """
    from refused.remedies.apply import Seen as Shown

    place = led_to(target, options)
    wanted = {**options, "azure": False, "resource": None, "changes": None, "echo": None}
    wanted["reads_cluster"] = False

    def look_for(hop: str) -> Callable[[], Seen]:
        def look() -> Seen:
            from refused.evidence.path import HOPS

            report = diagnose(place, **wanted)
            until = HOPS[: HOPS.index(hop) + 1]
            path = {each.hop: each for each in report.diagnosis.path if each.hop in until}
            failed = next((each for each in path.values() if each.status == "failed"), None)
            works = failed is None and path[hop].status == "ok"
            if works:
                return Shown(works=True, says=path[hop].said)
            if failed is None:
                return Shown(works=False, says=f"{hop} could not be tried")
            return Shown(works=False, says=f"{failed.hop}: {failed.said}")

        return look

    return look_for


def _resource_attempt(bundle: Bundle) -> Iterator[Attempt]:
    """Say whether Azure finds the resource well: its state, its health, its errors in the last minutes."""
    from refused.evidence.control_plane import AzureCache, Metric, ResourceHealth
    from refused.remedies.watch import Attempt as Made

    view = bundle.view(bundle.vantages[0])
    cache = next(iter(view.look(AzureCache)), None)
    if cache is None:
        return
    wrong = []
    if cache.provisioning_state not in (None, "Succeeded"):
        wrong.append(f"its state is {cache.provisioning_state}")
    wrong += [
        f"resource health says {health.state}"
        for health in view.look(ResourceHealth)
        if health.state in ("Unavailable", "Degraded")
    ]
    recent = bundle.taken_at - 180
    for metric in view.look(Metric):
        points = [value for at, value in metric.points if at >= recent]
        if metric.name.lower() == "errors" and points and max(points) > 0:
            wrong.append(
                f"{metric.dimension[1] if metric.dimension else 'errors'}: {max(points):g}"
            )
    yield Made(
        at=cache.at,
        what=f"Azure: {cache.name}",
        ok=not wrong,
        ms=cache.took_ms,
        why="; ".join(wrong),
    )


def rehearse(
    report: Report,
    tell: Callable[[str], None] = lambda _: None,
    let_in: tuple[str, str] | None = None,
) -> Rehearsal:
    """Build the lab from the exported resource, reproduce the fault, and make the first change there.

    Production is not touched: the change is written to the lab's own control plane, by the same code
    that would write it to Azure.

    Raises:
        ValueError: The evidence does not hold what a world needs; one line for people.
    """
    import os
    import tempfile
    from pathlib import Path

    from refused.lab.arm.worlds import from_toml
    from refused.remedies.apply import apply, snapshot
    from refused.remedies.journal import Journal
    from refused.remedies.rehearsal import Rehearsal as Said
    from refused.remedies.world_file import world_file

    started = time.monotonic()
    wanted = plan(report, let_in=let_in)
    step = next(iter(wanted.steps), None)
    text = world_file(report.bundle.view(report.diagnosis.places[0].vantage))
    with tempfile.TemporaryDirectory(prefix="refused-rehearsal-") as folder:
        file = Path(folder, "world.toml")
        file.write_text(text, encoding="utf-8")
        with from_toml(file) as world:
            tell("the lab is up, with this resource and its network")
            environ = world.environment()
            options = {**_looking_at(world, environ), "timeout_s": report.bundle.limit_s}
            before = diagnose(world.target, **options)
            causes = [cause.id for cause in before.causes]
            first = step.change.cause if step is not None else ""
            tell(f"in the lab: {before.verdict}, {causes[0] if causes else 'no cause'}")
            said = Said(
                world=text,
                reproduced=before.verdict == "fault" and first in causes[:1],
                verdict=before.verdict,
                causes=tuple(causes[:3]),
            )
            here = next(
                (
                    each.change
                    for each in plan(before, let_in=let_in).steps
                    if step and each.change.kind == step.change.kind
                ),
                None,
            )
            if here is not None and here.write is not None:
                arm = arm_writer({**os.environ, **environ})
                outcome = apply(
                    # The lab's planes follow at once; production's patience is not rehearsed.
                    here.replace(settles_s=min(here.settles_s, 10)),
                    arm,
                    Journal(Path(folder, "changes")),
                    looker(world.target, options)(here.hop),
                    planned=snapshot(here, arm),
                    tell=tell,
                )
                said = said.replace(
                    change=here.title,
                    state=outcome.state,
                    cured=outcome.cured,
                    learnt=outcome.learnt,
                )
    return said.replace(took_s=time.monotonic() - started)


def _looking_at(world: World, environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the options with which a world of the lab is looked at from its first place."""
    return {
        "vantages": tuple(world.vantages.values())[:1],
        "resolver": world.resolver,
        "ca_file": world.ca_file,
        "root": world.host_root,
        "client_ip": environ.get("REFUSED_CLIENT_IP"),
        "resource": environ.get("REFUSED_LAB_RESOURCE"),
        "environ": environ,
    }


def attempt(target: str, *, write: bool = False, **options: Any) -> tuple[Attempt, ...]:
    """Try *target* once from every vantage point, for a watch; and its resource, where that was read."""
    from refused.evidence.observations import RoundTrip, TcpDial
    from refused.evidence.redaction import redact
    from refused.remedies.watch import Attempt as Made

    report = diagnose(target, write=write, **{**options, "reads_cluster": False})
    made = list(_resource_attempt(report.bundle))
    for place in report.diagnosis.places:
        view = report.bundle.view(place.vantage)
        failed = next((hop for hop in place.path if hop.status == "failed"), None)
        trip = next(iter(view.look(RoundTrip)), None)
        why = "" if place.verdict == "healthy" else "no hop could be shown to work"
        if failed is not None:
            why = f"{failed.hop}: {failed.said}"
        elif not why and write and (trip is None or trip.outcome != "ok"):
            why = (
                "nothing was written"
                if trip is None
                else f"{trip.step}: {trip.error_text or trip.outcome}"
            )
        done = [fact.at for fact in view.facts if hasattr(fact, "at")]
        dialled = next((dial for dial in view.look(TcpDial) if dial.purpose == "client"), None)
        began = dialled.at - dialled.took_ms / 1000 if dialled else report.bundle.taken_at
        # From the dial to the last hop that was walked; looks at the host beside it are not counted.
        ms = sum(hop.ms or 0.0 for hop in place.path)
        made.append(
            Made(
                at=max(done, default=began), what=place.vantage, ok=not why, ms=ms, why=redact(why)
            )
        )
    return tuple(made)
