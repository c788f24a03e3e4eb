"""The section `engine`: DuckDB unless Spark is asked for, and one sentence for everything that cannot be meant."""

from __future__ import annotations

from typing import Any

import pytest

from risk.errors import ConfigError
from risk.settings.engine_choice import EngineChoice
from tests.conftest import Project


def test_without_a_section_duckdb_works(project: Project) -> None:
    found = project.settings

    assert found.engine == EngineChoice() == found.schema.engine
    assert found.engine.kind == "duckdb"


@pytest.mark.parametrize("master", ["spark://host:7077", "local", "local[*]", "local[4]", "yarn", "sc://host:15002"])
def test_a_cluster_is_named_by_its_master(project: Project, master: str) -> None:
    project.configure(engine={"kind": "spark", "master": master})

    assert project.settings.schema.engine.master == master
    assert project.settings.schema.engine.is_connect == master.startswith("sc:")


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ({"kind": "spark"}, "key 'engine': spark needs a master; expected spark://HOST:7077"),
        ({"kind": "flink", "master": "local"}, "key 'engine.kind' is 'flink'"),
        ({"kind": "spark", "master": "host:7077"}, "key 'engine.master' is wrong; expected spark://HOST:7077"),
        ({"kind": "spark", "master": "local[0]"}, "key 'engine.master' is wrong"),
        ({"master": "local"}, "key 'engine': master and options are of kind 'spark'"),
        ({"kind": "spark", "mastr": "local"}, "unknown key 'engine.mastr'; did you mean 'master'?"),
        ({"kind": "spark", "master": "local", "options": {"driver": "1g"}}, "key 'engine.options.driver"),
        ({"kind": "spark", "master": "local", "from_mb": -1}, "key 'engine.from_mb' is -1"),
        ("spark", "key 'engine' is 'spark'"),
    ],
)
def test_what_cannot_be_meant_is_said(project: Project, section: Any, told: str) -> None:
    project.configure(engine=section)

    with pytest.raises(ConfigError) as caught:
        _ = project.settings

    assert told in str(caught.value)


def test_a_token_in_the_url_is_refused_and_not_shown(project: Project) -> None:
    project.configure(engine={"kind": "spark", "master": "sc://host:15002/;token=geheim"})

    with pytest.raises(ConfigError, match="RISK_SPARK_TOKEN") as caught:
        _ = project.settings

    assert "geheim" not in str(caught.value)


def test_an_option_that_is_wrong_is_not_shown(project: Project) -> None:
    project.configure(engine={"kind": "spark", "master": "local", "options": {"spark.hadoop.fs.s3a.secret.key": 7}})

    with pytest.raises(ConfigError, match="is wrong; "):
        _ = project.settings
