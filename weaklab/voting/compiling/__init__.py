"""Compiles plain Python labeling functions: reads their source, and votes on batches without calling them.

``terms`` are pure expressions over columns; ``reading`` and ``statements`` read them from source as a tree of
conditions; ``operations`` says what may be read, ``vectors`` what declared heuristics answer; ``evaluating`` votes with
a tree, and ``functions`` checks the votes and says why a function is called.
"""

from weaklab.voting.compiling.functions import CompiledFunctions, CompiledVotes, compile_functions

__all__ = ["CompiledFunctions", "CompiledVotes", "compile_functions"]
