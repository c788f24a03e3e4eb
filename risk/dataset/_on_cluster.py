"""What a cluster is asked about versions: their contents as stretches of parts, and the growth that it counts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from risk.dataset._accepted_rows import Place
from risk.dataset._fingerprints import Growth
from risk.dataset.manifest import Manifest
from risk.engine.engines import Cluster, Stretch
from risk.reading.reader import Content
from risk.settings.schema import Schema


def growth(cluster: Cluster, before: Manifest, after: Manifest, schema: Schema, parts: Path) -> Growth:
    """The growth of a set without a period, which is counted whole. A row of several new contents is of the first."""
    found, digests = cluster.totals(in_version(before, after), schema, parts), list(after.contents)
    n_rows, n_labelled = (found.counts[name] - before.counts.get(name, 0) for name in ("n_rows", "n_labelled"))
    return Growth(n_rows, n_labelled, {digests[place]: n for place, n in found.brought.items()})


def of_places(places: Sequence[Place]) -> list[Stretch]:
    """The stretches of contents at some places, by their index."""
    return [it for index, place in enumerate(places) for it in _of(place.content, place.position, index)]


def in_version(before: Manifest, after: Manifest) -> list[Stretch]:
    """The stretches of all contents of two versions, in the order of the later one."""
    contents, known = after.contents, before.contents
    return [
        it
        for index, (digest, content) in enumerate((contents | known).items())
        for it in _of(content, 0, index, digest in known, digest in contents)
    ]


def _of(content: Content, position: int, place: int, was: bool = False, now: bool = True) -> list[Stretch]:
    found = []
    for piece in content.slices:
        found.append(Stretch(piece.part, piece.first, piece.rows, position, place, was, now))
        position += piece.rows
    return found
