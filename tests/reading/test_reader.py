"""Client files become parts: accepted exactly as written, or refused with a line; one clear outcome for every file."""

from __future__ import annotations

import hashlib
import os
import resource
from pathlib import Path

import duckdb
import pytest

from risk.disk.paths import UNFINISHED
from risk.errors import DiskError
from risk.reading import reader
from risk.reading.reader import Content, Refusal, Slice, Source
from risk.settings.schema import Feature, Schema
from risk.settings.target import TargetValues

HEADER = "corporation,lastmonth_activity,lastyear_activity,number_of_employees,exited"
NAMES = HEADER.split(",")
CAP = 1 << 30


def write(folder: Path, name: str, *lines: str, end: str = "\n", start: bytes = b"") -> Source:
    path = folder / name
    path.write_bytes(start + "".join(line + end for line in lines).encode())
    return Source(name, path)


def read_all(sources: list[Source], folder: Path, schema: Schema | None = None) -> list[Content | None]:
    found = list(reader.read(sources, schema or Schema(), folder / "parts", size_cap=CAP))
    assert [source for source, _ in found] == sources
    return [content for _, content in found]


def read_one(source: Source, folder: Path, schema: Schema | None = None) -> Content:
    content = read_all([source], folder, schema)[0]
    assert content is not None
    return content


def rows_of(content: Content, folder: Path) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for it in content.slices:
        part = duckdb.execute(f"select * from '{folder / 'parts' / it.part}'").fetchall()
        rows += part[it.first : it.first + it.rows]
    return rows


def refusals_of(content: Content, folder: Path) -> list[Refusal]:
    return reader.read_refusals(folder / "parts", content.refusals) if content.refusals else []


def fault_of(content: Content) -> tuple[int | None, str | None, str]:
    """Return line, column and reason of the fault, when nothing of the file was taken."""
    assert content.fault
    assert content.fault.expected
    assert (content.slices, content.n_accepted, content.n_labelled) == ((), 0, 0)
    return content.fault.line, content.fault.column, content.fault.reason


def test_a_file_is_stored_row_by_row_as_it_is_written(tmp_path: Path) -> None:
    source = write(
        tmp_path, "a.csv", HEADER, "acme,1,2,3,0", "007,,2.5,9007199254740993,1", "NA,4,5,6,", "acme,1,2,3,0"
    )

    content = read_one(source, tmp_path)

    assert rows_of(content, tmp_path) == [
        ("acme", 1, 2.0, 3, 0),
        ("007", None, 2.5, 9007199254740993, 1),
        ("NA", 4, 5.0, 6, None),
        ("acme", 1, 2.0, 3, 0),
    ]
    assert (content.n_read, content.n_accepted, content.n_refused, content.n_labelled) == (4, 4, 0, 3)
    assert (content.refusals, content.fault) == (None, None)


def test_a_part_has_the_columns_of_the_schema_with_their_types(tmp_path: Path) -> None:
    schema = Schema(
        period="month", owner="owner", features={"n": Feature(), "x": Feature(), "kind": Feature("categorical")}
    )
    source = write(tmp_path, "a.csv", "x,n,exited,kind,month,owner,corporation", "0.5,1,0,a,2026-01,me,acme")

    content = read_one(source, tmp_path, schema)

    part = tmp_path / "parts" / content.slices[0].part
    types = [row[:2] for row in duckdb.execute(f"describe select * from '{part}'").fetchall()]
    assert types == [
        ("corporation", "VARCHAR"),
        ("month", "VARCHAR"),
        ("owner", "VARCHAR"),
        ("n", "BIGINT"),
        ("x", "DOUBLE"),
        ("kind", "VARCHAR"),
        ("exited", "TINYINT"),
    ]


def test_the_digest_and_size_are_those_of_the_bytes(tmp_path: Path) -> None:
    import hashlib

    source = write(tmp_path, "a.csv", HEADER, "acme,1,2,3,0", start=b"\xef\xbb\xbf")

    content = read_one(source, tmp_path)

    assert content.digest == hashlib.sha256(source.path.read_bytes()).hexdigest()
    assert content.size == source.path.stat().st_size


