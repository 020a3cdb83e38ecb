"""Signatures and symptoms: each is found where it should be, by every engine, and names its own cause."""

from __future__ import annotations

import re
from math import exp
from re import _constants, _parser
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import refused.api
from refused.causes import modules
from refused.diagnosis.signatures import all_patterns, all_signatures, matcher, own_ids
from refused.evidence.error_text import GENERAL
from refused.evidence.error_words import SYMPTOMS, WORDINGS
from refused.evidence.matching import Matcher, literals

if TYPE_CHECKING:
    from refused.causes.statements import Signature
    from refused.diagnosis.signatures import Pattern

SIGNED = all_signatures()
PATTERNS = all_patterns()
MATCH = matcher()
EXAMPLES = [each.example for _, each in SIGNED] + [each.example for each in WORDINGS]
each_signature = pytest.mark.parametrize(
    ("cause", "signature"), SIGNED, ids=[each.id for _, each in SIGNED]
)
each_pattern = pytest.mark.parametrize("pattern", PATTERNS, ids=[each.id for each in PATTERNS])


def flags(pattern: Pattern) -> re.RegexFlag:
    """Return what the pattern is compiled with."""
    return re.ASCII | (re.IGNORECASE if pattern.ignores_case else re.RegexFlag(0))


@each_signature
def test_the_example_is_found(cause: str, signature: Signature) -> None:
    """A signature that its own example does not match matches nothing."""
    assert signature.id in MATCH(signature.example)
    assert signature.id.startswith(f"{cause}-")


@each_signature
def test_the_example_speaks_for_its_cause(cause: str, signature: Signature) -> None:
    """It stands first where the signature names the cause, and among the first where it points."""
    report = refused.api.explain(f"redis: {signature.example}")

    named = [each.id for each in report.causes]
    assert cause in named[: 1 if signature.weight >= 4 else 3]
    if signature.weight >= 4:
        assert report.verdict == "fault"


@pytest.mark.parametrize("wording", WORDINGS, ids=[each.id for each in WORDINGS])
def test_the_example_of_a_wording_tells_its_symptom(wording: Any) -> None:
    """And the symptom is one that is known."""
    assert wording.id in MATCH(wording.example)
    assert wording.symptom in SYMPTOMS


def test_ids_are_unique_and_plain() -> None:
    """They are public: reports, queries and evidence carry them."""
    ids = [each.id for each in PATTERNS]

    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"[a-z0-9]+(?:[-.][a-z0-9]+)*", each) for each in ids)


@each_signature
def test_a_signature_says_one_sentence(cause: str, signature: Signature) -> None:
    """It is printed behind "for:"."""
    assert signature.says
    assert not signature.says.endswith(".")
    assert signature.says[0] == signature.says[0].lower() or signature.says.split()[0].isupper() or signature.says.startswith((".NET", "Windows", "HTTP", "IPv6", "TLS"))  # fmt: skip
    assert 0 < signature.weight <= 6
    assert "\n" not in signature.example
    assert cause


def parts(tree: Any) -> list[tuple[Any, Any]]:
    """Return every element of a parsed pattern, however deep."""
    found: list[tuple[Any, Any]] = []
    for op, argument in tree:
        found.append((op, argument))
        if op is _constants.BRANCH:
            for branch in argument[1]:
                found += parts(branch)
        elif op is _constants.SUBPATTERN:
            found += parts(argument[3])
        elif op in (_constants.MAX_REPEAT, _constants.MIN_REPEAT):
            found += parts(argument[2])
    return found


@each_pattern
def test_a_pattern_keeps_to_what_all_engines_read(pattern: Pattern) -> None:
    """No look-around, no back-reference, bounded repetition, and no way across the end of a line."""
    elements = parts(_parser.parse(pattern.pattern))

    ops = {op for op, _ in elements}
    assert not ops & {
        _constants.ASSERT,
        _constants.ASSERT_NOT,
        _constants.GROUPREF,
        _constants.GROUPREF_EXISTS,
    }
    repeats = [argument[1] for op, argument in elements if str(op).endswith("REPEAT")]
    assert all(most is not _constants.MAXREPEAT and most <= 1000 for most in repeats)
    compiled = re.compile(pattern.pattern, flags(pattern))
    assert not compiled.search("\n")
    assert r"\s" not in pattern.pattern
    assert r"\w" not in pattern.pattern
    assert not re.search(r"\[\^(?:(?!\\n)[^\]])*\]", pattern.pattern.replace(r"\]", ""))


