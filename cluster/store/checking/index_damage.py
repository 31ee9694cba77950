"""Finds indexes that do not agree with their tables.

PostgreSQL's amcheck examines each B-tree if its extension exists in the database; the embedded
server has none. In every database, each index must give as many rows as its table has.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from cluster.core.damage import Damage, DamageKind
from cluster.store.checking.row_damage import guarded

_LIST = text(
    """
    SELECT i.indexrelid::bigint AS oid, i.indexrelid::regclass::text AS name,
        i.indrelid::regclass::text AS table_name, i.indisvalid AND i.indisready AS is_valid,
        pg_get_expr(i.indpred, i.indrelid) AS condition,
        array(
            SELECT pg_get_indexdef(i.indexrelid, k::int, true)
                || CASE WHEN i.indoption[k - 1] & 1 = 1 THEN ' DESC' ELSE ' ASC' END
                || CASE WHEN i.indoption[k - 1] & 2 = 2 THEN ' NULLS FIRST' ELSE ' NULLS LAST' END
            FROM generate_series(1, i.indnkeyatts) k
        ) AS keys
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
    WHERE c.relnamespace = current_schema()::regnamespace AND m.amname = 'btree' ORDER BY 2
    """
)
_HAS_AMCHECK = text("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'amcheck')")
_EXAMINE = text("SELECT bt_index_check(CAST(:oid AS oid)::regclass, true)")

_BY_TABLE = ("indexscan", "indexonlyscan", "bitmapscan")
_BY_INDEX = ("seqscan", "bitmapscan", "sort", "incremental_sort")


@dataclass(frozen=True, slots=True)
class CheckedIndexes:
    """The damage of the examined indexes, and how many were examined and how many not.

    `has_amcheck` tells whether PostgreSQL's amcheck examined them too.
    """

    damage: tuple[Damage, ...]
    examined: int
    left: int
    has_amcheck: bool


def find_index_damage(db: Session, *, is_time_over: Callable[[], bool]) -> CheckedIndexes:
    """Examine indexes until `is_time_over` returns true."""
    has_amcheck = bool(db.execute(_HAS_AMCHECK).scalar_one())
    rows = db.execute(_LIST).all()
    damage: list[Damage] = []
    examined = 0
    for row in rows:
        if is_time_over():
            break
        damage += guarded(db, str(row.name), partial(_examine, row, has_amcheck))
        examined += 1
    db.execute(_settings({name: True for name in (*_BY_TABLE, *_BY_INDEX)}))
    return CheckedIndexes(tuple(damage), examined, len(rows) - examined, has_amcheck)


def _examine(row: Row[Any], has_amcheck: bool, db: Session) -> Damage:
    is_whole = row.is_valid and _holds_its_table(db, row)
    if is_whole and has_amcheck:
        is_whole = not list(_ask_amcheck(db, row))
    return Damage(DamageKind.INDEX, 0 if is_whole else 1, () if is_whole else (row.name,))


def _ask_amcheck(db: Session, row: Row[Any]) -> Iterator[Damage]:
    """Yield damage if bt_index_check raises an error."""
    found = guarded(db, row.name, partial(_run_amcheck, row.oid))
    return (one for one in found if one.count)


def _run_amcheck(oid: int, db: Session) -> Damage:
    db.execute(_EXAMINE, {"oid": oid})
    return Damage(DamageKind.INDEX, 0)


def _holds_its_table(db: Session, row: Row[Any]) -> bool:
    """Tell whether a scan of the index gives as many rows as a scan of the table.

    An index that the planner does not use counts as correct.
    """
    where = f"WHERE {row.condition}" if row.condition else ""
    ordered = f"SELECT 1 FROM {row.table_name} {where} ORDER BY {', '.join(row.keys)}"
    by_index = f"SELECT count(*) FROM ({ordered}) ordered"
    _prefer(db, index=True)
    plan = json.dumps(db.execute(text(f"EXPLAIN (FORMAT JSON) {_plain(by_index)}")).scalar_one())
    if f'"Index Name": "{row.name}"' not in plan:
        return True
    held = db.execute(text(_plain(by_index))).scalar_one()
    _prefer(db, index=False)
    return bool(
        held == db.execute(text(_plain(f"SELECT count(*) FROM {row.table_name} {where}"))).scalar()
    )


def _plain(query: str) -> str:
    """Return a query with its colons escaped, so that they are not taken for parameters."""
    return query.replace(":", "\\:")


def _prefer(db: Session, *, index: bool) -> None:
    refused = _BY_INDEX if index else _BY_TABLE
    db.execute(_settings({name: name not in refused for name in (*_BY_TABLE, *_BY_INDEX)}))


def _settings(values: dict[str, bool]) -> Any:
    calls = (
        f"set_config('enable_{name}', '{'on' if is_on else 'off'}', true)"
        for name, is_on in values.items()
    )
    return text(f"SELECT {', '.join(calls)}")
