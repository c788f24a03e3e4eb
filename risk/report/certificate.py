"""The certificate of an erasure: what was erased and what is left, and what the journal tells of earlier ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from risk.command import Answer
from risk.disk.journal import ERASE
from risk.text import counted, one_line

INTENT, REPLACED, DONE = "intent", "replaced", "done"
PRODUCTION, PRACTICE = "production", "practice"
RETRAIN = {PRODUCTION: "python fullprocess.py --force", PRACTICE: "python fullprocess.py --practice --force"}


@dataclass(frozen=True)
class Earlier:
    """What an earlier order did that named one of the clients, as the journal tells it."""

    at: str
    reason: str
    n_clients: int
    n_rows: int
    n_files: int
    left: int
    trained: tuple[str, ...]
    replaced: dict[str, str]


@dataclass(frozen=True)
class Certificate:
    """What was erased and what is left: files by their path, with how often the clients stand there."""

    order: str
    reason: str
    clients: tuple[str, ...]  # their keyed digests
    n_rows: int
    rewritten: tuple[str, ...]
    gone: tuple[str, ...]
    replaced: dict[str, str]
    trained: tuple[str, ...]
    levels: dict[str, int]
    ambiguous: tuple[str, ...]  # those of them that are a number or a word of other things too
    left: dict[str, int]
    sources: dict[str, int]
    earlier: tuple[Earlier, ...]

    @property
    def was_trained_on(self) -> bool:
        """Whether a model was trained on them, now or when an earlier order was carried out."""
        return bool(self.trained) or any(it.trained for it in self.earlier)


def lines_of(records: Sequence[dict[str, Any]], name: str) -> dict[str, dict[str, Any]]:
    """The lines of the journal on an order, by their step."""
    return {it["step"]: it for it in records if it.get("kind") == ERASE and it.get("id") == name}


def earlier(records: Sequence[dict[str, Any]], name: str, digests: Collection[str]) -> tuple[Earlier, ...]:
    """What other orders did that named one of the clients, oldest first."""
    named = (it for it in records if it.get("kind") == ERASE and set(it.get("clients") or ()) & set(digests))
    orders = (lines_of(records, it["id"]) for it in named if it["id"] != name)
    return tuple(
        Earlier(
            it[DONE]["at"], it[INTENT]["reason"], it[INTENT]["n_clients"], it[DONE]["n_rows"], it[DONE]["n_files"],
            it[DONE]["left"], tuple(it[DONE]["trained"]), dict(it[REPLACED]["replaced"]),
        )
        for it in orders if DONE in it
    )  # fmt: skip


def answer(certificates: Mapping[str, Certificate], root: Path, holdout: Path, numbers: Mapping[str, int]) -> Answer:
    """The certificate, installation by installation; exit code 1 where a client is left in anything that is kept.

    `numbers` are the places of the clients, by their digests, among those who were named.
    """
    n_clients = len({*numbers.values()})
    lines = [f"erased: {counted(n_clients, 'client')}"]
    for place, it in certificates.items():
        is_said = len(certificates) > 1 or place == PRACTICE
        lines += [f"{place}:" if is_said else "", *_lines(it, place, root, holdout, numbers)]
    left = sum(sum(it.left.values()) for it in certificates.values())
    told = {place: asdict(it) for place, it in certificates.items()}
    fields = {"outcome": "erased", "n_clients": n_clients, "left": left, "certificates": told}
    return Answer("\n".join(line for line in lines if line), fields, exit_code=1 if left else 0)


def _lines(it: Certificate, place: str, root: Path, holdout: Path, numbers: Mapping[str, int]) -> list[str]:
    """First what came of it, then the details."""
    rows, files = counted(it.n_rows, "accepted row"), counted(len(it.rewritten), "file")
    lines = [f"  searched everything that is kept: {counted(sum(it.left.values()), 'occurrence')} left"]
    lines += [f"  LEFT: {n} in {_below(path, root)}" for path, n in it.left.items()]
    for path, n in it.sources.items():
        what = counted(n, "row") if n >= 0 else "it could not be read"
        is_tested = Path(path).is_relative_to(holdout)
        after = "it is test data, and is read as it is" if is_tested else "such rows are refused"
        lines.append(f"  a file of others still holds them: {_below(path, root)} ({what}); {after}")
    lines += [_erased_before(before) for before in it.earlier]
    lines += [f"  trained on them: {name}" for name in it.trained]
    if it.trained:
        lines.append(f"  a model file holds no client's name; for one that never saw these rows: {RETRAIN[place]}")
    for name, n_levels in it.levels.items():
        values = counted(n_levels, "value")
        kept = "gone from report sets; cards, model files and logs may still hold it"
        lines.append(f"  {name}: {values} of it only rows of theirs had, {kept}")
    if it.ambiguous:
        which = ", ".join(map(str, sorted(numbers.get(digest, 0) for digest in it.ambiguous)))
        told = "is a number or a word of other things too: looked for where a client is meant, and in quotes"
        lines.append(f"  of those named, number {which} {told}")
    lines.append(f"  {rows} left the parts; {files} rewritten, {len(it.gone)} removed")
    lines += [f"  keyed digest {digest}" for digest in it.clients]
    lines += [f"  rewritten: {_below(path, root)}" for path in it.rewritten]
    lines += [f"  removed: {_below(path, root)}" for path in it.gone]
    replaced = [pair for some in (*(before.replaced for before in it.earlier), it.replaced) for pair in some.items()]
    return [*lines, *(f"  digest {was[:16]}… is now {now[:16]}…" for was, now in replaced)]


def _erased_before(it: Earlier) -> str:
    """What an earlier order did, on one line; its certificate may never have been printed."""
    what = f"{counted(it.n_rows, 'accepted row')} of {counted(it.n_clients, 'client')} left the parts"
    left = f", {counted(it.left, 'occurrence')} left" if it.left else ""
    trained = f"; trained on them then: {', '.join(it.trained)}" if it.trained else ""
    return f"  erased before, {it.at} ({it.reason}): {what}, {counted(it.n_files, 'file')} rewritten{left}{trained}"


def _below(path: str, root: Path) -> str:
    return one_line(path.removeprefix(f"{root}/"))
