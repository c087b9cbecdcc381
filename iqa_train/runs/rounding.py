"""What decides how the numbers of a run are rounded, as its provenance.json records it.

Two runs that differ in it start to differ in the last digit of a sum, and training makes two networks of that, as it
does of two seeds (Summers and Dinneen 2021).
"""

from collections.abc import Iterable, Mapping

from iqa_train.runs.documents import ComputeFacts, ProvenanceFacts
from iqa_train.text import plural

_PACKAGES = ("torch", "torchvision", "timm", "pillow", "numpy")  # that compute, or decode what is computed on

Rounding = Mapping[str, str]
"""What it is -> the value, as words that need no heading: `threads` -> `2 threads`. Without what is not recorded."""


def rounding_of(provenance: ProvenanceFacts) -> Rounding:
    """Device, precision and libraries; of a CPU its threads, instruction set and model, too."""
    device = provenance.get("device", {})
    packages = provenance.get("packages", {})
    facts = {
        **_device(device, provenance.get("host", {}).get("processor", "")),
        "precision": _precision(device),
        "compiled": "compiled" if device.get("compiled") else "not compiled" if "compiled" in device else "",
        "cudnn": f"cuDNN {device['cudnn']}" if device.get("cudnn") else "",
        **{name: f"{name} {packages[name]}" for name in _PACKAGES if name in packages},
    }
    return {what: value for what, value in facts.items() if value}


def differing(one: Rounding, other: Rounding) -> list[str]:
    """What the two have both recorded, and differently."""
    return [what for what in one if what in other and one[what] != other[what]]


def all_roundings(provenance: ProvenanceFacts) -> tuple[Rounding, ...]:
    """That of the last attempt, then those that earlier attempts at the same run were made with."""
    now = rounding_of(provenance)
    return (now, *provenance.get("earlier", [])) if now else ()


def earlier_roundings(before: ProvenanceFacts, now: Rounding) -> list[Rounding]:
    """The roundings of the attempts that a resumed run continues, without the one it continues with."""
    found: list[Rounding] = []
    for rounding in all_roundings(before):
        if differing(rounding, now) and rounding not in found:
            found.append(rounding)
    return found


def words_of(values: Iterable[str]) -> str:
    """Values as a list for people."""
    return ", ".join(dict.fromkeys(values))


def _device(device: ComputeFacts, processor: str) -> dict[str, str]:
    name, threads = device.get("name", ""), device.get("threads")
    if not name.startswith("CPU"):  # there, threads only decode
        return {"device": name}
    return {
        "device": "CPU",
        "threads": "" if threads is None else plural(threads, "thread"),
        "instructions": device.get("instructions", ""),
        "processor": processor,
    }


def _precision(device: ComputeFacts) -> str:
    if "bf16" not in device:
        return ""
    return ("bf16" if device["bf16"] else "fp32") + (" with TF32" if device.get("tf32") else "")
