"""Twenty Python labeling functions as people write them: how each runs, and what it costs beside a call.

    python -m benchmarks.python_functions                 # some minutes
    python -m benchmarks.python_functions --records 5000

Each function votes alone, in turns with ``compile=True`` and ``compile=False``, in child processes as by default, on
the bundled headlines, repeated. Times are CPU seconds, children included, medians of five; before the clock starts both
ways are run once and their votes compared. The ratio is the time of calls over the time with the compiler.
"""

from __future__ import annotations

import argparse
import math
import re
import statistics
import string
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import weaklab
from benchmarks.speed.measure import timed
from weaklab.voting.committee import Committee, MemoryCache

LABELS = ("news", "clickbait")
NEWS, CLICKBAIT, ABSTAIN = 0, 1, -1
REPEATS = 5

TEASERS = ["you won't believe", "this is why", "here's what", "what happened next", "will make you"]
SECOND_PERSON = {"you", "your", "you're", "yours", "yourself"}
AGENCIES = ("reuters", "minister", "court", "police", "election", "parliament", "killed", "talks")
SUPERLATIVES = re.compile(r"\b(best|worst|most|greatest|cutest|weirdest|funniest)\b", re.I)
LISTS = re.compile(r"^\d+\s+(things|reasons|ways|times|facts|signs|people)", re.I)
MOODS = {"amazing": 0.9, "awesome": 0.8, "perfect": 0.6, "hilarious": 0.9, "dead": -0.8, "crash": -0.7, "war": -0.6}


def normalised(text: str) -> str:
    """Return lower case without punctuation."""
    return re.sub(r"[^a-z0-9 ]", " ", text.lower())


def has_any(text: str, words: Sequence[str]) -> bool:
    """Whether one of some words or phrases is in a text."""
    return any(word in text for word in words)


def teaser(x: Any) -> int:
    return CLICKBAIT if any(phrase in x.text.lower() for phrase in TEASERS) else ABSTAIN


def agency_word(x: Any) -> int:
    text = x.text.lower()
    return NEWS if has_any(text, AGENCIES) else ABSTAIN


def list_headline(x: Any) -> int:
    return CLICKBAIT if LISTS.match(x.text) else ABSTAIN


def superlative(x: Any) -> int:
    if SUPERLATIVES.search(x.text):
        return CLICKBAIT
    return ABSTAIN


def addresses_reader(x: Any) -> int:
    return CLICKBAIT if SECOND_PERSON & set(x.text.lower().split()) else ABSTAIN


def starts_with_question(x: Any) -> int:
    return CLICKBAIT if x.text.lower().startswith(("why", "how", "what", "can you", "which")) else ABSTAIN


def short_and_plain(x: Any) -> int:
    words = x.text.split()
    if len(words) > 8:
        return ABSTAIN
    return NEWS if not any(word.isdigit() for word in words) else ABSTAIN


def names_money(x: Any) -> int:
    found = re.search(r"\$\s?\d+(?:\.\d+)?\s?(?:million|billion|m|bn)\b", x.text, flags=re.IGNORECASE)
    return NEWS if found else ABSTAIN


def exclamation(x: Any) -> int:
    return CLICKBAIT if x.text.count("!") >= 1 or x.text.endswith("?!") else ABSTAIN


def many_capitals(x: Any) -> int:
    text = x.text
    if not text:
        return ABSTAIN
    return CLICKBAIT if sum(1 for c in text if c.isupper()) / len(text) > 0.2 else ABSTAIN


def two_signs(x: Any) -> int:
    text = x.text.lower()
    score = 0
    if "you" in text:
        score += 1
    if re.search(r"\d", text):
        score += 1
    if "?" in text or "!" in text:
        score += 1
    return CLICKBAIT if score >= 2 else ABSTAIN


def mood(x: Any) -> Any:
    found = [MOODS.get(word, 0.0) for word in normalised(x.text).split()]
    total = sum(found)
    if total > 0.5:
        return CLICKBAIT, min(1.0, total)
    return NEWS if total < -0.5 else ABSTAIN