def test_small_files_share_a_part(tmp_path: Path) -> None:
    sources = [write(tmp_path, f"{i}.csv", HEADER, *(f"c{i},{i},2,3,{j % 2}" for j in range(i))) for i in range(1, 4)]

    contents = read_all(sources, tmp_path)

    slices = [content.slices for content in contents if content]
    part = slices[0][0].part
    assert slices == [(Slice(part, 0, 1),), (Slice(part, 1, 2),), (Slice(part, 3, 3),)]
    assert [content.n_labelled for content in contents if content] == [1, 2, 3]
    assert [path.name for path in (tmp_path / "parts").iterdir()] == [part]


def test_equal_input_gives_equal_parts_and_reuses_them(tmp_path: Path) -> None:
    sources = [
        write(tmp_path, "a.csv", HEADER, "acme,1,2,3,0"),
        write(tmp_path, "b.csv", HEADER, '"acme, inc",1,2,3,0'),
    ]
    first = [content.slices for content in read_all(sources, tmp_path) if content]
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "parts").iterdir()}

    again = [content.slices for content in read_all(sources, tmp_path) if content]

    assert again == first
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "parts").iterdir()} == before


def test_another_schema_or_another_order_of_columns_gives_another_part(tmp_path: Path) -> None:
    swapped = ",".join([NAMES[0], NAMES[2], NAMES[1], *NAMES[3:]])
    one = write(tmp_path, "a.csv", HEADER, "acme,1,2,3,0")
    two = write(tmp_path, "b.csv", swapped, "acme,1,2,3,0")

    parts = {read_one(one, tmp_path).slices[0].part, read_one(two, tmp_path).slices[0].part}
    parts.add(read_one(one, tmp_path, Schema(missing=("?",))).slices[0].part)

    assert len(parts) == 3


def test_a_large_file_spans_several_parts_in_its_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("risk.reading._stream.CHUNK", 4096)
    rows = [f"c{i},{i},{i / 2 if i == 700 else i},3,{'' if i % 5 else 1}" for i in range(1000)]
    rows[300] = '"c300\n(quoted)",300,300,3,1'
    source = write(tmp_path, "a.csv", HEADER, *rows)

    content = read_one(source, tmp_path)

    found = rows_of(content, tmp_path)
    assert len({it.part for it in content.slices}) > 3
    assert [row[1] for row in found] == list(range(1000))
    assert found[300][0] == "c300\n(quoted)"
    assert (found[700][2], content.n_labelled) == (350.0, 200)


def test_the_lines_of_a_large_file_are_counted_through_all_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("risk.reading._stream.CHUNK", 512)
    rows = [f"c{i},{i},2,3,1" for i in range(500)]
    rows[100], rows[250], rows[400] = '"a\n\nb",1,2,3,1', "c,x,2,3,1", "c,1,2,3"
    source = write(tmp_path, "a.csv", HEADER, *rows)

    content = read_one(source, tmp_path)

    assert [(it.line, it.column) for it in refusals_of(content, tmp_path)] == [(254, "lastmonth_activity"), (404, None)]


