"""The lab: a working twin of the service on this machine, with faults to order.

  refused lab list              the scenarios, and the cause each should lead to
  refused lab run [--all|ID…]   diagnose scenarios, and hold the answers against what is true
  refused lab up [ID|FILE.toml] bring one up, or a world of your own, until Ctrl-C

With no ID, up brings two caches up, their networks, and a control plane: `contoso`, an Azure Cache
for Redis, and `fabrikam`, an Azure Managed Redis. --env-file FILE says how to reach it all:

  refused lab up --env-file lab.env &
  . ./lab.env
  az redis firewall-rules list -n "$REFUSED_LAB_CACHE" -g "$REFUSED_LAB_GROUP"
  refused diagnose "$REFUSED_LAB_TARGET"

A scenario is also a target: refused diagnose lab:ID

--kernel (Linux, as root or with user namespaces) does the same in real networks: namespaces with
packet filters, routes, translation, sidecars and resolvers that the kernel itself runs.

  refused lab --kernel          diagnose every kernel world; also: lab run --kernel [ID…]
  refused lab list --kernel     the kernel worlds, and the cause each should lead to
"""

from __future__ import annotations

import argparse
import sys

from refused.vantage.words import BadOption

SIDE_BY_SIDE = 3
DEFAULT = "healthy.azure"
DEFAULT_KERNEL = "healthy.tls"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable
    from typing import Any

    from refused.lab.scenario import Scenario
    from refused.lab.world import World
    from refused.report import Report


def arguments(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "--kernel", action="store_true", help="run every kernel world, in real networks (Linux)"
    )
    commands = parser.add_subparsers(dest="what", metavar="list|run|up")
    listing = commands.add_parser("list", help="the scenarios", allow_abbrev=False)
    listing.add_argument("--json", action="store_true", help="print as JSON")
    running = commands.add_parser(
        "run", help="diagnose scenarios, and check the answers", allow_abbrev=False
    )
    running.add_argument("ids", nargs="*", metavar="ID", help="scenarios; or --all")
    running.add_argument("--all", action="store_true", help="every scenario")
    running.add_argument("--json", action="store_true", help="print as JSON")
    up = commands.add_parser("up", help="bring a scenario up until Ctrl-C", allow_abbrev=False)
    up.add_argument(
        "id",
        nargs="?",
        default=DEFAULT,
        metavar="ID|FILE.toml",
        help=f"the scenario, or a file that describes a world (default: {DEFAULT})",
    )
    up.add_argument(
        "--env-file", metavar="FILE", help="write shell export lines to FILE once it is ready"
    )
    for each in (listing, running, up):
        each.add_argument(
            "--kernel",
            action="store_true",
            default=argparse.SUPPRESS,
            help="worlds of real networks instead (Linux)",
        )
        each.add_argument("--verbose", action="store_true", help="show where refused itself failed")


def run(options: Namespace) -> int:
    """Do what was asked. Returns the exit code."""
    if options.what is None:
        if not options.kernel:
            raise BadOption("say what to do: list|run|up, or --kernel")
        options.what, options.ids, options.all, options.json = "run", [], True, False
    return {"list": _list, "run": _run, "up": _up}[options.what](options)


def _list(options: Namespace) -> int:
    from refused.lab.scenario import all_scenarios

    if options.kernel:
        return _list_kernel(as_json=options.json)
    scenarios = all_scenarios()
    if options.json:
        from json import dumps

        print(dumps([_data(each) for each in scenarios], indent=2))
        return 0
    for each in scenarios:
        needs = f" (needs: {', '.join(each.needs)})" if each.needs else ""
        print(f"{each.id:<40} {each.title}{needs}")
    return 0


def _list_kernel(*, as_json: bool) -> int:
    from refused.cli.lab_kernel import chosen, listed

    worlds = chosen(())
    if as_json:
        from json import dumps

        print(dumps([listed(each) for each in worlds], indent=2))
    else:
        for each in worlds:
            print(f"{each.id:<48} {each.title}")
    return 0


def _data(scenario: Scenario) -> dict[str, object]:
    fields = ("id", "title", "cause", "service", "story", "unknown")
    return {
        **{name: getattr(scenario, name) for name in fields},
        "needs": list(scenario.needs),
        "options": dict(scenario.options),
        "control_plane": scenario.control_plane and scenario.service in ("acr", "amr"),
    }


def _chosen(options: Namespace) -> tuple[Scenario, ...]:
    from refused.lab.scenario import UnknownScenario, all_scenarios, by_id

    if options.all or not options.ids:
        return all_scenarios()
    try:
        return tuple(by_id(each) for each in options.ids)
    except UnknownScenario as unknown:
        raise BadOption(str(unknown)) from None


