"""The docs under test: what a reader looks for is named where it is looked for, and what is said there is so."""

from __future__ import annotations

import argparse
import importlib
import itertools
import json
import re
import shlex
import shutil
import tomllib
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from flask.testing import FlaskClient

import fullprocess
from app import create_app
from risk import command
from risk.disk import paths
from risk.settings import settings

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
FILES = {page.name: page for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]}
PAGES = {name: page.read_text() for name, page in FILES.items()}
SCRIPTS = sorted(path.stem for path in ROOT.glob("*.py"))
NOT_ON_DISK = {"UNFINISHED", "PROGRAM", "PRACTICE_MODELS", "INGESTED", "PRODUCTION"}


def fences(page: str, language: str) -> list[str]:
    """Return the code fences of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGES[page], re.MULTILINE | re.DOTALL)


def commands() -> list[list[str]]:
    """Return every command of every shell fence as its words, comments left out, continued lines joined."""
    found = []
    for page in PAGES:
        for line in "".join(fences(page, "sh")).replace("\\\n", " ").splitlines():
            found += [shlex.split(line, comments=True)]
    return [words for words in found if words]


def calls() -> list[tuple[list[str], str]]:
    """Return each curl command of the page on the API with the answer that stands below it."""
    block = next(fence for fence in fences("api.md", "sh") if "curl" in fence).replace("\\\n", " ")
    lines = block.splitlines()
    return [
        (shlex.split(call), answer.removeprefix("# ")) for call, answer in zip(lines[::2], lines[1::2], strict=True)
    ]


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))


def sections() -> dict[str, list[str]]:
    """Return the keys of each section of the settings; the keys of the file itself under the empty name."""
    hints = get_type_hints(settings.Settings)
    found = {"": [field.name for field in fields(settings.Settings) if field.init]}
    for name in found[""]:
        if is_dataclass(hints[name]):
            known = hints[name].__pydantic_fields__
            found[name] = [known[field.name].alias or field.name for field in fields(hints[name]) if field.init]
    return found


def options(name: str) -> set[str]:
    """Return the options of a script that are its own."""
    parser = argparse.ArgumentParser(add_help=False)
    if add := getattr(importlib.import_module(name), "_options", None):
        add(parser)
    return {word for action in parser._actions for word in action.option_strings}


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped data after its first run, as the README shows it."""
    root = tmp_path_factory.mktemp("shipped")
    shutil.copy(ROOT / paths.CONFIG, root)
    for folder in ("sourcedata", "testdata", "practicedata", "outcomes"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("recorded.csv", ".*"))
    assert fullprocess.main(["--config", str(root / paths.CONFIG), "--json"]) == 0
    return root


@pytest.fixture(scope="module")
def client(shipped: Path) -> FlaskClient:
    return create_app(settings.load(shipped / paths.CONFIG)).test_client()


def test_every_script_has_a_row_in_its_page() -> None:
    table = [line for line in PAGES["scripts.md"].splitlines() if line.startswith("| ") and ".py" in line.split("|")[1]]

    named = {name for line in table for name in re.findall(r"(\w+)\.py", line.split("|")[1])}

    assert named == set(SCRIPTS)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_scripts_row_names_exactly_its_options(name: str) -> None:
    (row,) = (line for line in PAGES["scripts.md"].splitlines() if re.match(rf"\| (\w+\.py, )?{name}\.py[,| ]", line))

    named = set(re.findall(r"`(--[a-z-]+)", row.split("|")[4]))

    assert named == (options("app") if name == "wsgi" else options(name))


def test_every_command_in_the_docs_can_be_typed() -> None:
    parsers = {f"{name}.py": getattr(importlib.import_module(name), "_options", None) for name in SCRIPTS}

    for words in commands():
        if words[0] == "make":
            assert set(words[1:2]) <= make_targets(), words
        if words[0] == "python":
            assert words[1] in parsers, words
            command._parse("", parsers[words[1]], words[2:])  # leaves the process at a wrong option


def test_the_docs_show_commands_of_few_programs() -> None:
    assert {words[0] for words in commands()} == {"make", "python", "pip", "curl", "cp", "mkdir"}


def test_every_make_target_is_explained() -> None:
    told = "".join(PAGES.values())

    missing = [target for target in make_targets() if not re.search(rf"`?make {target}\b", told)]

    assert not missing


@pytest.mark.slow
def test_every_endpoint_is_in_its_page(client: FlaskClient) -> None:
    rules = [str(rule) for rule in client.application.url_map.iter_rules() if rule.endpoint != "static"]

    missing = [rule for rule in rules if not re.search(rf"[0` ]{re.escape(shown(rule))}[`? \n']", PAGES["api.md"])]

    assert not missing


