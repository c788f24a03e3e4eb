from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from risk.disk import files
from risk.errors import BusyError, DiskError


def test_publish_makes_a_folder_whole_and_turns_the_link(tmp_path: Path) -> None:
    shelf, link = tmp_path / "versions", tmp_path / "current"

    folder = files.publish(shelf, "1-a", {"x": b"one", "y": lambda path: path.write_bytes(b"two")}, link)

    assert files.resolve(link) == folder
    assert os.readlink(link) == "versions/1-a"
    assert (link / "x").read_bytes() + (link / "y").read_bytes() == b"onetwo"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["1-a", "current", "versions", "x", "y"]


def test_publish_leaves_the_former_version_where_a_reader_is_in_it(tmp_path: Path) -> None:
    shelf, link = tmp_path / "versions", tmp_path / "current"
    reader = files.publish(shelf, "1-a", {"x": b"one"}, link)

    files.publish(shelf, "2-b", {"x": b"two"}, link)

    assert (reader / "x").read_bytes() == b"one"
    assert (link / "x").read_bytes() == b"two"


def test_write_replaces_a_file_whole_and_leaves_no_litter(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b.txt"
    files.write(path, b"old")

    files.write(path, b"new")

    assert path.read_bytes() == b"new"
    assert [item.name for item in path.parent.iterdir()] == ["b.txt"]


def test_link_out_replaces_a_real_file_and_names_it(tmp_path: Path) -> None:
    (tmp_path / "finaldata.csv").write_text("from a simpler system")

    replaced = files.link_out(tmp_path, ("finaldata.csv", "rejected.csv"), "current")

    assert replaced == ["finaldata.csv"]
    assert os.readlink(tmp_path / "finaldata.csv") == "current/finaldata.csv"
    assert files.link_out(tmp_path, ("finaldata.csv", "rejected.csv"), "current") == []


def test_tidy_removes_what_is_unfinished_or_not_kept(tmp_path: Path) -> None:
    for name in (".unfinished-3-c", "1-a", "2-b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").touch()

    gone = files.tidy(tmp_path, lambda name: name == "2-b")

    assert gone == [".unfinished-3-c", "1-a"]
    assert [item.name for item in tmp_path.iterdir()] == ["2-b"]


def test_lock_refuses_a_second_process_at_once(tmp_path: Path) -> None:
    path = tmp_path / "fullprocess.lock"
    with files.lock(path):
        other = f"from risk.disk import files\nfrom pathlib import Path\nwith files.lock(Path({str(path)!r})): pass"

        said = subprocess.run([sys.executable, "-c", other], capture_output=True, text=True, check=False)

    assert BusyError.__name__ in said.stderr
    with files.lock(path):
        pass


def test_a_folder_that_cannot_be_written_is_one_sentence_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(DiskError, match=r"file.*cannot write \(.+\)"):
        files.write(tmp_path / "file" / "x", b"content")


def test_read_json_takes_a_torn_file_for_none(tmp_path: Path) -> None:
    (tmp_path / "torn.json").write_text('{"a": ')

    assert files.read_json(tmp_path / "torn.json") is None
    assert files.read_json(tmp_path / "absent.json") is None


def test_a_folder_that_others_may_enter_is_closed_to_them(tmp_path: Path) -> None:
    folder = tmp_path / "production_deployment"
    folder.mkdir(mode=0o755)

    files.make_private(folder)

    assert folder.stat().st_mode & 0o777 == 0o700
