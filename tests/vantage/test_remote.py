"""Other hosts over a real sshd on loopback: the same evidence, and nothing left behind."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from refused import api
from refused.evidence.observations import RedisReply, Unseen
from refused.lab.servers import Server
from refused.vantage import BadVantage, open_vantage, remote
from tests.cli.running import apart
from tests.cli.test_agent import steady
from tests.vantage.doors import Door, door, python_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.evidence.bundle import Bundle

KEY = "c2VjcmV0cyB0cmF2ZWwgdGhyb3VnaCBzdGFuZGFyZCBpbg=="
VERSIONS = ("3.8", "3.11", "3.13")


@pytest.fixture(scope="module")
def _house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with door(tmp_path_factory.mktemp("sshd")) as made:
        yield made


@pytest.fixture
def host(_house: Door, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    """Give a host behind a real sshd, with nobody in between and the newest Python there."""
    monkeypatch.setenv("PATH", f"{_house.programs}:{os.environ['PATH']}")
    _house.use(python_of("3.13"))
    yield _house
    _house.wrap("ssh", f'exec /usr/bin/ssh -F {_house.folder}/ssh_config "$@"')


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Give a real server that asks for a password."""
    with Server(password=KEY) as started:
        yield started


def there(host: Door) -> str:
    """Return how the user names the host."""
    return f"ssh:root@127.0.0.1:{host.port}"


def look(server: Server, *vantages: str, **options: Any) -> Bundle:
    """Gather from these places."""
    target = f"127.0.0.1:{server.port},password={KEY},connectTimeout=1500"
    # A real kubectl takes a second to start on a busy machine, and a debug container asks it four times.
    return api.probe(target, vantages=vantages, timeout_s=8, **options)


def facts_of(bundle: Bundle, vantage: str) -> list[str]:
    """Return what one place saw, without its name and what differs from look to look."""
    data = bundle.view(vantage).facts
    told = [{**each.to_json(), "fact": type(each).__name__, "vantage": ""} for each in data]
    return steady({"facts": told})


def gap(bundle: Bundle, vantage: str) -> Unseen:
    """Return the one thing that a place has to say: why it was not reached."""
    (only,) = (fact for fact in bundle.facts if fact.vantage == vantage)
    assert isinstance(only, Unseen)
    assert only.what == f"the path from {vantage}"
    assert "\n" not in only.why
    return only


# --- the same evidence -----------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_a_host_behind_ssh_sees_what_this_one_sees(
    version: str, host: Door, server: Server
) -> None:
    """It is this very host, so that all but the moment is equal."""
    host.use(python_of(version))

    bundle = look(server, "here", there(host))

    assert bundle.vantages == ("here", there(host))
    assert facts_of(bundle, there(host)) == facts_of(bundle, "here")
    assert any(isinstance(each, RedisReply) for each in bundle.view(there(host)).facts)
    assert api.judge(bundle).verdict == "healthy"


def test_what_a_login_prints_is_no_part_of_the_answer(host: Door, server: Server) -> None:
    """Profiles greet people, on both channels."""
    host.wrap(
        "ssh", f'echo Welcome; echo Hello >&2; exec /usr/bin/ssh -F {host.folder}/ssh_config "$@"'
    )

    assert len(look(server, there(host)).view(there(host)).facts) > 5


# --- nothing is left behind, and no secret is shown --------------------------------------------------


def _processes() -> dict[str, bytes]:
    """Return command line and environment of everything that runs, by process."""
    seen = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            seen[folder.name] = b"".join((folder / n).read_bytes() for n in ("cmdline", "environ"))
    return seen


def _files(*folders: Path) -> set[str]:
    return {str(each) for folder in folders for each in folder.rglob("*")}


