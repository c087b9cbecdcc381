"""A training script of a user's own, for tests: `train.py NOISE WHAT`. Its numbers follow from seed and epoch alone.

WHAT is how it behaves: "" well; `hold` waits in epoch 2 for the file `gate`; `deaf` ignores TERM and holds;
`grandchild` leaves a process behind that does, too; `binary` and `flood` write much that is no text; `repeats` reports
epochs twice and backwards; `exit:N` and `die:N` end in epoch 2, `oom` as torch without memory; `untested` leaves no
predictions; `cut`, `nan`, `other` leave wrong ones; `mute` reports and leaves nothing;
`unread` kills its worker once it has reported epoch 2, and has suspended it before.
"""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from iqa_train import client


def train(noise: float, what: str) -> int:
    options = client.settings(epochs=3, seed=1)
    done = Path(client.run_dir(), "checkpoint")
    first = int(done.read_text()) + 1 if client.resumed() and done.exists() else 1
    if what == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if what == "grandchild":
        deaf = "import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
        subprocess.Popen([sys.executable, "-c", deaf], start_new_session=True, close_fds=False)
    for epoch in range(first, options["epochs"] + 1):
        while what in {"hold", "deaf"} and epoch == 2 and not Path("gate").exists():
            if client.stop_requested() and what == "hold":
                return client.STOPPED
            time.sleep(0.02)
        if epoch == 2 and what.startswith("exit:"):
            return int(what[5:])
        if epoch == 2 and what.startswith("die:"):
            os.kill(os.getpid(), int(what[4:]))
        if what == "oom" and epoch == 2:
            print("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.1 GiB", flush=True)
            return 1
        if what == "binary":
            os.write(1, bytes(range(256)) * 50 + b"\r\xff\xfe")
        if what == "flood":
            os.write(1, b"y" * (1 << 22) + b"\n" + b"noise\n" * 100_000)
        if epoch == 2 and what == "unread":
            os.kill(os.getppid(), signal.SIGSTOP)
        value = random.Random(f"{options['seed']} {epoch}").random()
        if what != "mute":
            print(f"epoch {epoch}: loss {1 / epoch:.3f}, val_srcc {value:.4f}, srcc {value / 2:.4f}", flush=True)
        if epoch == 2 and what == "unread":
            client.epoch(epoch, loss=1 / epoch, val_srcc=value, srcc=value / 2)
        checkpoint = done.with_name("checkpoint.part")
        checkpoint.write_text(str(epoch))
        checkpoint.replace(done)
        if epoch == 2 and what == "unread":
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(60)
        if what == "repeats":
            print("epoch 1: loss 9.000, val_srcc 0.0001, srcc 0.0001", flush=True)
    leave_predictions(noise, what, options["seed"])
    return 0


def leave_predictions(noise: float, what: str, seed: int) -> None:
    if what in {"mute", "untested"}:
        return
    for split in ("val", "test"):
        rows = [
            (path, score) for path, score, part in client.images() if part == ("train" if what == "other" else split)
        ]
        rows = rows[: -2 if what == "cut" and split == "test" else None]
        values = [score + noise * random.Random(f"{seed} {Path(path).name}").gauss(0, 1) for path, score in rows]
        if what == "nan":
            values[1] = float("nan")
        client.predictions(split, [path for path, _ in rows], values)


if __name__ == "__main__":
    sys.exit(train(float(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else ""))
