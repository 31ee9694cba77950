"""Routes of the web page and the API document. All files are our own, none from other hosts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import APIRouter
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles

WEB = Path(__file__).resolve().parent.parent / "web"
_FRESH = {"Cache-Control": "no-cache"}

router = APIRouter(include_in_schema=False)


class FreshFiles(StaticFiles):
    """Static files that a browser revalidates, so that no page mixes modules of two versions."""

    def file_response(self, *arguments: Any, **options: Any) -> Response:
        """Return the file, or 304 if the client has it."""
        response = super().file_response(*arguments, **options)
        response.headers.update(_FRESH)
        return response


static_files = FreshFiles(directory=WEB)


@router.get("/")
def show_page() -> FileResponse:
    """Return the web page."""
    return FileResponse(WEB / "index.html", headers=_FRESH)


@router.get("/docs")
def show_docs() -> FileResponse:
    """Return a page that shows /openapi.json."""
    return FileResponse(WEB / "docs.html", headers=_FRESH)
