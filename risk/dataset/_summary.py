"""Statistics of the labelled rows: what the API, the report and people are shown of the data."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from risk.dataset._rows import Rows
from risk.schema import Schema

SHORT = {"mean": "mean", "median": "median", "standard_deviation": "sd"}


@dataclass(frozen=True)
class ColumnStatistics:
    mean: float | None
    median: float | None
    standard_deviation: float | None


@dataclass(frozen=True)
class Summary:
    """Of the labelled rows: their number, statistics of each number column, percent missing of every column."""

    n_rows: int
    columns: dict[str, ColumnStatistics]
    missing_percent: dict[str, float]

    def lines(self) -> list[str]:
        """Return a line for each column, as people read it in a terminal."""
        found = []
        for name, percent in self.missing_percent.items():
            told = self.columns.get(name)
            pairs = asdict(told).items() if told else ()
            shown = "  ".join(f"{SHORT[what]} {_short(value)}" for what, value in pairs)
            found.append(f"  {name:<24} {percent:6.2f} % missing  {shown}".rstrip())
        return found


def of_rows(rows: Rows, query: str, schema: Schema) -> Summary:
    """Return the statistics of the rows that the query gives, exact to the last digit on every run."""
    numbers = [column.name for column in schema.columns if column.kind == "number"]
    asked = ["count(*)", *(f"count(*) - count({name})" for name in rows.names.values())]
    for name in numbers:
        x = f"cast({rows.names[name]} as double)"
        asked += [f"avg({x})", f"median({x})", f"stddev_samp({x})"]
    in_order = f"select * from ({query}) order by {', '.join(rows.names.values())}"
    rows.run("set threads = 1")  # sums of float64 depend on their order, and that must not be the order of a file
    n_rows, *found = rows.run(f"select {', '.join(asked)} from ({in_order})").fetchall()[0]
    rows.run("set threads = 2")
    missing, figures = found[: len(rows.names)], found[len(rows.names) :]
    percent = [round(100 * int(count) / n_rows, 4) if n_rows else 0.0 for count in missing]
    columns = {name: ColumnStatistics(*figures[3 * i : 3 * i + 3]) for i, name in enumerate(numbers)}
    return Summary(n_rows, columns, dict(zip(rows.names, percent, strict=True)))


def _short(value: float | None) -> str:
    return "-" if value is None else f"{value:,.4g}"