def test_nothing_stays_and_no_process_list_shows_a_secret(
    host: Door, server: Server, tmp_path: Path
) -> None:
    """While it looks, and afterwards: processes, temporary files, the home with its cache, Python's own."""
    import trustme

    authority = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(authority))
    (host.home / ".cache").mkdir(exist_ok=True)
    folders = (host.home, host.temporary, Path(python_of("3.13")).parent.parent / "lib")
    before, names = _files(*folders), {each.name for each in Path("/tmp").iterdir()}
    shown: list[bytes] = []
    ran: set[str] = set()
    ours = str(host.folder).encode()
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            for pid, text in _processes().items():
                if b"-I\0-S\0-B\0-c\0" in text and int(pid) != os.getpid():
                    ran.add(pid)
                # Others on this host may have a password of their own in their words.
                is_ours = ours in text and int(pid) != os.getpid()
                is_secret = KEY.encode() in text or (is_ours and b"password" in text)
                shown.extend([text] if is_secret else [])
            time.sleep(0.02)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        look(server, there(host), hold_s=0.5, ca_file=str(authority))
    finally:
        over.set()
        watcher.join()

    assert ran, "the agent was never seen to run, so nothing was tested"
    assert shown == []
    until = time.monotonic() + 5
    while ran & set(_processes()) and time.monotonic() < until:
        time.sleep(0.05)
    assert not ran & set(_processes())
    assert _files(*folders) == before
    # Others use /tmp at the same time, but nothing of theirs is called like this.
    new = {each.name for each in Path("/tmp").iterdir()} - names
    assert not {name for name in new if "refused-ca" in name or "agent" in name}


def test_a_ca_file_travels_and_is_called_what_it_is_called_here(
    host: Door, server: Server, tmp_path: Path
) -> None:
    """The far side has no such file, and gets none."""
    import trustme

    authority = tmp_path / "our-ca.pem"
    trustme.CA().cert_pem.write_to_path(str(authority))
    target = f"rediss://:x@127.0.0.1:{server.port}"

    bundle = api.probe(target, vantages=[there(host)], ca_file=str(authority), timeout_s=2)

    shakes = [
        each
        for each in bundle.to_json()["facts"]
        if each["fact"] == "TlsHandshake" and each["verified"]
    ]
    assert {each["ca"] for each in shakes} == {str(authority)}
    assert "/proc/self/fd/" not in json.dumps(bundle.to_json())


# --- places that give nothing ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("meddle", "said"),
    [
        ("sed s/ServerInfo/ServerInfa/", "the answer was changed on its way: its seal is not ours"),
        ("head -c 3000", "the answer was cut short: "),
        ("head -c 20", "the answer was cut short on its way"),
        ("sed s/refused-answer/refused-anzwer/", "no answer came back"),
    ],
)
def test_an_answer_that_was_meddled_with_is_refused(
    meddle: str, said: str, host: Door, server: Server
) -> None:
    """In one line; the other places go on."""
    host.wrap("ssh", f'/usr/bin/ssh -F {host.folder}/ssh_config "$@" | {meddle}')

    bundle = look(server, there(host), "here")

    assert gap(bundle, there(host)).why.startswith(said)
    assert len(bundle.view("here").facts) > 5
    report = api.judge(bundle)
    assert report.verdict == "healthy"
    assert f"Path from {there(host)}: not looked at: {said}" in report.to_text(width=200)


def test_a_host_without_python_says_so(host: Door, server: Server) -> None:
    """And what would help."""
    host.use(None)

    said = gap(look(server, there(host)), there(host))

    assert said.why == "there is no Python 3.8 or newer"
    assert "install Python 3.8" in said.how_to_see


def test_a_python_that_is_too_old_is_none(host: Door, server: Server) -> None:
    """It is tried, and left alone."""
    host.use(python_of("3.7"))

    assert gap(look(server, there(host)), there(host)).why == "there is no Python 3.8 or newer"


def test_an_unknown_host_key_is_not_trusted(host: Door, server: Server) -> None:
    """The user decides whom to trust, and nobody is asked while probing."""
    host.wrap(
        "ssh", f'exec /usr/bin/ssh -F {host.folder}/ssh_config -o UserKnownHostsFile=none "$@"'
    )

    said = gap(look(server, there(host)), there(host))

    assert said.why == "Host key verification failed."
    assert said.how_to_see.startswith("make this work first: ssh -o BatchMode=yes")


def test_whoever_may_not_log_in_is_told(host: Door, server: Server) -> None:
    """With ssh's own words."""
    stranger = f"ssh:nobody@127.0.0.1:{host.port}"

    assert "Permission denied" in gap(look(server, stranger), stranger).why


