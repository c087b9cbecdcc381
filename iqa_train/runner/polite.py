"""What `[local]` asks of one attempt: how it is started, and what ends it."""

from typing import Any

from iqa_train.devices.inventory import Device
from iqa_train.devices.leases import gpus_held_by, login_name
from iqa_train.runner.yield_to_others import YieldToOthers
from iqa_train.study.manners import UNLIMITED, Manners


def exceeds_limit(device: Device, manners: Manners) -> bool:
    """Whether this user's runs are on more GPUs than `max_gpus`, now that `device` has been leased."""
    if manners.max_gpus is None or device.kind != "gpu":
        return False
    return len(gpus_held_by(login_name())) > manners.max_gpus


def polite(device: Device, manners: Manners) -> dict[str, Any]:
    """The fields of an AttemptRequest that make an attempt on `device` mind its manners."""
    yields = manners.yield_to_others and device.kind == "gpu"
    return {
        "nice": manners.nice,
        "interrupters": (YieldToOthers(device),) if yields else (),
        "facts": {"local": manners.as_json()} if manners != UNLIMITED else {},
    }
