"""Votes are used again only where nothing that decides them has changed: pairs of files, and edits within one
session."""

import ast
import importlib
import sys
import textwrap
import threading

import numpy as np
import pandas as pd
import pytest

import weaklab
from weaklab.heuristics import as_heuristic, load
from weaklab.heuristics.origin import _installed_as

COUNT = iter(range(1_000_000))


@pytest.fixture
def define(tmp_path, monkeypatch):
    """Write modules into a folder of their own and return the function ``f`` of the first, as in a session that
    begins."""

    def make(source, **others):
        folder = tmp_path / f"edit_{next(COUNT)}"
        folder.mkdir()
        name = f"edited_{next(COUNT)}"
        for module, text in {name: source, **others}.items():
            path = folder / f"{module.replace('.', '/')}.py"
            path.parent.mkdir(exist_ok=True)
            path.write_text(textwrap.dedent(text), encoding="utf-8")
            for loaded in (module, module.partition(".")[0]):
                sys.modules.pop(loaded, None)
        monkeypatch.syspath_prepend(folder)
        importlib.invalidate_caches()
        return importlib.import_module(name).f

    before = set(sys.modules)
    yield make
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "") or "").startswith(str(tmp_path)):
            del sys.modules[name]


def print_of(thing):
    return as_heuristic(thing).fingerprint


# ---- edits that change votes; each source has a place for two values

