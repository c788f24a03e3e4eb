"""A dot that separates thousands: held wherever it can be told, and no ordinary decimal is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from ingesting import current, entry, final, ingest, of

from risk.reading.reader import Content
from tests.conftest import Project, table


def spelled(content: str, spell: Callable[[int], str], column: int = 2) -> str:
    head, *lines = content.splitlines()
    rows = [line.split(",") for line in lines]
    return (
        "\n".join([head, *(",".join([*row[:column], spell(int(row[column])), *row[column + 1 :]]) for row in rows)])
        + "\n"
    )


def dotted(figure: int) -> str:
    return f"{figure:,}".replace(",", ".")


def came(project: Project, content: str, name: str = "b.csv") -> str:
    project.drop(f"sourcedata/{name}", content)
    ingest(project)
    return entry(project, name).state


@pytest.fixture
def known(project: Project) -> Project:
    came(project, table(300, seed=1), "a.csv")
    return project


@pytest.mark.slow
@pytest.mark.parametrize(
    "content",
    [
        of("acme,10,1.200,3,0", "zeta,10,980,3,0"),
        of("acme,10,1.200,3,0"),
        of('"acme, inc.",10,1.200,3,0', "zeta,10,12.345,3,"),
        of("acme,10,0.980,3,0", "zeta,10,1234.125,3,0"),
        spelled(table(2_000, seed=2, first=500), dotted),
        spelled(table(300, seed=2), lambda figure: f"{figure // 100 * 100 + 1000:,}".replace(",", ".")),
        spelled(table(300, seed=2), lambda figure: f"{figure + 1}.000"),
    ],
    ids=["two rows", "one row", "quoted", "other sizes", "many", "hundreds", "zeros"],
)
def test_a_column_that_was_whole_and_turns_to_three_places_is_held(known: Project, content: str) -> None:
    before = final(known)

    state = came(known, content)

    assert (state, final(known)) == ("held", before)
    reason = str(entry(known, "b.csv").reason)
    assert reason.startswith("lastyear_activity held whole numbers, and every decimal has exactly three places now")


@pytest.mark.slow
@pytest.mark.parametrize(
    "content",
    [
        of("acme,10,1.20,3,0", "zeta,10,980,3,0"),
        of("acme,10,1.200,3,0", "zeta,10,98.5,3,0"),
        of("acme,10,0.5,3,0"),
        of("acme,10,1200,3,0", "zeta,10,980,3,0"),
    ],
)
def test_other_decimals_and_whole_numbers_are_taken_in(known: Project, content: str) -> None:
    assert came(known, content) == "in"


@pytest.mark.parametrize("history", [1, 2])
def test_a_stray_decimal_in_the_history_switches_nothing_off(known: Project, history: int) -> None:
    came(known, of(*(f"s{place},10,12.5,3,0" for place in range(history))), "stray.csv")

    assert came(known, of("acme,10,1.200,3,0", "zeta,10,980,3,0")) == "held"


@pytest.mark.slow
@pytest.mark.parametrize("odd", ["1.200.000", "-1.200.000", "1.2.3", "1.200 EUR", "n.a.", "1.2e3"])
def test_what_is_no_decimal_acquits_no_column(known: Project, odd: str) -> None:
    assert came(known, of("acme,10,1.200,3,0", f"big,10,{odd},3,0", "zeta,10,980,3,0")) == "held"


def test_millions_show_in_a_first_file_what_a_dot_means(project: Project) -> None:
    content = spelled(table(400, seed=1), lambda figure: dotted(figure * 1_000 if figure % 2 else figure % 900))

    assert came(project, content) == "held"


def test_a_column_of_decimals_may_have_three_places_in_one_file(project: Project) -> None:
    came(
        project, spelled(table(300, seed=1), lambda figure: f"{figure}.5" if figure % 20 == 0 else str(figure)), "a.csv"
    )

    assert came(project, of("acme,10,1.200,3,0", "zeta,10,980,3,0")) == "in"


@pytest.mark.slow
def test_a_column_that_always_had_three_places_is_taken_in(project: Project) -> None:
    for number, name in enumerate(("a.csv", "b.csv", "c.csv")):
        content = spelled(table(300, seed=number), lambda figure: f"{figure + 1}.{figure % 900 + 100}")

        assert came(project, content, name) == "in"


def test_a_first_file_that_shows_it_by_itself_is_held(project: Project) -> None:
    assert came(project, spelled(table(400, seed=1), dotted)) == "held"
    assert final(project) == []


def test_a_first_file_that_is_too_small_to_show_it_is_taken_in(project: Project) -> None:
    assert came(project, of("acme,10,1.200,3,0", "zeta,10,980,3,0")) == "in"


def test_once_released_it_is_a_decimal(known: Project) -> None:
    came(known, of("acme,10,1.200,3,0"))

    assert known.run("ingestion", "--release", "b.csv").code == 0

    assert "acme,10,1.2,3,0" in final(known)
    assert came(known, of("zeta,10,1.250,3,0"), "c.csv") == "in"
    known.run("ingestion", "--withdraw", "b.csv")
    assert current(known).held == ["b.csv"]


@pytest.mark.slow
def test_random_decimals_are_not_held(project: Project) -> None:
    random = np.random.default_rng(5)
    for places in (1, 2, 4):
        figures = iter(np.round(random.uniform(0, 500, 2_000), places))
        state = came(project, spelled(table(400, seed=places), lambda _: f"{next(figures):g}"), f"d{places}.csv")  # noqa: B023

        assert state == "in"


def test_a_manifest_of_an_older_program_knows_no_dots() -> None:
    assert Content("0", 1, 0.0, 5, 5, 0, 5, None, None, (), None, None, ()).dotted == {}
