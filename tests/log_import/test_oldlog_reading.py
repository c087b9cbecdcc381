"""Old logs, read: every layout that the script has had, whatever a log has been through, cut short anywhere."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iqa_train.log_import.epoch_table import BrokenRowError, Epoch, header_of, row_of
from iqa_train.log_import.log_lines import lines_of
from iqa_train.log_import.read_log import NoOldLogError, OldLog, read_log
from iqa_train.log_import.rounds import training_of
from tests.log_import.old_logs import HEADER, SCORES, Script, bar, old_log

COLUMNS = ("epoch", "train_loss", "train_srcc", "test_srcc", "test_plcc")


def read(folder: Path, text: str | bytes, name: str = "some.log") -> OldLog:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_log(path)


def epochs_in(data: bytes) -> list[Epoch]:
    return [epoch for round_ in training_of(lines_of(data)).rounds for epoch in round_.epochs]


def scores_of(log: OldLog) -> list[tuple[float | None, float | None]]:
    return [(epoch.test_srcc, epoch.test_plcc) for round_ in log.rounds for epoch in round_.epochs]


def test_a_whole_log(tmp_path: Path) -> None:
    log = read(tmp_path, old_log())
    assert scores_of(log) == list(SCORES)
    (round_,) = log.rounds
    assert round_.chosen is not None
    assert (round_.chosen.number, round_.best) == (8, (0.9378, 0.9485))
    assert (log.outcome.state, log.outcome.exit_code) == ("completed", 0)
    assert log.images == {"train": 7046, "test": 2010}
    assert (log.training.median, log.training.starts) == ((0.9378, 0.9485), 1)
    assert {epoch.seconds for epoch in round_.epochs} == {21 * 60 + 33 + 3723.0}  # training and testing, not loading


def test_the_list_of_settings_is_read_in_our_names(tmp_path: Path) -> None:
    log = read(tmp_path, old_log(Script(lr=5e-7, attention=False, patience=4)))
    told = {name: getattr(log.settings, name) for name in log.logged}
    assert told == {
        "dataset": "koniq-10k", "train_patch_num": 20, "test_patch_num": 20, "test_random_crop": True, "spaq": False,
        "backbone": "swin", "model_size": "base", "multi_scale": True, "attention_fusion": False,
        "drop_path_rate": 0.3, "dropout_rate": 0.4, "lr": 5e-7, "lr_ratio": 10.0, "lr_scheduler": "cosine",
        "lr_floor": 1e-6, "weight_decay": 2e-4, "batch_size": 32, "epochs": 10, "early_stopping": True, "patience": 4,
        "ranking_loss_alpha": 0.0, "ranking_loss_margin": 0.1, "train_test_num": 1, "seed": 42,
    }  # fmt: skip
    assert log.settings.select_on == "test"  # the script knew nothing else
    assert log.assumed == ("patch_size", "color_jitter", "loss_type")
    assert log.notes == ("not in the log, so assumed at the script's defaults: patch_size, color_jitter, loss_type",)


@pytest.mark.parametrize("size", ["tiny", "small", "base"])
def test_every_size_is_read_though_the_script_calls_all_of_them_tiny(tmp_path: Path, size: str) -> None:
    log = read(tmp_path, old_log(Script(model_size=size, configuration=False)))
    assert (log.settings.model_size, "model_size" in log.logged) == (size, True)


def test_a_log_without_the_list_is_read_by_its_remarks(tmp_path: Path) -> None:
    log = read(tmp_path, old_log(Script(alpha=0.3, spaq=True, multi_scale=False, configuration=False)))
    told = {name: getattr(log.settings, name) for name in log.logged}
    assert told["ranking_loss_alpha"] == 0.3
    assert told["spaq"] is True  # there is a column of it
    assert told["multi_scale"] is False
    assert told["epochs"] == 10
    assert {"batch_size", "weight_decay", "lr"} <= set(log.assumed)


def test_a_rate_printed_as_zero_is_unknown_and_that_is_reported(tmp_path: Path) -> None:
    log = read(tmp_path, old_log(Script(lr=4e-7, configuration=False)))
    assert "lr" in log.assumed
    assert "lr is unknown: the log prints it as 0.000000; the script's default, 2e-05, is used" in log.notes
    assert all(epoch.rate is None for epoch in log.rounds[0].epochs)


def test_a_rate_that_is_printed_belongs_to_the_epoch_after_it(tmp_path: Path) -> None:
    log = read(tmp_path, old_log(Script(lr=2e-5)))
    assert [epoch.rate for epoch in log.rounds[0].epochs] == [None] + [2e-5] * 9


@pytest.mark.parametrize(
    ("name", "rate"),
    [
        ("baseline_lr5e7_20251223_092034.log", 5e-7), ("baseline_lr5e-7.log", 5e-7), ("x_LR1e6.log", 1e-6),
        ("lr3e6.log", 3e-6), ("baseline.log", None), ("colr5e7.log", None), ("x_lr0e7.log", None),
    ],
)  # fmt: skip
def test_the_name_of_a_log_may_state_the_rate(tmp_path: Path, name: str, rate: float | None) -> None:
    log = read(tmp_path, old_log(Script(configuration=False)), name)
    assert log.by_name == (("lr",) if rate else ())
    if rate:
        assert log.settings.lr == rate
        assert f"lr = {rate:g} is taken from the file's name; the log does not state it" in log.notes


def test_the_list_goes_before_the_name(tmp_path: Path) -> None:
    log = read(tmp_path, old_log(Script(lr=1e-6)), "baseline_lr5e7.log")
    assert (log.settings.lr, log.by_name) == (1e-6, ())


COMMAND = (
    "CUDA_VISIBLE_DEVICES=0 python train_swin.py --dataset koniq-10k --model_size base --batch_size 32 --epochs 10 "
    "--patience 3 --train_patch_num 20 --test_patch_num 20 --train_test_num 1 --lr 5e-7 --weight_decay 2e-4 "
    "--drop_path_rate 0.3 --dropout_rate 0.4 --lr_scheduler cosine --attention_fusion --ranking_loss_alpha 0 "
    "--test_random_crop --no_spaq --no_color_jitter 2>&1 | tee logs/baseline_lr5e7.log"
)


@pytest.mark.parametrize(
    "command",
    [COMMAND, "+ " + COMMAND, COMMAND.replace(" --", " \\\n    --"), COMMAND.replace("--lr 5e-7", "--lr=5e-7")],
    ids=["one line", "set -x", "backslashes", "equals sign"],
)
def test_a_command_line_states_all_settings(tmp_path: Path, command: str) -> None:
    log = read(tmp_path, old_log(Script(configuration=False, remarks=False), before=command + "\n"))
    c = log.settings
    assert (c.lr, c.weight_decay, c.batch_size, c.model_size, c.patience) == (5e-7, 2e-4, 32, "base", 3)
    assert (c.attention_fusion, c.spaq, c.color_jitter, c.test_random_crop) == (True, False, False, True)
    assert (c.loss_type, c.lr_floor, log.assumed, log.notes) == ("l1", 1e-6, (), ())  # the rest had its defaults
    assert log.command[:3] == ("train_swin.py", "--dataset", "koniq-10k")
    assert "tee" not in log.command


def test_the_options_that_switch_something_off(tmp_path: Path) -> None:
    command = (
        "python train_swin.py --dataset koniq-10k --no_multiscale --no_early_stopping --no_lr_scheduler --lr 1e-5\n"
    )
    c = read(tmp_path, old_log(Script(configuration=False, remarks=False), before=command)).settings
    assert (c.multi_scale, c.early_stopping, c.lr_scheduler, c.lr_floor) == (False, False, "none", 0.0)
    assert (c.epochs, c.batch_size) == (10, 96)  # bars tell the one, the script's defaults the other


def test_what_a_command_line_leaves_out_had_the_scripts_default(tmp_path: Path) -> None:
    bare = Script(configuration=False, remarks=False, bars=False)
    log = read(
        tmp_path, old_log(bare, SCORES[:4], ends=False, before="python train_swin.py --dataset koniq-10k --lr 1e-5\n")
    )
    assert log.settings.epochs == 16
    assert log.outcome.reason == "the log ends after epoch 4 of 16, without its closing line"


NAMESPACE = (
    "Namespace(dataset='koniq-10k', lr=5e-07, use_multiscale=False, use_attention=True, lr_scheduler_type='step', "
    "use_lr_scheduler=True, test_spaq=False, early_stopping=False, batch_size=32, lr_ratio=10, other=object())"
)


def test_a_namespace_states_all_settings(tmp_path: Path) -> None:
    log = read(tmp_path, old_log(Script(configuration=False, remarks=False), before=NAMESPACE + "\n"))
    c = log.settings
    assert (c.lr, c.multi_scale, c.attention_fusion, c.lr_scheduler) == (5e-7, False, True, "step")
    assert (c.spaq, c.early_stopping, c.batch_size, c.lr_ratio, c.lr_floor) == (False, False, 32, 10.0, 0.0)
    constant = NAMESPACE.replace("use_lr_scheduler=True", "use_lr_scheduler=False")
    log = read(tmp_path, old_log(Script(configuration=False, remarks=False), before=constant + "\n"))
    assert log.settings.lr_scheduler == "none"


@pytest.mark.parametrize("line", ["Namespace(", "Namespace(lr=", "Namespace(lr=1e)", "Namespace[1]", "Namespace(*x)"])
def test_a_namespace_that_cannot_be_read_is_skipped(tmp_path: Path, line: str) -> None:
    assert "lr" in read(tmp_path, old_log(Script(configuration=False), before=line + "\n")).assumed


def test_a_setting_that_this_program_has_not_is_named(tmp_path: Path) -> None:
    log = read(tmp_path, old_log(Script(model_size="large")))
    assert 'the log says model_size = "large", which this program does not have' in log.notes
    assert "model_size" in log.assumed


def test_the_floor_of_the_cosine_is_known_of_the_script_where_it_used_one(tmp_path: Path) -> None:
    bare = Script(configuration=False, remarks=False)
    log = read(tmp_path, old_log(bare))
    assert (log.settings.lr_floor, {"lr_floor", "lr_scheduler"} <= set(log.assumed)) == (0.0, True)
    log = read(tmp_path, old_log(Script(remarks=False)))
    assert (log.settings.lr_floor, "lr_floor" in log.assumed) == (1e-6, False)


def test_a_constant_rate_is_reported_only_in_a_remark(tmp_path: Path) -> None:
    text = old_log(Script(remarks=False), before="Learning rate scheduler: DISABLED (constant LR)\n")
    assert read(tmp_path, text).settings.lr_scheduler == "none"


# Layouts of the table.


@pytest.mark.parametrize(
    "header",
    [
        HEADER, HEADER.replace("\t", "    "), HEADER.replace("\t", " "), HEADER.replace("_", " "), HEADER.lower(),
        "Epoch   Train Loss   Train SRCC   Test SRCC   Test PLCC", "  " + HEADER, HEADER.replace("\t", "\t\t"),
    ],
)  # fmt: skip
def test_headers_however_they_are_spaced(header: str) -> None:
    assert header_of(header) == COLUMNS


def test_headers_with_further_columns() -> None:
    assert header_of(HEADER + "\tSPAQ_SRCC\tSPAQ_PLCC") == (*COLUMNS, "spaq_srcc", "spaq_plcc")
    assert header_of(HEADER + "\tTest_KRCC\tTime(s)") == (*COLUMNS, "test_krcc", "")
    assert header_of("Epoch\tTest_SRCC\tTest_PLCC") == ("epoch", "test_srcc", "test_plcc")


@pytest.mark.parametrize("text", ["Epoch 1/5:", "Epochs: 10", "Train_SRCC\tTest_SRCC\tEpoch", "", "Epoch\tLoss"])
def test_lines_that_are_not_a_header(text: str) -> None:
    assert header_of(text) is None


def test_rows_with_and_without_parts_of_the_loss() -> None:
    plain = row_of("1\t4.850\t\t0.8823\t\t0.9193\t\t0.9346", COLUMNS)
    assert plain == Epoch(1, 4.85, 0.8823, 0.9193, 0.9346)
    for loss in ("5.295 (L1:5.070,Rank:0.748)", "5.295(L1:5.070,Rank:0.748)", "5.295 (L1: 5.070, Rank: 0.748)"):
        row = row_of(f"1\t{loss}\t0.8823\t0.9193\t0.9346", COLUMNS)
        assert row == Epoch(1, 5.295, 0.8823, 0.9193, 0.9346, parts={"L1": 5.07, "Rank": 0.748})


def test_rows_with_further_columns_and_without() -> None:
    wide = (*COLUMNS, "spaq_srcc", "spaq_plcc")
    row = row_of("2 3.0 0.95 0.91 0.93 0.85 0.84", wide)
    assert row is not None
    assert row.more == {"spaq_srcc": 0.85, "spaq_plcc": 0.84}
    assert row_of("2 3.0 0.95 0.91 0.93", wide) == Epoch(2, 3.0, 0.95, 0.91, 0.93)
    assert row_of("2/10\t3.0\t0.95\t0.91\t0.93\t12:34", (*COLUMNS, "")) == Epoch(2, 3.0, 0.95, 0.91, 0.93)


def test_undefined_scores_are_none() -> None:
    assert row_of("3\tnan\t\tnan\t\tnan\t\tnan", COLUMNS) == Epoch(3, None, None, None, None)


@pytest.mark.parametrize(
    "text",
    [
        "3\t2.5\t\t0.97\t\t0.9180\t\t0.9310", "3\t2.5", "3\t2.5\t\t0.9720\t\t0.9180\t\t0.93",
        "3\t2.5\t\t1.9720\t\t0.9180\t\t0.9310", "0\t2.5\t\t0.9720\t\t0.9180\t\t0.9310", "3\t-\t\tx\t\ty\t\tz",
    ],
)  # fmt: skip
def test_rows_that_have_lost_something_are_refused(text: str) -> None:
    with pytest.raises(BrokenRowError):
        row_of(text, COLUMNS)


@pytest.mark.parametrize("text", ["  Total batches: 4404", "Best test SRCC 0.937800", "7046 images", "  Model saved"])
def test_lines_between_rows_are_not_rows(text: str) -> None:
    assert row_of(text, COLUMNS) is None


def test_a_broken_row_is_left_out_and_named(tmp_path: Path) -> None:
    text = old_log().replace("0.9302\t\t0.9411", "0.9302\t\t0.94")
    log = read(tmp_path, text)
    assert [epoch.number for epoch in log.rounds[0].epochs] == [1, 3, 4, 5, 6, 7, 8, 9, 10]
    assert "a row of its table without all its numbers was left out: 2 4.500 0.9002 0.9302 0.94" in log.notes


# What a log may have been through.


def test_carriage_returns_that_were_lost(tmp_path: Path) -> None:
    text = old_log(Script(alpha=0.3, spaq=True))
    assert epochs_in(text.replace("\r", "").encode()) == epochs_in(text.encode())


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_each_epoch_has_the_seconds_of_its_own_bars(end: str) -> None:
    minutes = iter(range(10, 20))
    text = re.sub(r"21:33<", lambda _: f"{next(minutes)}:00<", old_log())
    expected = [60 * k + 3723.0 for k in range(10, 20)]
    assert [epoch.seconds for epoch in epochs_in(text.replace("\n", end).encode())] == expected


def test_seconds_of_an_epoch_whose_row_is_missing_are_not_given_to_the_next() -> None:
    text = old_log()
    whole = [21 * 60 + 33 + 3723.0] * 10
    without = re.sub(r"\n4\t[^\n]*", "", re.sub(r"\n3\t[^\n]*", "", text))
    assert [epoch.seconds for epoch in epochs_in(without.encode())] == [*whole[:2], None, *whole[5:]]
    broken = re.sub(r"\n3\t[^\n]*", "\n3\t2.1", text)
    assert [epoch.seconds for epoch in epochs_in(broken.encode())] == whole[:9]
    first = re.sub(r"\n1\t[^\n]*", "", text)
    assert [epoch.seconds for epoch in epochs_in(first.encode())] == [None, *whole[2:]]


@pytest.mark.parametrize("before", ["Round 2\n", "Best test SRCC"])
def test_seconds_of_a_last_epoch_without_a_row_are_not_given_to_the_next_round(before: str) -> None:
    text = old_log(Script(rounds=2))
    at = text.index(before)
    row = text.rindex("\n10\t", 0, at)
    text = text[:row] + text[text.index("\n", row + 1) :]
    if before != "Round 2\n":
        text = text.replace("Round 2\n", "")
    assert [epoch.seconds for epoch in epochs_in(text.encode())] == [21 * 60 + 33 + 3723.0] * 19


def test_the_line_ends_of_windows_and_its_utf_16() -> None:
    text = old_log()
    whole = epochs_in(text.encode())
    assert epochs_in(text.replace("\n", "\r\n").encode()) == whole
    assert epochs_in(b"\xef\xbb\xbf" + text.encode()) == whole
    assert epochs_in(text.replace("\n", "\r\n").encode("utf-16")) == whole


def test_bytes_that_are_not_text_and_colours() -> None:
    text = old_log().replace("⭐", "\udcff").encode("utf-8", "surrogateescape")
    assert epochs_in(text) == epochs_in(old_log().encode())
    coloured = old_log().replace("\n1\t", "\n\x1b[32m1\t").replace("0.9370\n", "0.9370\x1b[0m\n", 1)
    assert epochs_in(coloured.encode()) == epochs_in(old_log().encode())
    assert epochs_in(old_log().encode() + bytes(4096)) == epochs_in(old_log().encode())


def test_rows_that_a_buffer_put_between_bars() -> None:
    """Behind a pipe, the script's lines came in blocks, wherever the bars, unbuffered, just stood."""
    row = "2\t4.500\t\t0.9002\t\t0.9302\t\t0.9411\n"
    drawn = bar("Epoch 3/10", 4404, "batch", "21:33").rstrip("\n")
    whole = old_log()
    for at in (0, 1, 12, len(row) - 1):
        parted = row[:at] + drawn + row[at:]
        assert [e.test_plcc for e in epochs_in(whole.replace(row, parted).encode())] == [p for _, p in SCORES]


