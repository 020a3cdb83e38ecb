"""The single file: how it is built, and that it sees what the installed program sees."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from refused.cli import options as installed
from refused.cli.parser import Parser
from refused.evidence.bundle import Bundle
from refused.lab.servers import Server
from refused.vantage import agent
from refused.vantage import build as builder
from refused.vantage.build import AT_HOME, LARGEST_BYTES, _modules, build
from tests.cli.alone import command
from tests.cli.running import apart
from tests.probes import peers
from tests.vantage.doors import python_of

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator
    from pathlib import Path

VERSIONS = ("3.8", "3.11", "3.13")
KEY = "Zm9yIHRoZSBzaW5nbGUgZmlsZSBhbG9uZSAxMjM0NTY="
# What differs from one look to the next, from wherever it is taken.
PASSING = {
    "at", "took_ms", "local_address", "clock_offset_s", "uptime_s", "connected_clients", "pid",
    "total_connections", "used_memory_bytes", "operations_per_s", "input_kbps", "output_kbps",
    "bytes_in", "by_state", "open", "system_open", "used", "time_wait", "entries", "round_trips_ms", "to_target",
}  # fmt: skip


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the single file, built by the command."""
    path = tmp_path_factory.mktemp("agent") / "refused-agent.py"
    said = command("agent", "build", "-o", str(path))
    assert said.code == 0, said.err
    return path


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Return a real server that asks for a password."""
    with Server(password=KEY) as started:
        yield started


def run(python: str, file: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the file as a person would, in a folder of its own."""
    return subprocess.run(
        [python, str(file), *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=file.parent,
        env={"PATH": os.environ["PATH"], **environ},
        timeout=60,
    )


def steady(bundle: dict[str, Any]) -> list[str]:
    """Return the facts without what differs from one look to the next, in an order of their own."""
    return sorted(
        json.dumps({name: value for name, value in fact.items() if name not in PASSING})
        for fact in bundle["facts"]
    )


# --- the file itself -----------------------------------------------------------------------------


def test_it_is_small_and_plain_text_and_always_the_same(file: Path) -> None:
    """It can be pasted into a console, and compared with another's."""
    made = file.read_bytes()

    assert len(made) < LARGEST_BYTES
    assert made.isascii()
    assert max(map(len, made.splitlines())) <= 120
    assert made == build()
    assert os.access(file, os.X_OK)


def test_it_can_be_built_from_several_threads_at_once(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it is where several places are reached; Python 3.11's parser bears no second thread."""
    monkeypatch.setattr(builder, "_built", [])
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: build(), range(4)))

    assert set(made) == {file.read_bytes()}


def test_another_process_and_another_hash_seed_build_the_same(file: Path) -> None:
    """Nothing of this process gets in."""
    script = "import sys; from refused.vantage.build import build; sys.stdout.buffer.write(build())"
    for seed in ("1", "2"):
        made = subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        assert made == file.read_bytes()


def test_what_judges_stays_at_home() -> None:
    """Only what looks travels, and nothing of it is written for a newer Python than 3.8."""
    modules = {name: text for name, _, text in _modules()}

    rooms = {".".join(name.split(".")[:2]) for name in modules}
    assert rooms == {
        "refused", "refused.service", "refused.evidence", "refused.probes", "refused.vantage",
    }  # fmt: skip
    assert not set(AT_HOME) & set(modules)
    for name, text in modules.items():
        ast.parse(text, name, feature_version=(3, 8))


def test_it_shows_its_sources(file: Path) -> None:
    """Whoever runs it somewhere delicate may read it first."""
    said = run(sys.executable, file, "--sources")

    assert said.returncode == 0
    assert "# ----- refused.probes.tcp\n" in said.stdout


@pytest.mark.parametrize("version", ["2.7", "3.7"])
def test_a_python_that_is_too_old_is_told_so(version: str, file: Path) -> None:
    """In one line, not in a traceback."""
    said = run(python_of(version), file, "cache.example")

    assert said.returncode == 1
    assert re.fullmatch(r"refused: this needs Python 3\.8 or newer, and this is \S+\n", said.stderr)


