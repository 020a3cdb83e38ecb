"""What a host says of itself: recorded ones of several kernels, and the one that we stand on."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refused.evidence.observations import (
    ConntrackUse,
    DescriptorUse,
    KernelSettings,
    Observation,
    OpenSocket,
    Platform,
    PortUse,
    ProxyVariables,
    RedirectRules,
    SocketsToTarget,
    Unseen,
)
from refused.evidence.redaction import Secret
from refused.lab.host import QUIET_LINUX, TCP_TABLE, Socket, tcp_table
from refused.probes import host, host_linux
from tests.probes.peers import HERE
from tests.probes.talking import WAIT_S, target_of
from tests.probes.wire.garbage import mutated

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    Fact = Observation | Unseen

T = TypeVar("T", bound=Observation)

CACHE, PORT = "20.42.65.90", 6380
NOBODY: dict[str, str] = {}
ON_LINUX = sys.platform == "linux"

# /proc/net/stat/nf_conntrack, as kernels of three ages write it: two processors each.
STAT_2_6_32 = (
    "entries  searched found new invalid ignore delete delete_list insert insert_failed drop"
    " early_drop icmp_error  expect_new expect_create expect_delete\n"
    "0000aa11  0001f000 0003a2c1 0000be21 00000012 000004d2 0000b001 0000a991 0000bd11 00000000"
    " 0000001f 00000007 00000000  00000000 00000000 00000000 \n"
    "0000aa11  0001e111 0003b2c1 0000bf21 00000002 000004d1 0000b101 0000aa91 0000be11 00000000"
    " 00000001 00000009 00000000  00000000 00000000 00000000 \n"
)
STAT_4_19 = (
    "entries  searched found new invalid ignore delete delete_list insert insert_failed drop"
    " early_drop icmp_error  expect_new expect_create expect_delete search_restart\n"
    "00010000  00000000 00000041 00000000 00000012 00004d2f 00000000 00000000 00000000 00000003"
    " 00000100 00000011 00000000  00000000 00000000 00000000 00000022\n"
    "00010000  00000000 00000040 00000000 00000002 00004d1f 00000000 00000000 00000000 00000003"
    " 00000001 00000000 00000000  00000000 00000000 00000000 00000012\n"
)
STAT_6_18 = (
    "entries  clashres found new invalid ignore delete chainlength insert insert_failed drop"
    " early_drop icmp_error  expect_new expect_create expect_delete search_restart\n"
    "00000000  00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000"
    " 00000000 00000000 00000000  00000000 00000000 00000000 00000000\n"
    "00000000  00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000"
    " 00000002 00000000 00000000  00000000 00000000 00000000 00000000\n"
)
# Lines of the socket tables: 2.6.32 pads none, 6.18 pads to 149 characters.
TCP_2_6_32 = (
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid"
    "  timeout inode\n"
    "   0: 0100007F:0CEA 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0"
    "        0 9642 1 ffff88003d3af3c0 299 0 0 2 -1\n"
    "   1: 1401010A:9CB0 5A412A14:18EC 01 00000130:00000000 01:00000A2C 00000007  1000"
    "        0 11411 3 ffff88003d3aeb80 12800 30 10 1 7\n"
    "9999: 1401010A:9CB1 5A412A14:18EC 06 00000000:00000000 03:000012F4 00000000     0"
    "        0 0 3 ffff88003c9f3500\n"
    "10000: 1401010A:9CB2 5A412A14:18EB 01 00000000:00000000 00:00000000 00000000     0"
    "        0 11413 1 ffff88003d3aeb81 20 4 30 10 -1\n"
)
TCP6_6_18 = (
    "  sl  local_address                         remote_address                        st"
    " tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    "   0: 00000000000000000000000000000000:3A9E 00000000000000000000000000000000:0000 0A"
    " 00000000:00000000 00:00000000 00000000     0        0 823569 1 00000000d3427e2c 100 0 0 10 0\n"
    "   1: 0000000000000000FFFF00001401010A:9CB3 0000000000000000FFFF00005A412A14:18EC 08"
    " 00000000:00000001 00:00000000 00000000     0        0 823571 1 00000000477de2f8 20 0 0 10 -1\n"
    "   2: B80D0120000000000000000001000000:9CB4 B80D0120000000000000000002000000:18EC 02"
    " 00000001:00000000 01:00000190 00000004     0        0 823572 2 00000000477de2f9 800 0 0 1 7\n"
)
FILES = {**QUIET_LINUX, TCP_TABLE: TCP_2_6_32, "/proc/net/tcp6": TCP6_6_18}


def play(root: Path, files: Mapping[str, str]) -> str:
    """Write *files* below a folder that plays ``/``."""
    for name, text in files.items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="latin-1")
    return str(root)


def look(
    root: str = "/",
    addresses: Sequence[str] = (CACHE,),
    *,
    port: int = PORT,
    environ: Mapping[str, str] = NOBODY,
    full: bool = True,
    deep: bool = False,
    pid: int | None = None,
    now: float | None = None,
) -> tuple[Fact, ...]:
    """Ask a host for everything."""
    return host.facts(
        target_of(port),
        addresses,
        vantage="here",
        root=root,
        environ=environ,
        full=full,
        deep=deep,
        pid=pid,
        now=now,
    )


def one(facts: Sequence[Fact], kind: type[T]) -> T:
    """Return the one fact of its kind."""
    (found,) = (fact for fact in facts if isinstance(fact, kind))
    return found


def gaps(facts: Sequence[Fact]) -> dict[str, str]:
    """Return what was not seen, and why."""
    return {fact.what: fact.why for fact in facts if isinstance(fact, Unseen)}


# --- settings ----------------------------------------------------------------------------------


def test_settings_are_read_as_the_kernel_shows_them(tmp_path: Path) -> None:
    """A freshly started Ubuntu."""
    settings = one(look(play(tmp_path, QUIET_LINUX), full=False), KernelSettings)

    assert settings.replace(at=0.0, took_ms=0.0) == KernelSettings(
        vantage="here", at=0.0, took_ms=0.0, source="/proc/sys/net",
        tcp_retries2=15, tcp_syn_retries=6, keepalive_time_s=7200, keepalive_interval_s=75,
        keepalive_probes=9, port_first=32768, port_last=60999, reserved_ports="", tcp_tw_reuse=2,
        tcp_mtu_probing=0, somaxconn=4096, ipv6_disabled=False,
    )  # fmt: skip


def test_what_the_kernel_does_not_show_is_not_known(tmp_path: Path) -> None:
    """Nor is what is no number."""
    files = {
        "/proc/sys/net/ipv4/tcp_retries2": "many\n",
        "/proc/sys/net/ipv4/ip_local_port_range": "60999\t32768\n",
        "/proc/sys/net/ipv6/conf/all/disable_ipv6": "1\n",
    }
    settings = one(look(play(tmp_path, files), full=False), KernelSettings)

    assert (settings.tcp_retries2, settings.tcp_tw_reuse, settings.port_first) == (None, None, None)
    assert settings.ipv6_disabled is True


def test_the_first_look_is_short_and_the_tables_are_left_alone(tmp_path: Path) -> None:
    """What grows with the number of sockets is read only when it is asked for."""
    facts = look(play(tmp_path, FILES), full=False)

    assert [type(fact) for fact in facts] == [
        KernelSettings,
        ConntrackUse,
        ProxyVariables,
        Platform,
    ]


# --- connection tracking, descriptors ----------------------------------------------------------


@pytest.mark.parametrize(
    ("stat", "drops"),
    [
        (STAT_2_6_32, 0x20),
        (STAT_4_19, 0x101),
        (STAT_6_18, 2),
        ("", None),
        (STAT_6_18.partition("\n")[0], None),
        (STAT_6_18.replace("00000002", "no-number"), None),
    ],
)
def test_drops_are_summed_over_processors(tmp_path: Path, stat: str, drops: int | None) -> None:
    """By the name of the column: kernels have moved it."""
    seen = one(look(play(tmp_path, {**FILES, "/proc/net/stat/nf_conntrack": stat})), ConntrackUse)

    assert (seen.entries, seen.limit, seen.drops) == (214, 262144, drops)


def test_a_kernel_that_tracks_nothing_has_no_table(tmp_path: Path) -> None:
    """Or a container that does not see its node's; we don't say which."""
    files = {name: text for name, text in FILES.items() if "conntrack" not in name}
    root = play(tmp_path, files)

    assert "ConntrackUse" in gaps(look(root))
    assert "ConntrackUse" not in gaps(look(root, full=False))


def test_descriptors_of_a_process(tmp_path: Path) -> None:
    """Open files against the soft limit, and against the system's."""
    limits = (
        "Limit                     Soft Limit           Hard Limit           Units     \n"
        "Max open files            1024                 524288               files     \n"
    )
    root = play(
        tmp_path, {**FILES, "/proc/7/limits": limits, "/proc/7/fd/0": "", "/proc/7/fd/1": ""}
    )
    seen = one(look(root, pid=7), DescriptorUse)
    gone = gaps(look(root, pid=8))

    assert (seen.pid, seen.open, seen.soft_limit) == (7, 2, 1024)
    assert (seen.system_open, seen.system_limit) == (1184, 2**63 - 1)
    assert gone["DescriptorUse"].startswith("process 8: ")


