"""One image file to 8-bit RGB, whatever it is inside; and what was done to make it so."""

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from iqa_train.errors import DataError

LARGEST = 300_000_000  # pixels; photographs of today stay well below
_EXIF_ORIENTATION = 274
_FIRST_ON_ITS_SIDE = 5  # orientations 5 to 8 swap width and height
Image.MAX_IMAGE_PIXELS = LARGEST  # Pillow warns above this, and refuses twice as many


def decode(path: Path, reduced_to: tuple[int, int] | None = None) -> Image.Image:
    """The image at `path` as RGB, upright as its EXIF says; grey, palette, alpha, CMYK and 16-bit are converted.

    With `reduced_to`, the (width, height) that it will be resized to, a JPEG file of four times that and more is
    decoded at 1/2, 1/4 or 1/8 of its size, never below twice what is wanted: in a fraction of the time and memory.

    Raises DataError, one sentence, for a file that is missing, no image, cut short, damaged or of floats.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                if image.mode == "F":
                    raise DataError(
                        f"{path} holds floating-point samples, whose white nothing tells; save it with 8 or 16 bits"
                    )
                if reduced_to is not None:
                    width, height = (2 * side for side in reduced_to)
                    image.draft(image.mode, (height, width) if _on_its_side(image) else (width, height))
                image.load()
                ImageOps.exif_transpose(image, in_place=True)
                return _rgb(image)
    except FileNotFoundError:
        raise DataError(f"{path} is missing; put it back or take it out of the table") from None
    except PermissionError:
        raise DataError(f"{path} may not be read; give yourself read permission (chmod +r)") from None
    except UnidentifiedImageError:
        raise DataError(f"{path} is no image in a format Pillow knows; replace it") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{path} cannot be decoded ({error}); replace it by a whole copy") from None


def upright_size(path: Path) -> tuple[int, int] | None:
    """(width, height) of the image at `path` from its header alone, turned as its EXIF says; None if it has none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                width, height = image.size
                turned = _on_its_side(image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
    return (height, width) if turned else (width, height)


def _on_its_side(image: Image.Image) -> bool:
    return bool(image.getexif().get(_EXIF_ORIENTATION, 1) >= _FIRST_ON_ITS_SIDE)


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16-bit grey, in one of Pillow's ways to hold it; a plain convert would clip
        grey = np.asarray(image).astype(np.int64).clip(0, 65535)
        return Image.fromarray(((grey * 255 + 32767) // 65535).astype(np.uint8)).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")
