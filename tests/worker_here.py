"""The worker within the tests' own process: a test of what is trained need not import torch again for each run."""

import signal
from pathlib import Path

import pytest

from iqa_train.runs import outcome
from iqa_train.runs.layout import RunFolder, run_folder
from iqa_train.runs.specfile import write_spec
from iqa_train.study.spec import RunSpec


def train_here(project: Path, spec: RunSpec, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """Train `spec` to its end in the folder `project`, in this process, and return the run."""
    import torch  # only here: most tests need neither

    from iqa_train.training import worker

    torch.set_num_threads(1)  # small networks: more threads wait for each other longer than they compute
    monkeypatch.chdir(project)
    run = run_folder(project / "runs", spec)
    attempt = run.next_attempt()
    attempt.folder.mkdir(parents=True)
    write_spec(run, spec)
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        code = worker.main([str(run.path), str(attempt.folder)])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert code == outcome.OK
    return run
