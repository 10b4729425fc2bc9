"""Words of people in code."""

import time

from embedded_aws.bedrock.detectors.content.code import natural

CODE = """
def send_them_all_back(people):
    # those people do not belong here
    message = "go back to where you came from"
    isThisReallyTrue = people.count()
    return message
"""


def test_comments_strings_and_names_are_read() -> None:
    """Names of three words or more, in both ways of writing them."""
    assert set(natural(CODE)) == {
        "those people do not belong here",
        "go back to where you came from",
        "send them all back",
        "is this really true",
    }


def test_prose_is_no_code() -> None:
    """Also with a few signs of code in it."""
    assert natural("Please call print() for me; thanks. I'd like to know what it does.\nIt's for a class.") == []
    assert natural("") == []


def test_long_texts_are_read_in_linear_time() -> None:
    """Marks of comments and strings without their ends."""
    started = time.process_time()
    for piece in ('x = "', "/* a ", "<!-- a ", "a_b", "A" * 50, "x = `\n", "(" * 20 + "\n"):
        natural(f"x = 1\ny = 2\n{piece * (25_000 // len(piece))}")
    assert time.process_time() - started < 1.0
