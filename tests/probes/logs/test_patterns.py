"""Patterns are RE2's subset, mean what RE2 says they mean, and take time in proportion."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from refused.probes.logs.patterns import Automaton, BadPattern, emit, matches_nothing, parse
from tests.probes.logs.catalogue import examples, whole

re2 = pytest.importorskip("re2", reason="google-re2 is not installed")

_LETTERS = st.sampled_from("abcXY 01_.:é")
_ATOMS = st.one_of(
    _LETTERS.map(re.escape),
    st.sampled_from(
        [".", r"\d", r"\w", r"\s", r"\S", r"\W", "[ab]", "[^ab]", "[a-c0]", r"\b", r"\B"]
    ),
)


def _repeated(inner: str) -> st.SearchStrategy[str]:
    if inner.startswith((r"\b", r"\B")):
        return st.just(inner)
    return st.sampled_from(["", "", "*", "+", "?", "{2}", "{0,2}", "+?"]).map(
        lambda repeat: f"(?:{inner}){repeat}"
    )


_PATTERNS = st.recursive(
    _ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map("".join),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"(?:{'|'.join(parts)})"),
        inner.flatmap(_repeated),
        inner.map(lambda one: f"^{one}"),
        inner.map(lambda one: f"{one}$"),
        inner.map(lambda one: f"(?i:{one})"),
    ),
    max_leaves=8,
)


def _options() -> object:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1  # bytes, as we match
    options.log_errors = False
    return options


def _oracle(pattern: str, line: bytes) -> bool:
    # In Latin-1 a letter beyond ASCII in a pattern is its bytes in UTF-8, as it is to us.
    source = pattern.encode().decode("latin-1").encode("latin-1")
    return re2.compile(source, _options()).search(line) is not None


@settings(max_examples=600, deadline=None)
@given(_PATTERNS, st.lists(st.sampled_from("abcXYx 01_.:é-"), max_size=12).map("".join))
@example(r"\b", "")
@example(r"(?:a|b)*c$", "abab")
def test_the_automaton_says_what_re2_says(pattern: str, text: str) -> None:
    """Our matcher and Google's agree on patterns and lines that nobody would write."""
    try:
        node = parse(pattern)
    except BadPattern:  # the few that we refuse: two anchors in a row, a repeated anchor
        return
    line = text.encode()
    assert Automaton(node).matches(line) == _oracle(pattern, line)


@settings(max_examples=300, deadline=None)
@given(_PATTERNS, st.lists(st.sampled_from("abcXYx 01_.:é-"), max_size=12).map("".join))
def test_what_is_written_for_hyperscan_matches_the_same_lines(pattern: str, text: str) -> None:
    """With the last repetitions cut, and anchors as line ends, the same lines match."""
    try:
        node = parse(pattern)
    except BadPattern:
        return
    if matches_nothing(node):  # a scanner takes none of these
        return
    line = text.encode()
    written = re2.compile(emit(node), _options()).search(b"\n" + line + b"\n") is not None
    assert written == Automaton(node).matches(line)


def test_every_pattern_of_the_catalogue_compiles_under_re2_and_finds_its_own_example() -> None:
    """No signature leaves the subset, and none is without a line that it finds."""
    lines = [line.encode() for line in examples()]
    for (name, pattern, folds), line in zip(whole(), lines, strict=True):
        ours = Automaton(parse(pattern, ignores_case=folds))
        theirs = re2.compile(f"(?i:{pattern})" if folds else pattern)
        assert ours.matches(line), name
        assert theirs.search(line.decode()) is not None, name


@pytest.mark.parametrize("pattern", ["[é]", "[设置]x", "a[设é]?b", "[xé]"])
def test_a_class_of_letters_beyond_ascii_holds_no_empty_class(pattern: str) -> None:
    """Ripgrep refuses one, and with it the whole file of patterns."""
    node = parse(pattern)

    assert b"[^\\x00-\\xff]" not in emit(node)
    for text in ("é", "设x", "置x", "ab", "aéb", "x", "y"):
        assert Automaton(node).matches(text.encode()) is (re.search(pattern, text) is not None)


def test_no_pattern_of_the_catalogue_is_written_with_an_empty_class() -> None:
    """What is written for hyperscan is what the benchmark gives to ripgrep."""
    for name, pattern, folds in whole():
        assert b"[^\\x00-\\xff]" not in emit(parse(pattern, ignores_case=folds)), name


def test_no_pattern_of_the_catalogue_matches_every_line() -> None:
    """A signature that is satisfied by nothing would accuse every line."""
    for name, pattern, folds in whole():
        assert not matches_nothing(parse(pattern, ignores_case=folds)), name


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        (r"(a)\1", "escape"),
        (r"(?=a)", "looking"),
        (r"(?!a)", "looking"),
        (r"(?<=a)", "looking"),
        (r"(?<!a)", "looking"),
        (r"(?>a)", "group"),
        (r"(?P=n)", "group"),
        (r"a++", "possessive"),
        (r"(a", "too early"),
        (r"a)", "too many"),
        (r"*a", "nothing to repeat"),
        (r"a\nb", "line end"),
        (r"^*", "anchor"),
        (r"^(?:^|a)b", "may meet"),
        (r"^(?:^a|^b)", "may meet"),
        (r"a$b*^", "may meet"),
        (r"(?:^a$)+", "anchor"),
        (r"a{1001}", "at most"),
        (r"[z-a]", "upside down"),
        ("[^é]", "ASCII"),
        (r"[a", "too early"),
        ("(" * 200 + "a" + ")" * 200, "nested"),
    ],
)
def test_what_the_subset_lacks_is_refused_in_one_line(pattern: str, why: str) -> None:
    """What needs backtracking, or means nothing, is said where it stands."""
    with pytest.raises(BadPattern, match=why) as refused:
        parse(pattern)
    assert "\n" not in str(refused.value)


@given(st.text(max_size=30))
@settings(max_examples=500)
def test_any_text_is_a_pattern_or_refused(text: str) -> None:
    """Nothing that a reader may be given raises anything else."""
    try:
        node = parse(text)
    except BadPattern:
        return
    Automaton(node).matches(b"some line")


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (r"(?:a+)+$", b"a" * 5000 + b"!"),
        (r"(?:a|a)*b", b"a" * 5000),
        (r"foo.*bar.*baz.*qux", b"foo bar baz " * 2000),
        (r"(?:.*a){12}b", b"a" * 5000),
        (r"(?:x+x+)+y", b"x" * 5000),
    ],
)
def test_bait_for_backtracking_costs_one_step_a_byte(pattern: str, line: bytes) -> None:
    """Patterns and lines that stall engines with backtracking are read like any other."""
    automaton = Automaton(parse(pattern))
    assert not automaton.matches(line)
    # A state for each set of places in the pattern, not for each place in the line.
    assert len(automaton._met) < 200
