"""Names of clients taken out of texts, JSON, CSV and logs; what only looks like one stays."""

from __future__ import annotations

import html
import json
import random
import re
from pathlib import Path

import pytest

from risk.disk import journal, redacted_csv
from risk.disk.redacted_csv import without_rows
from risk.disk.redaction import PUT, ClientNames
from risk.disk.word_search import longest_of, word_search
from risk.text import event, markdown

NAMES = ClientNames(frozenset({"acme", 'O\'Neil, "Zoë"', "=1+1"}), frozenset({"acme-x", "big acme"}))


LOGGED = event("source", warning=f"a.csv: {NAMES.names - {'acme', '=1+1'}}")


@pytest.mark.parametrize("text", ["'acme'", "of acme.", "acme", "x,acme,y", LOGGED])
def test_a_name_goes_wherever_it_is_a_word(text: str) -> None:
    assert PUT in NAMES.in_text(text)
    assert NAMES.count(text) == 1
    assert NAMES.count(NAMES.in_text(text)) == 0


@pytest.mark.parametrize("text", ["acme2", "acme-x", "the big acme", "acmes", "Acme", "1+1"])
def test_a_name_within_another_stays(text: str) -> None:
    assert NAMES.in_text(text) == text
    assert NAMES.count(text) == 0


def test_an_entry_of_json_goes_and_a_number_or_word_of_ours_stays() -> None:
    names = ClientNames(frozenset({"42", "retail"}), shared=frozenset({"retail"}))
    shown = {"list": [{"client": "42"}, {"client": "420"}], "n": 42, "sector": "retail", "text": "42 rows, not '42'"}

    assert names.cut(shown) == {
        "list": [{"client": "420"}],
        "n": 42,
        "sector": "retail",
        "text": f"42 rows, not '{PUT}'",
    }


def test_a_record_of_csv_goes_and_the_others_keep_their_bytes() -> None:
    text = 'client,note\n"O\'Neil, ""Zoë""","a\nb"\nacme2,"x ""y"""\n\'=1+1,z\nacme,\n"acme-x",\n'

    assert without_rows(text, ("client",), NAMES) == 'client,note\nacme2,"x ""y"""\n"acme-x",\n'


def test_a_log_is_written_over_with_as_many_bytes() -> None:
    log = "at acme: 'O'Neil, \"Zoë\"' and acme-x\n".encode()

    masked = NAMES.masked(log)

    assert len(masked) == len(log)
    assert b"Zo" not in masked
    assert masked.startswith(b"at xxxx: '")
    assert b"acme-x" in masked


