from __future__ import annotations

import json
from typing import Any

import pytest
from conftest import FIVE_KEYS, Project

from risk import config
from risk.errors import ConfigError


def test_five_keys_are_enough(project: Project) -> None:
    settings = project.settings

    assert settings.input == project.root / "sourcedata"
    assert [column.name for column in settings.schema.columns] == [
        "corporation",
        "lastmonth_activity",
        "lastyear_activity",
        "number_of_employees",
        "exited",
    ]


@pytest.mark.parametrize(
    ("sections", "told"),
    [
        ({"schmea": {}}, r"unknown key 'schmea'; did you mean 'schema'\?"),
        ({"schema": {"perod": "x"}}, r"unknown key 'schema.perod'; did you mean 'period'\?"),
        ({"capacity": {"calls_per_week": 0}}, r"'capacity.calls_per_week' is 0; input should be greater than"),
        (
            {"schema": {"features": {"a": "words"}}},
            r"'schema.features.a.kind' is 'words'; .*'numeric' or 'categorical'",
        ),
        ({"schema": {"features": ["exited"]}}, r"column 'exited' has two meanings"),
        (
            {"schema": {"trusted": ["lastmonth_activty"]}},
            r"'lastmonth_activty' is no feature; did you mean 'lastmonth_",
        ),
        ({"schema": {"trusted": ["size"]}}, r"trusted 'size' is no feature; features are lastmonth_activity, last"),
        ({"schema": {"features": ["a", "b"], "ignore": ["a"], "trusted": ["a"]}}, r"trusted 'a' is ignored"),
        ({"schema": {"features": ["a"], "ignore": ["a"]}}, r"every feature is ignored"),
        ({"input_folder_path": "/sourcedata/"}, r"there is no folder /sourcedata; did you mean 'sourcedata'\?"),
        ({"prod_deployment_path": "/prod_here/"}, r"there is no folder /prod_here; did you mean 'prod_here'\?"),
        ({"test_data_path": "absent"}, r"'test_data_path': there is no folder .*absent; make it"),
        ({"test_data_path": "config.json"}, r"config.json is a file; expected a folder"),
    ],
)
def test_a_wrong_setting_is_one_sentence_that_names_it(project: Project, sections: dict[str, Any], told: str) -> None:
    project.configure(**sections)

    with pytest.raises(ConfigError, match=told) as caught:
        _ = project.settings

    assert "\n" not in str(caught.value)


def test_a_missing_key_and_a_torn_file_are_said(project: Project) -> None:
    path = project.root / "config.json"
    path.write_text(json.dumps({name: value for name, value in FIVE_KEYS.items() if name != "test_data_path"}))
    with pytest.raises(ConfigError, match="key 'test_data_path' is missing"):
        config.load(path)

    path.write_text('{"input_folder_path": ')

    with pytest.raises(ConfigError, match="not readable as JSON"):
        config.load(path)


def test_practice_turns_every_folder_but_the_test_data(project: Project) -> None:
    practice = config.load(project.root / "config.json", practice=True)

    assert practice.input == project.root / "practicedata"
    assert practice.ingested == project.root / "practicemodels" / "ingesteddata"
    assert practice.production == project.root / "practicemodels" / "production_deployment"
    assert practice.holdout == project.settings.holdout


def test_another_way_to_read_a_file_is_another_schema(project: Project) -> None:
    before = project.settings.schema.identity

    project.configure(schema={"missing": ["?"]})

    assert project.settings.schema.identity != before


def test_an_ignored_feature_is_no_feature(project: Project) -> None:
    project.configure(schema={"features": ["a", "b"], "ignore": ["b"]})

    schema = project.settings.schema

    assert list(schema.kinds) == ["a"]
    assert "b" not in [column.name for column in schema.columns]


def test_a_trusted_column_does_not_change_how_files_are_read(project: Project) -> None:
    project.configure(schema={"features": ["a", "b"]})
    before = project.settings.schema.identity
    project.configure(schema={"features": ["a", "b"], "trusted": ["b"]})

    assert project.settings.schema.identity == before
