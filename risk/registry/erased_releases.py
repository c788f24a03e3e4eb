"""Releases and the desk without some clients: their out-of-fold risks, and what papers say of them.

The model file stays: it holds coefficients or trees and the levels of categorical features, and no client.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from risk.dataset import manifest as manifests
from risk.dataset.manifest import Manifest
from risk.disk import files, journal, paths
from risk.disk.redaction import ClientNames
from risk.disk.staging import Rewrite
from risk.modeling.selection import RECALIBRATED
from risk.reading.sql import connect, literal
from risk.registry import releases
from risk.registry.releases import object_in

Moved = Callable[[Manifest | None, NDArray[np.int64]], NDArray[np.int64]]
ON_DESK = "the challenger on the desk"


def trained_on_erased(production: Path) -> set[str]:
    """The releases that were trained on clients who are erased since, as the journal tells of each erasure."""
    told = (it for it in journal.read(production / paths.JOURNAL) if it.get("kind") == journal.ERASE)
    return {name for it in told for name in it.get("trained", ())}


@dataclass(frozen=True)
class TrainedModels:
    """Every model that is kept: those of the releases, and that on the desk."""

    production: Path
    desk: Path
    versions: Path
    names: ClientNames

    def trained_on_them(self) -> list[str]:
        """The releases whose model was trained on one of the clients, oldest first."""
        found: list[str] = []
        for it in releases.all_of(self.production):
            found += [it.name] if self._is_of_them(it.folder, found) else []
        return [*found, *([ON_DESK] if self._is_of_them(self.desk, found) else [])]

    def _is_of_them(self, folder: Path, trained: Collection[str]) -> bool:
        """Whether a model was trained on one of the clients, or is one that was, come back or recalibrated."""
        card = object_in(folder / paths.CARD)
        base = card.get("release")
        if card.get("learned") == RECALIBRATED:
            base = object_in(folder / paths.VERDICT).get("champion") or releases.name_of(self.production)
        return base in trained or bool(self._n_rows(folder, "learned"))

    @property
    def _is_under_way(self) -> bool:
        """Whether the challenger on the desk is of a run that was cut off: the next one would go on with it."""
        run = object_in(self.desk / paths.CARD).get("run")
        return isinstance(run, int) and run > journal.finished(self.production / paths.JOURNAL)

    def rewrites(self, moved: Moved) -> Iterator[Rewrite]:
        """Yield what changes; `moved` tells where rows of a manifest are that come after rows which go.

        A challenger that was trained on them is trained again by the next run, where one would go on with it.
        """
        for folder, manifest in self._datasets():
            yield from self._papers(folder, manifest, moved)
        if self._is_under_way and ON_DESK in self.trained_on_them():
            yield Rewrite(self.desk / paths.CARD, None)

    def _datasets(self) -> list[tuple[Path, Manifest | None]]:
        """The folder of each model with the dataset that it was trained on; one for all copies of the same risks.

        Copies must stay equal, for the journal names one digest for both.
        """
        found = [(it.folder, manifests.read_whole(it.folder)) for it in releases.all_of(self.production)]
        dataset = object_in(self.desk / paths.CARD).get("dataset")
        found.append((self.desk, manifests.read_whole(self.versions / dataset) if isinstance(dataset, str) else None))
        risks = [it / paths.LEARNED_RISKS for it, _ in found]
        digests = [files.digest_file(it) if it.is_file() else str(it) for it in risks]
        first = dict[str, Manifest]()
        for digest, (_, manifest) in zip(digests, found, strict=True):
            if manifest is not None:
                first.setdefault(digest, manifest)
        return [(folder, first.get(digest)) for digest, (folder, _) in zip(digests, found, strict=True)]

    def _papers(self, folder: Path, manifest: Manifest | None, moved: Moved) -> Iterator[Rewrite]:
        digests: dict[str, str] = {}
        path = folder / paths.LEARNED_RISKS
        if self._n_rows(folder, "true"):
            content = self._without(path, lambda positions: moved(manifest, positions))
            digests[files.digest_file(path)] = files.digest(content)
            yield Rewrite(path, content)
        for name in (paths.CARD, paths.VERDICT, paths.BACKTEST):
            before = object_in(folder / name)
            after = self.names.cut(before)
            if "learned_sha256" in after:
                after["learned_sha256"] = digests.get(after["learned_sha256"], after["learned_sha256"])
            if after != before:
                yield Rewrite(folder / name, files.as_json(after))
        if (card := folder / paths.MODEL_CARD).is_file():
            text = card.read_text(encoding="utf-8")
            if (cut := self.names.in_text(text)) != text:
                yield Rewrite(card, cut.encode())

    def _n_rows(self, folder: Path, condition: str) -> int:
        """How many rows of the clients, of those that satisfy a condition, are among the out-of-fold risks."""
        path = folder / paths.LEARNED_RISKS
        if not path.is_file():
            return 0
        with connect(threads=1) as connection:
            rows = "read_parquet(?) where client in (select unnest(?))"
            columns = [
                name
                for name, *_ in connection.execute("describe select * from read_parquet(?)", [str(path)]).fetchall()
            ]
            where = condition if condition in (*columns, "true") else "true"
            query = f"select count(*) from {rows} and {where}"
            return int(connection.execute(query, [str(path), sorted(self.names.names)]).fetchall()[0][0])

    def _without(self, path: Path, moved: Callable[[NDArray[np.int64]], NDArray[np.int64]]) -> bytes:
        """The out-of-fold risks without the clients, the positions of the others moved up. Raises: DiskError."""
        with connect(threads=1) as connection, tempfile.TemporaryDirectory() as scratch:
            rows: Any = connection.execute("select * from read_parquet(?)", [str(path)]).df()
            rows = rows[~rows["client"].isin(self.names.names)].reset_index(drop=True)
            rows["position"] = moved(rows["position"].to_numpy(np.int64))
            connection.register("learned", rows)
            written = Path(scratch) / path.name
            try:
                connection.execute(f"copy (select * from learned) to {literal(str(written))} (format parquet)")
            except duckdb.Error as error:
                raise OSError(0, str(error), str(written)) from error
            return written.read_bytes()
