"""The bytes of one source file: hashed as they are handed on, in chunks of whole lines.

Memory is bounded whatever the file holds: a chunk, and a line that is refused when it grows too long.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from risk.reading.values import fault

CHUNK = 32 * 1024 * 1024
BLOCK = 256 * 1024
LONGEST_LINE = 1024 * 1024
END_MARK = b"\x1a"
PLAIN_TEXT = "lines of at most 1 MiB"


class SourceFile:
    """One open source file, read once from its beginning to its end."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        self._before = os.fstat(self._descriptor)
        self._hash = hashlib.sha256()
        self.size = self._before.st_size
        self.has_end_mark = False

    def __enter__(self) -> SourceFile:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        os.close(self._descriptor)

    @property
    def is_one_chunk(self) -> bool:
        return self.size <= CHUNK

    def check(self, size_cap: int) -> None:
        """Raises: Fault where it is no regular file, or larger than the cap."""
        if not stat.S_ISREG(self._before.st_mode):
            raise fault("is not a regular file", "a file")
        if self.size > size_cap:
            raise fault(f"has {self.size:,} bytes", f"at most {size_cap:,} (raise max_source_mb, or split it)")

    def chunks(self) -> Iterator[bytes]:
        """Yield whole lines, about CHUNK bytes at a time, a smaller file at once; the last line may lack its end.

        A mark of the end of the file, as DOS wrote it, is left out.

        Raises: Fault without a line number where a line is too long.
        """
        for lines in self._chunks():
            self.has_end_mark = lines.endswith(END_MARK)  # all chunks but the last end with a line
            yield lines.rstrip(END_MARK)

    def _chunks(self) -> Iterator[bytes]:
        rest, place = b"", 0
        while block := self._read(min(CHUNK, max(self.size - place, BLOCK))):
            place += len(block)
            cut = len(block) if place >= self.size else _after_last_line(block)
            if cut:
                yield b"".join((rest, memoryview(block)[:cut]))
                rest = block[cut:]
            else:
                rest += block
            if len(rest) > LONGEST_LINE:
                raise fault("has a line of more than 1 MiB", PLAIN_TEXT)
        if rest:
            yield rest

    def finish(self) -> str | None:
        """Return the SHA-256 of the whole file, or None where it changed while it was read."""
        while self._read(BLOCK):
            pass
        after = os.fstat(self._descriptor)
        same = all(
            getattr(self._before, key) == getattr(after, key) for key in ("st_size", "st_mtime_ns", "st_ctime_ns")
        )
        return self._hash.hexdigest() if same else None

    def _read(self, size: int) -> bytes:
        block = os.read(self._descriptor, size)
        self._hash.update(block)
        return block


def _after_last_line(block: bytes) -> int:
    """Return the place after the last line end; a CR at the very end may be half of one."""
    return block.rfind(b"\n") + 1 or block.rfind(b"\r", 0, len(block) - 1) + 1
