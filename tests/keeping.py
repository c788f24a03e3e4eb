"""An installation with some history, for what keeps, prunes, backs up and restores it."""

from __future__ import annotations

import pytest

from tests.conftest import HEADER, Project, Said, deploy, table

RELEASES = 4


def on(project: Project, day: str, script: str = "fullprocess", *words: str) -> Said:
    """Run a script on another day."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("risk.command.today", lambda: day)
        return project.run(script, *words)


def with_history(project: Project) -> None:
    """Make four releases, the last one live, as many dataset versions, and a list and a report set of each day."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("risk.command.today", lambda: "2026-11-01")
        deploy(project)
    for number in range(2, RELEASES + 1):
        project.drop(f"sourcedata/dataset{number}.csv", table(120, seed=number, first=1000 * number))
        for script, *words in (["ingestion"], ["training"], ["scoring"], ["deployment", "--force", "we must"]):
            said = project.run(script, *words)
            assert said.code == 0, said
        assert on(project, f"2026-11-0{number}", "reporting").code == 0
    assert project.run("fullprocess").code == 0


def with_releases(project: Project, n: int) -> None:
    """Do a first run, and make releases until there are so many: each of one row more, against its verdict."""
    assert project.run("fullprocess", whole=True).code == 0
    for number in range(2, n + 1):
        project.drop(f"sourcedata/more{number}.csv", f"{HEADER}\nmore{number},{number},{7 * number % 50},3,0\n")
        for script, *words in (["ingestion"], ["training"], ["scoring"], ["deployment", "--force", "we must"]):
            said = project.run(script, *words)
            assert said.code == 0, said
    assert project.run("fullprocess", whole=True).code in (0, 4)
    assert len(list((project.settings.production / "releases").iterdir())) == n
