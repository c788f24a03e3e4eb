from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from risk.errors import ConfigError
from risk.service import security
from risk.service.problems import Problem
from risk.service.requests import MAX_BODY
from risk.settings.schema import Schema
from risk.settings.settings import Server

OPEN = security.Guard(None)
CLOSED = security.Guard("näh-secret")


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


def test_two_hosts_are_none() -> None:
    with pytest.raises(Problem) as caught:
        OPEN.admit("127.0.0.1:8000, evil.example", "127.0.0.1", "")

    assert caught.value.status == 400


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
    monkeypatch.delenv(security.TOKEN, raising=False)

    with pytest.raises(ConfigError, match="there is no token"):
        security.guard_for(Server(), tmp_path, host)


def test_the_token_comes_from_the_environment_or_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text(f"{'from the file':-<32}\n")
    server = Server(token_file="token")

    monkeypatch.delenv(security.TOKEN, raising=False)
    filed = security.guard_for(server, tmp_path, "0.0.0.0")
    monkeypatch.setenv(security.TOKEN, f" {'from the environment':-<32} ")
    given = security.guard_for(server, tmp_path, "0.0.0.0")

    assert (filed.token, given.token) == (f"{'from the file':-<32}", f"{'from the environment':-<32}")


def test_a_token_file_may_begin_with_a_byte_order_mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(security.TOKEN, raising=False)
    (tmp_path / "token").write_text("\ufeff" + "x" * 32 + "\r\n", encoding="utf-8")

    assert security.token_of(Server(token_file="token"), tmp_path) == "x" * 32


@pytest.mark.parametrize("token", ["x", "x" * 31, f"\n {'x' * 31}\t", "ü" * 15 + "x"])
def test_a_short_token_is_refused_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    (tmp_path / "token").write_text(token)
    monkeypatch.delenv(security.TOKEN, raising=False)

    with pytest.raises(ConfigError, match=r"/token: the token is too short \(\d+ bytes, expected at least 32\)"):
        security.guard_for(Server(token_file="token"), tmp_path, "127.0.0.1")
    monkeypatch.setenv(security.TOKEN, token)
    with pytest.raises(ConfigError, match=r"^RISK_TOKEN: the token is too short"):
        security.guard_for(Server(), tmp_path, "127.0.0.1")


FORWARDED = ["Forwarded", "X-Forwarded-For", "x-forwarded-proto", "X-Forwarded", "X-Real-IP", "Via", "X-Client-IP"]
FORWARDED += ["CF-Connecting-IP", "True-Client-IP", "X-Original-Forwarded-For", "Fastly-Client-IP", "via", "X-Scheme"]
FORWARDED += ["X-Forwarded-Host", "X-Cluster-Client-IP", "X-Remote-Addr", "CDN-Loop", "X-Envoy-External-Address"]


@pytest.mark.parametrize("name", FORWARDED)
def test_a_proxy_without_a_token_is_refused_by_the_header_it_adds(name: str) -> None:
    with pytest.raises(Problem) as caught:
        OPEN.admit("localhost", "127.0.0.1", "", path="/health", names=["Host", "Accept", name])
    CLOSED.admit("localhost", "127.0.0.1", "Bearer näh-secret", names=["Host", name])

    assert caught.value.status == 403
    assert name in str(caught.value)


def test_headers_of_ordinary_programs_pass_without_a_token() -> None:
    names = ["Host", "Accept", "User-Agent", "Content-Type", "X-Request-ID", "Origin", "Referer", "Cookie", "Sec-Via"]

    OPEN.admit("localhost", "127.0.0.1", "", names=names)


def test_whoever_watches_the_service_needs_no_token_but_a_known_host_where_there_is_none() -> None:
    for path in ("/health", "/live", "/ready"):
        CLOSED.admit("risk.example", "192.168.1.7", "", path=path, names=["Via"])

        with pytest.raises(Problem, match="Host header"):
            OPEN.admit("evil.example", "127.0.0.1", "", path=path)
    with pytest.raises(Problem, match="token is missing"):
        CLOSED.admit("localhost", "127.0.0.1", "", path="/health/")


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe"])
def test_a_token_file_without_a_token_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    monkeypatch.delenv(security.TOKEN, raising=False)
    if content is not None:
        (tmp_path / "token").write_bytes(content)

    with pytest.raises(ConfigError, match="token"):
        security.guard_for(Server(token_file="token"), tmp_path, "127.0.0.1")


@pytest.fixture
def house(tmp_path: Path) -> Path:
    for name in ("in", "test", "secret"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "data.csv").write_text(name)
    return tmp_path


def refused(house: Path, given: str) -> int:
    with pytest.raises(Problem) as caught:
        security.read_inside(house, (house / "in", house / "test"), given, Schema())
    assert caught.value.field == "filepath"
    return caught.value.status


def test_a_file_inside_is_read_through_links_that_stay_inside(house: Path) -> None:
    (house / "in" / "link.csv").symlink_to(house / "test" / "data.csv")

    content = security.read_inside(house, (house / "in", house / "test"), "in/link.csv", Schema())

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


@pytest.mark.parametrize(
    "name", [".hidden.csv", "~lock.csv", ".git/a.csv", "~old/a.csv", "half.part/a.csv", "a.tmp/b.csv"]
)
def test_hidden_and_temporary_names_are_no_data_files(house: Path, name: str) -> None:
    (house / "in" / name).parent.mkdir(exist_ok=True)
    (house / "in" / name).write_text("hidden")
    (house / "in" / "link.csv").symlink_to(house / "in" / name)

    assert refused(house, f"in/{name}") == 422
    assert refused(house, "in/link.csv") == 422


def test_a_folder_that_is_hidden_itself_may_hold_the_data(house: Path) -> None:
    (house / ".data").mkdir()
    (house / ".data" / "a.csv").write_text("shown")

    assert security.read_inside(house, [house / ".data"], ".data/a.csv", Schema()) == b"shown"


def test_only_regular_csv_files_of_a_fair_size_are_read(house: Path) -> None:
    (house / "in" / "notes.md").write_text("x")
    (house / "in" / "folder.csv").mkdir()
    os.mkfifo(house / "in" / "pipe.csv")
    with (house / "in" / "large.csv").open("wb") as file:
        file.truncate(MAX_BODY + 1)

    found = [refused(house, f"in/{name}") for name in ("notes.md", "folder.csv", "pipe.csv", "none.csv", "large.csv")]

    assert found == [422, 422, 422, 422, 413]


def test_a_blank_token_is_refused_as_too_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(security.TOKEN, "   ")

    with pytest.raises(ConfigError, match="too short"):
        security.token_of(Server(), tmp_path)


def test_a_token_beyond_ascii_is_admitted_as_bearer() -> None:
    token = "é" * 32

    sent = token.encode().decode("latin-1")

    assert security.Guard(token).admit("x", None, f"Bearer {sent}") is None  # type: ignore[func-returns-value]
