"""The manifest of a dataset version: which contents of which sources it is made of, and what became of each source."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from risk.dataset._watermark import Watermark
from risk.dataset.earlier import GoneContent
from risk.dataset.inbox import natural
from risk.disk import files, paths
from risk.errors import DataError
from risk.reading.reader import Content, Refusal, Slice

State = Literal["in", "held", "refused", "gone"]
Periods = tuple[str, str]  # the first and the last


@dataclass(frozen=True)
class Entry:
    """One source: its state, the contents that are in (oldest first), and the last one that is not: refused or held.

    `former`: those before one was released, back if that is withdrawn; `earlier`: those gone; `derived`: from others.
    """

    path: str
    state: State = "in"
    reason: str | None = None
    contents: tuple[Content, ...] = ()
    refused: Content | None = None
    judged_run: int = 0
    n_duplicate: int = 0
    watermark: Watermark | None = None
    former: tuple[Content, ...] = ()
    derived: bool = False
    earlier: tuple[GoneContent, ...] = ()

    @property
    def shown(self) -> tuple[Content, ...]:
        """What the source shows now: the newest content of a file, everything that was pulled from a database."""
        if self.watermark:
            return (*self.contents, *([self.refused] if self.refused else []))
        return (self.newest,) if self.newest else ()

    @property
    def n_labelled(self) -> int:
        return sum(content.n_labelled for content in self.contents)

    @property
    def has_rows(self) -> bool:
        """Whether any row of the source is in."""
        return any(content.n_accepted for content in self.contents)

    @property
    def last_period(self) -> str:
        """The last period that does not lie in the future; nothing where all do."""
        return max((content.newest_period or "" for content in self.contents), default="")

    @property
    def newest(self) -> Content | None:
        """The content that the source showed last, taken in or refused."""
        return self.refused if self.refused else (self.contents[-1] if self.contents else None)

    @property
    def stated_reason(self) -> str | None:
        """Why the source is not in, without any text of its file."""
        fault = self.refused.fault if self.state == "refused" and self.refused else None
        if fault is None:
            return self.reason
        line = f"{'row' if fault.where else 'line'} {fault.line}: " if fault.line else ""
        return f"{self.path}: {line}expected {fault.expected}; rejected.csv says what was found"


@dataclass(frozen=True)
class Manifest:
    """One version of the dataset, described whole: sources in natural order, and the parts that hold their rows.

    Of `events` rows are made; `told` is what a person should know of what is derived.
    """

    input_folder: str
    schema: str
    number: int = 0
    entries: tuple[Entry, ...] = ()
    parts: dict[str, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    events: tuple[Entry, ...] = ()
    told: tuple[str, ...] = ()

    @property
    def sources(self) -> tuple[Entry, ...]:
        """What was taken in from outside."""
        return (*self.events, *(entry for entry in self.entries if not entry.derived))

    @property
    def name(self) -> str:
        """The version's name. It depends on what the sources hold, not on when or in which order they came."""
        states = [
            [e.path, e.state, e.reason, [c.digest for c in e.contents], e.refused.digest if e.refused else None]
            + ([vars(e.watermark)] if e.watermark else [])
            for e in (*self.entries, *self.events)
        ]
        return f"{self.number}-{self._digest(states)}"

    @property
    def contents(self) -> dict[str, Content]:
        """Every content whose rows are in, by its digest."""
        return {content.digest: content for entry in self.entries for content in entry.contents}

    @property
    def rows(self) -> str:
        """A digest of the contents: as long as it stays, no row has come or gone."""
        return self._digest(sorted(digest for digest, content in self.contents.items() if content.n_accepted))

    @property
    def evidence(self) -> str:
        """A digest of the labelled contents: as long as it stays, there is nothing new to judge."""
        return self._digest(sorted(digest for digest, content in self.contents.items() if content.n_labelled))

    def _digest(self, value: Any) -> str:
        content = json.dumps([self.input_folder, self.schema, value], ensure_ascii=False)
        return files.digest(content.encode())[:12]

    @property
    def n_refused(self) -> int:
        """Rows refused in what the sources show now; a refused file counts with all its rows."""
        return sum(content.n_read - content.n_accepted for entry in self.sources for content in entry.shown)

    @property
    def held(self) -> list[str]:
        return [entry.path for entry in self.sources if entry.state == "held"]

    @property
    def periods(self) -> set[str]:
        """The newest period of every content, but for those of the future."""
        return {it.newest_period for it in self.contents.values() if it.newest_period}

    @property
    def file_names(self) -> set[str]:
        """Every file in the parts folder that this version needs."""
        entries = (*self.entries, *self.events)
        contents = [content for entry in entries for content in (*entry.contents, *entry.shown, *entry.former)]
        return {*self.parts, *(content.refusals for content in contents if content.refusals)}

    def entry(self, path: str) -> Entry | None:
        return next((entry for entry in self.sources if entry.path == path), None)

    def with_entries(self, entries: Iterable[Entry]) -> Manifest:
        """This manifest with these entries, sorted, naming just the parts that they need."""
        entries = tuple(sorted(entries, key=lambda entry: (entry.derived, natural(entry.path), entry.path)))
        named = ((*it.contents, *it.former, it.refused) for it in (*entries, *self.events))
        needed = {piece.part for contents in named for content in contents if content for piece in content.slices}
        return replace(self, entries=entries, parts={part: self.parts.get(part, "") for part in sorted(needed)})

    def as_json(self) -> bytes:
        """Return what `read` reads: indented as all our JSON files, but with one line for each source."""
        others = {key: value for key, value in vars(self).items() if key not in ("entries", "events")}
        keyed = {"entries": self.entries, "events": self.events}
        lines = {key: [json.dumps(it, default=vars, ensure_ascii=False) for it in keyed[key]] for key in keyed}
        text = "".join(',\n "' + key + '": [\n  ' + ",\n  ".join(some) + "\n ]" for key, some in lines.items())
        return f"{files.as_json(others).decode()[:-3]}{text}\n}}\n".encode()


