"""One session of PostgreSQL as the store wants it, and its errors in the store's words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow

from gongji.store.engine import (
    ConstraintViolated,
    EngineDown,
    EngineError,
    Held,
    WriteConflict,
)
from gongji.store.postgres.arrays import register
from gongji.store.schema import VERSION

_DEFAULTS: Final[dict[str, Any]] = {
    "connect_timeout": 5,
    "tcp_user_timeout": 10_000,
    "application_name": "gongji",
}
"""Parameters of a connection, unless its address says otherwise."""

_PREPARED_STATEMENTS: Final = 500
"""More than there are shapes: none is prepared a second time."""

LOCK_TIMEOUT_S: Final = 5.0
"""How long a session waits for a lock unless it is said otherwise, in seconds."""

LOCK_TIMEOUT: Final = f"SET lock_timeout = {LOCK_TIMEOUT_S * 1000:.0f}"

# A batch of 64 must not hash-join a whole table, a page must come from its index in
# order, a plan made once must do. Who waits for a lock or has been forgotten by its
# process holds up everybody else: both end. A settlement's document is just long enough
# to be compressed: a tenth of the server's time with pglz, little with lz4. What an
# upgrade does to rows of older programs goes by their version (`online.forgetting`).
_SESSION: Final = f"""
SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;
SET enable_bitmapscan = off; SET enable_sort = off;
SET plan_cache_mode = force_generic_plan; SET jit = off;
SELECT set_config('synchronous_commit', 'on', false)
 WHERE current_setting('synchronous_commit') IN ('off', 'local');
SELECT set_config(name, 'lz4', false) FROM pg_settings
 WHERE name = 'default_toast_compression' AND source = 'default' AND 'lz4' = ANY(enumvals);
{LOCK_TIMEOUT}; SET idle_in_transaction_session_timeout = '30s';
SET client_min_messages = error; SET gongji.schema = '{VERSION}'
"""  # noqa: S608 - a number of ours


@contextmanager
def translated() -> Iterator[None]:
    """Raise PostgreSQL's errors as EngineError; a fault of the program stays as it is."""
    try:
        yield
    except (errors.SerializationFailure, errors.DeadlockDetected) as error:
        raise WriteConflict(str(error)) from error
    # Of psycopg's DataErrors this one is the caller's, as SQLite has it.
    except errors.NumericValueOutOfRange as error:
        raise OverflowError(str(error)) from error
    except psycopg.IntegrityError as error:
        raise ConstraintViolated(str(error)) from error
    # An InternalError whose cause was raised before: not a database that is down.
    except errors.InFailedSqlTransaction as error:
        raise EngineError(str(error)) from error
    except (psycopg.DataError, psycopg.ProgrammingError, psycopg.NotSupportedError):
        raise
    except errors.LockNotAvailable as error:
        raise Held(str(error)) from error
    except psycopg.Error as error:
        raise EngineDown(str(error), reason_of(error)) from error


def reason_of(error: psycopg.Error) -> str:
    """Return why PostgreSQL cannot serve: one of the engines' `REASONS`."""
    state = error.sqlstate
    if state is None:  # the client's own words: no server has answered
        return "connection_lost"
    return _REASONS.get(state) or _CLASSES.get(state[:2], "unavailable")


_REASONS: Final = {
    "25006": "read_only",
    "53100": "disk_full",
    "53200": "out_of_memory",
    "53300": "busy",
    "55P03": "locked",
    "58030": "io_error",
}
"""By the code of the error (SQLSTATE)."""

_CLASSES: Final = {
    "08": "connection_lost",
    "28": "refused",
    "57": "connection_lost",
    "58": "io_error",
    "XX": "corrupt",
}
"""By the first two characters of it."""


def connect(
    url: str, lock_timeout_s: float = LOCK_TIMEOUT_S
) -> psycopg.Connection[TupleRow]:
    """Open a session. EngineDown if the server cannot be reached or refuses."""
    stated = conninfo_to_dict(url)
    defaults = {name: value for name, value in _DEFAULTS.items() if name not in stated}
    with translated():
        connection = psycopg.connect(
            url, autocommit=True, prepare_threshold=0, **defaults
        )
        connection.prepared_max = _PREPARED_STATEMENTS
        register(connection)
        connection.execute(_SESSION, prepare=False)
        if lock_timeout_s != LOCK_TIMEOUT_S:
            timeout = f"SET lock_timeout = {lock_timeout_s * 1000:.0f}"
            connection.execute(timeout, prepare=False)
    return connection