DECORATOR = """
class Deco:
    def __init__(self, function, extra=1): self.function, self.extra, self.__wrapped__ = function, extra, function
    def __call__(self, x): return self.function(x) + self.extra * 1
"""
EDITS = {
    "first of two rules in a dict": ("G = {}\ndef f(x): return next(iter(G))", "{'a': 1, 'b': 2}", "{'b': 2, 'a': 1}"),
    "order inside a nested dict": ("G = [({}, 1)]\ndef f(x): return G", "{'a': 1, 'b': 2}", "{'b': 2, 'a': 1}"),
    "order of a dict in a closure": ("def m(d):\n def f(x): return d\n return f\nf = "
                                     "m({})", "dict(a=1, b=2)", "dict(b=2, a=1)"),
    "order of a dict in an object": ("class O:\n def __init__(s, d): s.d = d\nG = O({})\ndef f(x): return "
                                     "G.d", "dict(a=1, b=2)", "dict(b=2, a=1)"),
    "order of keyword arguments of a partial": (
        "from functools import partial\ndef g(x, **k): return next(iter(k))\nf = partial(g, "
        "**{})", "{'a': 1, 'b': 1}", "{'b': 1, 'a': 1}"),
    "order of an OrderedDict": ("from collections import OrderedDict as O\nG = O({})\ndef f(x): return "
                                "G", "[('a', 1), ('b', 2)]", "[('b', 2), ('a', 1)]"),
    "class-based decorator": (DECORATOR + "def g(x): return 1\nf = Deco(g, {})", "1", "2"),
    "class-based decorator's own code": (DECORATOR.replace("* 1", "* {}") + "@Deco\ndef h(x): return 1\ndef f(x): "
                                                                            "return h(x)", "1", "2"),
    "call of a class-based decorator": (
        "import functools\nclass D:\n def __init__(s, g): functools.update_wrapper(s, g); s.g = g\n"
        " def __call__(s, x): return s.g(x) * {}\n@D\ndef f(x): return 1", "2", "3"),
    "singledispatch implementation": (
        "from functools import singledispatch as s\n@s\ndef h(x): return 0\n@h.register\ndef _(x: str): return {}\ndef "
        "f(x): return h(x)", "1", "2"),
    "singledispatch by type": (
        "from functools import singledispatch as s\n@s\ndef h(x): return 0\n@h.register({})\ndef _(x): return 1\ndef "
        "f(x): return h(x)", "int", "str"),
    "singledispatchmethod implementation": (
        "from functools import singledispatchmethod as s\nclass C:\n @s\n def h(self, x): return 0\n @h.register\n def "
        "_(self, x: str): return {}\n"
        "def f(x): return C().h(x)", "1", "2"),
    "function attribute": ("def f(x): return f.words\nf.words = {}", "['a']", "['b']"),
    "attribute of a helper": ("def h(x): return h.limit\nh.limit = {}\ndef f(x): return h(x)", "1", "2"),
    "attribute set by a decorator": ("def d(n):\n def w(g): g.n = n; return g\n return w\n@d({})\ndef f(x): return "
                                     "f.n", "1", "2"),
    "class attribute made from a constant": ("W = {}\nclass C:\n ALL = tuple(W)\ndef f(x): return "
                                             "C.ALL", "'ab'", "'ac'"),
    "private class attribute": ("W = {}\nclass C:\n _all = {{w: 1 for w in W}}\ndef f(x): return "
                                "C._all", "'ab'", "'ac'"),
    "class attribute that is an object": ("import re\nclass C:\n R = re.compile({})\ndef f(x): return "
                                          "C.R", "'a'", "'b'"),
    "class attribute that is a function": ("def g(x): return {}\nclass C:\n h = staticmethod(g)\ndef f(x): return "
                                           "C.h(x)", "1", "2"),
    "class attribute of a base": ("W = {}\nclass B:\n A = W * 2\nclass C(B): pass\ndef f(x): return C.A", "1", "2"),
    "method of a dict subclass": ("class D(dict):\n def __missing__(s, k): return {}\nG = D(a=1)\ndef f(x): return "
                                  "G[x]", "1", "2"),
    "method of a list subclass": ("class L(list):\n def __contains__(s, k): return {}\nG = L('ab')\ndef f(x): return x "
                                  "in G", "True", "False"),
    "method of a tuple subclass": ("class T(tuple):\n def first(s): return s[{}]\nG = T('ab')\ndef f(x): return "
                                   "G.first()", "0", "1"),
    "method of a set subclass": ("class S(set):\n def has(s, k): return {}\nG = S('ab')\ndef f(x): return "
                                 "G.has(x)", "0", "1"),
    "method of a str subclass": ("class S(str):\n def has(s, k): return {}\nG = S('ab')\ndef f(x): return "
                                 "G.has(x)", "0", "1"),
    "items of a dict subclass": ("class D(dict): pass\nG = D({})\ndef f(x): return G[x]", "a=1", "a=2"),
    "state of a list subclass": ("class L(list): pass\nG = L('a')\nG.n = {}\ndef f(x): return G.n", "1", "2"),
    "named tuple's default": ("from collections import namedtuple as n\nP = n('P', 'a', defaults=[{}])\ndef f(x): "
                              "return P().a", "1", "2"),
    "typing.NamedTuple's method": ("from typing import NamedTuple\nclass P(NamedTuple):\n a: int = 1\n def m(s): "
                                   "return {}\ndef f(x): return P().m()", "1", "2"),
    "cached_property": ("from functools import cached_property as c\nclass C:\n @c\n def p(s): return {}\ndef f(x): "
                        "return C().p", "1", "2"),
    "global of a cached_property": (
        "from functools import cached_property as c\nW = {}\nclass C:\n @c\n def p(s): return W\ndef f(x): return "
        "C().p", "1", "2"),
    "property setter": ("class C:\n @property\n def p(s): return s._p\n @p.setter\n def p(s, v): s._p = v + {}\ndef "
                        "f(x):\n c = C(); c.p = 1; return c.p", "1", "2"),
    "class method's global": ("W = {}\nclass C:\n @classmethod\n def m(c): return W\ndef f(x): return C.m()", "1", "2"),
    "enum value from elsewhere": ("import enum\nW = {}\nclass E(enum.Enum):\n A = W\ndef f(x): return "
                                  "E.A.value", "1", "2"),
    "enum of another module": ("from enum_helper import E\ndef f(x): return "
                               "E.A.value", {"enum_helper": "import enum\nW = {}\nclass E(enum.IntEnum):\n A = "
                                                            "W"}, "1", "2"),
    "flag": ("import enum\nclass E(enum.Flag):\n A = {}\n B = 4\ndef f(x): return E.A | E.B", "1", "2"),
    "member of an enum": ("import enum\nclass E(enum.Enum):\n A = 1\n B = 2\nG = E.{}\ndef f(x): return G", "A", "B"),
    "order of enum members": ("import enum\nE = enum.Enum('E', {})\ndef f(x): return "
                              "list(E)", "dict(A=1, B=2)", "dict(B=2, A=1)"),
    "factory of a defaultdict": ("from collections import defaultdict as d\ndef g(): return {}\nG = d(g)\ndef f(x): "
                                 "return G[x]", "1", "2"),
    "factory from elsewhere": ("from factory_helper import G\ndef f(x): return G[x]",
                               {"factory_helper": "from collections import defaultdict as d\nW = {}\nG = d(lambda: "
                                                  "W)"}, "1", "2"),
    "metaclass": ("class M(type):\n def __getattr__(c, n): return {}\nclass C(metaclass=M): pass\ndef f(x): return "
                  "C.anything", "1", "2"),
    "metaclass that counts": ("class M(type):\n def __len__(c): return {}\nclass C(metaclass=M): pass\nG = C()\ndef "
                              "f(x): return len(type(G))", "1", "2"),
    "hook of a base class": ("class B:\n def __init_subclass__(c): c.n = {}\nclass C(B): pass\ndef f(x): return "
                             "C.n", "1", "2"),
    "slots": ("class C:\n __slots__ = ('a', 'b')\nG = C()\nG.a = {}\ndef f(x): return G.a", "1", "2"),
    "slots of a base": ("class B:\n __slots__ = ('a',)\nclass C(B):\n __slots__ = ('b',)\nG = C()\nG.b = 0\nG.a = "
                        "{}\ndef f(x): return G.a", "1", "2"),
    "slots beside a dict": ("class B:\n __slots__ = ('a',)\nclass C(B): pass\nG = C()\nG.b = 0\nG.a = {}\ndef f(x): "
                            "return G.a", "1", "2"),
    "slots that refuse to be pickled": (
        "class C:\n __slots__ = ('a',)\n def __reduce_ex__(s, p): raise TypeError\nG = C()\nG.a = {}\ndef f(x): return "
        "G.a", "1", "2"),
    "generator inside exec": ("exec('def f(x): return [y for y in x if (lambda: y == {})()]')", "1", "2"),
    "generator of a generator in exec": ("exec('def f(x): return all(any(a == {} for a in b) for b in x)')", "1", "2"),
    "name in a nested function of exec": ("exec('def f(x):\\n def g(): return x.{}\\n return g()')", "a", "b"),
    "lambda from eval": ("f = eval('lambda x: (lambda: x + {})()')", "1", "2"),
    "docstring used as data": ("def f(x):\n '''{}'''\n return x.text in f.__doc__.split()", "a b", "a c"),
    "helper's docstring used as data": ("def h():\n '''{}'''\ndef f(x): return h.__doc__", "a", "b"),
    "class docstring used as data": ("import inspect\nclass C:\n '''{}'''\ndef f(x): return "
                                     "inspect.getdoc(C)", "a", "b"),
    "docstring by getattr": ("def f(x):\n '''{}'''\n return getattr(f, '__doc__')", "a", "b"),
    "annotations used as data": ("def h(a: {}): pass\ndef f(x): return h.__annotations__", "int", "str"),
    "deep list": ("G = {}\nfor _ in range(300): G = [G]\ndef f(x): return G", "1", "2"),
    "very deep list": ("G = {}\nfor _ in range(9000): G = [G]\ndef f(x): return G", "1", "2"),
    "deep dict": ("G = {}\nfor _ in range(200): G = dict(a=G)\ndef f(x): return G", "1", "2"),
    "deep tuple with a set": ("G = frozenset([{}])\nfor _ in range(3000): G = (G,)\ndef f(x): return G", "1", "2"),
    "long chain of objects": ("class N:\n def __init__(s, n): s.n = n\nG = N({})\nfor _ in range(700): G = N(G)\ndef "
                              "f(x): return G", "1", "2"),
    "chain of functions": (
        "def g0(): return {}\n" + "".join(f"def g{i}(): return "
                                          f"g{i - 1}()\n" for i in range(1, 150)) + "def f(x): return g149()", "1",
                                          "2"),
    "import inside the function": ("def f(x):\n import late_a\n return late_a.W", {"late_a": "W = {}"}, "1", "2"),
    "from import inside the function": ("def f(x):\n from late_b import h\n return "
                                        "h(x)", {"late_b": "def h(x): return {}"}, "1", "2"),
    "import of a submodule inside": ("def f(x):\n import late_c.sub\n return "
                                     "late_c.sub.W", {"late_c.sub": "W = {}"}, "1", "2"),
    "import inside a helper": ("def h():\n import late_d as d\n return d.W\ndef f(x): return "
                               "h()", {"late_d": "W = {}"}, "1", "2"),
    "import inside a nested function": ("def f(x):\n def g():\n  from late_e import W as V\n  return V\n return "
                                        "g()", {"late_e": "W = {}"}, "1", "2"),
    "from a package import a module, inside": ("def f(x):\n from late_f import sub\n return "
                                               "sub.W", {"late_f.sub": "W = {}"}, "1", "2"),
    "import of an import": ("def f(x):\n import late_g\n return "
                            "late_g.h()", {"late_g": "from late_h import W\ndef h(): return "
                                                     "W", "late_h": "W = {}"}, "1", "2"),
    "getattr of a module": ("import attr_a\ndef f(x): return getattr(attr_a, 'W')", {"attr_a": "W = {}"}, "1", "2"),
    "getattr by a made-up name": ("import attr_b\ndef f(x): return getattr(attr_b, 'W' + "
                                  "'X')", {"attr_b": "WX = {}"}, "1", "2"),
    "vars of a module": ("import attr_c\ndef f(x): return vars(attr_c)['W']", {"attr_c": "W = {}"}, "1", "2"),
    "bound method of a set": ("has = {}.__contains__\ndef f(x): return has(x)", "{'a'}", "{'b'}"),
    "bound method of a pattern": ("import re\nfind = re.compile({}).search\ndef f(x): return "
                                  "find(x.text)", "'a'", "'b'"),
    "bound method of a dict": ("get = dict(a={}).get\ndef f(x): return get(x.text)", "1", "2"),
    "methodcaller": ("from operator import methodcaller as m\nG = m('count', {})\ndef f(x): return "
                     "G(x.text)", "'a'", "'b'"),
    "decorator of a nested function": ("def d(n):\n return lambda g: lambda: n\ndef f(x):\n @d({})\n def g(): pass\n "
                                       "return g()", "1", "2"),
    "dataclass default": ("from dataclasses import dataclass as d\nW = {}\n@d\nclass C:\n a: int = W\ndef f(x): return "
                          "C().a", "1", "2"),
    "dataclass factory": ("from dataclasses import dataclass as d, field\n@d\nclass C:\n a: list = "
                          "field(default_factory=lambda: {})\ndef f(x): return C().a", "[1]", "[2]"),
    "array's type": ("import numpy as np\nG = [np.array([0], dtype='{}')]\ndef f(x): return G", "int32", "float32"),
    "array's shape": ("import numpy as np\nG = np.zeros({})\ndef f(x): return G", "(2, 3)", "(3, 2)"),
    "array of objects": ("import numpy as np\nG = np.array([{}, None], dtype=object)\ndef f(x): return "
                         "G", "'a'", "'b'"),
    "array of dates": ("import numpy as np\nG = np.array(['2026-01-0{}'], dtype='M8[D]')\ndef f(x): return "
                       "G", "1", "2"),
    "frame": ("import pandas as pd\nG = pd.DataFrame(dict(a=[1, 2], b=['x', {}]))\ndef f(x): return G", "'y'", "'z'"),
    "frame's column": ("import pandas as pd\nG = pd.DataFrame({{{}: [1]}})\ndef f(x): return G", "'a'", "'b'"),
    "frame's index": ("import pandas as pd\nG = pd.Series([1, 2], index={})\ndef f(x): return "
                      "G", "['a', 'b']", "['a', 'c']"),
    "categories": ("import pandas as pd\nG = pd.Categorical(['a'], categories=['a', {}])\ndef f(x): return "
                   "G", "'b'", "'c'"),
    "sparse matrix": ("import scipy.sparse as s\nG = s.csr_matrix([[0, {}]])\ndef f(x): return G", "1", "2"),
    "fitted estimator": ("from sklearn.naive_bayes import GaussianNB as B\nG = B().fit([[0], [{}]], [0, 1])\ndef f(x): "
                         "return G", "1", "2"),
    "bytearray": ("G = bytearray({})\ndef f(x): return G", "b'a'", "b'b'"),
    "memoryview": ("G = memoryview({})\ndef f(x): return G", "b'a'", "b'b'"),
    "range": ("G = range({})\ndef f(x): return G", "2", "3"),
    "zero's sign": ("G = {}\ndef f(x): return G", "0.0", "-0.0"),
    "true for one in a list": ("G = [0, {}]\ndef f(x): return G", "1", "True"),
    "list for tuple in a dict": ("G = dict(a={})\ndef f(x): return G", "[1]", "(1,)"),
    "module passed to a helper": ("import pass_a\ndef h(m): return m.W\ndef f(x): return "
                                  "h(pass_a)", {"pass_a": "W = {}"}, "1", "2"),
    "submodule passed to a helper": ("import pass_b.sub\ndef h(m): return m.W\ndef f(x): return "
                                     "h(pass_b.sub)", {"pass_b.sub": "W = {}"}, "1", "2"),
    "module imported inside and passed": ("def h(m): return m.W\ndef f(x):\n import pass_c\n return "
                                          "h(pass_c)", {"pass_c": "W = {}"}, "1", "2"),
    "module called as its package and its value": (
        "import conf_a.conf_a\ndef f(x): return conf_a.conf_a.conf_a", {"conf_a.conf_a": "conf_a = {}"}, "[1]", "[2]"),
    "attrgetter of a module": ("from operator import attrgetter\nimport pass_d\nG = attrgetter('W')\ndef f(x): return "
                               "G(pass_d)", {"pass_d": "W = {}"}, "1", "2"),
    "getattr of modules that import each other": ("import pass_e\ndef f(x): return getattr(pass_e, 'W' + "
                                                  "'X')", {"pass_e": "import pass_f\nWX = {}",
                                                  "pass_f": "import pass_e"}, "1", "2"),
    "__getattr__ of a module": ("import made_a\ndef f(x): return "
                                "made_a.W", {"made_a": "def __getattr__(n): return {}"}, "1", "2"),
    "made dataclass": ("from dataclasses import make_dataclass as m, field\nC = m('C', [('a', int, "
                       "field(default={}))])\ndef f(x): return C().a", "1", "2"),
    "class made by types": ("import types\nC = types.new_class('C', (), None, lambda n: n.update(w={}))\ndef f(x): "
                            "return C.w", "1", "2"),
    "class made by a metaclass of the library": ("import abc\nC = abc.ABCMeta('C', (), dict(w={}))\ndef f(x): return "
                                                 "C.w", "1", "2"),
    "class inside exec": ("n = dict()\nexec('class C:\\n def m(s): return {}', n)\nC = n['C']\ndef f(x): return "
                          "C().m()", "1", "2"),
    "order of a dataclass": ("from dataclasses import dataclass as d\n@d(order={})\nclass C:\n a: int\ndef f(x): "
                             "return C(1) < C(2)", "True", "False"),
    "equality of a dataclass": (
        "from dataclasses import dataclass as d\n@d(eq={})\nclass C:\n a: int\n __hash__ = None\ndef f(x): return C(1) "
        "== C(1)", "True", "False"),
    "what a match compares": ("class C:\n __match_args__ = ({},)\n a, b = 1, 2\ndef f(x):\n match C():\n  case C(y): "
                              "return y", "'a'", "'b'"),
    "virtual subclass": ("import abc\nclass B(abc.ABC): pass\nclass D: pass\nclass E: pass\nB.register({})\ndef f(x): "
                         "return isinstance(D(), B)", "D", "E"),
    "subclasses": ("class B: pass\nclass D(B): w = {}\ndef f(x): return [c.w for c in B.__subclasses__()]", "1", "2"),
    "order of attributes": ("from types import SimpleNamespace as S\nG = S({})\ndef f(x): return "
                            "next(iter(vars(G)))", "a=1, b=2", "b=2, a=1"),
    "order of a class": ("class C: {}\ndef f(x): return [*vars(C)]", "a = 1; b = 2", "b = 2; a = 1"),
    "order of a module": ("import order_a\ndef f(x): return "
                          "[*vars(order_a)]", {"order_a": "{}"}, "a = 1; b = 2", "b = 2; a = 1"),
    "global of a query": ("W = {}\ndef f(frame): return frame.query('a in @W')", "[1]", "[2]"),
    "global of a query in a global": ("W = {}\nR = 'a in @W'\ndef f(frame): return frame.query(R)", "[1]", "[2]"),
    "annotation that a nested function dispatches on": (
        "from functools import singledispatch as s\ndef f(x):\n @s\n def h(y): return 0\n @h.register\n def _(y: {}): "
        "return 1\n return h(x)", "int", "str"),
    "what pickles leave out": ("class C:\n def __getstate__(s): return dict()\nG = C()\nG.a = {}\ndef f(x): return "
                               "G.a", "1", "2"),
    "what reduce leaves out": ("class C:\n def __reduce__(s): return C, ()\nG = C()\nG.a = {}\ndef f(x): return "
                               "G.a", "1", "2"),
    "compiled loop": ("import numba\nW = {}\n@numba.njit\ndef g(a): return a + W\ndef f(x): return g(1)", "1", "2"),
    "name added to the built-in ones": ("import builtins\nbuiltins.weaklab_test_added = {}\ndef f(x): return "
                                        "weaklab_test_added", "1", "2"),
    "number of many digits": ("G = {}\ndef f(x): return G", "10**6000", "10**6000 + 1"),
    "base of many": ("class C0:\n w = {}\n" + "".join(f"class C{i}(C{i - 1}): "
                                                      "pass\n" for i in range(1, 100)) + "def f(x): return C99.w", "1",
                                                      "2"),
    "module named as the standard library's": ("import statistics_mine as statistics\ndef f(x): return "
                                               "statistics.mean(x)",
                                                {"statistics_mine": "def mean(x): return {}"}, "1", "2"),
}  # fmt: skip


