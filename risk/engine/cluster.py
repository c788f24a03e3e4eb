"""What a cluster is asked, and what it answers: the interface that Spark keeps, and the values that cross it."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from risk.modeling.exact import ExactSum
from risk.reading.reader import Content, Source
from risk.settings.engine_choice import ON_THIS_MACHINE
from risk.settings.schema import Schema

# of a table of arrow (c0, c1, …, position): some of its rows, with their columns row, key (whole numbers) and risk
Work = Callable[[Any], Any]


@dataclass(frozen=True)
class Stretch:
    """Some rows of a part: the position of the first, and the place of the content that they belong to.

    `was`: they were in the version before, `now`: they are in this one.
    """

    part: str
    first: int
    rows: int
    position: int
    place: int
    was: bool = False
    now: bool = True


@dataclass(frozen=True)
class Given:
    """Rows that a content gives to the set, how many are labelled, and how many stand because their last twin is in it.

    By its last twin a row stands against others of its client and period.
    """

    rows: int
    labelled: int
    upheld: int


@dataclass(frozen=True)
class Totals:
    """The rows of a set, how many are labelled, and how many each new content, by its place, is the first to hold."""

    n_rows: int
    n_labelled: int
    brought: Mapping[int, int]

    @property
    def counts(self) -> dict[str, int]:
        """The numbers as a manifest keeps them."""
        return {"n_rows": self.n_rows, "n_labelled": self.n_labelled}


@dataclass(frozen=True)
class NumberFacts:
    """Of one column of numbers: the sum of its values, of their squared distances from the mean, and the median."""

    total: ExactSum
    squared: ExactSum | None  # None: beyond float64
    median: float | None


@dataclass(frozen=True)
class ColumnFacts:
    """The number of labelled rows, of missing values per column, and the facts of each number column, by name."""

    n_rows: int
    n_missing: Mapping[str, int]
    numbers: Mapping[str, NumberFacts]


class Cluster(Protocol):
    """What runs on a cluster. Stretches name parts in a folder that every machine of it sees under the same path."""

    def read(
        self, sources: Sequence[Source], schema: Schema, parts: Path, *, size_cap: int
    ) -> Iterator[tuple[Source, Content | None]]:
        """Yield what `risk.reading.reader.read` does, read by the machines of the cluster, a file by one of them."""

    def given(
        self, stretches: Sequence[Stretch], schema: Schema, parts: Path, during: tuple[str, str] | None
    ) -> dict[int, Given]:
        """What each content gives to the set of a table with a period, in these periods."""

    def totals(self, stretches: Sequence[Stretch], schema: Schema, parts: Path) -> Totals:
        """The set; of a table with a period, what each content brought is not told."""

    def facts(self, stretches: Sequence[Stretch], schema: Schema, parts: Path, *, distinct: bool) -> ColumnFacts:
        """The facts of the columns of the set's labelled rows; where they are `distinct` already, of all labelled."""

    def outcomes(self, stretches: Sequence[Stretch], schema: Schema, parts: Path) -> dict[int, int]:
        """The number of accepted rows with each outcome."""

    def labelled(
        self, stretches: Sequence[Stretch], schema: Schema, parts: Path, work: Work
    ) -> dict[str, NDArray[Any]]:
        """What workers make of the labelled rows of the set: the columns of the schema, position, row, key and risk."""

    def clients(
        self, stretches: Sequence[Stretch], schema: Schema, parts: Path, limits: Mapping[int, str], work: Work
    ) -> dict[str, NDArray[Any]]:
        """What they make of the newest row of every client who has not left.

        What is beyond the limit of its content, by place, lies in the future and is nobody's newest row.
        """


def on_this_machine(schema: Schema) -> Schema:
    """The schema for rows that no cluster sees: what is thrown away afterwards, and what a worker itself reads."""
    found: Schema = pickle.loads(pickle.dumps(schema))
    for it in (found, found.files):
        if it:
            object.__setattr__(it, "engine", ON_THIS_MACHINE)
    return found
