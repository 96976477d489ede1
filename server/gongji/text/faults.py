"""Faults of the operating system (系统错误), said in Chinese."""

from __future__ import annotations

import errno
from typing import Final

_WORDS: Final = {
    errno.ENOENT: "没有这个文件或目录",
    errno.EEXIST: "已经存在",
    errno.EACCES: "没有权限",
    errno.EPERM: "没有权限",
    errno.EISDIR: "是目录，不是文件",
    errno.ENOTDIR: "路径中有一段不是目录",
    errno.ENOTEMPTY: "不是空目录",
    errno.ENAMETOOLONG: "名称过长",
    errno.ELOOP: "符号链接没有尽头",
    errno.ENOSPC: "磁盘已满",
    errno.EROFS: "所在的文件系统只读",
    errno.EMFILE: "本进程打开的文件太多",
    errno.ENFILE: "本机打开的文件太多",
    errno.EIO: "磁盘读写出错",
    errno.ECONNREFUSED: "连接被拒绝",
    errno.ETIMEDOUT: "没有应答",
    errno.EADDRINUSE: "地址已被占用",
}


def words_of(fault: OSError) -> str:
    """Return why the system refused, without the file's name."""
    number = fault.errno or 0
    return _WORDS.get(number, f"系统错误 {errno.errorcode.get(number, number)}")


def sentence_of(fault: Exception) -> str:
    """Return what a fault says, with the file it names; a sentence of ours as it is."""
    if not isinstance(fault, OSError) or fault.errno is None:
        return str(fault)
    return f"{fault.filename}：{words_of(fault)}" if fault.filename else words_of(fault)
