"""The quiet list: how often it changes, and what its quiet costs in leavers caught."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from risk.lists import moves
from risk.modeling import families, fitting
from risk.settings.capacity import Capacity
from tests.benchmarks.decisions import KINDS, Stream
from tests.benchmarks.measure import Table

SEEDS, MONTHS, CLIENTS, LEARNED = 10, 18, 2_000, 6
LENGTHS = (50, 200)
MOST_LOST = 0.01  # of the leavers that the list of the highest risks catches
NOISE = 0.15  # on the log-odds: between two months a list is made weekly, with figures that are a little different


@dataclass
class Caught:
    """What lists of one kind have caught (true risks, summed), and how many clients came onto them."""

    leavers: float = 0.0
    newcomers: int = 0
    lists: int = 0


def bench() -> Table:
    """Make weekly lists of months in two worlds, by risk alone and quietly."""
    rows = []
    for world in ("world steady", "world gradual"):
        for length in LENGTHS:
            by_risk, quiet = Caught(), Caught()
            for seed in range(SEEDS):
                _lists(Stream(world), seed, length, by_risk, quiet)
            lost = 1 - quiet.leavers / by_risk.leavers
            goal = f"≤ {MOST_LOST:.0%}"
            rows.append((f"{world}, {length} of {CLIENTS:,}: leavers lost", f"{lost:.2%}", goal, lost <= MOST_LOST))
            changes = (it.newcomers / it.lists for it in (by_risk, quiet))
            rows.append(
                (
                    f"{world}, {length}: new on a list, by risk and quiet",
                    " and ".join(f"{it:.1f}" for it in changes),
                    "",
                    None,
                )
            )
    about = (
        f"{SEEDS} seeds of {MONTHS} months; a logistic model of the {LEARNED} months before ranks the clients four "
        f"times a month, with figures that move the log-odds by {NOISE} between weeks. Who is on the list stays until "
        f"the rank is beyond {moves.STAYS} times its length. Leavers are counted by the true risks."
    )
    return Table("The quiet list", about, rows)


def _lists(stream: Stream, seed: int, length: int, by_risk: Caught, quiet: Caught) -> None:
    files, kinds = list(stream.files(seed, CLIENTS, MONTHS, LEARNED + 1)), KINDS["world"]
    draw, former = np.random.default_rng([seed, length]), {id(by_risk): set[str](), id(quiet): set[str]()}
    for month in range(LEARNED, MONTHS):
        rows, now = pd.concat(files[month - LEARNED : month]), files[month]
        left = rows["left"].to_numpy(np.float64)
        model = fitting.fit(families.KNOWN[0], kinds, fitting.features(rows, kinds), left)
        odds = np.asarray(model.decision_function(fitting.features(now, kinds)))
        for _ in range(4):
            risks = odds + draw.normal(0, NOISE, len(now))
            order = np.argsort(-risks, kind="stable")
            everyone = pd.DataFrame(
                {"client": now["client"].to_numpy()[order], "truth": now["truth"].to_numpy()[order]}
            )
            everyone["owner"] = None
            for caught in (by_risk, quiet):
                was = former[id(caught)] if caught is quiet else set()
                chosen = moves.chosen(everyone, Capacity(length), (), was)
                names = set(chosen["client"])
                caught.leavers += float(chosen["truth"].sum())
                caught.newcomers += len(names - former[id(caught)])
                caught.lists += 1
                former[id(caught)] = names