def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    """And no half file is left."""
    said = command("agent", "build", "-o", str(tmp_path / "none" / "file.py"))

    assert said.code == 4
    assert len(said.err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_it_can_be_had_on_standard_output() -> None:
    """For a pipe into somewhere."""
    assert command("agent", "build", "-o", "-").out.encode() == build()


# --- what it sees ----------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_it_sees_what_the_installed_program_sees(version: str, file: Path, server: Server) -> None:
    """Same target, same facts, under each Python; the password is in neither."""
    target = f"127.0.0.1:{server.port},password={KEY},connectTimeout=1500"
    words = ("--timeout", "3", "--deep", target)

    there = run(python_of(version), file, *words)
    at_home = apart("probe", *words)

    assert there.returncode == 0, there.stderr
    assert at_home.code == 0, at_home.err
    assert steady(json.loads(there.stdout)) == steady(json.loads(at_home.out))
    assert '"RedisReply"' in there.stdout
    assert KEY not in there.stdout + there.stderr


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("trusted", [True, False])
def test_it_sees_the_same_over_tls(version: str, trusted: bool, file: Path, tmp_path: Path) -> None:
    """With the CA that signed, and with another: certificates, their chain and what is wrong with it."""
    ours, stranger = trustme.CA(), trustme.CA()
    chain, key, authority = (tmp_path / name for name in ("chain.pem", "key.pem", "ca.pem"))
    issued = ours.issue_cert("127.0.0.1")
    chain.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(str(key))
    (ours if trusted else stranger).cert_pem.write_to_path(str(authority))
    port = peers.free_port()
    options = ["--port", "0", "--tls-port", str(port), "--tls-auth-clients", "no"]
    options += ["--tls-cert-file", str(chain), "--tls-key-file", str(key)]
    options += ["--tls-ca-cert-file", str(chain)]
    words = ("--timeout", "3", "--ca-file", str(authority), f"rediss://127.0.0.1:{port}")

    with peers.redis(tmp_path, port, *options):
        there = run(python_of(version), file, *words)
        at_home = apart("probe", *words)

    assert there.returncode == 0, there.stderr
    assert steady(json.loads(there.stdout)) == steady(json.loads(at_home.out))
    shakes = [each for each in json.loads(there.stdout)["facts"] if each["fact"] == "TlsHandshake"]
    assert shakes[0]["outcome"] == ("ok" if trusted else "untrusted")


@pytest.mark.parametrize("version", VERSIONS)
def test_what_it_prints_is_judged_at_home(version: str, file: Path, server: Server) -> None:
    """The password comes from the environment as for redis-cli."""
    said = run(
        python_of(version), file, f"127.0.0.1:{server.port}", "--auth", "key", REDISCLI_AUTH=KEY
    )
    bundle = file.parent / f"{version}.json"
    bundle.write_text(said.stdout)

    report = json.loads(apart("diagnose", f"@{bundle}", "--json").out)

    assert (said.returncode, report["verdict"]) == (0, "healthy"), report["path"]


def test_it_exits_0_whatever_it_saw(file: Path) -> None:
    """A fault is for whoever judges."""
    said = run(sys.executable, file, "--timeout", "1", "redis://127.0.0.1:1")

    assert said.returncode == 0, said.stderr
    dials = [f for f in json.loads(said.stdout)["facts"] if f["fact"] == "TcpDial"]
    assert dials[0]["outcome"] == "refused"


def test_what_lies_beside_it_is_not_imported(file: Path, tmp_path: Path) -> None:
    """A folder full of strangers' modules changes nothing, and gets no byte code."""
    mine = tmp_path / file.name
    mine.write_bytes(file.read_bytes())
    for name in ("socket.py", "refused.py", "json.py"):
        (tmp_path / name).write_text("raise SystemExit('a stranger')\n")

    said = run(sys.executable, mine, "--timeout", "1", "redis://127.0.0.1:1")

    assert said.returncode == 0, said.stderr
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        "json.py", "refused-agent.py", "refused.py", "socket.py",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "words",
    [
        ("redis://:hunter2hunter2@127.0.0.1:99999",),
        ("cache.example", "-a", "hunter2hunter2"),
        ("cache.example", "hunter2hunter2"),
        ("cache.example", "--auth", "hunter2hunter2"),
        ("cache.example", "--pid", "hunter2hunter2"),
        ("cache.example", "--from", "ssh:nobody@cache.example"),
        ("cache.example", "--from", "somewhere"),
        ("@bundle.json",),
        ("lab:healthy",),
        ("cache.example", "--timeout", "soon"),
        (),
    ],
)
def test_what_it_cannot_understand_is_one_line_without_the_words(
    words: tuple[str, ...], file: Path
) -> None:
    """Exit code 2, as of the installed program."""
    said = run(sys.executable, file, *words)

    assert said.returncode == 2
    assert said.stdout == ""
    assert len(said.stderr.splitlines()) == 1
    assert said.stderr.startswith("refused: ")
    assert "hunter2" not in said.stderr


