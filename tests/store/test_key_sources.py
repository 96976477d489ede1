"""Laws of where a master key comes from: nothing of it is shown, and it is asked again."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from gongji.model.commands import Write
from gongji.model.people import Person
from gongji.serve.settings import keys_of
from gongji.store import KeyFileError, open_store
from gongji.store.databases import database_at
from gongji.store.keys import source
from gongji.store.keys.pkcs11 import Pkcs11Source
from gongji.store.keys.source import CommandSource, EitherSource, FileSource
from gongji.store.keys.suite import STANDARD
from gongji.store.seal import Vault

from tests.store.conftest import Clock

KEY = bytes(range(32))


def printing(text: str, code: int = 0) -> CommandSource:
    """A command that prints a text, and something about it on standard error."""
    program = f"import sys; print({text!r}, end=''); print({text!r}, file=sys.stderr)"
    return CommandSource([sys.executable, "-c", f"{program}; sys.exit({code})"])


def test_a_command_prints_the_key() -> None:
    """In hexadecimal digits it is the key that a file would hold."""
    vault = Vault.open(printing(KEY.hex() + "\n"), create=False)
    assert Vault(KEY).fingerprint == vault.fingerprint


FAULTS = {
    "too short": (printing(KEY.hex()[:-2]), "应输出 64 位十六进制数"),
    "no key": (printing("secret-text"), "应输出 64 位十六进制数"),
    "nothing": (printing(""), "应输出 64 位十六进制数"),
    "a failure": (printing(KEY.hex(), 3), "退出码 3"),
    "no such program": (CommandSource(["/nowhere/key"]), "不能运行：No such file"),
    "no program": (CommandSource([]), "不能运行：命令为空"),
    "no shell": (CommandSource(["echo $HOME"]), "不能运行"),
}


@pytest.mark.parametrize(("command", "problem"), FAULTS.values(), ids=FAULTS)
def test_a_command_that_prints_no_key(
    command: CommandSource, problem: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """What went wrong is said; nothing of what was printed is."""
    with pytest.raises(KeyFileError, match=problem) as raised:
        Vault.open(command, create=False)
    shown = "".join(
        [*capfd.readouterr(), str(raised.value), repr(raised.value.__cause__)]
    )
    assert "secret-text" not in shown
    assert KEY.hex()[:20] not in shown


def test_a_command_that_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up, and ended, after a time."""
    monkeypatch.setattr(source, "COMMAND_S", 0.2)
    slow = CommandSource([sys.executable, "-c", "import time; time.sleep(600)"])
    with pytest.raises(KeyFileError, match="没有结束"):
        Vault.open(slow, create=False)


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URI of a key in a token of SoftHSM's."""
    pytest.importorskip("pkcs11")
    module = "/usr/lib/softhsm/libsofthsm2.so"
    if not (Path(module).exists() and shutil.which("softhsm2-util")):
        pytest.skip("Debian's softhsm2 is not installed")
    folder = tmp_path_factory.mktemp("hsm")
    tokens = folder / "tokens"
    tokens.mkdir()
    config = folder / "softhsm2.conf"
    config.write_text(f"directories.tokendir = {tokens}\n", encoding="ascii")
    pin = folder / "pin"
    pin.write_text("5678\n", encoding="ascii")
    pin.chmod(0o600)
    # The library reads it once in a process.
    os.environ["SOFTHSM2_CONF"] = str(config)
    initialise = (
        "softhsm2-util --init-token --free --label gongji --so-pin 1234 --pin 5678"
    )
    subprocess.run(initialise.split(), check=True, capture_output=True)  # noqa: S603 - our own
    make_key(module)
    yield f"pkcs11:token=gongji;object=master?module-path={module}&pin-source={pin}"
    del os.environ["SOFTHSM2_CONF"]


def make_key(module: str) -> None:
    """Make a key that never leaves the token."""
    import pkcs11  # noqa: PLC0415 - an extra

    session = pkcs11.lib(module).get_token(token_label="gongji")  # noqa: S106 - a label
    with session.open(rw=True, user_pin="5678") as opened:
        opened.generate_key(
            pkcs11.KeyType.AES,
            256,
            label="master",
            store=True,
            template={
                pkcs11.Attribute.SENSITIVE: True,
                pkcs11.Attribute.EXTRACTABLE: False,
            },
        )


