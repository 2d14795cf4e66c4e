"""A labeling function in a file."""

import weaklab


@weaklab.labeling_function
def many_digits(record):
    return "spam" if sum(letter.isdigit() for letter in record["text"]) > 3 else None