def test_without_ssh_there_is_no_way(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What is missing is missing here, not there."""
    monkeypatch.setenv("PATH", str(tmp_path))

    said = gap(look(server, "ssh:far.example"), "ssh:far.example")

    assert said.why == "ssh cannot be run: No such file or directory"


def test_a_host_that_never_answers_is_given_up(
    host: Door, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program that waited for it is ended, and the others are not kept waiting."""
    monkeypatch.setattr(remote, "REACH_S", -2.5)
    host.wrap("ssh", f"echo $$ > {host.folder}/pid; exec sleep 300")

    bundle = look(server, there(host), "here")

    assert gap(bundle, there(host)).why == f"{there(host)} did not answer in time"
    pid = (host.folder / "pid").read_text().strip()
    assert not Path("/proc", pid).exists()


def test_an_interrupt_ends_it_with_what_has_come(host: Door, server: Server) -> None:
    """The place that does not answer is not waited for, and what the other one saw is kept."""
    host.wrap("ssh", "exec sleep 300")
    target = f"127.0.0.1:{server.port},password={KEY}"
    command = [sys.executable, "-m", "refused.cli.main", "probe", target]
    with subprocess.Popen(
        [*command, "--from", there(host), "--from", "here", "--for", "30"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    ) as looking:
        try:
            until = time.monotonic() + 20
            while not _children(looking.pid) and time.monotonic() < until:
                time.sleep(0.05)
            assert _children(looking.pid)
            os.killpg(looking.pid, signal.SIGINT)
            out, err = looking.communicate(timeout=20)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(looking.pid, signal.SIGKILL)

    assert looking.returncode == 0, err
    gaps = [each for each in json.loads(out)["facts"] if each["fact"] == "Unseen"]
    assert there(host) in {each["vantage"] for each in gaps}
    assert KEY not in out + err


def _children(pid: int) -> str:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text() + "".join(
        each.read_text() for each in Path(f"/proc/{pid}/task").glob("*/children")
    )


def test_the_command_line_compares_places(host: Door, server: Server) -> None:
    """From the words to the report, with no secret on any channel."""
    target = f"127.0.0.1:{server.port},password={KEY}"

    said = apart("diagnose", target, "--from", "here", "--from", there(host), "--json", "--verbose")

    assert said.code == 0, said.err
    assert [each["vantage"] for each in json.loads(said.out)["vantages"]] == ["here", there(host)]
    assert KEY not in said.out + said.err


def test_a_report_of_places_that_were_not_reached_decides_nothing(server: Server) -> None:
    """Inconclusive, with the reason; not healthy, and not a fault."""
    vantage = "ssh:root@127.0.0.1:1"

    report = api.judge(look(server, vantage))

    assert report.verdict == "inconclusive"
    assert report.to_data()["unseen"][0]["what"] == f"the path from {vantage}"
    assert report.severity is None


# --- names -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "ssh:", "ssh:-oProxyCommand=true", "ssh:user@-oProxyCommand=true", "ssh:a b", "ssh:a;b",
        "ssh:host:port", "ssh:host:0", "ssh:host:70000", "ssh:@host", "ssh:$(id)", "ssh:-l@host",
        "k8s:", "k8s:namespace", "k8s:-n/pod", "k8s:a/b/c/d", "k8s:a//b", "k8s:a/pod;id",
        "k8s:a/deployment/b/c/d", "docker:", "docker:--privileged", "docker:a/b", "docker:a b", "@",
    ],
)  # fmt: skip
def test_what_is_no_place_is_refused_before_anything_runs(text: str) -> None:
    """Nothing that a program might take for an option, or a shell for more than a word."""
    with pytest.raises(BadVantage) as said:
        open_vantage(text)

    assert "\n" not in str(said.value)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("ssh:web", "ssh:web"),
        ("ssh://ops@web.example:2222", "ssh:ops@web.example:2222"),
        ("SSH:ops@[2001:db8::1]:22", "ssh:ops@[2001:db8::1]:22"),
        ("ssh:CORP\\ops@web", "ssh:CORP\\ops@web"),
        ("k8s:shop/cart-0", "k8s:shop/cart-0"),
        ("k8s:shop/cart-0/app", "k8s:shop/cart-0/app"),
        ("k8s:shop/deployment/cart", "k8s:shop/deployment/cart"),
        ("docker:till_1", "docker:till_1"),
    ],
)
def test_a_place_is_called_what_the_user_calls_it(text: str, name: str) -> None:
    """As observations bear it."""
    assert open_vantage(text).name == name