def _run(options: Namespace) -> int:
    """Diagnose each scenario and compare; exit 1 when an answer is wrong."""
    chosen: tuple[Any, ...]
    look: Callable[[Any], dict[str, object]]
    if options.kernel:
        from refused.cli import lab_kernel

        chosen = lab_kernel.chosen(() if options.all else options.ids)
        look, side_by_side, width = lab_kernel.row, lab_kernel.SIDE_BY_SIDE, 48
    else:
        chosen, look, side_by_side, width = _chosen(options), _row, SIDE_BY_SIDE, 38
    rows = []
    if not options.json:
        print(f"{'scenario':<{width}} {'expected':<32} {'first cause':<32} certainty")
    # Scenarios mostly wait for silence; several at a time wait together.
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(side_by_side) as pool:
        for row in pool.map(look, chosen):
            rows.append(row)
            if not options.json:
                print(_line(row, width), flush=True)
    wrong = [row for row in rows if not row["right"] and not row["skipped"]]
    if options.json:
        from json import dumps

        print(dumps(rows, indent=2))
    else:
        skipped = sum(bool(row["skipped"]) for row in rows)
        print(f"{len(rows) - len(wrong) - skipped} right, {len(wrong)} wrong, {skipped} skipped")
        if options.kernel:
            from refused.cli.lab_kernel import not_played

            print(not_played())
    return 1 if wrong else 0


def _line(row: dict[str, object], width: int) -> str:
    mark = "" if row["right"] else "   WRONG"
    mark = f"   skipped: {row['skipped']}" if row["skipped"] else mark
    said = f"{row['expected']:<32} {row['first']:<32} {row['certainty']}{mark}"
    return f"{row['scenario']:<{width}} {said}"


def _row(scenario: Scenario) -> dict[str, object]:
    from refused.api import judge, probe_scenario
    from refused.lab.kernel import cannot_run

    expected = scenario.cause or "healthy"
    why_not = cannot_run(scenario)
    if why_not:
        return {
            "scenario": scenario.id,
            "expected": expected,
            "first": "-",
            "certainty": "-",
            "right": False,
            "skipped": why_not,
        }
    report = judge(probe_scenario(scenario))
    first = report.causes[0].id if report.causes else report.verdict
    certainty = report.causes[0].certainty if report.causes else "-"
    return {
        "scenario": scenario.id,
        "expected": expected,
        "first": first,
        "certainty": certainty,
        "right": _is_right(scenario, report),
        "skipped": "",
    }


def _is_right(scenario: Scenario, report: Report) -> bool:
    """Whether the true cause stands first, and nothing false is called confirmed."""
    if scenario.cause is None:
        return report.verdict == "healthy" and not report.causes
    falsely = [
        each
        for each in report.causes
        if each.certainty == "confirmed" and each.id != scenario.cause
    ]
    return (
        report.verdict == "fault"
        and bool(report.causes)
        and report.causes[0].id == scenario.cause
        and not falsely
    )


def _up(options: Namespace) -> int:
    _end_on_signals()
    if options.kernel:
        from refused.cli import lab_kernel

        return lab_kernel.up(
            DEFAULT_KERNEL if options.id == DEFAULT else options.id,
            options.env_file,
            _write_private,
        )
    world, title = _world(options.id)
    try:
        with world:
            lines = [
                f"export {name}={_quoted(value)}" for name, value in world.environment().items()
            ]
            if options.env_file:
                _write_private(options.env_file, "\n".join(lines) + "\n")
            print(title, file=sys.stderr)
            print("\n".join(lines), flush=True)
            print(
                'try: refused diagnose "$REFUSED_LAB_TARGET"     (Ctrl-C ends the lab)',
                file=sys.stderr,
                flush=True,
            )
            _wait()
    except KeyboardInterrupt:
        pass  # somebody who does not want it to come up ends it as everybody does
    return 0


def _world(wanted: str) -> tuple[World, str]:
    """Declare the world of a scenario or of a file, and return it with a line about it."""
    if wanted.lower().endswith(".toml"):
        from pathlib import Path

        from refused.lab.arm.worlds import from_toml

        return from_toml(Path(wanted)), f"{wanted}: a world of your own"
    from refused.lab.kernel import cannot_run
    from refused.lab.scenario import UnknownScenario, by_id

    try:
        scenario = by_id(wanted)
    except UnknownScenario as unknown:
        raise BadOption(str(unknown)) from None
    if why_not := cannot_run(scenario):
        raise BadOption(f"{scenario.id} cannot be brought up here: it {why_not}")
    return scenario.up(), f"{scenario.id}: {scenario.title}"


def _write_private(path: str, text: str) -> None:
    """Write a file that only its owner can read, for it holds keys; whole or not at all.

    Raises:
        BadOption: It cannot be written.
    """
    import os

    beside = f"{path}.{os.getpid()}.part"
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(beside, path)
    except OSError as failure:
        raise BadOption(f"--env-file {path} cannot be written: {failure.strerror}") from None


def _quoted(text: str) -> str:
    from shlex import quote

    return quote(text)


def _end_on_signals() -> None:
    """Take Ctrl-C and a TERM alike as the word to go, however far it has come."""
    import signal

    def leave(*_: object) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, leave)


def _wait() -> None:
    """Wait for ever; a signal ends it."""
    import threading

    over = threading.Event()
    while not over.wait(3600):
        pass
