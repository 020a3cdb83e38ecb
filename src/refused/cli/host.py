"""Show the kernel's TCP settings that matter for Redis clients, in seconds; with --apply set them.

Without --apply nothing is changed. --apply sets what is worth it, or the named settings, and keeps
them over a boot (/etc/sysctl.d/90-refused-redis.conf); --undo takes the latest change back. Both
need root. --container and --kubernetes print the same for what has a network of its own.

Exit codes: 0 nothing needs a change, or it was made; 1 something is worth a change; 2 usage.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from refused.cli.options import print_json

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterable

    from refused.remedies.host_settings import Row
    from refused.remedies.journal import Entry, Journal

WORTH_IT = 1
ROOT = "/"
_WIDTH = 100


def arguments(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--apply", nargs="*", metavar="NAME", help="set what is worth it, or these settings"
    )
    what.add_argument(
        "--undo",
        nargs="?",
        const="",
        metavar="CHANGE",
        help="take the latest change back, or one by its id",
    )
    what.add_argument("--journal", action="store_true", help="show what was changed")
    what.add_argument(
        "--container", action="store_true", help="print the settings for docker run and Compose"
    )
    what.add_argument("--kubernetes", action="store_true", help="print the settings for a pod")
    parser.add_argument(
        "--pid", type=int, metavar="PID", help="the open-files limit of this process"
    )
    parser.add_argument(
        "--yes", "-y", action="store_true", help="do not ask before --apply or --undo"
    )
    parser.add_argument("--json", action="store_true", help="print as JSON")
    parser.add_argument(
        "--verbose", "-v", action="store_true", help="show where refused itself failed"
    )


def run(options: Namespace) -> int:
    """Show, or change. Returns the exit code."""
    from refused.probes import host_linux
    from refused.remedies.host_settings import HostRefused

    if not host_linux.is_linux(ROOT):
        raise HostRefused("this host is no Linux, or hides /proc/sys/net: there is nothing to show")
    journal = _journal()
    if options.journal:
        from refused.report.plan import journal_text

        print(journal_text(journal.entries(), _WIDTH))
        return 0
    if options.undo is not None:
        return _undo(journal, options)
    rows = _rows(options.pid)
    if options.apply is not None:
        return _apply(rows, journal, options)
    if options.container or options.kubernetes:
        return _elsewhere(rows, options)
    _show(rows, journal, options)
    return WORTH_IT if any(each.verdict == "change" for each in rows) else 0


def _rows(pid: int | None) -> tuple[Row, ...]:
    from refused.evidence.observations import DescriptorUse, PortUse
    from refused.probes import host_linux
    from refused.probes.stopwatch import Stopwatch
    from refused.remedies.host_settings import judge, read

    files = host_linux.descriptors(ROOT, "here", pid)
    ports = host_linux.ports(ROOT, "here", host_linux.Sockets(ROOT, (), 0), Stopwatch("here"))
    return judge(
        read(ROOT),
        descriptors=files.soft_limit if isinstance(files, DescriptorUse) else None,
        ports_used=ports.used if isinstance(ports, PortUse) else None,
    )


def _show(rows: Iterable[Row], journal: Journal, options: Namespace) -> None:
    from refused.remedies.host_settings import left_open

    left = left_open(journal)
    if left is not None:
        print(
            f"refused: change {left.id} was left at '{left.state}': --apply finishes it, --undo takes it back",
            file=sys.stderr,
        )
    if options.json:
        from json import dumps

        data = {
            "schema": "refused.host/1",
            "settings": [each.to_json() for each in rows],
            "in_container": in_container(),
            "open_change": None if left is None else left.id,
        }
        print_json(dumps(data, indent=2, ensure_ascii=False))
        return
    from textwrap import wrap

    words = {"change": "CHANGE", "may": "maybe", "leave": "ok", "unseen": "unseen"}
    said = ""
    for each in rows:
        value = "?" if each.value is None else each.value
        to = f" -> {each.advised}" if each.advised else ""
        print(f"{words[each.verdict]:<7} {each.name} = {value}{to}")
        why = f"{each.why} [{each.source}]" if each.why and each.why != said else ""
        said = each.why
        for text in (each.means, why):
            for line in wrap(text, _WIDTH - 8, break_long_words=False, break_on_hyphens=False):
                print(f"        {line}")
    if any(each.verdict == "change" for each in rows):
        print("\nTo set what is marked CHANGE: sudo refused host --apply")
    if in_container():
        print(
            "This is a container: a file in it is gone with it; --container and --kubernetes print what lasts."
        )


def in_container() -> bool:
    """Whether this looks like a container, whose files do not last."""
    return (
        os.path.exists("/.dockerenv")
        or os.path.exists("/run/.containerenv")
        or "KUBERNETES_SERVICE_HOST" in os.environ
    )


def _elsewhere(rows: tuple[Row, ...], options: Namespace) -> int:
    from refused.remedies.host_settings import for_container, for_kubernetes, standard

    settings = standard(rows)
    print(for_container(settings) if options.container else for_kubernetes(settings))
    return 0


def _apply(rows: tuple[Row, ...], journal: Journal, options: Namespace) -> int:
    from refused.remedies.host_settings import apply, chosen, finish, left_open

    settings = chosen(rows, options.apply)
    _need_root("--apply")
    left = left_open(journal)
    if left is not None:
        print(f"refused: finishing change {left.id} first: {left.change.title}", file=sys.stderr)
        finish(left, ROOT)
        settings = chosen(_rows(options.pid), options.apply if not settings else ())
    if not settings:
        print("Nothing is worth a change here.")
        return 0
    for each in settings:
        print(f"{each.name}: {each.before} -> {each.after}")
    _agree(options, "They hold for every TCP connection of this host.")
    entry = apply(settings, journal, ROOT)
    print(
        f"Set, and kept in /etc/sysctl.d; change {entry.id}, `refused host --undo` takes it back."
    )
    if in_container():
        print(
            "This is a container: the file in it is gone with it; see --container.", file=sys.stderr
        )
    return 0


def _undo(journal: Journal, options: Namespace) -> int:
    from refused.remedies.host_settings import undo

    _need_root("--undo")
    entry = _to_undo(journal, options.undo)
    print(f"Taking back change {entry.id}: {entry.change.title}")
    _agree(options, "The values before it are put back.")
    for line in undo(entry, journal, ROOT):
        print(line)
    print("Done: the values and the file are as before it.")
    return 0


def _to_undo(journal: Journal, id_: str) -> Entry:
    """Return the change by its id, else the latest that stands."""
    if not id_:
        standing = [
            each
            for each in journal.entries()
            if each.state not in ("undone", "failed", "abandoned")
        ]
        if standing:
            return standing[-1]
    return journal.find(id_)


def _need_root(option: str) -> None:
    from refused.remedies.host_settings import HostRefused

    if os.geteuid() != 0:
        raise HostRefused(f"the kernel takes settings from root alone: sudo refused host {option}")


def _agree(options: Namespace, what: str) -> None:
    from refused.remedies.host_settings import HostRefused

    if options.yes:
        return
    if not sys.stdin.isatty():
        raise HostRefused(f"{what} Say --yes to agree")
    if input(f"{what} Go on? [y/N] ").strip().lower() not in ("y", "yes"):
        raise HostRefused("nothing was changed")


def _journal() -> Journal:
    from refused.remedies.journal import Journal as Opened
    from refused.remedies.journal import data_folder

    return Opened(data_folder(os.environ) / "host")