def test_no_limit_is_a_limit_that_nobody_reaches(tmp_path: Path) -> None:
    """``unlimited``, in the kernel's words."""
    limits = "Max open files            unlimited            unlimited            files\n"
    root = play(tmp_path, {**FILES, "/proc/7/limits": limits, "/proc/7/fd/0": ""})

    assert one(look(root, pid=7), DescriptorUse).soft_limit == 2**63 - 1


# --- sockets -----------------------------------------------------------------------------------


def test_ports_are_counted_among_those_the_kernel_may_choose(tmp_path: Path) -> None:
    """In both tables; a port of several connections counts once, a reserved one not at all."""
    again = "   4: 1401010A:9CB0 0101010A:01BB 01 00000000:00000000 00:00000000 00000000 0 0 1 1\n"
    files = {
        **FILES,
        TCP_TABLE: TCP_2_6_32 + again,
        "/proc/sys/net/ipv4/ip_local_port_range": "40000\t40999\n",
        "/proc/sys/net/ipv4/ip_local_reserved_ports": "80,40114-40120,50000\n",
    }
    seen = one(look(play(tmp_path, files)), PortUse)

    assert seen.available == 1000 - 7
    assert (seen.used, seen.time_wait, seen.to_target) == (2, 1, 2)


def test_sockets_to_the_target_are_told_by_state(tmp_path: Path) -> None:
    """Those of IPv6 sockets to an IPv4 address, too; another port of the same address is not it."""
    seen = one(look(play(tmp_path, FILES)), SocketsToTarget)

    assert seen.by_state == (("CLOSE_WAIT", 1), ("ESTABLISHED", 1), ("TIME_WAIT", 1))
    assert seen.stuck == (
        OpenSocket(
            local="10.1.1.20:40112",
            remote=f"{CACHE}:{PORT}",
            state="ESTABLISHED",
            retransmits=7,
            unacked_bytes=0x130,
        ),
    )


