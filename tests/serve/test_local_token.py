"""Laws of the local token's file."""

from __future__ import annotations

import os
import pickle
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from gongji.client.credentials import LOCAL_TOKEN
from gongji.model.refusals import CredentialInvalid
from gongji.serve.authentication import LocalTokenAuthenticator
from gongji.serve.local_token import (
    LocalToken,
    TokenFileError,
    make_local_token,
    read_local_token,
)


def test_it_is_made_once_and_private(tmp_path: Path) -> None:
    """The first start makes a token of 32 random bytes that its owner alone can read;
    the next keeps it; no draft is left."""
    data = tmp_path / "var"
    first = read_local_token(make_local_token(data))
    path = make_local_token(data)
    assert first == read_local_token(path)
    assert 43 == len(first)  # 32 bytes in base64
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert 0o700 == stat.S_IMODE(data.stat().st_mode)
    assert [path] == list(data.iterdir())
    assert first != read_local_token(make_local_token(tmp_path / "other"))


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o660, 0o604, 0o610])
def test_one_that_others_may_read_is_refused(mode: int, tmp_path: Path) -> None:
    """A token that another user may have read or written admits nobody."""
    path = make_local_token(tmp_path)
    path.chmod(mode)
    with pytest.raises(TokenFileError, match="须为 0600"):
        make_local_token(tmp_path)


def test_one_of_another_user_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token that another user has put there admits nobody."""
    make_local_token(tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(TokenFileError, match="不属于运行服务的用户"):
        make_local_token(tmp_path)


@pytest.mark.parametrize("text", ["", "x", "a" * 42, "a" * 44, "é" * 43])
def test_what_is_no_token_is_refused(text: str, tmp_path: Path) -> None:
    """A file without a token of ours, such as one cut short, admits nobody."""
    path = make_local_token(tmp_path)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(TokenFileError, match="没有令牌"):
        make_local_token(tmp_path)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """A link, a pipe or a folder in its place is refused; none is waited for."""
    token = make_local_token(tmp_path / "other")
    makers: list[Callable[[Path], object]] = [
        lambda path: path.symlink_to(token),
        os.mkfifo,
        Path.mkdir,
    ]
    for number, make in enumerate(makers):
        data = tmp_path / str(number)
        data.mkdir()
        make(data / token.name)
        with pytest.raises(TokenFileError, match="不是普通文件"):
            make_local_token(data)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """A data folder below a file is refused by a sentence."""
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(OSError, match="无法建立：不是目录"):
        make_local_token(file / "var")


def test_deleted_it_is_changed(tmp_path: Path) -> None:
    """Whoever deletes the file of a running server has another token made, the same in
    every process; the former one admits nobody."""
    token = LocalToken(tmp_path)
    other = pickle.loads(pickle.dumps(token))  # noqa: S301 - our own
    former, path = token.value, tmp_path / LOCAL_TOKEN
    path.unlink()
    assert [True, True] == [one.refresh() for one in (token, other)]
    assert former != token.value == other.value == read_local_token(path)
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    authenticator = LocalTokenAuthenticator(token)
    assert [token] == authenticator.watched
    authenticator.identify({"authorization": f"Bearer {token.value}"}, {})
    with pytest.raises(CredentialInvalid):
        authenticator.identify({"authorization": f"Bearer {former}"}, {})


def test_one_that_cannot_be_one_changes_nothing(tmp_path: Path) -> None:
    """What others may read, or what is no token, is not taken for the token."""
    token = LocalToken(tmp_path)
    before, path = token.value, tmp_path / LOCAL_TOKEN
    for text, mode in (("short", 0o600), ("a" * 43, 0o644)):
        path.unlink()
        path.write_text(text)
        path.chmod(mode)
        assert not token.refresh()
        assert before == token.value
