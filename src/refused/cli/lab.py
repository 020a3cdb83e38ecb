"""The lab: a working twin of the service on this machine, with faults to order.

  refused lab list              the scenarios, and the cause each should lead to
  refused lab run [--all|ID…]   diagnose scenarios, and hold the answers against what is true
  refused lab up [ID]           bring one up, until Ctrl-C; --env-file says how to reach it

A scenario is also a target: refused diagnose lab:ID
"""

from __future__ import annotations

import sys

from refused.cli.options import BadOption

SIDE_BY_SIDE = 3

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from refused.lab.scenario import Scenario
    from refused.report import Report


def arguments(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    commands = parser.add_subparsers(dest="what", required=True, metavar="list|run|up")
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
        "id", nargs="?", default="healthy", metavar="ID", help="the scenario (default: healthy)"
    )
    up.add_argument(
        "--env-file", metavar="FILE", help="write shell export lines to FILE once it is ready"
    )
    for each in (listing, running, up):
        each.add_argument("--verbose", action="store_true", help="show where refused itself failed")


def run(options: Namespace) -> int:
    """Do what was asked. Returns the exit code."""
    return {"list": _list, "run": _run, "up": _up}[options.what](options)


def _list(options: Namespace) -> int:
    from refused.lab.scenario import all_scenarios

    scenarios = all_scenarios()
    if options.json:
        from json import dumps

        print(dumps([_data(each) for each in scenarios], indent=2))
        return 0
    for each in scenarios:
        needs = f" (needs: {', '.join(each.needs)})" if each.needs else ""
        print(f"{each.id:<40} {each.title}{needs}")
    return 0


def _data(scenario: Scenario) -> dict[str, object]:
    fields = ("id", "title", "cause", "service", "story", "unknown")
    return {
        **{name: getattr(scenario, name) for name in fields},
        "needs": list(scenario.needs),
        "options": dict(scenario.options),
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
    chosen = _chosen(options)
    rows = []
    if not options.json:
        print(f"{'scenario':<38} {'expected':<32} {'first cause':<32} certainty")
    # Scenarios mostly wait for silence; several at a time wait together.
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        for row in pool.map(_row, chosen):
            rows.append(row)
            if not options.json:
                print(_line(row), flush=True)
    wrong = [row for row in rows if not row["right"] and not row["skipped"]]
    if options.json:
        from json import dumps

        print(dumps(rows, indent=2))
    else:
        skipped = sum(bool(row["skipped"]) for row in rows)
        print(f"{len(rows) - len(wrong) - skipped} right, {len(wrong)} wrong, {skipped} skipped")
    return 1 if wrong else 0


def _line(row: dict[str, object]) -> str:
    mark = "" if row["right"] else "   WRONG"
    mark = f"   skipped: {row['skipped']}" if row["skipped"] else mark
    return (
        f"{row['scenario']:<38} {row['expected']:<32} {row['first']:<32} {row['certainty']}{mark}"
    )


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
    from refused.lab.scenario import UnknownScenario, by_id

    try:
        scenario = by_id(options.id)
    except UnknownScenario as unknown:
        raise BadOption(str(unknown)) from None
    with scenario.up() as world:
        lines = [f"export {name}={_quoted(value)}" for name, value in world.environment().items()]
        if options.env_file:
            with open(options.env_file, "w", encoding="utf-8") as file:
                file.write("\n".join(lines) + "\n")
        print(f"{scenario.id}: {scenario.title}", file=sys.stderr)
        print("\n".join(lines), flush=True)
        print(
            'try: refused diagnose "$REFUSED_LAB_TARGET"     (Ctrl-C ends the lab)',
            file=sys.stderr,
            flush=True,
        )
        _wait()
    return 0


def _quoted(text: str) -> str:
    from shlex import quote

    return quote(text)


def _wait() -> None:
    """Wait for Ctrl-C or a TERM, and take either as the word to go."""
    import signal
    import threading

    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    while not over.wait(3600):
        pass
