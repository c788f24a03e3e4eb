"""The register of erased clients, and the rows that are refused by it, whichever way a file is read."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from risk.disk import journal, paths
from risk.errors import ErasureError
from risk.reading import erased
from risk.reading.erased import Erased
from risk.reading.reader import Content, Source, read, read_refusals
from risk.settings.schema import Schema
from tests.conftest import HEADER

SCHEMA = Schema()


def taken(tmp_path: Path, text: str, register: Erased, name: str = "a.csv") -> Content:
    path = tmp_path / name
    path.write_text(text)
    ((_, content),) = read([Source(name, path)], SCHEMA, tmp_path / "parts", size_cap=1 << 30, erased=register)
    assert content
    return content


def held(tmp_path: Path) -> bytes:
    """Return all that the reader keeps, with the values of parts as text."""
    import duckdb

    kept = b"".join(path.read_bytes() for path in sorted((tmp_path / "parts").glob("*.refused")))
    for path in sorted((tmp_path / "parts").glob("*.parquet")):
        kept += repr(duckdb.sql(f"select * from '{path}'").fetchall()).encode() + path.read_bytes()
    return kept


@pytest.fixture
def register(tmp_path: Path) -> Erased:
    erased.add(tmp_path, ["acme", "Zoë, 'the' \"one\"", "=1+1"])
    return erased.read(tmp_path)


def test_a_client_is_known_again_by_a_keyed_digest_alone(tmp_path: Path, register: Erased) -> None:
    kept = (tmp_path / paths.ERASED).read_bytes()

    assert register.holds("acme")
    assert register.holds("=1+1")
    assert not register.holds("acme2")
    assert not register.holds("acm")
    assert not register.holds("")
    assert b"acme" not in kept
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in (paths.ERASED, paths.ERASED_KEY)} == {0o600}


def test_a_plain_row_of_an_erased_client_is_refused_and_the_others_stay(tmp_path: Path, register: Erased) -> None:
    content = taken(tmp_path, f"{HEADER}\nacme2,1,2,3,0\nacme,1,2,3,1\nb,1,2,3,0\n", register)

    assert (content.n_accepted, content.n_refused) == (2, 1)
    (refusal,) = read_refusals(tmp_path / "parts", str(content.refusals))
    assert (refusal.line, refusal.value, refusal.reason) == (3, None, erased.REASON)
    assert b"acme2" in held(tmp_path)
    assert b"'acme'" not in held(tmp_path)
    assert b"acme," not in held(tmp_path)


def test_quoted_and_spaced_ids_are_known_as_they_are_read(tmp_path: Path, register: Erased) -> None:
    content = taken(tmp_path, f'{HEADER}\n"Zoë, \'the\' ""one""",1,2,3,0\n acme ,1,2,3,0\n=1+1,1,2,3,0\n', register)

    assert content.n_refused == 3
    assert content.n_accepted == 0
    assert content.fault is None


def test_a_row_that_is_refused_for_its_form_shows_no_erased_client(tmp_path: Path, register: Erased) -> None:
    content = taken(tmp_path, f"{HEADER}\nacme,1,2\nb,1,2\n" + "c,1,2,3,0\n" * 10, register)

    shown = [it.value for it in read_refusals(tmp_path / "parts", str(content.refusals))]
    assert shown == [None, "b,1,2"]


def test_rows_of_erased_clients_do_not_refuse_a_file_as_a_whole(tmp_path: Path, register: Erased) -> None:
    content = taken(tmp_path, HEADER + "\n" + "acme,1,2,3,0\n" * 30 + "b,1,2,3,0\n" * 10, register)

    assert content.fault is None
    assert (content.n_read, content.n_accepted) == (40, 10)


def test_without_its_key_the_register_is_not_believed(tmp_path: Path, register: Erased) -> None:
    key = (tmp_path / paths.ERASED_KEY).read_text()
    (tmp_path / paths.ERASED_KEY).unlink()
    with pytest.raises(ErasureError, match="missing"):
        erased.add(tmp_path, ["b"])

    (tmp_path / paths.ERASED_KEY).write_text("ab" * 32)
    os.chmod(tmp_path / paths.ERASED_KEY, 0o600)
    with pytest.raises(ErasureError, match="not the key"):
        erased.read(tmp_path)

    (tmp_path / paths.ERASED_KEY).write_text(key)
    os.chmod(tmp_path / paths.ERASED_KEY, 0o644)
    with pytest.raises(ErasureError, match="others than its owner"):
        erased.read(tmp_path)


def test_a_register_that_a_kill_tore_is_continued(tmp_path: Path, register: Erased) -> None:
    path = tmp_path / paths.ERASED
    path.write_bytes(path.read_bytes() + b'{"client": "12')

    erased.add(tmp_path, ["b", "acme"])

    assert erased.read(tmp_path).holds("b")
    assert erased.read(tmp_path).holds("acme")
    lines = path.read_text().splitlines()
    assert len([json.loads(line) for line in lines]) == 5


def in_journal(tmp_path: Path, *clients: str) -> None:
    """Add clients as an erasure does, register and journal."""
    digests = erased.add(tmp_path, clients)
    line = {"kind": journal.ERASE, "step": "intent", "clients": digests, "check": erased.check_of(tmp_path)}
    journal.append(tmp_path / paths.JOURNAL, line)


@pytest.mark.parametrize("lines", [0, 1, 2, None])
def test_a_register_that_lacks_whom_the_journal_names_is_not_believed(tmp_path: Path, lines: int | None) -> None:
    in_journal(tmp_path, "acme")
    in_journal(tmp_path, "b")
    path, key = tmp_path / paths.ERASED, (tmp_path / paths.ERASED_KEY).read_bytes()
    if lines is None:
        path.unlink()
    else:
        path.write_text("".join(path.read_text().splitlines(keepends=True)[:lines]))

    for attempt in (lambda: erased.read(tmp_path), lambda: erased.add(tmp_path, ["c"])):
        with pytest.raises(ErasureError, match="of the 2 erased clients whom the journal names are missing"):
            attempt()
    assert "--renew-register" in str(erased.fault(tmp_path))
    assert (tmp_path / paths.ERASED_KEY).read_bytes() == key

    assert erased.renew(tmp_path) == 2
    assert all(map(erased.read(tmp_path).holds, ["acme", "b"]))


def test_a_key_that_is_there_is_used_and_never_replaced(tmp_path: Path) -> None:
    erased.add(tmp_path, ["acme"])
    key = (tmp_path / paths.ERASED_KEY).read_bytes()
    (tmp_path / paths.ERASED).unlink()

    erased.add(tmp_path, ["b"])

    assert (tmp_path / paths.ERASED_KEY).read_bytes() == key
