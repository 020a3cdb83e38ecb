"""The user's own history of changes is read in the forms that people have at hand."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refused.evidence.control_plane import ChangeSearch, ResourceChange
from refused.evidence.observations import Unseen
from refused.evidence.redaction import Secret
from refused.probes.azure.changes import look, read

if TYPE_CHECKING:
    from pathlib import Path

NOON = 1795608000.0  # 2026-11-25T12:00:00Z


@pytest.mark.parametrize(
    ("said", "what", "who"),
    [
        ('{"when": "2026-11-25T12:00:00Z", "what": "raise the pool", "who": "ann"}', "raise the pool", "ann"),
        ('{"time": 1795608000, "message": "raise the pool\\nmore"}', "raise the pool", ""),
        ('{"timestamp": 1795608000000, "title": "raise the pool"}', "raise the pool", ""),
        ('[{"date": "2026-11-25 13:00:00 +0100", "subject": "raise the pool", "author": {"name": "ann"}}]', "raise the pool", "ann"),
        ('{"deployments": [{"created_at": "2026-11-25T12:00:00+00:00", "description": "raise the pool"}]}', "raise the pool", ""),
        ("time,what,who\n2026-11-25T12:00:00Z,raise the pool,ann\n", "raise the pool", "ann"),
        ("2026-11-25T12:00:00Z ann: raise the pool", "raise the pool", "ann"),
        ("0a1b2c3d4e 2026-11-25T13:00:00+01:00 raise the pool", "raise the pool", ""),
        (
            "commit 0a1b2c3d4e\nAuthor: ann <ann@example.com>\nDate:   Wed Nov 25 13:00:00 2026 +0100\n\n    raise the pool\n",
            "raise the pool",
            "ann",
        ),
        (
            "commit 0a1b2c3d4e\nMerge: 1 2\nAuthor: ann <ann@example.com>\nDate:   2026-11-25 12:00:00 +0000\n\n    raise the pool\n",
            "raise the pool",
            "ann",
        ),
    ],
)  # fmt: skip
def test_the_forms_in_which_changes_come(said: str, what: str, who: str) -> None:
    """One change, at noon."""
    (made,), skipped = read(said)

    assert (made.when, made.what, made.who, skipped) == (NOON, what, who, 0)


def test_git_itself_is_read(tmp_path: Path) -> None:
    """As a command, with git's own words."""
    run = ["git", "-C", str(tmp_path)]
    who = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com"]
    subprocess.run([*run, "init", "-q"], check=True)
    when = {"GIT_AUTHOR_DATE": "2026-11-25T12:00:00Z", "GIT_COMMITTER_DATE": "2026-11-25T12:00:00Z"}
    subprocess.run(
        [*run, *who, "commit", "-q", "--allow-empty", "-m", "Raise the pool"],
        check=True,
        env={**when, "PATH": "/usr/bin:/bin:/usr/local/bin", "HOME": str(tmp_path)},
    )
    change, searched = look(f"git -C {tmp_path} log", since=NOON - 60, until=NOON + 60, wait_s=5.0)

    assert isinstance(change, ResourceChange)
    assert (change.when, change.operation, change.caller, change.found_in) == (
        NOON,
        "Raise the pool",
        "Ann",
        "own",
    )
    assert isinstance(searched, ChangeSearch)
    assert searched.count == 1


def test_only_what_lies_in_the_span_is_kept(tmp_path: Path) -> None:
    """The rest is history."""
    file = tmp_path / "changes.jsonl"
    file.write_text(
        "\n".join(json.dumps({"when": NOON + at, "what": str(at)}) for at in (-90, 0, 90))
    )
    facts = look(str(file), since=NOON - 60, until=NOON + 60, wait_s=1.0)

    assert [fact.operation for fact in facts if isinstance(fact, ResourceChange)] == ["0"]


def test_what_has_no_time_is_counted_not_dropped_in_silence(tmp_path: Path) -> None:
    """Somebody may look for it."""
    file = tmp_path / "changes.jsonl"
    file.write_text('{"when": 1795608000, "what": "a"}\n{"what": "b"}\nno json\n')
    gaps = [f for f in look(str(file), since=0, until=NOON, wait_s=1.0) if isinstance(f, Unseen)]

    assert [gap.why for gap in gaps] == ["--changes: 2 of its entries say no time that I can read"]


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("/no/such/file.jsonl", "there is no such file, and no such command"),
        ("", "there is no such file, and no such command"),
        ("'unclosed", "there is no such file, and no such command"),
        (f"{sys.executable} -c 'import sys; sys.exit(3)'", "the command failed with 3"),
        (f"{sys.executable} -c 'import time; time.sleep(60)'", "the command had not ended"),
        (f"{sys.executable} -c 'print(\"hello\")'", "nothing in it could be read as a change"),
    ],
)
def test_a_history_that_cannot_be_had_is_unseen(source: str, why: str) -> None:
    """With what would be right."""
    (gap,) = look(source, since=0, until=NOON, wait_s=0.5)

    assert isinstance(gap, Unseen)
    assert why in gap.why
    assert "JSON lines, CSV or git log" in gap.how_to_see


def test_a_command_is_no_shell(tmp_path: Path) -> None:
    """What a shell would do with it does not happen."""
    victim = tmp_path / "x"
    look(f"echo a; touch {victim}", since=0, until=NOON, wait_s=1.0)

    assert not victim.exists()


def test_secrets_in_a_history_go_no_further(tmp_path: Path) -> None:
    """Somebody may have deployed with a key on the command line."""
    Secret("hunter2hunter2")
    file = tmp_path / "changes.jsonl"
    file.write_text(
        json.dumps({"when": NOON, "what": "set key hunter2hunter2", "who": "hunter2hunter2"})
    )
    facts = look(str(file), since=0, until=NOON, wait_s=1.0)

    assert "hunter2hunter2" not in repr(facts)


@given(
    st.text()
    | st.sampled_from(["commit ", "{", "[", "a,b\n", "2026-11-25 "]).flatmap(
        lambda s: st.text().map(lambda t: s + t)
    )
)
def test_any_text_is_read_or_counted(said: str) -> None:
    """Never an exception, and every change has a time."""
    changes, skipped = read(said)

    assert all(isinstance(each.when, float) for each in changes)
    assert skipped >= 0
