"""Single frames of videos, by number and in any order."""
import math
import os
import re
from collections import OrderedDict
from typing import Dict, List, Optional, Tuple

import cv2
import numpy as np

VIDEO_SUFFIXES = ('.mp4', '.avi', '.mov', '.mkv', '.webm', '.m4v', '.mpg', '.mpeg', '.wmv', '.3gp',
                  '.mts', '.m2ts')
_FRAME = re.compile(
    rf'(.+(?:{"|".join(map(re.escape, VIDEO_SUFFIXES))}))#(\d+)', re.IGNORECASE)
_MAX_OPEN = 8  # readers that a process keeps
# By process: one that was forked must leave the readers of its parent alone.
_READERS: Dict[int, 'OrderedDict[str, Video]'] = {}


class Video:
    """A video whose frames can be read in any order.

    Frame n is the one shown n / fps seconds after the first: with a constant frame rate, the n-th
    of those that are decoded one after the other; with a variable one, the first at that time or
    later. OpenCV's own seeking may be inexact, so this uses the time of each frame: it seeks to a
    few frames before, reads on one by one, and starts from the beginning if it cannot get before
    the frame otherwise.

    Frames are upright: rotated as the container says, by 90, 180 or 270 degrees.

    Args:
        path (str): The file.

    Raises:
        ValueError: If no frame can be read.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._open()
        if not self._grab():
            raise ValueError(f'no frame can be read from the video {path!r}')
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        self.fps = fps if 0 < fps < 1000 else 25.  # some containers do not tell
        self._start = self._capture.get(cv2.CAP_PROP_POS_MSEC)

    def _open(self) -> None:
        # One thread: the loader's workers are parallel already, and threads do not survive a fork.
        # The whole path, for FFmpeg takes the 12 of 12:30.mp4 for a protocol.
        self._capture = cv2.VideoCapture(
            os.path.abspath(self.path), cv2.CAP_ANY, [cv2.CAP_PROP_N_THREADS, 1])
        # OpenCV 4.11 leaves this off, and versions before and after it have it on.
        self._capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
        self._time = -math.inf  # of the frame that was grabbed last, as is its number
        self._asked: Optional[int] = None  # the number by which that one was read
        self._number: float = -1  # infinite behind the last frame

    def _grab(self) -> bool:
        self._asked = None
        if not self._capture.grab():
            self._number = math.inf  # nothing lies ahead: the next read must seek
            return False
        time = self._capture.get(cv2.CAP_PROP_POS_MSEC)
        if self._number < 0:
            self._number = 0
        elif time > self._time:
            self._number = round((time - self._start) * self.fps / 1000)
        else:  # the container gives this frame no time
            self._number += 1
        self._time = max(time, self._time)
        return True

    def _seek(self, number: int) -> None:
        """Go to a frame before ``number``."""
        for margin in (8, 64, 512):
            if number <= margin:
                break
            self._capture.set(cv2.CAP_PROP_POS_FRAMES, number - margin)
            self._time, self._number = self._start, 0
            if self._grab() and 1 < self._number < number:
                return
        self._open()

    def read(self, number: int) -> np.ndarray:
        """Decode a frame.

        Args:
            number (int): From 0.

        Returns:
            np.ndarray: BGR, uint8 (H, W, 3).

        Raises:
            ValueError: If the video ends before, or is broken there.
        """
        again = number == self._asked  # as for each person of a frame
        if not again and not self._number < number <= self._number + max(16, 2 * self.fps):
            self._seek(number)
        image = None
        while self._number < number and self._grab():
            pass
        if self._number >= number and self._number < math.inf:
            image = self._capture.retrieve()[1]
        if image is None:
            raise ValueError(f'the video {self.path!r} ends or is broken before frame {number}')
        self._asked = number
        return image

    def __len__(self) -> int:
        count = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        if count > 0:
            return count
        # Recorded by a browser, say, which does not know the end beforehand.
        last = int(self._number)
        while self._grab():
            last = int(self._number)
        return last + 1


def frame_name(video: str, number: int) -> str:
    """Name a frame: ``clip.mp4#000120``."""
    return f'{video}#{number:06d}'


def split_frame_name(name: str) -> Optional[Tuple[str, int]]:
    """Return the video and the number of a frame's name, or None if it names no frame."""
    match = _FRAME.fullmatch(name)
    return match and (match.group(1), int(match.group(2)))


def saved_frame_name(name: str) -> str:
    """Return what the file of a frame is called, or an image's own name."""
    frame = split_frame_name(name)
    return f'{frame[0]}_{frame[1]:06d}.png' if frame else name


def sample_frames(path: str, frame_rate: float) -> List[int]:
    """Number the frames to take of a video.

    Args:
        path (str): The video.
        frame_rate (float): Frames to take per second; at most, all are taken.

    Returns:
        list[int]: Ascending numbers, from 0.

    Raises:
        ValueError: If no frame can be read from the video.
    """
    video = Video(path)
    step = max(1., video.fps / frame_rate)
    return [int(i * step) for i in range(math.ceil(len(video) / step))]


def read_frame(path: str, number: int) -> np.ndarray:
    """Read a frame by this process's reader of the video, opened when first needed.

    Args:
        path (str): The video.
        number (int): The frame, as for :class:`Video`.

    Returns:
        np.ndarray: BGR, uint8 (H, W, 3).

    Raises:
        ValueError: If the video or the frame cannot be read.
    """
    readers = _READERS.setdefault(os.getpid(), OrderedDict())
    if path not in readers:
        readers[path] = Video(path)
        if len(readers) > _MAX_OPEN:
            readers.popitem(last=False)
    readers.move_to_end(path)
    return readers[path].read(number)
