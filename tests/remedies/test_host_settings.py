"""The kernel's settings: what they mean, which to change, and that a change survives a crash."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from refused.remedies import host_settings as hosts
from refused.remedies.change import Setting
from refused.remedies.journal import Entry, Journal

if TYPE_CHECKING:
    from pathlib import Path

FRESH = {
    hosts.RETRIES: "15",
    hosts.KEEP_TIME: "7200",
    hosts.KEEP_EVERY: "75",
    hosts.KEEP_PROBES: "9",
    hosts.SYN_RETRIES: "6",
    hosts.SYN_LINEAR: "4",
    hosts.PORTS: "32768\t60999",
    hosts.REUSE: "2",
    hosts.MTU: "0",
    hosts.BACKLOG: "4096",
    hosts.TRACKED: "10",
    hosts.TRACKED_MOST: "262144",
}
TO_SET = (
    Setting(name=hosts.RETRIES, before="15", after="5"),
    Setting(name=hosts.KEEP_TIME, before="7200", after="60"),
)


@pytest.fixture
def root(tmp_path: Path) -> str:
    """A folder that plays ``/`` of a freshly installed host."""
    for name, value in FRESH.items():
        path = tmp_path / "host" / "proc" / "sys" / name.replace(".", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{value}\n")
    return str(tmp_path / "host")


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """A journal of its own."""
    return Journal(tmp_path / "journal")


def rows(**changed: str) -> dict[str, hosts.Row]:
    """Judge a fresh host, with changes by the last part of the name."""
    values: dict[str, str | None] = dict(FRESH)
    for short, value in changed.items():
        (name,) = (each for each in FRESH if each.endswith(short))
        values[name] = value
    return {each.name: each for each in hosts.judge(values, descriptors=1024, ports_used=100)}


def test_a_fresh_host_waits_a_quarter_of_an_hour() -> None:
    """Which is said in minutes, with the better value and what it costs."""
    found = rows()[hosts.RETRIES]
    assert (found.verdict, found.advised) == ("change", "5")
    assert "15 min" in found.means
    assert "12.6 s" in found.why
    assert "every TCP connection" in found.why


@pytest.mark.parametrize(
    ("changed", "name", "verdict"),
    [
        ({"tcp_retries2": "5"}, hosts.RETRIES, "leave"),
        ({"tcp_retries2": "8"}, hosts.RETRIES, "leave"),
        ({"tcp_retries2": "9"}, hosts.RETRIES, "change"),
        ({"tcp_retries2": "rubbish"}, hosts.RETRIES, "unseen"),
        ({}, hosts.KEEP_TIME, "change"),
        ({"tcp_keepalive_time": "120", "tcp_keepalive_intvl": "30"}, hosts.KEEP_TIME, "leave"),
        ({"tcp_keepalive_time": "240"}, hosts.KEEP_TIME, "change"),
        ({"tcp_mtu_probing": "1"}, hosts.MTU, "leave"),
        ({}, hosts.MTU, "may"),
        ({"conntrack_count": "250000"}, hosts.TRACKED_MOST, "change"),
        ({"ip_local_port_range": "60000 60100"}, hosts.PORTS, "change"),
    ],
)
def test_each_setting_is_judged(changed: dict[str, str], name: str, verdict: str) -> None:
    """By what it means for a client of Redis."""
    assert rows(**changed)[name].verdict == verdict


@given(values=st.dictionaries(st.sampled_from(hosts.NAMES), st.text(max_size=24) | st.none()))
def test_nothing_that_a_kernel_may_write_breaks_the_judge(values: dict[str, str | None]) -> None:
    """What cannot be read is unseen, and is never advised."""
    for row in hosts.judge(values):
        if row.verdict == "unseen":
            assert not row.advised


def test_what_is_named_is_set_and_nothing_else() -> None:
    """By its full name or the last part of it."""
    found = rows().values()
    assert [each.name for each in hosts.chosen(found, ("tcp_mtu_probing",))] == [hosts.MTU]
    assert [each.name for each in hosts.chosen(found, ())] == [hosts.RETRIES, *hosts.KEEPALIVE]
    with pytest.raises(hosts.HostRefused, match="no setting that I change"):
        hosts.chosen(found, ("kernel.panic",))
    with pytest.raises(hosts.HostRefused, match="no better value"):
        hosts.chosen(found, ("tcp_tw_reuse",))


def test_settings_are_set_kept_and_taken_back(root: str, journal: Journal, tmp_path: Path) -> None:
    """The file is gone where it was not there before."""
    entry = hosts.apply(TO_SET, journal, root)
    assert entry.state == "kept"
    assert hosts.read(root)[hosts.RETRIES] == "5"
    kept = tmp_path / "host" / hosts.FILE
    assert "net.ipv4.tcp_retries2 = 5\n" in kept.read_text()
    assert kept.stat().st_mode & 0o777 == 0o644
    assert hosts.undo(entry, journal, root) == ()
    assert hosts.read(root)[hosts.RETRIES] == "15"
    assert not kept.exists()
    with pytest.raises(hosts.HostRefused, match="undone already"):
        hosts.undo(journal.find(entry.id), journal, root)


def test_two_changes_are_taken_back_one_by_one(root: str, journal: Journal, tmp_path: Path) -> None:
    """The older one first, if you like: each takes its own lines."""
    first = hosts.apply(TO_SET[:1], journal, root)
    second = hosts.apply(TO_SET[1:], journal, root)
    hosts.undo(first, journal, root)
    kept = (tmp_path / "host" / hosts.FILE).read_text()
    assert "tcp_retries2" not in kept
    assert "tcp_keepalive_time = 60" in kept
    hosts.undo(second, journal, root)
    assert not (tmp_path / "host" / hosts.FILE).exists()


def test_what_somebody_changed_since_is_theirs(root: str, journal: Journal, tmp_path: Path) -> None:
    """It is left alone, and said."""
    entry = hosts.apply(TO_SET, journal, root)
    path = tmp_path / "host" / "proc/sys/net/ipv4/tcp_retries2"
    path.write_text("7\n")
    left = hosts.undo(entry, journal, root)
    assert path.read_text() == "7\n"
    assert "tcp_retries2 is 7 now" in left[0]
    assert hosts.read(root)[hosts.KEEP_TIME] == "7200"


def test_what_the_kernel_refuses_leaves_all_as_before(
    root: str, journal: Journal, tmp_path: Path
) -> None:
    """A setting that is not there is not made."""
    missing = Setting(name="net.ipv4.tcp_nothing", before=None, after="1")
    with pytest.raises(hosts.HostRefused, match="all is as before"):
        hosts.apply((*TO_SET, missing), journal, root)
    assert hosts.read(root)[hosts.RETRIES] == "15"
    assert not (tmp_path / "host" / hosts.FILE).exists()
    assert not (tmp_path / "host" / "proc/sys/net/ipv4/tcp_nothing").exists()
    assert hosts.left_open(journal) is None


class Killed(BaseException):
    """The process ends here, as with SIGKILL: nobody catches it."""


STEPS = ("exported", "writing", "first value", "second value", "file", "written", "kept")


@pytest.mark.parametrize("way", ["finish", "undo"])
@pytest.mark.parametrize("step", STEPS)
def test_a_crash_at_any_moment_is_found_by_the_next_run(
    step: str, way: str, root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which finishes the change, or takes it back; before each step and after."""
    _crash_at(step, monkeypatch)
    with pytest.raises(Killed):
        hosts.apply(TO_SET, Journal(tmp_path / "journal"), root)
    monkeypatch.undo()
    journal = Journal(tmp_path / "journal")
    left = hosts.left_open(journal)
    assert left is not None
    file = tmp_path / "host" / hosts.FILE
    if way == "finish":
        hosts.finish(left, root)
        assert [hosts.read(root)[each.name] for each in TO_SET] == ["5", "60"]
        assert "tcp_keepalive_time = 60" in file.read_text()
        hosts.undo(journal.find(left.id), journal, root)
    else:
        hosts.undo(left, journal, root)
    assert [hosts.read(root)[each.name] for each in TO_SET] == ["15", "7200"]
    assert not file.exists()
    assert hosts.left_open(journal) is None
    assert [path.name for path in file.parent.glob(".*")] == [] if file.parent.exists() else True