def test_lines_longer_than_any_of_the_script_are_skipped() -> None:
    for filling in (" " * 1_000_000, "x" * 10_000, "100%|" * 100_000, "Namespace(" * 1000):
        assert epochs_in(old_log().replace("\n3\t", f"\n{filling}\n3\t").encode()) == epochs_in(old_log().encode())


def test_rounds(tmp_path: Path) -> None:
    log = read(tmp_path, old_log(Script(rounds=3)))
    assert [len(r.epochs) for r in log.rounds] == [10, 10, 10]
    assert [r.best for r in log.rounds] == [(0.9378, 0.9485)] * 3
    assert log.settings.train_test_num == 3
    unmarked = old_log(Script(rounds=3)).replace("Round ", "round number ")
    assert [len(r.epochs) for r in read(tmp_path, unmarked).rounds] == [10, 10, 10]


def test_a_header_before_every_epoch_starts_no_round(tmp_path: Path) -> None:
    text = old_log(Script(bars=False))
    for number in range(2, 11):
        text = text.replace(f"\n{number}\t", f"\n{HEADER}\n{number}\t")
    assert [len(r.epochs) for r in read(tmp_path, text).rounds] == [10]


# How it ended.


def test_stopped_early(tmp_path: Path) -> None:
    log = read(tmp_path, old_log(scores=SCORES[:6], stops_early=True))
    assert log.outcome.state == "stopped-early"
    assert log.rounds[0].stopped_early


