"""The kernel's settings that matter for Redis clients: what they mean, which to change, and doing so.

Judging and rendering are pure. :func:`apply` and :func:`undo` write, each step in the journal
before it is taken (see :mod:`refused.remedies.journal`): values to ``/proc/sys``, and a file that
sets them again at each boot.

Sources:
    https://docs.kernel.org/networking/ip-sysctl.html
    https://docs.kernel.org/networking/nf_conntrack-sysctl.html
    https://kubernetes.io/docs/tasks/administer-cluster/sysctl-cluster/
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from refused.evidence.record import Record
from refused.remedies.change import Change, Setting
from refused.service.facts import LINUX_SYSCTL, LOAD_BALANCER_IDLE
from refused.service.limits import (
    ADVISED_SYSCTL,
    connect_timeout_s,
    new_connections_per_s,
    retransmission_timeout_s,
    unnoticed_s,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Literal

    from refused.remedies.journal import Entry, Journal

    Verdict = Literal["change", "may", "leave", "unseen"]

FILE = "etc/sysctl.d/90-refused-redis.conf"
CONNTRACK_DOCS = "https://docs.kernel.org/networking/nf_conntrack-sysctl.html"
SAFE_SYSCTLS = "https://kubernetes.io/docs/tasks/administer-cluster/sysctl-cluster/"
AKS_NODES = "https://learn.microsoft.com/azure/aks/custom-node-configuration"

_IPV4 = "net.ipv4."
RETRIES, SYN_RETRIES, SYN_LINEAR = (
    f"{_IPV4}tcp_retries2",
    f"{_IPV4}tcp_syn_retries",
    f"{_IPV4}tcp_syn_linear_timeouts",
)
KEEP_TIME, KEEP_EVERY, KEEP_PROBES = (
    f"{_IPV4}tcp_keepalive_time",
    f"{_IPV4}tcp_keepalive_intvl",
    f"{_IPV4}tcp_keepalive_probes",
)
PORTS, REUSE, MTU = (
    f"{_IPV4}ip_local_port_range",
    f"{_IPV4}tcp_tw_reuse",
    f"{_IPV4}tcp_mtu_probing",
)
BACKLOG = "net.core.somaxconn"
TRACKED, TRACKED_MOST = (
    "net.netfilter.nf_conntrack_count",
    "net.netfilter.nf_conntrack_max",
)
NAMES = (
    RETRIES, KEEP_TIME, KEEP_EVERY, KEEP_PROBES, SYN_RETRIES, SYN_LINEAR, PORTS, REUSE, MTU, BACKLOG,
    TRACKED, TRACKED_MOST,
)  # fmt: skip

# Below the shortest idle limit on the way, 240 s; ours, and not Microsoft's.
KEEPALIVE = {KEEP_TIME: 60, KEEP_EVERY: 10, KEEP_PROBES: 3}
_IDLE_LIMIT_S = 240
WIDE_PORTS = (10240, 65535)
FEW_DESCRIPTORS = 4096
_FULL = 0.8
# Kubernetes lets a pod set these without the kubelet's leave.
SAFE_IN_PODS = frozenset({KEEP_TIME, KEEP_EVERY, KEEP_PROBES, PORTS})
# The node's alone: no container and no pod has one of its own.
OF_NODE = frozenset({TRACKED_MOST})


class HostRefused(ValueError):
    """The host's settings are not changed; the message is one line for people."""

    for_people = True


class Row(Record):
    """One setting as it is, and what is to be said of it.

    Attributes:
        value: As the kernel writes it; ``None`` where it does not show it.
        means: What that is in seconds, ports or files.
        verdict: ``change`` is worth it; ``may`` where its reason holds for you; ``leave``;
            ``unseen``.
        advised: The better value; ``""`` where there is none.
    """

    name: str
    value: str | None
    means: str
    verdict: Verdict
    advised: str = ""
    why: str = ""
    source: str = LINUX_SYSCTL


# --- looking --------------------------------------------------------------------------------------


def read(root: str = "/") -> dict[str, str | None]:
    """Return every setting of :data:`NAMES` as the kernel below *root* writes it."""
    return {name: _value(root, name) for name in NAMES}


def _path(root: str, name: str) -> Path:
    return Path(root, "proc/sys", name.replace(".", "/"))


def _value(root: str, name: str) -> str | None:
    try:
        return " ".join(_path(root, name).read_text(encoding="ascii").split())
    except (OSError, ValueError):
        return None


def _number(values: Mapping[str, str | None], name: str) -> int | None:
    text = values.get(name) or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