def test_ipv6_addresses_are_found_and_written_in_brackets(tmp_path: Path) -> None:
    """A dial that is sent again and again is stuck, too."""
    seen = one(look(play(tmp_path, FILES), ["2001:db8::2", CACHE]), SocketsToTarget)

    assert dict(seen.by_state)["SYN_SENT"] == 1
    assert seen.stuck[1] == OpenSocket(
        local="[2001:db8::1]:40116",
        remote="[2001:db8::2]:6380",
        state="SYN_SENT",
        retransmits=4,
        unacked_bytes=1,
    )


@pytest.mark.parametrize(
    ("queue", "timer", "retransmits", "is_stuck"),
    [
        (0, "00", 0, False),
        (300, "01", 0, False),  # under way, as on any busy connection
        (300, "01", 1, True),
        (300, "04", 0, True),  # the peer takes nothing more
        (0, "02", 2, False),  # keep-alive
        (0, "00", 3, True),
    ],
)
def test_stuck_is_what_is_sent_again_or_not_taken(
    tmp_path: Path, queue: int, timer: str, retransmits: int, is_stuck: bool
) -> None:
    """And not what is merely under way."""
    row = (
        f"   0: 1401010A:9CB0 5A412A14:18EC 01 {queue:08X}:00000000 {timer}:00000000"
        f" {retransmits:08X}     0        0 1 1 0 20 4 30 10 -1\n"
    )
    header = TCP_2_6_32.partition("\n")[0]
    seen = one(look(play(tmp_path, {**FILES, TCP_TABLE: f"{header}\n{row}"})), SocketsToTarget)

    assert bool(seen.stuck) is is_stuck


