"""A target's text with settings changed is read back as exactly that target."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refused.evidence.parse_target import parse_target
from refused.evidence.target_parts import is_placeholder
from refused.remedies.change import Setting
from refused.remedies.corrected import CannotCorrect, corrected

HOST = "contoso.redis.cache.windows.net"
FORMS = [
    f"{HOST}:6379",
    f"redis://{HOST}:6379",
    f"redis://:k3y%3D@{HOST}:6379/2",
    f"redis://me:k3y@{HOST}:6379",
    f"{HOST}:6379,password=a+b/c==,ssl=False,abortConnect=False",
]
KEYS = st.text(st.characters(codec="ascii", exclude_characters=", \t\n\r\x0b\x0c", exclude_categories=["Cc"]), min_size=1, max_size=40)  # fmt: skip


def to(**values: str) -> list[Setting]:
    """Return settings as they are to be."""
    return [Setting(name=name, before=None, after=value) for name, value in values.items()]


@pytest.mark.parametrize("text", FORMS)
@given(port=st.integers(1, 65535), tls=st.booleans())
def test_host_port_and_tls_are_those_that_were_wanted(text: str, port: int, tls: bool) -> None:
    """Everything else is as it was."""
    before = parse_target(text, environ={})
    word = "true" if tls else "false"

    after = parse_target(
        corrected(text, to(host="other.example", port=str(port), tls=word)), environ={}
    )

    assert (after.target.host, after.target.port, after.target.tls) == ("other.example", port, tls)
    assert after.target.user == before.target.user
    kept, given_ = after.credentials.password, before.credentials.password
    assert (kept and kept.reveal()) == (given_ and given_.reveal())


@pytest.mark.parametrize("text", FORMS[1:])
@given(key=KEYS)
def test_any_key_comes_back_as_it_went(text: str, key: str) -> None:
    """Escaped where the form wants it."""
    if key.startswith("***") or key != key.strip() or is_placeholder(key):
        return  # what nobody takes for a key cannot come back as one

    after = parse_target(corrected(text, to(password=key)), environ={})

    assert after.credentials.password is not None
    assert after.credentials.password.reveal() == key


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        (FORMS[0], to(password="k")),
        (FORMS[1], to(keepalive_s="30")),
        (FORMS[4], to(cluster="true")),
    ],
)
def test_what_a_form_has_no_place_for_is_said(text: str, settings: list[Setting]) -> None:
    """In one line, without the value."""
    with pytest.raises(CannotCorrect, match="has no place for"):
        corrected(text, settings)
