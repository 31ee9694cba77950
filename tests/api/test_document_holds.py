"""Every request, valid or not, gets an answer that the OpenAPI document describes, but no 5xx."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine

from cluster.core.identity.faces import PhotoFaces
from cluster.core.sessions import Move
from cluster.store.database.engine import begin
from cluster.store.sessions.session_rows import SessionInfo, move_session
from serve.app import AppParts, build_app
from serve.parts import PackChoice
from tests.api.running import RunningApp, now
from tests.people import fill_people

TOKEN = "correct-horse"
EXAMPLES = (
    pytest.param(1, marks=pytest.mark.long),
    pytest.param(10, marks=(pytest.mark.long, pytest.mark.drill)),
)
"""The number of requests for each route and each way to generate them; run 500 for a new route."""

CONFIG = Path(__file__).with_name("schemathesis.toml")


@pytest.mark.parametrize("examples", EXAMPLES)
def test_every_answer_is_in_the_document(
    parts: AppParts, engine: Engine, library: Path, examples: int
) -> None:
    """Schemathesis reads the document and sends what it allows, and what it does not."""

    def cancel(session: SessionInfo) -> str:
        # The streams of a session that has ended end by themselves.
        with begin(engine) as db:
            move_session(db, session.id, Move.CANCEL, now=now())
        return f"job-{session.id}"

    config = library.with_name("schemathesis.toml")
    config.write_text(CONFIG.read_text().replace("LIBRARY", str(library)))
    fill_people(engine, 3, 2, ungrouped=2)

    async def find_nobody(photo: bytes, pack: PackChoice) -> PhotoFaces:
        return PhotoFaces(640, 480, ())

    app = build_app(replace(parts, api_token=TOKEN, submit=cancel, search=find_nobody))
    with RunningApp(app).listen() as url:
        done = subprocess.run(
            [
                *[sys.executable, "-m", "schemathesis.cli", "--config-file", str(config)],
                *["run", f"{url}/openapi.json", "--seed", "1", "--max-examples", str(examples)],
            ],
            capture_output=True,
            text=True,
            cwd=library.parent,  # Schemathesis writes files there.
            env={**os.environ, "DOCUMENT_TOKEN": TOKEN},
        )
    assert done.returncode == 0, done.stdout + done.stderr
