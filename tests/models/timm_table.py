"""Makes `iqa_train/study/timm_table.py` from the installed timm: `python -m tests.models.timm_table` writes it anew."""

import textwrap
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from iqa_train.models.plain_vit import plain_shape
from iqa_train.models.timm_import import import_timm
from iqa_train.study.normalisation import IMAGENET

PLACE = Path(__file__).parents[2] / "iqa_train" / "study" / "timm_table.py"
_PLAIN_VIT_FILES = ("beit", "deit", "eva", "vision_transformer")

_HEAD = '''"""What the audit and a run's specification need to know of timm's networks without importing timm.

Made by `python -m tests.models.timm_table`, from timm {version}; a test compares it with the installed one.
"""
# fmt: off
# ruff: noqa: E501

NORMALISATIONS = {{
'''
_DOC = '''}
"""(mean, std) -> `architecture.tag,tag` of the weights trained with it; an empty tag is timm's default for the
architecture. ImageNet's normalisation, which all others have, is left out."""

'''
_VITS_DOC = '''}
"""(blocks, side of a patch in pixels) -> plain vision transformers."""

'''
_NAMES_DOC = '''
"""Every architecture of this timm, old names that it still takes included."""

VERSION = "{version}"
'''


def rendered() -> str:
    """The text of the module."""
    version = import_timm().__version__
    parts = [_HEAD.format(version=version), *_entries(normalisations()), _DOC]
    parts += ["PLAIN_VITS = {\n", *_entries(plain_vits()), _VITS_DOC]
    lines = textwrap.fill(" ".join(architectures()), 117, break_long_words=False, break_on_hyphens=False)
    return "".join([*parts, f'ARCHITECTURES = """\n{lines}"""', _NAMES_DOC.format(version=version)])


def architectures() -> list[str]:
    """Every name that timm takes."""
    timm = import_timm()
    return sorted({*timm.models._registry._model_entrypoints, *timm.list_models()})


def _entries(groups: dict[Any, list[str]]) -> Iterable[str]:
    for key, names in sorted(groups.items()):
        text = " ".join(names)
        if len(text) < 90:
            yield f'    {key}: "{text}",\n'
        else:
            lines = textwrap.fill(text, 117, break_long_words=False, break_on_hyphens=False)
            yield f'    {key}: """\n{lines}""",\n'


def normalisations() -> dict[Any, list[str]]:
    """(mean, std) -> entries of architectures and tags."""
    timm = import_timm()
    tags: dict[Any, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    names = sorted({*timm.list_models(), *timm.list_models(pretrained=True)})
    for name in names:
        config = timm.get_pretrained_cfg(name, allow_unregistered=True)
        if config is None:
            continue
        architecture, _, tag = name.partition(".")
        key = (tuple(map(float, config.mean)), tuple(map(float, config.std)))
        if key != (IMAGENET.mean, IMAGENET.std):
            tags[key][architecture].append(tag)
    return {key: [f"{a}.{','.join(found)}" for a, found in sorted(of.items())] for key, of in tags.items()}


def plain_vits(step: int = 1) -> dict[Any, list[str]]:
    """(blocks, patch) -> names, of every `step`th transformer."""
    timm = import_timm()
    found = defaultdict(list)
    for name in sorted({n for file in _PLAIN_VIT_FILES for n in timm.list_models(module=file)})[::step]:
        with torch.device("meta"):
            shape = plain_shape(timm.create_model(name))
        if shape is not None:
            found[tuple(shape)].append(name)
    return found


if __name__ == "__main__":
    PLACE.write_text(rendered(), encoding="utf-8")
