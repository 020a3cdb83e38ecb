"""Saved bundles as files: whatever somebody was mailed, it is read or refused in one line."""

from __future__ import annotations

import contextlib
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from refused.api import BadBundle, judge, load, probe_scenario, save
from refused.evidence.bundle import LARGEST_BYTES
from refused.lab.scenario import by_id
from tests.cli.running import here
from tests.conftest import LATE_S
from tests.evidence.kinds import bundles, json_values

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from refused.evidence.bundle import Bundle

IN_ONE_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the text of a bundle as it is saved after a look at a fault."""
    file = tmp_path_factory.mktemp("bundle") / "real.json"
    save(probe_scenario(by_id("auth-wrong-key")), str(file))
    return file.read_text()


def refusal(file: Path) -> str:
    """Return the line with which *file* is refused."""
    with pytest.raises(BadBundle) as caught:
        load(str(file))
    line = str(caught.value)
    assert line.startswith(str(file))
    assert "\n" not in line
    return line


def read_or_refused(file: Path) -> None:
    """Read *file* and judge it; only BadBundle may come instead."""
    with contextlib.suppress(BadBundle):
        report = judge(load(str(file)))
        assert report.verdict in ("healthy", "fault", "inconclusive")
        report.to_json()
        report.to_text(verbose=True)


@IN_ONE_FOLDER
@given(data=json_values)
def test_any_json_is_refused(tmp_path: Path, data: object) -> None:
    """In one line that names the file."""
    file = tmp_path / "bundle.json"
    file.write_text(json.dumps(data))

    refusal(file)


@IN_ONE_FOLDER
@given(data=st.binary(max_size=200))
def test_any_bytes_are_refused(tmp_path: Path, data: bytes) -> None:
    """A screenshot, a log, a file in UTF-16."""
    file = tmp_path / "bundle.json"
    file.write_bytes(data)

    refusal(file)


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (lambda: b"[" * 500_000, "it is not JSON"),
        (lambda: b'{"schema":"refused.bundle/1","facts":' + b"[" * 500_000, "it is not JSON"),
        (lambda: b'{"a":' * 200_000, "it is not JSON"),
        (lambda: b"\x89PNG\r\n\x1a\n" + bytes(100), "it is not JSON"),
        (lambda: b"", "it is not JSON"),
        (lambda: b"\xff\xfe{\x00}\x00", "schema"),
        (lambda: b"9" * 10_000, "it is not JSON"),
        (lambda: b"NaN", "schema"),
        (lambda: b'{"schema": "refused.bundle/9"}', "I know refused.bundle/1"),
        (lambda: b" " * (LARGEST_BYTES + 1), "is larger than 64 MiB"),
    ],
)
def test_a_strange_file_is_refused_quickly(
    tmp_path: Path, write: Callable[[], bytes], said: str
) -> None:
    """However deep, large or binary it is."""
    file = tmp_path / "bundle.json"
    file.write_bytes(write())

    started = time.monotonic()
    line = refusal(file)

    assert said in line
    assert time.monotonic() - started < 2 * LATE_S


@pytest.mark.parametrize("name", ["", "no-such-file", "."])
def test_a_file_that_is_not_there_is_said_to_be_so(tmp_path: Path, name: str) -> None:
    """Through the command line, too: exit code 2, and one line."""
    done = here("diagnose", f"@{tmp_path / name}" if name else "@")

    assert (done.code, done.out) == (2, "")
    assert done.err.count("\n") == 1


@IN_ONE_FOLDER
@given(data=st.data())
def test_a_real_bundle_that_was_edited_is_read_or_refused(
    tmp_path: Path, real: str, data: st.DataObject
) -> None:
    """A value replaced, a field removed: what is read can also be judged and shown."""
    plain = json.loads(real)
    holder: Any = plain
    while True:
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        key = data.draw(st.sampled_from(keys))
        if isinstance(holder[key], (dict, list)) and holder[key] and data.draw(st.integers(0, 5)):
            holder = holder[key]
            continue
        break
    same_kind = {
        str: st.text(max_size=8),
        int: st.integers(),
        float: st.floats(allow_nan=False, allow_infinity=False),
        bool: st.booleans(),
    }.get(type(holder[key]), json_values)
    if data.draw(st.integers(0, 4)):
        holder[key] = data.draw(same_kind | json_values)
    else:
        del holder[key]
    file = tmp_path / "bundle.json"
    file.write_text(json.dumps(plain))

    read_or_refused(file)


@IN_ONE_FOLDER
@given(data=st.data())
def test_a_real_bundle_that_was_damaged_on_its_way_is_read_or_refused(
    tmp_path: Path, real: str, data: st.DataObject
) -> None:
    """Cut off, or with bytes in it that were never written."""
    whole = real.encode()
    at = data.draw(st.integers(0, len(whole)))
    put = data.draw(st.binary(max_size=4))
    file = tmp_path / "bundle.json"
    file.write_bytes(whole[:at] + put + (whole[at + len(put) :] if data.draw(st.booleans()) else b""))  # fmt: skip

    read_or_refused(file)


@IN_ONE_FOLDER
@given(bundle=bundles)
def test_whatever_facts_a_bundle_holds_they_can_be_judged(bundle: Bundle) -> None:
    """No combination of facts, however unlikely, is a failure of ours."""
    report = judge(bundle)

    assert report.verdict in ("healthy", "fault", "inconclusive")
    report.to_json()
    assert report.to_text(verbose=True)


def test_a_saved_bundle_is_whole_or_not_there(tmp_path: Path) -> None:
    """A disk that fills up leaves the older file as it was, and nothing beside it."""
    bundle = probe_scenario(by_id("local-server-not-running"))
    file = tmp_path / "folder"
    file.mkdir()

    with pytest.raises(OSError, match="directory"):
        save(bundle, str(file))

    assert list(tmp_path.iterdir()) == [file]