@pytest.mark.slow
@pytest.mark.parametrize("place", [0, 1, 250, 499])
def test_the_file_after_one_that_ends_in_a_fault_is_read_whole(
    place: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("risk.reading._stream.CHUNK", 512)
    rows = [f"c{i},{i},2,3,1" for i in range(500)]
    good = write(tmp_path, "b.csv", HEADER, *rows)
    bad = write(tmp_path, "a.csv", HEADER, *rows[:place], '"x"y,1,2,3,0', *rows[place:])

    contents = read_all([bad, good, bad, good], tmp_path)

    assert [content and content.n_accepted for content in contents] == [0, 500, 0, 500]
    assert contents[0]
    assert fault_of(contents[0]) == (place + 2, None, "has text after a closing quote")
    assert contents[0].digest == hashlib.sha256(bad.path.read_bytes()).hexdigest()


def test_columns_may_come_in_any_order_with_spaces_a_byte_order_mark_and_unknown_ones(tmp_path: Path) -> None:
    header = "exited, note ,number_of_employees,lastyear_activity , corporation,lastmonth_activity"
    source = write(tmp_path, "a.csv", header, " 1 ,x,3, 2 , acme inc ,1", start=b"\xef\xbb\xbf")

    content = read_one(source, tmp_path)

    assert rows_of(content, tmp_path) == [("acme inc", 1, 2, 3, 1)]
    assert content.warnings == ("unknown columns ignored: 'note'",)


def test_columns_that_the_schema_ignores_are_no_warning(tmp_path: Path) -> None:
    source = write(tmp_path, "a.csv", f"{HEADER},note", "acme,1,2,3,0,x")

    content = read_one(source, tmp_path, Schema(ignore=("note",)))

    assert (content.n_accepted, content.warnings) == (1, ())


def test_what_stands_in_an_ignored_column_does_not_matter(tmp_path: Path) -> None:
    source = write(tmp_path, "a.csv", f"{HEADER},note", f"acme,1,2,3,0,{'x' * 2000}", 'b,1,2,3,0,"a\tb"')

    content = read_one(source, tmp_path)

    assert (content.n_accepted, content.n_refused) == (2, 0)


def test_an_unknown_column_refuses_the_file_where_the_schema_is_strict(tmp_path: Path) -> None:
    source = write(tmp_path, "a.csv", f"{HEADER},note", "acme,1,2,3,0,x")

    content = read_one(source, tmp_path, Schema(extra_columns="refuse"))

    assert fault_of(content) == (1, "note", "is not in the schema")


def test_quotes_keep_commas_line_ends_and_quotes(tmp_path: Path) -> None:
    source = write(
        tmp_path, "a.csv", HEADER, '"a, b",1,2,3,0', '"a\n\r\nb",1,2,3,0', '"say ""hi""","1",2,3,0', "c,1,2,3"
    )

    content = read_one(source, tmp_path)

    assert [row[0] for row in rows_of(content, tmp_path)] == ["a, b", "a\n\r\nb", 'say "hi"']
    assert [it.line for it in refusals_of(content, tmp_path)] == [7]


def test_a_file_of_a_header_alone_is_accepted_with_a_warning(tmp_path: Path) -> None:
    source = write(tmp_path, "a.csv", HEADER)

    content = read_one(source, tmp_path)

    assert (content.fault, content.n_read, content.slices) == (None, 0, ())
    assert content.warnings == ("it brought no rows (a header and no row below it)",)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "line", "column", "reason"),
    [
        (b"", None, None, "is empty"),
        (b"\n\n \n", None, None, "is empty"),
        (b"\x1f\x8b\x08\x00rest", None, None, "is compressed (gzip)"),
        (b"PK\x03\x04rest", None, None, "is a zip file or an Excel workbook"),
        (HEADER.encode("utf-16"), None, None, "is not UTF-8 but UTF-16"),
        (HEADER.encode("utf-16-le"), 1, None, "holds NUL bytes (it is binary, or UTF-16)"),
        (HEADER.replace(",", ";").encode(), 1, None, "is separated by semicolons"),
        (HEADER.replace(",", "\t").encode(), 1, None, "is separated by tabs"),
        (
            b"corporation,exited\n",
            1,
            "lastmonth_activity, lastyear_activity, number_of_employees",
            "are missing from the header 'corporation,exited'",
        ),
        (HEADER[:-7].encode(), 1, "exited", f"is missing from the header {HEADER[:-7]!r}"),
        (
            ",".join(f"column{i}" for i in range(30)).encode(),
            1,
            ", ".join(HEADER.split(",")),
            f"are missing from the header '{','.join(f'column{i}' for i in range(10))}' and 20 more",
        ),
        (b"x" * 300 + b"\n", 1, ", ".join(HEADER.split(",")), f"are missing from the header '{'x' * 80}…'"),
        (f"{HEADER},corporation\n".encode(), 1, "corporation", "stands twice in the header"),
        (f"Export of May\nall,in,all\n{HEADER}\na,1,2,3,0\n".encode(), 1, None, "has its header in line 3"),
        (f'"{HEADER}\n'.encode(), 1, None, "has a header that is not CSV (unexpected end of data)"),
        (HEADER.replace("exited", "exité").encode("latin-1"), 1, None, "has a header that is not UTF-8"),
        (f"{HEADER}\nacme,1,2,3,0\na\x00b,1,2,3,0\n".encode(), 3, None, "holds a NUL byte (it is binary, or UTF-16)"),
        (
            f"{HEADER}\nacme,1,2,3,0\nné,1,2,3,0\n".encode("latin-1"),
            3,
            None,
            "is not UTF-8 (byte 0xE9; Latin-1 or Windows-1252?)",
        ),
        (f'{HEADER}\nacme,1,2,3,0\n"b,1,2,3,0\nc,1,2,3,0\n'.encode(), 3, None, "has a quote that is never closed"),
        (f'{HEADER}\nacme,1,2,3,0\n"b"c,1,2,3,0\n'.encode(), 3, None, "has text after a closing quote"),
        (f"{HEADER}\nacme,1,2,3,0\n{'x' * (1 << 20)},1,2,3,0\n".encode(), 3, None, "has a line of more than 1 MiB"),
        (
            f'{HEADER}\nacme,1,2,3,0\n"'.encode() + b"x\n" * (1 << 20),
            3,
            None,
            "has a quote that is not closed within 1 MiB",
        ),
    ],
)
def test_a_file_that_is_not_csv_of_this_schema_is_refused(
    content: bytes, line: int | None, column: str | None, reason: str, tmp_path: Path
) -> None:
    source = Source("a.csv", tmp_path / "a.csv")
    source.path.write_bytes(content)

    found = read_one(source, tmp_path)

    assert fault_of(found) == (line, column, reason)
    assert not list(tmp_path.glob("parts/*.parquet"))


