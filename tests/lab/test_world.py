"""A world is up at once, tells what a diagnosis needs, and is gone at once."""

from __future__ import annotations

import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from refused.lab import fronts
from refused.lab.azure import acr, amr, plain_redis, private_endpoint
from refused.lab.servers import NoServer
from refused.lab.world import World, access_key
from tests.lab.dialling import dial


def talk(world: World, host: str, port: int, key: str, *lines: str) -> bytes:
    """Log in through the first vantage point as the client in the target would."""
    place = int(next(iter(world.vantages.values())).rpartition(":")[2])
    context = ssl.create_default_context(cafile=world.ca_file)
    with context.wrap_socket(dial(place, host, port), server_hostname=host) as sock:
        sock.sendall("".join(f"{line}\r\n" for line in (f"AUTH {key}", *lines, "QUIT")).encode())
        said = b""
        while more := sock.recv(1 << 16):
            said += more
    return said


def test_a_cache_is_up_in_no_time() -> None:
    """Well under half a second, imports not counted."""
    import refused.lab.certificates  # noqa: F401

    took: list[float] = []
    while len(took) < 20 and min(took, default=1.0) >= 0.25:  # a machine may stand still
        started = time.monotonic()
        world = World()
        acr(world)
        with world:
            took.append(time.monotonic() - started)
    assert min(took) < 0.25


def test_a_cache_of_azure_answers_as_one() -> None:
    """TLS, its name, its key, and commands that it does not know."""
    world = World()
    cache = acr(world, "contoso")
    assert cache.key is not None
    with world:
        said = talk(world, cache.host, 6380, cache.key, "PING", "CONFIG GET port", "SAVE")
    assert said.startswith(b"+OK\r\n+PONG\r\n-ERR unknown command 'CONFIG'")
    assert b"-ERR unknown command 'SAVE'" in said


def test_a_clustered_cache_shows_its_tls_node_ports() -> None:
    """15000+N, as Azure does, and they can be dialled."""
    world = World()
    cache = acr(world, shards=2)
    assert cache.key is not None
    with world:
        said = talk(world, cache.host, 6380, cache.key, "CLUSTER SLOTS")
        assert b":15000\r\n" in said
        assert b":15001\r\n" in said
        assert b"+PONG" in talk(world, cache.host, 15001, cache.key, "PING")


@pytest.mark.parametrize(
    ("policy", "word"),
    [("OSSCluster", b":8501\r\n"), ("EnterpriseCluster", b"cluster support disabled")],
)
def test_a_managed_redis_shows_what_its_policy_lets_it(policy: str, word: bytes) -> None:
    """Node ports 85xx, or no cluster at all."""
    world = World()
    cache = amr(world, policy=policy)  # type: ignore[arg-type]
    assert cache.key is not None
    with world:
        assert word in talk(world, cache.host, 10000, cache.key, "CLUSTER SLOTS")


@pytest.mark.parametrize(("linked", "address"), [(True, "10.1.0.4"), (False, "20.42.65.90")])
def test_a_private_endpoint_changes_the_chain(linked: bool, address: str) -> None:
    """The alias is there in either case; where it leads depends on the link."""
    world = World()
    cache = acr(world)
    private_endpoint(world, cache, linked=linked)
    answer = world.zone.look_up(cache.host, "A")
    assert [value for *_, value, _ in answer.records] == [
        "contoso.privatelink.redis.cache.windows.net",
        address,
    ]
    world.stop()


def test_a_cluster_behind_a_private_endpoint_is_announced_there() -> None:
    """Node ports at the private address answer, those at the public one do not."""
    world = World()
    cache = amr(world)
    private_endpoint(world, cache)
    assert cache.key is not None
    with world:
        said = talk(world, cache.host, 10000, cache.key, "CLUSTER SLOTS")
        assert b"10.1.0.4" in said
        assert b"+PONG" in talk(world, cache.host, 8502, cache.key, "PING")


def test_targets_come_in_the_forms_that_users_have() -> None:
    """A key's letters are escaped in a URL and nowhere else."""
    world = World()
    cache = acr(world)
    cache.key = "a/b+c="
    assert cache.target() == (
        "contoso.redis.cache.windows.net:6380,password=a/b+c=,ssl=True,abortConnect=False"
    )
    assert cache.target(form="url") == "rediss://:a%2Fb%2Bc%3D@contoso.redis.cache.windows.net:6380"
    assert cache.target(form="host", port=6379) == "contoso.redis.cache.windows.net:6379"
    assert cache.target(key="", tls=False, extra=",syncTimeout=10") == (
        "contoso.redis.cache.windows.net:6380,ssl=False,abortConnect=False,syncTimeout=10"
    )
    world.stop()


