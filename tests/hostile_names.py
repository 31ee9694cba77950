"""Names of files that do something to a terminal that prints them."""

from __future__ import annotations

HOSTILE = [
    "\x1b[2J\x1b[H.jpg",
    "\x1b]0;title\x07.jpg",
    "\x1b]52;c;Y3VybA==\x07.jpg",
    "two\nlines.jpg",
    "over\rwritten.jpg",
    "\x9b2J.jpg",
    "back\b\b\bspace.jpg",
    "\u202egpj.exe",
    "line\u2028separator.jpg",
    "not utf-8 \udcff\udc80.jpg",
    "null\x00.jpg",
]