def test_without_its_closing_line_a_log_was_cut_short(tmp_path: Path) -> None:
    log = read(tmp_path, old_log(scores=SCORES[:4], ends=False))
    assert (log.outcome.state, log.outcome.exit_code, log.outcome.signal) == ("lost", None, None)
    assert log.outcome.reason == "the log ends after epoch 4 of 10, without its closing line"
    bare = Script(configuration=False, remarks=False, bars=False)
    log = read(tmp_path, old_log(bare, SCORES[:4], ends=False))
    assert log.outcome.reason == "the log ends after epoch 4, without its closing line"
    assert "the log does not state how many epochs were planned; its own number is used" in log.notes
    log = read(tmp_path, old_log(Script(rounds=3)).split("Round 3")[0])
    assert log.outcome.reason == "the log ends in round 2 of 3, after epoch 10 of 10, without its closing line"


def test_the_last_line_may_be_missing(tmp_path: Path) -> None:
    text = old_log()
    assert read(tmp_path, text.split("Testing median")[0]).outcome.state == "completed"
    assert read(tmp_path, text.rstrip("\n")).outcome.state == "completed"
    assert read(tmp_path, text.replace("Best test SRCC", "Best SRCC was")).outcome.state == "completed"


TRACE = 'Traceback (most recent call last):\n  File "train_swin.py", line 251, in <module>\n    main(config)\n'


