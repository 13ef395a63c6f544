"""Write text into images, small enough to fit."""
from typing import Sequence, Tuple

import cv2
import numpy as np

Color = Tuple[int, int, int]
FONT = cv2.FONT_HERSHEY_SIMPLEX


def write(image: np.ndarray, words: Sequence[Tuple[str, Color]], at: Tuple[int, int],
          width: int, size: float) -> None:
    """Write words side by side.

    Args:
        image (np.ndarray): uint8, (H, W, 3), written into.
        words (Sequence[tuple[str, Color]]): Words and their colors, in the image's channel order.
        at (tuple[int, int]): Left end of the base line, (x, y) in pixels.
        width (int): Room for all words, in pixels.
        size (float): OpenCV's font scale; smaller if the words need more room.
    """
    # OpenCV ends the process at a name of a file that is no UTF-8.
    words = [(text.encode('utf-8', 'backslashreplace').decode(), color) for text, color in words]

    def lengths(size):
        return [cv2.getTextSize(text, FONT, size, 1)[0][0] for text, _ in words]

    # By steps, because OpenCV 5 rounds the size of its letters.
    while size > .1 and sum(lengths(size)) > width:
        size -= .01
    x, y = at
    for (text, color), length in zip(words, lengths(size)):
        cv2.putText(image, text, (x, y), FONT, size, color, 1, cv2.LINE_AA)
        x += length
