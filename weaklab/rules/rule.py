"""A rule that is proposed: its heuristic, what is known of it, and its Python source."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from weaklab.core.errors import HeuristicError
from weaklab.core.tables import Table, clean, counted
from weaklab.heuristics import Amended, ColumnVotes, Condition, Heuristic, Keywords, Pattern

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False, repr=False)
class Rule:
    """A labeling function that is proposed, and what it would bring.

    Attributes
    ----------
    heuristic : the function, ready to be added to a committee
    label : what it votes
    records : number of records that it votes on
    coverage : the share of all records that these are
    precision : the share of its votes that are right, with the 95 % interval ``precision_low`` to ``precision_high``
    right, judged : the labels behind it that agree, and all of them
    basis : where these labels come from: ``random answers``, ``manual labels``, or ``committee`` where there is none
    gain : by how much the share of right labels would grow with this rule in the committee, with the 95 % interval
        ``gain_low`` to ``gain_high``
    changed : number of records whose label would change
    examples : ids of some records that it votes on
    """

    heuristic: Heuristic
    label: str
    records: int
    coverage: float
    precision: float
    precision_low: float
    precision_high: float
    right: int
    judged: int
    basis: str
    gain: float
    gain_low: float
    gain_high: float
    changed: int
    examples: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of the heuristic, which is a Python name."""
        return self.heuristic.name

    @property
    def says(self) -> str:
        """The rule in words, one line."""
        return described(self.heuristic)

    @property
    def source(self) -> str:
        """The Python file that :meth:`weaklab.Project.accept_rule` writes."""
        return source_of(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the rule as JSON values; ``spec`` makes its heuristic again, see :meth:`from_dict`."""
        held = {name: getattr(self, name) for name in _FIGURES}
        return {"name": self.name, "says": self.says, **held, "examples": list(self.examples), "source": self.source,
                "spec": self.heuristic.spec()}  # fmt: skip

    @classmethod
    def from_dict(cls, held: Mapping[str, Any]) -> Rule:
        """Return the rule of what :meth:`to_dict` returned.

        Raises
        ------
        HeuristicError
            It is none, or its heuristic is anything else than keywords, a pattern or a condition.
        """
        makes = {"keywords": Keywords, "pattern": Pattern, "where": Condition}
        spec = dict(held.get("spec") or {})
        make = makes.get(spec.pop("kind", None))
        if make is None or any(name not in held for name in _FIGURES):
            raise HeuristicError("this is no rule; wanted what to_dict() of a proposed rule returned")
        figures = {name: held[name] for name in _FIGURES}
        return cls(make(**spec), examples=tuple(held.get("examples", ())), **figures)

    def __repr__(self) -> str:
        return (
            f"Rule({clean(self.says)}: {self.records:,} records, precision {self.precision:.2f} "
            f"({self.precision_low:.2f} to {self.precision_high:.2f}, {basis_in_words(self)}), "
            f"gain {100 * self.gain:+.2f} points ({100 * self.gain_low:+.2f} to {100 * self.gain_high:+.2f}))"
        )


_FIGURES = (
    "label", "records", "coverage", "precision", "precision_low", "precision_high", "right", "judged", "basis", "gain",
    "gain_low", "gain_high", "changed",
)  # fmt: skip


def basis_in_words(rule: Rule) -> str:
    return f"{rule.right} of {rule.judged} {rule.basis}" if rule.judged else "by the committee alone, no label"


class Rules(list[Rule]):
    """Proposed rules, best first; a list that shows as a table.

    ``gain`` is in points of accuracy.
    """

    def to_pandas(self) -> pd.DataFrame:
        """Return one row a rule, with the attributes of :class:`Rule` as columns."""
        import pandas as pd

        rows = [
            {"name": rule.name, "says": rule.says, **{name: getattr(rule, name) for name in _FIGURES}} for rule in self
        ]
        return pd.DataFrame(rows, columns=["name", "says", *_FIGURES])

    @property
    def table(self) -> Table:
        """The rules as a table."""
        rows = [
            [
                rule.says,
                rule.records,
                f"{rule.precision:.2f} ({rule.precision_low:.2f}-{rule.precision_high:.2f})",
                basis_in_words(rule),
                f"{100 * rule.gain:+.2f} ({100 * rule.gain_low:+.2f} to {100 * rule.gain_high:+.2f})",
                rule.changed,
            ]
            for rule in self
        ]
        title = f"{len(self)} rule{'s' * (len(self) != 1)} proposed" if self else "no rule found that would help"
        return Table(title, ["rule", "records", "precision", "judged by", "gain in points", "labels changed"], rows)

    def __repr__(self) -> str:
        return str(self.table)

    def _repr_html_(self) -> str:
        return self.table._repr_html_()


# ---- in words and as source


def described(heuristic: Heuristic) -> str:
    """Return a declared heuristic in words.

    >>> from weaklab.heuristics import col, keywords, where
    >>> described(keywords("spam", ["prize", "free entry"]))
    "spam where the text has 'prize' or 'free entry'"
    >>> described(where("spam", col("price") > 100))
    'spam where col("price") > 100'
    """
    held = condition_in_words(heuristic)
    return clean(f"{heuristic.label} where {held}")  # type: ignore[attr-defined]  # what a declared heuristic has


def condition_in_words(heuristic: Heuristic) -> str:
    r"""Return in words where a declared heuristic votes.

    >>> from weaklab.heuristics import pattern
    >>> condition_in_words(pattern("spam", r"\d{5}"))
    'the text matches \\d{5}'
    """
    if isinstance(heuristic, Keywords):
        return f"{_place(heuristic.column)} has {' or '.join(map(repr, heuristic.words))}"
    if isinstance(heuristic, Pattern):
        return f"{_place(heuristic.column)} matches {heuristic.regex.pattern}"
    if isinstance(heuristic, Condition):
        return repr(heuristic.condition)
    raise HeuristicError(f"{heuristic.name!r} is neither keywords, nor a pattern, nor a condition")


def _place(column: str) -> str:
    return "the text" if column == "text" else f"column {column!r}"


def python_name(text: str) -> str:
    """Return a Python name that begins with a letter, of letters, digits and underscores.

    >>> python_name("where 2 > 1!"), python_name("class"), python_name("42")
    ('where_2_1', 'class_', 'rule_42')
    """
    name = re.sub(r"[^0-9a-z]+", "_", text.lower()).strip("_")[:60].rstrip("_")
    if not name or not name[0].isalpha():
        name = f"rule_{name}".rstrip("_")
    return f"{name}_" if keyword.iskeyword(name) or keyword.issoftkeyword(name) else name


def source_of(rule: Rule, name: str | None = None) -> str:
    """Return the text of a Python file that defines a rule under its name, or another."""
    name = name or rule.name
    figures = clean(
        f"{counted(rule.records, 'record')} ({rule.coverage:.1%}); precision {rule.precision:.2f} "
        f"({rule.precision_low:.2f} to {rule.precision_high:.2f}, {basis_in_words(rule)})"
    )
    first = f"# Votes {clean(rule.says, 100)}."
    return f"{first}\n# When it was proposed: {figures}.\n{file_of(rule.heuristic, name)}"


def file_of(heuristic: Heuristic, name: str) -> str:
    """Return the lines of a Python file that define a heuristic under a name."""
    makers, call = _call_of(heuristic)
    imports = "\n".join(f"from {module} import {', '.join(sorted(names))}" for module, names in makers.items())
    plain = "import re\n" if "re.compile(" in call else ""
    return f"{plain}{imports}\n\n{name} = {call}\n"


def _call_of(heuristic: Heuristic) -> tuple[dict[str, set[str]], str]:
    """Return the names to import from each module, and the call that makes a declared heuristic."""
    if isinstance(heuristic, Amended):
        from weaklab.rules.repair import amend_arguments

        modules, inner = _call_of(heuristic.inner)
        text, more = amend_arguments(heuristic.condition, heuristic.when, heuristic.label, heuristic.instead)
        modules.setdefault("weaklab", set()).update(more - {"re"})
        return modules, f"amend({inner}, {text})"
    if isinstance(heuristic, ColumnVotes):
        place = "" if heuristic.position is None else f", {heuristic.position!r}"
        call = f"ColumnVotes({heuristic.name!r}, {heuristic.column!r}{place})"
        return {"weaklab.heuristics": {"ColumnVotes"}}, call
    names, call = _declared_call(heuristic)
    return {"weaklab": set(names)}, call


def _declared_call(heuristic: Heuristic) -> tuple[list[str], str]:
    if isinstance(heuristic, Keywords):
        more = _options(case=heuristic.case, column=heuristic.column)
        return ["keywords"], f"keywords({heuristic.label!r}, {list(heuristic.words)!r}{more})"
    if isinstance(heuristic, Pattern):
        flags = heuristic.regex.flags & ~re.UNICODE
        more = ("" if flags == re.IGNORECASE else f", flags={int(flags)}") + _options(column=heuristic.column)
        return ["pattern"], f"pattern({heuristic.label!r}, {raw(heuristic.regex.pattern)}{more})"
    if isinstance(heuristic, Condition):
        return ["col", "where"], f"where({heuristic.label!r}, {heuristic.condition!r})"
    raise HeuristicError(f"{heuristic.name!r} cannot be written as source; wanted keywords, a pattern or a condition")


def _options(case: bool = False, column: str = "text") -> str:
    return (", case=True" if case else "") + ("" if column == "text" else f", column={column!r}")


def raw(regex: str) -> str:
    """Return a regular expression as a raw string literal where that is the same, for it is easier to read."""
    plain = regex.isprintable() and '"' not in regex and not regex.endswith("\\")
    return f'r"{regex}"' if plain else repr(regex)
