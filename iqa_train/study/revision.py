"""The revision of training: what networks and losses of a given name compute, their initialisation and optimisation.

A change in any of these that the settings do not show needs a new number here. It is part of a run's identity, so that
earlier runs never count as runs of this revision.

1: dropout after each reduction of the hyper-network and after four layers of the target network; local distortion
   layers at lr_ratio x lr; the cosine's floor multiplied by lr_ratio; `srcc`, `rank` and `pairwise` what is now
   `soft_srcc`, `margin_rank` and `ranknet`; the ranking term with l1 and l2 only; attention initialised
   as PyTorch does; ResNet-50 reduced 512-256-112.
2: all of this as in the original training script and, for ResNet-50, in HyperIQA.
"""

from collections.abc import Mapping
from typing import Any

FIRST, REVISION = 1, 2


def revision_in(document: Mapping[str, Any]) -> int:
    """The revision in a spec.json; early ones do not state it."""
    number = document.get("revision", FIRST)
    return number if isinstance(number, int) else FIRST


def revision_words(number: int) -> str:
    """Says that a run was trained by another revision; "" for this one."""
    if number == REVISION:
        return ""
    return f"trained by {'an earlier' if number < REVISION else 'a later'} revision of the network and losses"
