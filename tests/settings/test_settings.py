from __future__ import annotations

import json
import re
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

import pytest

from risk.errors import ConfigError
from risk.settings import settings
from risk.settings.schema import Schema
from risk.settings.table_format import Format
from tests.conftest import FIVE_KEYS, Project


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


def test_every_error_names_the_file_as_it_was_asked_for(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = [{"capacity": {"acceptance": 30}}, {"capacity": {"order": "expected gain"}}, {"test_data_path": "absent"}]
    monkeypatch.chdir(project.root)

    for sections in wrong:
        (project.root / "config.json").write_text(json.dumps(FIVE_KEYS | sections))
        for path in (Path("config.json"), project.root / "config.json"):
            with pytest.raises(ConfigError, match=rf"^{re.escape(str(path))}: key '"):
                settings.load(path)


def test_byte_order_marks_before_the_settings_are_passed_over(project: Project) -> None:
    path = project.root / "config.json"
    path.write_text("\ufeff\ufeff" + path.read_text(), encoding="utf-8")

    assert project.settings.input_folder_path == "sourcedata"


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
        ({"schema": {"features": ["exited"]}}, r"column 'exited' has two meanings: schema.target and schema.features$"),
        ({"schema": {"owner": "corporation"}}, r"'corporation' has two meanings: schema.client and schema.owner$"),
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
        ({"deadline_hours": 1e12}, r"'deadline_hours' is 1000000000000.0; input should be less than or equal to"),
        ({"deadline_hours": 1e-12}, r"'deadline_hours' is 1e-12; input should be greater than or equal to"),
        ({"deadline_hours": True}, r"'deadline_hours' is True; input should be a valid number"),
        ({"deadline_hours": "2"}, r"'deadline_hours' is '2'; input should be a valid number"),
        ({"deadline_hours": float("nan")}, r"not readable as JSON \(NaN is no number\)"),
        ({"drift": {"alpha": float("-inf")}}, r"not readable as JSON \(-Infinity is no number\)"),
        ({"capacity": {"calls_per_week": True}}, r"'capacity.calls_per_week' is True; input should be a valid integer"),
        ({"capacity": {"calls_per_week": 1.0}}, r"'capacity.calls_per_week' is 1.0; input should be a valid integer"),
        ({"capacity": {"calls_per_week": "5"}}, r"'capacity.calls_per_week' is '5'; input should be a valid integer"),
        ({"capacity": {"calls_per_week": 10**400}}, r"'capacity.calls_per_week' is 1000.*…; input should be less"),
        (
            {"capacity": {"order": "expected gain"}},
            r"'capacity.order' is 'expected gain', which needs the value of each client; .* 'schema.value', or",
        ),
        ({"capacity": {"order": "gain"}}, r"'capacity.order' is 'gain'; .*'risk' or 'expected gain'"),
        ({"capacity": {"acceptance": 30}}, r"'capacity.acceptance' is 30; input should be less than or equal to 1"),
        ({"capacity": {"call_cost": -1}}, r"'capacity.call_cost' is -1; input should be greater than or equal to 0"),
        ({"capacity": {"call_costs": 1}}, r"unknown key 'capacity.call_costs'; did you mean 'call_cost'\?"),
        ({"server": {"port": True}}, r"'server.port' is True; input should be a valid integer"),
        ({"max_source_mb": 10**15}, r"'max_source_mb' is 1000000000000000; input should be less"),
        ({"max_final_rows": False}, r"'max_final_rows' is False; input should be a valid integer"),
        ({"model": {"max_training_rows": 2e6}}, r"'model.max_training_rows' is 2000000.0; .*valid integer"),
        ({"gate": {"minimum_gain": 7}}, r"'gate.minimum_gain' is 7; input should be less than or equal to 1"),
        ({"drift": {"minimum": 10**9}}, r"'drift.minimum' is 1000000000; input should be less"),
        ({"schema": {"features": {"a": {"minimum": "0"}}}}, r"'schema.features.a.minimum' is '0'; .*valid number"),
        ({"schema": {"features": {"a": {"minimum": False}}}}, r"'schema.features.a.minimum' is False; .*valid number"),
        ({"schema": {"features": ["a", "b", "a"]}}, r"'schema.features'.*'a' stands twice"),
        ({"schema": {"features": [["a"]]}}, r"'schema.features' is \[\['a'\]\]; expected the names of columns"),
        ({"schema": {"client": ""}}, r"'schema.client' is ''; .*at least 1 character"),
        ({"expected_every": "9" * 400 + " days"}, r"'expected_every' is '999.*…; expected a number and hours or days"),
        ({"output_model_path": "mod\0els"}, r"'output_model_path' is 'mod\\x00els'; "),
        ({"test_share": 0.6}, r"'test_share' is 0.6; input should be less than or equal to 0.5"),
        ({"test_share": 0}, r"'test_share' is 0; input should be greater than 0"),
        ({"schema": {"features": {"a": {"minimu": 0}}}}, r"key 'schema.features.a.minimu'; did you mean 'minimum'\?"),
        ({"schema": {"features": 5}}, r"'schema.features' is 5; expected an object {…}$"),
        ({"schema": {"features": {"a": 5}}}, r"'schema.features.a' is 5; expected an object .* keys kind, minimum, "),
        ({"schema": {"target": [1]}}, r"'schema.target' is \[1\]; expected an object .* keys name, absent_for, "),
        ({"deliver": {"smtp": "pass"}}, r"'deliver.smtp' is wrong; expected an object {…} with the keys host, from, "),
        ({"keep": None}, r"'keep' is null; .* an object {…} with the keys versions, report_sets, releases, lists$"),
    ],
)
def test_a_wrong_setting_is_one_sentence_that_names_it(project: Project, sections: dict[str, Any], told: str) -> None:
    project.configure(**sections)

    with pytest.raises(ConfigError, match=told) as caught:
        _ = project.settings

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("section", [name for name, it in settings.Settings.__dataclass_fields__.items() if
                                     is_dataclass(it.default_factory)] + ["events", "source"])  # fmt: skip