@pytest.mark.slow
def test_a_line_without_end_is_refused_without_holding_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("risk.reading._stream.CHUNK", 1 << 18)
    source = Source("a.csv", tmp_path / "a.csv")
    with source.path.open("wb") as file:
        file.write(f"{HEADER}\nacme,1,2,3,0\n".encode())
        file.truncate(1 << 26)

    content = read_one(source, tmp_path)

    assert fault_of(content) == (3, None, "has a line of more than 1 MiB")


def test_a_file_with_too_many_refused_rows_is_refused_and_lists_them(tmp_path: Path) -> None:
    rows = [f"c{i},{'x' if i < 10 else 1},2,3,0" for i in range(49)]
    source = write(tmp_path, "a.csv", HEADER, *rows)

    content = read_one(source, tmp_path)

    assert fault_of(content) == (2, "lastmonth_activity", "is not a number, and 10 of 49 rows (20 %) are refused")
    assert (content.n_read, content.n_refused, len(refusals_of(content, tmp_path))) == (49, 10, 10)


@pytest.mark.parametrize(("bad", "good"), [(10, 40), (9, 1)])
def test_a_file_with_few_refused_rows_keeps_its_good_ones(bad: int, good: int, tmp_path: Path) -> None:
    source = write(tmp_path, "a.csv", HEADER, *["c,x,2,3,0"] * bad, *["c,1,2,3,0"] * good)

    content = read_one(source, tmp_path)

    assert (content.fault, content.n_accepted, content.n_refused) == (None, good, bad)


def test_a_refused_file_leaves_nothing_in_the_part_that_it_shares(tmp_path: Path) -> None:
    bad = [f"c,{'x' if i % 2 else 1},2,3,0" for i in range(30)]
    sources = [
        write(tmp_path, "a.csv", HEADER, "a,1,2,3,0"),
        write(tmp_path, "b.csv", HEADER, *bad),
        write(tmp_path, "c.csv", HEADER, "c,1,2,3,0"),
    ]

    contents = read_all(sources, tmp_path)

    assert [content.n_accepted for content in contents if content] == [1, 0, 1]
    parts = list(tmp_path.glob("parts/*.parquet"))
    assert sum(duckdb.execute(f"select count(*) from '{part}'").fetchall()[0][0] for part in parts) == 2


def test_at_most_a_thousand_refused_rows_are_listed(tmp_path: Path) -> None:
    source = write(tmp_path, "a.csv", HEADER, *["c,x,2,3,0"] * 1200, *["c,1,2,3,0"] * 5000)

    content = read_one(source, tmp_path)

    assert (content.n_refused, len(refusals_of(content, tmp_path)), content.fault) == (1200, 1000, None)