@pytest.mark.parametrize(
    ("error", "state", "says"),
    [
        ("KeyboardInterrupt", "killed", "interrupted after epoch 4 of 10"),
        ("RuntimeError: shape mismatch", "failed", "RuntimeError: shape mismatch, after epoch 4 of 10"),
        ("torch.OutOfMemoryError: CUDA out of memory. Tried", "failed", "out of memory, after epoch 4 of 10"),
    ],
)
def test_a_traceback_at_the_end(tmp_path: Path, error: str, state: str, says: str) -> None:
    log = read(tmp_path, old_log(scores=SCORES[:4], ends=False) + TRACE + error + "\n")
    assert (log.outcome.state, log.outcome.reason, log.outcome.can_pass) == (state, says, False)


def test_a_traceback_that_training_survived_says_nothing(tmp_path: Path) -> None:
    text = old_log(Script(bars=False)).replace("\n5\t", f"\n{TRACE}OSError: [Errno 5]\n5\t")
    assert read(tmp_path, text).outcome.state == "completed"
    cut = text.split("\n9\t")[0] + "\n"
    assert read(tmp_path, cut).outcome.state == "lost"


# What is no such log.


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not a log of the original training script; it has no header line with Epoch and Test_SRCC"),
        ("hello\n", "not a log of the original training script"),
        (bytes(range(256)) * 50, "not a log of the original training script"),
        (
            HEADER + "\n  Total batches: 4404\n",
            "a log of the original training script that ends before its first epoch, so there is nothing to import",
        ),
        (old_log() + old_log(), "the script was started 2 times in this log; split it into one file for each start"),
    ],
    ids=["empty", "other text", "binary", "no epoch", "two starts"],
)
def test_what_cannot_be_imported_is_reported_in_one_sentence(tmp_path: Path, text: str | bytes, says: str) -> None:
    with pytest.raises(NoOldLogError) as caught:
        read(tmp_path, text)
    assert f"some.log: {says}" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_start_that_came_to_nothing_does_not_count(tmp_path: Path) -> None:
    log = read(tmp_path, old_log(scores=(), ends=False) + old_log())
    assert scores_of(log) == list(SCORES)


