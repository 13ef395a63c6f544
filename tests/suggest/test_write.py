"""What a choice of people is shown as."""
import cv2
import numpy as np

from mmpose_mum.export.pseudo_labels import People
from mmpose_mum.suggest.write import contact_sheet


def test_images_of_one_name_are_told_apart_by_their_folders(tmp_path):
    meta = dict(skeleton_links=[], keypoint_colors=np.zeros((1, 3)), skeleton_link_colors=[])
    people, sheets = People([], str(tmp_path), meta, [], {}), []
    for name in ('a/1.png', 'b/1.png'):
        (tmp_path / name).parent.mkdir()
        cv2.imwrite(str(tmp_path / name), np.zeros((60, 50, 3), np.uint8))
        person = dict(path=str(tmp_path / name), box=np.array([0, 0, 50., 60.]),
                      keypoints=np.full((1, 2), 20.), scores=np.ones(1))
        sheets.append(contact_sheet([person], ['doubt'], people, .3))
    difference = (sheets[0] != sheets[1]).any((1, 2))
    assert difference.any() and not difference[:-50].any()  # below the image