def shown(rule: str) -> str:
    return rule.replace("<path:name>", "<name>")


def test_every_setting_is_shown_with_its_default(tmp_path: Path) -> None:
    (block,) = fences("settings.md", "json")
    (tmp_path / "config.json").write_text(block)
    for folder in ("sourcedata", "testdata"):
        (tmp_path / folder).mkdir()

    told, known = json.loads(block), sections()
    shown, bare = settings.load(tmp_path / "config.json"), five_keys(tmp_path, told)

    assert list(told) == known.pop("")
    assert {name: list(told[name]) for name in known} == known
    assert {name: getattr(shown, name) for name in told} == {name: getattr(bare, name) for name in told}


def five_keys(folder: Path, told: dict[str, Any]) -> settings.Settings:
    """Return the settings of a file with the first five keys alone."""
    (folder / "five.json").write_text(json.dumps(dict(list(told.items())[:5])))
    return settings.load(folder / "five.json")


def test_the_page_of_settings_tells_what_each_means() -> None:
    page = PAGES["settings.md"]
    names = {f"{section}.{key}" if section else key for section, keys in sections().items() for key in keys}
    names -= set(sections())

    missing = [name for name in names if not re.search(rf"^\| (.*, )?{re.escape(name)}[ ,].*\|", page, re.MULTILINE)]

    assert not missing


def test_every_artifact_has_a_place_in_its_page() -> None:
    names = {name: value for name, value in vars(paths).items() if name.isupper() and isinstance(value, str)}

    missing = [value for name, value in names.items() if name not in NOT_ON_DISK and value not in PAGES["artifacts.md"]]

    assert names
    assert not missing


@pytest.mark.parametrize("name", [*paths.REPORT_LINKS, *paths.DATASET_LINKS, *paths.RELEASE_LINKS])
def test_every_file_that_people_use_is_in_its_page(name: str) -> None:
    assert name in PAGES["scripts.md"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "path",
    ["models/trainedmodel.json", "models/verdict.json", "ingesteddata/current/manifest.json", "models/snapshot.json"],
)
def test_every_key_of_a_json_file_is_in_its_section(shipped: Path, path: str) -> None:
    page, name = PAGES["artifacts.md"], Path(path).name
    section = page.split(f"### {name}\n")[1].split("\n#")[0]

    found = json.loads((shipped / path).read_text())
    keys = {*found, *found.get("gate", ()), *found.get("counts", ()), *(found.get("entries") or [{}])[0]}

    assert not {key for key in keys if not re.search(rf"[`| ,]{key}[`| ,]", section)}


def test_every_key_of_a_journal_line_is_in_its_section(shipped: Path) -> None:
    section = PAGES["artifacts.md"].split("### journal.jsonl\n")[1].split("\n### ")[0]
    lines = (shipped / "production_deployment/journal.jsonl").read_text().splitlines()

    keys = {key for line in lines for key in json.loads(line)}

    assert not {key for key in keys if f"`{key}`" not in section}


def test_everything_in_risk_has_one_line_in_the_architecture() -> None:
    places = {path.name + "/" * path.is_dir() for path in (ROOT / "risk").iterdir() if not path.name.startswith("__")}

    told = re.findall(r"^\| `(\w+(?:/|\.py))` \|", PAGES["architecture.md"], re.MULTILINE)

    assert sorted(told) == sorted(places)


def test_every_public_file_that_the_architecture_names_exists() -> None:
    rows = re.findall(r"^\| `(\w+)/` \| (.*) \|$", PAGES["architecture.md"], re.MULTILINE)

    named = {f"risk/{package}/{name}.py" for package, told in rows for name in re.findall(r"`(\w+)`", told)}

    assert named
    assert not [name for name in named if not (ROOT / name).is_file()]


@pytest.mark.parametrize("page", PAGES)
def test_every_relative_link_leads_somewhere(page: str) -> None:
    folder = FILES[page].parent

    for target in re.findall(r"\]\(([^)\s]+)\)", PAGES[page]):
        file, _, anchor = target.partition("#")
        if "://" not in target:
            found = folder / file if file else FILES[page]
            assert found.exists(), target
            assert not anchor or anchor in anchors(found), target


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES)
def test_every_file_of_ours_that_a_page_names_exists(page: str) -> None:
    named = re.findall(r"`((?:risk|tests)/[\w/]+(?:\.py)?)[`:]", PAGES[page])

    missing = [name for name in named if not (ROOT / name).exists() and not (ROOT / f"{name}.py").exists()]

    assert not missing