def test_the_worst_are_shown_first_and_not_all(tmp_path: Path) -> None:
    """A thousand stuck sockets are one fact."""
    sockets = [
        Socket(f"10.1.1.20:{33000 + at}", f"{CACHE}:{PORT}", unsent_bytes=9, retries=at)
        for at in range(1000)
    ]
    seen = one(look(play(tmp_path, {**FILES, TCP_TABLE: tcp_table(sockets)})), SocketsToTarget)

    assert dict(seen.by_state)["ESTABLISHED"] == 1000
    assert [each.retransmits for each in seen.stuck] == list(range(999, 983, -1))


def test_the_owner_of_a_stuck_socket_is_looked_for(tmp_path: Path) -> None:
    """Among the processes that we may look at."""
    root = play(tmp_path, {**FILES, "/proc/12/limits": ""})
    (tmp_path / "proc/12/fd").mkdir()
    (tmp_path / "proc/12/fd/5").symlink_to("socket:[11411]")
    (tmp_path / "proc/12/fd/6").symlink_to("socket:[4711]")

    assert [each.pid for each in one(look(root), SocketsToTarget).stuck] == [12]


def test_without_tables_nothing_is_counted(tmp_path: Path) -> None:
    """That nobody counted is not that there are none."""
    files = {name: text for name, text in QUIET_LINUX.items() if "/net/tcp" not in name}
    unseen = gaps(look(play(tmp_path, files)))

    assert {"PortUse", "SocketsToTarget"} <= set(unseen)


def cpu_ms(root: str) -> float:
    """Return how long the processor works on a table, the best of a few times."""
    taken = []
    for _ in range(5):
        started = time.process_time()
        look(root)
        taken.append(1000 * (time.process_time() - started))
    return min(taken)


@pytest.mark.parametrize("towards", [CACHE, "10.9.9.9"])
def test_thirty_thousand_sockets_take_a_moment(tmp_path: Path, towards: str) -> None:
    """Whether they are to the target, or to anywhere else; ten times faster than a look is long."""
    sockets = [
        Socket(f"10.1.1.20:{30000 + at}", f"{towards}:{PORT}", "TIME_WAIT") for at in range(30000)
    ]
    root = play(tmp_path, {**FILES, TCP_TABLE: tcp_table(sockets)})

    assert one(look(root), PortUse).time_wait == 60000 - 32768
    assert cpu_ms(root) < 250  # 35 ms on an idle machine


# --- our own host ------------------------------------------------------------------------------

linux_only = pytest.mark.skipif(not ON_LINUX, reason="needs Linux, whose files these are")


