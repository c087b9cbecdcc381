"""What a run does: choose the device, open the data, train each round, test on other data sets, write the results."""

from pathlib import Path
from typing import Any

from iqa_train.datasets.catalogue import load_table
from iqa_train.datasets.images.pixel_store import PixelStore, open_store, require_room
from iqa_train.datasets.splits import split_table
from iqa_train.datasets.table import ImageTable
from iqa_train.errors import UsageError, UserError
from iqa_train.models.backbone import find_weights
from iqa_train.models.build_network import build_network
from iqa_train.models.own_network import OwnNetwork
from iqa_train.runs import outcome
from iqa_train.runs.code_copy import require_copy
from iqa_train.runs.fence import Writer
from iqa_train.runs.journal import Journal, WaitNotice
from iqa_train.runs.layout import RunFolder
from iqa_train.runs.metrics import epoch_events
from iqa_train.runs.result_document import medians, write_result
from iqa_train.runs.run_provenance import record_provenance
from iqa_train.study.code_reference import code_reference
from iqa_train.study.revision import revision_words
from iqa_train.study.settings import TrainingConfig
from iqa_train.study.spec import RunSpec
from iqa_train.training import run_log
from iqa_train.training.checkpoint import checkpoint_owner
from iqa_train.training.compute_device import ComputeDevice, choose_device
from iqa_train.training.cross_dataset import CrossSet, evaluate_all_rounds, open_cross_sets
from iqa_train.training.loss_probe import require_trainable
from iqa_train.training.other_rounding import NEIGHBOURS
from iqa_train.training.out_of_memory import OutOfMemoryError, explain_out_of_memory
from iqa_train.training.own_loss import OwnLoss, import_loss
from iqa_train.training.targets import WITH_OPINIONS, opinion_notes, opinions_digest, require_opinions
from iqa_train.training.trainer import RoundInputs, Trainer


def train_run(spec: RunSpec, run: RunFolder, journal: Journal, writer: Writer, *, resume: bool) -> tuple[int, str]:
    """Carry out a run; returns its exit code and final message. What ends it early is raised."""
    settings, rounds = spec.settings, spec.settings.train_test_num
    if trained := revision_words(spec.revision):
        raise UsageError(f"this run was {trained} and cannot continue; start its experiment again, as a new run")
    device = choose_device(settings)
    journal.event("start", experiment=spec.experiment, seed=spec.seed, epochs=settings.epochs, device=device.name)
    journal.say(*run_log.header(spec, run, device))

    table = load_table(settings.dataset, spec.source, settings.data_dir)
    require_opinions(settings, table)
    code = _own_code(spec, run, journal)
    own_loss = _own_loss(settings, code, table, device)
    _require_network(settings, code)  # what is missing or wrong is reported before the long work on the pixel store
    store = _open_pixels(spec, table, journal)
    cross_sets = open_cross_sets(settings, spec.cross_sources, journal)
    logged = frozenset((event["round"], event["epoch"]) for event in epoch_events(run)) if resume else frozenset()

    results: list[dict[str, Any]] = []
    for number in range(1, rounds + 1):
        round_settings = settings.model_copy(update={"seed": settings.seed + number - 1})
        split = split_table(table, round_settings.seed)
        if number == 1:
            journal.say(*run_log.data(table, split, store), *opinion_notes(settings, table))
            uses = settings.loss_type in WITH_OPINIONS or (own_loss is not None and own_loss.takes_context)
            opinions = opinions_digest(table) if uses else ""
            repeat = {"repeat": {"number": run.repeat, "rounding": NEIGHBOURS}} if run.repeat > 1 else {}
            record_provenance(
                run, table, split, device.facts(settings), writer, resume=resume, opinions=opinions, more=repeat
            )
        files, owner = run.round(number, rounds), checkpoint_owner(spec, run, number)
        if files.folder != run.path:
            writer.check()
            files.folder.mkdir(exist_ok=True)
        inputs = RoundInputs(
            number, round_settings, spec.normalisation, owner, files, table, split, store, device, journal,
            writer, repeat=run.repeat, code=code, own_loss=own_loss, already_logged=logged,
        )  # fmt: skip
        results.append(_train_round(inputs, rounds, resume=resume))

    write_result(run, spec, results, split, writer)  # before the cross tests, which may fail
    failures = _cross_test(run, spec, cross_sets, results, device, journal, writer)
    if any(result["cross"] for result in results):
        write_result(run, spec, results, split, writer)
    journal.say(run_log.medians(medians(results)))
    return (outcome.UNTESTED, failures) if failures else (outcome.OK, run_log.early_stop(results))