def test_a_token_wraps_and_unwraps(token: str) -> None:
    """A key is wrapped under its name, and opens under no other."""
    (master,) = Pkcs11Source.parse(token).masters()
    wrapped = master.wrap(STANDARD, "seal/1", KEY)
    assert KEY not in wrapped
    assert KEY == master.unwrap(STANDARD, "seal/1", wrapped)
    with pytest.raises(KeyFileError, match="不能使用"):
        master.unwrap(STANDARD, "seal/2", wrapped)
    assert master.derived(STANDARD) is None


async def test_a_database_whose_master_is_in_a_token(
    engine_url: str, clock: Clock, person: Person, token: str, tmp_path: Path
) -> None:
    """It is made, opened again and rekeyed without the key leaving the token, and opens by
    nothing else."""
    key = Pkcs11Source.parse(token)
    store = open_store(engine_url, clock, key)
    await store.apply(Write((person,)))
    await store.close()
    with database_at(engine_url).administered(key) as administration:
        rekeying = administration.rekeying
        assert rekeying.begin(lambda: next(key.masters()))
        rekeying.run(lambda _: None)
        rekeying.finish()
    store = open_store(engine_url, clock, key)
    assert person.person_no == await store.person_no_of(person.certificate)
    await store.close()
    FileSource(tmp_path / "other.key").make()
    with pytest.raises(ValueError, match="密钥文件与该数据库不符"):
        open_store(engine_url, clock, tmp_path / "other.key")


async def test_a_master_moves_from_a_file_into_a_token(
    engine_url: str, clock: Clock, person: Person, token: str, tmp_path: Path
) -> None:
    """A database goes on with the master of another source, and no longer with the file."""
    file, target = tmp_path / "x.key", Pkcs11Source.parse(token)
    store = open_store(engine_url, clock, file)
    await store.apply(Write((person,)))
    await store.close()
    either = EitherSource(target, FileSource(file))
    with database_at(engine_url).administered(either) as administration:
        rekeying = administration.rekeying
        assert rekeying.begin(lambda: next(target.masters()))
        rekeying.run(lambda _: None)
        rekeying.finish()
    store = open_store(engine_url, clock, target)
    assert person.person_no == await store.person_no_of(person.certificate)
    await store.close()
    with pytest.raises(ValueError, match="密钥文件与该数据库不符"):
        open_store(engine_url, clock, file)


def test_a_token_that_cannot_be_used(token: str, tmp_path: Path) -> None:
    """A wrong PIN, one that others may read, another key and another token are named;
    nothing of the PIN is."""
    good = Pkcs11Source.parse(token)
    pin = tmp_path / "pin"
    pin.write_text("0000", encoding="ascii")
    pin.chmod(0o600)
    wrong = Pkcs11Source(good.token, good.key, good.module, pin)
    with pytest.raises(KeyFileError, match="PinIncorrect") as raised:
        next(wrong.masters())
    assert "0000" not in str(raised.value)
    pin.chmod(0o644)
    with pytest.raises(KeyFileError, match="chmod 0600"):
        next(wrong.masters())
    for other in (("gongji", "nothing"), ("nobody", "master")):
        with pytest.raises(KeyFileError, match="不能使用：NoSuch"):
            next(Pkcs11Source(*other, good.module, good.pin_file).masters())


URIS = [
    "pkcs11:token=gongji;object=master",
    "pkcs11:token=gongji?module-path=/x.so&pin-source=/pin",
    "pkcs11:token=gongji;object=master?module-path=/x.so&pin-value=1234",
    "token=gongji;object=master?module-path=/x.so&pin-source=/pin",
    "",
]


@pytest.mark.parametrize("uri", URIS)
def test_a_uri_that_names_no_key(uri: str) -> None:
    """It is refused with an example, and not repeated: it may hold a PIN."""
    with pytest.raises(ValueError, match="应写作") as raised:
        Pkcs11Source.parse(uri)
    assert "1234" not in str(raised.value)


def test_one_source_is_named(tmp_path: Path) -> None:
    """The data folder's file unless another is named; two are too many."""
    assert tmp_path / "gongji.key" == keys_of(tmp_path)
    with pytest.raises(ValueError, match="只能写一个"):
        keys_of(tmp_path, "cat x", "pkcs11:")
    with pytest.raises(ValueError, match="引号不成对"):
        keys_of(tmp_path, "cat 'x")
