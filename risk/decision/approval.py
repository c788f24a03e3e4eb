"""Approval: where the settings ask for a person, a challenger that passed the gate waits until one has decided.

It waits on the desk, as it was judged: nothing is kept beside it. What waits follows from its verdict and the journal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from risk.command import Run
from risk.dataset import manifest as manifests
from risk.dataset.manifest import Manifest
from risk.disk import files, journal, paths
from risk.disk.journal import Attention
from risk.errors import ReleaseError
from risk.registry import releases
from risk.registry.releases import BASE_RATE, DONE, INTENT, object_in

Record = Mapping[str, Any]

WAITING = "waiting for approval"  # the outcome of a run
REJECTED_HERE = "A person rejected this very model on this dataset; it does not wait again."
HOW = "Approve it with deployment.py --approve REASON, or end its waiting with --reject REASON."
MOVED_ON = "Labelled rows have come or changed since it was judged"
AGAIN = "python fullprocess.py --force trains and judges one by the rows of now, which then waits"


@dataclass(frozen=True)
class WaitingChallenger:
    """A challenger that waits: the digest that was judged, against what, on which dataset, since when (UTC), and why.

    `release` is the former one that it would bring back. Where the evidence has `moved_on`, nobody can approve it.
    """

    model: str
    run: int
    since: str
    against: str
    dataset: str
    family: str
    release: str | None
    provisional: bool
    sentence: str
    moved_on: bool
    gate: Record

    def attention(self, replaces: str | None) -> Attention:
        """What a person is told, once for each judgement that another challenger takes the place of."""
        what = f"former release {self.release}" if self.release else f"challenger {self.model[:12]} ({self.family})"
        against = "the base rate" if self.against == BASE_RATE else self.against
        told = [f"The {what} waits for approval (since {self.since[:10]})."]
        told += [f"It was judged on dataset {self.dataset} against {against}."]
        told += [f"It replaces the challenger {replaces} that waited before."] if replaces else []
        return Attention(journal.APPROVAL, self.model[:12], " ".join([*told, self.sentence, self._how]))

    @property
    def told(self) -> dict[str, Any]:
        """What journal, report and programs say of it; `said` is the sentence for people."""
        return asdict(self) | {"said": self.attention(None).sentence}

    @property
    def _how(self) -> str:
        return f"{MOVED_ON}: {AGAIN}." if self.moved_on else HOW


def waiting(models: Path, production: Path, ingested: Path, *, run: int | None = None) -> WaitingChallenger | None:
    """The challenger that waits, or None; one that the `run` under way has judged counts.

    Raises: JournalError.
    """
    verdict, card = (object_in(models / name) for name in (paths.VERDICT, paths.CARD))
    if not verdict.get("deploy") or not (models / paths.MODEL).is_file():
        return None
    records = journal.read(production / paths.JOURNAL)
    ended = (it["at"] for it in records if it.get("kind") == "run" and it.get("run") == verdict["run"])
    since = next(ended, journal.now() if verdict["run"] == run else None)
    covers = files.digest_file(models / paths.MODEL) == verdict["model"]
    is_current = verdict["champion"] == (releases.name_of(production) or BASE_RATE)
    is_settled = _published_since(records, verdict["run"]) or is_rejected(records, verdict)
    if not covers or not is_current or is_settled or since is None:
        return None
    return WaitingChallenger(
        verdict["model"], verdict["run"], since, verdict["champion"], verdict["dataset"], str(card.get("family")),
        card.get("release"), verdict["provisional"], sentence(verdict),
        _evidence(ingested / paths.VERSIONS / verdict["dataset"]) != _evidence(ingested / paths.CURRENT),
        verdict["gate"],
    )  # fmt: skip


def sentence(verdict: Record) -> str:
    """The sentence of a verdict on what waits: it says of what it favours that it is deployed."""
    return str(verdict["sentence"]).replace("it is deployed", "it passed the gate and may be deployed")


def _evidence(folder: Path) -> str | None:
    found = manifests.read_whole(folder)
    return found.evidence if found else None


def tell(run: Run, found: WaitingChallenger | None) -> None:
    """Keep for the record what waits now, and that what waited before does so no longer."""
    before = [it["subject"] for it in run.told if it["kind"] == journal.APPROVAL]
    gone = next((it for it in before if not found or it != found.model[:12]), None)
    if found or before:
        run.note(waiting=found.told if found else None)
        run.attend([journal.APPROVAL], [found.attention(gone)] if found else [])
    if gone and not found:
        told = f"The challenger {gone} that waited for approval waits no longer: it was replaced or decided on."
        run.warn(told)


def reject(run: Run, found: WaitingChallenger, reason: str) -> str:
    """Keep for the record that a person rejected what waits, and return the sentence that says so."""
    told = f"A person rejected the challenger {found.model[:12]} that waited for approval: {reason}"
    run.note(rejected={"model": found.model, "dataset": found.dataset}, waiting=None, sentence=told)
    run.attend([journal.APPROVAL], [])
    return told


def is_rejected(records: Sequence[Record], verdict: Record) -> bool:
    """Whether a person has rejected the model of a verdict on its dataset."""
    rejected = (it["rejected"] for it in records if it.get("kind") == "run" and it.get("rejected"))
    return {"model": verdict["model"], "dataset": verdict["dataset"]} in rejected


def require(found: WaitingChallenger | None, place: str, now: Manifest) -> WaitingChallenger:
    """The candidate that a person may approve. Raises: ReleaseError where none waits, or its evidence has moved on.

    `now` is the current dataset, read by the schema of the settings.
    """
    found = require_any(found, place)
    if found.moved_on or not now.number or not now.entries:
        raise ReleaseError(
            f"{place}: {MOVED_ON} (on dataset {found.dataset}, now {now.name}). Nothing was deployed. {AGAIN}."
        )
    return found


def require_any(found: WaitingChallenger | None, place: str) -> WaitingChallenger:
    """The candidate that waits. Raises: ReleaseError where none does."""
    if found is None:
        raise ReleaseError(f"{place}: no challenger waits for approval. Nothing was changed.")
    return found


def _published_since(records: Sequence[Record], run: int) -> bool:
    """Whether a release went live, by whatever way, in a run since this one."""
    under_way: set[Any] = set()
    for record in records:
        if record.get("kind") == INTENT and record.get("run", 0) >= run:
            under_way.add(record.get("release"))
        elif record.get("kind") == DONE and record.get("release") in under_way:
            return True
        elif record.get("kind") not in ("run", "act"):
            under_way.discard(record.get("release"))
    return False