def _own_code(spec: RunSpec, run: RunFolder, journal: Journal) -> Path | None:
    """The folder of the copy of the study's own code, named in the log before any of it runs; None: it has none."""
    if spec.code is None:
        return None
    folder = require_copy(run, spec.code)
    journal.say(*run_log.own_code(spec.code, folder))
    return folder


def _own_loss(settings: TrainingConfig, code: Path | None, table: ImageTable, device: ComputeDevice) -> OwnLoss | None:
    """The study's own loss. Raises OwnCodeError for one that cannot be imported, that fails or has no gradient."""
    loss = import_loss(settings, code)
    if loss is not None:
        require_trainable(loss, table.score_range, settings.batch_size, device.torch)
    return loss


def _require_network(settings: TrainingConfig, code: Path | None) -> None:
    """Raise WeightsError for missing weights, OwnCodeError for an own network that cannot be built."""
    if code_reference(settings.network) is None:
        find_weights(settings)
    else:
        build_network(settings, settings.seed, code)


def _open_pixels(spec: RunSpec, table: ImageTable, journal: Journal) -> PixelStore:
    settings = spec.settings
    store = open_store(
        table, resize=settings.resize, cache_dir=settings.cache_dir, workers=settings.workers,
        progress=lambda done, total: journal.progress("pixels", 0, done, total, "images"),
        waiting=WaitNotice(journal, table.name),
    )  # fmt: skip
    require_room(table, store, settings.patch_size)
    return store


def _train_round(inputs: RoundInputs, rounds: int, *, resume: bool) -> dict[str, Any]:
    """The round's result. The network's memory is free again afterwards."""
    trainer, journal = Trainer(inputs, resume=resume), inputs.journal
    sizes = [(p.numel(), not p.requires_grad) for p in trainer.network.parameters()]
    total, frozen = sum(size for size, _ in sizes), sum(size for size, fixed in sizes if fixed)
    journal.say(*run_log.round_start(inputs.number, rounds, inputs.settings, (total, frozen), trainer.progress))
    if isinstance(trainer.network, OwnNetwork):
        journal.say(*run_log.own_normalisation(trainer.network))
    result = trainer.train()
    result["parameters"] = total
    journal.say(*run_log.best(result))
    return result | {"cross": {}}


def _cross_test(
    run: RunFolder,
    spec: RunSpec,
    cross_sets: list[CrossSet],
    results: list[dict[str, Any]],
    device: ComputeDevice,
    journal: Journal,
    writer: Writer,
) -> str:
    """Test the trained run on the other sets and add the measures to `results`; returns the failures, "" for none."""
    failures = []
    for cross_set in cross_sets:
        try:
            with explain_out_of_memory(spec.settings.batch_size):
                measured = evaluate_all_rounds(run, spec, cross_set, device, journal, writer)
        except (UserError, OutOfMemoryError, OSError) as error:
            failures.append(f"the test on {cross_set.table.name} failed: {error}")
            journal.say(failures[-1])
            continue
        for result, measures in zip(results, measured, strict=True):
            result["cross"][cross_set.name] = measures
    retry = f"iqa-train test --exp {spec.experiment} --on NAME tries again"
    return f"trained to the end, but {'; '.join(failures)}; {retry}" if failures else ""
