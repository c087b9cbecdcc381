"""Recognises command lines of other scripts, by the script's name and by options that only that script has.

Settings that are not given have the defaults of `train_swin.py`, the script that this program replaces. Two sister
scripts have options of the same names with other defaults, so that their commands would train something else here. The
original study has HyperIQA's trainer a second time, as `train_hyperiqa.py`, with its own defaults: it tests on the
centre crop and on SPAQ, and stops early.
"""

from collections.abc import Sequence
from pathlib import PurePath

from iqa_train.errors import UsageError, visible

_HYPERIQA = "HyperIQA's own trainer"
_STUDYS_HYPERIQA = "the study's trainer of HyperIQA"
_FINAL = "the study's final trainer"
_RESNET = (
    "iqa-train --backbone resnet50 --no_multiscale --lr_scheduler step --dropout_rate 0 --drop_path_rate 0 "
    "--ranking_loss_alpha 0 --no_color_jitter"
)
_AS_HYPERIQA = f"{_RESNET} --no_early_stopping --test_random_crop --no_spaq, then the options typed"
_AS_STUDYS_HYPERIQA = f"{_RESNET}, then the options typed"
_AS_FINAL = "iqa-train --exp Baseline (experiments.toml has those defaults), then the options typed"

SCRIPTS = {
    "train_test_IQA.py": (_HYPERIQA, _AS_HYPERIQA),
    "train_hyperiqa.py": (_STUDYS_HYPERIQA, _AS_STUDYS_HYPERIQA),
    "train_smart_iqa.py": (_FINAL, _AS_FINAL),
}
_REPLACED = "train_swin.py"

_OPTIONS = {
    "--use_attention": (_FINAL, "here it is --attention_fusion"),
    "--use_multiscale": (_FINAL, "here it is --multi_scale, which is on unless --no_multiscale"),
    "--lr_scheduler_type": (_FINAL, "here it is --lr_scheduler"),
    "--use_lr_scheduler": (_FINAL, "here leave it out: there is a schedule unless --no_lr_scheduler"),
    "--test_spaq": (_FINAL, "here it is --spaq, which is on unless --no_spaq"),
    "--koniq_path": (_FINAL, "here it is --data_dir, the folder of the data set"),
    "--koniq_set": (_FINAL, "here it is --data_dir, the folder of the data set"),
    "--num_workers": (_FINAL, "here it is --workers"),
    "--preload": (_FINAL, "here leave it out: pixels are decoded once and kept"),
    "--use_color_jitter": (_STUDYS_HYPERIQA, "here it is --color_jitter, which is on unless --no_color_jitter"),
}


def refuse_script(words: Sequence[str]) -> None:
    """Raise UsageError for words that begin with a script, or with Python and a script."""
    first = PurePath(words[0]).name if words else ""
    script = next((w for w in words[1:3] if w.endswith(".py")), "") if first.startswith("python") else first
    name = PurePath(script).name
    if not name.endswith(".py"):
        return
    if name in SCRIPTS:
        whose, instead = SCRIPTS[name]
        raise UsageError(f"{name} is {whose} and has other defaults; the equivalent is {instead}")
    typed = "iqa-train and its options"
    if name == _REPLACED:
        raise UsageError(f"leave {name} out: {typed} replace it")
    raise UsageError(f"{visible(name)} is a script, which iqa-train does not run; use {typed} alone")


def refuse_options(words: Sequence[str]) -> None:
    """Raise UsageError for an option that only another script has, with the option to use here."""
    for word in words:
        option = "--" + word.partition("=")[0].removeprefix("--").replace("-", "_") if word.startswith("--") else ""
        if option in _OPTIONS:
            whose, instead = _OPTIONS[option]
            raise UsageError(f"{option} is an option of {whose}; {instead}")
