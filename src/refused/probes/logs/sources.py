r"""Bytes from files, pipes and archives, as chunks of whole lines; memory stays flat.

Whatever may stand in a log is taken: ``\r\n``, NULs, terminal colours, UTF-16 with its mark, lines
without end. Bytes that are no text in any encoding stay as they are: lines are matched as bytes.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterator
    from typing import IO

BLOCK_BYTES = 256 << 10
# A longer line is read in pieces of this size, cut at a space where there is one.
LONGEST_LINE = 64 << 10
POLL_S = 0.25
_STEP_BYTES = 16 << 10


class BadLog(ValueError):
    """A log cannot be read; the message is one line for people."""

    for_people = True


class Chunk:
    """Some whole lines of one log.

    Attributes:
        data: The lines, cleaned, each ended by a line feed but perhaps the last.
        line: The number of the first, from 1.
        is_piece: Whether it is one piece of a line that is longer than :data:`LONGEST_LINE`.
        line_ends: How many line ends are in it; whoever has counted them says so here, and spares
            us the counting.
    """

    __slots__ = ("data", "is_piece", "line", "line_ends")

    def __init__(self, data: bytes, line: int, *, is_piece: bool = False) -> None:
        self.data = data
        self.line = line
        self.is_piece = is_piece
        self.line_ends: int | None = None


class Source:
    """One log, read once.

    Args:
        path: A file; ``-`` is standard input.
        follows: Whether to wait for more at the end, through rotation and truncation.
        stdin: What to read for ``-``; the process's own by default.
        sleep: Waits so many seconds before it looks again.

    Attributes:
        name: What to call it: the path, or ``""`` for standard input.
        notes: What was odd about it, as sentences; complete once it is read.
    """

    def __init__(
        self,
        path: str,
        *,
        follows: bool = False,
        stdin: IO[bytes] | None = None,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self.path = path
        self.name = "" if path == "-" else path
        self.notes: list[str] = []
        self.modified_at: float | None = None
        self.follows = follows
        self._stdin = stdin
        self._sleep = sleep
        self._begun: Iterator[Chunk] | None = None
        self._looked_at: list[Chunk] = []

    def chunks(self) -> Iterator[Chunk]:
        """Read to the end, or, when following, until interrupted.

        Raises:
            BadLog: The file cannot be opened, or needs what is not installed.
        """
        if self._begun is None:
            self._begun = _lines(self._text(), self.notes, self._said())
        looked_at, self._looked_at = self._looked_at, []
        yield from looked_at
        # Not "yield from": whoever stops listening to us would close what is still to be read.
        for chunk in self._begun:  # noqa: UP028
            yield chunk

    def head(self, most: int) -> bytes | None:
        """Return all of it where that is no more than *most* bytes; :meth:`chunks` still gives it all.

        Raises:
            BadLog: As for :meth:`chunks`.
        """
        size = 0
        chunks = self.chunks()
        looked_at: list[Chunk] = []
        for chunk in chunks:
            looked_at.append(chunk)
            size += len(chunk.data)
            if size > most:
                break
        self._looked_at = looked_at
        return None if size > most else b"".join(chunk.data for chunk in looked_at)

    def _said(self) -> str:
        return self.name or "standard input"

    def _text(self) -> Iterator[bytes]:
        """Give the decompressed bytes as UTF-8, or as they are."""
        blocks = self._raw()
        head = next(blocks, b"")
        kind = "gzip" if head[:2] == b"\x1f\x8b" else "zstd" if head[:4] == _ZSTD else ""
        if kind and self.follows and self.name:
            raise BadLog(f"{self.name} is compressed, and what is compressed does not grow")
        joined = _again(head, blocks)
        if kind:
            unpack = _gunzip if kind == "gzip" else _unzstd
            joined = unpack(joined, self.notes, self._said())
            head = next(joined, b"")
            joined = _again(head, joined)
        if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return _from_utf16(joined)
        if head[:3] == b"\xef\xbb\xbf":
            next(joined)
            return _again(head[3:], joined)
        return joined

    def _raw(self) -> Iterator[bytes]:
        if self.path == "-":
            import sys

            yield from _blocks(self._stdin or sys.stdin.buffer)
            return
        if os.path.isdir(self.path):
            raise BadLog(f"{self.path} is a folder; name the files in it")
        try:
            file = open(self.path, "rb", buffering=0)  # noqa: SIM115  # rotation closes it
        except OSError as gone:
            raise BadLog(f"{self.path}: {gone.strerror or gone}") from None
        try:
            self.modified_at = os.fstat(file.fileno()).st_mtime
            if self.follows:
                yield from self._growing(file)
            else:
                yield from _blocks(file)
        finally:
            file.close()

    def _growing(self, file: IO[bytes]) -> Iterator[bytes]:
        """Read on as the file grows; take up the new file where it was rotated or cut to nothing."""
        if self._sleep is None:
            from time import sleep

            self._sleep = sleep
        held = file
        try:
            while True:
                block = held.read(BLOCK_BYTES)
                if block:
                    yield block
                    continue
                yield b""  # all there is for now has been given
                self._sleep(POLL_S)
                now = _stat(self.path)
                then = os.fstat(held.fileno())
                if now is not None and (now.st_ino, now.st_dev) != (then.st_ino, then.st_dev):
                    yield from _blocks(held)  # what came between our last look and the rotation
                    fresh = _open(self.path)
                    if fresh is not None:
                        held.close()
                        held = fresh
                        self.notes.append(f"{self.path} was rotated, and read on from the new file")
                elif then.st_size < held.tell():
                    held.seek(0)
                    self.notes.append(f"{self.path} was truncated, and read again from its start")
        finally:
            held.close()


_ZSTD = b"\x28\xb5\x2f\xfd"


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except OSError:
        return None


def _open(path: str) -> IO[bytes] | None:
    try:
        return open(path, "rb", buffering=0)
    except OSError:
        return None


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    # A pipe gives what it has: a person who types sees an answer at the end of the input, and a
    # slow writer's lines are read as they come.
    read = getattr(file, "read1", file.read)
    while block := read(BLOCK_BYTES):
        yield block


def _again(head: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield head
    yield from rest


def _gunzip(blocks: Iterator[bytes], notes: list[str], said: str) -> Iterator[bytes]:
    """Decompress one gzip member after the other, and keep what could be read of a damaged one."""
    import zlib

    stream = zlib.decompressobj(31)
    is_fresh, members = True, 0
    for block in blocks:
        # In small steps, because of a step that fails nothing comes out.
        for at in range(0, len(block), _STEP_BYTES):
            left = block[at : at + _STEP_BYTES]
            while left:
                try:
                    unpacked = stream.decompress(left, BLOCK_BYTES)
                except zlib.error:
                    # Zeroes or other padding may follow the last member.
                    if not (is_fresh and members):
                        notes.append(f"{said} is damaged: read up to there")
                    return
                if unpacked:
                    yield unpacked
                is_fresh = False
                if stream.eof:
                    left, stream = stream.unused_data, zlib.decompressobj(31)
                    is_fresh, members = True, members + 1
                else:
                    left = stream.unconsumed_tail
    if not is_fresh:
        yield stream.flush()
        notes.append(f"{said} ends in the middle of its gzip stream: read up to there")


def _unzstd(blocks: Iterator[bytes], notes: list[str], said: str) -> Iterator[bytes]:
    try:
        import zstandard
    except ImportError:
        raise BadLog(
            f"{said} is compressed with zstd, which needs the package zstandard: pip install zstandard"
        ) from None
    reader = zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(
        _Joined(blocks),  # type: ignore[arg-type]  # reading is all that is asked of it
        read_across_frames=True,
        read_size=BLOCK_BYTES,
    )
    try:
        while block := reader.read(BLOCK_BYTES):
            yield block
    except zstandard.ZstdError:
        notes.append(f"{said} is damaged: read up to there")


class _Joined:
    """Blocks as something to read from."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._left = b""

    def read(self, size: int = -1) -> bytes:
        """Return at most *size* bytes; none at the end."""
        while not self._left:
            block = next(self._blocks, None)
            if block is None:
                return b""
            self._left = block
        given = self._left if size < 0 else self._left[:size]
        self._left = self._left[len(given) :]
        return given


