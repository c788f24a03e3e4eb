"""Statistics of the columns of the labelled rows."""

from __future__ import annotations

from dataclasses import asdict, dataclass

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