def test_a_section_that_is_no_object_is_told_by_its_keys_and_no_class_of_ours(project: Project, section: str) -> None:
    project.configure(**{section: "person"})

    with pytest.raises(ConfigError, match=f"key '{section}' is .*expected an object|key 'source' is no object") as said:
        _ = project.settings

    assert "instance" not in str(said.value)


def test_a_missing_key_and_a_torn_file_are_said(project: Project) -> None:
    path = project.root / "config.json"
    path.write_text(json.dumps({name: value for name, value in FIVE_KEYS.items() if name != "test_data_path"}))
    with pytest.raises(ConfigError, match="key 'test_data_path' is missing"):
        settings.load(path)

    path.write_text('{"input_folder_path": ')

    with pytest.raises(ConfigError, match="not readable as JSON"):
        settings.load(path)


def test_practice_turns_every_folder_but_the_test_data(project: Project) -> None:
    practice = settings.load(project.root / "config.json", practice=True)

    assert practice.input == project.root / "practicedata"
    assert practice.ingested == project.root / "practicemodels" / "ingesteddata"
    assert practice.production == project.root / "practicemodels" / "production_deployment"
    assert practice.holdout == project.settings.holdout


def test_another_way_to_read_a_file_is_another_schema(project: Project) -> None:
    before = project.settings.schema.identity

    project.configure(schema={"missing": ["?"]})

    assert project.settings.schema.identity != before


def test_a_message_about_a_list_is_not_cut_in_the_middle_of_a_name(project: Project) -> None:
    names = [f"a_column_of_a_wide_table_{number}" for number in range(40)]
    project.configure(schema={"features": [*names, 7]})

    with pytest.raises(ConfigError) as caught:
        _ = project.settings

    told = str(caught.value)
    assert "'schema.features' is ['a_column_of_a_wide_table_0', " in told
    assert re.search(r"'a_column_of_a_wide_table_\d+' and \d\d more\]; expected the names of columns", told)


