"""Files that are refused as a whole: their rows are counted, wherever the fault stands, and every total knows them."""

from __future__ import annotations

from pathlib import Path

import pytest

from risk.reading.reader import Source, read_frame
from risk.settings.schema import Schema
from tests.conftest import HEADER, Project, table
from tests.reading.test_reader import read_one

ROWS = "c1,1,2,3,0\nc2,4,5,6,1\n\n,,,,\nc3,7,8,9,\n"
UNKNOWN = HEADER.replace("exited", "gone")


@pytest.mark.parametrize(
    ("content", "n_rows"),
    [
        (f"{UNKNOWN}\n{ROWS}", 3),
        (f"\ufeff\n{UNKNOWN}\n{ROWS}".replace("\n", "\r\n"), 3),
        (f"{UNKNOWN}\n{ROWS}".replace("\n", "\r"), 3),
        (f'{UNKNOWN}\n"c\n1",1,2,3,0\n"c""2",1,2,3,0\n', 2),
        (f"{HEADER},exited\n{ROWS}", 3),
        (f"{HEADER}\n{ROWS}".replace(",", ";"), 3),
        (f"{HEADER}\n{ROWS}".replace(",", "\t"), 3),
        (f"sep=,\n{HEADER}\n{ROWS}", 3),
        (f"Clients of June\n\n{HEADER}\n{ROWS}", 3),
        (f"{UNKNOWN},gr\u00f6\u00dfe\n{ROWS}".encode("latin-1"), 3),
        (f"{HEADER}\n{ROWS}J\u00fcrgen,1,2,3,0\n{ROWS}".encode("latin-1"), 7),
        (f'{HEADER}\n{ROWS}"c4,1,2,3,0\n{ROWS}', 7),
        (f'{HEADER}\n{ROWS}"c4" x,1,2,3,0\n{ROWS}', 7),
        (f"{HEADER}\n{ROWS}c4\x00,1,2,3,0\n{ROWS}", 7),
        ("", 0),
        (b"PK\x03\x04\n\n1\n2\n", 0),
        (b"\x89PNG\r\n\x1a\n\x00\x00\n1\n2\n", 0),
    ],
)
@pytest.mark.parametrize("chunk", [128, 1 << 20])
def test_the_rows_of_a_file_with_a_fault_are_counted(
    content: str | bytes, n_rows: int, chunk: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("risk.reading._stream.CHUNK", chunk)
    path = tmp_path / "a.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())

    stored, (_, framed) = read_one(Source("a.csv", path), tmp_path), read_frame(path, Schema())

    assert stored.fault == framed.fault
    assert stored.fault
    assert (stored.n_read, stored.n_accepted) == (framed.n_read, framed.n_accepted) == (n_rows, 0)


@pytest.mark.slow
def test_every_total_knows_the_rows_of_a_file_that_its_header_refuses(project: Project) -> None:
    project.drop("sourcedata/good.csv", table(400))
    project.drop("testdata/testdata.csv", table(100, seed=9, first=90_000))
    bad = project.drop("sourcedata/bad.csv", table(250, seed=2).replace("exited", "gone"))

    run, check = project.run("fullprocess", "--json"), project.run("ingestion", "--check", str(bad), "--json")
    status, shown = project.run("fullprocess", "--status", "--json"), project.json("models/snapshot.json")

    assert [it.json["rejected_rows"] for it in (run, status)] == [250, 250]
    assert check.json["refusals"] == 250
    source = next(it for it in shown["dataset"]["sources"] if it["path"] == "bad.csv")
    assert (source["rows_read"], source["accepted"], source["refused"]) == (250, 0, 250)
    told = project.run("ingestion", "--check", str(bad)).out
    assert "0 rows would be accepted, 250 refusals of 250 rows" in told
