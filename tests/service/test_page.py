from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import render_template

from app import create_app
from risk.report import tables
from risk.service.live import load_shown
from risk.service.responses import SHOWN
from tests.installation import HOSTILE, lay_out, report, snapshot

LISTED = [("acme", 0.9), (HOSTILE, 0.7)]


class Page(HTMLParser):
    """The start tags of a page, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def page(root: Path, deployed: str = "1-aa", **changes: object) -> Page:
    settings = lay_out(root)
    shown = load_shown(report(settings, "1", "1-aa"))
    shown.snapshot.update(changes)
    now: Any = SimpleNamespace(model=SimpleNamespace(name=deployed), wrong=())
    with create_app(settings).test_request_context():
        return Page(render_template("index.html", it=shown.snapshot, now=now))


def test_the_page_shows_verdict_list_and_scores(tmp_path: Path) -> None:
    found = page(tmp_path, verdict="retrain").text

    for told in ("A new model was deployed.", "Clients leave for other reasons", "acme, inc.", "90.0 %", "0.610"):
        assert told in found


def test_client_text_is_never_markup(tmp_path: Path) -> None:
    found = page(tmp_path)

    assert HOSTILE in found.text
    assert "script" not in {tag for tag, _ in found.tags}


def test_nothing_is_inline_and_nothing_comes_from_elsewhere(tmp_path: Path) -> None:
    found = page(tmp_path)

    names = {name for _, attributes in found.tags for name in attributes}
    places = [value for _, attributes in found.tags for name, value in attributes.items() if name in ("href", "src")]
    assert not {name for name in names if name == "style" or name.startswith("on")}
    assert not {"style", "script"} & {tag for tag, _ in found.tags}
    assert all(re.match(r"[/#]", place or "") for place in places)


def test_every_link_within_the_page_has_its_target_and_no_id_stands_twice(tmp_path: Path) -> None:
    found = page(tmp_path)

    ids = [attributes["id"] for _, attributes in found.tags if "id" in attributes]
    named = {attributes["aria-labelledby"] for _, attributes in found.tags if "aria-labelledby" in attributes}
    linked = {
        (attributes.get("href") or "")[1:] for _, attributes in found.tags if (attributes.get("href") or "")[:1] == "#"
    }
    assert len(ids) == len(set(ids))
    assert named | linked <= set(ids)


def test_tables_have_captions_and_scopes(tmp_path: Path) -> None:
    found = page(tmp_path)

    tags = [tag for tag, _ in found.tags]
    assert tags.count("table") == tags.count("caption") > 5
    assert all("scope" in attributes for tag, attributes in found.tags if tag == "th")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"release": None, "scores": None}, "No release yet."),
        ({"release": snapshot("1-aa", LISTED)["release"] | {"provisional": True}}, "This release is provisional."),
        ({"release": snapshot("1-aa", LISTED)["release"] | {"forced": HOSTILE}}, f"that was given: {HOSTILE}"),
        ({"call_list": []}, "There is nobody to call"),
        ({"warnings": ["look at this"]}, "look at this"),
        ({"held": ["odd.csv"]}, "ingestion.py --release NAME"),
        ({"history": []}, "This is the first run."),
    ],
)
def test_the_page_says_what_is_special(tmp_path: Path, changes: dict[str, object], told: str) -> None:
    assert told in page(tmp_path / "special", **changes).text
    assert told not in page(tmp_path / "usual").text


def test_a_list_of_an_earlier_release_is_said(tmp_path: Path) -> None:
    assert "Release 2-bb predicts now" in page(tmp_path / "later", deployed="2-bb").text
    assert "predicts now" not in page(tmp_path / "same", deployed="1-aa").text


def test_long_lists_are_cut_with_the_troubled_sources_first(tmp_path: Path) -> None:
    shown = snapshot("1-aa", LISTED)
    source = shown["dataset"]["sources"][0]
    sources = [source | {"path": f"{n}.csv"} for n in range(90)] + [source | {"state": "refused"}]
    shown["dataset"]["sources"] = sources

    listed = tables.sources(shown, SHOWN["sources"])
    found = page(tmp_path, dataset=shown["dataset"], call_list=shown["call_list"] * 200)

    assert (len(listed.rows), listed.n_more) == (SHOWN["sources"], 91 - SHOWN["sources"])
    assert listed.rows[0][-1].startswith("refused")
    assert listed.rows[1][0] == "89.csv"
    classes = [attributes.get("class") for _, attributes in found.tags]
    assert classes.count("number rank") == SHOWN["calls"]
