"""Stories with the real ``az``: what it changes in the control plane, a diagnosis sees.

``az`` is found through ``REFUSED_AZ``, in ``.venv-az``, or on the PATH.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from refused.lab.arm.worlds import default
from refused.lab.scenario import by_id
from refused.lab.world import World
from tests.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.az, pytest.mark.timeout(180)]

# Read before the environment is cleared for the tests.
NAMED = os.environ.get("REFUSED_AZ")


def program() -> str | None:
    """Return the ``az`` to run."""
    own = ROOT / ".venv-az" / "bin" / "az"
    return NAMED or (str(own) if own.is_file() else shutil.which("az"))


class Desk:
    """Somebody who sits before a world with ``az`` and ``refused`` at hand."""

    def __init__(self, world: World, az: str) -> None:
        self.world = world
        self._az = az
        self._environ = {**os.environ, **world.environment()}

    def az(self, *words: str) -> Any:
        """Run ``az``, which has to succeed, and return what it printed."""
        done = subprocess.run(
            [self._az, *words, "--output", "json"],
            env=self._environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    def cache(self, *words: str, **more: str) -> Any:
        """Run ``az redis …`` about the world's cache."""
        named = [part for name, value in more.items() for part in (f"--{name}", value)]
        told = self._environ
        where = ["-n", told["REFUSED_LAB_CACHE"], "-g", told["REFUSED_LAB_GROUP"]]
        return self.az("redis", *words, *where, *named)

    def diagnose(self, target: str | None = None) -> dict[str, Any]:
        """Run ``refused diagnose`` as somebody would whose shell has read the lab's variables."""
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "refused.cli.main",
                "diagnose",
                target or self.world.target,
                "--json",
            ],
            env=self._environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode in (0, 1, 3), done.stderr
        for secret in self.world.secrets:
            assert secret not in done.stdout + done.stderr
        report: dict[str, Any] = json.loads(done.stdout)
        return report


def first(report: dict[str, Any]) -> tuple[str, str]:
    """Return the verdict's first cause and how certain it is."""
    assert report["causes"], report["verdict"]
    return report["causes"][0]["id"], report["causes"][0]["certainty"]


@pytest.fixture(scope="module")
def az() -> str:
    """Return the real ``az``."""
    found = program()
    if found is None:
        pytest.skip("needs az: set REFUSED_AZ, or put azure-cli into .venv-az")
    return found


@pytest.fixture(scope="module")
def desk(az: str) -> Iterator[Desk]:
    """Sit before the default world."""
    with default(World()) as world:
        yield Desk(world, az)


@contextlib.contextmanager
def at(scenario: str, az: str) -> Iterator[Desk]:
    """Bring a scenario up and sit before it."""
    with by_id(scenario).up() as world:
        yield Desk(world, az)


# --- what az can do against the twin --------------------------------------------------------------

READS = (
    ("redis", "list"),
    ("redis", "firewall-rules", "list", "-n", "contoso", "-g", "prod"),
    ("redis", "access-policy", "list", "-n", "contoso", "-g", "prod"),
    ("network", "private-endpoint", "list"),
    ("network", "private-dns", "zone", "list"),
    (
        "network",
        "private-dns",
        "link",
        "vnet",
        "list",
        "-g",
        "prod",
        "-z",
        "privatelink.redis.azure.net",
    ),
    (
        "network",
        "private-dns",
        "record-set",
        "a",
        "list",
        "-g",
        "prod",
        "-z",
        "privatelink.redis.azure.net",
    ),
    ("network", "nsg", "list"),
    ("network", "nsg", "rule", "list", "-g", "prod", "--nsg-name", "app-nsg"),
    ("network", "vnet", "list"),
    ("network", "route-table", "list", "-g", "prod"),
    ("network", "nic", "list"),
    ("group", "list"),
    ("resource", "list"),
    ("account", "list"),
    ("role", "assignment", "list", "--all"),
    ("monitor", "activity-log", "list", "-g", "prod", "--offset", "60d"),
    ("provider", "list"),
)


@pytest.mark.parametrize("words", READS, ids=" ".join)
def test_the_usual_lists_are_not_empty(desk: Desk, words: tuple[str, ...]) -> None:
    """Each asks for an api-version of its own."""
    assert len(desk.az(*words)) > 0


def test_a_cache_is_shown_with_what_the_checklist_wants(desk: Desk) -> None:
    """State, public access, minimum TLS, plain port."""
    said = desk.cache("show")

    assert said["provisioningState"] == "Succeeded"
    assert said["publicNetworkAccess"] == "Enabled"
    assert said["minimumTlsVersion"] == "1.2"
    assert said["enableNonSslPort"] is False
    assert desk.cache("patch-schedule", "show")["scheduleEntries"][0]["dayOfWeek"] == "Sunday"


def test_metrics_are_listed(desk: Desk) -> None:
    """Connected clients, as the checklist asks for them."""
    told = desk.world.environment()
    said = desk.az(
        *("monitor", "metrics", "list", "--resource", told["REFUSED_LAB_RESOURCE"]),
        *("--metric", "connectedclients", "--interval", "PT1M"),
    )

    assert said["value"][0]["timeseries"][0]["data"]