def span(seconds: float) -> str:
    """Say a time as people do.

    >>> span(12.6), span(924.6), span(7875)
    ('12.6 s', '15 min', '2 h 11 min')
    """
    if seconds < 120:
        return f"{seconds:g} s"
    minutes = int(seconds // 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


# --- judging --------------------------------------------------------------------------------------


def judge(
    values: Mapping[str, str | None],
    *,
    descriptors: int | None = None,
    ports_used: int | None = None,
) -> tuple[Row, ...]:
    """Say of each setting what it means, and whether to change it.

    Args:
        values: From :func:`read`.
        descriptors: How many files a process may have open; ``None`` where not known.
        ports_used: How many local ports are in use.
    """
    return (
        _retries(values),
        *_keepalive(values),
        _syn(values),
        _ports(values, ports_used),
        _reuse(values),
        _mtu(values),
        _backlog(values),
        _tracked(values),
        _descriptors(descriptors),
    )


def _unseen(name: str, why: str = "this kernel does not show it") -> Row:
    return Row(name=name, value=None, means=why, verdict="unseen")


def _retries(values: Mapping[str, str | None]) -> Row:
    value = _number(values, RETRIES)
    if value is None or value > 255:
        return _unseen(RETRIES)
    _, advised, _, source, _ = ADVISED_SYSCTL
    means = f"data that nobody acknowledges is sent again for {span(retransmission_timeout_s(value))} or longer"
    if value <= 8:  # 100 s, the least that RFC 1122 wants
        return Row(
            name=RETRIES, value=str(value), means=means, verdict="leave", source=source,
            why="short enough that a dead peer is noticed",
        )  # fmt: skip
    return Row(
        name=RETRIES,
        value=str(value),
        means=means,
        verdict="change",
        advised=str(advised),
        why=(
            f"a client that waits without TCP_USER_TIMEOUT hangs so long after a failover; with {advised} it is "
            f"{span(retransmission_timeout_s(advised))}, as Microsoft advises for clients of a cache. It holds for every TCP "
            "connection of this host: on a path with outages longer than that, connections end that would have lived "
            "(RFC 1122 wants 100 s, which is 8)"
        ),
        source=source,
    )


def _keepalive(values: Mapping[str, str | None]) -> tuple[Row, ...]:
    found = {name: _number(values, name) for name in KEEPALIVE}
    idle, every, probes = (found[name] for name in (KEEP_TIME, KEEP_EVERY, KEEP_PROBES))
    if not (idle and every and probes):
        return tuple(_unseen(name) for name in KEEPALIVE)
    after = unnoticed_s(idle_s=idle, interval_s=every, probes=probes)
    advised = unnoticed_s(
        idle_s=KEEPALIVE[KEEP_TIME],
        interval_s=KEEPALIVE[KEEP_EVERY],
        probes=KEEPALIVE[KEEP_PROBES],
    )
    is_late = idle >= _IDLE_LIMIT_S or after > 2 * _IDLE_LIMIT_S
    why = (
        f"the first probe has to come before the shortest idle limit on the way ({_IDLE_LIMIT_S} s: load balancer, NAT "
        f"gateway, firewall); so a dead peer is noticed after {advised} s. It acts on sockets alone that ask for keep-alive "
        "and name no times of their own (phpredis, Node.js after the first probe, older clients)"
    )
    means = {
        KEEP_TIME: f"a quiet connection is asked after {span(idle)}; a dead peer is noticed after {span(after)} in all",
        KEEP_EVERY: f"and again every {span(every)}",
        KEEP_PROBES: f"{probes} times, then the connection is given up",
    }
    return tuple(
        Row(
            name=name,
            value=str(found[name]),
            means=means[name],
            verdict="change" if is_late and found[name] != KEEPALIVE[name] else "leave",
            advised=str(KEEPALIVE[name]) if is_late and found[name] != KEEPALIVE[name] else "",
            why=why if is_late else "soon enough for every idle limit on the way",
            source=LOAD_BALANCER_IDLE,
        )
        for name in KEEPALIVE
    )


def _syn(values: Mapping[str, str | None]) -> Row:
    value, linear = _number(values, SYN_RETRIES), _number(values, SYN_LINEAR) or 0
    if value is None or value > 127:
        return _unseen(SYN_RETRIES)
    return Row(
        name=SYN_RETRIES,
        value=str(value),
        means=f"a dial that nobody answers is given up after {span(connect_timeout_s(value, linear))}",
        verdict="leave",
        why="the client's own time-out to connect comes first, and is the place to set it (`refused client-config`)",
    )


def _ports(values: Mapping[str, str | None], used: int | None) -> Row:
    words = (values.get(PORTS) or "").split()
    ends = [int(each) for each in words if each.isascii() and each.isdigit() and len(each) < 20]
    if len(ends) != 2 or ends[0] > ends[1]:
        return _unseen(PORTS)
    count, rate = ends[1] - ends[0] + 1, new_connections_per_s(ends[0], ends[1])
    in_use = "" if used is None else f", {used} in use now"
    means = f"{count} connections to one address and port{in_use}; {rate:.0f} new ones a second can be sustained"
    is_short = used is not None and used > _FULL * count
    return Row(
        name=PORTS,
        value=f"{ends[0]} {ends[1]}",
        means=means,
        verdict="change" if is_short else "leave",
        advised=f"{WIDE_PORTS[0]} {WIDE_PORTS[1]}" if is_short else "",
        why=(
            "more than four fifths are taken; connections that are shared would need none of them"
            if is_short
            else "enough for clients that keep their connections; who needs more makes a new one for each command"
        ),
    )


def _reuse(values: Mapping[str, str | None]) -> Row:
    value = _number(values, REUSE)
    if value is None:
        return _unseen(REUSE)
    means = {
        0: "ports at rest in TIME_WAIT (60 s) are not used again",
        1: "ports at rest in TIME_WAIT are used again after a second",
        2: "ports at rest in TIME_WAIT are used again on loopback alone",
    }
    return Row(
        name=REUSE,
        value=str(value),
        means=means.get(value, "unknown to us"),
        verdict="leave",
        why="it would hide a client that opens a connection for each command, which loads the cache with handshakes",
    )


def _mtu(values: Mapping[str, str | None]) -> Row:
    value = _number(values, MTU)
    if value is None:
        return _unseen(MTU)
    if value:
        return Row(
            name=MTU, value=str(value), means="large packets that vanish are noticed, and made smaller",
            verdict="leave",
        )  # fmt: skip
    return Row(
        name=MTU,
        value="0",
        means="large packets that vanish on the way are sent again as they are, for ever",
        verdict="may",
        advised="1",
        why="behind a VPN or a tunnel whose ICMP is filtered, small commands work and large values hang; 1 acts in that case alone",
    )


def _backlog(values: Mapping[str, str | None]) -> Row:
    value = _number(values, BACKLOG)
    if value is None:
        return _unseen(BACKLOG)
    return Row(
        name=BACKLOG,
        value=str(value),
        means=f"{value} connections wait at most until a server on this host takes them",
        verdict="leave",
        why="it concerns servers; a client has no use of it",
    )


def _tracked(values: Mapping[str, str | None]) -> Row:
    count, most = _number(values, TRACKED), _number(values, TRACKED_MOST)
    if count is None or not most:
        return _unseen(
            TRACKED_MOST, "no connections are tracked here, or the node does not show it"
        )
    means = (
        f"{count} of {most} connections are tracked; beyond it packets are dropped without a word"
    )
    is_short = count > _FULL * most
    return Row(
        name=TRACKED_MOST,
        value=str(most),
        means=means,
        verdict="change" if is_short else "leave",
        advised=str(2 * most) if is_short else "",
        why=(
            "the table is more than four fifths full (about 400 bytes of memory an entry); shared connections need fewer entries"
            if is_short
            else "far from full"
        ),
        source=CONNTRACK_DOCS,
    )


def _descriptors(limit: int | None) -> Row:
    name = "open files (ulimit -n)"
    if limit is None:
        return _unseen(name)
    if limit > 2**62:
        return Row(name=name, value="unlimited", means="each connection takes one", verdict="leave")
    is_few = limit < FEW_DESCRIPTORS
    return Row(
        name=name,
        value=str(limit),
        means=f"a process started like this one has {limit} files and connections at most",
        verdict="may" if is_few else "leave",
        advised="65536" if is_few else "",
        why=(
            "for a process with many connections: LimitNOFILE=65536 in its systemd unit, or --ulimit nofile=65536:65536 for "
            "docker; it is a process's setting, so that --apply does not set it"
            if is_few
            else "enough"
        ),
        source="https://man7.org/linux/man-pages/man2/getrlimit.2.html",
    )


def chosen(rows: Iterable[Row], names: Iterable[str]) -> tuple[Setting, ...]:
    """Return what is to be set: the rows worth a change, or those of *names*.

    Raises:
        HostRefused: A name is none that we know a better value for.
    """
    rows = tuple(rows)
    wanted = [_full_name(name) for name in names]
    by_name = {each.name: each for each in rows}
    for name in wanted:
        row = by_name.get(name)
        if row is None or name not in NAMES:
            known = ", ".join(each.name for each in rows if each.name in NAMES and each.advised)
            raise HostRefused(f"that is no setting that I change; worth it here: {known or 'none'}")
        if not row.advised:
            raise HostRefused(
                f"{name} is {row.value or 'not to be seen'}, and I know no better value for it"
            )
    return tuple(
        Setting(name=each.name, before=each.value, after=each.advised)
        for each in rows
        if each.name in NAMES
        and each.advised
        and (each.name in wanted if wanted else each.verdict == "change")
    )


def standard(rows: Iterable[Row]) -> tuple[Setting, ...]:
    """Return what a container is to be given: the advised values, whatever this host's are.

    A new network begins with the kernel's own defaults, not with its host's settings.
    """
    fixed = {
        RETRIES: str(ADVISED_SYSCTL[1]),
        **{name: str(value) for name, value in KEEPALIVE.items()},
    }
    others = {each.name: each.advised for each in rows if each.verdict == "change"}
    wanted = {**fixed, **{name: value for name, value in others.items() if name in NAMES}}
    return tuple(Setting(name=name, before=None, after=value) for name, value in wanted.items())


def _full_name(name: str) -> str:
    name = name.strip().replace("/", ".")
    return next((each for each in NAMES if name in (each, each.rpartition(".")[2])), name)


# --- containers and pods --------------------------------------------------------------------------


def for_container(settings: Iterable[Setting]) -> str:
    """Return the same for Docker: ``run`` and Compose."""
    mine = [each for each in settings if each.name not in OF_NODE]
    if not mine:
        return "# Nothing here that a container could have of its own needs to be changed."
    flags = " \\\n  ".join(f'--sysctl {each.name}="{each.after}"' for each in mine)
    lines = "\n".join(f'      {each.name}: "{each.after}"' for each in mine)
    return (
        "# A container has a network of its own: the host's settings do not reach it, unless it runs with --network host.\n"
        f"docker run {flags} \\\n  IMAGE\n\n"
        f"# Compose\nservices:\n  app:\n    sysctls:\n{lines}"
    )


def for_kubernetes(settings: Iterable[Setting]) -> str:
    """Return the same for a pod, as YAML: what is safe, what the kubelet must allow, and what else."""
    mine = [each for each in settings if each.name not in OF_NODE]
    if not mine:
        return "# Nothing here that a pod could have of its own needs to be changed."
    safe = [each for each in mine if each.name in SAFE_IN_PODS]
    unsafe = [each for each in mine if each.name not in SAFE_IN_PODS]
    lines = [
        "# In the template of the workload. A node's own settings do not reach a pod, unless it has hostNetwork.",
        "spec:",
        "  securityContext:",
        "    sysctls:",
    ]
    if safe:
        lines.append(f"      # safe: any pod may set them (Kubernetes 1.29, {SAFE_SYSCTLS})")
    for each in safe:
        lines += [f"      - name: {each.name}", f'        value: "{each.after}"']
    if unsafe:
        names = ",".join(each.name for each in unsafe)
        lines += [
            "      # unsafe by Kubernetes's list: the kubelet has to be started with",
            f"      # --allowed-unsafe-sysctls={names} ; without it the pod is rejected (SysctlForbidden).",
            f"      # AKS's custom node configuration has no tcp_retries2 ({AKS_NODES}).",
        ]
    for each in unsafe:
        lines += [f"      - name: {each.name}", f'        value: "{each.after}"']
    if unsafe:
        sets = "; ".join(f"sysctl -w {each.name}={each.after!r}" for each in unsafe)
        lines += [
            "  # Where the kubelet cannot be told, the client's own TCP_USER_TIMEOUT does the same without any right",
            "  # (refused client-config). A privileged init container would, too; it weakens the pod, so that most",
            "  # policies forbid it, and its owner has to agree:",
            "  # initContainers:",
            "  #   - name: tcp",
            "  #     image: busybox",
            "  #     securityContext: {privileged: true}",
            f'  #     command: ["sh", "-c", "{sets}"]',
        ]
    return "\n".join(lines)


# --- changing -------------------------------------------------------------------------------------


def change(settings: tuple[Setting, ...]) -> Change:
    """Return the settings as one change for the journal."""
    return Change(
        kind="kernel-setting",
        cause="linux-tcp-stall",
        title="; ".join(f"set {each.name} to {each.after}" for each in settings),
        where="host",
        resource_id=f"/{FILE}",
        settings=settings,
        why="`refused host` says it of each setting",
        affects="every TCP connection of this host's network that is opened, or has data in flight, from then on",
        interruption="none",
        proof="the kernel shows the new values",
        hop="tcp",
        undo_says="refused host --undo",
    )


def left_open(journal: Journal) -> Entry | None:
    """Return the change that an earlier run began and did not end."""
    return journal.open_on(f"/{FILE}")


def apply(settings: tuple[Setting, ...], journal: Journal, root: str = "/") -> Entry:
    """Set and keep *settings*; every step is in the journal before it is taken.

    Raises:
        HostRefused: The kernel or the file system would not; what was done is taken back.
    """
    entry = journal.begin(change(settings))
    return finish(entry, root)


def finish(entry: Entry, root: str = "/") -> Entry:
    """Carry out a change that was begun, from wherever it was left; every step may be taken twice.

    Raises:
        HostRefused: The kernel or the file system would not; what was done is taken back.
    """
    settings = entry.change.settings
    if entry.last("exported") is None:
        entry.note("exported", file=_file_text(root))
    try:
        entry.note("writing")
        for each in settings:
            _set(root, each.name, each.after or "")
        _write_file(root, {**_kept(_file_text(root)), **{s.name: s.after or "" for s in settings}})
        entry.note("written")
    except OSError as gone:
        _take_back(entry, root)
        entry.note("failed", said=gone.strerror or str(gone))
        raise HostRefused(_cannot(gone)) from None
    found = {each.name: _value(root, each.name) for each in settings}
    wrong = [each.name for each in settings if found[each.name] != each.after]
    if wrong:
        _take_back(entry, root)
        entry.note("failed", said=f"the kernel kept other values: {', '.join(wrong)}")
        raise HostRefused(f"the kernel took another value for {', '.join(wrong)}; all is as before")
    entry.note("kept", found=found)
    return entry


def undo(entry: Entry, journal: Journal, root: str = "/") -> tuple[str, ...]:
    """Put a change's values and its lines of the file back.

    Returns what was left alone, in sentences: a value that somebody changed since is theirs.

    Raises:
        HostRefused: It was never made, is undone already, or the kernel would not.
    """
    if entry.state in ("undone", "abandoned", "failed"):
        raise HostRefused(f"change {entry.id} is {entry.state} already")
    journal.take_up(entry)
    entry.note("undoing")
    try:
        left = _take_back(entry, root)
    except OSError as gone:
        raise HostRefused(_cannot(gone)) from None
    entry.note("undone", left=list(left))
    return left


def _cannot(gone: OSError) -> str:
    from errno import EROFS

    if gone.errno == EROFS:
        return (
            "the kernel's settings are read-only here, as in a container: `refused host --container` and --kubernetes print "
            "what to give it from outside"
        )
    return f"the host would not take the settings ({gone.strerror or gone}); all is as before"


def _take_back(entry: Entry, root: str) -> tuple[str, ...]:
    left = []
    exported = entry.last("exported") or {}
    before = _kept(str(exported.get("file") or ""))
    found = _kept(_file_text(root))
    lines = dict(found)
    for each in entry.change.settings:
        now = _value(root, each.name)
        if now == each.after and each.before is not None:
            _set(root, each.name, each.before)
        elif now not in (each.before, each.after):
            left.append(f"{each.name} is {now} now, which is somebody else's: left alone")
        if lines.get(each.name) != each.after:
            continue
        if each.name in before:
            lines[each.name] = before[each.name]
        else:
            del lines[each.name]
    if lines != found:
        _write_file(root, lines)
    return tuple(left)


def _set(root: str, name: str, value: str) -> None:
    path = _path(root, name)
    descriptor = os.open(path, os.O_WRONLY | os.O_TRUNC)  # never made where it is not there
    try:
        os.write(descriptor, f"{value}\n".encode("ascii"))
    finally:
        os.close(descriptor)


def _file_text(root: str) -> str:
    try:
        return Path(root, FILE).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _kept(text: str) -> dict[str, str]:
    found = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.lstrip().startswith(("#", ";")):
            found[name.strip()] = " ".join(value.split())
    return found


_HEAD = """\
# Written by `refused host --apply`, which says why of each; `refused host --undo` takes it back.
"""


def _write_file(root: str, lines: Mapping[str, str]) -> None:
    """Write the file whole or not at all; without lines it is removed."""
    path = Path(root, FILE)
    if not lines:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        _sync(path.parent)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    text = _HEAD + "".join(f"{name} = {value}\n" for name, value in lines.items())
    try:
        with beside.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.chmod(0o644)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    if not folder.is_dir():
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