SECOND_RUNS = {
    "no start": lambda text: text[text.index("Using Swin") :],
    "no start, no backbone": lambda text: text[text.index("Round 1") :],
    "header and rows": lambda text: text[text.index(HEADER) :],
    "rows alone": lambda text: text[text.index("\n1\t") + 1 :],
}


@pytest.mark.parametrize("second", SECOND_RUNS.values(), ids=SECOND_RUNS.keys())
@pytest.mark.parametrize("ends", [True, False])
@pytest.mark.parametrize("rounds", [1, 2])
def test_two_runs_in_one_file_are_never_averaged(
    tmp_path: Path, second: Callable[[str], str], ends: bool, rounds: int
) -> None:
    text = old_log(Script(bars=False, rounds=rounds), ends=ends)
    other = second(text.replace("0.9378", "0.9178").replace("0.9377", "0.9177"))
    with pytest.raises(
        NoOldLogError, match=r"holds more than one run \(.*; split it into one file for each run, where"
    ):
        read(tmp_path, text + other)


@pytest.mark.parametrize("mark", ["Round 1\n", HEADER + "\n", "\n1\t"])
def test_what_was_planned_need_not_be_known_for_it(tmp_path: Path, mark: str) -> None:
    text = old_log(Script(configuration=False, bars=False))
    text = text[text.index("Using Swin") :]
    with pytest.raises(NoOldLogError, match="holds more than one run"):
        read(tmp_path, text + text[text.index(mark) :])