@pytest.mark.parametrize("kind", EDITS)
def test_an_edit_that_changes_votes_changes_the_fingerprint(define, kind):
    source, *values = EDITS[kind]
    others = values.pop(0) if isinstance(values[0], dict) else {}

    def edited(value):
        sources = {name: text.replace("{}", value) for name, text in others.items()}
        return print_of(define(source.replace("{}", value).replace("{{", "{").replace("}}", "}"), **sources))

    one, again, other = edited(values[0]), edited(values[0]), edited(values[1])
    assert one == again != other


# ---- what changes nothing

SAME = {
    "comments and white space": ("def f(x):\n    return 1\n", "\n\n# why\ndef f(x):\n\n    return (1)  # one\n"),
    "docstring of a helper": ("def h():\n 'a'\n return 1\ndef f(x): return "
                              "h()", "def h():\n 'b'\n return 1\ndef f(x): return h()"),
    "annotations": ("def f(x):\n y = 1\n return y", "def f(x: str) -> int:\n y: int = 1\n return y"),
    "order of a set": ("G = {'a', 'b'}\ndef f(x): return x in G", "G = {'b', 'a'}\ndef f(x): return x in G"),
    "order of methods": ("class C:\n def a(s): return 1\n def b(s): return 2\ndef f(x): return "
                         "C()", "class C:\n def b(s): return 2\n def a(s): return 1\ndef f(x): return C()"),
    "global called as an attribute": ("text = 1\ndef f(x): return x.text", "text = 2\ndef f(x): return x.text"),
    "helper called as a method": ("def lower(x): return 1\ndef f(x): return "
                                  "x.text.lower()", "def lower(x): return 2\ndef f(x): return x.text.lower()"),
    "global called as a keyword": ("key = 1\ndef f(x): return sorted(x, "
                                   "key=len)", "key = 2\ndef f(x): return sorted(x, key=len)"),
    "shared parts": ("A = ['x']\nG = [A, A]\ndef f(x): return G", "G = [['x'], ['x']]\ndef f(x): return G"),
    "filled cached_property": ("from functools import cached_property as c\nclass C:\n @c\n def p(s): return 1\nG = "
                               "C()\ndef f(x): return G.p",
                               "from functools import cached_property as c\nclass C:\n @c\n def p(s): return 1\nG = "
                               "C()\nG.p\ndef f(x): return G.p"),
    "dictionary of gensim": ("from gensim.corpora import Dictionary as D\nG = D([['a']])\ndef f(x): return "
                             "G", "from gensim.corpora import Dictionary as D\n\nG = D([['a']])\ndef f(x): return G"),
    "used singledispatch": ("from functools import singledispatch as s\n@s\ndef h(x): return 0\ndef f(x): return h(x)",
                            "from functools import singledispatch as s\n@s\ndef h(x): return 0\nh(1)\ndef f(x): return "
                            "h(x)"),
}  # fmt: skip


