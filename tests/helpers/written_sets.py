"""Images and jsons that are written to a folder, for the tests of what is wrong with such."""
import json

import numpy as np

import mmpose_mum  # noqa: F401

METAINFO = dict(
    dataset_name='three',
    paper_info={},
    keypoint_info={
        0: dict(name='nose', id=0, color=[0, 0, 0], type='upper', swap=''),
        1: dict(name='left', id=1, color=[0, 0, 0], type='lower', swap='right'),
        2: dict(name='right', id=2, color=[0, 0, 0], type='lower', swap='left')},
    skeleton_info={},
    joint_weights=[1.] * 3,
    sigmas=[.1] * 3)
BRANCHES = ['sup', 'unsup_teacher', 'unsup_student']
SIZE = (32, 48)
UNSUP = [
    dict(type='LoadUnlabeledImage'),
    dict(type='PoseMultiBranch', branch_field=BRANCHES,
         unsup_teacher=[dict(type='WeakView', input_size=SIZE)],
         unsup_student=[dict(type='StrongView', input_size=SIZE)])]


def make_image(width=80, height=60):
    """Makes a smooth image, upright: its top is dark, its bottom left is red."""
    img = np.zeros((height, width, 3), np.uint8)
    img[height // 2:] = (200, 160, 140)
    img[height // 2:, :width // 2] = (40, 40, 220)
    return img


def write(tmp_path, content, name='people.json'):
    """Writes a json, and returns the arguments of a set that reads it."""
    (tmp_path / name).write_text(content if isinstance(content, str) else json.dumps(content))
    return dict(ann_file=str(tmp_path / name), metainfo=METAINFO,
                data_prefix=dict(img=str(tmp_path)))


def coco(images=None, annotations=None):
    """Makes a json's content: by default one image with one person."""
    images = [dict(id=1, file_name='a.png', width=80, height=60)] if images is None else images
    return dict(images=images, annotations=[dict(image_id=1, bbox=[1, 2, 30, 40])]
                if annotations is None else annotations)


def labeled(tmp_path, annotations, pipeline=()):
    """Writes the labels of ``a.png``, and returns the config of the labeled set."""
    for i, annotation in enumerate(annotations):
        annotation.update(dict(
            id=i, image_id=1, category_id=1, area=900, iscrowd=0, num_keypoints=3,
            keypoints=annotation.get('keypoints', [9, 9, 2] * 3)), )
    write(tmp_path, dict(coco(annotations=annotations), categories=[dict(id=1, name='person')]),
          'labeled.json')
    return dict(
        type='CocoDataset', ann_file=str(tmp_path / 'labeled.json'), metainfo=METAINFO,
        data_prefix=dict(img=str(tmp_path)), pipeline=[dict(type='LoadImage'), dict(
            type='PoseMultiBranch', branch_field=BRANCHES, sup=list(pipeline) or [
                dict(type='WeakView', input_size=SIZE)])])
