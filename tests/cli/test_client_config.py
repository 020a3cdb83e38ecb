"""The command line of ``refused client-config``."""

from __future__ import annotations

import ast
import json
from typing import TYPE_CHECKING

import pytest

from refused.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

HOST = "contoso.redis.cache.windows.net"
KEY = "u7Hq2Zk0vYw8sXe5Rt1Lp9Nb4Mc6Jd3FgAzCaQ0aBc="


def test_the_code_is_for_this_target_and_tier(capsys: pytest.CaptureFixture[str]) -> None:
    """What is printed is one file that its language can read, notes included."""
    assert main(["client-config", "redis-py", HOST, "--sku", "C0", "--pods", "10"]) == 0
    out = capsys.readouterr().out
    ast.parse(out)
    assert f'host="{HOST}"' in out
    assert "port=6380" in out
    assert "max_connections=20," in out
    assert "# 256 connections (C0) x 0.8 / (10 pods x 1 processes) = 20" in out


def test_a_key_in_the_target_never_gets_into_the_code(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither as it is nor escaped; the environment is read instead."""
    for client in ("redis-py", "StackExchange.Redis", "lettuce", "phpredis", "celery"):
        for form in ("code", "json"):
            target = f"{HOST}:6380,password={KEY},ssl=True,abortConnect=False"
            assert main(["client-config", client, target, "--form", form]) == 0
            out = capsys.readouterr()
            assert KEY[:-1] not in out.out + out.err
            assert "REDIS_KEY" in out.out


def test_json_has_every_figure_with_its_source(capsys: pytest.CaptureFixture[str]) -> None:
    """And what it was made for."""
    assert main(["client-config", "go", HOST, "--sku", "P1", "--shards", "3", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["schema"] == "refused.client-config/1"
    assert data["target"]["cluster"] is True
    assert (data["target"]["shards"], data["target"]["limit"]) == (3, 7500)
    assert all(each["source"].startswith("https://") for each in data["settings"])
    assert data["files"][0]["language"] == "go"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["letuce", HOST], "did you mean Lettuce"),
        ([], "give a CLIENT"),
        (["jedis", HOST, "--pods", "0"], "--pods is a number from 1"),
        (["jedis", HOST, "--sku", "X99"], "none that I know"),
        (["celery", "fabrikam.westeurope.redis.azure.net"], "no cluster client"),
        (["jedis", HOST, "--sku", "C0", "--pods", "300"], "take a larger size"),
        (["jedis", HOST, "--policy", "some"], "--policy is one of"),
        (["jedis", "lab:healthy"], "give the host name"),
    ],
)
def test_a_mistake_costs_one_line(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what would be right."""
    assert main(["client-config", *words]) == 2
    out = capsys.readouterr()
    assert said in out.err
    assert out.err.count("\n") == 1
    assert out.out == ""


def test_without_a_target_it_says_what_to_put_in(capsys: pytest.CaptureFixture[str]) -> None:
    """For the service that was named."""
    assert main(["client-config", "ioredis", "--service", "amr"]) == 0
    out = capsys.readouterr().out
    assert "your-cache.your-region.redis.azure.net" in out
    assert "put your host's name in the place of ours" in out


def test_the_libraries_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """By name, with what else they go by."""
    assert main(["client-config", "--list", "--json"]) == 0
    names = [each["name"] for each in json.loads(capsys.readouterr().out)]
    assert len(names) == 14
    assert main(["client-config", "--list"]) == 0
    assert "redis-py" in capsys.readouterr().out


def test_a_pool_is_checked_against_the_tier(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of so many pods and processes."""
    file = tmp_path / "cache.py"
    file.write_text("import redis\nr = redis.Redis(max_connections=50)\n")
    assert main(["client-config", "--check", str(file)]) == 0
    assert main(["client-config", "--check", str(file), "--sku", "C0", "--pods", "10"]) == 1
    assert "leaves 20 connections to each process" in capsys.readouterr().out


def test_a_bundle_tells_tier_policy_and_limit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As Azure told them, rather than by tables."""
    from refused.evidence.bundle import Bundle
    from refused.evidence.control_plane import AzureCache
    from refused.evidence.parse_target import parse_target

    target = parse_target("fabrikam.westeurope.redis.azure.net").target
    cache = AzureCache(
        vantage="here",
        at=0.0,
        took_ms=0.0,
        source="ARM",
        id="/subscriptions/x",
        service="amr",
        name="fabrikam",
        host=target.host,
        sku="Balanced_B10",
        clustering_policy="EnterpriseCluster",
        access_keys=True,
    )
    bundle = Bundle(target=target, facts=(cache,), taken_at=0.0, tool="test")
    file = tmp_path / "bundle.json"
    file.write_text(json.dumps(bundle.to_json()))
    assert main(["client-config", "jedis", f"@{file}", "--pods", "1000", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["target"]["cluster"] is False
    assert data["target"]["limit"] == 30000
    assert {each["name"]: each["value"] for each in data["settings"]}["setMaxTotal"] == "24"
