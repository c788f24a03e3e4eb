"""Late outcomes of a feed in which nothing changes: no alert, no training by how many leave, no worse model."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.conftest import Project

N, FIRST = 300, 6
HEADER = "corporation,month,lastmonth_activity,lastyear_activity,number_of_employees,exited"


class Feed:
    """Clients of a month each, who leave by one rule, and when it is found out."""

    def __init__(self, month: int) -> None:
        draw = np.random.default_rng(month)
        self.month, self.figures = month, draw.lognormal(4, 1, (N, 3)).astype(int)
        self.left = draw.random(N) < 1 / (1 + np.exp(1.4 + 1.2 * (np.log1p(self.figures[:, 0]) - 4)))
        sooner, later = draw.choice(3, N, p=[0.6, 0.3, 0.1]) + 1, draw.choice(3, N, p=[0.1, 0.3, 0.6]) + 1
        self.age = np.where(self.left, sooner, later)

    def rows(self, now: int, which: NDArray[np.bool_], stays: bool = False) -> list[str]:
        known = (self.age <= now - self.month) | stays & (now > self.month)
        left = self.left & (self.age <= now - self.month)
        of_client = zip(
            range(N), self.figures.tolist(), np.where(known, left.astype(int).astype(str), ""), which, strict=True
        )
        start = f"2026-{self.month:02d}"
        return [f"m{self.month}c{c},{start},{a},{b},{d},{y}" for c, (a, b, d), y, shown in of_client if shown]


FEEDS = {month: Feed(month) for month in range(1, FIRST + 3)}
EVERYBODY = np.ones(N, dtype=bool)


def send(project: Project, way: str, now: int) -> None:
    files: dict[str, list[str]] = {}
    again = way == "same files" or now == FIRST
    for month in range(1, now + 1) if again else (now,):
        files[f"clients_{month:02d}"] = FEEDS[month].rows(now, EVERYBODY, way == "same files")
    for month in () if again else range(now - 3, now):
        name = f"outcomes_{now:02d}" + (f"_{month:02d}" if way == "a file of each month" else "")
        files.setdefault(name, []).extend(FEEDS[month].rows(now, FEEDS[month].age == now - month))
    for name, rows in files.items():
        project.drop(f"sourcedata/{name}.csv", "\n".join([HEADER, *rows]) + "\n")


@pytest.mark.parametrize("way", ["same files", "a file of each month", "a file of all months"])
def test_late_outcomes_are_no_change(project: Project, way: str) -> None:
    project.configure(schema={"period": "month"}, test_share=0.2)
    send(project, way, FIRST)
    assert project.run("fullprocess", "--json").json["outcome"] == "deployed"

    for now in (FIRST + 1, FIRST + 2):
        send(project, way, now)
        said = project.run("fullprocess", "--json")

        assert (said.code, said.json["outcome"]) == (0, "no drift"), said.out
        dataset = project.json("models/snapshot.json")["dataset"]
        assert dataset["outcomes_complete_until"] == f"2026-{now - 3:02d}"
