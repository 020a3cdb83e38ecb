"""Prometheus takes the rules, and they ring when they should: promtool is the witness."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from refused.slo.budget import BURNS
from refused.slo.for_cache import rules_for
from refused.slo.own_metrics import OWN
from refused.slo.prometheus import for_cache, to_yaml
from tests.slo.test_for_cache import CACHES

if TYPE_CHECKING:
    from pathlib import Path

TARGET = "contoso.redis.cache.windows.net:6380"
INSTANCE = "rediss://contoso.redis.cache.windows.net:6380"
each_cache = pytest.mark.parametrize("name", sorted(CACHES))


def text(name: str = "acr", cause: str = "") -> str:
    """Return the rule file of one cache."""
    return to_yaml(for_cache(CACHES[name], rules_for(CACHES[name]), TARGET, cause))


def promtool(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run promtool, or skip where there is none."""
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("needs promtool (Debian: prometheus)")
    return subprocess.run(
        [program, *words], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )


@each_cache
def test_rules_are_sound(name: str, tmp_path: Path) -> None:
    """By ``promtool check rules``."""
    rules = for_cache(CACHES[name], rules_for(CACHES[name]), TARGET, "private-endpoint-dns")
    (tmp_path / "rules.yml").write_text(to_yaml(rules))
    done = promtool("check", "rules", "rules.yml", folder=tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rules)} rules found" in done.stdout


@each_cache
def test_thresholds_are_those_of_azure(name: str) -> None:
    """The same number in both."""
    data = {rule["alert"]: rule for group in _groups(name) for rule in group["rules"]}
    for rule in rules_for(CACHES[name]).metric:
        made = data.get("".join(p[:1].upper() + p[1:] for p in f"redis-{rule.id}".split("-")))
        if made is not None:
            assert made["expr"].endswith(f" {rule.threshold:.15g}")
            assert made["labels"]["cause"] == rule.cause


def _groups(name: str) -> Any:
    return yaml.safe_load(text(name))["groups"]


def test_our_own_metrics_are_all_in_the_table() -> None:
    """A rule on a name that nobody shows would never ring."""
    known = {name for name, *_ in OWN}
    labels = {name: set(of) for name, _, of, _ in OWN}
    for group in _groups("acr"):
        for rule in group["rules"]:
            for name in known:
                for part in rule["expr"].split(name)[1:]:
                    if part.startswith("{"):
                        used = part[1 : part.index("}")]
                        names = {each.partition("=")[0].rstrip("~!") for each in used.split(",")}
                        assert names <= labels[name], rule["expr"]
            if group["name"].startswith("refused-"):
                assert any(name in rule["expr"] for name in known)


def _series(metric: str, values: str, **labels: str) -> dict[str, str]:
    inside = ",".join(f'{name}="{value}"' for name, value in labels.items())
    return {"series": f"{metric}{{{inside}}}", "values": values}


EXPORTER = {"instance": INSTANCE}
# What is shown, and which alerts ring after how many minutes; the C1 has 1,000 connections.
NIGHTS: dict[str, tuple[list[dict[str, str]], list[tuple[str, str, list[dict[str, str]]]]]] = {
    "quiet": (
        [
            _series("redis_connected_clients", "100x60", **EXPORTER),
            _series("redis_memory_used_bytes", "100x60", **EXPORTER),
            _series("redis_memory_max_bytes", "1000x60", **EXPORTER),
            _series("redis_up", "1x60", **EXPORTER),
        ],
        [
            ("30m", each, [])
            for each in ("RedisConnections80", "RedisConnections95", "RedisMemory85", "RedisDown")
        ],
    ),
    "connections": (
        [_series("redis_connected_clients", "100x10 801x10 960x10 100x30", **EXPORTER)],
        [
            ("10m", "RedisConnections80", []),
            ("12m", "RedisConnections80", [EXPORTER]),
            ("12m", "RedisConnections95", []),
            ("25m", "RedisConnections95", [EXPORTER]),
            ("50m", "RedisConnections80", []),
        ],
    ),
    "memory": (
        [
            _series("redis_memory_used_bytes", "860x30", **EXPORTER),
            _series("redis_memory_max_bytes", "1000x30", **EXPORTER),
        ],
        [("20m", "RedisMemory85", [EXPORTER]), ("20m", "RedisMemory95", [])],
    ),
    "no limit of memory": (
        [
            _series("redis_memory_used_bytes", "860x30", **EXPORTER),
            _series("redis_memory_max_bytes", "0x30", **EXPORTER),
        ],
        [("20m", "RedisMemory85", [])],
    ),
    "load": (
        [
            _series("redis_cpu_sys_main_thread_seconds_total", "0+20x30", **EXPORTER),
            _series("redis_cpu_user_main_thread_seconds_total", "0+32x30", **EXPORTER),
        ],
        [("20m", "RedisServerLoad80", [EXPORTER]), ("20m", "RedisServerLoad90", [])],
    ),
    "evictions": (
        [_series("redis_evicted_keys_total", "0x10 5x30", **EXPORTER)],
        [("5m", "RedisEvictions", []), ("15m", "RedisEvictions", [EXPORTER])],
    ),
    "another cache": (
        [_series("redis_connected_clients", "999x30", instance="rediss://other.example:6380")],
        [("20m", "RedisConnections80", [])],
    ),
    "path": (
        [
            _series("refused_hop_ok", "1x5 0x30", target=TARGET, vantage="here", hop="tcp"),
        ],
        [
            ("4m", "RefusedPathBroken", []),
            ("10m", "RefusedPathBroken", [{"target": TARGET, "vantage": "here", "hop": "tcp"}]),
            ("10m", "RefusedNotLooked", []),
        ],
    ),
    "nobody looks": (
        [_series("redis_up", "1x60", **EXPORTER)],
        [("10m", "RefusedNotLooked", [{"target": TARGET}])],
    ),
}


@pytest.mark.parametrize("night", sorted(NIGHTS))
def test_rules_ring_when_they_should(night: str, tmp_path: Path) -> None:
    """By ``promtool test rules``, minute by minute."""
    (tmp_path / "rules.yml").write_text(text())
    made = {rule["alert"]: rule for group in _groups("acr") for rule in group["rules"]}
    shown, expected = NIGHTS[night]
    unit = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": shown,
                "promql_expr_test": [
                    {
                        "expr": f'ALERTS{{alertname="{alert}",alertstate="firing"}}',
                        "eval_time": at,
                        "exp_samples": [
                            {"labels": _ringing(alert, made[alert]["labels"] | each), "value": 1}
                            for each in ringing
                        ],
                    }
                    for at, alert, ringing in expected
                ],
            }
        ],
    }
    (tmp_path / "test.yml").write_text(yaml.safe_dump(unit))
    done = promtool("test", "rules", "test.yml", folder=tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr


def _ringing(alert: str, labels: dict[str, str]) -> str:
    """Return the series that Prometheus shows for an alert that is on."""
    said = {"alertname": alert, "alertstate": "firing", **labels}
    return "ALERTS{" + ",".join(f'{name}="{value}"' for name, value in said.items()) + "}"


def test_burns_are_those_of_the_table() -> None:
    """Each window and factor of it, at the objective's share."""
    group = next(each for each in _groups("acr") if each["name"].startswith("refused-budget"))

    assert len(group["rules"]) == len(BURNS)
    assert "> 0.0144) and (" in group["rules"][0]["expr"]
    assert "[1h]" in group["rules"][0]["expr"]
    assert "[5m]" in group["rules"][0]["expr"]