def test_every_page_is_linked_from_the_readme() -> None:
    missing = [page for page in FILES.values() if page.parent != ROOT and f"({page.relative_to(ROOT)})" not in README]

    assert not missing


def test_every_page_is_of_one_of_four_kinds() -> None:
    kinds = {page.parent.name for page in FILES.values() if page.parent != ROOT}

    assert kinds == {"tutorial", "how-to", "reference", "explanation"}


def test_the_table_of_the_readme_is_a_schema_that_works(tmp_path: Path) -> None:
    (block,) = fences("README.md", "json")
    five = json.loads((ROOT / paths.CONFIG).read_text())
    (tmp_path / "config.json").write_text(json.dumps({key: five[key] for key in list(five)[:5]} | json.loads(block)))
    for folder in ("sourcedata", "testdata"):
        (tmp_path / folder).mkdir()

    assert settings.load(tmp_path / "config.json").schema.client == "account"


def test_the_readme_is_as_long_as_a_reader_bears() -> None:
    assert 60 <= len(README.splitlines()) <= 120


def test_the_readme_states_the_size_of_the_code() -> None:
    told = int(re.search(r"about ([\d,]+) lines of Python", README)[1].replace(",", ""))  # type: ignore[index]

    counted = sum(len(path.read_text().splitlines()) for path in [*ROOT.glob("*.py"), *ROOT.glob("risk/**/*.py")])

    assert abs(told - counted) <= 0.03 * counted, f"there are {counted:,} lines"


def test_every_direct_dependency_is_explained_in_the_readme() -> None:
    direct = re.findall(r"^([a-z-]+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)

    missing = [name for name in direct if name not in README.split("## Packages and folders")[1]]

    assert direct
    assert not missing


def test_the_version_is_the_same_everywhere() -> None:
    newest = re.search(r"^## (\S+) \(\d{4}-\d{2}-\d{2}\)$", PAGES["changelog.md"], re.MULTILINE)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert newest is not None
    assert newest[1] == paths.PROGRAM == project["version"]


def test_every_decision_has_a_date_and_a_refused_option() -> None:
    decisions = PAGES["decisions.md"].split("\n## ")[1:]

    missing = [
        it.splitlines()[0] for it in decisions if not re.match(r"\d{4}-\d{2}-\d{2}: ", it) or "Refused" not in it
    ]

    assert decisions
    assert not missing


@pytest.mark.parametrize(("call", "told"), calls(), ids=lambda it: it[-1] if isinstance(it, list) else "")
def test_a_curl_call_of_the_readme_is_answered_as_it_shows(client: FlaskClient, call: list[str], told: str) -> None:
    path = next(word for word in call if word.startswith("http")).removeprefix("http://127.0.0.1:8000")
    sent = {flag: word for flag, word in itertools.pairwise(call) if flag in ("-d", "-H", "--data-binary")}
    body = sent.get("-d") or (ROOT / sent["--data-binary"][1:] if "--data-binary" in sent else None)

    if body is None:
        answer = client.get(path)
    else:
        content = body.encode() if isinstance(body, str) else body.read_bytes()
        answer = client.post(path, data=content, content_type=sent["-H"].removeprefix("Content-Type: "))

    assert_shown(readable(told), answer.get_json())


def readable(told: str) -> Any:
    """Return a shortened answer as JSON: `…` alone in brackets, or after or between the others, is left out."""
    told = told.replace("{…}", "{}").replace("[…]", "[]")
    return json.loads(re.sub(r", …(?=[,}\]])", "", told))


def assert_shown(told: Any, found: Any) -> None:
    """Fail unless what is shown is in the answer: its keys, the beginning of its lists, its first digits."""
    if isinstance(told, dict):
        assert set(told) <= set(found)
        for key, value in told.items():
            assert_shown(value, found[key])
    elif isinstance(told, list):
        assert len(told) <= len(found)
        for shown_value, value in zip(told, found, strict=False):
            assert_shown(shown_value, value)
    elif isinstance(told, float):
        assert found == pytest.approx(told, rel=0.002, abs=0.0005)
    elif isinstance(told, str) and re.fullmatch(r"\d+-[0-9a-f]{12}", told):  # digests differ between machines
        assert re.fullmatch(rf"{told.partition('-')[0]}-[0-9a-f]{{12}}", found)
    else:
        assert told == found