def test_folders_missing_files_and_files_that_may_not_be_read(tmp_path: Path) -> None:
    with pytest.raises(NoOldLogError, match="a folder; give the logs of the original training script"):
        read_log(tmp_path)
    with pytest.raises(NoOldLogError, match=r"none\.log: no such file"):
        read_log(tmp_path / "none.log")
    with pytest.raises(NoOldLogError, match="no regular file"):
        read_log(Path("/dev/null"))


# Properties.

LOGS = [
    old_log().encode(),
    old_log(Script(alpha=0.3, spaq=True, rounds=2, epochs=4), SCORES[:4], stops_early=True).encode(),
    old_log(Script(configuration=False, epochs=3), SCORES[:3]).replace("\n", "\r\n").encode(),
    old_log(Script(epochs=3, bars=False), SCORES[:3]).encode("utf-16"),
]


@pytest.mark.slow
@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_any_truncation_gives_the_epochs_before_it(data: st.DataObject) -> None:
    whole = data.draw(st.sampled_from(LOGS))
    cut = data.draw(st.integers(0, len(whole)))
    found, expected = epochs_in(whole[:cut]), epochs_in(whole)
    assert found == expected[: len(found)]
    training = training_of(lines_of(whole[:cut]))
    full = training_of(lines_of(whole))
    for early, late in zip(training.rounds, full.rounds, strict=False):
        assert early.best in {None, late.best}
    assert training.median in {None, full.median}


