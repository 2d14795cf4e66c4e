"""Which columns of a record a labeling function reads, as far as its code shows it."""

from __future__ import annotations

import dis
import itertools
import types
from typing import Any

from weaklab.corpus.records import Record

_SEES_ALL = frozenset(("locals", "eval", "exec", "globals", "vars", "dir", "_getframe", "currentframe", "f_locals"))
"""With these a function gets at its record without naming it."""
_ATTRIBUTE = ("LOAD_ATTR", "LOAD_METHOD")
_IGNORED = ("EXTENDED_ARG", "CACHE", "NOP")


def columns_read(function: Any) -> frozenset[str] | None:
    """Return the columns that a function of a record reads, None where its code does not show that.

    It does if the record is used for its columns alone, by ``x.name`` or ``x["name"]``, and is never passed on. The id
    is no column here, and neither is what :class:`weaklab.corpus.records.Record` offers beside columns.

    Examples
    --------
    >>> sorted(columns_read(lambda x: x.n > 3 and "prize" in x["text"]))
    ['n', 'text']
    >>> columns_read(lambda x: len(dict(x))) is None
    True
    """
    if not isinstance(function, types.FunctionType):
        return None
    code = function.__code__
    if code.co_argcount < 1:
        return None
    record = code.co_varnames[0]
    if record in code.co_cellvars or _SEES_ALL & _names_of(code):
        return None
    steps = [step for step in dis.get_instructions(code) if step.opname not in _IGNORED]
    found: set[str] = set()
    for place, step in enumerate(steps):
        if record not in _variables(step):
            continue
        name = _column(steps[place : place + 3], record)
        if name is None:
            return None
        found.add(name)
    return frozenset(found - {"record_id"})


def _names_of(code: types.CodeType) -> set[str]:
    """Return the globals and attributes that a function and those inside it name."""
    inner = [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
    return {*code.co_names, *itertools.chain.from_iterable(map(_names_of, inner))}


def _variables(step: dis.Instruction) -> tuple[Any, ...]:
    """Return the local variables of an instruction, of which some have two."""
    if "_FAST" not in step.opname and "_DEREF" not in step.opname:
        return ()
    return step.argval if isinstance(step.argval, tuple) else (step.argval,)


def _column(steps: list[dis.Instruction], record: str) -> str | None:
    """Return the column that is read by the steps that begin with the load of the record, None if it is not that."""
    variables = _variables(steps[0])
    if not steps[0].opname.startswith("LOAD_FAST") or "CLEAR" in steps[0].opname or record in variables[:-1]:
        return None
    if len(steps) > 1 and steps[1].opname in _ATTRIBUTE:
        name = str(steps[1].argval)
        own = name.startswith("_") or (hasattr(Record, name) and name != "record_id")
        return None if own else name
    if len(steps) > 2 and steps[1].opname == "LOAD_CONST" and _is_item(steps[2]):
        return steps[1].argval if isinstance(steps[1].argval, str) else None
    return None


def _is_item(step: dis.Instruction) -> bool:
    return step.opname == "BINARY_SUBSCR" or (step.opname == "BINARY_OP" and step.argrepr == "[]")
