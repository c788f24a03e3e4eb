"""A slice of `make bench-lives`: what years of weekly files do where nothing changes, and lives that are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks import kept, lives
from tests.benchmarks.lives import KINDS, Deployed, Kind, Life


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS, ids=lambda it: it.name)
def test_two_years_of_weekly_files_give_no_alert_and_no_needless_model(kind: Kind) -> None:
    life = lives.lived(kind, 2, n_files=104)

    assert life.alerts == ()
    assert not life.needless


def test_a_life_is_needless_by_a_single_deployment_that_wins_next_to_nothing() -> None:
    worth, needless = (Deployed(9, "drift", gain) for gain in (0.02, 0.004))

    assert not Life("a", 1, (9,), (worth,), ()).needless
    assert Life("a", 1, (9,), (worth, needless), ()).needless


def test_finished_lives_are_kept_and_a_torn_line_or_one_of_other_rules_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = Life("a", 1, (3,), (Deployed(3, "drift", 0.02),), ((3, 1e-6),))
    monkeypatch.setattr(lives, "KINDS", ())
    path = tmp_path / "kept" / "lives.jsonl"
    lives.all_lived(1, path)
    path.write_text(lives.line(done, lives.digest()) + lives.line(done, "other rules") + '{"kind": "b", "se')

    assert lives.kept(path) == [done]
    assert lives.all_lived(1, path) == [done]


@pytest.mark.slow
def test_a_small_change_is_found_later_by_less_chance() -> None:
    looks = lives.delays(0.4, seeds=2)

    assert all(min(ps) < 1e-4 for ps in looks)
    assert float(lives.median_files(looks, 0.005)) <= float(lives.median_files(looks, 0.0001))


def test_a_part_that_was_measured_by_this_very_program_is_not_measured_again(tmp_path: Path) -> None:
    path, source = tmp_path / "kept" / "parts.jsonl", tmp_path / "rules.py"
    source.write_text("from here import it\n\nLIMIT = 1\n")
    times = iter("123")

    def measured() -> list[kept.Row]:
        return [("files at which it rings", next(times), "≤ 1 %", True)]

    def figure(part: str = "alarms") -> str:
        return kept.rows("decisions", part, measured, path, [str(source)])[0][1]

    first, again, other = figure(), figure(), figure("lists")
    source.write_text("from there import it\n\nLIMIT = 1\n")
    moved = figure()
    path.write_text(path.read_text() + '{"bench": "decisions", "part": "ala')
    torn = figure()
    source.write_text("from there import it\n\nLIMIT = 2\n")
    changed, kept_again = figure(), figure()

    assert (first, again, other, moved, torn) == ("1", "1", "2", "1", "1")
    assert (changed, kept_again) == ("3", "3")