@linux_only
def test_our_own_host_tells_everything() -> None:
    """The real files of whatever kernel runs this."""
    facts = look(environ=os.environ)

    assert one(facts, KernelSettings).tcp_retries2 is not None
    assert one(facts, PortUse).available > 1000
    assert one(facts, DescriptorUse).pid == os.getpid()
    assert one(facts, DescriptorUse).open >= 3
    assert one(facts, Platform).system == "Linux"
    for fact in facts:
        assert type(fact).from_json(fact.to_json()) == fact


@linux_only
@pytest.mark.parametrize(("family", "here"), [(socket.AF_INET, HERE), (socket.AF_INET6, "::1")])
def test_our_own_connections_are_among_them(family: socket.AddressFamily, here: str) -> None:
    """Connected, listening, and half closed."""
    with contextlib.ExitStack() as open_now:
        try:
            server = open_now.enter_context(socket.create_server((here, 0), family=family))
        except OSError:
            pytest.skip("needs IPv6")
        port = server.getsockname()[1]
        clients = [open_now.enter_context(socket.create_connection((here, port))) for _ in range(3)]
        accepted = [open_now.enter_context(server.accept()[0]) for _ in range(3)]
        accepted[0].shutdown(socket.SHUT_WR)
        facts = look(addresses=[here], port=port)
        mine = {each.getsockname()[1] for each in clients}

    states = dict(one(facts, SocketsToTarget).by_state)
    # The port may have been another test's a moment ago, whose connections the kernel still keeps.
    others = states.pop("TIME_WAIT", 0)
    assert states == {"CLOSE_WAIT": 1, "ESTABLISHED": 2}
    assert one(facts, SocketsToTarget).stuck == ()
    settings = one(facts, KernelSettings)
    assert settings.port_first is not None
    assert settings.port_last is not None
    among = [port for port in mine if settings.port_first <= port <= settings.port_last]
    assert len(among) <= one(facts, PortUse).to_target <= len(among) + others
    assert one(facts, PortUse).used >= len(among)


@linux_only
def test_a_peer_that_takes_nothing_more_is_stuck_and_ours() -> None:
    """What we have sent lies in the queue, and the kernel asks again and again."""
    with (
        socket.create_server((HERE, 0)) as server,
        socket.create_connection(server.getsockname()) as client,
        server.accept()[0],
    ):
        port = server.getsockname()[1]
        client.settimeout(0)
        with contextlib.suppress(BlockingIOError):
            while True:
                client.send(b"x" * 65536)
        until = time.monotonic() + WAIT_S
        while True:
            seen = one(look(addresses=[HERE], port=port), SocketsToTarget)
            if seen.stuck or time.monotonic() > until:
                break

        (stuck,) = seen.stuck
        assert stuck.local == f"{HERE}:{client.getsockname()[1]}"
        assert stuck.remote == f"{HERE}:{port}"
        assert (stuck.state, stuck.pid) == ("ESTABLISHED", os.getpid())
        assert stuck.unacked_bytes > 0


@linux_only
def test_what_listens_here_is_known() -> None:
    """Sidecars are told by that."""
    with socket.create_server((HERE, 0)) as server:
        sockets = host_linux.Sockets("/", [], 1)

        assert server.getsockname()[1] in sockets.listening


@linux_only
def test_the_first_look_costs_little() -> None:
    """A dial in the same town takes longer."""
    taken = []
    for _ in range(10):
        started = time.process_time()
        look(full=False, environ=os.environ)
        taken.append(1000 * (time.process_time() - started))

    assert min(taken) < 5


