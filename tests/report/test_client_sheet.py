"""The sheet of one client holds everything that is kept about the client, and nothing of others."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import pytest

from tests.conftest import HEADER, Installations, Project, table

HOSTILE = "<script>alert('x')</script>"
FORMULA = "=HYPERLINK(1)"


def kept(project: Project) -> None:
    """Leave an installation that keeps something of every kind about c00001, and rows of a client with a bad name."""
    project.configure(capacity={"calls_per_week": 400})
    stayed = [it.partition(",")[0] for it in table(300).splitlines() if it.endswith(",0")]
    rows = table(300).replace(f"{stayed[5]},", f"{HOSTILE},").replace(f"{stayed[6]},", f"{FORMULA},")
    project.drop("sourcedata/dataset1.csv", rows)
    project.drop("testdata/testdata.csv", table(100, seed=9, first=90_000) + "c00001,4,40,3,1\n")
    project.drop(
        "outcomes/calls.csv",
        "client,date,result,note\nc00001,2026-01-05,reached,will think\nc00001,x,reached,\n"
        "c00002,2026-01-06,reached,is a friend of c00001\nc00003,2026-01-06,reached,of c000011\n"
        'c00001,2999-01-01,reached,\n"c00004",2026-01-06,no,as c00001 says\nc00001,2026-01-06\nc00005,x,reached,\n',
    )
    assert project.run("fullprocess").code in (0, 4)
    second = table(300, seed=2, turned=True, first=1000)
    project.drop("sourcedata/dataset2.csv", second + "c00001,7,70,5,\nc00004,c00001,9,9,0\nc00009,1,1,1,0\n")
    assert project.run("fullprocess").code in (0, 4)


@pytest.fixture
def company(installations: Installations, tmp_path: Path) -> Project:
    return installations.copy(kept, tmp_path)


def sheet(project: Project, name: str = "c00001") -> dict[str, list[dict[str, object]]]:
    said = project.run("diagnostics", "--client", name, "--json")
    assert (said.code, said.err) == (0, "")
    found: dict[str, list[dict[str, object]]] = said.json
    return found


def test_it_holds_every_row_of_the_client_with_its_file_and_outcome(company: Project) -> None:
    found = sheet(company)

    first, second = found["rows"]
    line = company.text("sourcedata/dataset1.csv").splitlines()[int(str(first["row"]))]
    assert (first["file"], line.split(",")[0]) == ("dataset1.csv", "c00001")
    assert [str(int(float(it))) for it in list(first["values"].values())[1:]] == line.split(",")[1:4]  # type: ignore[attr-defined]
    assert first["label"] in ("left", "stayed")
    assert (second["file"], second["row"], second["label"]) == ("dataset2.csv", 301, None)
    assert {it.partition(" ")[0] for it in first["kept_in"]} == {"dataset", "release"}  # type: ignore[attr-defined]
    (tested,) = found["test_rows"]
    assert (tested["file"], tested["row"]) == ("testdata.csv", 101)


def test_it_holds_lists_reports_contacts_models_and_what_was_refused(company: Project) -> None:
    found = sheet(company)
    releases = sorted(it.name for it in (company.root / "production_deployment/releases").iterdir())

    assert found["kept"]
    assert len(found["lists"]) >= 1
    assert [it["report_set"] for it in found["report_sets"]] == ["1", "2"]
    assert found["call"]["reasons"] is not None  # type: ignore[call-overload]
    assert [(it["date"], it["note"]) for it in found["contacts"]] == [("2026-01-05", "will think")]
    assert sorted(str(it["line"]) for it in found["refused_contacts"]) == ["3", "6", "7", "8"]
    assert [(it["line"], it["note"]) for it in found["mentions"]] == [(4, "is a friend of c00001")]
    assert [(it["file"], it["column"]) for it in found["refused_rows"]] == [("dataset2.csv", "lastmonth_activity")]
    assert releases[0] in [it["model"] for it in found["models"]]
    assert all(it["compared_on"] == len(it["risks"]) for it in found["models"])  # type: ignore[arg-type]


def test_the_page_is_in_words_of_people_with_units_and_counts_things(project: Project) -> None:
    features = {"used": {"label": "Hours used", "unit": "h"}}
    project.configure(schema={"features": features, "value": "worth", "currency": "€", "owner": "manager"})
    rows = [f"{line.split(',')[0]},{n},{100 + n},Ann,{line[-1]}" for n, line in enumerate(table(300).splitlines()[1:])]
    project.drop("sourcedata/dataset1.csv", "\n".join(["corporation,used,worth,manager,exited", *rows]) + "\n")
    project.drop("outcomes/calls.csv", "client,date,result\nc00001,2026-01-05,stays\n")
    assert project.run("fullprocess").code in (0, 4)

    assert project.run("diagnostics", "--client", "c00001", "--html", str(project.root / "sheet.html")).code == 0

    page = project.text("sheet.html")
    heads = re.findall(r"<th [^>]*><bdi>([^<]*)", page)
    assert {"Client", "Hours used (h)", "Value (€)", "Owner"} <= set(heads)
    assert "<bdi>wants to stay</bdi>" in page
    assert re.search(r"as of <time [^>]*>\d{4}-\d\d-\d\d \d\d:\d\d UTC</time>", page)
    assert "On the newest call list (1" not in page
    told = project.run("diagnostics", "--client", "c00001").out
    assert re.search(r"^Contacts \(1\)$", told, re.MULTILINE)


def test_it_tells_of_nobody_else(company: Project) -> None:
    text = json.dumps(sheet(company)) + company.run("diagnostics", "--client", "c00001").out

    assert set(re.findall(r"\bc\d{5}\b", text)) == {"c00001"}  # digests hold such letters too


def test_a_refused_contact_is_found_by_a_name_with_quotes(project: Project) -> None:
    project.drop("outcomes/calls.csv", 'client,date,result\n"Acme ""A"", Inc.",99,reached\nAcme,99,reached\n')

    assert [it["line"] for it in sheet(project, 'Acme "A", Inc.')["refused_contacts"]] == [2]


@pytest.mark.parametrize("name", ["", " "])
def test_without_a_name_nothing_is_told(company: Project, name: str) -> None:
    said = company.run("diagnostics", f"--client={name}")

    assert (said.code, said.out) == (2, "")
    assert "--client: the name is blank. Nothing was read." in said.err


def test_a_name_that_is_not_utf_8_is_refused_in_one_sentence(project: Project) -> None:
    project.drop("sourcedata/a.csv", f"{HEADER}\nacme,1,2,3,0\nb,1,2,3,1\n")
    assert project.run("ingestion").code == 0

    said = project.run("diagnostics", "--client", "a\udcff")

    assert said.code == 2
    assert said.err.startswith("--client: it is not UTF-8 ('a\\udcff'). Nothing was changed. ")


def test_a_name_that_begins_with_a_dash_is_found(project: Project) -> None:
    project.drop("outcomes/calls.csv", "client,date,result\n--Acme,2026-01-05,reached\n")

    assert "2026-01-05 | reached" in project.run("diagnostics", "--client=--Acme").out


def test_columns_have_headings_for_readers(company: Project) -> None:
    said = company.run("diagnostics", "--client", "c00001").out.splitlines()

    at = next(n for n, line in enumerate(said) if line.startswith("Contacts ("))
    assert said[at + 1 : at + 3] == [
        "  Date | Result | Opinion | Note | File | Line",
        "  2026-01-05 | reached | – | will think | outcomes/calls.csv | 2",
    ]


def test_of_an_unknown_client_it_says_that_nothing_is_kept(company: Project) -> None:
    assert not sheet(company, "c0000")["kept"]
    assert "Nothing is kept about this client." in company.run("diagnostics", "--client", "C00001").out


@pytest.mark.parametrize("name", [HOSTILE, FORMULA])
def test_names_that_are_code_or_formulas_are_found_and_escaped(company: Project, name: str) -> None:
    said = company.run("diagnostics", "--client", name, "--html", str(company.root / "sheet.html"))
    page = company.text("sheet.html")

    assert said.code == 0, said.err
    assert len(sheet(company, name)["report_sets"]) == 2
    assert "<script" not in page
    assert html.escape(name).replace("&#x27;", "&#39;") in page


def test_asking_writes_nothing_but_the_page(company: Project) -> None:
    before = company.seen()

    sheet(company)
    company.run("diagnostics", "--client", "c00001", "--html", str(company.root / "sheet.html"))

    after = company.seen()
    assert after.keys() - before.keys() == {"sheet.html"}
    assert all(after[name] == content for name, content in before.items())


def test_a_page_that_is_there_is_not_replaced(company: Project) -> None:
    company.drop("sheet.html", "mine")

    said = company.run("diagnostics", "--client", "c00001", "--html", str(company.root / "sheet.html"))

    assert (said.code, company.text("sheet.html")) == (2, "mine")
    assert company.run("diagnostics", "--html", "other.html").code == 2


@pytest.mark.slow
def test_rows_of_events_and_months_are_both_told(project: Project) -> None:
    project.configure(events={"client": "who", "time": "at", "amount": "sum"})
    months = [f"2025-{month:02d}-{3 + n % 20:02d}" for n in range(120) for month in range(1, 13) if (n + month) % 5]
    events = "".join(f"k{n % 120:03d},{at}T10:00:00,{n % 9}.5\n" for n, at in enumerate(months))
    project.drop("sourcedata/events.csv", "who,at,sum\n" + events)
    assert project.run("ingestion").code == 0

    files = {str(it["file"]).partition("/")[0] for it in sheet(project, "k005")["rows"]}

    assert files == {"events.csv", "months of events"}


def test_columns_that_are_called_like_ours_are_told_too(project: Project) -> None:
    project.configure(schema={"client": "file", "target": "state", "features": {"kept_in": "numeric", "=": "numeric"}})
    project.drop("sourcedata/a.csv", "file,state,kept_in,=\nx,1,77,88\n")
    assert project.run("ingestion").code == 0

    assert "77 | 88" in project.run("diagnostics", "--client", "x").out
