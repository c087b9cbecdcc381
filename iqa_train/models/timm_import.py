"""The one place that imports timm.

timm imports torchvision, whose standard wheel fails to import with a CPU-only torch ("operator torchvision::nms does
not exist"). Declaring the schemas of the two missing operators is enough; they are never called here.
"""

from types import ModuleType

import torch

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_kept: list[torch.library.Library] = []  # operators are deregistered when their library object is collected


def import_timm() -> ModuleType:
    """Import timm, with or without CUDA."""
    if not _kept and not torch.cuda.is_available():
        try:
            import torchvision  # noqa: F401
        except RuntimeError:
            library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
            for schema in _SCHEMAS:
                library.define(schema)  # type: ignore[no-untyped-call]
            _kept.append(library)
    import timm

    return timm
