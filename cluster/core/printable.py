"""Makes text from outside safe for a terminal or a log.

A file name may contain an escape sequence that clears the screen, a line break that forges a line
of output, or a mark that reverses the direction of the text after it. All of these are escaped.
"""

from __future__ import annotations

import re

_HARMFUL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, line and paragraph separators, marks that override the direction of text
(Unicode TR 36, 3.2; "Trojan Source", CVE-2021-42574), and lone surrogates."""


def to_printable(text: str) -> str:
    r"""Return the text on one line, with escapes like \\x1b in place of harmful characters."""
    return _HARMFUL.sub(lambda found: _escape(found.group()), text)


def to_printable_lines(text: str) -> str:
    """Return text of several lines, with escapes in place of harmful characters."""
    return "\n".join(to_printable(line) for line in text.split("\n"))


def _escape(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