def says_who(x: Any) -> int:
    for verb in (" says ", " said ", " tells ", " warns ", " denies "):
        if verb in x.text.lower():
            return NEWS
    return ABSTAIN


def long_words(x: Any) -> int:
    words = re.findall(r"\w+", x.text)
    if len(words) < 3:
        return ABSTAIN
    return NEWS if sum(len(word) for word in words) / len(words) > 6 else ABSTAIN


def first_word_is_number(x: Any) -> int:
    first = x.text.split()[0]
    return CLICKBAIT if first.isdigit() and 2 < int(first) < 60 else ABSTAIN


def about_feelings(x: Any) -> int:
    text = normalised(x.text)
    if "feel" not in text and "love" not in text and "hate" not in text:
        return ABSTAIN
    return CLICKBAIT if re.search(r"\b(feel|love|hate)s?\b", text) else ABSTAIN


def names_place(x: Any) -> int:
    try:
        place = x.text.split(" in ")[1].split()[0]
    except IndexError:
        return ABSTAIN
    return NEWS if place[:1].isupper() else ABSTAIN


def entropy(x: Any) -> int:
    letters = [x.text.count(c) / len(x.text) for c in set(x.text)]
    return NEWS if -sum(p * math.log(p) for p in letters) > 2.95 else ABSTAIN


def quoted(x: Any) -> int:
    if '"' not in x.text and "'" not in x.text:
        return ABSTAIN
    inside = dict(enumerate(x.text.split("'"))).get(1, "")
    return CLICKBAIT if len(inside.split()) > 2 else ABSTAIN


def punctuation(x: Any) -> int:
    marks = 0
    for character in x.text:
        if character in string.punctuation:
            marks += 1
    return NEWS if marks == 0 and len(x.text) > 60 else ABSTAIN


FUNCTIONS: tuple[Callable[[Any], Any], ...] = (
    teaser, agency_word, list_headline, superlative, addresses_reader, starts_with_question, short_and_plain,
    names_money, exclamation, many_capitals, two_signs, mood, says_who, long_words, first_word_is_number,
    about_feelings, names_place, entropy, quoted, punctuation,
)  # fmt: skip


def committee(function: Callable[[Any], Any], compiled: bool) -> Committee:
    """Return a committee of one function, with one child process."""
    found = Committee(LABELS, workers=1, compile=compiled)
    found.add(weaklab.labeling_function(name=function.__name__)(function))
    return found


def measured(function: Callable[[Any], Any], corpus: Any) -> tuple[str, float, float]:
    """Return how a function runs, and its CPU seconds with the compiler and without, measured in turns."""
    members = {on: committee(function, on) for on in (True, False)}

    def vote(on: bool) -> Any:
        return members[on].vote(corpus, cache=MemoryCache(), progress=False).L

    assert np.array_equal(vote(True), vote(False)), function.__name__
    seconds: dict[bool, list[float]] = {True: [], False: []}
    for turn in range(REPEATS):
        for on in (True, False) if turn % 2 else (False, True):
            seconds[on].append(timed(lambda on=on: vote(on))[0].cpu)
    how = members[True].explain_plan().rows[0][1]
    return how, statistics.median(seconds[True]), statistics.median(seconds[False])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser("python -m benchmarks.python_functions", description=__doc__)
    parser.add_argument("--records", type=int, default=50_000)
    n = parser.parse_args().records
    from weaklab.datasets import load_headlines

    headlines = load_headlines().text.tolist()
    corpus = weaklab.read([headlines[i % len(headlines)] for i in range(n)])
    len(corpus)
    print(f"{n:,} headlines; microseconds a record\n\n{'function':<22}{'compiled':>9}{'called':>9}{'ratio':>7}  how")
    compiled = 0
    for function in FUNCTIONS:
        how, fast, slow = measured(function, corpus)
        compiled += how == "compiled"
        figures = f"{1e6 * fast / n:>9.2f}{1e6 * slow / n:>9.2f}{slow / fast:>7.2f}"
        print(f"{function.__name__:<22}{figures}  {how}", flush=True)
    print(f"\n{compiled} of {len(FUNCTIONS)} compiled")


if __name__ == "__main__":
    main()