# --- the options mean the same ---------------------------------------------------------------------


def _declared(parser: Any) -> dict[str, tuple[object, ...]]:
    return {
        name: (each.dest, type(each).__name__, each.type, each.choices, each.default, each.metavar)
        for each in parser._actions
        for name in each.option_strings or (each.dest,)
    }


def test_its_options_are_those_of_the_installed_program() -> None:
    """Every option of the file is one of ``refused probe``, and takes the same words."""
    theirs = Parser(prog="refused probe")
    installed.looking(theirs)
    mine = _declared(agent.parser())

    assert {name: _declared(theirs).get(name) for name in mine} == mine


def test_no_option_of_looking_is_left_out() -> None:
    """What the file lacks is named here, with the reason."""
    theirs = Parser(prog="refused probe")
    installed.looking(theirs)

    lacking = set(_declared(theirs)) - set(_declared(agent.parser()))

    # The control plane and an echo are asked, files are kept, and other sources are read at home.
    assert {"--resolver", "--timeout", "--for"}.isdisjoint(lacking)
    assert lacking <= AT_HOME_ALONE, lacking - AT_HOME_ALONE


AT_HOME_ALONE = {
    "--app", "--azure", "--changes", "--client-ip", "--client-subnet", "--echo", "--log", "--manifest",
    "--no-azure", "--resource", "--save", "--subscription", "--kube-context", "--workload",
}  # fmt: skip


def outcome(work: Any, *given: object) -> object:
    """Return the value, or the words of the refusal."""
    try:
        return work(*given)
    except ValueError as refusal:
        return str(refusal)


VARIABLES = [
    "REFUSED_FROM", "REFUSED_FOR", "REFUSED_PID", "REFUSED_DEEP", "REFUSED_CLUSTER", "REFUSED_AUTH",
    "REFUSED_SCOPE", "REFUSED_TIMEOUT", "REFUSED_RESOLVER", "REFUSED_CA_FILE", "REFUSED_USER",
]  # fmt: skip
VALUES = st.sampled_from(["", "1", "0", "yes", "maybe", "key", "all", "12", "here socks5://h:1"])


@given(st.dictionaries(st.sampled_from(VARIABLES), VALUES))
def test_the_environment_means_the_same(environ: dict[str, str]) -> None:
    """Each variable stands for its option, or is refused in the same words."""

    def mine() -> dict[str, Any]:
        options = agent.parser().parse_args(["cache.example"])
        agent.with_environment(options, environ)
        return vars(options)

    def theirs() -> dict[str, Any]:
        parser = Parser(prog="refused probe")
        installed.looking(parser)
        read: Namespace = installed.with_environment(parser.parse_args(["cache.example"]), environ)
        return {name: value for name, value in vars(read).items() if name in known}

    known = vars(agent.parser().parse_args(["cache.example"]))
    assert outcome(mine) == outcome(theirs)


def test_a_bundle_of_the_file_is_a_bundle(file: Path) -> None:
    """Read back and written again it is the same."""
    said = run(sys.executable, file, "--timeout", "1", "--scope", "one", "redis://127.0.0.1:1")

    bundle = Bundle.from_json(json.loads(said.stdout))

    assert bundle.to_json() == json.loads(said.stdout)
    assert bundle.scope == "one"
