"""Settings that have no effect, given the others: a table of rules."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from iqa_train.study.backbones import SIZED_BACKBONES, TAPS, even_taps, known_backbone, plain_vit, same_network
from iqa_train.study.code_reference import code_reference
from iqa_train.study.normalisation import normalisation_of_weights
from iqa_train.study.settings import TrainingConfig
from iqa_train.text import join_names

COMPARING = ("srcc", "rank", "pairwise", "soft_srcc", "margin_rank", "ranknet", "plcc", "nin", "fidelity")
"""The losses that compare crops of a batch with each other."""

_WITH_MARGIN = ("margin_rank", "ranknet")


@dataclass(frozen=True)
class Rule:
    """`setting` has no effect while `blocked` holds; the value `idle` requests no effect anyway.

    `neutral` is the value it counts as then, `because` the clause that says why, `involved` the settings that decide. A
    `component` is something an ablation could be about, as opposed to a detail of what is switched off. A `quiet` rule
    is worth no word where the setting acts in the baseline and comes from there.
    """

    setting: str
    blocked: Callable[[TrainingConfig], bool]
    involved: tuple[str, ...]
    because: str
    neutral: Any
    idle: Any = None
    component: bool = False
    quiet: bool = False

    def holds(self, config: TrainingConfig) -> bool:
        """Whether the setting requests an effect that it cannot have."""
        return getattr(config, self.setting) != self.idle and self.blocked(config)


def never_steps(config: TrainingConfig) -> bool:
    """Whether the first drop of a step schedule would come after the last epoch."""
    return config.lr_scheduler == "step" and config.lr_step_epochs >= config.epochs


def _no_margin(config: TrainingConfig) -> bool:
    return config.loss_type not in _WITH_MARGIN and not config.ranking_loss_alpha > 0


def _of_hyperiqa(setting: str, neutral: Any) -> Rule:  # noqa: ANN401
    return Rule(
        setting,
        lambda c: c.network != "hyperiqa",
        ("network",),
        'it is a part of network = "hyperiqa"; other networks have options of their own (network_options)',
        neutral=neutral,
        idle=neutral,
        quiet=True,
    )


RULES = (
    _of_hyperiqa("multi_scale", neutral=True),
    _of_hyperiqa("attention_fusion", neutral=False),
    _of_hyperiqa("hyper_channels", neutral=112),
    Rule(
        "dropout_rate",
        lambda c: code_reference(c.network) is not None,
        ("network",),
        "an own network has its own dropout",
        neutral=0.0,
        idle=0.0,
        quiet=True,
    ),
    Rule(
        "attention_fusion",
        lambda c: not c.multi_scale,
        ("multi_scale",),
        "attention weighs the four scales against each other and is not used on a single scale (multi_scale is off)",
        neutral=False,
        idle=False,
        component=True,
    ),
    Rule(
        "model_size",
        lambda c: not known_backbone(c.backbone).sized,
        ("backbone",),
        f"only the {join_names(SIZED_BACKBONES)} backbones come in sizes",
        neutral="tiny",
    ),
    Rule(
        "taps",
        lambda c: plain_vit(c.backbone) is None,
        ("backbone",),
        "only plain vision transformers are tapped at blocks; other backbones give their four stages",
        neutral=(),
        idle=(),
    ),
    Rule(
        "drop_path_rate",
        lambda c: c.freeze == "backbone",
        ("freeze",),
        "a frozen backbone drops nothing",
        neutral=0.0,
        idle=0.0,
    ),
    Rule(
        "layer_decay",
        lambda c: c.freeze == "backbone",
        ("freeze",),
        "no layer of a frozen backbone is trained",
        neutral=1.0,
        idle=1.0,
    ),
    Rule(
        "micro_batch_size",
        lambda c: c.micro_batch_size >= c.batch_size,
        ("batch_size",),
        "it is not below batch_size, so that each batch is computed at once",
        neutral=0,
        idle=0,
    ),
    Rule(
        "lr_scheduler",
        never_steps,
        ("lr_step_epochs", "epochs"),
        "its first drop would come after the last epoch (lr_step_epochs is not below epochs), so the rate stays as "
        'with lr_scheduler = "none"',
        neutral="none",
        component=True,
    ),
    Rule(
        "lr_floor",
        lambda c: c.lr_scheduler != "cosine",
        ("lr_scheduler",),
        "only the cosine schedule falls to a floor",
        neutral=0.0,
        idle=0.0,
    ),
    Rule(
        "lr_step",
        lambda c: c.lr_scheduler != "cosine",
        ("lr_scheduler",),
        "only the cosine schedule moves within an epoch",
        neutral="batch",
        idle="batch",
    ),
    Rule(
        "lr_step_epochs",
        lambda c: c.lr_scheduler != "step",
        ("lr_scheduler",),
        "only the step schedule has steps",
        neutral=1,
    ),
    Rule(
        "lr_step_gamma",
        lambda c: c.lr_scheduler != "step",
        ("lr_scheduler",),
        "only the step schedule has steps",
        neutral=1.0,
    ),
    Rule(
        "patience",
        lambda c: not c.early_stopping,
        ("early_stopping",),
        "without early_stopping nothing waits for an improvement",
        neutral=1,
    ),
    Rule(
        "ranking_loss_alpha",
        lambda c: c.batch_size == 1,
        ("batch_size",),
        "the ranking term compares crops of a batch, and a batch of one has no pair",
        neutral=0.0,
        idle=0.0,
        component=True,
    ),
    Rule(
        "ranking_loss_margin",
        _no_margin,
        ("loss_type", "ranking_loss_alpha"),
        "only margin_rank, ranknet and the ranking term (ranking_loss_alpha above 0) have a margin",
        neutral=0.0,
        idle=0.0,
    ),
    Rule(
        "test_patch_num",
        lambda c: not c.test_random_crop,
        ("test_random_crop",),
        "without test_random_crop only the centre crop is tested",
        neutral=1,
        idle=1,
    ),
)


def inert(config: TrainingConfig) -> list[Rule]:
    """The rules that hold: settings of `config` without the effect they request."""
    return [rule for rule in RULES if rule.holds(config)]


def effective(config: TrainingConfig) -> TrainingConfig:
    """`config` with every setting without effect at its neutral value, and settings with several names under one.

    Two are equal if and only if they train the same.
    """
    config = config.model_copy(update=_under_one_name(config))
    while True:  # a setting without effect may have been all that another one acts on
        acting = config.model_copy(update={rule.setting: rule.neutral for rule in inert(config)})
        if acting == config:
            return acting
        config = acting


def _under_one_name(config: TrainingConfig) -> dict[str, Any]:
    """The settings that can say the same in several ways, in one of them: what is chosen anyway is not set."""
    backbone, weights = same_network(config.backbone, config.weights)
    own, vit = normalisation_of_weights(config), plain_vit(config.backbone)
    return {
        "backbone": backbone,
        "weights": weights,
        "mean": () if config.mean == own.mean else config.mean,
        "std": () if config.std == own.std else config.std,
        "taps": () if vit is not None and config.taps == even_taps(vit[0]) else config.taps,
        "freeze": "backbone" if config.freeze == f"stages:{TAPS}" else config.freeze,
    }


def is_detail(setting: str, first: TrainingConfig, second: TrainingConfig, differ: Iterable[str]) -> bool:
    """Whether `setting` is a detail of something that is on in `first` and off in `second`, or vice versa.

    `differ` are the settings in which the two differ.
    """
    return any(
        rule.setting == setting
        and not rule.component
        and (rule.blocked(first) or rule.blocked(second))
        and not set(rule.involved).isdisjoint(differ)
        for rule in RULES
    )
