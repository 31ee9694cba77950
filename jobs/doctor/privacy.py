"""Removes secrets, and by default the names of photos and people, from the doctor's output.

Users add the output to bug reports that everybody can read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

from jobs.doctor.checks import Finding, Section

HIDDEN = "(hidden)"
MASK = "***"
MAX_ERROR = 400

_SHORT = 6
"""A shorter secret is replaced only as a whole word, because words may contain it by chance."""

_TOKENS = ("HEADCOUNT_API_TOKEN", "HEADCOUNT_NOTIFY_SECRET", "RAY_AUTH_TOKEN", "PGPASSWORD")
_SECRET_LINE = re.compile(r"^\s*(?:api_token|database_url|notify_secret)\s*:(.*)$", re.M)
_CHANNELS = "HEADCOUNT_NOTIFY"
_CHANNEL_LINES = re.compile(r"^\s*notify\s*:(.*(?:\n\s*-.*)*)", re.M)
_CHANNEL = re.compile(r"[A-Za-z][\w+.-]*://[^\s'\",\]]+")

_PICTURE = r"\.(?:jpe?g|jpe|jfif|mpo|png|webp|hei[cf]|hif|avif|tiff?|bmp|dib|gif)\b"
_PATH_BEGINS = re.compile(r"(?:(?<=[\s(=,:;\[<>])|^)(?:[A-Za-z][\w+.-]*://|~?/|\.{1,2}/)")
_PATH_GOES_ON = re.compile(rf"[/\\]|{_PICTURE}", re.I)
_QUOTED = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"|“[^”\n]*”|‘[^’\n]*’|`[^`\n]*`")
_FRAME = re.compile(r'^\s*File "(?P<file>[^"]+)", line (?P<line>\d+), in (?P<function>[\w<>]+)')
_OURS = re.compile(r"(?:^|/)((?:cluster|serve|jobs|site-packages)/[\w./-]+\.py)$")


def find_secrets(environment: Mapping[str, str], config_text: str) -> frozenset[str]:
    """Return the tokens, and the passwords in URLs, which must not be shown.

    They come from the environment and from the lines of a file of settings, which may be invalid.
    """
    tokens = [v for name, v in environment.items() if name in _TOKENS]
    lines = [line.strip().strip("'\"") for line in _SECRET_LINE.findall(config_text)]
    urls = [*environment.values(), *lines]
    secrets = {*tokens, *(line for line in lines if "://" not in line)}
    secrets |= {part for url in urls for part in _passwords(url)}
    named = [environment.get(_CHANNELS, ""), *_CHANNEL_LINES.findall(config_text)]
    secrets |= {url for text in named for url in _CHANNEL.findall(text)}
    return frozenset(s for secret in secrets if secret for s in (secret, unquote(secret)))


def _passwords(url: str) -> Iterator[str]:
    """Yield a URL's password, and its parts when it contains an unquoted `@`."""
    found = re.match(r"[A-Za-z][\w+.-]*://[^:/?#]*:(?P<password>.*)@", url)
    if found:
        yield from (found["password"], *found["password"].split("@"))
    if "://" in url:
        yield from re.findall(r"password=([^&\s]+)", url, re.I)


def mask(section: Section, *, secrets: Iterable[str], home: str) -> Section:
    """Return a section without secrets, and with `~` in place of the home directory."""
    patterns = [_pattern(s) for s in sorted(secrets, key=len, reverse=True)]

    def clean(text: str) -> str:
        for pattern in patterns:
            text = pattern.sub(MASK, text)
        if home and Path(home) != Path("/"):
            text = re.sub(rf"{re.escape(home.rstrip('/'))}(?=[/\s:;,.)\]]|$)", "~", text)
        return text

    return replace(section, findings=tuple(_map(clean, f) for f in section.findings))


def _pattern(secret: str) -> re.Pattern[str]:
    escaped = re.escape(secret)
    return re.compile(rf"(?<!\w){escaped}(?!\w)" if len(secret) < _SHORT else escaped)


def _map(clean: Callable[[str], str], finding: Finding) -> Finding:
    cure = None if finding.cure is None else clean(finding.cure)
    return replace(finding, subject=clean(finding.subject), says=clean(finding.says), cure=cure)


def describe_error(error: str, *, names: Iterable[str], shows_paths: bool) -> str:
    """Return a session's error in one line; of a traceback, the error and its place in our code.

    Unless `shows_paths`, paths, quoted texts and `names` are left out. The further lines of a
    database's error show the row, so they are always left out.
    """
    lines = [line for line in error.splitlines() if line.strip()] or ["no reason was stored"]
    frames = [number for number, line in enumerate(lines) if _FRAME.match(line)]
    after = lines[frames[-1] + 1 :] if frames else lines
    said = next((line for line in after if not line[0].isspace()), lines[-1]).strip()
    shown = said if shows_paths else hide(said, names=names)
    return shown[:MAX_ERROR] + (_place(lines[frames[-1]]) if frames else "")


def hide(text: str, *, names: Iterable[str] = ()) -> str:
    """Return a line without paths, quoted texts and `names`.

    A path ends at the colon after its last slash or its picture's suffix, because names of folders
    may contain spaces, commas and colons.
    """
    for name in sorted({n for n in names if n}, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", HIDDEN, text)
    text = _QUOTED.sub(HIDDEN, text)
    ends = [found.end() for found in _PATH_GOES_ON.finditer(text)]
    if not ends:
        return text
    begins = _PATH_BEGINS.search(text)
    begin = begins.start() if begins and begins.start() < ends[0] else 0
    _, colon, after = text[ends[-1] :].partition(": ")
    return text[:begin] + HIDDEN + colon + after


def _place(frame: str) -> str:
    found = _FRAME.match(frame)
    ours = _OURS.search(found["file"]) if found else None
    return f" ({ours[1]}:{found['line']} in {found['function']})" if found and ours else ""
