"""What several verbs share: flags that are spelled and explained alike, and writing an image."""
from argparse import ArgumentParser, ArgumentTypeError
from math import inf
from pathlib import Path

PEOPLE = ("folder of images or videos with one person each, a video, or a json: COCO's, or a "
          "detector's results")


def add_out(parser: ArgumentParser, what: str, **options) -> None:
    """Add ``--out``, which is required unless the options have a default."""
    if 'default' in options:
        what += f'; by default {options["default"]}'
    parser.add_argument('-o', '--out', help=what, required='default' not in options,
                        **{'type': Path, **options})


def add_people(parser: ArgumentParser) -> None:
    """Add ``--unlabeled``, ``--unlabeled-images`` and ``--batch-size``, of people to predict."""
    parser.add_argument('--unlabeled', help=f"{PEOPLE}; by default the config's")
    parser.add_argument('--unlabeled-images', help='folder of the images, if --unlabeled is a '
                        "json; by default the config's")
    parser.add_argument('--batch-size', type=positive, default=32,
                        help='people per forward (default: 32)')


def add_device(parser: ArgumentParser) -> None:
    """Add ``--device``."""
    parser.add_argument('--device', type=device,
                        help='such as cuda:0; by default the best available')


def add_force(parser: ArgumentParser) -> None:
    """Add ``--force``."""
    parser.add_argument('--force', action='store_true', default=False,
                        help='overwrite existing files')


def keep_existing(path: Path, force: bool) -> None:
    """Refuse to overwrite a file unless forced.

    Raises:
        FileExistsError: If it exists, and ``force`` is false.
    """
    if path.exists() and not force:
        raise FileExistsError(f'{path} exists already; --force overwrites it')


def device(text: str) -> str:
    """Read the name of a device that PyTorch can use here."""
    try:
        import torch
    except ImportError:  # the verb says what to do about it
        return text
    try:
        torch.zeros(1, device=text)
    except Exception as error:  # each kind of device has its own
        raise ArgumentTypeError(f'PyTorch cannot use {text!r}: '
                                f'{str(error).splitlines()[0]}') from error
    return text


def positive(text: str) -> int:
    """Read an integer of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f'expected an integer of at least 1, got {text!r}')
    return int(text)


def rate(text: str) -> float:
    """Read a number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = 0.
    if not 0 < number < inf:
        raise ArgumentTypeError(f'expected a number above 0, got {text!r}')
    return number


def share(text: str) -> float:
    """Read a number from 0 to 1."""
    try:
        number = float(text)
    except ValueError:
        number = -1.
    if not 0 <= number <= 1:
        raise ArgumentTypeError(f'expected a number from 0 to 1, got {text!r}')
    return number


def image_path(text: str) -> Path:
    """Read the path of an image to write."""
    if not text.lower().endswith(('.png', '.jpg', '.jpeg')):
        raise ArgumentTypeError(f'expected a path that ends in .png or .jpg, got {text!r}')
    return Path(text)


def write_image(image, path: Path) -> None:
    """Write a BGR image; its folder is made if it is missing.

    Raises:
        OSError: If it cannot be written.
    """
    import cv2
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), image):
        raise OSError(f'cannot write {path}')
