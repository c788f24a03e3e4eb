"""Tables in declared formats: the same rows as their plain CSV gives, refusals as the file writes them."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk.reading import reader
from risk.reading.reader import Content, Refusal, Source, read_frame
from risk.settings.schema import Feature, Schema
from risk.settings.table_format import Format
from tests.reading.test_reader import refusals_of, rows_of

NAMES = ["corporation", "month", "n", "x", "kind", "exited"]
ROWS = [
    ["acme", "2026-01-31", "1234", "1234.5", "big", "0"],
    ["Müller", "2026-01-31", "-7", "-0.25", "", "1"],
    ["o'hara", "2026-02-28", "", "12", "a b", ""],
]
GERMAN = Format(delimiter=";", decimal=",", thousands=".", encoding="cp1252", dates="%d.%m.%Y", units=("€", "%"))


def schema_of(form: Format, **more: Any) -> Schema:
    schema = Schema(period="month", features={"n": Feature(), "x": Feature(), "kind": Feature("categorical")}, **more)
    object.__setattr__(schema, "format", form)
    return schema


def text_of(
    rows: list[list[str]], form: Format, *, names: list[str] = NAMES, before: str = "", after: str = ""
) -> bytes:
    """Return the rows as a program would write them that writes as the format says."""
    written = io.StringIO()
    quoting = csv.QUOTE_MINIMAL if form.quote else csv.QUOTE_NONE
    lines = csv.writer(
        written, delimiter=form.delimiter, quotechar=form.quote or None, quoting=quoting, lineterminator="\r\n"
    )
    lines.writerow(names)
    for client, month, *numbers, kind, left in rows:
        year, number, day = month.split("-")
        date = form.dates.replace("%d", day).replace("%m", number).replace("%Y", year)
        lines.writerow([client, date, *(number_of(it, form) for it in numbers), kind, left])
    return (before + written.getvalue() + after).encode(form.encoding)


def number_of(text: str, form: Format) -> str:
    whole, point, fraction = text.partition(".")
    if form.thousands and len(whole.strip("-")) > 3:
        whole = f"{int(whole):,}".replace(",", form.thousands)
    return f"{whole}{form.decimal if point else ''}{fraction}" + (f" {form.units[0]}" if text and form.units else "")


def read_one(folder: Path, name: str, content: bytes, schema: Schema) -> Content:
    path = folder / name
    path.write_bytes(content)
    ((_, found),) = reader.read([Source(name, path)], schema, folder / "parts", size_cap=1 << 30)
    assert found
    return found


def expected_rows(folder: Path) -> list[tuple[object, ...]]:
    content = read_one(folder, "plain.csv", text_of(ROWS, Format()), schema_of(Format()))
    assert content.n_accepted == len(ROWS)
    return rows_of(content, folder)


DIALECTS = [
    GERMAN,
    Format(delimiter=";", decimal=",", dates="%d.%m.%Y"),
    Format(delimiter="\t", encoding="utf-16"),
    Format(delimiter="|", quote="'", dates="%m/%d/%Y", encoding="utf-16-le"),
    Format(delimiter=";", quote="", thousands="'", dates="%Y%m%d"),
    Format(decimal=",", thousands=" ", units=("EUR",), encoding="utf-8-sig"),
]


@pytest.mark.parametrize("form", DIALECTS)
@pytest.mark.parametrize("chunk", [16, 1 << 20])
def test_every_dialect_gives_the_rows_of_the_plain_file(
    form: Format, chunk: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = expected_rows(tmp_path)
    monkeypatch.setattr("risk.reading._stream.CHUNK", chunk)

    content = read_one(tmp_path, "a.csv", text_of(ROWS, form), schema_of(form))

    assert (content.fault, refusals_of(content, tmp_path)) == (None, [])
    assert rows_of(content, tmp_path) == expected


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as archive:
        for name, inside in members.items():
            archive.writestr(name, inside)
    return content.getvalue()


@pytest.mark.parametrize("chunk", [16, 1 << 20])
@pytest.mark.parametrize("form", [Format(), GERMAN])
def test_compressed_files_give_the_rows_of_what_is_inside(
    form: Format, chunk: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected, text = expected_rows(tmp_path), text_of(ROWS, form)
    tabs = text_of(ROWS, Format(delimiter="\t", decimal=form.decimal, encoding=form.encoding, dates=form.dates))
    half = len(text) // 2
    monkeypatch.setattr("risk.reading._stream.CHUNK", chunk)
    files = {
        "a.csv.gz": gzip.compress(text),
        "b.TXT.GZ": gzip.compress(text[:half]) + gzip.compress(text[half:]) + bytes(512),
        "c.zip": zipped({"table.csv": text}),
        "d.zip": zipped({"exports/": b"", "exports/table.tsv": tabs, "__MACOSX/table.tsv": b"x"}),
        "e.tsv": tabs,
    }

    contents = [read_one(tmp_path, name, content, schema_of(form)) for name, content in files.items()]

    assert [it.fault for it in contents] == [None] * len(files)
    assert [rows_of(it, tmp_path) for it in contents] == [expected] * len(files)


def test_lines_before_the_header_and_after_the_rows_are_passed_over(tmp_path: Path) -> None:
    form = Format(delimiter=";", header_row=4, skip_footer=2)
    before, after = 'Clients;of 2026\r\n\r\n"odd\r\n', '\r\nTotal;;1227;;"\r\n\r\n'
    rows = [*ROWS, ["late", "2026-02-30", "1", "1", "", "0"]]

    content = read_one(tmp_path, "a.csv", text_of(rows, form, before=before, after=after), schema_of(form))

    assert rows_of(content, tmp_path) == expected_rows(tmp_path)
    assert [(it.line, it.column) for it in refusals_of(content, tmp_path)] == [(8, "month")]


def test_a_refusal_shows_the_text_of_the_file_and_the_declared_form(tmp_path: Path) -> None:
    content = read_one(tmp_path, "a.csv", text_of(ROWS, GERMAN) + b"a;31.02.2026;1.23,4;x;;\r\n" * 1, schema_of(GERMAN))
    numbers = read_one(tmp_path, "b.csv", text_of(ROWS, GERMAN) + b"a;28.02.2026;1.23,4;;;\r\n", schema_of(GERMAN))

    assert refusals_of(content, tmp_path) == [
        Refusal(5, "month", "31.02.2026", "is not a period", "31.12.2026 or a date (YYYY-MM-DD)")
    ]
    assert refusals_of(numbers, tmp_path) == [Refusal(5, "n", "1.23,4", "is not a number", "a number such as 1.234,5")]


@pytest.mark.parametrize(
    ("text", "form", "kept"),
    [
        ("1.234,5", GERMAN, 1234.5), ("1234,5", GERMAN, 1234.5), ("12.345.678", GERMAN, 12345678), ("-5 €", GERMAN, -5),
        ("€ -5", GERMAN, -5), ("12,5%", GERMAN, 12.5), ("1\u00a0234,5", Format(decimal=",", thousands=" "), 1234.5),
        ("1\u2019234.5", Format(thousands="'"), 1234.5), 
        ("-$1,234.50", Format(thousands=",", units=("$",)), -1234.5),
        ("1.23,4", GERMAN, None), ("1234.567,8", GERMAN, None), ("1.234.5", GERMAN, None), ("1,234.5", GERMAN, None),
        ("5 kg", GERMAN, None), ("5 € %", GERMAN, None), ("--5", GERMAN, None), ("007", GERMAN, None),
        (".123,4", GERMAN, None), ("0.123", GERMAN, None), ("1,", GERMAN, None), ("٣", GERMAN, None),
        ("-0 €", GERMAN, 0), ("-0,0", GERMAN, 0),
        ("12.5", Format(delimiter=";", decimal=","), None), ("12.5", Format(decimal=","), None),
    ],
)  # fmt: skip
def test_a_number_is_read_strictly_as_declared(text: str, form: Format, kept: float | None, tmp_path: Path) -> None:
    form = Format(**{**vars_of(form), "encoding": "utf-8"})
    lines = text_of([ROWS[0]], form).decode() + form.delimiter.join(["b", "2026-01-31", f'"{text}"', "", "", ""]) + "\n"
    bare = lines.replace('"', "") if form.delimiter == ";" else lines

    contents = [
        read_one(tmp_path, f"{it}.csv", text.encode(), schema_of(form)) for it, text in enumerate((lines, bare))
    ]

    for content in contents:
        assert [row[2] for row in rows_of(content, tmp_path)][1:] == ([] if kept is None else [kept])
        assert [it.value for it in refusals_of(content, tmp_path)] == ([text] if kept is None else [])


def vars_of(form: Format) -> dict[str, Any]:
    return {name: getattr(form, name) for name in form.__dataclass_fields__}


@pytest.mark.parametrize(
    ("content", "form", "told"),
    [
        (text_of(ROWS, Format(delimiter=";")), Format(), 'format.delimiter ";" would read it'),
        (text_of(ROWS, Format(delimiter="\t")), Format(), 'format.delimiter "\\t" would read it'),
        (text_of(ROWS, Format()), Format(delimiter=";"), 'format.delimiter "," would read it'),
        (text_of(ROWS, Format(encoding="cp1252")), Format(), 'format.encoding, such as "cp1252", would read it'),
        (text_of(ROWS, Format(encoding="utf-16")), Format(), 'format.encoding "utf-16" would read it'),
        (text_of(ROWS, Format()), Format(encoding="cp1252"), 'format.encoding "utf-8" would read it'),
        (text_of(ROWS, Format()), Format(encoding="ascii"), "line 3: is not ascii (byte 0xC3)"),
        (text_of(ROWS, Format(), before="Clients\n\n"), Format(), "format.header_row 3 would read it"),
        (text_of(ROWS * 9, Format(dates="%d.%m.%Y")), Format(), 'format.dates "%d.%m.%Y" would read it'),
        (text_of(ROWS[:2] * 9, Format(decimal=",")), Format(), 'format.decimal "," would read it'),
        (text_of(ROWS[:2] * 9, Format(units=("€",))), Format(), 'format.units ["€"] would read it'),
        (text_of(ROWS[:1] * 18, Format(thousands="'")), Format(), 'format.thousands "\'" would read it'),
        (text_of(ROWS, Format(), names=["Kunde", *NAMES[1:]]), Format(), "schema.names takes other names of a column"),
        (gzip.compress(b"x", mtime=0), Format(), "a name that ends in .csv.gz"),
    ],
)  # fmt: skip
def test_a_file_of_another_dialect_is_refused_with_the_setting_that_would_read_it(
    content: bytes, form: Format, told: str, tmp_path: Path
) -> None:
    found = read_one(tmp_path, "a.csv", content, schema_of(form))

    assert found.fault
    assert found.n_accepted == 0
    assert told in f"{found.fault.place}{found.fault.reason}; expected {found.fault.expected}"


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.csv.gz", gzip.compress(text_of(ROWS, Format()), mtime=0)[:-12], "is cut off (gzip)"),
        ("a.csv.gz", gzip.compress(text_of(ROWS, Format()), mtime=0)[:-8] + bytes(8), "is damaged, or no gzip"),
        ("a.csv.gz", text_of(ROWS, Format()), "is damaged, or no gzip"),
        ("a.csv.gz", gzip.compress(text_of(ROWS, Format()) * 20_000, mtime=0), "holds more than 2,000,000 bytes"),
        ("a.csv.gz", b"", "is cut off (gzip)"),
        ("a.zip", zipped({"a.csv": b"x", "b.csv": b"y"}), "holds 2 files"),
        ("a.zip", zipped({}), "holds 0 files"),
        ("a.zip", zipped({"../a.csv": b"x"}), "name leaves the archive"),
        ("a.zip", zipped({"/a.csv": b"x"}), "name leaves the archive"),
        ("a.zip", zipped({"a.exe": b"x"}), "holds a file of another kind"),
        ("a.zip", zipped({"a.csv": text_of(ROWS, Format()) * 20_000}), "holds more than 2,000,000 bytes"),
        ("a.zip", zipped({"a.csv": b"acme"}, zipfile.ZIP_STORED).replace(b"acme", b"acne"), "is damaged"),
        ("a.zip", zipped({"a.csv": text_of(ROWS, Format())})[:-30], "is damaged, or no zip file"),
        ("a.zip", b"PK\x03\x04", "is damaged, or no zip file"),
    ],
)  # fmt: skip
def test_a_damaged_or_hostile_file_is_refused_whole(name: str, content: bytes, told: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)

    ((_, found),) = reader.read([Source(name, path)], schema_of(Format()), tmp_path / "parts", size_cap=2_000_000)

    assert found
    assert found.fault
    assert told in found.fault.reason
    assert found.n_accepted == 0


def test_the_digest_is_that_of_the_bytes_and_the_rest_follows_from_them(tmp_path: Path) -> None:
    content, schema = gzip.compress(text_of(ROWS, GERMAN)), schema_of(GERMAN)

    once, again = read_one(tmp_path, "a.csv.gz", content, schema), read_one(tmp_path, "b.csv.gz", content, schema)

    assert once.digest == reader.read_frame(tmp_path / "a.csv.gz", schema)[1].digest
    assert (once.digest, once.slices) == (again.digest, again.slices)


def test_a_column_may_have_another_name_in_some_files(tmp_path: Path) -> None:
    schema = schema_of(Format(), names={"corporation": ("Kunde", "client_id"), "x": ("Umsatz",)})
    renamed = text_of(ROWS, Format(), names=["client_id", "month", "n", "Umsatz", "kind", "exited"])
    both = text_of(ROWS, Format()).replace(b"exited", b"exited,Kunde")
    twice = read_one(tmp_path, "b.csv", both, schema)

    content = read_one(tmp_path, "a.csv", renamed, schema)

    assert rows_of(content, tmp_path) == expected_rows(tmp_path)
    assert twice.fault
    assert (twice.fault.column, twice.fault.reason) == ("corporation", "has 2 columns, corporation and Kunde")


texts = st.text(st.characters(codec="cp1252", exclude_characters="\x00", exclude_categories=["Cc", "Cs"]), max_size=8)
clients = texts.map(lambda it: f"k{it}").map(lambda it: re.sub(" +", " ", it).strip())
numbers = st.one_of(
    st.just(""), st.integers(-(10**7), 10**7).map(str), st.decimals(-9999, 9999, places=2).map(str)
).map(lambda it: "0" if it in ("-0", "-0.00") else it)
dates = st.dates().map(lambda it: f"{it.isoformat()}")
ROW = st.tuples(clients, dates, numbers, numbers, texts.map(str.strip), st.sampled_from(["0", "1", ""]))
forms = st.builds(
    Format,
    delimiter=st.sampled_from(",;\t|"),
    decimal=st.sampled_from(".,"),
    encoding=st.sampled_from(["utf-8", "cp1252", "utf-16"]),
    dates=st.sampled_from(["%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d-%m-%Y", "%Y%m%d"]),
    thousands=st.sampled_from(["", " ", "'"]),
)


@pytest.mark.slow
@given(rows=st.lists(ROW), form=forms)
@settings(deadline=None)
def test_a_table_in_any_dialect_gives_exactly_the_rows_of_its_plain_file(
    rows: list[tuple[str, ...]], form: Format, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder, lists = tmp_path_factory.mktemp("dialect"), [list(row) for row in rows]
    plain, other = folder / "plain.csv", folder / "other.csv"
    plain.write_bytes(text_of(lists, Format()))
    other.write_bytes(text_of(lists, form))

    expected, found = read_frame(plain, schema_of(Format())), read_frame(other, schema_of(form))

    assert found[0].equals(expected[0])
    assert (found[1].n_refused, found[1].fault is None) == (expected[1].n_refused, expected[1].fault is None)
