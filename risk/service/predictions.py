"""What POST /prediction answers: computed by the deployed model, or looked up in the list of current clients."""

from __future__ import annotations

from typing import Any

import numpy as np

from risk.modeling import leakage
from risk.service.live import Live
from risk.service.problems import Problem
from risk.service.requests import Ids, Rows

NO_REPORT = "no report is made; run fullprocess.py"
OLD_LIST = "the listed clients are of release {}; ranks come with the next run, which makes the list anew"
OLD_RISKS = "these risks are listed for release {}, which is no longer current; the next run makes the list anew"


def predicted(now: Live, asked: Rows) -> dict[str, Any]:
    """Compute the risks of the rows; ranks are those among the current clients of the same release."""
    assert now.model is not None
    risks = now.model.risks(asked.frame)
    threshold = now.model.card.threshold
    told = {"release": now.model.name, "threshold": threshold, "predictions": (risks >= threshold).astype(int).tolist()}
    current = now.shown is not None and now.shown.release == now.model.name
    ranks = now.shown.clients.ranks(risks) if now.shown and current else [None] * len(risks)
    told |= {"risks": risks.tolist(), "ranks": ranks, "clients": asked.clients}
    old = OLD_LIST.format(now.shown.release) if now.shown and now.shown.release else now.torn or NO_REPORT
    return told | {"warnings": [*([] if current else [_warning(old)]), *_leaks(now)]}


def listed(now: Live, asked: Ids) -> dict[str, Any]:
    """Look the risks of current clients up in the list; the answer names the release that the list is of."""
    if now.shown is None or now.shown.snapshot["release"] is None or now.model is None:
        raise Problem(503, now.torn or NO_REPORT)
    listed, released = now.shown.clients, now.shown.snapshot["release"]
    for row, name in enumerate(asked.clients):
        if name not in listed.places:
            raise Problem(422, f"row {row}: ids: {name[:40]!r} is not a current client", row=row, field="ids")
    places = [listed.places[name] for name in asked.clients]
    risks = listed.risks[places] if places else np.empty(0)
    told = {"release": released["name"], "threshold": released["threshold"]}
    told |= {"predictions": [int(listed.cells[place][3]) for place in places], "risks": risks.tolist()}
    told |= {"ranks": listed.ranks(risks), "clients": asked.clients}
    stale = now.model.name != released["name"]
    return told | {"warnings": [_warning(OLD_RISKS.format(released["name"]))] if stale else _leaks(now)}


def _leaks(now: Live) -> list[dict[str, Any]]:
    """Warn of every column of the model that seems to know the answer and that nobody trusts."""
    assert now.model is not None
    assert now.contract is not None
    told = leakage.still(now.model.card.leaks, now.contract.kinds, now.contract.trusted)
    return [_warning(words, it["column"]) for it, words in zip(told, leakage.words(told), strict=True)]


def _warning(message: str, field: str | None = None) -> dict[str, Any]:
    return {"row": None, "field": field, "message": message}