@linux_only
def test_the_descriptors_of_another_process() -> None:
    """As far as we may look."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        seen = one(look(pid=child.pid), DescriptorUse)
        child.communicate(b"\n")

    assert seen.pid == child.pid
    assert seen.open >= 3


# --- other systems -----------------------------------------------------------------------------


def test_a_system_without_such_files_says_how_to_see_them(tmp_path: Path) -> None:
    """What can be had is had: our own descriptors, the environment."""
    facts = look(str(tmp_path), environ={"ALL_PROXY": "socks5://proxy:1080"})

    assert set(gaps(facts)) >= {"KernelSettings", "PortUse", "SocketsToTarget"}
    assert all(fact.how_to_see for fact in facts if isinstance(fact, Unseen))
    assert one(facts, DescriptorUse).open >= 3
    assert one(facts, ProxyVariables).variables
    assert set(gaps(look(str(tmp_path), full=False))) == {"KernelSettings"}
    assert "DescriptorUse" in gaps(look(str(tmp_path), pid=7))


# --- environment -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("http://proxy.example.com:3128", "http://proxy.example.com:3128"),
        ("http://user:pass-word@proxy.example.com:3128/", "http://proxy.example.com:3128/"),
        ("http://user:p@ss/word@proxy.example.com:3128", "http://proxy.example.com:3128"),
        ("http://user:pass://word@proxy.example.com", "http://proxy.example.com"),
        ("user:pass-word@proxy.example.com:3128", "proxy.example.com:3128"),
        ("proxy.example.com:3128", "proxy.example.com:3128"),
    ],
)
def test_proxies_are_named_without_their_credentials(value: str, shown: str) -> None:
    """However they are written."""
    assert one(look(environ={"HTTPS_PROXY": value}, full=False), ProxyVariables).variables == (
        ("HTTPS_PROXY", shown),
    )


def test_proxies_are_named_in_capitals_or_not_and_empty_ones_are_none() -> None:
    """An exception is no proxy."""
    environ = {"http_proxy": "http://a:1", "ALL_PROXY": "b:2", "HTTP_PROXY": "", "NO_PROXY": "*"}
    seen = one(look(environ=environ, full=False), ProxyVariables)

    assert seen.variables == (("ALL_PROXY", "b:2"), ("http_proxy", "http://a:1"))
    assert one(look(environ={}, full=False), ProxyVariables).variables == ()


@given(password=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=6))
def test_no_password_of_a_proxy_is_told(password: str) -> None:
    """Whatever it is made of."""
    secret = f"{password}-9f3k-geheim"
    environ = {"https_proxy": f"http://user:{secret}@proxy.example.com:3128"}
    Secret(secret)

    assert secret not in repr(look(environ=environ, full=False))


@pytest.mark.parametrize(
    ("environ", "files", "kind"),
    [
        ({}, {}, "host"),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, {}, "kubernetes"),
        ({}, {"/var/run/secrets/kubernetes.io/serviceaccount/token": ""}, "kubernetes"),
        ({}, {"/proc/1/cgroup": "0::/kubepods.slice/kubepods-burstable.slice/x\n"}, "kubernetes"),
        ({"WEBSITE_SITE_NAME": "shop"}, {}, "app-service"),
        (
            {"WEBSITE_SITE_NAME": "shop", "FUNCTIONS_WORKER_RUNTIME": "python"},
            {"/.dockerenv": ""},
            "functions",
        ),
        (
            {"CONTAINER_APP_NAME": "cart", "KUBERNETES_SERVICE_HOST": "10.0.0.1"},
            {},
            "container-apps",
        ),
        ({}, {"/.dockerenv": ""}, "container"),
        ({}, {"/run/.containerenv": ""}, "container"),
        ({}, {"/proc/1/cgroup": "12:pids:/docker/0123\n"}, "container"),
        ({}, {"/proc/1/cgroup": "0::/init.scope\n"}, "host"),
    ],
)
def test_where_the_client_runs(
    tmp_path: Path, environ: dict[str, str], files: dict[str, str], kind: str
) -> None:
    """The most particular word for it: each of these rests on the next."""
    root = play(tmp_path, {**QUIET_LINUX, **files})

    assert one(look(root, environ=environ), Platform).kind == kind


@pytest.mark.parametrize(
    ("environ", "ports", "mesh"),
    [
        ({}, (), ""),
        ({}, (15001, 15006, 15020), "istio"),
        ({}, (15006,), "istio"),
        ({}, (15020,), ""),
        ({}, (4140, 4143, 4191), "linkerd"),
        ({}, (4191,), ""),
        ({}, (3500, 50001), "dapr"),
        ({}, (3500,), ""),
        ({}, (15001, 20000), "consul"),
        ({}, (20000,), ""),
        ({"ISTIO_META_CLUSTER_ID": "x"}, (), "istio"),
        ({"LINKERD2_PROXY_LOG": "x"}, (), "linkerd"),
        ({"DAPR_HTTP_PORT": "3500"}, (), "dapr"),
        ({"CONSUL_HTTP_ADDR": "https://consul:8501"}, (), ""),
    ],
)
def test_sidecars_are_told_by_their_ports_and_variables(
    tmp_path: Path, environ: dict[str, str], ports: tuple[int, ...], mesh: str
) -> None:
    """One port that anybody might use is no sign; what was seen is said."""
    table = tcp_table([Socket(f"127.0.0.1:{port}", "0.0.0.0:0", "LISTEN") for port in ports])
    seen = one(look(play(tmp_path, {**QUIET_LINUX, TCP_TABLE: table}), environ=environ), Platform)

    assert seen.mesh == mesh
    assert bool(seen.mesh_signs) == bool(mesh)
    assert all(str(port) in " ".join(seen.mesh_signs) for port in ports if mesh)


def test_a_clock_before_our_own_making_is_wrong(tmp_path: Path) -> None:
    """By this host's clock; a played host has no other."""
    root = play(tmp_path, QUIET_LINUX)
    early = one(look(root, now=host.BUILT_AT - 1), Platform)
    late = one(look(root, now=host.BUILT_AT), Platform)

    assert (early.clock_before_build, late.clock_before_build) == (True, False)
    assert late.clock_synchronised is None


