"""The dataset as a set: the rows of a manifest, distinct, in order, asked by SQL over the parts.

Without a period column a row is distinct by all its values and a labelled row replaces its unlabelled twin. With one
there is one row per client and period: of several the later source wins, and of one source the newer content.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from risk.dataset import _on_cluster
from risk.dataset import manifest as manifests
from risk.dataset._accepted_rows import PLAIN, AcceptedRows
from risk.dataset.manifest import Manifest, content_order, overlaps, periods_of
from risk.dataset.outcomes import Outcomes
from risk.dataset.summary import Summary, facts_of, summary_of
from risk.dataset.treated import ComparableRows, treatment
from risk.disk import files, paths
from risk.errors import DataError
from risk.reading.sql import literal, quoted
from risk.settings.schema import Column, Schema

if TYPE_CHECKING:
    import pandas as pd

ADDED = ("row", "content", "position")  # what frames hold beside the columns of the schema
SPARE = 1.1  # times as many rows as are wanted are drawn, so that each outcome has enough


class Dataset(ComparableRows):
    """The rows of one manifest, as frames in the order of `row`.

    Frames hold the schema's columns (numbers float64, text object, target 0/1/NaN) and `row` (uint64, the same for the
    same client, period and features), `content` (order of the content), `position`. Their order by `row` is that of no
    file. A share of the clients may be `spared`, as held out: no `labelled`, `news` or `recent` row is theirs. Rows
    may be kept `apart`, as treated: none of these, and none that is `held_out`, is such a row then.
    """

    def beside(self, known: Manifest | None, spared: float = 0) -> Dataset:
        """Return these rows beside a known manifest, without a share of the clients."""
        return Dataset(self.manifest, self.schema, self.parts, known, spared, self.treatment)

    def apart(self, called: Outcomes, minimum: int) -> Dataset:
        """Return these rows with those kept apart whose outcome a call may have changed.

        They are not where fewer leavers or stayers than `minimum` would be left: then all are taken.
        """
        found = None
        if called.contacts:
            periods = self.rows_by_period() if self.schema.period and not self.schema.horizon_days else ()
            found = treatment(called, self.schema.horizon_days, periods, minimum)
        return Dataset(self.manifest, self.schema, self.parts, self.known, self._spared, found)

    def of(self, clients: Sequence[str]) -> pd.DataFrame:
        """The labelled rows of these clients, treated ones too."""
        named = ", ".join(map(literal, clients)) or "null"
        return self._frame(self._rows, self._with_outcome(f"{self._rows.client} in ({named})"))

    def labelled(self, most: int | None = None) -> pd.DataFrame:
        """The labelled rows: what may be trained on.

        Of more than `most` rows a sample: by the hash of a row, so that it depends on nothing but the rows, with as
        large a share of leavers as among all accepted rows.
        """
        n_labelled = self.manifest.counts.get("n_labelled", 0) * (1 - self._spared)
        if most is not None and n_labelled > most:
            below = f"{self._rows.key()} < {min(int(SPARE * most / n_labelled * 2**64), 2**64 - 1)}::ubigint"
            where = f"{below} and {self._tells()}"
            if not self.schema.changes and (cluster := self._cluster):
                return self.untreated(_on_cluster.sample(cluster, self._places, self.schema, self.parts, where, most))
            return self.untreated(self._frame(self._rows, self._sample(where, most)))
        return self.untreated(self._frame(self._rows, self._with_outcome(self._tells())))

    def held_out(self, share: float) -> pd.DataFrame:
        """The labelled rows of the clients who are held out at this share."""
        where = f"{self._rows.held_out(share)} and {self._is_whole()}"
        return self.untreated(self._frame(self._rows, self._with_outcome(where)))

    def news(self) -> pd.DataFrame:
        """The labelled rows of contents that the known manifest does not have, but for what it taught already."""
        before, again = self.known.contents if self.known else {}, self._open_then
        old = {digest for digest, it in before.items() if not any(overlaps(it, (period, period)) for period in again)}
        fresh = [place for place in self._places if place.content.digest not in old and place.content.n_labelled]
        whole = not self.schema.period or self.schema.changes
        during = None if whole else periods_of(place.content for place in fresh)
        beside = self._places if self.schema.period and fresh else fresh
        former = self._placed(self.known, True) if self.known and fresh else []
        rows = self._rows_of([it for it in (*beside, *former) if overlaps(it.content, during)])
        fresh_rows = rows.resolved(f"{self._tells()} and {self._during(during)}", labelled=True)
        frame = self._frame(rows, rows.unknown(fresh_rows, self._is_in_none(f"k.{rows.period}", again)))
        found = frame[frame["content"].isin([it.order for it in fresh])]
        if again:
            seen = found["content"].isin([it.order for it in fresh if it.content.digest in before])
            found = found[~seen | found[self.schema.period].isin(again)]
        return self.untreated(self._joined(found.reset_index(drop=True)))

    def recent(self, contents: int | None) -> pd.DataFrame:
        """The news of the last so many contents; all for None. After a change, older news tell of the past."""
        news = self.news()
        return news[news["content"].isin(sorted(news["content"].unique())[-(contents or len(news) or 1) :])]

    def when(self, frame: pd.DataFrame) -> NDArray[np.int64]:
        """A number for each row of a frame: it grows with the period, else with the run or pull of the row."""
        if self.schema.period:
            periods = np.unique(frame[self.schema.period].to_numpy(str), return_inverse=True)
            return np.asarray(periods[1], dtype=np.int64)
        order = content_order(self.manifest, self.known)
        came = {
            order[it.digest]: (entry.judged_run, age if entry.watermark else 0)
            for entry in self.manifest.entries
            for age, it in enumerate(entry.contents)
        }
        ranks = {moment: rank for rank, moment in enumerate(sorted(set(came.values())))}
        return np.array([ranks[came[content]] for content in frame["content"].tolist()], dtype=np.int64)

    def clients(self) -> pd.DataFrame:
        """The newest row of every current client: of all accepted rows, but of nobody who has left."""
        return self._frame(self._rows, f"from ({self._newest()}) where {self._is_current()}")

    def before(self, clients: pd.DataFrame) -> pd.DataFrame:
        """For each row of a frame of `clients`, the row of the same client before it; missing where there is none."""
        rows, client = self._rows, self.schema.client
        among = f"{rows.client} in ({', '.join(map(literal, clients[client])) or 'null'})"
        frame = self._frame(rows, rows.resolved(among) if rows.period else f"from accepted where {among}")
        order = self.schema.period or "position"
        earlier = frame[frame[order] < frame[client].map(clients.set_index(client)[order])]
        former = earlier.sort_values([order, "row"]).drop_duplicates(client, keep="last")
        return former.set_index(client).reindex(clients[client]).set_axis(clients.index)

    def figures(self, names: Sequence[str]) -> tuple[NDArray[Any], dict[str, NDArray[np.float64]], NDArray[Any]]:
        """Every client that there ever was, and of its newest row these numbers (NaN is missing) and content."""
        rows, digests = self._rows, np.array([place.content.digest for place in self._places] or [""], dtype=object)
        shown = "".join(f", cast({rows.names[name]} as double) as v{index}" for index, name in enumerate(names))
        query = f"select {rows.client} as client, position{shown} from ({self._newest()}) order by {rows.order}"
        answer = rows.run(query).fetchnumpy()
        values = {name: np.ma.filled(answer[f"v{index}"], np.nan) for index, name in enumerate(names)}
        return np.asarray(answer["client"]), values, digests[self._at(np.asarray(answer["position"]))]

    def _newest(self) -> str:
        """The query of the newest row of every client."""
        rows = self._rows
        if rows.period:
            last = f"coalesce(max({rows.period}) filter (where not ({self._in_future()})), max({rows.period}))"
            newest = f"select ({rows.client}, {last}) from accepted group by {rows.client}"
            return rows.resolved(f"({rows.client}, {rows.period}) in ({newest})")
        return f"select * from accepted where position in (select max(position) from accepted group by {rows.client})"

    def undecided(self, most: int) -> pd.DataFrame:
        """The rows whose outcome is not known, whoever they are of; of more than `most` some, by their hash."""
        undecided = f"select * from ({self._rows.resolved()}) where {self._rows.target} is null"
        return self._frame(self._rows, f"select * from ({undecided}) order by {self._rows.row()} limit {most}")

    def unlabelled(self) -> pd.DataFrame:
        """The newest rows of clients whose outcome is not known, of the newest content that has such."""
        newest = self.clients()
        newest = newest[newest[self.schema.target].isna()]
        rows: pd.DataFrame = newest[newest["content"] == newest["content"].max()]
        return rows

    def summary(self) -> Summary:
        """The statistics of the labelled rows, exact to the last digit on every run and every engine."""
        numbers = [column.name for column in self.schema.columns if column.kind == "number"]
        if cluster := self._cluster:
            places = _on_cluster.of_places(self._places)
            return summary_of(cluster.facts(places, self.schema, self.parts, distinct=self._is_distinct))
        return summary_of(facts_of(self._rows, numbers, self._with_outcome()))

    def write_final_data(self, path: Path) -> None:
        """Write the labelled rows as CSV: schema order, LF, missing = empty, integers without «.0»."""
        rows = self._rows
        columns = ((shown(it, self.schema, rows.names[it.name]), quoted(it.name)) for it in self.schema.columns)
        named = ", ".join(f"{column} as {name}" for column, name in columns)
        rows.run(
            f"copy (select {named} from ({self._with_outcome()}) order by {rows.order}) "
            f"to {literal(str(path))} (format csv, header true, delimiter ',', quote '\"', escape '\"', nullstr '')"
        )

    def _frame(self, rows: AcceptedRows, query: str) -> pd.DataFrame:
        numbers = {column.name for column in self.schema.columns if column.kind in ("number", "target")}
        shown = ", ".join(
            f"{f'cast({inner} as double)' if name in numbers else inner} as {quoted(name)}"
            for name, inner in rows.names.items()
        )
        if self.schema.changes:
            shown += "".join(f", d{place} as {quoted(name)}" for place, name in enumerate(self.schema.changes))
            query = f"select * from ({query}) join ({rows.changes()}) using ({rows.client}, {rows.period})"
        query = f"select {shown}, {rows.row()} as row, position from ({query}) order by row, {rows.target}, position"
        frame: pd.DataFrame = rows.run(query).df()
        order = np.array([place.order for place in self._places], dtype=np.int64)
        frame.insert(frame.shape[1] - 1, "content", order[self._at(frame["position"].to_numpy())])
        return frame.astype(dict.fromkeys([name for name in rows.names if name not in numbers], object))

    def _sample(self, where: str, most: int) -> str:
        """The query of the labelled rows that satisfy a condition, cut down to `most`, by outcome."""
        rows, target = self._rows, self._rows.target
        answer = rows.run(f"select {target}, count(*) from accepted where {target} is not null group by {target}")
        counts = {int(outcome): int(count) for outcome, count in answer.fetchall()}
        quotas = {outcome: round(most * count / sum(counts.values())) for outcome, count in counts.items()}
        drawn = self._with_outcome(where)
        rank = f"row_number() over (partition by {target} order by {rows.key()}, position) as rank"
        within = " or ".join(f"{target} = {outcome} and rank <= {quota}" for outcome, quota in quotas.items())
        return f"select * exclude (rank) from (select *, {rank} from ({drawn})) where {within}"

    def _with_outcome(self, where: str = "true") -> str:
        """The query of the labelled rows: of all accepted ones where none of them is a duplicate or revised."""
        if not self._is_distinct:
            return self._rows.resolved(where, labelled=True)
        return f"select * exclude (known) from accepted where {self._rows.target} is not null and {where}"

    @property
    def _is_distinct(self) -> bool:
        """Whether no accepted row is a duplicate or revised."""
        contents = (content for entry in self.manifest.entries for content in entry.contents)
        return all(it.n_given >= it.n_accepted for it in contents)


def shown(column: Column, schema: Schema, name: str) -> str:
    """The expression of a column, known as `name`, as text that would be read as what it is."""
    if column.kind == "target":
        values = schema.target_values
        return f"case {name} when 1 then {literal(values.left[0])} when 0 then {literal(values.stayed[0])} end"
    return PLAIN.format(x=name) if column.kind == "number" else name


def current(ingested: Path, input_folder: str, schema: Schema, *, needed: bool = False) -> Dataset:
    """The dataset of the current version; an empty one for another input folder, another schema, or none.

    Raises: DataError where it would be empty but is `needed`, and where the version that the link names is missing or
    has no whole manifest: its rows may be lost.
    """
    link = ingested / paths.CURRENT
    folder = files.resolve(link)
    manifest = manifests.read(folder) if folder else None
    if manifest is None and link.is_symlink():
        sentence = f"{link}: the version that it names is missing, or its manifest is torn ({os.readlink(link)})"
        raise DataError(f"{sentence}. Put it back; without a backup remove the link, and all sources are read again.")
    empty = Manifest(input_folder.rstrip("/"), schema.identity, number=manifest.number if manifest else 0)
    same = manifest and (manifest.input_folder, manifest.schema) == (empty.input_folder, empty.schema)
    if needed and not same:
        why = "the dataset is of another input folder or schema" if manifest else "there is no dataset yet"
        raise DataError(f"{ingested}: {why}; run python ingestion.py first")
    return Dataset(manifest if manifest and same else empty, schema, ingested / paths.PARTS)