@pytest.mark.parametrize("kind", SAME)
def test_an_edit_that_changes_no_vote_changes_no_fingerprint(define, kind):
    one, other = SAME[kind]
    assert print_of(define(one)) == print_of(define(other))


UNSEEN = {
    "modules of sys": "import sys\ndef f(x): return sys.modules['os']",
    "globals of a frame": "import sys\ndef f(x): return sys._getframe().f_globals",
    "globals of a function": "def f(x): return f.__globals__",
    "source": "import inspect\ndef f(x): return inspect.getsource(f)",
    "function of arrays": "import numpy as np\nG = np.frompyfunc(lambda t: 1, 1, 1)\ndef f(x): return G(x)",
}


@pytest.mark.parametrize("kind", UNSEEN)
def test_function_that_cannot_be_inspected_votes_anew(define, kind):
    assert as_heuristic(define(UNSEEN[kind])).unseen


def test_functions_of_numpy_are_inspected(define):
    assert not as_heuristic(define("import numpy as np\nG = np.add\ndef f(x): return G(1, 2)")).unseen


@pytest.mark.parametrize(("origin", "differs"), [(True, True), (False, False)])
def test_a_distribution_installed_from_a_folder_is_known_by_its_files(tmp_path, monkeypatch, origin, differs):
    info = tmp_path / "weaklab_probe-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: weaklab_probe\nVersion: 0.1\n")
    if origin:
        (info / "direct_url.json").write_text("{}")
    monkeypatch.syspath_prepend(tmp_path)
    told = []
    for digest in ("sha256=a", "sha256=b"):
        (info / "RECORD").write_text(f"weaklab_probe.py,{digest},9\n")
        told.append(_installed_as("weaklab_probe"))
    assert all(text.startswith("weaklab_probe==0.1") for text in told)
    assert (told[0] != told[1]) == differs


