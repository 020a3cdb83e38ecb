"""Kusto queries: read by Microsoft's own parser, with the very patterns that the tool matches."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refused.causes.statements import Signature
from refused.diagnosis.signatures import all_signatures
from refused.report.kql import TABLES, UNION, BadQuestion, kql, literal, pattern_of

if TYPE_CHECKING:
    from collections.abc import Iterator

# The parser is eight megabytes of JavaScript, which a busy machine takes a while to load.
pytestmark = pytest.mark.timeout(180)

TOOL = Path(__file__).parent.parent / "tools" / "kusto"


class Parser:
    """Microsoft's parser, in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def __call__(self, *queries: str, names: bool = False) -> list[list[str]]:
        """Return what it has to say of each query, and of the names in it if asked."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"queries": queries, "names": names}) + "\n")
        self._process.stdin.flush()
        found: list[list[str]] = json.loads(self._process.stdout.readline())
        return found


@pytest.fixture(scope="module")
def said_of() -> Iterator[Parser]:
    """Start the parser; fetch it first where it is not there yet."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None:
        pytest.skip("node is not installed: Microsoft's parser of Kusto cannot run")
    if not (TOOL / "node_modules" / "@kusto").exists():
        if npm is None:
            pytest.skip("npm is not installed: Microsoft's parser of Kusto cannot be fetched")
        fetched = subprocess.run(
            [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=TOOL,
            capture_output=True,
            check=False,
            timeout=100,
        )
        if fetched.returncode:
            pytest.skip("npm cannot fetch Microsoft's parser of Kusto here")
    command = [node, str(TOOL / "check.js")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Parser(process)
        process.kill()


def test_the_parser_would_object_to_what_is_wrong(said_of: Parser) -> None:
    """To syntax, to unknown columns, and to unknown functions."""
    bad = (
        "AppTraces | wher x",
        "AppTraces | where Massage has 'x'",
        "AppTraces | where foo(Message)",
    )
    assert all(said_of(*bad, names=True))


def test_every_query_is_accepted(said_of: Parser) -> None:
    """For all causes and for each alone."""
    signatures = all_signatures()
    queries = [kql(signatures), *(kql(signatures, table=table) for table in TABLES)]
    queries += [kql(signatures, [cause]) for cause in sorted({cause for cause, _ in signatures})]
    assert [said for said in said_of(*queries) if said] == []


def test_every_name_in_a_query_is_known(said_of: Parser) -> None:
    """Columns of each table, and functions with their arguments."""
    queries = [kql(all_signatures(), ["auth-missing"], table=table) for table in (UNION, *TABLES)]
    assert said_of(*queries, names=True) == [[]] * len(queries)


def hostile(pattern: str) -> Signature:
    """Return a signature with this pattern."""
    return Signature(id="x", pattern=pattern, family="x", weight=1.0, says="x", example="x")


def test_no_pattern_escapes_from_its_string(said_of: Parser) -> None:
    """Quotation marks, backslashes, comment marks and semicolons stay letters."""
    patterns = ['"', '""', "\\\\", '\\"', '"; drop table AppTraces //', "'", "a`b", '@"x"', "é状"]
    queries = [kql([("a-cause", hostile(pattern))]) for pattern in patterns]
    assert said_of(*queries) == [[]] * len(patterns)


@given(st.text(st.characters(blacklist_categories=["Cc", "Cs"]), max_size=40))
def test_a_verbatim_string_reads_back_as_what_was_written(text: str) -> None:
    """By Kusto's rule: in @"…" a doubled quotation mark is one."""
    written = literal(text)
    assert written.startswith('@"')
    assert written.endswith('"')
    inner = written[2:-1]
    assert '"' not in inner.replace('""', "")
    assert inner.replace('""', '"') == text


def test_the_expressions_of_a_query_find_the_examples_under_re2() -> None:
    """As Kusto will read them, and each cause finds all of its own."""
    re2 = pytest.importorskip("re2", reason="google-re2 is not installed")
    signatures = all_signatures()
    query = kql(signatures)
    tests = {
        cause: pattern.replace('""', '"')
        for pattern, cause in re.findall(r'matches regex @"((?:[^"]|"")*)", @"([a-z0-9-]+)"', query)
    }
    assert set(tests) == {cause for cause, _ in signatures}
    for cause, signature in signatures:
        # A message there has several lines.
        text = f"first line\n{signature.example}\nlast line"
        assert re2.search(tests[cause], text) is not None, signature.id


def test_only_the_causes_that_are_asked_for_are_in_the_query() -> None:
    """In the catalogue's words."""
    query = kql(all_signatures(), ["auth-missing"])
    assert '@"auth-missing"' in query
    assert '@"max-clients-reached"' not in query


def test_what_cannot_be_asked_is_one_line() -> None:
    """And says what could be meant."""
    signatures = all_signatures()
    with pytest.raises(BadQuestion, match="did you mean auth-missing"):
        kql(signatures, ["auth-mising"])
    with pytest.raises(BadQuestion, match="AppTraces"):
        kql(signatures, table="AppTraces | take 1")
    with pytest.raises(BadQuestion, match="24h"):
        kql(signatures, span="1h) | take 1 //")
    with pytest.raises(BadQuestion, match="24h"):
        kql(signatures, step="")


def test_capitals_count_only_where_the_signature_says_so() -> None:
    """Flags hold for their own branch."""
    plain, folded = hostile("NOAUTH"), hostile("refused").replace(ignores_case=True)
    pattern = pattern_of([plain, folded])
    assert re.search(pattern, "x NOAUTH") is not None
    assert re.search(pattern, "x noauth") is None
    assert re.search(pattern, "x REFUSED") is not None
