"""The bytes of a file: whole lines in bounded chunks, hashed as they are handed on."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from risk.reading._stream import SourceFile
from risk.reading.refusals import Fault


def chunks_of(path: Path) -> tuple[list[bytes], str | None]:
    with SourceFile(path) as file:
        return list(file.chunks()), file.finish()


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("size", range(3, 30))
def test_a_chunk_ends_where_a_line_ends(size: int, end: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("risk.reading._stream.CHUNK", size)
    lines = [b"x" * (index % 7) + end for index in range(40)] + [b"last"]
    (tmp_path / "a.csv").write_bytes(b"".join(lines))

    found, digest = chunks_of(tmp_path / "a.csv")

    assert b"".join(found) == b"".join(lines)
    assert all(chunk.endswith(end) for chunk in found[:-1])
    assert digest == hashlib.sha256(b"".join(lines)).hexdigest()


def test_a_file_as_large_as_a_chunk_is_one_chunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("risk.reading._stream.CHUNK", 10)
    (tmp_path / "a.csv").write_bytes(b"a,b\n1,2\n3,")

    found, _ = chunks_of(tmp_path / "a.csv")

    assert found == [b"a,b\n1,2\n3,"]


def test_a_file_is_hashed_to_its_end_though_a_line_is_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("risk.reading._stream.CHUNK", 1 << 19)
    content = b"a,b\n" + b"x" * (1 << 22)
    (tmp_path / "a.csv").write_bytes(content)

    with SourceFile(tmp_path / "a.csv") as file:
        with pytest.raises(Fault, match="more than 1 MiB"):
            list(file.chunks())
        digest = file.finish()

    assert digest == hashlib.sha256(content).hexdigest()


def test_a_file_that_grew_has_no_digest(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"a,b\n")

    with SourceFile(tmp_path / "a.csv") as file:
        list(file.chunks())
        (tmp_path / "a.csv").write_bytes(b"a,b\n1,2\n")

        assert file.finish() is None