def read(folder: Path) -> Manifest | None:
    """The manifest in a version's folder, or None where there is none or it is torn. Raises: DataError."""
    path = folder / paths.MANIFEST
    fields = files.read_json(path)
    if fields is None:
        return None
    try:
        fields["entries"] = tuple(_entry(entry) for entry in fields["entries"])
        fields["events"] = tuple(_entry(entry) for entry in fields.get("events", ()))
        fields["told"] = tuple(fields.get("told", ()))
        return _usable(Manifest(**fields))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        said = f"{path}: it is damaged, no manifest of this program ({type(error).__name__})"
        raise DataError(f"{said}. Nothing was changed; restore it from a backup") from error


def _usable(manifest: Manifest) -> Manifest:
    """A manifest that every reader can use. Raises: KeyError, TypeError, where its counts or digests are not."""
    counts = [manifest.number, *manifest.counts.values(), manifest.n_refused]
    counts += [manifest.counts[name] for name in ("n_rows", "n_labelled")] if manifest.number else []
    names = [manifest.name, manifest.rows, manifest.evidence, *manifest.file_names, *manifest.periods]
    if not all(isinstance(count, int) for count in counts) or not all(isinstance(name, str) for name in names):
        raise TypeError
    return manifest


def read_whole(folder: Path) -> Manifest | None:
    """The manifest of a version or release; None where it is missing, torn or damaged."""
    with contextlib.suppress(DataError):  # JSON, but not a manifest of this program
        return read(folder)
    return None


def read_all(*shelves: Path) -> dict[Path, Manifest | None]:
    """The manifest of each version and release on some shelves."""
    return {folder: read_whole(folder) for shelf in shelves for folder in sorted(shelf.glob("[0-9]*-*"))}


def undescribed(manifests: dict[Path, Manifest | None]) -> list[str]:
    """A sentence for each version and release that has no manifest, and was not tidied away meanwhile."""
    folders = [folder for folder, manifest in manifests.items() if manifest is None and folder.is_dir()]
    sentence = "it is missing, torn or of another program; restore it from a backup"
    return [f"{folder / paths.MANIFEST}: {sentence}" for folder in folders]


def content_order(manifest: Manifest, known: Manifest | None = None) -> dict[str, int]:
    """The place of each content in the order of time: its last period, then the source's name, then its age."""
    placed = []
    for each in (known, manifest):
        for source, entry in enumerate(each.entries if each else ()):
            for age, content in enumerate(entry.contents):
                placed.append((content.newest_period or "", source if each is manifest else -1, age, content.digest))
    ordered: dict[str, int] = {}
    for *_, digest in sorted(placed):
        ordered.setdefault(digest, len(ordered))
    return ordered


def periods_of(contents: Iterable[Content]) -> Periods | None:
    """The first and the last period of the contents; None where they have none."""
    ends = [end for content in contents for end in (content.first_period, content.last_period) if end]
    return (min(ends), max(ends)) if ends else None


def overlaps(content: Content, periods: Periods | None) -> bool:
    """Return False where none of the content's rows lies in the periods."""
    first, last = content.first_period, content.last_period
    return periods is None or first is None or last is None or (first <= periods[1] and last >= periods[0])


def _entry(fields: dict[str, Any]) -> Entry:
    contents, former = (tuple(_content(it) for it in fields.pop(name, ())) for name in ("contents", "former"))
    fields["earlier"] = tuple(GoneContent(**it) for it in fields.get("earlier", ()))
    fields["watermark"] = Watermark(**fields["watermark"]) if fields["watermark"] else None
    fields["refused"] = _content(fields["refused"]) if fields["refused"] else None
    return Entry(**fields, contents=contents, former=former)


def _content(fields: dict[str, Any]) -> Content:
    fields["slices"] = tuple(Slice(**piece) for piece in fields["slices"])
    fields["warnings"], fields["odd"] = tuple(fields["warnings"]), tuple(fields.get("odd", ()))
    fields["fault"] = Refusal(**fields["fault"]) if fields["fault"] else None
    return Content(**fields)
