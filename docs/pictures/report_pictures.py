"""The README's pictures of a report, from the runs of `make demo`: `make pictures`.

Three figures as the report writes them, and the top of the page as Chromium shows it, if there is a Chromium.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
FIGURES = ("ablation", "waterfall", "verdicts")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


def main() -> int:
    """Write the pictures beside this file; 1 where the demo has not been run."""
    from iqa_train.cli.main import main as iqa_train

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "report"
        code = iqa_train(["report", "--demo", "--no-tracker", "--out", str(out), *sys.argv[1:]])
        if code or not (out / "figures" / "waterfall-page.png").exists():
            print("no results of the demo here; run make demo first", file=sys.stderr)
            return code or 1
        for name in FIGURES:
            smaller(out / "figures" / f"{name}-page.png", HERE / f"{name}.png")
        browser = next(filter(None, map(shutil.which, BROWSERS)), None)
        if browser is None:
            print("no Chromium here: report.png stays as it is", file=sys.stderr)
            return 0
        page = [f"--user-data-dir={folder}/profile", "--window-size=1100,1060", f"--screenshot={folder}/page.png"]
        subprocess.run([browser, *QUIET, *page, (out / "index.html").as_uri()], check=True, capture_output=True)
        smaller(Path(folder) / "page.png", HERE / "report.png")
    return 0


def smaller(source: Path, target: Path, width: int = 1100) -> None:
    """A picture at most `width` pixels wide, in few colours: these few need no more."""
    from PIL import Image

    with Image.open(source) as found:
        picture = found.convert("RGB")
    if picture.width > width:
        picture = picture.resize((width, round(picture.height * width / picture.width)), Image.Resampling.LANCZOS)
    picture.quantize(64).save(target, optimize=True)
    print(f"{target.relative_to(HERE.parent.parent)}: {target.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    sys.exit(main())
