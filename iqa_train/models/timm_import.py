"""The one place that imports timm.

On a CPU-only torch the registry's torchvision wheel refuses to import (`operator torchvision::nms does not exist`), and
timm imports torchvision. Declaring the schemas of the two missing operators is enough; nothing here ever calls them.
"""

from types import ModuleType

import torch

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_kept: list[torch.library.Library] = []  # a library object takes its operators with it when it is collected


def import_timm() -> ModuleType:
    """timm, importable with and without CUDA."""
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