def test_periods_of_a_file_are_all_months_or_all_dates(tmp_path: Path) -> None:
    schema = Schema(period="month")
    lines = ["a,2026-02,1,2,3,0", "b,2026-01,1,2,3,0", "c,2026-03-01,1,2,3,0", "d,2026-13,1,2,3,0", "e,,1,2,3,0"]
    source = write(tmp_path, "a.csv", HEADER.replace(",", ",month,", 1), *lines)

    content = read_one(source, tmp_path, schema)

    assert (content.first_period, content.last_period, content.n_accepted) == ("2026-01", "2026-02", 2)
    told = [(it.line, it.reason) for it in refusals_of(content, tmp_path)]
    assert told == [(4, "is a date (YYYY-MM-DD)"), (5, "is not a period"), (6, "is blank")]


def test_each_of_several_files_has_its_own_periods(tmp_path: Path) -> None:
    header = HEADER.replace(",", ",month,", 1)
    sources = [write(tmp_path, f"{m}.csv", header, f"a,2026-0{m},1,2,3,0", f"b,2026-0{m + 1},1,2,3,") for m in (1, 4)]

    contents = read_all(sources, tmp_path, Schema(period="month"))

    told = [(it.first_period, it.last_period, it.n_labelled) for it in contents if it]
    assert told == [("2026-01", "2026-02", 1), ("2026-04", "2026-05", 1)]


def test_outcomes_and_missing_markers_are_those_of_the_schema(tmp_path: Path) -> None:
    schema = Schema(
        target_values=TargetValues(("No", "it's fine"), ("Yes",)),
        missing=("?", "NA"),
        features={"n": Feature(), "t": Feature("categorical")},
    )
    lines = ["NA,?,NA,Yes", "b,1,x,No", "c,2,,it's fine", "d,3,?,?", "e,4,y,0"]
    source = write(tmp_path, "a.csv", "corporation,n,t,exited", *lines)

    content = read_one(source, tmp_path, schema)

    assert rows_of(content, tmp_path) == [
        ("NA", None, None, 1),
        ("b", 1, "x", 0),
        ("c", 2, None, 0),
        ("d", 3, None, None),
    ]
    assert [it.line for it in refusals_of(content, tmp_path)] == [6]


def test_a_whole_number_that_float64_changes_is_refused_beside_fractions(tmp_path: Path) -> None:
    source = write(tmp_path, "a.csv", HEADER, "a,0.5,2,3,0", "b,9007199254740993,2,3,0", "c,9007199254740992,2,3,0")

    content = read_one(source, tmp_path)

    assert [row[1] for row in rows_of(content, tmp_path)] == [0.5, 9007199254740992.0]
    assert [(it.line, it.reason) for it in refusals_of(content, tmp_path)] == [
        (3, "is not held exactly beside fractions")
    ]


def test_fractions_are_refused_wherever_they_follow_whole_numbers_that_float64_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("risk.reading._stream.CHUNK", 100)
    rows = ["a,9007199254740993,2,3,0", *["b,1,2,3,0"] * 50, "c,0.5,2,3,0"]
    source = write(tmp_path, "a.csv", HEADER, *rows)

    content = read_one(source, tmp_path)

    assert rows_of(content, tmp_path)[0][1] == 9007199254740993
    assert [(it.line, it.reason) for it in refusals_of(content, tmp_path)] == [(53, "is a fraction")]


def test_wide_whole_numbers_of_one_file_and_fractions_of_another_are_both_kept(tmp_path: Path) -> None:
    sources = [
        write(tmp_path, "a.csv", HEADER, "a,9007199254740993,2,3,0"),
        write(tmp_path, "b.csv", HEADER, "b,0.5,2,3,0"),
        write(tmp_path, "c.csv", HEADER, "c,9007199254740995,2,3,0"),
    ]

    contents = read_all(sources, tmp_path)

    assert [rows_of(it, tmp_path)[0][1] for it in contents if it] == [9007199254740993, 0.5, 9007199254740995]


def test_clients_that_differ_only_in_normal_form_are_kept_apart_with_a_warning(tmp_path: Path) -> None:
    source = write(tmp_path, "a.csv", HEADER, "caf\u00e9,1,2,3,0", "cafe\u0301,1,2,3,0", "Zoe\u0308,1,2,3,0")

    content = read_one(source, tmp_path)

    assert [row[0] for row in rows_of(content, tmp_path)] == ["caf\u00e9", "cafe\u0301", "Zoe\u0308"]
    assert content.warnings == ("1 client is told from another only by what cannot be seen (U+0301)",)


