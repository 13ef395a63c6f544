"""Draw a person with keypoints, cut out of the image around the box."""
from typing import Any, Dict, Sequence

import cv2
import numpy as np
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample
from mmpose.visualization import PoseLocalVisualizer

from .text import write

PANEL = (200, 240)  # width and height, in pixels
CAPTION = 36  # height below a panel
PADDING = 1.3  # what a panel shows around the box


class PanelVisualizer(PoseLocalVisualizer):
    """MMPose's visualizer, whose circles NumPy 2.4 and later refuse: their radius is an array.

    Args:
        metainfo (dict): What MMPose knows of the keypoints, with their skeleton and colors.
        name (str): MMEngine wants a name for each visualizer.
    """

    def __init__(self, metainfo: Dict[str, Any], name: str = 'person') -> None:
        super().__init__(name, radius=3, line_width=2)
        self.set_dataset_meta(metainfo)

    def draw_circles(self, center: np.ndarray, radius, *args, **kwargs):
        """See MMPose's; the radius is one number."""
        return super().draw_circles(center, np.asarray(radius).item(), *args, **kwargs)


def draw_person(visualizer, image: np.ndarray, box, keypoints, shown) -> np.ndarray:
    """Draw keypoints (K, 2) that are shown (K, ) on what of the image is around the box."""
    scale = min(np.array(PANEL) / np.maximum((box[2:] - box[:2]) * PADDING, 1.))
    shrink = min(scale, 1.)  # beforehand, as warping would skip pixels
    width, height = (max(1, round(side * shrink)) for side in image.shape[1::-1])
    image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    offset = np.array(PANEL) / 2 - scale * (box[:2] + box[2:]) / 2
    image = cv2.warpAffine(
        image, np.array([[scale / shrink, 0, offset[0]], [0, scale / shrink, offset[1]]]), PANEL,
        flags=cv2.INTER_CUBIC, borderValue=(64, 64, 64))
    keypoints = keypoints * scale + offset
    inside = ((keypoints > 0) & (keypoints < PANEL)).all(-1)
    person = PoseDataSample(pred_instances=InstanceData(
        keypoints=keypoints[None], keypoints_visible=(shown & inside)[None].astype(float)))
    visualizer.add_datasample(
        'person', np.ascontiguousarray(image[..., ::-1]), person, draw_gt=False, kpt_thr=.5)
    return np.ascontiguousarray(visualizer.get_image()[..., ::-1])


def draw_captioned(visualizer, image: np.ndarray, box, keypoints, shown, lines: Sequence[str]):
    """Draw a person, see :func:`draw_person`, with lines of text below."""
    panel = cv2.copyMakeBorder(draw_person(visualizer, image, box, keypoints, shown), 0, CAPTION,
                               0, 0, cv2.BORDER_CONSTANT, value=(255, 255, 255))
    for i, line in enumerate(lines):
        write(panel, [(line, (0, 0, 0))], (4, PANEL[1] + 14 + 16 * i), PANEL[0] - 8, .42)
    return panel