def _from_utf16(blocks: Iterator[bytes]) -> Iterator[bytes]:
    from codecs import getincrementaldecoder

    decoder = getincrementaldecoder("utf-16")("replace")
    for block in blocks:
        yield decoder.decode(block).encode("utf-8", "replace")
    yield decoder.decode(b"", final=True).encode("utf-8", "replace")


# --- lines ---------------------------------------------------------------------------------------


def _lines(blocks: Iterator[bytes], notes: list[str], said: str) -> Iterator[Chunk]:
    """Cut blocks at line ends. An empty block, and chunk, mean that no more is there for now."""
    cutter = _Cutter()
    for block in blocks:
        if block:
            yield from cutter.feed(block)
        else:
            yield Chunk(b"", cutter.line)
    yield from cutter.end()
    if cutter.long_lines:
        lines = f"{cutter.long_lines} lines are" if cutter.long_lines > 1 else "1 line is"
        size = f", the longest {cutter.longest >> 20} MiB" if cutter.longest >> 20 else ""
        notes.append(
            f"{said}: {lines} longer than {LONGEST_LINE >> 10} KiB{size}; read in pieces, and what "
            "a cut went through may be missed"
        )


class _Cutter:
    """Blocks in, chunks out. It holds what came since the last line end, and no more than that."""

    def __init__(self) -> None:
        self.line = 1
        self.long_lines = 0
        self.longest = 0
        self._tail = [b""]
        self._tail_bytes = 0
        self._given = 0  # bytes of the current line that were given as pieces

    def feed(self, block: bytes) -> Iterator[Chunk]:
        cut = block.rfind(b"\n") + 1
        if cut:
            yield from self._flush(b"".join((*self._tail, memoryview(block)[:cut])))
            self._tail, self._tail_bytes = [block[cut:]], len(block) - cut
        else:
            self._tail.append(block)
            self._tail_bytes += len(block)
        if self._tail_bytes > 2 * BLOCK_BYTES or (self._given and self._tail_bytes > LONGEST_LINE):
            yield from self._pieces()

    def end(self) -> Iterator[Chunk]:
        yield from self._flush(b"".join(self._tail))

    def _pieces(self) -> Iterator[Chunk]:
        """Give pieces of a line whose end has not come yet."""
        held = b"".join(self._tail)
        start = 0
        while len(held) - start > LONGEST_LINE:
            end = _piece_end(held, start)
            yield Chunk(clean(held[start:end]), self.line, is_piece=True)
            start = end
        self._given += start
        self._tail, self._tail_bytes = [held[start:]], len(held) - start

    def _flush(self, data: bytes) -> Iterator[Chunk]:
        """Give whole lines, the first of which may be the end of a long one."""
        if self._given and data:
            end = data.find(b"\n") + 1 or len(data)
            self._count(self._given + end)
            yield from self._cut(data, 0, end)
            data, self._given = data[end:], 0
        start = at = 0
        while len(data) - at > LONGEST_LINE:
            # Only where so many bytes hold no line end can a line be too long.
            end = data.rfind(b"\n", at, at + LONGEST_LINE) + 1
            if end:
                at = end
                continue
            yield from self._plain(data[start:at])
            end = data.find(b"\n", at) + 1 or len(data)
            self._count(end - at)
            yield from self._cut(data, at, end)
            start = at = end
        yield from self._plain(data[start:] if start else data)

    def _cut(self, data: bytes, at: int, end: int) -> Iterator[Chunk]:
        """Give the rest of a long line, which ends at *end*."""
        while at < end:
            cut = _piece_end(data, at) if end - at > LONGEST_LINE else end
            yield Chunk(clean(data[at:cut]), self.line, is_piece=True)
            at = cut
        self.line += 1

    def _plain(self, data: bytes) -> Iterator[Chunk]:
        if data:
            chunk = Chunk(clean(data), self.line)
            yield chunk
            counted = chunk.line_ends
            self.line += data.count(b"\n") if counted is None else counted

    def _count(self, size: int) -> None:
        self.long_lines += 1
        self.longest = max(self.longest, size)


def _piece_end(held: bytes, start: int) -> int:
    """Return where to cut a line that is too long: behind a space, if one is near."""
    end = start + LONGEST_LINE
    return held.rfind(b" ", max(start, end - 4096), end) + 1 or end


_colors: re.Pattern[bytes] | None = None


def clean(data: bytes) -> bytes:
    """Take out what is no part of any message: carriage returns at line ends, NULs, colours."""
    global _colors  # noqa: PLW0603  # compiled when first met
    if b"\0" in data:  # a log truncated under its writer begins with as many as it once was long
        data = data.replace(b"\0", b"")
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n")
    if b"\x1b" in data:
        if _colors is None:
            import re

            # CSI sequences, and OSC ones (links, titles) up to their end.
            _colors = re.compile(
                rb"\x1b(?:\[[0-?]{0,64}[ -/]{0,8}[@-~]|\][^\x07\x1b\n]{0,2048}(?:\x07|\x1b\\)|[@-Z\\^_])"
            )
        data = _colors.sub(b"", data)
    return data
