"""Where the master key comes from (密钥来源): a file, a command's output, or a token.

A master wraps and unwraps data keys and does nothing else. A source may have several,
while one takes the place of another; the fingerprint in the database says which is its.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import ClassVar, Final, Protocol

from cryptography.exceptions import InvalidTag

from gongji.store.keys.ring import derived_keys
from gongji.store.keys.suite import NONCE_BYTES, STANDARD, Suite
from gongji.store.private_files import (
    ExposedFileError,
    make_secret_file,
    read_secret_file,
    refuse_exposed,
    sync_folder,
)

KEY_BYTES: Final = 32
"""Length of a master in a file, or of what a command prints."""

COMMAND_S: Final = 20.0
"""Seconds a command may take to print the key."""


class KeyFileError(ValueError):
    """The master key is missing, damaged or not this database's."""


class Master(Protocol):
    """A key that wraps data keys; what it is made of nobody else knows."""

    def fingerprint(self, suite: Suite) -> str:
        """Return what tells it from others: it stands in the database."""

    def wrap(self, suite: Suite, name: str, key: bytes) -> bytes:
        """Return a data key wrapped under its name."""

    def unwrap(self, suite: Suite, name: str, wrapped: bytes) -> bytes:
        """Return the data key of that name. KeyFileError."""

    def derived(self, suite: Suite) -> Mapping[str, bytes] | None:
        """Return the data keys that version 2 derived from it, None if none can be."""


class KeySource(ABC):
    """Where masters come from; asked again whenever the keys of a database change.

    Unless it makes masters itself, the next one is the one there is.
    """

    words: ClassVar[str]
    """What it is called before whoever has to mend it."""

    @abstractmethod
    def masters(self) -> Iterator[Master]:
        """Yield each master there is. KeyFileError; OSError."""

    def make(self) -> None:  # noqa: B027 - most make none
        """Make a master for a new database if there is none and one can be made. OSError."""

    def next_master(self, current: Master) -> Master:
        """Return the one that is to follow one of its masters. KeyFileError; OSError.

        The same again if its owner alone makes masters.
        """
        del current
        return next(self.masters())

    def settle(self, master: Master, suite: Suite) -> None:  # noqa: B027 - most need not
        """Note that a database is wrapped by this one of its masters."""


class RawMaster:
    """A master whose 32 bytes this process holds."""

    def __init__(self, master: bytes) -> None:
        if len(master) != KEY_BYTES:
            msg = f"密钥长度应为 {KEY_BYTES} 字节，实为 {len(master)} 字节"
            raise KeyFileError(msg)
        self._master = master

    def fingerprint(self, suite: Suite) -> str:
        """Return a key derived for nothing else, as hex; the suite before it unless standard."""
        derived = suite.derive(self._master, b"gongji/1/fingerprint", KEY_BYTES).hex()
        return derived if suite is STANDARD else f"{suite.name}:{derived}"

    def wrap(self, suite: Suite, name: str, key: bytes) -> bytes:
        """Return a data key, encrypted."""
        nonce = os.urandom(NONCE_BYTES)
        aead = suite.aead(self._wrapping(suite))
        return nonce + aead.encrypt(nonce, key, name.encode())

    def unwrap(self, suite: Suite, name: str, wrapped: bytes) -> bytes:
        """Return the data key of that name. KeyFileError."""
        aead = suite.aead(self._wrapping(suite))
        nonce, body = wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:]
        try:
            return aead.decrypt(nonce, body, name.encode())
        except (InvalidTag, ValueError):
            called = name.partition(" ")[0]
            msg = f"表 vault_key 的数据密钥 {called} 无法打开：已被改动，或主密钥不符"
            raise KeyFileError(msg) from None

    def derived(self, suite: Suite) -> Mapping[str, bytes] | None:
        """Return the keys that version 2 used."""
        return derived_keys(suite, self._master)

    def _wrapping(self, suite: Suite) -> bytes:
        return suite.derive(self._master, b"gongji/2/wrap", suite.key_bytes)


class FileSource(KeySource):
    """A file of 32 bytes that nobody else can read, and beside it perhaps its successor."""

    words = "密钥文件"

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def successor(self) -> Path:
        """Return where the next master lies until it has taken the place of this one."""
        return self.path.with_name(f"{self.path.name}.new")

    def make(self) -> None:
        """Make the file unless there is one."""
        make_secret_file(self.path, secrets.token_bytes(KEY_BYTES))

    def make_successor(self) -> Master:
        """Return the next master, made unless there is one. KeyFileError; OSError."""
        make_secret_file(self.successor, secrets.token_bytes(KEY_BYTES))
        return RawMaster(_key_in(self.successor))

    def next_master(self, current: Master) -> Master:
        """Return the successor."""
        del current
        return self.make_successor()

    def settle(self, master: Master, suite: Suite) -> None:
        """Give the successor the place of the file if it is this master.

        The file stays beside it under the name of its fingerprint: backups need it.
        """
        if not os.path.lexists(self.successor):
            return
        # Where the folder may not be written the operator does it.
        with suppress(OSError):
            self._settle(master, suite)

    def _settle(self, master: Master, suite: Suite) -> None:
        new = RawMaster(_key_in(self.successor)).fingerprint(suite)
        former = RawMaster(_key_in(self.path)).fingerprint(suite)
        # The master may be that of another source.
        if former == new or master.fingerprint(suite) != new:
            return
        name = f"{self.path.name}.former-{former.rpartition(':')[2][:8]}"
        # Several processes do so at once: a name that is there is there for good.
        with suppress(FileExistsError):
            self.path.with_name(name).hardlink_to(self.path)
        with suppress(FileNotFoundError):
            self.successor.replace(self.path)
        sync_folder(self.path.parent)

    def masters(self) -> Iterator[Master]:
        """Yield the file's master, and its successor's."""
        if not os.path.lexists(self.path):
            msg = f"找不到密钥文件 {self.path}：数据库中的个人信息只能用原密钥打开，请从备份恢复"
            raise KeyFileError(msg)
        yield RawMaster(_key_in(self.path))
        with suppress(FileNotFoundError):
            yield RawMaster(_key_in(self.successor))
            return
        # It may have taken its place since.
        yield RawMaster(_key_in(self.path))


