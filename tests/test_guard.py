from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from risk import guard
from risk.config import Server
from risk.contracts import MAX_BODY
from risk.errors import ConfigError
from risk.problems import Problem

OPEN = guard.Guard(None)
CLOSED = guard.Guard("näh-secret")


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"anyone:{password}".encode()).decode()


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "LOCALHOST.", "127.0.0.1:1", "[::1]:8000", "[::1]"])
def test_this_machine_is_admitted_without_a_token(host: str) -> None:
    OPEN.admit(host, "127.0.0.1", "")


@pytest.mark.parametrize(
    "host", ["", "evil.example", "evil.example:8000", "localhost.evil.example", "192.168.1.2", "[::2]"]
)
def test_a_foreign_host_header_is_refused(host: str) -> None:
    with pytest.raises(Problem) as caught:
        OPEN.admit(host, "127.0.0.1", "")

    assert caught.value.status == 421


def test_another_machine_is_refused_without_a_token() -> None:
    with pytest.raises(Problem) as caught:
        OPEN.admit("localhost", "192.168.1.7", "")

    assert caught.value.status == 403


@pytest.mark.parametrize("authorization", ["Bearer näh-secret", "bearer näh-secret", basic("näh-secret")])
def test_the_token_opens_from_anywhere(authorization: str) -> None:
    CLOSED.admit("any.example", "192.168.1.7", authorization)


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer näh",
        "Bearer \udcff",
        "Digest näh-secret",
        "Basic ???",
        basic("x"),
        "Basic bsOkaA==",
        "Basic /w==",
    ],
)
def test_a_wrong_token_is_asked_for_again(authorization: str) -> None:
    with pytest.raises(Problem) as caught:
        CLOSED.admit("localhost", "127.0.0.1", authorization)

    assert caught.value.status == 401
    assert caught.value.headers["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "risk.example"])
def test_other_hosts_need_a_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.delenv(guard.TOKEN, raising=False)

    with pytest.raises(ConfigError, match="there is no token"):
        guard.guard_for(Server(), tmp_path, host)


def test_the_token_comes_from_the_environment_or_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("from the file\n")
    server = Server(token_file="token")

    monkeypatch.delenv(guard.TOKEN, raising=False)
    filed = guard.guard_for(server, tmp_path, "0.0.0.0")
    monkeypatch.setenv(guard.TOKEN, "from the environment")
    given = guard.guard_for(server, tmp_path, "0.0.0.0")

    assert (filed.token, given.token) == ("from the file", "from the environment")


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe"])
def test_a_token_file_without_a_token_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    monkeypatch.delenv(guard.TOKEN, raising=False)
    if content is not None:
        (tmp_path / "token").write_bytes(content)

    with pytest.raises(ConfigError, match="token"):
        guard.guard_for(Server(token_file="token"), tmp_path, "127.0.0.1")


@pytest.fixture
def house(tmp_path: Path) -> Path:
    for name in ("in", "test", "secret"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "data.csv").write_text(name)
    return tmp_path


def refused(house: Path, given: str) -> int:
    with pytest.raises(Problem) as caught:
        guard.read_inside(house, (house / "in", house / "test"), given)
    assert caught.value.field == "filepath"
    return caught.value.status


def test_a_file_inside_is_read_through_links_that_stay_inside(house: Path) -> None:
    (house / "in" / "link.csv").symlink_to(house / "test" / "data.csv")

    content = guard.read_inside(house, (house / "in", house / "test"), "in/link.csv")

    assert content == b"test"


@pytest.mark.parametrize(
    "given", ["secret/data.csv", "in/../secret/data.csv", "in/../in/data.csv", "", ".", "in\0/data.csv"]
)
def test_a_path_that_leaves_the_folders_is_forbidden(house: Path, given: str) -> None:
    assert refused(house, given) == 403
    assert refused(house, str(house / "in" / "data.csv")) == 403


def test_a_link_out_is_forbidden(house: Path) -> None:
    (house / "in" / "file.csv").symlink_to(house / "secret" / "data.csv")
    (house / "in" / "folder").symlink_to(house / "secret")

    assert refused(house, "in/file.csv") == 403
    assert refused(house, "in/folder/data.csv") == 403
    assert refused(house, "in/folder/none.csv") == 403


def test_only_regular_csv_files_of_a_fair_size_are_read(house: Path) -> None:
    (house / "in" / "notes.txt").write_text("x")
    (house / "in" / "folder.csv").mkdir()
    os.mkfifo(house / "in" / "pipe.csv")
    with (house / "in" / "large.csv").open("wb") as file:
        file.truncate(MAX_BODY + 1)

    found = [refused(house, f"in/{name}") for name in ("notes.txt", "folder.csv", "pipe.csv", "none.csv", "large.csv")]

    assert found == [422, 422, 422, 422, 413]