def test_settings_that_an_editor_saved_with_a_mark_are_read(project: Project) -> None:
    path = project.root / "config.json"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())

    production, practice = settings.load(path), settings.load(path, practice=True)

    assert production.input == project.root / "sourcedata"
    assert practice.input == project.root / "practicedata"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "latin-1"])
def test_settings_in_another_encoding_are_one_sentence(project: Project, encoding: str) -> None:
    path = project.root / "config.json"
    path.write_bytes(json.dumps(FIVE_KEYS | {"outcomes_path": "ausgänge"}, ensure_ascii=False).encode(encoding))

    with pytest.raises(ConfigError, match=r"config\.json: not UTF-8 text \(.*\); save it as UTF-8") as caught:
        settings.load(path)

    assert "\n" not in str(caught.value)


def test_settings_nested_without_end_are_one_sentence(project: Project) -> None:
    (project.root / "config.json").write_text('{"schema": ' + "[" * 100_000)

    with pytest.raises(ConfigError, match="not readable as JSON"):
        _ = project.settings


def test_a_column_may_be_worth_and_feature_or_manager_and_feature(project: Project) -> None:
    features = {"charges": {"minimum": 0}, "tenure": "numeric", "ann": "categorical"}
    project.configure(schema={"features": features, "value": "charges", "owner": "ann"})

    schema = project.settings.schema

    told = [(column.name, column.kind, column.minimum) for column in schema.columns]
    assert told == [
        ("corporation", "client", None), ("charges", "number", 0), ("tenure", "number", None), ("ann", "text", None),
        ("exited", "target", None),
    ]  # fmt: skip
    assert list(schema.kinds) == ["charges", "tenure", "ann"]


@pytest.mark.parametrize(
    "sections",
    [
        {"features": ["a", "corporation"]},
        {"features": ["a", "exited"]},
        {"features": {"a": "categorical"}, "value": "a"},
        {"features": {"a": "numeric"}, "owner": "a"},
        {"features": {"a": "categorical"}, "period": "a"},
        {"features": {"a": "numeric", "b": {"change_of": "a"}}, "period": "month", "value": "b"},
        {"features": ["a"], "value": "exited"},
        {"features": ["a"], "owner": "corporation"},
        {"features": ["a"], "owner": "b", "value": "b"},
        {"features": ["a"], "owner": "b", "period": "b"},
        {"features": ["a"], "ignore": ["exited"]},
        {"features": ["a"], "value": "b", "ignore": ["b"]},
        {"features": ["a", "b"], "value": "b", "ignore": ["b"]},
    ],
)
def test_a_column_whose_two_meanings_exclude_each_other_is_named(project: Project, sections: dict[str, Any]) -> None:
    project.configure(schema=sections)

    with pytest.raises(ConfigError, match=r"key 'schema': column '\w+' (has two meanings|is used and ignored)"):
        _ = project.settings


def test_a_feature_that_is_ignored_is_none(project: Project) -> None:
    project.configure(schema={"features": ["a", "b"], "ignore": ["b"]})
    assert list(project.settings.schema.kinds) == ["a"]

    project.configure(schema={"features": ["a", "b"], "ignore": ["a", "b"]})

    with pytest.raises(ConfigError, match="key 'schema': every feature is ignored"):
        _ = project.settings


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


DERIVED = {"target": {"absent_for": "60 days"}, "period": "month"}


