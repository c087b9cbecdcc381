"""The logs of all attempts at a run: < and > go through them, and say how each ended."""

from pathlib import Path

import pytest

from tests.conftest import STUDY
from tests.faults.fault_project import faulty_project
from tests.tui.screens.console_host import seat


@pytest.mark.slow
async def test_each_attempt_has_its_log_and_how_it_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with faulty_project(tmp_path / "project", STUDY, behaviour="Baseline=oom@1", seconds=0.01) as project:
        project.run("--exp", "Baseline", "--retries", "2", "--detach")
        project.wait("the second attempt is complete", lambda: project.row("Baseline")["state"] == "completed")
        monkeypatch.chdir(project.folder)
        async with seat((120, 36)) as console:
            await console.sees("Baseline · attempt 2 of 2 · end", "Best test SRCC", "< Earlier attempt")
            await console.press("<")
            await console.sees("Baseline · attempt 1 of 2: failed, out of memory")
            assert "Best test SRCC" not in console.text()
            await console.press("<")
            assert "Baseline has no earlier attempt" in [notice.message for notice in console.app._notifications]
            await console.press("j", "k")  # the choice stays with its run
            await console.sees("attempt 1 of 2")
            await console.press(">")
            await console.sees("Baseline · attempt 2 of 2 · end", "Best test SRCC")
