"""Parts, versions and manifests without some clients: the exception to «a part never changes».

A part without their rows is a new part, named by its content, beside the former one; manifests are told which rows of
which part are gone. The digests of the sources, and so the names of the versions, stay.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from risk.dataset import derived
from risk.dataset import manifest as manifests
from risk.dataset._accepted_rows import SPAN
from risk.dataset._erased_parts import ClientParts, ErasedPart
from risk.dataset.dataset import Dataset
from risk.dataset.manifest import Entry, Manifest
from risk.disk import paths
from risk.disk.redacted_csv import records, without_rows
from risk.disk.redaction import ClientNames
from risk.disk.staging import Rewrite
from risk.reading.reader import Content, Slice
from risk.settings.schema import Schema
from risk.text import as_csv

Positions = NDArray[np.int64]


class Erasure:
    """The clients to be erased from the dataset in one folder, and the parts that hold them, rewritten."""

    def __init__(self, folder: Path, schema: Schema, names: ClientNames) -> None:
        self._folder, self._schema, self._names = folder, schema, names
        self._parts = folder / paths.PARTS
        self.of_clients = ClientParts(self._parts, schema, names.names)
        self.parts: dict[str, ErasedPart] = {}
        self._in_memory: dict[str, tuple[str, int]] = {}

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of a client column, in what we write and in what we keep of files."""
        return ("client", self._schema.client)

    def rewrite_parts(self) -> None:
        """Write the parts that hold the clients without them. Raises: DiskError."""
        self.parts = self.of_clients.rewritten()

    def rewrites(self, production: Path) -> Iterator[Rewrite]:
        """Yield what changes beside the parts: versions, manifests of releases, refusals, and what is to go."""
        for path in sorted(self._parts.glob("[!.]*.refused")):
            yield from self._text(path, self._refusals)
        known = manifests.read_all(self._folder / paths.VERSIONS, production / paths.RELEASES)
        with self.of_clients.rows.as_parts() as self._in_memory:
            for folder, manifest in known.items():
                if manifest and (after := self.cut(manifest)) != manifest:
                    yield Rewrite(folder / paths.MANIFEST, after.as_json())
        for folder in sorted((self._folder / paths.VERSIONS).glob("[0-9]*")):
            yield from self._text(folder / paths.FINAL_DATA, lambda text: without_rows(text, self.columns, self._names))
            yield from self._text(folder / paths.REJECTED, self._rejected)
        yield from (Rewrite(self._parts / name, None) for name in self.parts)
        yield from (Rewrite(path, None) for path in sorted((self._folder / paths.FINGERPRINTS).glob("*.npy")))

    def cut(self, manifest: Manifest) -> Manifest:
        """The manifest without the clients' rows, its counts those of the rows that are left."""
        given = self._given(manifest)
        entries, events = (
            tuple(self._entry(entry, given) for entry in some) for some in (manifest.entries, manifest.events)
        )
        cut = replace(
            manifest, events=events, parts=manifest.parts | {it.name: it.digest for it in self.parts.values()}
        )
        cut = replace(cut.with_entries(entries), told=tuple(map(self._names.in_text, manifest.told)))
        if manifest.schema != self._schema.identity or not set(self.parts) & set(manifest.parts):
            return cut
        return replace(cut, counts=self._counts(manifest))

    def moved(self, manifest: Manifest | None, positions: Positions) -> Positions:
        """The positions of rows that stay, once the rows of the clients before them in their source are gone."""
        if manifest is None:
            return positions
        gone = np.array(sorted(self._positions(manifest)), dtype=np.int64)
        begins = positions // SPAN * SPAN
        return positions - (np.searchsorted(gone, positions) - np.searchsorted(gone, begins))

    # --- manifests ----------------------------------------------------------------------------------------------------

    def _entry(self, entry: Entry, given: Mapping[tuple[str, str], int] | None) -> Entry:
        contents = tuple(self._content(it, entry, given) for it in entry.contents)
        former = tuple(self._content(it, entry, None) for it in entry.former)
        refused = self._content(entry.refused, entry, None) if entry.refused else None
        n_duplicate = sum(it.n_accepted - it.n_given for it in contents)
        counted = given is not None and any(it.n_given for it in entry.contents)
        return replace(
            entry, contents=contents, former=former, refused=refused,
            n_duplicate=n_duplicate if counted else entry.n_duplicate,
        )  # fmt: skip

    def _content(self, content: Content, entry: Entry, given: Mapping[tuple[str, str], int] | None) -> Content:
        slices, n_rows, n_labelled = list[Slice](), 0, 0
        for piece in content.slices:
            if (part := self.parts.get(piece.part)) is None:
                slices.append(piece)
                continue
            begin, end = part.within(piece)
            n_rows += end - begin
            n_labelled += sum(place in part.labelled for place in part.rows[begin:end])
            left = Slice(part.name, piece.first - begin, piece.rows - (end - begin))
            slices += [left] if left.rows else []
        n_accepted = content.n_accepted - n_rows
        n_given = content.n_given if given is None else given.get((entry.path, content.digest), content.n_given)
        return replace(
            content,
            slices=tuple(slices),
            n_read=content.n_read - n_rows,
            n_accepted=n_accepted,
            n_labelled=content.n_labelled - n_labelled,
            n_given=min(n_given, n_accepted),
            odd=tuple(it for it in content.odd if it not in self._names.names),
            warnings=tuple(map(self._names.in_text, content.warnings)),
        )

    def _given(self, manifest: Manifest) -> dict[tuple[str, str], int] | None:
        """How many rows each content gives to the set without the clients; None where none of its rows is theirs."""
        gone = self._positions(manifest)
        if not gone or manifest.schema != self._schema.identity or manifest.events:
            return None
        rows = self._theirs(derived.given(manifest))
        given = {(entry.path, it.digest): it.n_given for entry in manifest.entries for it in entry.contents}
        for place, n_rows in self._brought(rows).items():
            given[place] -= min(n_rows, given[place])
        return given

    def _counts(self, manifest: Manifest) -> dict[str, int]:
        """The counts of a manifest less the clients' rows of the set."""
        rows = self._theirs(manifest)._rows
        n_rows, n_labelled = rows.run(f"select count(*), count({rows.target}) from ({rows.resolved()})").fetchall()[0]
        return manifest.counts | {
            name: manifest.counts[name] - int(n) for name, n in (("n_rows", n_rows), ("n_labelled", n_labelled))
        }

    def _theirs(self, manifest: Manifest) -> Dataset:
        """The clients' rows alone of a manifest, as they lie in memory: which of them count depends on no other row."""
        entries = (
            replace(entry, contents=tuple(replace(it, slices=tuple(self._held(it))) for it in entry.contents))
            for entry in manifest.entries
        )
        return Dataset(replace(manifest, entries=tuple(entries)), self._schema, self._parts)

    def _held(self, content: Content) -> Iterator[Slice]:
        for piece in content.slices:
            if piece.part in self._in_memory:
                begin, end = self.parts[piece.part].within(piece)
                path, first = self._in_memory[piece.part]
                if end > begin:
                    yield Slice(path, first + begin, end - begin)

    def _brought(self, rows: Dataset) -> dict[tuple[str, str], int]:
        """How many rows of the clients each content gives to the set."""
        accepted, entries = rows._rows, rows.manifest.entries
        brought: dict[tuple[str, str], int] = {}
        for (position,) in accepted.run(f"select position from ({accepted.resolved()})").fetchall():
            place = rows._places[int(rows._at(np.array([position]))[0])]
            key = (entries[place.source].path, place.content.digest)
            brought[key] = brought.get(key, 0) + 1
        return brought

    def _positions(self, manifest: Manifest) -> list[int]:
        """The positions of the clients' rows among all accepted ones."""
        found = []
        for source, entry in enumerate(manifest.entries):
            begin = source * SPAN
            for piece in (piece for content in entry.contents for piece in content.slices):
                if part := self.parts.get(piece.part):
                    inside = slice(*part.within(piece))
                    found += [begin + place - piece.first for place in part.rows[inside]]
                begin += piece.rows
        return found

    # --- texts --------------------------------------------------------------------------------------------------------

    def _text(self, path: Path, cut: Callable[[str], str]) -> Iterator[Rewrite]:
        if path.is_file():
            before = path.read_text(encoding="utf-8")
            if (after := cut(before)) != before:
                yield Rewrite(path, after.encode())

    def _refusals(self, text: str) -> str:
        lines = (self._names.cut(json.loads(line)) for line in text.split("\n") if line)
        return "".join(f"{json.dumps(it, ensure_ascii=False)}\n" for it in lines)

    def _rejected(self, text: str) -> str:
        """rejected.csv as it is made of the refusals."""
        header, *rows = [record for _, record in records(text) if record]
        shown = (self._names.cut(dict(zip(header, row, strict=False))) for row in rows)
        return as_csv(header, [list(it.values()) for it in shown]).decode()
