"""The verdict on a challenger: the evidence for it, what it allows, and whether one that was written still holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from risk.dataset.dataset import Dataset
from risk.decision import incumbents, policy
from risk.decision.gate import Gate
from risk.decision.policy import Reason
from risk.disk import files, paths
from risk.errors import ModelError, NotFavouredError
from risk.modeling import fitting, leakage, selection
from risk.modeling.families import BASE_RATE as BASE_SIZE
from risk.modeling.families import NO_FEATURE
from risk.modeling.metrics import Floats, log_losses
from risk.registry import out_of_fold
from risk.registry.judgement import HoldoutScores, Judgement
from risk.registry.model import Model
from risk.registry.proven import LiveRelease
from risk.registry.releases import BASE_RATE, Release, object_in
from risk.settings.decision_rules import GateRule

NOT_JUDGED = "not judged"
ROLLED_BACK_HERE = "This very model was rolled back on this dataset; it is not proposed again."
UNPROVEN = "Nothing is proven for these columns, so it is deployed all the same, as provisional: do not rely on it."
ALIKE = "So it is deployed as provisional, until one tells more."
SPOILED = 1.1  # times the out-of-fold log-loss: on rows that it was trained on a model answers better than that


@dataclass(frozen=True, kw_only=True)
class Verdict(Judgement):
    """A judgement with its scores on the held-out clients and the gate's figures."""

    scores: HoldoutScores
    gate: Gate

    @classmethod
    def of(cls, folder: Path) -> Verdict:
        """The verdict in a folder; a blank one where there is none."""
        return cls.from_dict(object_in(folder / paths.VERDICT))

    def as_dict(self) -> dict[str, Any]:
        """What verdict.json holds; only a release says whether it was `forced`."""
        return {name: it for name, it in super().as_dict().items() if name != "forced"}


@dataclass(frozen=True)
class Evidence:
    """The gate's figures on rows that neither model has seen, and what bars the challenger whatever they say.

    `proven` says whether what is live is proven for these columns.
    """

    gate: Gate
    objection: str | None
    proven: bool


def resumed(
    desk: Path, live: Release | None, challenger: Model, covered: Mapping[str, Any], ended: int
) -> Verdict | None:
    """The verdict of a run that was cut off: by it the challenger went live, or it covers all that is judged now.

    `ended` is the number of the last run that came to its end.
    """
    on_desk = Verdict.of(desk)
    if live is not None:  # a former release keeps its own files: the verdict that brought it back is on the desk alone
        found = on_desk if challenger.card.release == live.name else Verdict.of(live.folder)
        if found.model == challenger.digest and found.run > ended and found.deploy:
            return found
    covers = all(getattr(on_desk, name) == value for name, value in covered.items())
    return on_desk if covers and on_desk.run > ended else None


def evidence(
    rows: Dataset, desk: Path, challenger: Model, live: LiveRelease | None, leaks: bool, rule: GateRule, most: int
) -> Evidence:
    """Judge the challenger on the desk by the rows that are recent, or by at most so many labelled ones.

    It is compared with the base rate where the live model was made for other columns, where that one is provisional for
    leaks that the challenger is rid of, and where it cannot be opened but a person asked for another.
    Raises: ModelError, GateError.
    """
    reason, schema = challenger.card.reason, rows.schema
    champion = incumbents.opened(live, reason)
    is_of_others, is_proven = champion is not None and not champion.fits(schema), live and not live.provisional
    if champion and (is_of_others or not (leaks or is_proven or not champion.card.leaks)):
        champion = None
    why = Reason.from_dict(challenger.card.why or {})
    judged = rows.recent(why.recent) if champion else rows.labelled(most)
    stated = _out_of_fold(desk, challenger)
    judged = judged[judged["position"].isin(stated.index)]  # of very many rows only a sample was compared
    stated = stated.loc[judged["position"]]
    left, clients = judged[schema.target].to_numpy(np.float64), judged[schema.client].to_numpy()
    beside = fitting.base_rate(left, clients)
    if champion and live:
        beside = incumbents.honest_risks(champion, live.folder, judged, schema)
    risk, nested, forward = (stated[name].to_numpy(np.float64) for name in ("risk", "nested", "forward"))
    bare = champion is None
    gate = policy.judged(
        left, beside, nested, clients, rule, reason, by_base_rate=bare, forward=forward, scan=why.scan,
        same_list=selection.keeps_list(challenger.card.learned, challenger.taught),
    )  # fmt: skip
    gate = replace(gate, against=BASE_RATE if bare or not live else live.name)
    return Evidence(gate, _spoiled(left, risk, challenger.risks(judged)), bool(is_proven) and not is_of_others)


