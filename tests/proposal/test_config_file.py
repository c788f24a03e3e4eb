"""Sections written into a settings file: nothing else of it changes, and the former one is kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from risk.errors import ConfigError
from risk.proposal import config_file

WRITTEN = """{
\t"input_folder_path": "in",   "note": {"schema": [1,  2]},
\t"schema": {"client": "a \\" { b"},
\t"events": {"client": "x"},
\t"last": 1
}
"""


def test_only_the_section_changes_and_its_form_is_that_of_the_file() -> None:
    after = config_file.replaced(WRITTEN, {"schema": {"client": "c"}, "format": {"decimal": ","}})

    assert after == WRITTEN.replace('{"client": "a \\" { b"}', '{"client": "c"},\n\t"format": {"decimal": ","}')


def test_a_section_is_taken_out_with_its_comma() -> None:
    after = config_file.replaced(WRITTEN, {"events": None, "source": None})

    assert after == WRITTEN.replace('\t"events": {"client": "x"},\n', "")


def test_a_long_section_has_a_line_for_each_key() -> None:
    features = {name: {"kind": "numeric", "label": name} for name in ("one", "two")}

    after = config_file.replaced('{\n  "a": 1\n}\n', {"schema": {"client": "c", "features": features}})

    assert json.loads(after) == {"a": 1, "schema": {"client": "c", "features": features}}
    assert '\n    "features": {\n      "one": {"kind": "numeric", "label": "one"},\n' in after


@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_a_file_keeps_its_mark_its_line_ends_and_its_rights(tmp_path: Path, start: str) -> None:
    path = tmp_path / "config.json"
    path.write_bytes((start + '{\r\n    "a": 1,\r\n    "schema": {}\r\n}').encode())
    path.chmod(0o640)

    config_file.write(path, {"schema": {"client": "c"}})

    assert path.read_bytes().decode() == start + '{\r\n    "a": 1,\r\n    "schema": {"client": "c"}\r\n}'
    assert path.stat().st_mode & 0o777 == 0o640


def test_every_former_file_is_kept_under_a_number(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"schema": {"client": "a"}}')

    kept = [config_file.write(path, {"schema": {"client": client}}).name for client in "bcd"]

    assert kept == ["config.json.bak", "config.json.bak1", "config.json.bak2"]
    assert [(tmp_path / name).read_text() for name in kept] == [f'{{"schema": {{"client": "{it}"}}}}' for it in "abc"]


def test_a_read_only_file_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text("{}")
    path.chmod(0o444)

    with pytest.raises(ConfigError, match="is read-only"):
        config_file.write(path, {"schema": {}})

    assert [it.name for it in tmp_path.iterdir()] == ["config.json"]
