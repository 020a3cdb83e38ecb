"""Whatever a log is packed in, its lines come out, numbered as they stand, in flat memory."""

from __future__ import annotations

import gzip
import io
import os
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refused.probes.logs import sources
from refused.probes.logs.sources import BadLog, Source, clean

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def read(source: Source) -> bytes:
    """Return all that a source gives, joined."""
    return b"".join(chunk.data for chunk in source.chunks())


def from_stdin(data: bytes) -> Source:
    """Return standard input that holds *data*."""
    return Source("-", stdin=io.BytesIO(data))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from([b"a", b" ", b"\n", b"b" * 50, b"c" * 9, b"\n\n"]), max_size=60).map(
        b"".join
    ),
    st.sampled_from([7, 64, 200]),
    st.sampled_from([16, 40]),
)
def test_chunks_are_the_log_cut_at_line_ends_and_numbered(
    data: bytes, block: int, longest: int
) -> None:
    """Nothing is lost, doubled or numbered wrong, however blocks and long lines fall."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sources, "BLOCK_BYTES", block)
        patch.setattr(sources, "LONGEST_LINE", longest)
        chunks = list(from_stdin(data).chunks())
    assert b"".join(chunk.data for chunk in chunks) == data
    before = 0
    for chunk in chunks:
        assert chunk.line == 1 + data.count(b"\n", 0, before)
        before += len(chunk.data)
        if not chunk.is_piece:
            assert all(len(line) <= longest + 1 for line in chunk.data.split(b"\n"))
        elif before < len(data):
            assert len(chunk.data) <= longest + 1


def test_a_line_without_end_is_read_in_pieces_and_said() -> None:
    """Nothing of it is left out, and the memory is that of a piece."""
    line = b"word " * 200_000
    source = from_stdin(b"before\n" + line + b"\nafter\n")
    chunks = list(source.chunks())
    assert b"".join(chunk.data for chunk in chunks) == b"before\n" + line + b"\nafter\n"
    assert max(len(chunk.data) for chunk in chunks if chunk.is_piece) <= sources.LONGEST_LINE
    assert chunks[-1].data == b"after\n"
    assert chunks[-1].line == 3
    assert [note for note in source.notes if "1 line is longer" in note]


def test_gzip_of_several_members_is_read_as_one(tmp_path: Path) -> None:
    """As logrotate and `cat a.gz b.gz` make them; the name may be any."""
    file = tmp_path / "app.log.1"
    file.write_bytes(gzip.compress(b"one\n") + gzip.compress(b"two\n") + bytes(16))
    source = Source(str(file))
    assert read(source) == b"one\ntwo\n"
    assert source.notes == []


def test_gzip_that_is_cut_short_gives_what_it_holds_and_says_so(tmp_path: Path) -> None:
    """A log that is being copied is still worth reading."""
    file = tmp_path / "app.log.gz"
    text = b"".join(f"line {at} {hash(str(at))}\n".encode() for at in range(5000))
    file.write_bytes(gzip.compress(text)[:-2000])
    source = Source(str(file))
    assert text.startswith(read(source)[:1000])
    assert "in the middle" in source.notes[0]


def test_gzip_with_rubbish_inside_gives_what_came_before(tmp_path: Path) -> None:
    """And says where it ended."""
    file = tmp_path / "app.log.gz"
    packed = bytearray(gzip.compress(os.urandom(200_000)))
    packed[100_000:100_200] = bytes(200)
    file.write_bytes(packed)
    source = Source(str(file))
    read(source)
    assert source.notes


def test_zstd_is_read_where_its_package_is(tmp_path: Path) -> None:
    """Frame after frame, as zstd's own command appends them."""
    zstandard = pytest.importorskip("zstandard", reason="zstandard is not installed")
    file = tmp_path / "app.log.zst"
    packer = zstandard.ZstdCompressor()
    file.write_bytes(packer.compress(b"one\n") + packer.compress(b"two\n"))
    assert read(Source(str(file))) == b"one\ntwo\n"


def test_zstd_without_its_package_is_one_line_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The package is an extra."""
    file = tmp_path / "app.log.zst"
    file.write_bytes(b"\x28\xb5\x2f\xfd" + bytes(20))
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(BadLog, match="pip install zstandard") as missing:
        read(Source(str(file)))
    assert "\n" not in str(missing.value)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf16_with_its_mark_becomes_utf8(encoding: str) -> None:
    """As PowerShell's redirection writes it."""
    mark = {"utf-16": b"", "utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}[encoding]
    text = "Erreur réseau: 接続 ECONNREFUSED\r\n"
    assert read(from_stdin(mark + text.encode(encoding))) == text.replace("\r", "").encode()


def test_the_mark_of_utf8_is_no_part_of_the_first_line() -> None:
    """Or an anchored pattern would miss there."""
    assert read(from_stdin(b"\xef\xbb\xbfEOF\n")) == b"EOF\n"


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        (b"a\r\nb\r\n", b"a\nb\n"),
        (b"\0\0\0\0a\0b\n", b"ab\n"),
        (b"\x1b[31mError\x1b[0m: \x1b[1;38;5;200mconnect\x1b[m\n", b"Error: connect\n"),
        (b"\x1b]8;;http://x\x07link\x1b]8;;\x07 \x1b]0;title\x1b\\\n", b"link \n"),
        (b"\x1b[31", b"\x1b[31"),
        (b"\xff\xfe\xfd no text\n", b"\xff\xfe\xfd no text\n"),
    ],
)
def test_what_is_no_part_of_a_message_is_taken_out(raw: bytes, cleaned: bytes) -> None:
    """Colours in the middle of a word would hide it from every pattern."""
    assert clean(raw) == cleaned


