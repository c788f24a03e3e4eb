"""Statistics of the columns of the labelled rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from risk.engine.cluster import ColumnFacts, NumberFacts
from risk.modeling.exact import ExactSum, deviation, exact_sum, median, squares

if TYPE_CHECKING:
    from risk.dataset._accepted_rows import AcceptedRows

VECTORS = 500  # of DuckDB, with 2,048 rows each: so many are added up at once
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
        """A line for each column, as people read it in a terminal."""
        texts = []
        for name, percent in self.missing_percent.items():
            statistics = self.columns.get(name)
            pairs = asdict(statistics).items() if statistics else ()
            shown = "  ".join(f"{SHORT[what]} {'-' if value is None else f'{value:,.4g}'}" for what, value in pairs)
            texts.append(f"  {name:<24} {percent:6.2f} % missing  {shown}".rstrip())
        return texts


def summary_of(facts: ColumnFacts) -> Summary:
    """The statistics that the facts of the columns give."""
    n_rows = facts.n_rows
    percent = {name: round(100 * n / n_rows, 4) if n_rows else 0.0 for name, n in facts.n_missing.items()}
    columns = {
        name: ColumnStatistics(it.total.mean(), it.median, deviation(it.squared) if it.squared else None)
        for name, it in facts.numbers.items()
    }
    return Summary(n_rows, columns, percent)


def facts_of(rows: AcceptedRows, numbers: Sequence[str], query: str) -> ColumnFacts:
    """The facts of the rows that a query of DuckDB gives: sums are exact, so no order has a say in them."""
    shown = [
        f"cast({x} as double) as {x}" if name in numbers else f"nullif({x} is null, true) as {x}"
        for name, x in rows.names.items()
    ]
    rows.run(f"create or replace temp table labelled as select {', '.join(shown)} from ({query})")
    counts = [f"count({inner})" for inner in rows.names.values()]
    middle = "quantile_disc({x}, 0.5)"
    middles = [middle.format(x=rows.names[name]) for name in numbers]
    middles += [f"-{middle.format(x=f'-{rows.names[name]}')}" for name in numbers]
    n_rows, *answers = rows.run(f"select {', '.join(['count(*)', *counts, *middles])} from labelled").fetchall()[0]
    totals = _sums(rows, numbers, [None] * len(numbers))
    squared = _sums(rows, numbers, [it.mean() if it else None for it in totals])
    rows.run("drop table labelled")
    values = answers[len(rows.names) :]
    facts = zip(totals, squared, map(median, values[: len(numbers)], values[len(numbers) :]), strict=True)
    found = [NumberFacts(total or ExactSum(), square, middle) for total, square, middle in facts]
    missing = {name: n_rows - n for name, n in zip(rows.names, answers, strict=False)}
    return ColumnFacts(n_rows, missing, dict(zip(numbers, found, strict=True)))


def _sums(rows: AcceptedRows, numbers: Sequence[str], means: Sequence[float | None]) -> list[ExactSum | None]:
    """Of each column the sum of its values, or of their squared distances from a mean; None beyond float64."""
    sums: list[ExactSum | None] = [ExactSum() for _ in numbers]
    answer = rows.run(f"select {', '.join(rows.names[name] for name in numbers) or 'null'} from labelled")
    while numbers and len(chunk := answer.fetch_df_chunk(VECTORS)):
        for place, mean in enumerate(means):
            values, former = chunk.iloc[:, place].to_numpy(np.float64), sums[place]
            try:
                more = exact_sum(values) if mean is None else squares(values, mean)
                sums[place] = former + more if former else None
            except OverflowError:
                sums[place] = None
    return sums
