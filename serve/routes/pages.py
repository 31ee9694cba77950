"""The web page and the API document: own files only, nothing from other hosts."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from starlette.responses import FileResponse
from starlette.staticfiles import StaticFiles

WEB = Path(__file__).resolve().parent.parent / "web"
_FRESH = {"Cache-Control": "no-cache"}

router = APIRouter(include_in_schema=False)
static_files = StaticFiles(directory=WEB)


@router.get("/")
def show_page() -> FileResponse:
    """Return the page: the sessions, and how far each is."""
    return FileResponse(WEB / "index.html", headers=_FRESH)


@router.get("/docs")
def show_docs() -> FileResponse:
    """Return a page that shows /openapi.json."""
    return FileResponse(WEB / "docs.html", headers=_FRESH)
