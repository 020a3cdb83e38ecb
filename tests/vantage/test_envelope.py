"""What comes back is the answer as it was sent, or it is refused."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refused.vantage.envelope import BadAnswer, answer, ask, hear, open_answer

KEY, OTHER = bytes(range(32)), bytes(32)
PAYLOADS = st.binary(max_size=200)
GREETINGS = st.sampled_from([b"", b"Welcome!\n", b"no line's end", b"refused-answer/2 1 x\n"])


@given(PAYLOADS, GREETINGS, GREETINGS)
def test_an_answer_is_found_among_what_a_login_prints(
    payload: bytes, before: bytes, after: bytes
) -> None:
    """Greetings before and after change nothing."""
    assert open_answer(before + answer(payload, KEY) + after, KEY) == payload


@given(PAYLOADS, st.data())
def test_an_answer_that_is_cut_short_is_refused(payload: bytes, data: st.DataObject) -> None:
    """Wherever it ends, but for the line's end behind it."""
    whole = answer(payload, KEY)
    end = data.draw(st.integers(0, len(whole) - 2))

    with pytest.raises(BadAnswer) as said:
        open_answer(whole[:end], KEY)

    assert "\n" not in str(said.value)


@given(PAYLOADS, st.data())
def test_an_answer_that_was_changed_is_refused(payload: bytes, data: st.DataObject) -> None:
    """Any byte of it, to any other."""
    whole = bytearray(answer(payload, KEY))
    at = data.draw(st.integers(1, len(whole) - 2))
    whole[at] ^= data.draw(st.integers(1, 255))

    try:
        opened = open_answer(bytes(whole), KEY)
    except BadAnswer:
        return
    # A header may be written in two ways, as 7 and 07; the payload in one alone.
    assert opened == payload


@given(PAYLOADS)
def test_an_answer_to_another_question_is_refused(payload: bytes) -> None:
    """A recorded one, or one made up by somebody who has not seen the key."""
    with pytest.raises(BadAnswer, match="its seal is not ours"):
        open_answer(answer(payload, OTHER), KEY)


@given(st.binary(max_size=300))
def test_noise_is_no_answer(noise: bytes) -> None:
    """And no failure of ours."""
    with pytest.raises(BadAnswer):
        open_answer(noise, KEY)


@given(PAYLOADS, st.data())
def test_a_question_arrives_whole_or_not_at_all(payload: bytes, data: st.DataObject) -> None:
    """Half a question is never acted upon."""
    whole = ask(payload)
    assert hear(io.BytesIO(whole + b"more")) == payload
    end = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(BadAnswer):
        hear(io.BytesIO(whole[:end]))


def test_a_question_that_was_changed_is_not_acted_upon() -> None:
    """Its digest is off."""
    with pytest.raises(BadAnswer, match="changed"):
        hear(io.BytesIO(ask(b"look").replace(b"look", b"rm -")))
