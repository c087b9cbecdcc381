"""What a network of a user's own is given when it is built."""

from collections.abc import Callable
from dataclasses import dataclass

from iqa_train.models.backbone import Backbone


@dataclass(frozen=True)
class Context:
    """The last argument of a `build` function.

    `patch_size` is P, the side of the crops in pixels; `seed` is the round's. `backbone()` builds the backbone that the
    settings name, with the weights that they name: a module from crops (B, 3, P, P) to four maps (B, C, H, W), from
    fine to coarse, with their channels in `.channels`.
    """

    patch_size: int
    seed: int
    backbone: Callable[[], Backbone]
