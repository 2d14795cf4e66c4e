"""What to do next, in the words of both skins: the command, and the call in Python."""


def random_answers(n: int | None = None) -> str:
    """Return how to answer ``n`` random records, None for some, as a command and as a call.

    >>> random_answers(7)
    "`weaklab label PROJECT --strategy random -n 7` (in Python: project.ask(7, strategy='random'))"
    """
    count = "N" if n is None else str(n)
    call = f"project.ask({count.lower()}, strategy='random')"
    return f"`weaklab label PROJECT --strategy random -n {count}` (in Python: {call})"