# ---- edits within one session

IN_PLACE = {
    "list": (["a"], lambda v: v.append("b")),
    "list in a list": ([["a"]], lambda v: v[0].append("b")),
    "order of a dict": ({"a": 1, "b": 2}, lambda v: v.update(a=v.pop("a"))),
    "set": ({"a"}, lambda v: v.add("b")),
    "array": (np.zeros(3), lambda v: v.__setitem__(0, 1)),
    "array of objects": (np.array(["a", None], dtype=object), lambda v: v.__setitem__(0, "b")),
    "frame": (pd.DataFrame({"a": [1, 2]}), lambda v: v.__setitem__("a", [1, 3])),
    "series": (pd.Series(["a", "b"]), lambda v: v.__setitem__(0, "c")),
    "class of an object": (type("C", (), {"n": 1})(), lambda v: setattr(type(v), "n", 2)),
}


@pytest.mark.parametrize("kind", IN_PLACE)
def test_what_a_function_captures_is_looked_at_again(kind):
    value, change = IN_PLACE[kind]
    heuristic = as_heuristic(lambda x: value)
    before = heuristic.fingerprint
    assert heuristic.fingerprint == before
    change(value)
    assert heuristic.fingerprint != before


NOTEBOOK_EDITS = {
    "global rebound": ("W = ['good']\ndef f(x): return 'pos' if any(w in x.text for w in W) else None", "W = ['fine']"),
    "helper redefined": ("def h(x): return 'good' in x.text\ndef f(x): return 'pos' if h(x) else "
                         "None", "def h(x): return 'fine' in x.text"),
    "class edited": ("class C:\n w = 'good'\ndef f(x): return 'pos' if C.w in x.text else None", "C.w = 'fine'"),
    "enum redefined": ("import enum\nclass E(enum.Enum):\n A = 'good'\ndef f(x): return 'pos' if E.A.value in x.text "
                       "else None",
                       "class E(enum.Enum):\n A = 'fine'"),
    "cached helper redefined": ("import functools\n@functools.cache\ndef h(t): return 'good' in t\ndef f(x): return "
                                "'pos' if h(x.text) else None",
                                "@functools.cache\ndef h(t): return 'fine' in t"),
}  # fmt: skip


