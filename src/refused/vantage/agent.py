"""Look at TARGET from the host on which this file runs, and print the evidence.

The output is a bundle: carry it to where refused is installed, and judge it with
`refused diagnose @bundle.json`. Exit code 0 whatever was seen. Nothing is written anywhere but to
standard output, and nothing is changed. Passwords come from TARGET or from REDISCLI_AUTH.
"""

# The module is what the single file runs, by hand or fed through standard input. It keeps to Python
# 3.8 and the standard library. Its options are those of `refused probe`; a test holds them to it.

from __future__ import annotations

import argparse
import os
import sys
import time
from contextlib import contextmanager

from refused import __version__
from refused.evidence.bundle import Bundle
from refused.evidence.redaction import Secret, redact, redact_data
from refused.evidence.target import Credentials, Parsed, Target
from refused.probes.gather import Wishes
from refused.vantage import envelope, open_vantage
from refused.vantage.here import Here
from refused.vantage.look import look
from refused.vantage.words import BadOption, seconds, truth

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, BinaryIO, Dict, Iterator, List, Mapping, NoReturn, Sequence

    from refused.evidence.bundle import Fact
    from refused.vantage import Place

USAGE = 2
TIMEOUT_S = 5.0


def main() -> int:
    """Serve the question on standard input where the file came that way, else read the command line."""
    sys.setswitchinterval(0.0005)
    if sys.argv[0] == "-c":
        serve(sys.stdin.buffer, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        # A name lookup that hangs in a thread must not keep this process alive on somebody's host.
        os._exit(0)
    try:
        text = by_hand(sys.argv[1:], os.environ)
    except ValueError as wrong:
        if not getattr(wrong, "for_people", False):
            raise
        sys.stderr.write(f"refused: {redact(str(wrong))}\n")
        return USAGE
    except KeyboardInterrupt:
        return 130
    sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace") + b"\n")
    sys.stdout.buffer.flush()
    os._exit(0)


# --- by hand -----------------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    """Complaints name the option and never the value, which may be a password in the wrong place."""

    def error(self, message: str) -> NoReturn:
        name, _, said = message.partition(": ")
        if name.startswith("argument "):
            name = name[len("argument ") :]
        self.leave(f"{name}: {said}".partition("'")[0].partition("(choose")[0].rstrip(" :,"))

    def leave(self, said: str) -> NoReturn:
        self.exit(USAGE, f"refused: {said}; --help says what there is\n")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the file's own command line."""
    made = _Parser(
        prog="python3 " + os.path.basename(sys.argv[0] or "refused-agent.py"),
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    made.add_argument(
        "target",
        metavar="TARGET",
        help="host[:port], redis:// or rediss:// URL, a client's connection string",
    )
    made.add_argument(
        "--from",
        dest="vantages",
        action="append",
        metavar="VANTAGE",
        help="where to look from: here, socks5://host:port (repeatable)",
    )
    made.add_argument(
        "--resolver", metavar="IP[:PORT]", help="ask this resolver alone, never the system's"
    )
    made.add_argument("--ca-file", metavar="FILE", help="trust these CAs instead of the system's")
    made.add_argument(
        "--timeout", metavar="SECONDS", help="answer within this time, in all (default 5)"
    )
    made.add_argument("--user", help="the user name to log in with")
    made.add_argument("--auth", choices=("key", "entra", "none"), help="how to log in")
    made.add_argument(
        "--cluster", action="store_true", default=None, help="the client is cluster-aware"
    )
    made.add_argument(
        "--deep", action="store_true", default=None, help="slower, heavier looks as well"
    )
    made.add_argument(
        "--for",
        dest="hold",
        metavar="SECONDS",
        help="hold a connection idle for so long (60, 90s, 5m)",
    )
    made.add_argument(
        "--pid", type=int, metavar="PID", help="count the descriptors of this process"
    )
    made.add_argument(
        "--scope", choices=("all", "some", "one"), help="who is affected, for the severity"
    )
    return made


def by_hand(words: Sequence[str], environ: Mapping[str, str]) -> str:
    """Look as the command line says, and return the bundle as JSON text.

    Raises:
        ValueError: Something cannot be understood; the message is one line for people.
    """
    from json import dumps

    from refused.evidence.parse_target import BadTarget, kind_of, parse_target
    from refused.probes.names import parse_resolver

    made = parser()
    options, strange = made.parse_known_args(list(words))
    if strange:
        made.error("there is a word too many, which I do not repeat")
    with_environment(options, environ)
    if kind_of(options.target) != "endpoint":
        raise BadTarget(
            "this file looks at an endpoint: give host:port, a URL or a connection string"
        )
    parsed = parse_target(
        options.target,
        user=options.user,
        auth=options.auth,
        cluster=True if options.cluster else None,
        environ=environ,
    )
    limit_s = seconds(options.timeout, "--timeout") if options.timeout else TIMEOUT_S
    wishes = Wishes(
        limit_s=limit_s,
        resolver=parse_resolver(options.resolver) if options.resolver else None,
        ca_file=options.ca_file,
        deep=bool(options.deep),
        hold_s=seconds(options.hold, "--for") if options.hold else 0.0,
        root=environ.get("REFUSED_HOST_ROOT", "/"),
        environ=environ,
        pid=options.pid,
    )
    places = [open_vantage(text) for text in (options.vantages or ("here",))]
    bundle = _bundle(parsed, places, wishes, options.scope)
    return dumps(redact_data(bundle.to_json()), indent=1, ensure_ascii=False)


def _bundle(
    parsed: Parsed, places: Sequence[Place], wishes: Wishes, scope: str | None = None
) -> Bundle:
    taken_at, started = time.time(), time.monotonic()
    facts: List[Fact] = [] if parsed.settings is None else [parsed.settings]
    facts += look(parsed, places, wishes)
    return Bundle(
        target=parsed.target,
        taken_at=taken_at,
        tool=f"refused {__version__}",
        facts=tuple(facts),
        took_ms=(time.monotonic() - started) * 1000,
        limit_s=wishes.limit_s,
        scope=scope,
    )


_VARIABLES = {"vantages": "REFUSED_FROM", "hold": "REFUSED_FOR"}
_FLAGS = ("cluster", "deep")
_CHOICES = {"auth": ("key", "entra", "none"), "scope": ("all", "some", "one")}


def with_environment(options: argparse.Namespace, environ: Mapping[str, str]) -> None:
    """Fill what the command line left open from the ``REFUSED_*`` variables.

    Raises:
        BadOption: A variable's value cannot be understood.
    """
    for name, value in list(vars(options).items()):
        variable = _VARIABLES.get(name, "REFUSED_" + name.upper())
        text = environ.get(variable)
        if value is not None or name == "target" or not text:
            continue
        if name == "vantages":
            options.vantages = text.split()
        elif name in _FLAGS:
            setattr(options, name, truth(text, variable))
        elif name == "pid":
            if not text.isdigit():
                raise BadOption(f"{variable}: {text[:20]!r} is no process id; give a number")
            options.pid = int(text)
        elif name in _CHOICES and text not in _CHOICES[name]:
            raise BadOption(f"{variable}: {text[:20]!r} is none of {', '.join(_CHOICES[name])}")
        else:
            setattr(options, name, text)


# --- fed through standard input ------------------------------------------------------------------


def question(parsed: Parsed, wishes: Wishes, *, name: str, key: bytes, ca: str | None) -> bytes:
    """Return what :func:`serve` needs to look from its host, secrets included, as JSON.

    Args:
        name: What observations are to call the place.
        key: What the answer is sealed with.
        ca: The text of the CA file, which the place does not have.
    """
    from json import dumps

    password = parsed.credentials.password
    return dumps(
        {
            "key": key.hex(),
            "name": name,
            "target": parsed.target.to_json(),
            "settings": None if parsed.settings is None else parsed.settings.to_json(),
            "user": parsed.credentials.user,
            "password": None if password is None else password.reveal(),
            "ca": ca,
            "ca_file": wishes.ca_file,
            # A played host and the environment are those of the place itself.
            "wishes": {
                field: getattr(wishes, field)
                for field in Wishes.__slots__
                if field not in ("ca_file", "root", "environ")
            },
        }
    ).encode()


def serve(questions: BinaryIO, answers: BinaryIO) -> None:
    """Answer one question: look, and write the bundle or the reason why there is none."""
    from json import dumps, loads

    try:
        asked = loads(envelope.hear(questions))
    except ValueError as wrong:
        sys.stderr.write(f"refused-agent: {wrong}\n")
        return
    try:
        payload = _look_there(asked)
    except Exception as failure:  # noqa: BLE001 - whatever it is, whoever asked hears of it
        payload = dumps({"error": redact(f"{type(failure).__name__}: {failure}")[:400]})
    answers.write(
        envelope.answer(payload.encode("utf-8", "backslashreplace"), bytes.fromhex(asked["key"]))
    )


def _look_there(asked: Dict[str, Any]) -> str:
    from json import dumps

    from refused.evidence.observations import ClientSettings

    secret = None if asked["password"] is None else Secret(asked["password"])
    settings = None if asked["settings"] is None else ClientSettings.from_json(asked["settings"])
    parsed = Parsed(Target.from_json(asked["target"]), settings, Credentials(asked["user"], secret))
    wanted = dict(asked["wishes"])
    wanted["resolver"] = tuple(wanted["resolver"]) if wanted["resolver"] else None
    with _as_file(asked["ca"]) as path:
        wishes = Wishes(ca_file=path, root="/", environ=os.environ, **wanted)
        bundle = _bundle(parsed, [Here(asked["name"])], wishes)
    text = dumps(redact_data(bundle.to_json()))
    # The user knows the CAs by the file at home.
    return text if path is None else text.replace(dumps(path)[1:-1], dumps(asked["ca_file"])[1:-1])


@contextmanager
def _as_file(text: str | None) -> Iterator[str | None]:
    """Give *text* a path for a while; on Linux it touches no disk."""
    if text is None:
        yield None
        return
    make = getattr(os, "memfd_create", None)
    if make is not None and os.path.isdir("/proc/self/fd"):
        with os.fdopen(make("refused-ca"), "wb") as file:
            file.write(text.encode())
            file.flush()
            yield f"/proc/self/fd/{file.fileno()}"
        return
    from tempfile import mkstemp

    descriptor, path = mkstemp(prefix="refused-ca-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode())
        yield path
    finally:
        os.unlink(path)
