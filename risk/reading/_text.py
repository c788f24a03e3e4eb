"""Text on its way to whole lines of UTF-8: decoded, cut where lines end, without what stands before and behind a table.

Pure: no files.
"""

from __future__ import annotations

import codecs
import itertools
from collections.abc import Iterable, Iterator

from risk.reading._records import LONGEST_LINE, PLAIN_TEXT
from risk.reading.header import LINE, UTF_16, check_start
from risk.reading.refusals import fault


def decoded(blocks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """The blocks of a text in UTF-8. Raises: Fault where it is not in the encoding."""
    first = next(blocks, b"")
    if not (encoding.startswith("utf") and first.startswith(UTF_16)):
        check_start(first)
    blocks = itertools.chain([first], blocks)
    if encoding == "utf-8":
        yield from blocks
        return
    decoder, other, ends = codecs.getincrementaldecoder(encoding)(), _Utf8(encoding), _LineEnds()
    for block in itertools.chain(blocks, [b""]):
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            ends.count(error.object[: error.start].decode(encoding, "replace").encode("utf-8", "replace"))
            reason = f"is not {encoding} (byte 0x{error.object[error.start]:02X})"
            raise fault(reason, f"text in {encoding}, or another format.encoding", ends.line) from error
        except UnicodeError as error:
            raise fault(f"is not {encoding} ({error})", "another format.encoding") from error
        other.check(block)
        lines = text.encode("utf-8", "replace")
        ends.count(lines)
        yield lines


class _LineEnds:
    """Counts the ends of lines, to name the one where a text breaks off."""

    def __init__(self) -> None:
        self._line_feeds = self._returns = 0

    def count(self, lines: bytes) -> None:
        self._line_feeds += lines.count(b"\n")
        self._returns += lines.count(b"\r")

    @property
    def line(self) -> int:
        return 1 + (self._line_feeds or self._returns)


class _Utf8:
    """Looks whether a text that is declared to have one byte for each character is UTF-8 instead."""

    def __init__(self, encoding: str) -> None:
        is_of_bytes = len(bytes(range(128, 256)).decode(encoding, "replace")) == 128
        self._decoder = codecs.getincrementaldecoder("utf-8")() if is_of_bytes else None
        self._encoding = encoding

    def check(self, block: bytes) -> None:
        """Raises: Fault where signs of several bytes, and none but those of UTF-8, stand in a block."""
        if self._decoder is None or block.isascii():
            return
        try:
            is_utf8 = not self._decoder.decode(block).isascii()
        except UnicodeDecodeError:
            self._decoder = None
            return
        if is_utf8:
            raise fault(
                f"is UTF-8, not {self._encoding}", f'text in {self._encoding}; format.encoding "utf-8" would read it'
            )


def whole_lines(blocks: Iterable[bytes], size: int) -> Iterator[tuple[bytes, bool]]:
    """Yield whole lines, about `size` bytes at a time, and whether it is all; the last line may lack its end.

    Raises: Fault without a line number where a line is too long.
    """
    held, n_bytes, is_all = list[bytes](), 0, True
    for block in blocks:
        held.append(block)
        n_bytes += len(block)
        if n_bytes < size:
            continue
        lines = b"".join(held)
        cut = lines.rfind(b"\n") + 1 or lines.rfind(b"\r", 0, len(lines) - 1) + 1
        held, n_bytes = [lines[cut:]], len(lines) - cut
        if cut:
            is_all = False
            yield lines[:cut], False
        if n_bytes > LONGEST_LINE:
            raise fault("has a line of more than 1 MiB", PLAIN_TEXT)
    if n_bytes:
        yield b"".join(held), is_all


def without_start(chunks: Iterator[bytes], n_lines: int) -> Iterator[bytes]:
    """The chunks without so many lines at their beginning."""
    for chunk in chunks:
        place = 0
        while n_lines and (match := LINE.search(chunk, place)):
            place, n_lines = match.end(), n_lines - 1
        if not n_lines:
            yield chunk[place:]
            break
    yield from chunks


def without_end(chunks: Iterator[bytes], n_lines: int) -> Iterator[bytes]:
    """The chunks without so many lines at their end; blank lines at the very end do not count."""
    kept = b""
    for chunk in chunks:
        lines = kept + chunk
        start = place = len(lines.rstrip(b"\r\n"))
        for _ in range(n_lines):
            place = max(lines.rfind(b"\n", 0, place), lines.rfind(b"\r", 0, place))
            start = place + 1
            place -= lines[max(place - 1, 0) : start] == b"\r\n"
            if place < 0:
                break
        kept = lines[start:]
        if start:
            yield lines[:start]
