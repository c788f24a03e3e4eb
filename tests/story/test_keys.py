"""Keys that collide or split: rows read are rows kept and rows told about, whichever way a file is read."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from risk.reading import _stream
from risk.reading.reader import Content, Source, read_frame, warnings_of
from risk.settings.schema import Feature, Schema
from tests.exactly import exact_rows
from tests.reading.test_reader import HEADER, fault_of, read_all, read_one, refusals_of, rows_of, write

MONTHLY = Schema(period="month", features={"n": Feature(), "x": Feature()})
MONTHS = "corporation,month,n,x,exited"
PLAIN, QUOTED, CHUNKS = "plain", "quoted", "in chunks"
EVERY = 4  # of the files of a table so many are read for the gate too


@pytest.fixture(params=[PLAIN, QUOTED, CHUNKS])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How the rows are read: proven plain by their bytes, one by one, or in many chunks."""
    if request.param == CHUNKS:
        monkeypatch.setattr("risk.reading._stream.CHUNK", 64)
    return str(request.param)


def given(folder: Path, way: str, *lines: str, name: str = "a.csv") -> Source:
    """Write a file; of one that is read row by row, the first field of each line has quotes."""
    quoted = ('"{}",{}'.format(*line.split(",", 1)) if way == QUOTED and '"' not in line else line for line in lines)
    source = write(folder, name, *quoted)
    if way == CHUNKS:  # a dozen of them, or more of a small file; the fixture puts the size back
        _stream.CHUNK = max(64, source.path.stat().st_size // 12)
    return source


def each(folder: Path, way: str, files: Iterable[Sequence[str]], schema: Schema | None = None) -> list[Content]:
    """Write the files, read them one after the other, and compare each with the exact reading."""
    sources = [given(folder, way, *lines, name=f"{number}.csv") for number, lines in enumerate(files)]
    contents = [it for it in read_all(sources, folder, schema) if it]
    assert len(contents) == len(sources)
    for number, (source, content) in enumerate(zip(sources, contents, strict=True)):
        if not content.fault:
            assert_same_exactly(source, schema or Schema(), content, folder, frame=number % EVERY == 0)
    return contents


def told(content: Content, folder: Path) -> list[tuple[int | None, str]]:
    return [(it.line, it.reason) for it in refusals_of(content, folder)]


def assert_same_exactly(source: Source, schema: Schema, content: Content, folder: Path, *, frame: bool = True) -> None:
    rows, reading = exact_rows(source.path, schema)
    clients = [row[0] for row in rows]
    assert clients == [row[0] for row in rows_of(content, folder)]
    if frame:
        assert clients == read_frame(source.path, schema)[0][schema.client].tolist()
    assert warnings_of(reading, set(clients)) == content.warnings
    assert (reading.n_read, len(rows), reading.n_refused) == (content.n_read, content.n_accepted, content.n_refused)


# --- ids that a spreadsheet rounded -----------------------------------------------------------------------------------


SPOILED = [
    *("6.00054E+14", '"6,00054E+14"', "1.2E5", "4.5e+10", "6E+14", "1e+16", "-1.5E+09", "1.23E-05", "6.0E14"),
    *("+6E14", "'6.00054E+14", "6.00054E 14", "6\u066b00054E+14", "6.00054\u00d710^14", "6\u00b710\u00b9\u2074"),
    *("\uff16\uff0e\uff10\uff10\uff10\uff15\uff14\uff25\uff0b\uff11\uff14", "6.5*10^14", "\u22126E+14"),
    *("#####", "#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!", "##", "#NV", "#BEZUG!"),
]
HONEST = [
    *("3E5", "12E3", "4e10", "E+5", "1.2", "1.2.3", "A1.5E+3B", "#1", "#A12", "C#", "a+b", "00012", "1E5F"),
    *("2x10", "A\u00d7B", "10^5", "'t Hart", "E 14", "Inf", "NA", "\uff21\uff11"),
    *("12E-3", "acme.com", "123.0", "# 5", "#hash", "a#N/A", "#Acme"),
]


@pytest.mark.slow
def test_an_id_that_a_spreadsheet_spoiled_is_refused_by_line(way: str, tmp_path: Path) -> None:
    files = [[HEADER, "a,1,2,3,0", f"{client},1,2,3,0", "b,1,2,3,1"] for client in SPOILED]

    contents = each(tmp_path, way, files)

    for client, content in zip(SPOILED, contents, strict=True):
        assert [row[0] for row in rows_of(content, tmp_path)] == ["a", "b"], client
        found = [(it.line, it.column, it.value) for it in refusals_of(content, tmp_path)]
        assert found == [(3, "corporation", client.strip('"'))]


@pytest.mark.slow
def test_an_id_that_may_be_honest_is_kept(way: str, tmp_path: Path) -> None:
    files = [[HEADER, "a,1,2,3,0", f"{client},1,2,3,0", "b,1,2,3,1"] for client in HONEST]

    contents = each(tmp_path, way, files)

    for client, content in zip(HONEST, contents, strict=True):
        assert [row[0] for row in rows_of(content, tmp_path)] == ["a", client, "b"]
        assert (content.n_refused, content.warnings) == (0, ()), client


def test_a_file_of_rounded_ids_is_refused_whole_without_naming_one(tmp_path: Path) -> None:
    rows = [f"{6 + i % 9}.00054E+14,{i},2,3,{i % 2}" for i in range(400)]
    source = write(tmp_path, "a.csv", HEADER, *rows)

    content = read_one(source, tmp_path)

    assert (content.n_read, content.n_accepted, content.n_refused) == (400, 0, 400)
    assert fault_of(content) == (
        2,
        "corporation",
        "is a number that a spreadsheet rounded, and 400 of 400 rows (100 %) are refused",
    )
    assert content.fault
    assert content.fault.value is None


@pytest.mark.slow
@pytest.mark.parametrize(("ending", "n_long", "is_told"), [("0", 20, True), ("0", 19, False), ("5", 20, False)])
def test_long_ids_that_all_end_in_zeros_are_warned_about(
    ending: str, n_long: int, is_told: bool, way: str, tmp_path: Path
) -> None:
    ids = ["c1", f"700054000000001{ending}", *(f"7000540000000{i}0" for i in range(11, 10 + n_long))]
    source = given(tmp_path, way, HEADER, *(f"{it},1,2,3,0" for it in ids))

    content = read_one(source, tmp_path)

    assert content.n_accepted == n_long + 1
    assert any("20 ids have more than 15 digits" in warning for warning in content.warnings) == is_told
    assert_same_exactly(source, Schema(), content, tmp_path)


# --- one client and period twice --------------------------------------------------------------------------------------


def test_opposite_outcomes_of_a_client_and_period_are_refused_and_both_lines_named(way: str, tmp_path: Path) -> None:
    rows = ["a,2026-01,1,2.5,0", "b,2026-01,9,2,1", "c,2026-01,3,2,0", "b,2026-02,9,2,0", "b,2026-01,9,2,0"]
    source = given(tmp_path, way, MONTHS, *rows)

    content = read_one(source, tmp_path, MONTHLY)

    assert [row[:2] for row in rows_of(content, tmp_path)] == [("a", "2026-01"), ("c", "2026-01"), ("b", "2026-02")]
    assert (content.n_read, content.n_accepted, content.n_refused, content.n_labelled) == (5, 3, 2, 3)
    assert told(content, tmp_path) == [
        (3, "has the opposite outcome in line 6, for the same client and period"),
        (6, "has the opposite outcome in line 3, for the same client and period"),
    ]
    assert content.warnings == ()
    assert_same_exactly(source, MONTHLY, content, tmp_path)


def test_every_row_of_more_than_two_outcomes_is_refused(way: str, tmp_path: Path) -> None:
    rows = [f"b,2026-01,{i},2,{i % 2}" for i in range(9)]
    fill = [f"c{i},2026-01,3,2,0" for i in range(40)]
    source = given(tmp_path, way, MONTHS, *rows, *fill)

    content = read_one(source, tmp_path, MONTHLY)

    assert [it.line for it in refusals_of(content, tmp_path)] == list(range(2, 11))
    assert told(content, tmp_path)[0][1] == (
        "has the opposite outcome in lines 3, 5, 7 and 1 more, for the same client and period"
    )
    assert (content.n_read, content.n_accepted, content.n_refused) == (49, 40, 9)


def test_files_that_share_a_part_are_each_looked_at_alone(tmp_path: Path) -> None:
    sources = [
        write(tmp_path, "a.csv", MONTHS, "a,2026-01,1,2,0", "b,2026-01,1,2,0"),
        write(tmp_path, "b.csv", MONTHS, "a,2026-01,1,2,1", "b,2026-01,1,2,0", "b,2026-01,1,2,1"),
        write(tmp_path, "c.csv", MONTHS, "b,2026-01,1,2,1", "c,2026-01,1,2,", "c,2026-01,1,2,1"),
    ]

    contents = [it for it in read_all(sources, tmp_path, MONTHLY) if it]

    assert [(it.n_read, it.n_accepted, it.n_refused) for it in contents] == [(2, 2, 0), (3, 1, 2), (3, 3, 0)]
    assert [[row[0] for row in rows_of(it, tmp_path)] for it in contents] == [["a", "b"], ["a"], ["b", "c", "c"]]
    assert [bool(it.warnings) for it in contents] == [False, False, True]


@pytest.mark.slow
@pytest.mark.parametrize(("first", "second"), [("0", "0"), ("1", "1"), ("", "1"), ("0", ""), ("", "")])
def test_other_figures_without_opposite_outcomes_are_warned_about(
    first: str, second: str, way: str, tmp_path: Path
) -> None:
    rows = [f"a,2026-01,1,2,{first}", "b,2026-01,1,2,0", "b,2026-02,1,2,1", f"a,2026-01,5,2,{second}"]
    source = given(tmp_path, way, MONTHS, *rows)

    content = read_one(source, tmp_path, MONTHLY)

    assert (content.n_read, content.n_accepted, content.n_refused) == (4, 4, 0)
    assert content.warnings == ("1 row repeats a client and period of this file: of each, the last counts",)
    assert_same_exactly(source, MONTHLY, content, tmp_path)


def test_without_a_period_rows_of_one_client_are_kept_and_their_number_is_told(way: str, tmp_path: Path) -> None:
    rows = ["a,1,2,3,0", "b,1,2,3,1", "a,1,2,3,1", "a,7,2,3,1"]
    source = given(tmp_path, way, HEADER, *rows)

    content = read_one(source, tmp_path)

    assert (content.n_accepted, content.n_refused) == (4, 0)
    assert content.warnings == (
        "2 rows are of clients who have an earlier row in this file: without a period, each that differs is kept",
    )
    assert_same_exactly(source, Schema(), content, tmp_path)


def test_many_conflicts_refuse_a_file_whole(way: str, tmp_path: Path) -> None:
    rows = [f"c{i % 20},2026-01,{i},2,{i // 20}" for i in range(40)]
    source = given(tmp_path, way, MONTHS, *rows)

    content = read_one(source, tmp_path, MONTHLY)

    assert content.fault
    assert content.fault.reason.endswith("and 40 of 40 rows (100 %) are refused")
    assert (content.n_read, content.n_accepted, content.n_refused) == (40, 0, 40)


# --- a last line of totals --------------------------------------------------------------------------------------------

CLIENTS = [f"c{i},{7 * i + 3},{100 + 13 * i},{i % 5},{i % 2}" for i in range(12)]
SUMS = (sum(7 * i + 3 for i in range(12)), sum(100 + 13 * i for i in range(12)), sum(i % 5 for i in range(12)))


@pytest.mark.slow
@pytest.mark.parametrize("outcome", ["", "6", "1"])
def test_a_last_line_of_sums_is_refused_as_a_total(outcome: str, way: str, tmp_path: Path) -> None:
    names = ("Total", "Summe", "Sum", "Grand total", "c99", "", "Gesamt:")
    files = [[HEADER, *CLIENTS, "{},{},{},{},{}".format(name, *SUMS, outcome)] for name in names]

    contents = each(tmp_path, way, files)

    for name, content in zip(names, contents, strict=True):
        assert told(content, tmp_path) == [(14, "is a total: its figures are the sums of the rows before")], name
        assert (content.n_read, content.n_accepted, content.n_refused) == (13, 12, 1), name


@pytest.mark.slow
@pytest.mark.parametrize(
    "figures", [f"{SUMS[0]},{SUMS[1]},12", f"12,{SUMS[1]},{SUMS[2]}", f",{SUMS[1]},", f"{SUMS[0]},{SUMS[1]},"]
)
def test_a_total_may_hold_a_count_or_a_blank(figures: str, way: str, tmp_path: Path) -> None:
    source = given(tmp_path, way, HEADER, *CLIENTS, f"Total,{figures},")

    content = read_one(source, tmp_path)

    assert [it.line for it in refusals_of(content, tmp_path)] == [14]


@pytest.mark.slow
def test_a_total_of_decimals_may_be_rounded(way: str, tmp_path: Path) -> None:
    rows = [f"c{i},2026-01,{i},{i * 10.37 + 0.125:.3f},0" for i in range(1, 30)]
    total = sum(i * 10.37 + 0.125 for i in range(1, 30))
    sources = [
        given(tmp_path, way, MONTHS, *rows, f"All,2026-01,435,{shown},", name=f"{k}.csv")
        for k, shown in enumerate((f"{total:.3f}", f"{total:.1f}", f"{total:.0f}", f"{total + 0.2:.3f}"))
    ]

    contents = [it for it in read_all(sources, tmp_path, MONTHLY) if it]

    assert [it.n_refused for it in contents] == [1, 1, 1, 0]


def test_a_total_counts_rows_that_are_refused_and_stands_before_blank_lines(way: str, tmp_path: Path) -> None:
    rows = [*CLIENTS, "c98,5,5,5,maybe"]
    sums = (SUMS[0] + 5, SUMS[1] + 5, SUMS[2] + 5)
    source = given(tmp_path, way, HEADER, *rows, "Total,{},{},{},".format(*sums), ",,,,", ",,,,")

    content = read_one(source, tmp_path)

    assert [it.line for it in refusals_of(content, tmp_path)] == [14, 15]
    assert refusals_of(content, tmp_path)[1].reason.startswith("is a total")
    assert content.warnings == ("2 blank lines of separators are skipped",)


@pytest.mark.parametrize(
    "rows",
    [
        ["a,1,2,3,0", "b,2,3,4,1", "c,3,5,7,0"],  # two rows before: chance
        [*[f"c{i},0,0,0,0" for i in range(30)], "d,0,0,0,1"],
        [*[f"c{i},0,{i % 2 * 0},{i == 3:d},0" for i in range(30)], "d,0,0,1,1"],
        [*CLIENTS, "c50,999,12,4,0"],
        [*CLIENTS, "c50,,,,"],
        [*CLIENTS, "Total,{},{},{},0".format(*SUMS), "c50,9,12,4,0"],  # not the last
    ],
)
def test_a_last_line_that_may_be_a_client_is_kept(rows: list[str], way: str, tmp_path: Path) -> None:
    source = given(tmp_path, way, HEADER, *rows)

    content = read_one(source, tmp_path)

    assert (content.n_accepted, content.n_refused) == (len(rows), 0)


MANY = [f"c{i},2026-01,{40 + 7 * i % 83},{90 + 31 * i % 157},{i % 2}" for i in range(300)]
N = sum(int(row.split(",")[2]) for row in MANY)
X = sum(int(row.split(",")[3]) for row in MANY)
HALF = [sum(int(row.split(",")[place]) for row in MANY[:140]) for place in (2, 3)]
GROUPS = f"North,2026-01,{HALF[0]},{HALF[1]},", f"South,2026-01,{N - HALF[0]},{X - HALF[1]},"


TOTALS = [
    [f"Total,2026-01,{N},{X / 300:.2f},"],
    [f"Total,2026-01,{round(N / 300)},{X},"],
    [*GROUPS, f"Grand,2026-01,{N},{X},"],
    [*GROUPS, f"Grand,2026-01,{2 * N},{2 * X},"],
    [f"Total,2026-01,{N},{X},", f"Average,2026-01,{N / 300:.1f},{X / 300:.3f},"],
    [f"Average,2026-01,{N / 300:.4f},{X / 300:.0f},", f"Total,2026-01,{N},{X},"],
    [f"Total,2026-01,{N},{X},", f"Total,2026-01,{N},{X},"],
    [f"Total,2026-01,{N},{X},", f"Grand,2026-01,{2 * N},{2 * X},"],
    [f"Summe,2026-01,{N // 1000}.{N % 1000:03},{X // 1000}.{X % 1000:03},"],
    [*GROUPS, f"Grand,2026-01,{N},{X},", "Number,2026-01,300,300,", f"Mean,2026-01,{N / 300:.2f},,"],
]
LAST_CLIENTS = [
    [f"big,2026-01,{N + 1},{X},0"],
    [f"big,2026-01,{N},50,0"],
    [f"big,2026-01,{2 * N},{2 * X},1"],
    [f"big,2026-01,{N},{X - 1},0", f"c300,2026-01,{round(N / 300)},{round(X / 300)},0"],
    [f"mean,2026-01,{round(N / 300)},{round(X / 300)},0"],
    ["count,2026-01,300,300,0"],
    [*GROUPS, f"big,2026-01,{N},{X + 7},0"],
    [*GROUPS, "b,2026-01,,,"],
]


@pytest.mark.slow
def test_totals_of_every_kind_at_the_end_are_no_clients(way: str, tmp_path: Path) -> None:
    contents = each(tmp_path, way, ([MONTHS, *MANY, *totals] for totals in TOTALS), MONTHLY)

    for totals, content in zip(TOTALS, contents, strict=True):
        lines = list(range(302, 302 + len(totals)))
        assert [it.line for it in refusals_of(content, tmp_path)] == lines, totals
        assert (content.n_read, content.n_accepted) == (300 + len(totals), 300), totals


@pytest.mark.slow
def test_last_lines_that_no_sum_explains_are_clients(way: str, tmp_path: Path) -> None:
    contents = each(tmp_path, way, ([MONTHS, *MANY, *last] for last in LAST_CLIENTS), MONTHLY)

    found = [(content.n_accepted, content.n_refused) for content in contents]
    assert found == [(300 + len(last), 0) for last in LAST_CLIENTS]


@pytest.mark.slow
def test_a_total_is_found_before_a_remark(way: str, tmp_path: Path) -> None:
    source = given(tmp_path, way, MONTHS, *MANY, f"Total,2026-01,{N},{X},", "printed today,2026-01,,,")

    content = read_one(source, tmp_path, MONTHLY)

    assert [it.line for it in refusals_of(content, tmp_path)] == [302]
    assert_same_exactly(source, MONTHLY, content, tmp_path)


@pytest.mark.slow
def test_a_total_in_the_last_lines_takes_no_client_before_it_along(way: str, tmp_path: Path) -> None:
    sources = [
        given(tmp_path, way, MONTHS, *MANY, last, f"Total,2026-01,{N + n},{X + x},", name=f"{k}.csv")
        for k, (last, n, x) in enumerate(
            [("z,2026-01,0,0,0", 0, 0), ("z,2026-01,,,0", 0, 0), ("z,2026-01,80,9,", 80, 9)]
        )
    ]

    contents = [it for it in read_all(sources, tmp_path, MONTHLY) if it]

    assert [[it.line for it in refusals_of(content, tmp_path)] for content in contents] == [[303], [303], [303]]


# --- ids that look alike ----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_ids_that_are_equal_but_for_what_cannot_be_seen_are_warned_about(way: str, tmp_path: Path) -> None:
    others = [
        *("c2\u00a0", "\u00a0c2", "c\u200b2", "c\u00ad2", "\u200ec2", "c2\u202c", "c2\u2003", "\u3000c2", "c\u20602"),
        *("c2\ufe0f", "\u2066c2\u2069", "c2\u2028", "\U000e0020c2", "c\u034f2"),
    ]

    contents = each(tmp_path, way, ([HEADER, "c1,1,2,3,0", "c2,1,2,3,0", f"{other},4,5,6,1"] for other in others))

    for other, content in zip(others, contents, strict=True):
        assert [row[0] for row in rows_of(content, tmp_path)] == ["c1", "c2", other]
        code = next(f"U+{ord(sign):04X}" for sign in other if sign not in "c2")
        (warning,) = content.warnings
        assert warning.startswith("1 client is told from another only by what cannot be seen")
        assert code in warning
        assert "c2" not in warning


@pytest.mark.slow
@pytest.mark.parametrize(("one", "other"), [("a b", "a  b"), ("a b", "a\u00a0b"), ("7", "7.0"), ("123", "123.00")])
def test_ids_that_differ_in_how_they_are_written_are_warned_about(
    one: str, other: str, way: str, tmp_path: Path
) -> None:
    source = given(tmp_path, way, HEADER, f"{one},1,2,3,0", f"{other},4,5,6,1")

    content = read_one(source, tmp_path)

    assert (content.n_accepted, len(content.warnings)) == (2, 1)
    assert ("by «.0» at the end" in content.warnings[0]) == (one.isdigit())
    assert ("cannot be seen" in content.warnings[0]) == (not one.isdigit())
    assert_same_exactly(source, Schema(), content, tmp_path)


@pytest.mark.parametrize("clients", [("c2", "C2"), ("a b", "ab"), ("7.0", "8.0"), ("c2\u00a0", "c3"), ("A", "\uff21")])
def test_ids_that_can_be_told_apart_are_no_warning(clients: tuple[str, str], way: str, tmp_path: Path) -> None:
    source = given(tmp_path, way, HEADER, *(f"{client},1,2,3,0" for client in clients))

    content = read_one(source, tmp_path)

    assert (content.n_accepted, content.warnings) == (2, ())


@pytest.mark.parametrize("client", ["\u00a0", "\u200b", "\u3000\u200b"])
def test_an_id_of_nothing_that_can_be_seen_is_blank(client: str, way: str, tmp_path: Path) -> None:
    source = given(tmp_path, way, HEADER, "a,1,2,3,0", f"{client},1,2,3,0")

    content = read_one(source, tmp_path)

    assert told(content, tmp_path) == [(3, "is blank")]


# --- blank lines of separators ----------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("n_blank", [1, 30])
def test_blank_lines_of_separators_are_skipped_and_counted(n_blank: int, way: str, tmp_path: Path) -> None:
    blanks = [",,,,", " , , ,,", '"","","","",""', ",,,", ",,,,,,,", "\u00a0,,,,"]
    files = [[HEADER, "a,1,2,3,0", "b,1,2,3,1", *[blank] * n_blank] for blank in blanks]

    contents = each(tmp_path, PLAIN if way == QUOTED else way, files)

    lines = f"{n_blank} blank lines of separators are" if n_blank > 1 else "1 blank line of separators is"
    for blank, content in zip(blanks, contents, strict=True):
        found = (content.fault, content.n_read, content.n_accepted, content.n_refused)
        assert found == (None, 2, 2, 0), blank
        assert content.warnings == (f"{lines} skipped",), blank


def test_a_blank_line_in_the_middle_is_skipped_and_lines_are_counted_on(way: str, tmp_path: Path) -> None:
    source = given(tmp_path, way, HEADER, "a,1,2,3,0", ",,,,", "b,x,2,3,1", "c,1,2,3,1")

    content = read_one(source, tmp_path)

    assert [it.line for it in refusals_of(content, tmp_path)] == [4]
    assert (content.n_read, content.n_accepted, content.n_refused) == (3, 2, 1)


# --- every row is kept or told about ----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_rows_read_are_rows_kept_and_rows_told_about(seed: int, way: str, tmp_path: Path) -> None:
    chance = random.Random(seed)
    kinds = [
        "c{0},2026-01,{0},2,0",
        "c{0},2026-01,{0},3,1",
        "c{0},2026-02,1,2,",
        ",,,,",
        "1.5E+{0},2026-01,1,2,0",
        "c{0}\u00a0,2026-01,1,2,0",
        "c{0},2026-01,x,2,0",
        "c{0},2026-01",
    ]
    weights = [30, 3, 30, 2, 1, 2, 1, 1]
    lines = [kind.format(chance.randrange(10, 60)) for kind in chance.choices(kinds, weights, k=120)]
    source = given(tmp_path, way, MONTHS, *lines)

    content = read_one(source, tmp_path, MONTHLY)

    n_blank = lines.count(",,,,")
    assert content.n_read == len(lines) - n_blank == content.n_accepted + content.n_refused
    keys = [row[:2] for row in rows_of(content, tmp_path)]
    repeats = sum(int(it.split()[0]) for it in content.warnings if "repeat" in it)
    assert repeats == (len(keys) - len(set(keys)) if not content.fault else 0)
    if not content.fault:
        refused = {it.line for it in refusals_of(content, tmp_path)}
        assert len(refused) == content.n_refused
        outcomes: dict[tuple[object, ...], set[object]] = {}
        for row in rows_of(content, tmp_path):
            outcomes.setdefault(row[:2], set()).add(row[-1])
        assert not [key for key, found in outcomes.items() if {0, 1} <= found]
        assert_same_exactly(source, MONTHLY, content, tmp_path)


# --- lines that are no rows -------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("figures", [",,,", "1,2,3,0", "---,---,---,---"])
def test_a_line_of_signs_alone_is_no_client(figures: str, way: str, tmp_path: Path) -> None:
    rules = ("----", "===", "_", "* * *", "#-#", "\u2500\u2500", "\u2014", "...", "&")

    contents = each(tmp_path, way, ([HEADER, "a,1,2,3,0", f"{rule},{figures}", "b,1,2,3,1"] for rule in rules))

    for rule, content in zip(rules, contents, strict=True):
        assert told(content, tmp_path) == [(3, "has no letter and no digit")], rule
        assert (content.n_accepted, content.n_refused) == (2, 1), rule


def test_a_line_of_other_separators_is_refused_with_its_line(way: str, tmp_path: Path) -> None:
    rules = (";;;;", "---", "----------", "\x1a", "|||")
    files = [[HEADER, "a,1,2,3,0", rule, "b,1,2,3,1"] for rule in rules]

    contents = each(tmp_path, PLAIN if way == QUOTED else way, files)

    assert [told(content, tmp_path) for content in contents] == [[(3, "has 1 field")]] * len(rules)


@pytest.mark.parametrize("end", ["\x1a", "\n\x1a", "\r\n\x1a\x1a\x1a"])
def test_an_end_of_file_mark_costs_no_row_and_is_told(end: str, way: str, tmp_path: Path) -> None:
    source = given(tmp_path, way, HEADER, "a,1,2,3,0", "b,1,2,3,1")
    source.path.write_bytes(source.path.read_bytes().rstrip(b"\n") + end.encode())

    content = read_one(source, tmp_path)

    assert (content.n_read, content.n_accepted, content.n_labelled, content.refusals) == (2, 2, 2, None)
    assert content.warnings == ("the end-of-file mark (Ctrl-Z, U+001A) at its end is skipped",)
    assert_same_exactly(source, Schema(), content, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("place", [0, 6])
def test_a_total_before_other_rows_is_told(place: int, way: str, tmp_path: Path) -> None:
    names = ("Total", "SUBTOTAL", "North Total", "Total: North", "Zwischensumme", "Sub-total 1", "Summe Nord")
    lines = ["{},{},{},{},".format(name, *SUMS) for name in names]

    contents = each(tmp_path, way, ([HEADER, *CLIENTS[:place], line, *CLIENTS[place:]] for line in lines))

    warning = "1 row is of a client named as totals are: where it holds sums, take it out of the file"
    assert [content.warnings for content in contents] == [(warning,)] * len(names)


def test_a_client_who_is_not_named_as_totals_are_is_no_warning(way: str, tmp_path: Path) -> None:
    names = ("Totality", "Consumer Ltd", "TotalEnergies", "Summer", "c1")

    contents = each(tmp_path, way, ([HEADER, f"{name},1,2,3,0", "b,1,2,3,1"] for name in names))

    assert [(content.n_accepted, content.warnings) for content in contents] == [(2, ())] * len(names)
