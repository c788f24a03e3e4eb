"""A token that changes while the service runs: the new one opens, the old one does not, a broken file opens nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app import create_app
from risk.service import security
from risk.service.tokens import TokenFile
from tests.installation import lay_out

OLD, NEW = "old" * 11, "new" * 11


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    monkeypatch.delenv(security.TOKEN, raising=False)
    (tmp_path / "root").mkdir()
    (tmp_path / "root/token").write_text(OLD + "\n")
    return create_app(lay_out(tmp_path / "root", server={"token_file": "token"})).test_client()


def status(client: FlaskClient, token: str, path: str = "/metrics") -> int:
    return client.get(path, headers={"Authorization": f"Bearer {token}"}).status_code


def test_a_new_token_opens_at_once_and_the_old_one_no_more(client: FlaskClient, tmp_path: Path) -> None:
    before = status(client, OLD), status(client, NEW)

    (tmp_path / "root/new").write_text(NEW)
    (tmp_path / "root/new").rename(tmp_path / "root/token")

    assert before == (200, 401)
    assert (status(client, OLD), status(client, NEW)) == (401, 200)


def test_a_token_written_over_in_place_counts_too(client: FlaskClient, tmp_path: Path) -> None:
    for token, other in [(NEW, OLD), (OLD, NEW)] * 5:
        (tmp_path / "root/token").write_text(token)

        assert (status(client, token), status(client, other)) == (200, 401)


@pytest.mark.parametrize("content", ["", "  \n", "short", b"\xff\xfe" * 20, f"{OLD}\n{NEW}\n", None])
def test_while_the_file_holds_no_token_nobody_is_admitted_and_health_says_so(
    client: FlaskClient, tmp_path: Path, content: str | bytes | None
) -> None:
    path = tmp_path / "root/token"
    assert status(client, OLD) == 200
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    told = client.get("/health")

    assert {status(client, token) for token in (OLD, NEW, "", "short")} == {401}
    assert (told.status_code, told.get_json()["status"]) == (503, "faulty")
    assert "server.token_file holds no token that can be used; nobody is admitted" in told.get_json()["detail"]
    assert str(tmp_path) not in told.text
    assert client.get("/live").status_code == 200

    path.write_text(NEW)

    assert (status(client, OLD), status(client, NEW)) == (401, 200)
    assert "token" not in str(client.get("/health").get_json()["detail"])


def test_a_pipe_is_no_file_of_a_token_and_holds_nobody_up(client: FlaskClient, tmp_path: Path) -> None:
    (tmp_path / "root/token").unlink()
    os.mkfifo(tmp_path / "root/token")

    assert status(client, OLD) == 401
    assert "nobody is admitted" in client.get("/health").get_json()["detail"]


@pytest.mark.parametrize(("mode", "is_told"), [(0o600, False), (0o640, False), (0o644, True), (0o602, True)])
def test_a_token_that_everybody_may_read_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: int, is_told: bool
) -> None:
    path = tmp_path / "token"
    path.write_text(OLD)
    path.chmod(mode)

    assert TokenFile(path).now == (OLD, None)
    assert ("everybody on this machine may read or change" in caplog.text) is is_told


def test_a_file_that_stays_as_it_is_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "token"
    path.write_text(OLD)
    monkeypatch.setattr("risk.service.tokens.YOUNG", -1.0)
    file = TokenFile(path)
    first = file.now

    monkeypatch.setattr("risk.service.tokens._filed", lambda path: pytest.fail("it is read again"))

    assert [file.now, file.now] == [first, first] == [(OLD, None)] * 2


def test_the_token_of_the_environment_goes_before_the_file(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(security.TOKEN, NEW)
    root = client.application.extensions["rooms"].settings
    given = create_app(root).test_client()

    os.unlink(root.root / "token")

    assert status(given, NEW) == 200