def test_a_file_over_the_cap_is_refused_unread(tmp_path: Path) -> None:
    source = write(tmp_path, "a.csv", HEADER, "acme,1,2,3,0")

    content = next(iter(reader.read([source], Schema(), tmp_path / "parts", size_cap=50)))[1]

    assert content
    assert content.digest == ""
    assert fault_of(content) == (None, None, f"has {source.path.stat().st_size} bytes")


def test_what_is_no_file_or_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "loop.csv").symlink_to(tmp_path / "loop.csv")
    (tmp_path / "folder.csv").mkdir()
    sources = [Source(name, tmp_path / name) for name in ("pipe.csv", "loop.csv", "folder.csv")]

    contents = read_all(sources, tmp_path)

    reasons = [fault_of(content)[2] for content in contents if content]
    assert reasons == [
        "is not a regular file",
        "cannot be read (Too many levels of symbolic links)",
        "is not a regular file",
    ]


def test_a_file_that_vanished_is_left_for_the_next_run(tmp_path: Path) -> None:
    there = write(tmp_path, "b.csv", HEADER, "b,1,2,3,0")

    contents = read_all([Source("a.csv", tmp_path / "a.csv"), there], tmp_path)

    assert contents[0] is None
    assert contents[1]
    assert contents[1].n_accepted == 1


def test_a_file_that_changes_while_it_is_read_is_left_for_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write(tmp_path, "a.csv", HEADER, *["acme,1,2,3,0"] * 2000)
    really_read = os.read

    def read_and_append(descriptor: int, size: int) -> bytes:
        found = really_read(descriptor, size)
        with source.path.open("ab") as file:
            file.write(b"late,1,2,3,0\n" if found else b"")
        return found if source.path.stat().st_size < 50_000 else b""

    monkeypatch.setattr("os.read", read_and_append)
    contents = read_all([source], tmp_path)

    assert contents == [None]
    assert not list(tmp_path.glob("parts/*.parquet"))


def test_nothing_unfinished_remains(tmp_path: Path) -> None:
    sources = [
        write(tmp_path, "a.csv", HEADER, "a,1,2,3,0", "b,x,2,3,0"),
        write(tmp_path, "b.csv", HEADER, *["a,1,2,3,0"] * 3, "a,1.5,2,3,0", "b,1,2,3,9"),
    ]

    read_all(sources, tmp_path)

    assert not [path.name for path in (tmp_path / "parts").iterdir() if path.name.startswith(UNFINISHED)]


def test_every_file_is_durable_before_it_gets_its_name_and_the_folder_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = [
        write(tmp_path, f"{i}.csv", HEADER, f"{quote}a{quote},1,2,3,0", "b,x,2,3,0")
        for i, quote in enumerate(("", '"'))
    ]
    (tmp_path / "parts").mkdir()
    done: list[str] = []
    fsync, rename = os.fsync, os.rename

    def named(descriptor: int) -> None:
        done.append(f"fsync {Path(os.readlink(f'/proc/self/fd/{descriptor}')).name}")
        fsync(descriptor)

    def renamed(old: Path, new: Path) -> None:
        done.append(f"rename {old.name}")
        rename(old, new)

    monkeypatch.setattr("os.fsync", named)
    monkeypatch.setattr("os.rename", renamed)
    read_all(sources, tmp_path)

    renames = [what.removeprefix("rename ") for what in done if what.startswith("rename ")]
    assert len(renames) == 3
    assert done == [*(f"{what} {name}" for name in renames for what in ("fsync", "rename")), "fsync parts"]


def test_a_full_disk_is_one_error_and_leaves_nothing_unfinished(tmp_path: Path) -> None:
    source = write(tmp_path, "a.csv", HEADER, "acme,1,2,3,0")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(DiskError, match="DuckDB refused"):
            read_all([source], tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert list((tmp_path / "parts").iterdir()) == []


def test_what_duckdb_refuses_is_a_fault_of_the_disk_not_of_the_file(tmp_path: Path) -> None:
    source = write(tmp_path, "a.csv", HEADER, "acme,1,2,3,0")
    read_one(source, tmp_path)
    part = next(tmp_path.glob("parts/*.parquet"))
    part.write_bytes(b"no part")

    with pytest.raises(DiskError, match="DuckDB refused"):
        read_one(source, tmp_path)
