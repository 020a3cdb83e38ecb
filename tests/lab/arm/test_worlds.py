"""Worlds come from files, and say in one line what cannot be."""

from __future__ import annotations

import contextlib
import json
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from refused.lab.arm.az import environment
from refused.lab.arm.worlds import _TABLES, BadWorld, default, do, from_toml
from refused.lab.azure import GROUP_ID, acr, plain_redis
from refused.lab.scenario import by_id
from refused.lab.world import World
from tests.lab.arm.twin import Twin, says

IN = "+OK\r\n+PONG\r\n+OK\r\n"

SHOP = """
target = "basket"
denied = ["Microsoft.Network/networkSecurityGroups/read"]
takes_s = 0.0

[[cache]]
name = "shop"
sku = "Premium P1"
rules = { office = "192.0.2.44", app = "203.0.113.0-203.0.113.9" }
plain_port = true
minimum_tls = "1.1"
endpoint = { address = "10.1.0.4", status = "Pending" }

[[cache]]
name = "basket"
service = "amr"
sku = "Balanced_B5"
public_access = false
endpoint = { address = "10.1.0.5" }

[[client]]
ip = "203.0.113.7"
inside = "10.1.1.20"

[[resource]]
id = "Microsoft.Network/networkSecurityGroups/app-nsg"
body = { location = "westeurope", properties = { securityRules = [] } }

[[fault]]
kind = "throttle"
path = "*/firewallrules"
times = 1
"""


def written(folder: Path, text: str) -> Path:
    """Write a world file."""
    path = folder / "shop.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_says_what_both_planes_are(tmp_path: Path) -> None:
    """Caches, rules, endpoints, a client inside a network, resources, faults."""
    with Twin(from_toml(written(tmp_path, SHOP))) as twin:
        world = twin.world
        shop, basket = world.doors.caches
        assert world.target == basket.target()
        assert world.resource == basket.id
        assert says(shop, world, host=shop.address) == IN
        assert says(shop, world, host=shop.address, port=6379) == IN
        assert says(shop, world, host="10.1.0.4") == "silent"
        assert world.zone.look_up(basket.host, "A").addresses == ("10.1.0.5",)
        assert says(basket, world) == IN
        said = twin.state.require(shop.id)["properties"]
        assert (said["sku"]["name"], said["minimumTlsVersion"]) == ("Premium", "1.1")
        group = f"{GROUP_ID}/providers/Microsoft.Network/networkSecurityGroups/app-nsg"
        assert twin.ask("GET", group).status == 403
        rules = f"{shop.id}/firewallRules"
        statuses = [twin.ask("GET", rules, version="2024-11-01").status for _ in range(2)]
        assert statuses == [429, 200]


def test_the_world_of_the_docs_comes_up(tmp_path: Path) -> None:
    """Whoever copies it has every table there is."""
    page = Path(__file__).resolve().parents[3] / "docs" / "lab.md"
    _, _, shown = page.read_text(encoding="utf-8").partition("```toml\n")
    shown = shown.partition("```")[0]

    assert set(_TABLES) - {"default"} == set(tomllib.loads(shown))
    with Twin(from_toml(written(tmp_path, shown))) as twin:
        assert twin.state.require(twin.world.resource)["name"] == "shop"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "needs a [[cache]]"),
        ("[[cache]\n", "is not TOML"),
        ("colour = 1", "'colour' is not known; known are"),
        ('cache = "shop"', "cache is not of the form"),
        ("[[cache]]\nservice = 'acr'", "'name'"),
        ("[[cache]]\nname = 'a'\nservice = 'sql'", "service is acr or amr, not 'sql'"),
        ("[[cache]]\nname = 'a'\ncolour = 1", "shop.toml, cache: 'colour' is not known"),
        (
            "[[cache]]\nname = 'a'\nservice = 'amr'\nrules = { a = '192.0.2.1' }",
            "no firewall rules",
        ),
        ("target = 'b'\n[[cache]]\nname = 'a'", "target 'b' is none of a"),
        ("[[cache]]\nname = 'a'\n[[client]]\nport = 1", "client: 'port' is not known"),
        ("[[cache]]\nname = 'a'\n[[fault]]\ncolour = 1", "fault: 'colour' is not known"),
        ("[[cache]]\nname = 'a'\nendpoint = { ip = 'x' }", "endpoint: 'ip' is not known"),
    ],
)
def test_a_file_that_cannot_be_is_refused_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    """The line names the file, the place, and what would be right."""
    with pytest.raises(BadWorld) as refusal:
        from_toml(written(tmp_path, text))

    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert refusal.value.for_people


