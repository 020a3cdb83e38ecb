"""List the root causes that refused knows, or print the page of one."""

from __future__ import annotations

from refused.vantage.words import BadOption

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def arguments(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("id", nargs="?", metavar="ID", help="the cause whose page to print")
    parser.add_argument("--json", action="store_true", help="print as JSON")


def run(options: Namespace) -> int:
    """Print the catalogue or a page. Returns the exit code."""
    from refused.causes import catalogue, page
    from refused.evidence.path import HOPS

    causes = [cause for cause, _ in catalogue()]
    if options.id:
        found = next((cause for cause in causes if cause.id == options.id), None)
        if found is None:
            from difflib import get_close_matches

            near = get_close_matches(options.id, [cause.id for cause in causes], 3)
            raise BadOption(
                f"no cause has that id; {'close: ' + ', '.join(near) if near else 'refused causes lists them'}"
            )
        causes = [found]
    if options.json:
        from json import dumps

        print(dumps([_data(cause) for cause in causes], indent=2))
    elif options.id:
        print(f"{causes[0].id}\n\n{page(options.id).strip()}")
        for title, texts in (
            ("Remedies", causes[0].remedies),
            ("Check after", (causes[0].verify,)),
            ("Prevention", (causes[0].prevent,)),
        ):
            print(f"\n{title}\n" + "\n".join(f"    {text}" for text in texts))
    else:
        for hop in HOPS:
            print(hop)
            for cause in causes:
                if cause.hop == hop:
                    print(f"  {cause.id:<32} {cause.title}")
    return 0


def _data(cause: object) -> dict[str, object]:
    fields = ("id", "title", "hop", "bucket", "remedies", "verify", "prevent")
    return {name: getattr(cause, name) for name in fields}
