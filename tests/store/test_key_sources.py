"""Laws of where a master key comes from: nothing of it is shown, and it is asked again."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from gongji.model.commands import Write
from gongji.model.people import Person
from gongji.serve.settings import keys_of
from gongji.store import KeyFileError, Store, open_store
from gongji.store.databases import database_at
from gongji.store.keys import source
from gongji.store.keys.pkcs11 import Pkcs11Source
from gongji.store.keys.source import CommandSource, EitherSource, FileSource, KeySource
from gongji.store.keys.suite import STANDARD
from gongji.store.seal import Vault

from tests.patience import PATIENCE_S
from tests.softhsm import PIN, SoftToken
from tests.store.conftest import Clock

KEY = bytes(range(32))

PRINTING = f"print({KEY.hex()!r})"


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
    "nothing": (printing(""), "没有输出"),
    "an empty line": (printing("\n"), "没有输出"),
    "two lines": (printing(f"{KEY.hex()}\n{KEY.hex()}\n"), "不止一行"),
    "words before it": (printing(f"key: {KEY.hex()}"), "不止一行"),
    "a failure": (printing(KEY.hex(), 3), "退出码 3"),
    "no such program": (CommandSource(["/nowhere/key"]), "找不到：请写完整的路径"),
    "no program": (CommandSource([]), "不能运行：命令为空"),
    "no shell": (CommandSource(["echo $HOME"]), "找不到"),
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


def test_a_token_wraps_and_unwraps(token: SoftToken) -> None:
    """A key is wrapped under its name, and opens under no other."""
    (master,) = Pkcs11Source.parse(token.uri()).masters()
    wrapped = master.wrap(STANDARD, "seal/1", KEY)
    assert KEY not in wrapped
    assert KEY == master.unwrap(STANDARD, "seal/1", wrapped)
    with pytest.raises(KeyFileError, match="不能使用"):
        master.unwrap(STANDARD, "seal/2", wrapped)
    assert master.derived(STANDARD) is None


async def kept(person: Person, store: Store) -> None:
    await store.apply(Write((person,)))
    await store.close()


async def found(person: Person, store: Store) -> None:
    assert person.person_no == await store.person_no_of(person.certificate)
    await store.close()


def rekeyed(url: str, known: KeySource, target: KeySource) -> None:
    """Change the keys of a database to the next of a target, all at once."""
    with database_at(url).administered(known) as administration:
        rekeying = administration.rekeying
        assert rekeying.begin(target.next_master)
        rekeying.run(lambda _: None)
        rekeying.finish()


async def test_a_database_whose_master_is_in_a_token(
    engine_url: str, clock: Clock, person: Person, token: SoftToken, tmp_path: Path
) -> None:
    """It is made, opened again and rekeyed without the key leaving the token, and opens by
    nothing else."""
    key = Pkcs11Source.parse(token.uri())
    await kept(person, open_store(engine_url, clock, key))
    rekeyed(engine_url, key, key)
    await found(person, open_store(engine_url, clock, key))
    FileSource(tmp_path / "other.key").make()
    with pytest.raises(ValueError, match="密钥文件与该数据库不符"):
        open_store(engine_url, clock, tmp_path / "other.key")
    with pytest.raises(ValueError, match="密钥命令给出的密钥与该数据库不符"):
        open_store(engine_url, clock, printing(KEY.hex()))


async def test_a_token_with_another_key(
    engine_url: str, clock: Clock, person: Person, token: SoftToken, tmp_path: Path
) -> None:
    """It is the token that is said to hold another key, not a file."""
    await kept(person, open_store(engine_url, clock, tmp_path / "x.key"))
    with pytest.raises(ValueError, match="令牌中的密钥与该数据库不符"):
        open_store(engine_url, clock, Pkcs11Source.parse(token.uri()))


async def test_a_vault_knows_when_its_keys_were_made(
    engine_url: str, clock: Clock, person: Person
) -> None:
    """Whoever made them and whoever opens them later, whatever the master comes from."""
    assert Vault(KEY).made_at == 0
    key = printing(KEY.hex())
    store = open_store(engine_url, clock, key)
    made_at = store.schema.vault.made_at
    await kept(person, store)
    again = open_store(engine_url, clock, key)
    with database_at(engine_url).administered(key) as administration:
        instants = [one.made_at for one in administration.catalog.keys().keys]
    await again.close()
    assert [min(instants) / 1e6] * 2 == [made_at, again.schema.vault.made_at]


async def test_a_master_moves_from_a_file_into_a_token(
    engine_url: str, clock: Clock, person: Person, token: SoftToken, tmp_path: Path
) -> None:
    """A database goes on with the master of another source, and no longer with the file."""
    file, target = tmp_path / "x.key", Pkcs11Source.parse(token.uri())
    await kept(person, open_store(engine_url, clock, file))
    rekeyed(engine_url, EitherSource(target, FileSource(file)), target)
    await found(person, open_store(engine_url, clock, target))
    with pytest.raises(ValueError, match="密钥文件与该数据库不符"):
        open_store(engine_url, clock, file)


@pytest.fixture
def faults(token: SoftToken, tmp_path: Path) -> dict[str, tuple[str, str]]:
    """Names of keys of which something is wrong, and what is said of each."""
    pin = tmp_path / "pin"
    pin.write_text("00000", encoding="ascii")
    pin.chmod(0o600)
    shown = tmp_path / "shown"
    shown.write_text(PIN, encoding="ascii")
    shown.chmod(0o644)
    for _ in range(2):
        token.add_key("twice")
    return {
        "a wrong PIN": (token.uri(pin=pin), "PIN 不对"),
        "a PIN others can read": (token.uri(pin=shown), "chmod 0600"),
        "no PIN": (token.uri(pin=tmp_path / "none"), "PIN 文件 .*不能读取"),
        "no such token": (token.uri(token="nobody"), "没有叫这个名称的令牌"),  # noqa: S106 - a label
        "no such key": (token.uri("nothing"), "没有叫这个名称.*的密钥"),
        "two keys": (token.uri("twice"), "密钥不止一个"),
        "no module": (token.uri(module=tmp_path / "x.so"), "找不到模块"),
        "no library": (token.uri(module=shown), "不是 PKCS#11 模块"),
    }


def test_a_token_that_cannot_be_used(faults: dict[str, tuple[str, str]]) -> None:
    """What is wrong is said of each mistake; nothing of a PIN is."""
    for name, (uri, problem) in faults.items():
        with pytest.raises(KeyFileError, match=problem) as raised:
            next(Pkcs11Source.parse(uri).masters())
        assert "00000" not in str(raised.value), name
        assert PIN not in str(raised.value), name


def test_processes_take_turns(token: SoftToken) -> None:
    """Several processes and threads that ask a token at once are all answered."""
    program = (
        "import sys\nfrom concurrent.futures import ThreadPoolExecutor\n"
        "from gongji.store.keys.pkcs11 import Pkcs11Source\n"
        "from gongji.store.keys.suite import STANDARD\n"
        "source = Pkcs11Source.parse(sys.argv[1])\n"
        "def ask(_): next(source.masters()).wrap(STANDARD, 'seal/1', bytes(32))\n"
        "list(ThreadPoolExecutor(2).map(ask, range(10)))"
    )
    command = [sys.executable, "-c", program, token.uri()]
    processes = [subprocess.Popen(command) for _ in range(4)]  # noqa: S603 - our own
    assert [0] * 4 == [process.wait(PATIENCE_S) for process in processes]


def test_another_key_of_the_same_name(token: SoftToken) -> None:
    """A key that was made again under a name unwraps nothing of the one before."""
    token.add_key("again")
    source = Pkcs11Source.parse(token.uri("again"))
    wrapped = next(source.masters()).wrap(STANDARD, "seal/1", KEY)
    token.remove_key("again")
    token.add_key("again")
    with pytest.raises(KeyFileError, match="数据密钥不是它包裹的"):
        next(source.masters()).unwrap(STANDARD, "seal/1", wrapped)


URIS = [
    "pkcs11:token=gongji;object=master",
    "pkcs11:token=gongji?module-path=/x.so&pin-source=/pin",
    "pkcs11:token=gongji;object=master;1234?module-path=/x.so&pin-source=/pin",
    "token=gongji;object=master?module-path=/x.so&pin-source=/pin",
    "",
]


@pytest.mark.parametrize("uri", URIS)
def test_a_uri_that_names_no_key(uri: str) -> None:
    """It is refused with an example, and not repeated: it may hold a PIN."""
    with pytest.raises(ValueError, match="应写作") as raised:
        Pkcs11Source.parse(uri)
    assert "1234" not in str(raised.value)


def test_a_pin_is_no_argument() -> None:
    """One that is written in a URI is refused, with where it belongs, and not repeated."""
    uri = "pkcs11:token=gongji;object=master?module-path=/x.so&pin-value=1234"
    with pytest.raises(ValueError, match="PIN 不能写在参数里") as raised:
        Pkcs11Source.parse(uri)
    assert "1234" not in str(raised.value)


def test_sources_are_named(tmp_path: Path) -> None:
    """The data folder's file unless another is named; of several each is asked."""
    file = tmp_path / "other.key"
    assert tmp_path / "gongji.key" == keys_of(tmp_path)
    assert file == keys_of(tmp_path, file)
    FileSource(file).make()
    both = keys_of(tmp_path, file, shlex.join([sys.executable, "-c", PRINTING]))
    assert isinstance(both, EitherSource)
    found = {master.fingerprint(STANDARD) for master in both.masters()}
    assert {Vault.open(file, create=False).fingerprint, Vault(KEY).fingerprint} == found
    with pytest.raises(KeyFileError, match="只能写一个"):
        both.make()
    with pytest.raises(ValueError, match="引号不成对"):
        keys_of(tmp_path, None, "cat 'x")