def test_a_resource_that_cannot_be_is_named(tmp_path: Path) -> None:
    """When the control plane is made, for nobody can know before."""
    text = "[[cache]]\nname = 'a'\n[[resource]]\nid = 'Microsoft.Sql/servers/x'\n"
    world = from_toml(written(tmp_path, text))

    with pytest.raises(BadWorld, match=r"resource Microsoft\.Sql/servers/x"), world:
        pass


def test_a_file_that_is_not_there_is_said() -> None:
    """With the name that was given."""
    with pytest.raises(BadWorld, match=r"nowhere\.toml cannot be read"):
        from_toml(Path("/nowhere.toml"))


@given(text=st.text(max_size=200))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_a_world_or_refused(tmp_path: Path, text: str) -> None:
    """Nothing else comes of it."""
    with contextlib.suppress(BadWorld):
        from_toml(written(tmp_path, text.replace("\r", " "))).stop()


# --- the default one -----------------------------------------------------------------------------

LISTS = (
    "Microsoft.Cache/redis",
    "Microsoft.Cache/redisEnterprise",
    "Microsoft.Network/privateEndpoints",
    "Microsoft.Network/privateDnsZones",
    "Microsoft.Network/virtualNetworks",
    "Microsoft.Network/networkSecurityGroups",
    "Microsoft.Network/routeTables",
    "Microsoft.Network/networkInterfaces",
)


def test_the_default_world_has_what_the_usual_lists_ask_for() -> None:
    """Nothing that they ask for is an empty list."""
    world = default(World())
    try:
        state = world.arm
        for kind in LISTS:
            path = f"/subscriptions/{state.subscription}/providers/{kind}"
            assert do(state, "GET", path).body["value"], kind
        for below in ("firewallRules", "patchSchedules", "privateEndpointConnections"):
            path = f"{world.resource}/{below}"
            assert do(state, "GET", path).body["value"], below
    finally:
        world.stop()


def test_what_was_made_was_made_a_month_ago() -> None:
    """So that what is done now stands out in the activity log."""
    world = default(World())
    try:
        state = world.arm
        assert state.events
        assert len({each["eventTimestamp"][:10] for each in state.events}) <= 2
        assert all(each["caller"] == "deploy@contoso.example" for each in state.events)
    finally:
        world.stop()


# --- what points others at it --------------------------------------------------------------------


def test_the_environment_names_the_control_plane() -> None:
    """And writes a configuration for az that nobody else can read."""
    world = World()
    acr(world)
    with world:
        told = world.environment()
        assert told["REFUSED_ARM_ENDPOINT"] == world.arm_endpoint
        assert told["IDENTITY_ENDPOINT"].startswith("https://127.0.0.1:")
        assert (told["REFUSED_LAB_GROUP"], told["REFUSED_LAB_CACHE"]) == ("prod", "contoso")
        assert told["REFUSED_LAB_RESOURCE"].endswith("/Microsoft.Cache/Redis/contoso")
        assert told["REFUSED_ARM_TOKEN"] in world.secrets
        folder = Path(told["AZURE_CONFIG_DIR"])
        profile = json.loads((folder / "azureProfile.json").read_text())
        assert profile["subscriptions"][0]["environmentName"] == "RefusedLab"
        assert {path.stat().st_mode & 0o77 for path in folder.iterdir()} == {0}
        assert environment(world)["REFUSED_ARM_TOKEN"] == told["REFUSED_ARM_TOKEN"]
    assert not folder.exists()


@pytest.mark.parametrize("scenario", ["healthy.plain", "firewall-ip-blocked.alone"])
def test_a_world_without_a_control_plane_points_at_none(scenario: str) -> None:
    """Neither somebody's own server nor a scenario that has only the data plane."""
    with by_id(scenario).up() as world:
        told = world.environment()
        assert not [name for name in told if "ARM" in name or name.startswith("AZURE")]


def test_it_is_made_only_when_it_is_asked_for() -> None:
    """No scenario waits for a control plane that nobody asks."""
    world = World()
    acr(world)
    with world:
        assert world._arm is None
        assert world._arm_server is None


def test_a_world_that_has_none_says_so() -> None:
    """Before anybody waits for an answer."""
    world = World(control_plane=False)
    acr(world)
    with pytest.raises(RuntimeError, match="no control plane"):
        _ = world.arm
    world.stop()


def test_a_server_of_ones_own_has_no_document() -> None:
    """There is nothing that Azure would know of it."""
    world = World()
    plain_redis(world)
    assert world.documents == {}
    assert world.resource == ""
    world.stop()
