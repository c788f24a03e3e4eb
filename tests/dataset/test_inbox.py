from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from risk.dataset import inbox
from risk.disk import paths, tick
from tests.conftest import Project

CAP = 1000


def test_sources_come_in_natural_order_with_sub_folders(project: Project) -> None:
    for name in ("dataset10.csv", "dataset2.csv", "north/dataset1.csv", "B.CSV"):
        project.drop(f"sourcedata/{name}", "x")

    found = inbox.list_sources(project.root / "sourcedata", size_cap=CAP)

    assert [source.name for source in found.sources] == ["B.CSV", "dataset2.csv", "dataset10.csv", "north/dataset1.csv"]


def test_what_is_no_source_is_passed_over_with_a_reason(project: Project) -> None:
    folder = project.root / "sourcedata"
    for name in (".hidden.csv", "~lock.csv", "coming.csv.part", "coming.tmp", "notes.txt", "notes.md"):
        project.drop(f"sourcedata/{name}", "x")
    project.drop("sourcedata/big.csv", "x" * 2000)
    os.mkfifo(folder / "pipe.csv")
    (folder / "out.csv").symlink_to("/etc/hostname")

    found = inbox.list_sources(folder, size_cap=CAP, settle=0, names=("corporation",))

    assert found.sources == ()
    assert set(found.skipped) == {"notes.txt", "notes.md", "big.csv", "pipe.csv", "out.csv"}
    assert found.skipped["notes.md"] == "not a table file; it was passed over"
    assert found.skipped["notes.txt"] == inbox.NO_TABLE
    assert "max_source_mb" in found.skipped["big.csv"]
    assert "link out of the folder" in found.skipped["out.csv"]


@pytest.mark.slow
def test_a_file_that_still_changes_is_left_for_the_next_run(project: Project) -> None:
    path = project.drop("sourcedata/growing.csv", "a", age=0)
    grow = threading.Timer(0.1, lambda: path.write_text("ab"))
    grow.start()

    found = inbox.list_sources(path.parent, size_cap=CAP, settle=0.5)
    grow.join()

    assert found.sources == ()
    assert "still changes" in found.skipped["growing.csv"]


def test_a_young_file_that_stands_still_is_taken(project: Project) -> None:
    path = project.drop("sourcedata/new.csv", "a", age=0)

    found = inbox.list_sources(path.parent, size_cap=CAP, settle=0.2)

    assert [source.name for source in found.sources] == ["new.csv"]


def test_a_file_from_the_future_is_taken_without_waiting(project: Project) -> None:
    path = project.drop("sourcedata/ahead.csv", "a", age=-86_400)

    found = inbox.list_sources(path.parent, size_cap=CAP, settle=3600)

    assert [source.name for source in found.sources] == ["ahead.csv"]


def broken_links(folder: Path) -> None:
    (folder / "dangling.csv").symlink_to("nowhere.csv")
    (folder / "circle.csv").symlink_to("circle.csv")
    (folder / "self").symlink_to(".")
    (folder / "outside.csv").symlink_to(folder.parent / "config.json")
    (folder / "folder.csv").symlink_to(folder.parent / "testdata")


def test_links_that_lead_nowhere_are_said_and_make_no_tick_work(project: Project) -> None:
    good = project.drop("sourcedata/good.csv", "a")
    (good.parent / "inside.csv").symlink_to("good.csv")
    broken_links(good.parent)
    listed = tick.listing(str(good.parent))

    found = inbox.list_sources(good.parent, size_cap=CAP, settle=0)
    project.drop("testdata/other.csv", "x")
    project.configure(deadline_hours=1.0)

    assert [source.name for source in found.sources] == ["good.csv", "inside.csv"]
    assert {name: why.partition(";")[0] for name, why in found.skipped.items()} == {
        "dangling.csv": "a link that leads nowhere",
        "circle.csv": "a link in a circle",
        "self": "a link to a folder",
        "outside.csv": "a link out of the folder",
        "folder.csv": "a link to a folder",
    }
    assert sorted(tick.listing(str(good.parent))) == sorted(listed)


def test_a_folder_that_cannot_be_read_is_said(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = project.drop("sourcedata/closed/a.csv", "a").parent
    real = os.scandir

    def refuse(folder: str) -> object:
        if folder == str(closed):
            raise PermissionError(13, "Permission denied", folder)
        return real(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    found = inbox.list_sources(closed.parent, size_cap=CAP, settle=0)

    assert found.sources == ()
    assert found.skipped == {"closed/": "a folder that cannot be read; give read access"}


def test_tables_of_every_kind_are_sources_and_notes_are_none(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    header = "corporation\tmonth\n"
    for end in paths.TABLES:
        project.drop(f"sourcedata/table{end}", "x")
    project.drop("sourcedata/unicode.TXT", header.encode("utf-16"))
    project.drop("sourcedata/table.txt", header)
    folder = project.root / "sourcedata"

    found = inbox.list_sources(folder, size_cap=CAP, settle=0, names=("corporation", "month"))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    without = inbox.list_sources(folder, size_cap=CAP, settle=0, names=("corporation", "month"))

    assert {source.name for source in found.sources} == {f"table{end}" for end in paths.TABLES} | {"unicode.TXT"}
    assert list(without.skipped) == ["table.xlsx"]
    assert "make xlsx" in without.skipped["table.xlsx"]