@pytest.mark.parametrize(
    ("sections", "told"),
    [
        ({"schema": {"target": {"absent_for": "60 days"}}}, "'schema': target.absent_for needs a period"),
        ({"schema": {"target": {"absent_fo": "60 days"}}}, "'schema.target.absent_fo'; did you mean 'absent_for'"),
        ({"schema": {"target": {"absent_for": "soon"}}}, "'schema.target.absent_for' is 'soon'; expected a number"),
        ({"schema": {"target": {"absent_for": "3 hours"}}}, "expected a whole number of days"),
        ({"schema": {"target": {"absent_for": "9 days", "ended_on": "end"}}}, "absent_for and ended_on are two rules"),
        ({"schema": {"target": {"ended_on": "corporation"}}}, "schema.client and schema.target.ended_on"),
        ({"schema": {"target": {"absent_for": "9 days", "activity": ["a"]}, "period": "m"}}, "'a' is no numeric col"),
        ({"events": {"client": "id", "tim": "at"}}, "key 'events.time' is missing"),
        ({"events": {"client": "id", "time": "at"}, "schema": {"features": ["a"]}}, "'schema.features' stands beside"),
        ({"events": {"client": "id", "time": "at", "kinds": ["visit"]}}, "kinds needs the column of the kind"),
        ({"events": {"client": "id", "time": "at", "ends": ["cancel"]}}, "ends needs the column of the kind"),
        (
            {"events": {"client": "id", "time": "at", "kind": "what", "kinds": ["a", "b"], "ends": ["b"]}},
            "ends: 'b' stands in kinds, too",
        ),
    ],
)
def test_a_rule_for_outcomes_that_cannot_work_is_told(project: Project, sections: Any, told: str) -> None:
    project.configure(**sections)

    with pytest.raises(ConfigError, match=re.escape(told)):
        _ = project.settings


def test_a_rule_for_outcomes_gives_name_and_horizon(project: Project) -> None:
    before = project.settings.schema.identity
    project.configure(schema=DERIVED)

    schema = project.settings.schema

    assert (schema.target, schema.horizon, schema.horizon_days) == ("exited", "the next 60 days", 60)
    assert schema.identity != before


def test_events_give_the_schema_of_the_rows_that_are_made_of_them(project: Project) -> None:
    project.configure(events={"client": "id", "time": "at", "amount": "paid", "kind": "what", "kinds": ["visit"]})

    schema = project.settings.schema

    assert (schema.client, schema.period, schema.outcome.activity) == ("id", "month", ("events",))
    assert list(schema.changes.values()) == ["events", "amount_sum"]
    assert "events_visit" in schema.kinds
    assert schema.files
    assert [it.kind for it in schema.files.columns] == ["client", "time", "number", "text", "target"]


# --- format and other names -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ({"delimiter": ";;"}, "key 'format.delimiter' is ';;'"),
        ({"decimal": ",", "thousands": ","}, "decimal and thousands must differ"),
        ({"encoding": "base64"}, "expected an encoding such as"),
        ({"dates": "%d."}, "expected a pattern with %d, %m and %Y"),
        ({"units": ["5"]}, "expected signs and words"),
        ({"sheet": 0}, "key 'format.sheet': expected the name of a sheet, or its number from 1"),
        ({"header_row": 0}, "key 'format.header_row' is 0"),
        ({"delimeter": ";"}, "did you mean 'delimiter'?"),
    ],
)
def test_a_wrong_format_is_told_by_its_key(section: dict[str, object], told: str, project: Project) -> None:
    project.configure(format=section)

    with pytest.raises(ConfigError) as caught:
        _ = project.settings

    assert told in str(caught.value)


def test_the_schema_knows_the_format_and_another_one_is_another_dataset(project: Project) -> None:
    plain = project.settings.schema.identity
    project.configure(format={})
    assert project.settings.schema.identity == plain == Schema().identity

    project.configure(format={"decimal": ",", "encoding": "Windows-1252"})

    assert project.settings.schema.format == Format(decimal=",", encoding="cp1252")
    assert project.settings.schema.identity != plain


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({"names": {"firm": ["Kunde"]}}, "there is no column 'firm'"),
        ({"names": {"corporation": ["exited"]}}, "'exited', another name of 'corporation', has two meanings"),
        ({"names": {"corporation": ["K"], "exited": ["K"]}}, "'K', another name of 'corporation', has two meanings"),
        ({"names": {"corporation": ["K"]}, "ignore": ["K"]}, "has two meanings"),
    ],
)
def test_another_name_of_a_column_has_one_meaning(schema: dict[str, object], told: str, project: Project) -> None:
    project.configure(schema=schema)

    with pytest.raises(ConfigError) as caught:
        _ = project.settings

    assert told in str(caught.value)
