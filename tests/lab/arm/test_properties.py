"""What holds for any request, any rule, any order of writing."""

from __future__ import annotations

import ipaddress
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from refused.lab.arm import routes
from refused.lab.arm.server import ArmServer
from refused.lab.arm.state import State, key, type_of
from refused.lab.arm.store import Store
from refused.lab.arm.worlds import default
from refused.lab.azure import acr
from refused.lab.certificates import Certificate
from refused.lab.fronts import Silent
from refused.lab.world import HERE, World

if TYPE_CHECKING:
    from collections.abc import Iterator

routes.load()
NAMES = st.sampled_from(
    [
        "contoso",
        "fabrikam",
        "default",
        "prod",
        "app",
        "app-vnet",
        "app-nsg",
        "CONTOSO",
        "Ünïx",
        "a b",
    ]
) | st.text(min_size=1, max_size=12)
LEAVES: st.SearchStrategy[Any] = (
    st.none()
    | st.booleans()
    | st.integers(-5, 70_000)
    | st.text(max_size=12)
    | st.sampled_from(["Approved", "Primary", "Premium", "P", "Enabled", "10.1.0.0/24", "1.2"])
)
FIELDS = st.sampled_from(
    [
        "properties",
        "sku",
        "name",
        "location",
        "startIP",
        "endIP",
        "keyType",
        "tags",
        "subnet",
        "privateLinkServiceConnectionState",
        "status",
        "scheduleEntries",
        "redisConfiguration",
        "user",
        "id",
    ]
)
BODIES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(FIELDS, inner, max_size=4)
)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """Declare the default world, which need not be up for its control plane to answer."""
    made = default(World())
    yield made
    made.stop()


def asked(server: ArmServer, method: str, path: str, body: Any) -> routes.Answer:
    """Put one request to a server without a connection."""
    headers = {"authorization": f"Bearer {server.identity.issue('https://management.azure.com')}"}
    return server.answer(method, path, headers, json.dumps(body).encode())


class Unheard(ArmServer):
    """A server that listens nowhere."""

    @property
    def url(self) -> str:
        """Where it would be."""
        return "https://127.0.0.1:1"


@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
def test_no_request_makes_it_fail(world: World, data: st.DataObject) -> None:
    """Whatever is sent, it is answered, or refused in ARM's own form."""
    server = Unheard(world.arm, Certificate("", "", ""))
    route = data.draw(st.sampled_from(routes.ROUTES), label="route")

    def blank(match: re.Match[str]) -> str:
        name = match[2]
        if name == "sub":
            return world.arm.subscription
        if name == "group":
            return data.draw(st.sampled_from(["prod", "none"]))
        if name == "scope":
            return world.resource.strip("/")
        return quote(data.draw(NAMES, label=name), safe="")

    path = re.sub(r"\{(\*?)(\w+)\}", blank, route.template)
    body = data.draw(BODIES, label="body")
    kind = type_of(path).partition("/")[2].partition("/")[0]
    known = {
        name.lower(): versions
        for types in routes.VERSIONS.values()
        for name, versions in types.items()
    }
    version = next(iter(known.get(kind, ())), "2024-11-01")

    said = asked(server, route.method, f"{path}?api-version={version}", body)

    assert said.status < 500
    json.dumps(said.body)
    if said.status >= 400 and said.status != 404:
        told = said.body.get("error", said.body)
        assert told["code"]
        assert told["message"]