@settings(max_examples=300)
@given(st.binary(max_size=300))
def test_any_bytes_are_a_log(data: bytes) -> None:
    """Nothing that a file may hold raises."""
    list(from_stdin(data).chunks())


def test_a_file_that_is_not_there_is_one_line() -> None:
    """With the name and the reason."""
    with pytest.raises(BadLog, match="/no/such/file: No such file"):
        read(Source("/no/such/file"))


def test_a_folder_is_no_log(tmp_path: Path) -> None:
    """And what would be right is said."""
    with pytest.raises(BadLog, match="name the files"):
        read(Source(str(tmp_path)))


def test_a_look_at_the_head_takes_nothing_away() -> None:
    """A short text is judged as a whole, a long one as a stream: it must be both until known."""
    data = b"x" * 100 + b"\n"
    short, long = from_stdin(data), from_stdin(data)
    assert short.head(1000) == data
    assert read(short) == data
    assert long.head(50) is None
    assert read(long) == data
    many = b"x" * 100 + b"\n"
    longer = from_stdin(many * 50_000)
    assert longer.head(1000) is None
    assert read(longer) == many * 50_000


# --- following -----------------------------------------------------------------------------------


class Script:
    """What happens to a file while its reader sleeps; after the last step the reader is interrupted."""

    def __init__(self, *steps: object) -> None:
        self._steps: Iterator[object] = iter(steps)

    def __call__(self, _: float) -> None:
        """Take the next step."""
        step = next(self._steps, None)
        if step is None:
            raise KeyboardInterrupt
        assert callable(step)
        step()


def followed(file: Path, *steps: object) -> tuple[bytes, Source]:
    """Follow *file* through the steps; return what was read."""
    source = Source(str(file), follows=True, sleep=Script(*steps))
    found = io.BytesIO()
    with pytest.raises(KeyboardInterrupt):
        _copy(source, found)
    return found.getvalue(), source


def _copy(source: Source, into: io.BytesIO) -> None:
    into.writelines(chunk.data for chunk in source.chunks())


def append(file: Path, data: bytes) -> object:
    """Return a step that appends."""

    def step() -> None:
        with file.open("ab") as log:
            log.write(data)

    return step


def test_a_growing_file_is_read_as_it_grows(tmp_path: Path) -> None:
    """A line that is written in two goes is one line."""
    file = tmp_path / "app.log"
    file.write_bytes(b"one\n")
    found, _ = followed(file, append(file, b"two\nthr"), append(file, b"ee\n"))
    assert found == b"one\ntwo\nthree\n"


def test_a_rotated_file_is_read_to_its_end_and_then_the_new_one(tmp_path: Path) -> None:
    """What was written between the last look and the rotation is not lost."""
    file = tmp_path / "app.log"
    file.write_bytes(b"one\n")

    def rotate() -> None:
        with file.open("ab") as log:
            log.write(b"last\n")
        file.rename(tmp_path / "app.log.1")
        file.write_bytes(b"new\n")

    found, source = followed(file, rotate, append(file, b"newer\n"))
    assert found == b"one\nlast\nnew\nnewer\n"
    assert "rotated" in source.notes[0]


def test_a_file_that_is_gone_for_a_while_is_waited_for(tmp_path: Path) -> None:
    """Rotation takes a moment."""
    file = tmp_path / "app.log"
    file.write_bytes(b"one\n")
    found, _ = followed(
        file,
        lambda: file.rename(tmp_path / "app.log.1"),
        lambda: file.write_bytes(b"new\n"),
        lambda: None,
    )
    assert found == b"one\nnew\n"


def test_a_truncated_file_is_read_from_its_start_again(tmp_path: Path) -> None:
    """As logrotate's copytruncate leaves it."""
    file = tmp_path / "app.log"
    file.write_bytes(b"one line that is long\n")
    found, source = followed(file, lambda: file.write_bytes(b"new\n"), lambda: None)
    assert found == b"one line that is long\nnew\n"
    assert "truncated" in source.notes[0]


def test_what_is_compressed_is_not_followed(tmp_path: Path) -> None:
    """It does not grow, and waiting for it would be for ever."""
    file = tmp_path / "app.log.gz"
    file.write_bytes(gzip.compress(b"one\n"))
    with pytest.raises(BadLog, match="does not grow"):
        read(Source(str(file), follows=True))