@pytest.mark.parametrize("timeout", [None, 20])
def test_edits_between_two_runs_of_a_session_are_voted_on(timeout):
    committee = weaklab.Committee(["neg", "pos"], timeout=timeout, workers=1)
    spaces = [{"__name__": "__main__"} for _ in NOTEBOOK_EDITS]
    for space, (kind, (source, _)) in zip(spaces, NOTEBOOK_EDITS.items(), strict=True):
        exec(source, space)
        committee.add(weaklab.labeling_function(name=kind)(space["f"]))
    assert committee.vote(["good", "fine"], progress=False).L.tolist() == [[1] * len(spaces), [-1] * len(spaces)]
    for space, (_, edit) in zip(spaces, NOTEBOOK_EDITS.values(), strict=True):
        exec(edit, space)
    assert committee.vote(["good", "fine"], progress=False).L.tolist() == [[-1] * len(spaces), [1] * len(spaces)]


def test_a_child_votes_by_the_modules_of_the_session_not_by_those_on_disk(tmp_path, monkeypatch):
    (tmp_path / "disk_a.py").write_text("W = ['good']\ndef has(x): return any(w in x.text for w in W)\n")
    (tmp_path / "disk_c.py").write_text("U = ['good']\n")
    monkeypatch.syspath_prepend(tmp_path)
    disk_a = importlib.import_module("disk_a")

    def imported(x):
        return "pos" if disk_a.has(x) else None

    def late(x):
        import disk_c

        return "pos" if any(w in x.text for w in disk_c.U) else None

    committee = weaklab.Committee(["neg", "pos"], timeout=20, workers=1)
    committee.add(imported)
    committee.add(late)
    assert committee.vote(["good", "fine"], progress=False).L.tolist() == [[1, 1], [-1, -1]]
    disk_a.W[:] = ["fine"]
    sys.modules["disk_c"].U[:] = ["fine"]
    assert committee.vote(["good", "fine"], progress=False).L.tolist() == [[-1, -1], [1, 1]]
    for name in ("disk_a", "disk_c"):
        del sys.modules[name]