def _out_of_fold(desk: Path, challenger: Model) -> pd.DataFrame:
    """The out-of-fold risks of each compared row by position. Raises: ModelError when they are of another model."""
    path = desk / paths.LEARNED_RISKS
    if files.digest_file(path) != challenger.card.learned_sha256:
        raise ModelError(f"{path}: not of the challenger beside it; run python training.py")
    return out_of_fold.read(desk).set_index("position")


def _spoiled(left: Floats, stated: Floats, answered: Floats) -> str | None:
    """Why this is not the model that was compared: it answers worse, on rows of its training, than was stated."""
    if not len(left):
        return None
    was, now = log_losses(left, stated).mean(), log_losses(left, answered).mean()
    if now <= was * SPOILED:
        return None
    return f"The model answers with a log-loss of {now:.3f} where its papers tell {was:.3f}: it is refused as spoiled."


def conclude(
    covered: Mapping[str, Any], run: int, evidence: Evidence, leaks: Sequence[Mapping[str, Any]],
    scores: HoldoutScores, *, comes_back: bool, rolled_back: bool, size: str = "",
) -> Verdict:  # fmt: skip
    """What follows from the evidence. `leaks` are those that nobody has settled; a challenger that was `rolled_back`

    on this dataset is refused. Of one whose `size` is the base rate no figures say that it is worse than that.
    """
    ruling = policy.decide(
        evidence.gate, compared=evidence.gate.against != BASE_RATE, proven=evidence.proven, comes_back=comes_back,
        leaks=bool(leaks),
        objection=ROLLED_BACK_HERE if rolled_back else evidence.objection,
    )  # fmt: skip
    sentence = finding = ruling.objection or evidence.gate.sentence
    if alike := ruling.deploy and size == BASE_SIZE:
        sentence = finding = NO_FEATURE if evidence.gate.outcome == "refuse" else f"{sentence} {NO_FEATURE}"
    if ruling.deploy and evidence.gate.outcome != "deploy":
        sentence = f"{sentence.replace('it is refused, for', 'it is not proven, for')} {ALIKE if alike else UNPROVEN}"
    elif ruling.deploy and leaks:
        sentence += " It is only provisional, for a column seems to know the answer."
    return Verdict(
        **covered, run=run, deploy=ruling.deploy, provisional=ruling.provisional, outcome=ruling.outcome,
        sentence=" ".join([sentence, *leakage.words(leaks)]), scores=scores,
        gate=replace(evidence.gate, sentence=finding),
    )  # fmt: skip


def is_live(live: Release, challenger: Model, verdict: Verdict) -> bool:
    """Whether the release came of this very verdict, or is the former one that the verdict speaks of."""
    if challenger.card.release:
        return live.name == challenger.card.release
    return (live.verdict.model, live.verdict.run) == (challenger.digest, verdict.run)


def require_favourable(verdict: Verdict, path: str, digest: str, live: Release | None, *, forced: bool) -> None:
    """Raise NotFavouredError unless the verdict covers this model, against what is live, and favours it.

    `path` names no folder of the machine, for the journal keeps the sentence.
    """
    if verdict.model != digest:
        raise NotFavouredError(f"{path}: this challenger is not judged yet; run python scoring.py", NOT_JUDGED)
    if forced:
        return
    if verdict.champion != (live.name if live else BASE_RATE):
        raise NotFavouredError(
            f"{path}: it was judged against {verdict.champion or 'nothing'}, which is not live; run python scoring.py",
            NOT_JUDGED,
        )
    if not verdict.deploy:
        raise NotFavouredError(
            f"{verdict.outcome}: {verdict.sentence} Nothing was deployed; a person may overrule with --force REASON",
            verdict.outcome,
        )
