"""Times and switches, as the command line and the travelling file read them: by one reader."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refused.vantage.words import LONGEST_S, BadOption, seconds, truth

UNITS = {"": 1.0, "s": 1.0, "ms": 0.001, "m": 60.0, "h": 3600.0, " S": 1.0, "M ": 60.0}


@given(st.integers(1, 3600), st.sampled_from(sorted(UNITS)))
def test_a_time_is_its_number_in_its_unit(number: int, unit: str) -> None:
    """Anything within the limit is read, anything beyond is refused with the limit."""
    wanted = number * UNITS[unit]

    if wanted <= LONGEST_S:
        assert seconds(f"{number}{unit}", "--for") == pytest.approx(wanted)
    else:
        with pytest.raises(BadOption, match="at most 3600 s"):
            seconds(f"{number}{unit}", "--for")


def said(text: str) -> float | str:
    """Return the time, or the words of the refusal."""
    try:
        return seconds(text, "--for")
    except BadOption as refusal:
        return str(refusal)


@given(st.text(max_size=30))
def test_any_other_text_is_refused_in_one_line(text: str) -> None:
    """Or it is a time, above nothing and not above the limit."""
    answer = said(text)

    if isinstance(answer, float):
        assert 0 < answer <= LONGEST_S
    else:
        assert answer.startswith("--for: ")
        assert len(answer.splitlines()) == 1


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "1d", "five", "1e9"])
def test_what_is_no_time_says_what_would_be(text: str) -> None:
    """Not a number, nothing, and for ever are no times."""
    with pytest.raises(BadOption, match="give"):
        seconds(text, "--timeout")


def test_a_switch_is_yes_or_no() -> None:
    """In any case; anything else names its variable."""
    assert [truth(text, "X") for text in ("1", "TRUE", "yes ", "on")] == [True] * 4
    assert [truth(text, "X") for text in ("0", "False", " no", "off")] == [False] * 4
    with pytest.raises(BadOption, match="REFUSED_DEEP: 'perhaps'"):
        truth("perhaps", "REFUSED_DEEP")