def test_re2_reads_every_pattern_the_same() -> None:
    """What runs on Kusto and elsewhere is RE2."""
    re2 = pytest.importorskip("re2")
    for pattern in PATTERNS:
        theirs = re2.compile(("(?i)" if pattern.ignores_case else "") + pattern.pattern)
        ours = re.compile(pattern.pattern, flags(pattern))
        differ = [line for line in EXAMPLES if bool(theirs.search(line)) != bool(ours.search(line))]
        assert differ == [], pattern.id


@each_pattern
def test_a_pattern_can_be_told_by_literal_words(pattern: Pattern) -> None:
    """Otherwise it would have to be compiled and tried on every line."""
    assert literals(pattern.pattern)


WORDS = st.sampled_from(
    [piece for example in EXAMPLES for piece in re.findall(r"\S+ ?", example)]
) | st.text(max_size=8)


@given(line=st.lists(WORDS, max_size=12).map("".join))
def test_words_before_patterns_lose_nothing(line: str) -> None:
    """The quick matcher finds what a search with every pattern finds."""
    line = line.replace("\n", " ")

    found = set(MATCH(line))

    assert found == {
        each.id for each in PATTERNS if re.search(each.pattern, line, flags(each)) is not None
    }


@given(pattern=st.sampled_from(PATTERNS), line=st.text())
def test_a_line_that_holds_none_of_the_words_does_not_match(pattern: Pattern, line: str) -> None:
    """That is what the words are for."""
    if not any(word in line.lower() for word in literals(pattern.pattern)):
        assert re.search(pattern.pattern, line, flags(pattern)) is None


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("refused", {"refused"}),
        ("colou?r", {"colo"}),
        ("(?:reset|closed) by peer", {" by peer"}),
        ("reset|closed", {"reset", "closed"}),
        ("a{2,3}bcd", {"bcd"}),
        ("[0-9]{1,3}", set()),
        ("reset|[0-9]", set()),
        (r"\bEOF\b", {"eof"}),
        ("(?:abc)?", set()),
    ],
)
def test_the_words_of_a_pattern(pattern: str, words: set[str]) -> None:
    """Every match holds at least one; where none can be told, there are none."""
    assert set(literals(pattern)) == words


def test_a_pattern_without_words_is_tried_always() -> None:
    """It costs, and is not lost."""
    assert Matcher([("digits", "[0-9]{3}", False)]).ids("error 111") == ("digits",)


def test_symptoms_share_what_they_are_worth() -> None:
    """A weight is ln(p / 0.05): the probabilities of one symptom's causes do not exceed one."""
    for symptom in SYMPTOMS:
        total = sum(
            0.05 * exp(weight)
            for module in modules()
            for name, weight in getattr(module, "SYMPTOMS", {}).items()
            if name == symptom
        )
        assert total <= 1.05, symptom


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.CAUSE.id)
def test_a_cause_weighs_symptoms_that_there_are(module: Any) -> None:
    """A misspelt one would never count."""
    assert set(getattr(module, "SYMPTOMS", {})) <= set(SYMPTOMS)
    assert all(0 < weight < 3.2 for weight in getattr(module, "SYMPTOMS", {}).values())
    assert isinstance(module.SIGNATURES, tuple)


def test_every_symptom_means_something_to_some_cause() -> None:
    """Only that a client is connected again accuses nobody."""
    weighed = {name for module in modules() for name in getattr(module, "SYMPTOMS", {})}

    assert set(SYMPTOMS) - weighed == {"reconnected"}


def test_who_utters_a_words_of_the_system_is_nobody() -> None:
    """A refused connection is refused in the same words whatever was dialled."""
    assert all((each.id in own_ids()) == (each.family not in GENERAL) for _, each in SIGNED)
