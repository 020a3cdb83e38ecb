"""The numbers of clients on the command line: read, refused in one line, and held against the way out."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

import pytest

from refused.cli.options import fleet, sharing, with_environment
from refused.vantage.words import BadOption
from tests.cli.running import here


def read(*words: str, **environ: str) -> dict[str, Any]:
    """Return what was said of the clients."""
    parser = ArgumentParser()
    sharing(parser)
    return fleet(with_environment(parser.parse_args(list(words)), environ))


def test_numbers_are_read_from_options_and_environment() -> None:
    """The command line wins."""
    assert read("--pods", "40", "--pool", "50", REFUSED_PODS="3", REFUSED_NODES="5") == {
        "pods": 40,
        "pool_size": 50,
        "nodes": 5,
    }
    assert read("--outbound", "nat-gateway", "--outbound-ips", "2") == {
        "outbound": "nat-gateway",
        "outbound_addresses": 2,
    }
    assert read() == {}


@pytest.mark.parametrize("text", ["0", "-1", "many", "1.5", "1e3", "99999999999", "٣"])
def test_what_is_no_number_of_things_costs_one_line(text: str) -> None:
    """And the option is named."""
    with pytest.raises(BadOption, match="--pods"):
        read(f"--pods={text}")


def test_an_unknown_way_out_in_the_environment_costs_one_line() -> None:
    """As on the command line."""
    with pytest.raises(BadOption, match="REFUSED_OUTBOUND"):
        read(REFUSED_OUTBOUND="pigeon")


def test_the_report_reckons_with_them() -> None:
    """Whatever the path is like."""
    done = here(
        "diagnose",
        "redis://127.0.0.1:1",
        "--pods",
        "40",
        "--pool",
        "50",
        "--nodes",
        "1",
        "--outbound",
        "load-balancer",
    )

    assert "2,000 connections to one port" in " ".join(done.out.split())