def test_any_redis_will_do() -> None:
    """Plain text, no password, no Azure."""
    world = World()
    plain_redis(world)
    with world:
        assert world.target == "redis://redis.example.net:6379"
        assert world.ca_file is None
        place = int(world.vantages["here"].rpartition(":")[2])
        with dial(place, "redis.example.net", 6379) as sock:
            sock.sendall(b"PING\r\n")
            assert sock.recv(100) == b"+PONG\r\n"


def test_connections_can_be_held_under_a_name() -> None:
    """As an application that leaks them, for as long as the world is up."""
    world = World()
    cache = acr(world)
    world.hold(cache.server, 5, name="cart")
    with world:
        clients = cache.server.command("CLIENT", "LIST")
        assert isinstance(clients, bytes)
        assert clients.count(b" name=cart ") == 5


def test_the_environment_names_everything() -> None:
    """A plain `refused diagnose` finds its way with it."""
    world = World()
    acr(world)
    world.client_environ["HTTPS_PROXY"] = "http://proxy.example.net:3128"
    world.vantage("pod", "10.1.1.9")
    world.vantage("laptop")
    world.host_file("/proc/sys/net/ipv4/tcp_retries2", "15\n")
    with world:
        told = world.environment()
        assert told["REFUSED_LAB_TARGET"] == world.target
        assert told["REFUSED_RESOLVER"] == world.resolver
        assert told["REFUSED_FROM"].split() == [world.vantages["pod"], world.vantages["laptop"]]
        assert told["REFUSED_LAB_CLIENT_IP"] == "10.1.1.9"
        assert told["REFUSED_CA_FILE"] == told["SSL_CERT_FILE"] == world.ca_file
        assert told["HTTPS_PROXY"] == "http://proxy.example.net:3128"
        root = Path(told["REFUSED_HOST_ROOT"])
        assert (root / "proc/sys/net/ipv4/tcp_retries2").read_text(encoding="ascii") == "15\n"
        assert (root / "etc/resolv.conf").exists()
    assert not root.exists()


def test_a_world_that_cannot_start_leaves_nothing() -> None:
    """What was up already is taken down again."""
    world = World()
    cache = acr(world)
    world.server(config=["no-such-directive yes"])
    folder = world.folder
    with pytest.raises(NoServer):
        world.start()
    assert cache.server.pid is None
    assert not folder.exists()


def test_a_deed_that_fails_takes_the_world_down() -> None:
    """And its failure is what the caller sees."""
    world = World()
    cache = acr(world)
    world.once_up(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        world.start()
    assert cache.server.pid is None


def test_a_world_leaves_no_thread_and_no_descriptor() -> None:
    """Many worlds may follow one another in a process."""

    def once() -> None:
        world = World()
        cache = acr(world)
        world.at(cache.address, 7000, fronts.SilentAfterAccept())
        with world:
            place = int(world.vantages["here"].rpartition(":")[2])
            with dial(place, cache.address, 7000), dial(place, cache.address, 6380):
                pass

    def left() -> tuple[int, int]:
        until = time.monotonic() + 5
        while [t for t in threading.enumerate() if t.name.startswith("lab-")]:
            assert time.monotonic() < until, threading.enumerate()
            time.sleep(0.01)
        return threading.active_count(), len(list(Path("/dev/fd").iterdir()))

    once()
    before = left()
    for _ in range(3):
        once()
    assert left() == before


def test_keys_look_like_azures() -> None:
    """44 letters, the last of which is `=`, and never the same."""
    assert len(access_key()) == 44
    assert access_key().endswith("=")
    assert access_key() != access_key()


def test_without_the_extra_one_line_says_what_to_install() -> None:
    """No traceback through somebody else's package."""
    code = (
        "import sys; sys.modules['cryptography'] = None\n"
        "from refused.lab.world import World\nfrom refused.lab.azure import acr\n"
        "world = World()\ntry: acr(world)\nexcept ImportError as e: print(e)\nworld.stop()"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "TLS in the lab needs cryptography: pip install 'refused[lab]'\n"
