"""Plugins that mean harm, or do it by accident: by name, their source and what is said
of each; None where it serves, having done nothing to anybody.

`{KEY}`, `{CANARY}` and `{PORT}` stand for a file of secrets, a file nobody wrote yet and a
port that listens.
"""

from __future__ import annotations

from tests.packages import IDENTITY

DURING_IMPORT = "导入 .*失败"


def hook(body: str) -> str:
    """A plugin that does something when it is asked."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return f"{IDENTITY}\n@hookimpl\ndef scope():\n{lines}    return None\n"


def at_import(body: str) -> str:
    """A plugin that does something when it is imported, and answers as any other."""
    return f"{body}\n{IDENTITY}"


ENDING = {
    "hangs at import": (at_import("import time\ntime.sleep(3600)"), "10 秒内没有答完"),
    "hangs in a hook": (hook("import time\ntime.sleep(3600)"), "10 秒内没有答完"),
    "computes for ever": (hook("while True: pass"), "10 秒内没有答完|处理器时间"),
    "ignores every signal and hangs": (
        at_import(
            "import signal, time\n"
            "for n in range(1, 32):\n"
            "    try: signal.signal(n, signal.SIG_IGN)\n"
            "    except OSError: pass\n"
            "time.sleep(3600)"
        ),
        "10 秒内没有答完",
    ),
    "ends the process at once": (
        at_import("import os\nos._exit(0)"),
        "没有答完就结束了（退出码 0）",
    ),
    "ends the process in a hook, with a code": (
        hook("import os\nos._exit(3)"),
        "没有答完就结束了（退出码 3）",
    ),
    "exits": (at_import("import sys\nsys.exit(0)"), f"{DURING_IMPORT}：SystemExit"),
    "exits in a hook": (hook("raise SystemExit"), "scope：调用时出错：SystemExit"),
    "interrupts": (at_import("raise KeyboardInterrupt"), f"{DURING_IMPORT}：Keyboard"),
    "sends itself an interrupt": (
        at_import("import os, signal\nos.kill(os.getpid(), signal.SIGINT)"),
        f"{DURING_IMPORT}：PermissionError",
    ),
    "aborts": (at_import("import os\nos.abort()"), "因 SIGABRT 而崩溃"),
    "writes where there is no memory": (
        at_import("import ctypes\nctypes.string_at(0)"),
        "因 SIGSEGV 而崩溃",
    ),
    "recurses without end": (
        at_import("def f(): return f()\nf()"),
        f"{DURING_IMPORT}：RecursionError",
    ),
    "recurses below Python": (
        at_import(
            "import sys\nsys.setrecursionlimit(10**9)\n"
            "x = ()\n"
            "for _ in range(10**6): x = (x,)\n"
            "hash(x)"
        ),
        f"因 SIGSEGV 而崩溃|{DURING_IMPORT}",
    ),
}
"""Plugins that would end the server or keep it from starting."""

TAKING = {
    "takes 2 GB": (
        at_import("x = bytearray(2 * 2**30)"),
        f"{DURING_IMPORT}：MemoryError",
    ),
    "takes memory until there is none": (
        at_import("x = []\nwhile True: x.append(bytearray(2**20))"),
        f"{DURING_IMPORT}：MemoryError",
    ),
    "raises its own limits": (
        at_import(
            "import resource\nresource.setrlimit(resource.RLIMIT_AS, (2**40, 2**40))"
        ),
        f"{DURING_IMPORT}：(PermissionError|ValueError)",
    ),
    "starts a thread": (
        at_import(
            "import threading, time\n"
            "threading.Thread(target=time.sleep, args=(3600,)).start()"
        ),
        f"{DURING_IMPORT}：RuntimeError：「can't start new thread",
    ),
    "forks without end": (
        at_import("import os\nwhile True: os.fork()"),
        f"{DURING_IMPORT}：(PermissionError|BlockingIOError)",
    ),
    "starts a program": (
        at_import("import subprocess\nsubprocess.run(['/bin/true'])"),
        DURING_IMPORT,
    ),
    "becomes another program": (
        at_import("import os\nos.execv('/bin/sleep', ['sleep', '3600'])"),
        f"{DURING_IMPORT}：PermissionError",
    ),
    "opens a descriptor after the other": (
        at_import("x = []\nwhile True: x.append(open(__file__))"),
        f"{DURING_IMPORT}：OSError：.*Too many open files",
    ),
    "prints without end": (
        at_import("while True: print('x' * 10**6)"),
        "10 秒内没有答完|处理器时间",
    ),
    "writes to every descriptor without end": (
        at_import(
            "import os\n"
            "while True:\n"
            "    for n in range(64):\n"
            "        try: os.write(n, b'[' * 2**16)\n"
            "        except OSError: pass"
        ),
        "答复超过 1024 KB",
    ),
    "answers megabytes": (
        IDENTITY.replace("PLACE", "replace(PLACE, name='芜' * 2**21)"),
        "答复超过 1024 KB",
    ),
    "answers a hundred thousand values": (
        hook("return from_2023(tuple(range(100_000)))"),
        "scope：返回值类型不对|答复超过",
    ),
}
"""Plugins that take what others need."""

REACHING = {
    "reads the key": (
        at_import("open({KEY!r}).read()"),
        f"{DURING_IMPORT}：Permission",
    ),
    "reads the key by the C library": (
        at_import(
            "import ctypes\n"
            "c = ctypes.CDLL(None, use_errno=True)\n"
            "assert c.open({KEY!r}.encode(), 0) < 0\n"
            "assert c.syscall(257, -100, {KEY!r}.encode(), 0, 0) < 0"
        ),
        None,
    ),
    "links to the key": (
        at_import("import os\nos.link({KEY!r}, {CANARY!r})"),
        f"{DURING_IMPORT}：PermissionError",
    ),
    "reads the server's memory": (
        at_import("import os\nopen(f'/proc/{{os.getppid()}}/environ').read()"),
        f"{DURING_IMPORT}：PermissionError",
    ),
    "reads the environment": (
        at_import(
            "import os\nassert not set(os.environ) - {{'PYTHONHASHSEED', 'PYTHONUTF8',"
            " 'PYTHONDONTWRITEBYTECODE', 'LC_ALL', 'TZ', 'PYTHONPATH'}}"
        ),
        None,
    ),
    "finds a descriptor": (
        at_import(
            "import os\n"
            "def there(n):\n"
            "    try: return os.fstat(n) is not None\n"
            "    except OSError: return False\n"
            "assert [n for n in range(4096) if there(n)] == [0, 1, 2, 3]"
        ),
        None,
    ),
    "writes a file": (
        at_import("open({CANARY!r}, 'w').write('x')"),
        f"{DURING_IMPORT}：PermissionError",
    ),
    "writes beside itself": (
        at_import("open(__file__, 'a').write('x')"),
        f"{DURING_IMPORT}：PermissionError",
    ),
    "deletes the key": (
        at_import("import os\nos.unlink({KEY!r})"),
        f"{DURING_IMPORT}：PermissionError",
    ),
    "connects": (
        at_import(
            "import socket\nsocket.create_connection(('127.0.0.1', {PORT})).send(b'x')"
        ),
        f"{DURING_IMPORT}：PermissionError",
    ),
    "sends a datagram": (
        at_import(
            "import socket\n"
            "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
            "s.sendto(b'x', ('127.0.0.1', {PORT}))"
        ),
        f"{DURING_IMPORT}：PermissionError",
    ),
    "kills who started it": (
        at_import("import os, signal\nos.kill(os.getppid(), signal.SIGKILL)"),
        f"{DURING_IMPORT}：PermissionError",
    ),
    "slows who started it": (
        at_import("import os\nos.setpriority(os.PRIO_PROCESS, os.getppid(), 19)"),
        f"{DURING_IMPORT}：PermissionError",
    ),
    "imports another distribution": (
        at_import("import pytest"),
        f"{DURING_IMPORT}：(ModuleNotFoundError|PermissionError)",
    ),
}
"""Plugins that reach for what is not theirs."""

CHANGING = {
    "patches json": (
        at_import("import json\njson.dumps = lambda *_, **__: '[' * 10**5"),
        "答复不能读出",
    ),
    "patches the guards": (
        at_import(
            "from gongji.cities import guards\n"
            "guards.problems_of_timeline = lambda *_: ()\n"
            "guards.problems_of_day = lambda *_: ()"
        )
        + "\n@hookimpl\ndef application_expiry():\n    return from_2023(-1)\n",
        "application_expiry：金额、比例、天数、人数不得为负",
    ),
    "patches builtins": (
        at_import("import builtins\nbuiltins.sorted = lambda *_, **__: []"),
        ".",
    ),
    "patches the province": (
        at_import(
            "from gongji.cities import anhui\nanhui.family_limit = lambda: 1 / 0"
        ),
        ".",
    ),
    "closes every descriptor": (
        at_import("import os\nos.closerange(0, 64)"),
        "没有答完就结束了",
    ),
    "closes its answer and goes on": (
        at_import("import os, time\nos.close(3)\ntime.sleep(3600)"),
        "答完之后没有结束",
    ),
    "answers by itself what is no answer": (
        at_import("import os\nos.write(3, b'{\"$map\":' * 9999)\nos._exit(0)"),
        "答复不能读出",
    ),
    "answers by itself with types of others": (
        at_import(
            "import os\n"
            'os.write(3, b\'{{"$type":"Popen","args":"true"}}\')\nos._exit(0)'
        ),
        "答复不能读出.*Popen",
    ),
    "leaves something for the end": (
        at_import("import atexit, time\natexit.register(time.sleep, 3600)"),
        None,
    ),
    "decides by the day of the week": (
        at_import("DAY = getattr(date, 'to' + 'day')().weekday()")
        + "\n@hookimpl\ndef application_expiry():\n    return from_2023(1 + DAY)\n",
        None,
    ),
}
"""Plugins that change what is around them, or turn on it."""

HOSTILE = ENDING | TAKING | REACHING | CHANGING
