"""Hardened settings for the client library CLIENT, as code for TARGET, with reasons and sources.

  refused client-config redis-py contoso.redis.cache.windows.net --sku C1 --pods 4 --processes 2
  refused client-config lettuce contoso.westeurope.redis.azure.net --sku Balanced_B10
  refused client-config jedis @bundle.json           tier, policy and limit as Azure told them
  refused client-config --check settings.py          judge settings that exist: a file or a string
  refused client-config --list                       the libraries

No key is ever written into the code: it is read from the environment (REDIS_KEY), or Entra ID is
used. Exit codes: 0; with --check 1 where something was found, 3 where nothing could be judged.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from refused.cli.options import print_json
from refused.vantage.words import BadOption

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from refused.evidence.control_plane import AzureCache
    from refused.evidence.target import Target

FOUND, INCONCLUSIVE = 1, 3
# Of a target that nobody gave: what is read, and the host that is shown in its place.
STAND_INS = {
    "acr": ("contoso.redis.cache.windows.net", "your-cache.redis.cache.windows.net"),
    "amr": ("contoso.westeurope.redis.azure.net", "your-cache.your-region.redis.azure.net"),
    "redis": ("rediss://redis.example.com", "your-server.example.com"),
}


def arguments(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("client", metavar="CLIENT", nargs="?", help="the library; --list has them")
    parser.add_argument(
        "target",
        metavar="TARGET",
        nargs="?",
        help="host[:port], a URL, a connection string, or @bundle.json",
    )
    parser.add_argument(
        "--check",
        metavar="STRING|FILE",
        help="judge these settings: a connection string, source code or a configuration file; - is standard input",
    )
    parser.add_argument("--list", action="store_true", help="list the libraries")
    parser.add_argument(
        "--service",
        choices=tuple(STAND_INS),
        default="acr",
        help="without TARGET, write the code for this service (default: acr)",
    )
    parser.add_argument("--sku", default="", help="the cache's size, as C1, P2 or Balanced_B10")
    parser.add_argument(
        "--pods", type=int, default=1, help="instances of the application (default: 1)"
    )
    parser.add_argument(
        "--processes", type=int, default=1, help="processes of each instance (default: 1)"
    )
    parser.add_argument("--shards", type=int, help="shards of a clustered cache")
    parser.add_argument(
        "--policy", default="", help="OSSCluster, EnterpriseCluster or NoCluster (Managed Redis)"
    )
    parser.add_argument(
        "--cluster", action="store_true", default=None, help="the cache is a cluster"
    )
    parser.add_argument("--auth", choices=("key", "entra", "none"), help="how to log in")
    parser.add_argument(
        "--user", help="log in as a user of one's own; the name comes from REDIS_USER"
    )
    parser.add_argument("--form", choices=("code", "json"), default="code", help="default: code")
    parser.add_argument(
        "--json", dest="form", action="store_const", const="json", help="the same as --form json"
    )
    parser.add_argument(
        "--verbose", "-v", action="store_true", help="show where refused itself failed"
    )


def run(options: Namespace) -> int:
    """Write the settings, or judge some. Returns the exit code."""
    if options.list:
        return _list(options)
    for name in ("pods", "processes", "shards"):
        given = getattr(options, name)
        if given is not None and given < 1:
            raise BadOption(f"--{name} is a number from 1")
    if options.check is not None:
        return _check(options)
    if not options.client:
        raise BadOption("give a CLIENT, --check or --list")
    from refused.remedies.clients import find

    library = find(options.client)
    target, cache = _target(options)
    from refused.remedies.clients.of_target import wanted
    from refused.remedies.clients.say import to_data, to_text

    made, told = wanted(
        target,
        cache=cache,
        sku=options.sku,
        policy=options.policy,
        shards=options.shards,
        auth=options.auth,
        pods=options.pods,
        processes=options.processes,
    )
    if not options.target:
        told = ("No TARGET was given: put your host's name in the place of ours.", *told)
    config = library.config(made)
    config = config.replace(notes=(*told, *config.notes))
    if options.form == "json":
        from json import dumps

        print_json(dumps(to_data(config, made), indent=2, ensure_ascii=False))
    else:
        print(to_text(config))
    return 0


def _list(options: Namespace) -> int:
    from refused.remedies.clients import all_libraries

    libraries = all_libraries()
    if options.form == "json":
        from json import dumps

        print_json(
            dumps(
                [
                    {"name": each.NAME, "title": each.TITLE, "aliases": list(each.ALIASES)}
                    for each in libraries
                ],
                indent=2,
            )
        )
        return 0
    for each in libraries:
        print(f"{each.NAME:<20} also {', '.join(each.ALIASES)}")
    return 0


def _target(options: Namespace) -> tuple[Target, AzureCache | None]:
    from refused.evidence.parse_target import BadTarget, kind_of, parse_target

    stand_in, shown = STAND_INS[options.service]
    text = options.target or stand_in
    kind = kind_of(text)
    if kind == "bundle":
        return _of_bundle(text)
    if kind != "endpoint":
        raise BadTarget("give the host name, a connection string or @bundle.json")
    parsed = parse_target(
        text,
        user=options.user,
        cluster=True if options.cluster else None,
        environ=os.environ,
    )
    target = parsed.target
    return target if options.target else target.replace(host=shown), None


def _of_bundle(text: str) -> tuple[Target, AzureCache | None]:
    from refused.api import load
    from refused.evidence.control_plane import AzureCache
    from refused.evidence.observations import Unseen

    bundle = load(text.strip()[1:])
    seen = bundle.view(bundle.vantages[0]).one(AzureCache)
    return bundle.target, None if isinstance(seen, Unseen) else seen


def _check(options: Namespace) -> int:
    from refused.lint.client_settings import judge
    from refused.lint.say import to_data, to_text

    text, name = _settings(options.check)
    verdict = judge(text, name=name, room=_room(options))
    if options.form == "json":
        from json import dumps

        from refused.evidence.redaction import redact_data

        print_json(dumps(redact_data(to_data(verdict)), indent=2, ensure_ascii=False))
    else:
        from refused.evidence.redaction import redact

        print(redact(to_text(verdict)))
    if verdict.findings:
        return FOUND
    return 0 if verdict.client else INCONCLUSIVE


def _room(options: Namespace) -> int | None:
    """Return how many connections the tier leaves to each process; ``None`` where it was not named."""
    from refused.remedies.clients.wanted import Wanted
    from refused.service.tiers import find_sku

    if not options.sku:
        return None
    found = find_sku(options.sku)
    if found is None:
        raise BadOption("--sku is none that I know; write C1, P2 or Balanced_B10")
    made = Wanted(
        host="", port=0, tls=True, service=found.service, auth="none", sku=found.name,
        limit=found.max_connections, pods=options.pods, processes=options.processes,
        shards=options.shards or 1,
    )  # fmt: skip
    return made.share()


_LARGEST_BYTES = 1 << 20


def _settings(given: str) -> tuple[str, str]:
    """Return the text to judge, and the file's name (``""`` for a string)."""
    if given == "-":
        return sys.stdin.read(_LARGEST_BYTES), "standard input"
    looks_like_file = "\n" not in given and len(given) < 1024
    if looks_like_file and os.path.isfile(given):
        if os.path.getsize(given) > _LARGEST_BYTES:
            raise BadOption("the file is larger than any settings (1 MiB)")
        with open(given, encoding="utf-8", errors="replace") as file:
            return file.read(), given
    if looks_like_file and _is_filename(given):
        raise BadOption("--check: there is no such file, and it is no connection string either")
    return given, ""


def _is_filename(given: str) -> bool:
    from refused.lint.sources import SUFFIXES

    no_string = not any(sign in given for sign in "=@,;") and "://" not in given
    return no_string and given.lower().endswith(SUFFIXES)
