"""Parts and versions without a client: what is left is what would have been there without it, whatever the dataset."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ingesting import current, final, ingest

from risk.disk import journal, paths
from tests.conftest import HEADER, Project, table
from tests.kept_texts import holding

ASKED = ("--erase", "acme", "--reason", "request 7")
FILES = {
    "a.csv": "acme,1,2,3,0\nb,1,2,3,\nacme,1,2,3,0\nacme2,4,5,6,1\n",
    "b.csv": "b,1,2,3,1\nacme,1,2,3,0\nacme,9,9,9,\n",
    "c.csv": "acme,9,9,9,1\nacme2,4,5,6,1\nd,1,1,1,0\n",
}
MONTHLY = "corporation,month,lastmonth_activity,lastyear_activity,number_of_employees"


def drop(project: Project, header: str, files: dict[str, str], *, without: str = "") -> None:
    for name, text in files.items():
        rows = [line for line in text.splitlines() if not without or not line.startswith(f"{without},")]
        project.drop(f"sourcedata/{name}", "\n".join([header, *rows]) + "\n")


def erased(project: Project) -> None:
    said = project.run("ingestion", *ASKED)
    assert said.code == 0, said.err
    verified = project.run("ingestion", "--verify")
    assert verified.code == 0, verified.out
    assert holding(project.root, "acme", ("acme2",)) == []


def test_without_periods_the_set_is_the_one_of_the_others(project: Project) -> None:
    drop(project, HEADER, FILES)
    ingest(project)
    others = [row for row in final(project) if not row.startswith("acme,")]

    erased(project)

    assert final(project) == others
    assert current(project).counts == {"n_rows": 3, "n_labelled": 3}
    project.drop("sourcedata/d.csv", f"{HEADER}\ne,1,1,1,0\nacme,5,5,5,0\nd,1,1,1,0\n")
    ingest(project)
    assert current(project).counts == {"n_rows": 4, "n_labelled": 4}
    assert project.run("ingestion", "--verify").code == 0


def test_a_version_of_before_holds_the_client_no_more_either(project: Project) -> None:
    drop(project, HEADER, {"a.csv": FILES["a.csv"]})
    ingest(project)
    drop(project, HEADER, {"a.csv": "d,1,2,3,0\n", "b.csv": FILES["b.csv"]})
    ingest(project)

    erased(project)

    assert len(list((project.root / "ingesteddata/versions").iterdir())) == 2
    assert project.run("diagnostics", "--verify").code == 0


def test_with_derived_outcomes_these_follow_from_the_rows_that_are_left(project: Project) -> None:
    project.configure(schema={"period": "month", "target": {"absent_for": "60 days", "smallest_share": 0}})
    months = {"01": ("acme", "b", "d"), "02": ("acme", "b"), "03": ("b", "acme2"), "04": ("b", "acme2")}
    files = {f"m{it}.csv": "".join(f"{name},2024-{it},1,2,3\n" for name in names) for it, names in months.items()}
    drop(project, MONTHLY, files)
    ingest(project)
    others = [row for row in final(project) if not row.startswith("acme,")]
    assert len(others) < len(final(project))

    erased(project)

    assert final(project) == others


def test_with_events_the_months_are_those_that_the_others_make(project: Project, tmp_path: Path) -> None:
    events = {"client": "id", "time": "at", "amount": "paid", "kind": "what", "kinds": ["visit"]}
    project.configure(events=events, schema={"target": {"absent_for": "60 days", "smallest_share": 0}})
    rows = "acme,2024-01-05,0.1,visit\nacme,2024-02-20,0.2,order\nb,2024-01-31,5,order\nacme2,2024-04-30,1,visit\n"
    (tmp_path / "fresh").mkdir()
    fresh = Project(tmp_path / "fresh")
    fresh.configure(events=events, schema={"target": {"absent_for": "60 days", "smallest_share": 0}})
    drop(fresh, "id,at,paid,what", {"a.csv": rows}, without="acme")
    drop(project, "id,at,paid,what", {"a.csv": rows})
    ingest(project)
    ingest(fresh)

    erased(project)

    assert final(project) == final(fresh) != []


def test_parts_of_another_schema_are_searched_too(project: Project) -> None:
    drop(project, HEADER, {"a.csv": FILES["a.csv"]})
    ingest(project)
    project.configure(schema={"client": "company", "features": ["x", "y"]})
    project.drop("sourcedata/a.csv", "company,x,y,exited\nacme,1,2,0\nb,1,2,1\n")
    ingest(project)

    erased(project)


@pytest.mark.parametrize("name", ["7", "in", "x"])
def test_an_id_that_is_a_word_of_ours_or_a_number_goes_and_the_word_stays(project: Project, name: str) -> None:
    drop(project, HEADER, {"a.csv": f"{name},7,2,3,0\nb,7,2,3,1\n{name},x,2,3,1\n{name},1,2\n"})
    ingest(project)

    said = project.run("ingestion", "--erase", name, "--reason", "request", "--json")

    assert said.code == 0, said.out
    assert final(project) == ["b,7,2,3,1"]
    assert said.json["certificates"]["production"]["ambiguous"] == said.json["certificates"]["production"]["clients"]
    assert project.run("ingestion", "--verify").code == 0
    assert project.json("ingesteddata/current/manifest.json")["entries"][0]["state"] == "in"


def test_practice_is_erased_with_production(project: Project) -> None:
    drop(project, HEADER, {"a.csv": FILES["a.csv"]})
    project.drop("practicedata/p.csv", f"{HEADER}\nacme,1,2,3,0\nb,1,2,3,1\n")
    ingest(project)
    assert project.run("ingestion", "--practice").code == 0
    assert any(path.startswith("practicemodels") for path in holding(project.root, "acme", ("acme2",)))

    erased(project)

    assert project.run("ingestion", "--practice", "--verify").code == 0


def test_who_is_in_practice_alone_is_refused_in_production_too(project: Project) -> None:
    rows = f"{HEADER}\nacme,1,2,3,0\nb,1,2,3,1\n"
    project.drop("practicedata/p.csv", rows)
    assert project.run("ingestion", "--practice").code == 0

    said = project.run("ingestion", *ASKED, "--json")

    assert said.code == 0, said.err
    assert list(said.json["certificates"]) == ["production", "practice"]
    assert said.json["certificates"]["practice"]["n_rows"] == 1
    project.drop("sourcedata/a.csv", rows)
    ingest(project)
    assert final(project) == ["b,1,2,3,1"]
    assert project.run("ingestion", "--verify").code == 0


def test_with_practice_named_the_client_is_erased_there_alone(project: Project) -> None:
    rows = f"{HEADER}\nacme,1,2,3,0\nb,1,2,3,1\n"
    project.drop("practicedata/p.csv", rows)
    drop(project, HEADER, {"a.csv": FILES["a.csv"]})
    ingest(project)
    assert project.run("ingestion", "--practice").code == 0
    before = final(project)

    said = project.run("ingestion", *ASKED, "--practice")

    assert said.code == 0, said.err
    assert said.out.splitlines()[:2] == ["erased: 1 client", "practice:"]
    assert final(project) == before
    assert [path for path in holding(project.root, "acme", ("acme2",)) if path.startswith("practicemodels")] == []


def test_names_are_read_from_command_line_and_file_as_ingestion_reads_them(project: Project, tmp_path: Path) -> None:
    drop(project, HEADER, {"a.csv": '"Acme, Inc.",1,2,3,0\nZoe Ltd,1,2,3,0\nacme,1,2,3,1\nb,1,2,3,1\n'})
    ingest(project)
    (tmp_path / "leave").write_bytes(b'\xef\xbb\xbf"Acme, Inc."\r\n  Zoe Ltd \r\n\r\n')

    for words in (("--erase", "acme "), ("--erase-file", str(tmp_path / "leave"))):
        said = project.run("ingestion", *words, "--reason", "request")
        assert said.code == 0, said.err

    assert final(project) == ["b,1,2,3,1"]
    assert project.run("ingestion", "--verify").code == 0


@pytest.mark.parametrize("unknown", ["nobody", "Acme", "acm", "7", "stayed", "in"])
def test_who_is_no_client_is_refused_by_name_and_nothing_is_erased(
    project: Project, tmp_path: Path, unknown: str
) -> None:
    drop(project, HEADER, {"a.csv": FILES["a.csv"].replace("b,1", "b,7")})
    ingest(project)
    (tmp_path / "leave").write_text(f"acme\n{unknown}\n")
    before = project.seen()

    said = project.run("ingestion", "--erase-file", str(tmp_path / "leave"), "--reason", "request")

    assert said.code == 2
    assert f"no such client: '{unknown}'." in said.err
    assert project.seen() == before


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--erase", ("--erase", "a\udcff", "--reason", "request")),
        ("--reason", ("--erase", "acme", "--reason", "a\udcff")),
        ("--renew-register", ("--renew-register", "a\udcff")),
    ],
)
def test_words_that_are_not_utf_8_are_refused_in_one_sentence(
    project: Project, option: str, words: tuple[str, ...]
) -> None:
    drop(project, HEADER, {"a.csv": FILES["a.csv"]})
    ingest(project)
    before = project.seen()

    said = project.run("ingestion", *words)

    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(f"{option}: it is not UTF-8 ('a\\udcff'). Nothing was changed. ")
    assert said.err.count("\n") == 1
    assert project.seen() == before


def test_a_file_whose_name_is_not_utf_8_is_named_in_one_sentence(project: Project) -> None:
    said = project.run("ingestion", "--erase-file", "a\udcff", "--reason", "request", "--json")

    assert said.code == 2
    assert said.json["error"].startswith("--erase-file: a\udcff cannot be read (No such file or directory).")
    assert said.out.isascii()


def test_retrain_says_where_no_model_was_trained_on_them(project: Project) -> None:
    drop(project, HEADER, {"a.csv": FILES["a.csv"]})
    ingest(project)

    said = project.run("ingestion", *ASKED, "--retrain")

    assert said.code == 0, said.err
    assert said.out.splitlines()[-1] == "  nothing is to be retrained: no model was trained on them"


@pytest.mark.slow
def test_retrain_trains_where_a_model_was_trained_on_the_client(deployed: Project) -> None:
    rows = table(200, seed=4, first=2000)
    deployed.drop("practicedata/p.csv", f"{rows}acme,1,2,3,0\n")
    assert deployed.run("fullprocess", "--practice").code in (0, 4)
    before = journal.next_run(deployed.settings.production / paths.JOURNAL)

    said = deployed.run("ingestion", *ASKED, "--retrain")

    assert said.code == 0, (said.out, said.err)
    assert "  retrained in practice: " in said.out
    assert "retrained: " not in said.out
    assert "for one that never saw these rows: python fullprocess.py --practice --force" in said.out
    assert journal.next_run(deployed.settings.production / paths.JOURNAL) == before


def test_who_was_refused_called_or_erased_before_is_a_client(project: Project) -> None:
    drop(project, HEADER, {"a.csv": "b,1,2,3,0\nacme,1,2\nd,1,2,3,1\n"})
    project.drop("outcomes/calls.csv", "client,date,result\nzoe,2024-01-05,reached\n")
    ingest(project)

    for client in ("acme", "zoe", "d", "d"):
        said = project.run("ingestion", "--erase", client, "--reason", "request")
        assert said.code == 0, said.err


def test_a_client_whose_name_is_a_form_of_the_erased_one_keeps_it(project: Project) -> None:
    drop(project, HEADER, {"a.csv": "A & B,1,2,3,0\nA &amp; B,1,2,3,0\nC_D,1,2,3,0\nC\\_D,1,2,3,0\n"})
    ingest(project)

    for client in ("A & B", "C_D"):
        assert project.run("ingestion", "--erase", client, "--reason", "request").code == 0

    assert final(project) == ["A &amp; B,1,2,3,0", "C\\_D,1,2,3,0"]


def test_values_of_others_that_hold_the_name_as_a_word_stay(project: Project) -> None:
    project.configure(schema={"features": {"size": "numeric", "plan": "categorical"}, "owner": "owner"})
    rows = ["b,1,Gold Plus,0,Anna Gold", "d,2,Gold Pro,1,Team A", 'e,3,"The ""Gold"" plan",1,Gold Team']
    drop(project, "corporation,size,plan,exited,owner", {"a.csv": "\n".join([*rows, "Gold,4,Pro,0,b"])})
    ingest(project)
    others = final(project)[:3]

    said = project.run("ingestion", "--erase", "Gold", "--reason", "request", "--json")

    assert said.code == 0, said.out
    assert said.json["left"] == 0
    assert final(project) == others
    certificate = said.json["certificates"]["production"]
    assert certificate["ambiguous"] == certificate["clients"]


def test_a_longer_name_of_another_stays_as_files_write_it(project: Project) -> None:
    longer = '"Müller & Söhne ""Nord"", GmbH",1,2,3,0'
    drop(project, HEADER, {"a.csv": f"{longer}\nMüller,1,2,3,0\nb,1,2,3,1\n", "b.csv": longer.replace(",0", ",x")})
    ingest(project)

    said = project.run("ingestion", "--erase", "Müller", "--reason", "request 7")
    assert said.code == 0, said.out
    assert final(project) == [longer, "b,1,2,3,1"]

    said = project.run("ingestion", "--erase", 'Müller & Söhne "Nord", GmbH', "--reason", "request 8")
    assert said.code == 0, said.out
    assert holding(project.root, "Müller") == holding(project.root, "Nord") == []


@pytest.mark.slow
def test_sentences_stay_that_only_hold_the_same_word_as_a_client(deployed: Project) -> None:
    deployed.drop("sourcedata/odd.csv", f"{HEADER}\ntrained,1,2,3,0\n")
    assert deployed.run("fullprocess", "--force", whole=True).code in (0, 4)
    cards = {name: text for name, text in deployed.seen().items() if name.endswith(".md")}

    said = deployed.run("ingestion", "--erase", "trained", "--reason", "request", "--json")

    assert said.code == 0, said.out
    assert all(b"trained" in text and deployed.seen()[name] == text for name, text in cards.items())
    assert "[erased]" not in json.dumps(deployed.json("models/snapshot.json"))


def test_only_rows_of_the_client_are_counted_in_the_files_of_others(project: Project) -> None:
    project.configure(schema={"owner": "owner"})
    drop(project, f"{HEADER},owner", {"a.csv": "7,7,2,3,0,b\nb,7,2,3,1,7\n", "b.csv": "b,7,7,7,1,7\n"})
    project.drop(
        "outcomes/calls.csv", "client,date,result,opinion,note\n7,2024-01-05,reached,,\nb,2024-01-05,reached,,7\n"
    )
    ingest(project)

    said = project.run("ingestion", "--erase", "7", "--reason", "request", "--json")

    found = {Path(path).name: n for path, n in said.json["certificates"]["production"]["sources"].items()}
    assert found == {"a.csv": 1, "calls.csv": 1}


def test_whole_numbers_and_fractions_in_many_parts_give_the_set_of_the_others(project: Project) -> None:
    rows = {
        1: "acme,1,2,3,0\nb,1,2,3,0\n",
        2: "acme,1.5,2,3,0\nb,1,2,3,1\n",
        3: "acme,1,2,3,1\nacme,7,7,7,\nd,1,2,3,0\n",
    }
    for number, text in rows.items():
        drop(project, HEADER, {f"{number}.csv": text})
        ingest(project)
    others = [row for row in final(project) if not row.startswith("acme,")]
    before = current(project).counts

    erased(project)

    assert final(project) == others
    assert current(project).counts == {"n_rows": before["n_rows"] - 4, "n_labelled": len(others)}


@pytest.mark.slow
def test_the_rows_of_others_stay_in_order(project: Project) -> None:
    names = ["acme" if number % 997 == 5 else f"c{number}" for number in range(300_000)]  # some row groups of a part
    drop(project, HEADER, {"a.csv": "".join(f"{name},1,2,3,0\n" for name in names)})
    ingest(project)

    erased(project)

    assert [row.split(",")[0] for row in final(project)] == [name for name in names if name != "acme"]