@linux_only
def test_the_kernel_knows_whether_somebody_keeps_its_clock() -> None:
    """The same word as from ``adjtimex`` in C, as far as it may be asked here."""
    told = host._kernel_clock()

    assert told in (True, False, None)
    if told is not None:
        assert one(look(), Platform).clock_synchronised is told


def test_packet_filters_are_asked_only_in_depth(tmp_path: Path) -> None:
    """That they were not is said; those of a played host cannot be."""
    assert gaps(look())["RedirectRules"] == "not asked for"
    assert "RedirectRules" not in gaps(look(full=False))
    played = look(play(tmp_path, QUIET_LINUX), deep=True)
    assert not any(isinstance(fact, RedirectRules) for fact in played)


# --- whatever the files say --------------------------------------------------------------------

TABLES = st.sampled_from([TCP_2_6_32.encode(), TCP6_6_18.encode()])
SMALL = st.sampled_from(
    [STAT_2_6_32.encode(), b"32768\t60999\n", b"8080,9148-9150\n", b"15\n", b""]
)


@given(
    tcp=st.one_of(mutated(TABLES), st.binary(max_size=300)),
    small=st.one_of(mutated(SMALL), st.binary(max_size=60)),
)
def test_whatever_a_file_says_becomes_facts_that_can_be_saved(
    tmp_path_factory: pytest.TempPathFactory, tcp: bytes, small: bytes
) -> None:
    """No file is so strange that it raises."""
    texts = {name: small.decode("latin-1") for name in FILES if name.startswith("/proc/sys/")}
    others = {
        "/proc/net/stat/nf_conntrack": small.decode("latin-1"),
        "/proc/1/cgroup": small.decode("latin-1"),
        "/proc/9/limits": small.decode("latin-1"),
        "/proc/9/fd/0": "",
        "/proc/net/tcp": tcp.decode("latin-1"),
        "/proc/net/tcp6": tcp.decode("latin-1"),
    }
    root = play(tmp_path_factory.mktemp("host"), {**texts, **others})

    for fact in look(root, [CACHE, "2001:db8::2", "no address"], pid=9):
        assert type(fact).from_json(fact.to_json()) == fact
        assert repr(fact).isprintable()
