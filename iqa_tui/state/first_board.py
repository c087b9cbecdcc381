"""A quick first board with the states of the runs; results and devices follow with the next one."""

from iqa_train.errors import RunError, UserError
from iqa_train.runs.identity import suspension
from iqa_train.runs.kind import without_spare_seeds
from iqa_train.runs.layout import run_folder
from iqa_train.scheduler.overview import read_overview
from iqa_train.scheduler.queue import Queue
from iqa_train.study.profiles import study_title
from iqa_train.study.resolve import resolve_all
from iqa_train.study.select import select_study
from iqa_tui.state.batches import batch_lines
from iqa_tui.state.board import Board, RunLine, Target


def read_first_board(target: Target) -> Board | None:
    """The runs of the study file with their states; None if the file alone does not determine the runs."""
    try:
        selected = select_study(target.experiments, target.study, target.profile)
        if not selected.declared:
            return None
        study, name, profile = selected.file, selected.name, selected.profile
        planned = resolve_all(study, profile=profile, with_external=True)
    except (UserError, OSError):
        return None
    problem = ""
    try:
        overview = read_overview(target.runs_dir, name)
    except RunError as error:
        problem, overview = str(error), read_overview(target.runs_dir, name, queue=Queue())
    rows = {str(row.run.path): row for row in overview.rows}
    lines = []
    runs = without_spare_seeds([(spec, run_folder(target.runs_dir, spec)) for spec in planned])
    for n, (spec, run) in enumerate(runs, 1):
        row = rows.get(str(run.path))
        is_baseline = spec.experiment == spec.baseline
        lines.append(RunLine(n, spec.experiment, spec.seed, spec.title, run, row, is_baseline=is_baseline))
    return Board(
        study=name,
        title=study_title(study, profile),
        dataset=planned[0].settings.dataset,
        baseline=study.baseline,
        lines=tuple(lines),
        batches=batch_lines(study.batches, lines),
        epochs=max(spec.settings.epochs * spec.settings.train_test_num for spec in planned),
        expects=any(spec.expect.srcc or spec.expect.delta for spec in planned),
        policy=overview.queue.policy,
        paused=overview.queue.paused,
        scheduler_pid=overview.scheduler.pid if overview.scheduler else None,
        needs_scheduler=overview.needs_scheduler,
        scheduler_suspended=suspension(overview.scheduler),
        problem=problem,
        file=study,
        profile=profile,
        read=True,
    )