@pytest.mark.slow
@given(data=st.binary(max_size=400), at=st.integers(0, 5000))
@settings(max_examples=200, deadline=None)
def test_no_damage_crashes_the_reader(tmp_path_factory: pytest.TempPathFactory, data: bytes, at: int) -> None:
    whole = LOGS[1]
    path = tmp_path_factory.mktemp("damaged") / "some.log"
    path.write_bytes(whole[:at] + data + whole[at:])
    try:
        log = read_log(path)
    except NoOldLogError:
        return
    assert log.training.epochs >= 1
    assert all(-1 <= e.test_srcc <= 1 for r in log.rounds for e in r.epochs if e.test_srcc is not None)


@pytest.mark.slow
@given(st.text(max_size=200))
@settings(max_examples=300, deadline=None)
def test_no_text_crashes_the_rows(text: str) -> None:
    header_of(text)
    try:
        row_of(text, COLUMNS)
    except BrokenRowError:
        return


@pytest.mark.parametrize("before", ["^C", "\rEpoch 3/10:  10%|#         | 5/50 [00:02<00:20,  2.00batch/s, loss=7.1]"])
def test_a_traceback_may_follow_on_the_same_line(tmp_path: Path, before: str) -> None:
    log = read(tmp_path, f"{old_log(scores=SCORES[:4], ends=False)}{before}{TRACE}KeyboardInterrupt\n")
    assert log.outcome.state == "killed"


def test_titles_of_a_terminal_are_not_text() -> None:
    head = "Epoch\tTrain_Loss\tTrain_SRCC\tTest_SRCC\tTest_PLCC"
    assert lines_of(f"\x1b]0;host: train\x07{head}\n".encode())[0].text == head


def test_an_epoch_beyond_the_last_is_refused(tmp_path: Path) -> None:
    """Where lines were broken at a width or joined, digits of two numbers may run together."""
    (log := tmp_path / "a.log").write_text(old_log(Script(bars=False)).replace("\n10\t", "\n251\t"))
    with pytest.raises(NoOldLogError, match=r"a row of its table is for epoch 251, but the log says that 10 were"):
        read_log(log)


@pytest.mark.parametrize("width", range(8, 100, 3))
def test_a_log_broken_at_any_width_gives_its_own_numbers_or_none(tmp_path: Path, width: int) -> None:
    text = old_log(Script(bars=False))
    (whole := tmp_path / "a.log").write_text(text)
    lines = [line[k : k + width] for line in text.split("\n") for k in range(0, max(1, len(line)), width)]
    (broken := tmp_path / "b.log").write_text("\n".join(lines))
    try:
        found = read_log(broken)
    except NoOldLogError:
        return
    (ours,), (theirs,) = found.rounds, read_log(whole).rounds
    for mine, true in zip(ours.epochs, theirs.epochs, strict=True):
        assert (mine.number, mine.test_srcc, mine.train_loss) == (true.number, true.test_srcc, true.train_loss)
        assert mine.test_plcc in {None, true.test_plcc}