_CALLS = []


def test_functions_with_incomparable_values_vote_anew_and_say_so(tmp_path):
    with open(tmp_path / "words.txt", "w+") as stream:
        things = {
            "file": stream,
            "generator": (i for i in range(3)),
            "lock": threading.Lock(),
            "inside": [threading.Lock()],
        }
        committee = weaklab.Committee(["neg", "pos"], timeout=None)
        for kind, thing in things.items():

            def f(x, thing=thing, kind=kind):
                _CALLS.append(kind)
                return "pos" if thing else None

            committee.add(weaklab.labeling_function(name=kind)(f))
        for _ in range(2):
            _CALLS.clear()
            committee.vote(["a"], progress=False)
            assert set(things) <= set(_CALLS)
        assert str(committee.explain_plan()).count("votes anew at every run") == len(things)


def test_variables_read_by_name_vote_anew():
    space = {"__name__": "__main__"}
    exec("W = 'good'\ndef f(x): return globals()['W'] in x.text\ndef g(x): return eval('W') in x.text", space)
    assert as_heuristic(space["f"]).unseen
    assert as_heuristic(space["g"]).unseen
    assert not as_heuristic(lambda x: ast.literal_eval(x.text)).unseen


# ---- files

REFUSED = {
    "async function": "@labeling_function\nasync def bad(x):\n    return 'pos'\n",
    "generator": "@labeling_function\ndef bad(x):\n    yield 'pos'\n",
    "two arguments": "@labeling_function\ndef bad(x, y):\n    return 'pos'\n",
    "no regular expression": "bad = pattern('pos', '(')\n",
    "no words": "bad = keywords('pos', [])\n",
}


