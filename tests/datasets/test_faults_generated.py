"""Whatever a picture, a box or a json is like, it is a set and whole views, or a named error."""
import json
import string
import tempfile
import warnings
from pathlib import Path

import cv2
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from written_sets import BRANCHES, METAINFO, SIZE, coco, picture

from mmpose_mum.datasets import LoadUnlabeledImage, PoseMultiBranch, StrongView, WeakView
from mmpose_mum.datasets.unlabeled import UnlabeledPoseDataset


# Boxes of at least a pixel of a picture, as the datasets give them.
@st.composite
def pictures_with_boxes(draw):
    width, height = draw(st.integers(1, 70)), draw(st.integers(1, 70))
    x1, y1 = draw(st.floats(-100, 100)), draw(st.floats(-100, 100))
    w, h = draw(st.floats(0, 250)), draw(st.floats(0, 250))
    return width, height, [x1, y1, x1 + w, y1 + h]


@settings(max_examples=40, deadline=None)
@given(pictures_with_boxes(), st.booleans(), st.integers(0, 2**31))
def test_views_of_any_picture_and_box_are_whole(case, use_udp, seed):
    width, height, box = case
    np.random.seed(seed)
    load = LoadUnlabeledImage()
    img = np.random.randint(0, 256, (height, width, 3), dtype=np.uint8)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter('ignore')
        cv2.imwrite(f'{folder}/a.png', img)
        results = load(dict(
            id=0, img_id=0, img_path=f'{folder}/a.png', bbox=np.array([box], np.float32),
            bbox_score=np.ones(1, np.float32), category_id=1, flip_indices=[0, 2, 1]))
    inside = np.clip(np.float32(box).reshape(2, 2), 0, [width, height])
    assert (results is None) == (not (inside[1] - inside[0] >= 1).all())
    if results is None:
        return
    packed = PoseMultiBranch(
        BRANCHES, unsup_teacher=[WeakView(SIZE, use_udp=use_udp)],
        unsup_student=[StrongView(SIZE, use_udp=use_udp)])(results)
    for branch in BRANCHES[1:]:
        assert packed['inputs'][branch].shape == (3, *SIZE[::-1])
        assert packed['inputs'][branch].numpy().dtype == np.uint8
        matrix = packed['data_samples'][branch].metainfo['warp_mat'].astype(np.float64)
        assert np.isfinite(matrix).all() and abs(np.linalg.det(matrix)) > 1e-6
        # The middle of the box is the middle of the view, where nothing is shifted.
        middle = matrix[:2] @ [*inside.mean(0), 1]
        assert np.abs(middle - np.array(SIZE) / 2).max() < 2 + abs(matrix[:2, :2]).max()


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(
    string.printable, max_size=5) | st.just(10**400)
GARBAGE = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(
        st.text('ab', max_size=2), inner, max_size=3), max_leaves=6)
NUMBERS = st.floats(-50, 150) | st.integers(-9, 99)
SIDES = st.integers(1, 99) | NUMBERS
BOXES = st.tuples(NUMBERS, NUMBERS, SIDES, SIDES).map(list)


def mostly(right, wrong=GARBAGE):
    """Eleven of twelve are right; a union would count each of garbage's own alternatives."""
    return st.integers(0, 11).flatmap(lambda number: wrong if number == 7 else right)


@st.composite
def spoilt(draw, right):
    """An object one of whose fields is garbage or missing."""
    content = dict(draw(right))
    field = draw(st.sampled_from(sorted(content)))
    if draw(st.booleans()):
        content[field] = draw(GARBAGE)
    else:
        del content[field]
    return content


def objects(**fields):
    right = st.fixed_dictionaries(fields)
    return mostly(right, spoilt(right))


IMAGES = objects(id=st.integers(0, 1), file_name=st.sampled_from(['a.png', 'b.png', 'v.mp4#00001']),
                 width=st.integers(1, 99), height=st.integers(1, 99))
ANNOTATIONS = objects(image_id=st.integers(0, 1), bbox=BOXES, iscrowd=st.sampled_from([0, 0, 0, 1]),
                      category_id=st.just(1), keypoints=st.lists(NUMBERS, min_size=9, max_size=9))
RESULTS = objects(image_id=st.integers(0, 1) | st.just('a.png'), bbox=BOXES, score=st.floats(.2, 1),
                  category_id=st.just(1), file_name=st.just('a.png'))


def build_or_value_error(folder, content, name, **arguments):
    """Builds a set of a json; whatever is wrong must be a ValueError that names the file."""
    Path(folder, name).write_text(json.dumps(content))
    try:
        dataset = UnlabeledPoseDataset(
            metainfo=METAINFO, data_prefix=dict(img=str(folder)), **arguments)
    except ValueError as error:
        assert name in str(error)
        return None
    for i in range(len(dataset)):
        box = dataset.get_data_info(i)['bbox']
        assert box.dtype == np.float32 and box.shape == (1, 4) and np.isfinite(box).all()
        assert (box[0, :2] >= 0).all() and (box[0, 2:] - box[0, :2] > 0).all()
    return dataset


FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@FUZZ
@given(mostly(st.fixed_dictionaries(dict(
    images=mostly(st.lists(IMAGES, min_size=1, max_size=3, unique_by=lambda x: str(x.get('id')))),
    annotations=mostly(st.lists(ANNOTATIONS, min_size=1, max_size=4))))), st.booleans())
def test_any_coco_json_is_a_set_or_an_error_that_names_it(content, keep_hidden):
    with tempfile.TemporaryDirectory() as folder:
        build_or_value_error(folder, content, 'people.json', ann_file=f'{folder}/people.json',
                             keep_hidden=keep_hidden)


@FUZZ
@given(mostly(st.lists(RESULTS, min_size=1, max_size=4)), st.booleans())
def test_any_json_of_detections_is_a_set_or_an_error_that_names_it(content, with_images):
    with tempfile.TemporaryDirectory() as folder:
        cv2.imwrite(f'{folder}/a.png', picture())
        more = {}
        if with_images:
            Path(folder, 'images.json').write_text(json.dumps(coco()))
            more['ann_file'] = f'{folder}/images.json'
        build_or_value_error(
            folder, content, 'boxes.json', bbox_file=f'{folder}/boxes.json', **more)
