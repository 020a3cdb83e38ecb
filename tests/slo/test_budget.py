"""Burn rates, held against plain sums and against Prometheus itself."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from refused.slo.baselines import baseline, quantile
from refused.slo.budget import BURNS, Counted, Objective, Tally
from refused.slo.for_cache import rules_for
from refused.slo.prometheus import for_cache, to_yaml
from refused.slo.replay import Span, replay_burns
from tests.slo.test_for_cache import CACHES

if TYPE_CHECKING:
    from pathlib import Path

HALF = Objective(share=0.5, days=1)
TARGET = "contoso.redis.cache.windows.net:6380"
counted = st.lists(
    st.builds(
        Counted,
        at=st.integers(0, 20000).map(float),
        good=st.integers(0, 9).map(float),
        bad=st.integers(0, 9).map(float),
    ),
    max_size=40,
)


@given(counts=counted, now=st.integers(0, 20000), window=st.integers(1, 20000))
def test_a_burn_rate_is_the_share_that_failed_over_the_share_that_may(
    counts: list[Counted], now: int, window: int
) -> None:
    """Held against plain sums."""
    inside = [each for each in counts if now - window < each.at <= now]
    bad, every = sum(c.bad for c in inside), sum(c.good + c.bad for c in inside)
    made = Tally(counts).burn_rate(HALF, now, window)

    if not every:
        assert made is None
    else:
        assert made == pytest.approx(bad / every / 0.5)


def test_a_budget_is_spent_when_as_much_failed_as_may() -> None:
    """One in a thousand of 99.9 %."""
    counts = [Counted(at=60.0, good=999.0, bad=1.0)]

    spent = Tally(counts).budget(Objective(share=0.999), 100.0)
    assert spent.spent == pytest.approx(1.0)
    assert Tally(()).budget(Objective(), 100.0).attempts == 0


def test_a_blip_rings_nobody_and_an_outage_rings_fast() -> None:
    """One failure in an hour is a blip at 99 %; half of all is not."""
    objective = Objective(share=0.99, days=30)
    blip = [Counted(at=60.0 * n, good=12.0, bad=1.0 if n == 100 else 0.0) for n in range(200)]
    assert {each.state for each in replay_burns(blip, objective, ())} == {"silent"}

    outage = [Counted(at=60.0 * n, good=6.0, bad=6.0 if n >= 100 else 0.0) for n in range(200)]
    span = Span(id="it", began=6000.0)
    fast = replay_burns(outage, objective, (span,))[0]
    assert fast.state == "rang"
    assert fast.before_s is not None
    assert -1800 < fast.before_s < 0
    assert fast.cried_wolf == 0


@pytest.mark.parametrize("broken", [0, 1, 3, 10])
def test_prometheus_rings_when_our_replay_does(broken: int, tmp_path: Path) -> None:
    """The same night, by ``promtool`` and by us: *broken* of ten probes a minute fail for an hour."""
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("needs promtool (Debian: prometheus)")
    rules = for_cache(CACHES["acr"], rules_for(CACHES["acr"]), TARGET)
    (tmp_path / "rules.yml").write_text(to_yaml(rules))
    counts = [
        Counted(at=60.0 * n, good=10.0 - (broken if n > 120 else 0), bad=broken if n > 120 else 0)
        for n in range(1, 181)
    ]
    tally, names = Tally(counts), {each[0]: each for each in BURNS}
    label = f'refused_probes_total{{target="{TARGET}",vantage="here",outcome='
    checks = []
    for at in (110, 150, 175):
        for name in ("fast", "slow"):
            alert = "RefusedBudgetBurns" + name.capitalize()
            is_on = tally.rings(Objective(), at * 60.0, name)
            severity = "critical" if names[name][4] <= 1 else "warning"
            said = f'ALERTS{{alertname="{alert}",alertstate="firing",severity="{severity}"}}'
            samples = [{"labels": said, "value": 1}] if is_on else []
            expr = f'ALERTS{{alertname="{alert}",alertstate="firing"}}'
            checks.append({"expr": expr, "eval_time": f"{at}m", "exp_samples": samples})
    unit = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    {"series": f'{label}"ok"}}', "values": _growing(c.good for c in counts)},
                    {"series": f'{label}"failed"}}', "values": _growing(c.bad for c in counts)},
                ],
                "promql_expr_test": checks,
            }
        ],
    }
    (tmp_path / "test.yml").write_text(yaml.safe_dump(unit))
    done = subprocess.run(
        [program, "test", "rules", "test.yml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search("SUCCESS", done.stdout + done.stderr)
    assert any(each["exp_samples"] for each in checks) == (broken > 0)


def _growing(steps: object) -> str:
    total, shown = 0.0, ["0"]
    for each in steps:  # type: ignore[attr-defined]
        total += each
        shown.append(f"{total:g}")
    return " ".join(shown)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50), st.floats(0, 1))
def test_a_quantile_lies_between_its_neighbours(values: list[float], share: float) -> None:
    """And grows with its share."""
    ordered = sorted(values)
    found = quantile(ordered, share)

    slack = 1e-6
    assert ordered[0] - slack <= found <= ordered[-1] + slack
    assert quantile(ordered, 0.0) == ordered[0]
    assert quantile(ordered, 1.0) == ordered[-1]


def test_incidents_are_not_usual() -> None:
    """What is usual is reckoned without them."""
    points = [(60.0 * n, 900.0 if 100 <= n < 120 else 10.0) for n in range(2000)]
    usual = baseline(points, (Span(id="it", began=6000.0, ended=7200.0),))

    assert usual is not None
    assert usual.most == 10.0
    assert usual.is_enough
    assert baseline(points[100:110], (Span(id="it", began=6000.0, ended=7200.0),)) is None