def test_a_cache_is_made_and_deleted(desk: Desk) -> None:
    """Both are long-running operations, and neither is waited for in vain."""
    where = ("-n", "third", "-g", "prod")
    made = desk.az(
        "redis", "create", *where, "-l", "westeurope", "--sku", "Basic", "--vm-size", "c0"
    )
    assert made["hostName"] == "third.redis.cache.windows.net"
    desk.az("redis", "delete", *where, "--yes")
    assert [each["name"] for each in desk.az("redis", "list")] == ["contoso"]


def test_what_was_done_stands_in_the_activity_log(desk: Desk) -> None:
    """Who, what, and to which rule."""
    rule = {"rule-name": "logged", "start-ip": "198.51.100.1", "end-ip": "198.51.100.1"}
    desk.cache("firewall-rules", "create", **rule)
    desk.cache("firewall-rules", "delete", **{"rule-name": "logged"})

    log = desk.az("monitor", "activity-log", "list", "-g", "prod", "--offset", "1h")

    done = [
        (each["operationName"]["value"].rpartition("/")[2], each["caller"])
        for each in log
        if each["resourceId"].endswith("/firewallRules/logged")
        and each["status"]["value"] == "Succeeded"
    ]
    assert done == [("delete", "anna@contoso.example"), ("write", "anna@contoso.example")]


def test_somebody_with_a_configuration_of_their_own_registers_it(
    desk: Desk, tmp_path: Path
) -> None:
    """The cloud by its address alone; then a managed identity, and then an application, logs in."""
    told = desk.world.environment()
    identity = desk.world.arm_server.identity
    application = "b5c1d0a9-0e55-4c44-8f5e-9f3f4b6b8a10"
    identity.applications[application] = "right"
    own = Desk(desk.world, desk._az)
    own._environ = {**own._environ, "AZURE_CONFIG_DIR": str(tmp_path)}

    own.az(
        "cloud", "register", "-n", "Twin", "--endpoint-resource-manager", desk.world.arm_endpoint
    )
    own.az("cloud", "set", "-n", "Twin")
    (account,) = own.az("login", "--identity")
    assert account["environmentName"] == "Twin"
    assert [each["name"] for each in own.az("redis", "list")] == ["contoso"]
    own._environ["AZURE_CORE_INSTANCE_DISCOVERY"] = "false"
    own.az("logout")
    who = ("-u", application, "-p", "right", "--tenant", told["AZURE_TENANT_ID"])
    own.az("login", "--service-principal", *who)
    assert [each["name"] for each in own.az("redis", "list")] == ["contoso"]


# --- the stories -----------------------------------------------------------------------------------


def test_a_rule_ends_a_blocked_address(az: str) -> None:
    """Blocked, confirmed, with the rules as evidence; a rule is made; healthy."""
    with at("firewall-ip-blocked", az) as desk:
        before = desk.diagnose()
        assert first(before) == ("firewall-ip-blocked", "confirmed")
        assert "192.0.2.44" in json.dumps(before["causes"][0]["because"])
        client = desk.world.client_ip
        desk.cache(
            "firewall-rules",
            "create",
            **{"rule-name": "app", "start-ip": client, "end-ip": client},
        )
        assert desk.diagnose()["verdict"] == "healthy"


def test_a_link_ends_a_name_that_leads_past_the_endpoint(az: str) -> None:
    """The zone is linked to the client's network, and the name leads to the endpoint."""
    with at("private-endpoint-dns", az) as desk:
        assert first(desk.diagnose()) == ("private-endpoint-dns", "confirmed")
        (zone,) = desk.az("network", "private-dns", "zone", "list")
        (network,) = desk.az("network", "vnet", "list")
        desk.az(
            *("network", "private-dns", "link", "vnet", "create", "-g", "prod"),
            *("-z", zone["name"], "-n", "late", "-v", network["id"], "-e", "false"),
        )
        assert desk.diagnose()["verdict"] == "healthy"


def test_public_access_is_switched_on_again(az: str) -> None:
    """A policy had switched it off, and there is no endpoint."""
    with at("public-access-disabled.acr", az) as desk:
        assert first(desk.diagnose()) == ("public-access-disabled", "confirmed")
        desk.cache("update", set="publicNetworkAccess=Enabled")
        assert desk.diagnose()["verdict"] == "healthy"


def test_a_key_that_is_regenerated_is_wrong_from_then_on(az: str) -> None:
    """Healthy, regenerated, wrong; the new one is right."""
    with at("healthy", az) as desk:
        assert desk.diagnose()["verdict"] == "healthy"
        keys = desk.cache("regenerate-keys", **{"key-type": "Primary"})
        assert first(desk.diagnose())[0] == "auth-wrong-key"
        (cache,) = desk.world.doors.caches
        assert desk.diagnose(cache.target(key=keys["primaryKey"]))["verdict"] == "healthy"


def test_a_rejected_endpoint_is_approved(az: str) -> None:
    """The connection was rejected; whoever owns the cache approves it."""
    with at("private-endpoint-missing.rejected", az) as desk:
        assert first(desk.diagnose()) == ("private-endpoint-missing", "confirmed")
        where = ("network", "private-endpoint-connection")
        (connection,) = desk.az(*where, "list", "--id", desk.world.resource)
        desk.az(*where, "approve", "--id", connection["id"], "--description", "ours")
        assert desk.diagnose()["verdict"] == "healthy"
