"""Images in a page: people with their keypoints, and panels, as data URIs."""
import os
import os.path as osp
from base64 import b64encode
from typing import Any, Dict, List, NamedTuple

import cv2
import numpy as np

from ..datasets.loading import read_image
from ..visualization.person import PanelVisualizer, draw_person
from .people import JudgedPerson


class PageImage(NamedTuple):
    """An image for the page.

    Attributes:
        uri: Its content, as a data URI.
        width: In pixels.
        height: In pixels.
        text: What it shows, for those who do not see it.
    """
    uri: str
    width: int
    height: int
    text: str


class Shown(NamedTuple):
    """A person for the page.

    Attributes:
        images: The truth's and each model's.
        captions: What stands below each.
        name: Of the image.
    """
    images: List[PageImage]
    captions: List[str]
    name: str


def page_image(image: np.ndarray, text: str, quality: int = 85) -> PageImage:
    """Put an image (H, W, 3), BGR, into the page as a JPEG."""
    done, content = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError(f'an image of {image.shape} cannot be written as a JPEG')
    return PageImage('data:image/jpeg;base64,' + b64encode(content.tobytes()).decode(),
                   image.shape[1], image.shape[0], text)


class PersonPainter:
    """Draws people with the skeleton of a dataset.

    Args:
        metainfo (dict): What MMPose knows of the keypoints.
        folder (str): That images are named from.
    """

    def __init__(self, metainfo: Dict[str, Any], folder: str) -> None:
        self.folder = folder
        self.visualizer = PanelVisualizer(metainfo)

    def show(self, title: str, predictions: Dict[str, JudgedPerson]) -> Shown:
        """Draw the labels of a person, and then each model's keypoints.

        Args:
            title (str): What the labels are called.
            predictions (dict[str, JudgedPerson]): Model → the same person as it sees them.
        """
        person = next(iter(predictions.values()))
        image = read_image(person.path)
        name = osp.relpath(person.path, self.folder).replace(os.sep, '/')
        images = [page_image(draw_person(
            self.visualizer, image, person.box, person.truth, person.labeled), f'{name}: {title}')]
        captions = [f'{title}, {person.labeled.sum()} of {len(person.labeled)} keypoints']
        for model, seen in predictions.items():
            images.append(page_image(draw_person(
                self.visualizer, image, person.box, seen.keypoints, np.ones_like(seen.labeled)),
                f'{name}: {model}'))
            captions.append(f'{model}: {seen.right.sum()} of {seen.labeled.sum()} right, '
                            f'confidence {seen.scores.mean():.2f}')
        return Shown(images, captions, name)