@given(path=st.text(alphabet="/abc{}%.?$ é", max_size=60), method=st.sampled_from(["GET", "PUT"]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_path_makes_it_fail(world: World, path: str, method: str) -> None:
    """A path that is none is a 400 or a 404."""
    server = Unheard(world.arm, Certificate("", "", ""))

    said = asked(server, method, f"/{quote(path, safe='/%')}?api-version=2024-11-01", None)

    assert said.status in (400, 404, 405)


# --- who is let in -------------------------------------------------------------------------------

NEAR = st.integers(0, 9).map(lambda last: f"198.51.100.{last}")


@given(
    rules=st.lists(st.tuples(NEAR, NEAR), max_size=3),
    client=NEAR,
    is_public=st.booleans(),
    state=st.sampled_from(["Succeeded", "Scaling", "Creating", "Deleting", "Disabled"]),
)
def test_the_door_is_as_a_plain_reading_of_the_documents_says(
    rules: list[tuple[str, str]], client: str, is_public: bool, state: str
) -> None:
    """Held against a list of every single address that may come in."""
    world = World()
    cache = acr(
        world,
        rules={f"r{at}": f"{min(pair)}-{max(pair)}" for at, pair in enumerate(rules)},
        is_public=is_public,
    )
    world.documents[cache.id.lower()]["properties"]["provisioningState"] = state
    world.vantage(HERE, client)
    welcome = {
        f"198.51.100.{last}"
        for pair in rules
        for last in range(int(min(pair)[-1]), int(max(pair)[-1]) + 1)
    }

    front, _ = world._places[HERE].meet(cache.address, 6380)

    is_open = is_public and state in ("Succeeded", "Scaling") and (not rules or client in welcome)
    assert (front is cache.front) == is_open
    assert is_open or isinstance(front, Silent)
    world.stop()


def test_a_client_of_the_other_family_is_in_no_rule() -> None:
    """A rule holds IPv4 addresses, and the number of an IPv6 one is none of them."""
    world = World()
    cache = acr(world, rules={"all": "0.0.0.0-255.255.255.255"})
    low = str(ipaddress.ip_address(int(ipaddress.ip_address("198.51.100.1"))))
    world.vantage(HERE, "2001:db8::1")
    world.vantage("low", low)
    assert isinstance(world._places[HERE].meet(cache.address, 6380)[0], Silent)
    assert world._places["low"].meet(cache.address, 6380)[0] is cache.front
    world.stop()


# --- the store -----------------------------------------------------------------------------------

IDS = st.sampled_from(
    [
        "/subscriptions/s",
        "/subscriptions/s/resourcegroups/g",
        "/subscriptions/s/resourcegroups/g/providers/m.c/redis/a",
        "/subscriptions/s/resourcegroups/g/providers/m.c/redis/b",
        "/subscriptions/s/resourcegroups/g/providers/m.c/redis/a/rules/x",
        "/subscriptions/s/resourcegroups/g/providers/m.c/redis/a/rules/y",
        "/subscriptions/s/resourcegroups/g/providers/m.c/redis/ab/rules/x",
        "/subscriptions/s/resourcegroups/g/providers/m.c/redis/a/rules/x/parts/p",
    ]
)


@given(deeds=st.lists(st.tuples(st.sampled_from(["set", "del", "pop"]), IDS), max_size=20))
def test_the_store_finds_what_a_walk_through_all_would(deeds: list[tuple[str, str]]) -> None:
    """In whatever order it was written."""
    store = Store()
    plain: dict[str, dict[str, Any]] = {}
    for deed, id_ in deeds:
        if deed == "set":
            store[id_] = plain[id_] = {"id": id_}
        elif deed == "pop":
            assert store.pop(id_, None) == plain.pop(id_, None)
        elif id_ in plain:
            del store[id_], plain[id_]
    assert store == plain
    for id_ in plain:
        collection = id_.rpartition("/")[0]
        below = sorted(each["id"] for each in store.below(collection))
        assert below == sorted(each for each in plain if each.rpartition("/")[0] == collection)
        kind = type_of(id_)
        found = sorted(each for each, _ in store.of_type(kind))
        assert found == sorted(each for each in plain if type_of(each) == kind)


@given(deeds=st.lists(st.tuples(st.booleans(), IDS), max_size=12))
def test_a_deletion_takes_what_lies_below(deeds: list[tuple[bool, str]]) -> None:
    """And only that: ``a`` is not above ``ab``."""
    state = State()
    for is_write, id_ in deeds:
        if is_write:
            state.put(id_, {"id": id_}, quiet=True)
            assert state.get(id_.upper()) == {"id": id_}
        else:
            rest = {each for each in state.documents if not f"{each}/".startswith(f"{key(id_)}/")}
            was = id_ in state.documents
            assert state.delete(id_, quiet=True) == was
            if was:
                assert set(state.documents) == rest


def test_what_is_handed_out_is_a_copy() -> None:
    """Nobody changes a document by looking at it."""
    state = State()
    state.put("/a/b", {"id": "/a/b", "properties": {"x": [1]}}, quiet=True)
    state.require("/a/b")["properties"]["x"].append(2)
    assert state.require("/A/B")["properties"]["x"] == [1]
