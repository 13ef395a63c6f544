"""The names of keypoints are in the order of their ids."""
from mmpose_mum.configs.metainfo import keypoint_names


def test_names_are_sorted_by_number():
    names = [f'keypoint {i}' for i in range(12)]
    as_json = dict(keypoint_id2name={str(i): names[i] for i in sorted(range(12), key=str)})
    assert keypoint_names(as_json) == names