def _key_in(path: Path) -> bytes:
    try:
        refuse_exposed(path.parent, readable=True)
        master = read_secret_file(path, "密钥文件", 4096)
    except ExposedFileError as exposed:
        raise KeyFileError(str(exposed)) from exposed
    if len(master) != KEY_BYTES:
        msg = (
            f"密钥文件 {path} 应为 {KEY_BYTES} 字节，实为 {len(master)} 字节："
            "文件已损坏或不是 gongji 的密钥"
        )
        raise KeyFileError(msg)
    return master


class CommandSource(KeySource):
    """A command that prints the key: 64 hexadecimal digits, or the 32 bytes themselves.

    It is run without a shell, within `COMMAND_S`; nothing of what it prints is shown.
    """

    words = "密钥命令给出的密钥"

    def __init__(self, command: Sequence[str]) -> None:
        self._command = tuple(command)

    def masters(self) -> Iterator[Master]:
        """Run the command; yield the master it prints."""
        yield RawMaster(_printed_key(self._name, self._printed()))

    @property
    def _name(self) -> str:
        # Not what follows it, which may be secret.
        return self._command[0] if self._command else ""

    def _printed(self) -> bytes:
        try:
            process = subprocess.Popen(  # noqa: S603 - the operator's, without a shell
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                # What it complains of may hold what it should have printed.
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except FileNotFoundError:
            msg = f"取密钥的命令 {self._name} 找不到：请写完整的路径"
            raise KeyFileError(msg) from None
        except (OSError, ValueError, IndexError) as fault:
            reason = getattr(fault, "strerror", "") or "命令为空"
            msg = f"取密钥的命令 {self._name} 不能运行：{reason}"
            raise KeyFileError(msg) from None
        try:
            printed, _ = process.communicate(timeout=COMMAND_S)
        except subprocess.TimeoutExpired:
            msg = f"取密钥的命令 {self._name} 在 {COMMAND_S:.0f} 秒内没有结束"
            raise KeyFileError(msg) from None
        finally:
            _end(process)
        if process.returncode:
            msg = f"取密钥的命令 {self._name} 失败，退出码 {process.returncode}"
            raise KeyFileError(msg)
        return printed


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a command that runs still, and what it has started."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.stdout:
        process.stdout.close()


def _printed_key(name: str, printed: bytes) -> bytes:
    if len(printed) == KEY_BYTES:
        return printed
    # Never what it printed: that may be most of a key.
    lines = printed.split()
    if not lines:
        msg = f"取密钥的命令 {name} 没有输出"
        raise KeyFileError(msg)
    if len(lines) > 1:
        msg = f"取密钥的命令 {name} 的输出不止一行，应只有密钥"
        raise KeyFileError(msg)
    key = b""
    with suppress(ValueError):
        key = bytes.fromhex(lines[0].decode("ascii"))
    if len(key) != KEY_BYTES:
        msg = f"取密钥的命令 {name} 应输出 {2 * KEY_BYTES} 位十六进制数，或 {KEY_BYTES} 个字节"
        raise KeyFileError(msg)
    return key


class HeldSource(KeySource):
    """A master that is given, as of a database that is forgotten with the process."""

    words = "密钥"

    def __init__(self, master: Master) -> None:
        self._master = master

    def masters(self) -> Iterator[Master]:
        """Yield it."""
        yield self._master


class EitherSource(KeySource):
    """Several sources, while one takes the place of another."""

    words = "所写各处的密钥都"

    def __init__(self, *sources: KeySource) -> None:
        self._sources = sources

    def make(self) -> None:
        """Make none: which of them it is to be is the operator's to say. KeyFileError."""
        msg = "新建数据库时密钥来源只能写一个：--key-file、--key-command、--key-pkcs11"
        raise KeyFileError(msg)

    def next_master(self, current: Master) -> Master:
        """Return the next one of the source that has it."""
        wanted = current.fingerprint(STANDARD)
        for source in self._sources:
            with suppress(KeyFileError):
                found = [master.fingerprint(STANDARD) for master in source.masters()]
                if wanted in found:
                    return source.next_master(current)
        msg = "现在的主密钥不在所写的任何一个密钥来源中"
        raise KeyFileError(msg)

    def settle(self, master: Master, suite: Suite) -> None:
        """Tell each of them."""
        for source in self._sources:
            source.settle(master, suite)

    def masters(self) -> Iterator[Master]:
        """Yield the masters of all that have any. KeyFileError if none has."""
        refused: KeyFileError | None = None
        found = False
        for source in self._sources:
            try:
                for master in source.masters():
                    found = True
                    yield master
            except KeyFileError as error:
                refused = refused or error
        if refused and not found:
            raise refused


Keys = Path | KeySource
"""Where the master of a database comes from; a path is that of a `FileSource`."""


def source_of(keys: Keys) -> KeySource:
    """Return the source."""
    return FileSource(keys) if isinstance(keys, Path) else keys
