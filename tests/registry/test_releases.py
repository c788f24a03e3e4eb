from __future__ import annotations

from pathlib import Path

import pytest

from risk.disk import journal, paths
from risk.errors import ReleaseError
from risk.registry import releases

PAPERS = {paths.MODEL: b"m", paths.CARD: b"{}", paths.LATEST_SCORE: b"0.5\n", paths.VERDICT: b"{}"}


def publish(production: Path, digest: str) -> releases.Release:
    return releases.publish(production, digest, PAPERS, {"action": "deploy"})


def test_a_release_is_announced_before_and_concluded_after(tmp_path: Path) -> None:
    found = publish(tmp_path, "a" * 64)

    assert found.name == "1-aaaaaaaaaaaa"
    assert releases.current(tmp_path) == found
    lines = journal.read(tmp_path / paths.JOURNAL)
    assert [(line["kind"], line["release"]) for line in lines] == [("intent", found.name), ("done", found.name)]


def test_a_deployment_cut_off_before_the_link_moved_is_abandoned_and_tidied(tmp_path: Path) -> None:
    live = publish(tmp_path, "a" * 64)
    journal.append(tmp_path / paths.JOURNAL, {"kind": "intent", "release": "2-b", "action": "deploy"})
    (tmp_path / "releases" / "2-b").mkdir()

    releases.settle(tmp_path)

    assert releases.all_of(tmp_path) == [live]
    assert journal.read(tmp_path / paths.JOURNAL)[-1]["kind"] == "abandoned"


def test_a_deployment_cut_off_after_the_link_moved_is_done(tmp_path: Path) -> None:
    live = publish(tmp_path, "a" * 64)
    path = tmp_path / paths.JOURNAL
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))

    releases.settle(tmp_path)
    releases.settle(tmp_path)

    assert releases.current(tmp_path) == live
    assert [line["kind"] for line in journal.read(path)] == ["intent", "done"]


def test_going_back_takes_the_release_before_the_live_one(tmp_path: Path) -> None:
    first, second, _ = (publish(tmp_path, letter * 64) for letter in "abc")

    releases.roll_back(tmp_path, releases.previous(tmp_path), {"action": "rollback"})

    assert releases.current(tmp_path) == second
    assert releases.previous(tmp_path) == first
    assert publish(tmp_path, "d" * 64).name == "4-dddddddddddd"


def test_a_release_that_is_not_there_is_answered_with_those_that_are(tmp_path: Path) -> None:
    publish(tmp_path, "a" * 64)

    with pytest.raises(ReleaseError, match=r"no release '7'; there are: 1-aaaaaaaaaaaa"):
        releases.named(tmp_path, "7")
    with pytest.raises(ReleaseError, match="no release before 1-aaaaaaaaaaaa"):
        releases.previous(tmp_path)
    assert releases.named(tmp_path, "1").name == "1-aaaaaaaaaaaa"
