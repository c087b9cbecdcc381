"""Every published data set in miniature: its real containers, names and folders, and pictures that are what their
scores say, from clean to very noisy."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from openpyxl import Workbook
from PIL import Image
from scipy.io import savemat

from tests.datasets.dataset_files import write_csv

SCENES, LEVELS = 8, 3
COUNT = SCENES * LEVELS
SIZE = (48, 40)
QUALITY = np.random.default_rng(7).permutation(COUNT) / (COUNT - 1)  # 1 is clean; of image k, of scene k // LEVELS


def scene_of(k: int) -> int:
    return k // LEVELS


def photograph(path: Path, k: int) -> None:
    """Image k: waves as its scene has them, and the more noise the worse."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(k)
    wave = 128 + 40 * np.sin(np.arange(SIZE[0])[None, :] / 5 + scene_of(k))[..., None] * np.ones((SIZE[1], SIZE[0], 3))
    pixels = np.clip(wave + rng.normal(0, 1 + 50 * (1 - QUALITY[k]), wave.shape), 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(path, **({"quality": 98} if path.suffix.lower() == ".jpg" else {}))


def noise_of(path: Path) -> float:
    """How much neighbouring pixels differ, beyond what a wave does: larger in a worse picture."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("L")).astype(np.float64)
    return float(np.abs(np.diff(pixels, 2, axis=0)).mean())


def cells(texts: Iterable[str]) -> np.ndarray:
    """A MATLAB cell array of strings, (1, N)."""
    listed = list(texts)
    made = np.empty((1, len(listed)), dtype=object)
    made[0, :] = listed
    return made


def workbook(path: Path, rows: Iterable[Iterable[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    book = Workbook()
    for row in rows:
        book.active.append(list(row))
    book.save(path)


def lines(path: Path, rows: Iterable[str], end: str = "\r\n") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(("\ufeff" + end.join(rows) + end).encode())


def koniq(root: Path) -> None:
    parts = ["training"] * 14 + ["validation"] * 4 + ["test"] * 6
    rows = [(f"{k}.jpg", 0, 0, 1, 0, 0, 1, 100 * QUALITY[k], 0.5, parts[k]) for k in range(COUNT)]
    header = ["image_name", "c1", "c2", "c3", "c4", "c5", "c_total", "MOS", "SD", "set"]
    write_csv(root / "koniq10k_distributions_sets.csv", header, rows)
    for k in range(COUNT):
        photograph(root / "1024x768" / f"{k}.jpg", k)


def spaq(root: Path) -> None:
    header = ["Image name", "MOS", "Brightness", "Colorfulness", "Contrast", "Noisiness", "Sharpness"]
    rows = [[f"{k:05d}.jpg", 100 * QUALITY[k], 1, 2, 3, 4, 5] for k in range(COUNT)]
    workbook(root / "Annotations" / "MOS and Image attribute scores.xlsx", [header, *rows, []])
    for k in range(COUNT):
        photograph(root / "TestImage" / f"{k:05d}.jpg", k)


def livec(root: Path) -> None:
    data = root / "Data"
    data.mkdir(parents=True)
    names = [f"t{k}.bmp" for k in range(1, 8)] + [f"{k}.bmp" for k in range(COUNT)]
    scores = np.concatenate([np.full(7, 50.0), 100 * QUALITY])
    savemat(data / "AllImages_release.mat", {"AllImages_release": cells(names).T})
    savemat(data / "AllMOS_release.mat", {"AllMOS_release": scores[None]})
    savemat(data / "AllStdDev_release.mat", {"AllStdDev_release": np.full((1, len(names)), 18.5)})
    for k in range(COUNT):
        photograph(root / "Images" / f"{k}.bmp", k)


def kadid10k(root: Path) -> None:
    names = [f"I{scene_of(k) + 1:02d}_{k % LEVELS + 1:02d}_05.png" for k in range(COUNT)]
    rows = [(names[k], f"I{scene_of(k) + 1:02d}.png", 1 + 4 * QUALITY[k], 0.64) for k in range(COUNT)]
    write_csv(root / "dmos.csv", ["dist_img", "ref_img", "dmos", "var"], rows)
    for k in range(COUNT):
        photograph(root / "images" / names[k], k)
    for k in range(0, COUNT, LEVELS):
        photograph(root / "images" / f"I{scene_of(k) + 1:02d}.png", k)


def agiqa3k(root: Path) -> None:
    header = ["name", "prompt", "adj1", "adj2", "style", "mos_quality", "std_quality", "mos_align", "std_align"]
    names = [f"midjourney_normal_{k:03d}.jpg" for k in range(COUNT)]
    prompts = [f"a cat, a dog and scene {scene_of(k)}" for k in range(COUNT)]
    rows = [
        (names[k], prompts[k], "sharp", "", "baroque style", 5 * QUALITY[k], 0.4, 5 - 5 * QUALITY[k], 0.3)
        for k in range(COUNT)
    ]
    write_csv(root / "data.csv", header, rows)
    for k in range(COUNT):
        photograph(root / "images" / names[k], k)


def bid(root: Path) -> None:
    header = ["Image number", "Average subjective grade", "Image number", "Blur type"]
    rows = [[k + 1, 5 * QUALITY[k], k + 1, "out of focus"] for k in range(COUNT)]
    workbook(root / "DatabaseGrades.xlsx", [header, *rows, [], [None, None, None, " "]])
    for k in range(COUNT):
        photograph(root / f"DatabaseImage{k + 1:04d}.JPG", k)


_CSIQ_KINDS = {"AWGN": "awgn", "JPEG": "jpeg", "jpeg2000": "jpeg2000"}


def _csiq(root: Path, suffix: str, *, folders: bool) -> None:
    kinds = list(_CSIQ_KINDS)
    names = [f"ref{scene_of(k)}.{kinds[k % LEVELS]}.{k % 5 + 1}" for k in range(COUNT)]
    lines(root / "csiq_label.txt", [f"{names[k]}{suffix}\t{1 - QUALITY[k]:.3f}" for k in range(COUNT)])
    for k in range(COUNT):
        inside = _CSIQ_KINDS[kinds[k % LEVELS]] if folders else ""
        photograph(root / "dst_imgs" / inside / f"{names[k]}.png", k)
    for k in range(0, COUNT, LEVELS):
        photograph(root / "src_imgs" / f"ref{scene_of(k)}.png", k)


def csiq_flat(root: Path) -> None:
    _csiq(root, ".png", folders=False)


def csiq_in_folders(root: Path) -> None:
    _csiq(root, "", folders=True)


def tid2013(root: Path) -> None:
    names = [f"I{scene_of(k) + 1:02d}_{k % LEVELS + 1:02d}_5.bmp" for k in range(COUNT)]
    listed = [name if k % 2 else name.lower() for k, name in enumerate(names)]
    lines(root / "mos_with_names.txt", [f"{9 * QUALITY[k]:.5f} {listed[k]}" for k in range(COUNT)])
    lines(root / "mos_std.txt", ["0.13013"] * COUNT)
    for k in range(COUNT):
        photograph(root / "distorted_images" / (names[k].replace("I", "i") if k % 3 else names[k].upper()), k)


LIVE_FOLDERS = {"jp2k": 227, "jpeg": 233, "wn": 174, "gblur": 174, "fastfading": 174}
_LIVE_FIRST = dict(zip(LIVE_FOLDERS, np.cumsum([0, *LIVE_FOLDERS.values()])[:-1].tolist(), strict=True))


def live(root: Path) -> None:
    """All 982 places of the real variables; those without a picture are called pristine, and so left out."""
    total = sum(LIVE_FOLDERS.values())
    dmos, orgs, names = np.zeros((1, total)), np.ones((1, total), np.uint8), ["ocean.bmp"] * total
    for k in range(COUNT):
        folder = list(LIVE_FOLDERS)[k % len(LIVE_FOLDERS)]
        number = k // len(LIVE_FOLDERS) + 3
        place = _LIVE_FIRST[folder] + number - 1
        dmos[0, place], orgs[0, place], names[place] = 110 * (1 - QUALITY[k]), 0, f"scene{scene_of(k)}.bmp"
        photograph(root / folder / f"img{number}.bmp", k)
    savemat(root / "dmos_realigned.mat", {"dmos_new": dmos, "orgs": orgs, "dmos_std": np.full((1, total), 6.5)})
    savemat(root / "refnames_all.mat", {"refnames_all": cells(names)})


def flive(root: Path) -> None:
    names = [f"{'voc_emotic_ava' if k % 2 else 'blur_dataset'}/{k}.jpg" for k in range(COUNT)]
    rows = [(names[k], 100 * QUALITY[k], "blur_dataset", "False") for k in range(COUNT)]
    write_csv(root / "labels_image.csv", ["name", "mos", "set", "is_valid"], rows)
    for k in range(COUNT):
        photograph(root / "database" / names[k], k)


@dataclass(frozen=True)
class Miniature:
    """One layout: who builds it, and what its table must say."""

    name: str
    build: Callable[[Path], None]
    score_range: tuple[float, float]
    higher_is_better: bool = True
    references: int | None = None
    sd: float | None = None


MINIATURES = {
    "koniq-10k": Miniature("koniq-10k", koniq, (0, 100), sd=12.5),
    "spaq": Miniature("spaq", spaq, (0, 100)),
    "livec": Miniature("livec", livec, (0, 100), sd=18.5),
    "kadid-10k": Miniature("kadid-10k", kadid10k, (1, 5), references=SCENES, sd=0.8),
    "agiqa-3k": Miniature("agiqa-3k", agiqa3k, (0, 5), sd=0.4),
    "bid": Miniature("bid", bid, (0, 5)),
    "csiq": Miniature("csiq", csiq_flat, (0, 1), higher_is_better=False, references=SCENES),
    "csiq in folders": Miniature("csiq", csiq_in_folders, (0, 1), higher_is_better=False, references=SCENES),
    "tid2013": Miniature("tid2013", tid2013, (0, 9), references=SCENES, sd=0.13013),
    "live": Miniature("live", live, (0, 100), higher_is_better=False, references=SCENES, sd=6.5),
    "flive": Miniature("flive", flive, (0, 100)),
}