@pytest.mark.parametrize("kind", REFUSED)
def test_refused_heuristic_does_not_stop_its_file(tmp_path, kind):
    head = "from weaklab import keywords, labeling_function, pattern\nfirst = keywords('pos', ['a'])\n"
    (tmp_path / "rules.py").write_text(
        head
        + REFUSED[kind]
        + "question = pattern('neg', 'b')\nalso = question\nnamed = pattern('neg', 'c', name='mine')\n"
    )
    loaded = load(tmp_path)
    assert [heuristic.name for heuristic in loaded.heuristics] == ["first", "question", "mine"]
    [error] = loaded.errors
    assert "rules.py:3: HeuristicError: " in error


def test_files_that_are_edited_while_a_project_is_open_are_read_again(tmp_path):
    project = weaklab.Project(tmp_path / "p", labels=["neg", "pos"], timeout=None, use_features=False)
    project.add_records(["good", "fine"], quiet=True)
    folder = tmp_path / "p" / "labeling_functions"
    source = (
        "from weaklab import labeling_function\n{}\n@labeling_function\ndef f(x):\n    {}\n    return 'pos' if "
        "any(w in x.text for w in W) else None\n"
    )

    def votes():
        return project.votes().L.ravel().tolist()

    (folder / "rules.py").write_text(source.format("W = ['good']", "pass"))
    assert votes() == [1, -1]
    (folder / "rules.py").write_text(source.format("W = ['fine']", "pass"))
    assert votes() == [-1, 1]
    (folder / "helper.py").write_text("W = ['good']\n")
    (folder / "rules.py").write_text(source.format("from helper import W", "pass"))
    assert votes() == [1, -1]
    (folder / "helper.py").write_text("W = ['fine']\n")
    assert votes() == [-1, 1]
    (folder / "rules.py").write_text(source.format("", "from helper import W"))
    (folder / "helper.py").write_text("W = ['good']\n")
    assert votes() == [1, -1]
    (folder / "helper.py").write_text("W = ['fine']\n")
    assert votes() == [-1, 1]
    (folder / "rules.py").write_text("def (")
    with pytest.warns(
        weaklab.WeaklabWarning, match=r"rules.py:1: SyntaxError.*; its file was edited and is left out until it loads"
    ):
        assert project.votes().L.shape == (2, 0)


def test_two_sessions_agree_after_one_redefines_a_heuristic(tmp_path):
    one = weaklab.Project(tmp_path / "p", labels=["ham", "spam"], timeout=None, use_features=False)
    one.add_records(["prize one", "bank two"], quiet=True)
    words = ["prize"]

    @one.labeling_function()
    def found(x):
        return "spam" if any(word in x.text for word in words) else None

    one.add(weaklab.keywords("spam", ["prize"], name="k"))
    one.run(progress=False)
    other = weaklab.Project(tmp_path / "p")
    assert other.votes().L.tolist() == [[1, 1], [-1, -1]]
    words[:] = ["bank"]
    one.add(weaklab.keywords("ham", ["prize"], name="k"))
    one.run(progress=False)
    other.reload()
    other.run(progress=False)
    assert one.votes().L.tolist() == other.votes().L.tolist() == [[-1, 0], [1, -1]]