def test_lines_before_an_erasure_name_what_files_are_since(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal.append(path, {"kind": "intent", "papers": {"a": "A"}, "list": ["A", "X"]})
    journal.append(path, {"kind": journal.ERASE, "replaced": {"A": "B"}})
    journal.append(path, {"kind": "run", "run": 1, "card": "A"})
    journal.append(path, {"kind": journal.ERASE, "replaced": {"B": "C"}})

    records = journal.read(path)

    assert records[0]["papers"] == {"a": "C"}
    assert records[0]["list"] == ["C", "X"]
    assert records[2]["card"] == "A"
    assert records[3]["replaced"] == {"B": "C"}
    assert journal.verify(path) == 4


def test_a_note_names_a_client_whatever_else_the_name_means_but_a_bare_number() -> None:
    names = ClientNames(frozenset({"42", "retail", "x"}), frozenset({"retail two"}), shared=frozenset({"retail"}))
    told, without = "x and 42 of retail, not retail two or xs", f"{PUT} and 42 of {PUT}, not retail two or xs"

    assert names.cut({"sector": told, "contact": {"note": told}}) == {"sector": told, "contact": {"note": without}}
    text = f'client,note\nb,"{told}"\nc,42\n'
    assert without_rows(text, ("client",), names) == f'client,note\n"b","{without}"\nc,42\n'
    assert (names.count(told, "note"), names.count(without, "note")) == (2, 0)


PLANS = ("Gold Plus", "Gold, Pro", 'The "Gold" plan', "Gold' 7", "Golden")


@pytest.mark.parametrize("value", PLANS)
def test_a_value_of_another_column_that_holds_a_name_as_a_word_stays_however_it_is_written(value: str) -> None:
    names = ClientNames(frozenset({"Gold"})).beside(PLANS)
    row = 'b,"' + value.replace('"', '""') + '"\n'
    held = {"plan": value, "text": f"plan {value!r}", "log": event("plan", value=value)}

    assert names.shared == {"Gold"}
    assert without_rows(f"client,plan\n{row}Gold,Plus\n", ("client",), names) == f"client,plan\n{row}"
    assert names.cut(held) == held
    assert names.masked(row.encode()) == row.encode()
    assert [names.count(it) for it in (value, row, json.dumps(held))] == [0, 0, 0]
    assert names.cut({"text": "of 'Gold'", "list": [{"client": "Gold"}]}) == {"text": f"of '{PUT}'", "list": []}


def test_each_name_that_a_value_holds_is_shared_and_no_other() -> None:
    names = ClientNames(frozenset({"Gold", "Gold Plus", "Fischer", "A & B", "Zoe"}), frozenset({"Zoe Ltd"}))

    beside = names.beside({"Gold Plus Extra", "Fischers", "A &amp; B 2", "Zoe Ltd", "'Fischer'", "'Zoe'"})

    assert beside.shared == {"Gold", "Gold Plus", "A & B", "Fischer", "Zoe"}
    assert beside.in_text("of 'Fischer'") == f"of '{PUT}'"


NORD = 'Müller & Söhne "Nord", GmbH'


@pytest.mark.parametrize(
    "written",
    [NORD, NORD.replace('"', '""'), json.dumps(NORD), html.escape(NORD), markdown(NORD), event("x", a=NORD)],
)
def test_a_longer_name_of_another_client_stays_in_every_form(written: str) -> None:
    shorter, longer = ClientNames(frozenset({"Müller"}), frozenset({NORD})), ClientNames(frozenset({NORD}))

    assert shorter.in_text(f"Müller, {written}") == f"{PUT}, {written}"
    assert shorter.masked(written.encode()) == written.encode()
    assert shorter.count(written) == 0
    assert longer.count(written) == 1
    assert "Nord" not in longer.in_text(written)


def test_what_is_cut_off_where_a_longer_name_goes_on_is_the_name() -> None:
    name = "a" * 80

    assert ClientNames(frozenset({name}), frozenset({f"{name} 2"})).in_text(f"{name} and {name} 2") == (
        f"{PUT} and {name} 2"
    )


LETTERS = (
    "acme",
    "O'Neil",
    '""',
    "a",
    ",",
    "\n",
    "\r\n",
    "\r",
    '"',
    "x",
    "big acme",
    '""Zoë""',
    "'=1+1",
    "client",
    " ",
)


@pytest.mark.parametrize("seed", range(5))
def test_a_csv_is_cut_as_if_each_record_were_read(seed: int) -> None:
    draw = random.Random(seed)
    for _ in range(300):
        lines = [
            draw.choice(("acme,x", 'x,"acme, y"', '"O\'Neil, ""Zoë""",2', "big acme,3", "x,acme-x")) for _ in "123"
        ]
        text = "client,note\n" + "\n".join(lines) + "\n" + "".join(draw.choices(LETTERS, k=12))

        assert without_rows(text, ("client",), NAMES) == _record_by_record(text)


def _record_by_record(text: str) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(redacted_csv, "_is_record_each_line", lambda text: False)
        return without_rows(text, ("client",), NAMES)


def test_one_of_many_words_is_found_wherever_it_stands() -> None:
    words = [f"c{number:05d}" for number in range(0, 50_000, 7)] + ["(x|y)*", "Zoë", "Zo", "a" * 500]
    search = word_search(words)

    assert all(search.search(f"of {word}s") for word in words)
    assert not any(search.search(text) for text in ("", "c00001", "Z", "(x", "zo", "a" * 63))
    assert not word_search(()).search("anything")


@pytest.mark.parametrize("seed", range(3))
def test_of_many_words_the_longest_is_taken_as_if_each_were_tried_by_itself(seed: int) -> None:
    draw = random.Random(seed)
    for _ in range(300):
        words = {"".join(draw.choices("ab.-", k=draw.randint(1, 5))) for _ in range(6)} | {"ab" * draw.choice((1, 40))}
        text = "".join(draw.choices("ab.- ", k=60)) + "ab" * 40
        one_by_one = "|".join(re.escape(it) + _bound(it[-1]) for it in sorted(words, key=len, reverse=True))

        found = re.findall(longest_of(words, _bound), text)

        assert found == re.findall(one_by_one, text)


def _bound(last: str) -> str:
    return r"(?!\w)" if last.isalnum() else ""
