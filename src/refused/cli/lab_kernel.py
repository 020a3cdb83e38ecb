"""What ``refused lab`` does in real networks: each world in namespaces of its own (Linux)."""

from __future__ import annotations

import sys

from refused.vantage.words import BadOption

SIDE_BY_SIDE = 2
# Silence is waited for; in a network of one machine nothing takes longer that will still come.
LIMIT_S = "2.5"
WORLD_S = 60

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from subprocess import Popen
    from typing import Any

    from refused.lab.kernel_worlds import KernelWorld


def chosen(ids: Sequence[str]) -> tuple[KernelWorld, ...]:
    """Return the worlds that were named; all where none was.

    Raises:
        BadOption: There is no world of that name.
    """
    from refused.lab.kernel_worlds import WORLDS, UnknownWorld, by_id

    try:
        return tuple(by_id(each) for each in ids) or WORLDS
    except UnknownWorld as unknown:
        raise BadOption(str(unknown)) from None


def listed(world: KernelWorld) -> dict[str, Any]:
    """Return what ``lab list --kernel --json`` says of a world."""
    fields = ("id", "title", "cause", "behind")
    told = {name: getattr(world, name) for name in fields}
    return {**told, "needs": ["kernel"], "options": list(world.options)}


def row(world: KernelWorld) -> dict[str, Any]:
    """Bring a world up, diagnose it from where its client stands, and hold the answer against it."""
    from refused.lab.kernel_stage import missing

    expected = world.cause or "healthy"
    told = {"scenario": world.id, "expected": expected, "first": "-", "certainty": "-"}
    why_not = missing()
    if why_not:
        return {**told, "right": False, "skipped": why_not}
    try:
        report = diagnosed(world)
    except RuntimeError as failure:
        print(failure, file=sys.stderr)
        return {**told, "first": "(did not come up)", "right": False, "skipped": ""}
    causes = report["causes"]
    true = {world.cause, world.behind}
    falsely = [e for e in causes if e["certainty"] == "confirmed" and e["id"] not in true]
    first = causes[0]["id"] if causes else report["verdict"]
    return {
        **told,
        "first": first,
        "certainty": causes[0]["certainty"] if causes else "-",
        "right": first == expected and not falsely,
        "skipped": "",
        "took_ms": report["took_ms"],
    }


def diagnosed(world: KernelWorld) -> dict[str, Any]:
    """Return the report of ``refused diagnose`` on a world, run where its client stands.

    Raises:
        RuntimeError: The world did not come up; the message is what was said.
    """
    import os
    import subprocess
    from json import loads
    from tempfile import TemporaryDirectory

    from refused.lab.kernel_stage import command

    limit = [] if "--timeout" in world.options else ["--timeout", LIMIT_S]
    with TemporaryDirectory(prefix="refused-lab-") as folder:
        words = [*_words(world, folder), *limit, *world.options]
        done = subprocess.run(  # noqa: S603  # our own interpreter
            command(world.id, *words),
            capture_output=True,
            check=False,
            timeout=WORLD_S,
            env={**os.environ, "TMPDIR": folder},
        )
    try:
        report: dict[str, Any] = loads(done.stdout)
    except ValueError:
        said = done.stderr.decode("utf-8", "replace").strip()[-400:]
        raise RuntimeError(f"the kernel world {world.id} did not come up: {said}") from None
    return report


def _words(world: KernelWorld, folder: str) -> list[str]:
    """Return the command that diagnoses a world, from the office as well where that is wanted."""
    program = [sys.executable, "-m", "refused.cli.main"]
    asked = [*program, "diagnose", world.target, "--json"]
    if not world.office:
        return asked
    from shlex import join

    from refused.lab.kernel_stage import entering

    seen = f"{folder}/office.json"
    first = join([*entering("office"), *program, "probe", world.target])
    asked += ["--from", "here", "--from", f"@{seen}"]
    return ["sh", "-c", f'{first} > {seen}; exec {join(asked)} "$@"', "sh"]


def not_played() -> str:
    """Say what a namespace cannot have, and what stands in for it."""
    from refused.lab.kernel_stage import SKIPPED

    return "\n".join(f"not played: {what}: {why}" for what, why in SKIPPED)


def up(name: str, env_file: str | None, write: Callable[[str, str], None]) -> int:
    """Bring a world up until Ctrl-C, and say how to get in; *write* writes *env_file*."""
    import os
    import signal
    import subprocess
    from tempfile import TemporaryDirectory

    from refused.lab.kernel_stage import command, missing
    from refused.lab.kernel_worlds import UnknownWorld, by_id

    try:
        world = by_id(name)
    except UnknownWorld as unknown:
        raise BadOption(str(unknown)) from None
    if why_not := missing():
        raise BadOption(f"{world.id} cannot be brought up here: it {why_not}")
    with TemporaryDirectory(prefix="refused-lab-") as folder:
        stage = subprocess.Popen(  # noqa: S603  # our own interpreter
            command(world.id),
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, "TMPDIR": folder},
        )
        try:
            _tell(world, stage, env_file, write)
            stage.wait()
        except KeyboardInterrupt:
            pass  # somebody who wants it to end ends it as everybody does
        finally:
            for pid in _children(stage.pid):
                os.kill(pid, signal.SIGTERM)
            stage.wait()
    return 0


def _tell(
    world: KernelWorld, stage: Popen[str], env_file: str | None, write: Callable[[str, str], None]
) -> None:
    import os

    lines = []
    for line in stage.stdout or ():
        if not line.strip():
            break
        lines.append(line)
    if env_file:
        write(env_file, "".join(lines))
    print(f"{world.id}: {world.title}", file=sys.stderr)
    print("".join(lines), end="", flush=True)
    inner = next(iter(_children(stage.pid)), stage.pid)
    spaces = "-n -m" if os.geteuid() == 0 else "-U -n -m --preserve-credentials"
    print(
        f"to stand where the client stands: nsenter -t {inner} {spaces}     (Ctrl-C ends the lab)",
        file=sys.stderr,
        flush=True,
    )


def _children(pid: int) -> tuple[int, ...]:
    """Return the processes that *pid* started; none where it is gone."""
    from pathlib import Path

    try:
        told = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii")
    except OSError:
        return ()
    return tuple(int(each) for each in told.split())