def _crash_at(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    note, set_, write = Entry.note, hosts._set, hosts._write_file
    values = 0

    def noting(self: Entry, name: str, **facts: Any) -> None:
        if name == step:
            raise Killed
        note(self, name, **facts)

    def setting(root: str, name: str, value: str) -> None:
        nonlocal values
        values += 1
        if (step, values) in (("first value", 1), ("second value", 2)):
            raise Killed
        set_(root, name, value)

    def writing(root: str, lines: Any) -> None:
        if step == "file":
            raise Killed
        write(root, lines)

    monkeypatch.setattr(Entry, "note", noting)
    monkeypatch.setattr(hosts, "_set", setting)
    monkeypatch.setattr(hosts, "_write_file", writing)


def test_pods_and_containers_get_what_they_can_have() -> None:
    """As YAML that parses; a node's own table is not among it."""
    settings = hosts.standard(rows(conntrack_count="250000").values())
    pod = yaml.safe_load(hosts.for_kubernetes(settings))
    names = {each["name"]: each["value"] for each in pod["spec"]["securityContext"]["sysctls"]}
    assert names == {hosts.RETRIES: "5", **{name: str(n) for name, n in hosts.KEEPALIVE.items()}}
    assert "allowed-unsafe-sysctls=net.ipv4.tcp_retries2" in hosts.for_kubernetes(settings)
    docker = hosts.for_container(settings)
    assert '--sysctl net.ipv4.tcp_retries2="5"' in docker
    assert "conntrack" not in docker
    compose = yaml.safe_load(docker.partition("# Compose\n")[2])
    assert compose["services"]["app"]["sysctls"][hosts.RETRIES] == "5"


# --- for real: in a network and a file system of their own ----------------------------------------


def inside(*commands: str, data: Path) -> list[subprocess.CompletedProcess[str]]:
    """Run ``refused host`` commands and shell lines in one namespace; their outputs, in turn."""
    program = f"{sys.executable} -m refused.cli.main host"
    lines = [
        f"({command.replace('HOST', program)}) >{data}/{at}.out 2>{data}/{at}.err; echo $? >{data}/{at}.rc"
        for at, command in enumerate(commands)
    ]
    script = "mount -t tmpfs none /etc/sysctl.d\ncd /\n" + "\n".join(lines)
    done = subprocess.run(
        ["unshare", "--net", "--mount", "--", "sh", "-c", script],
        env={**os.environ, "REFUSED_DATA": str(data / "data")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return [
        subprocess.CompletedProcess(
            command,
            int((data / f"{at}.rc").read_text()),
            (data / f"{at}.out").read_text(),
            (data / f"{at}.err").read_text(),
        )
        for at, command in enumerate(commands)
    ]


@pytest.mark.kernel
def test_for_real_the_kernel_is_set_and_set_back(tmp_path: Path) -> None:
    """Of a network of its own; this machine's settings are never touched."""
    with open("/proc/sys/net/ipv4/tcp_retries2", encoding="ascii") as file:
        mine = file.read()
    kept = "/etc/sysctl.d/90-refused-redis.conf"
    before, refused, applied, value, lines, again, undone, restored, gone = inside(
        "HOST --json",
        "HOST --apply",
        "HOST --apply --yes",
        "sysctl -n net.ipv4.tcp_retries2 net.ipv4.tcp_keepalive_time",
        f"cat {kept}",
        "HOST",
        "HOST --undo --yes",
        "sysctl -n net.ipv4.tcp_retries2 net.ipv4.tcp_keepalive_time",
        f"ls {kept}",
        data=tmp_path,
    )
    assert before.returncode == 1
    shown = {each["name"]: each for each in json.loads(before.stdout)["settings"]}
    assert shown[hosts.RETRIES]["value"] == "15"  # a new network begins with the kernel's own
    assert refused.returncode == 2
    assert "--yes" in refused.stderr
    assert applied.returncode == 0, applied.stderr
    assert value.stdout.split() == ["5", "60"]
    assert "net.ipv4.tcp_retries2 = 5" in lines.stdout
    assert "CHANGE " not in again.stdout
    assert again.returncode == 0
    assert undone.returncode == 0, undone.stderr
    assert restored.stdout.split() == ["15", "7200"]
    assert gone.returncode != 0
    with open("/proc/sys/net/ipv4/tcp_retries2", encoding="ascii") as file:
        assert file.read() == mine


@pytest.mark.kernel
def test_for_real_a_read_only_kernel_is_refused_in_one_line(tmp_path: Path) -> None:
    """With what to do instead."""
    (readonly,) = inside(
        "mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys && HOST --apply --yes",
        data=tmp_path,
    )
    assert readonly.returncode == 2, readonly.stderr
    assert "read-only" in readonly.stderr
    assert "--kubernetes" in readonly.stderr
