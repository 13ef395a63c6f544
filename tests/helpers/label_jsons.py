"""Small jsons of labels in COCO's layout, and what spoils them."""
import json

import cv2
import numpy as np

NAMES = ['head', 'left_hand', 'right_hand']
METAINFO = dict(
    dataset_name='mine', skeleton_info={}, joint_weights=[1.] * 3, sigmas=[.1] * 3, keypoint_info={
        i: dict(name=name, id=i, swap=swap)
        for i, (name, swap) in enumerate(zip(NAMES, ['', *NAMES[:0:-1]]))})


def labels(people=6):
    """Write people of whom all is right, two an image."""
    return dict(
        images=[dict(id=i, file_name='a.png', width=60, height=80) for i in range(people // 2)],
        annotations=[dict(
            id=i, image_id=i // 2, category_id=1, iscrowd=0, area=900, bbox=[10, 10, 30, 40],
            num_keypoints=3, keypoints=[20, 20, 2, 30, 40, 1, 35, 45, 2]) for i in range(people)],
        categories=[dict(id=1, name='person', keypoints=NAMES)])


def dataset(tmp_path, content, **options):
    (tmp_path / 'labels.json').write_text(json.dumps(content))
    cv2.imwrite(str(tmp_path / 'a.png'), np.zeros((80, 60, 3), np.uint8))
    return dict(dict(type='CocoDataset', data_root=str(tmp_path), ann_file='labels.json',
                     data_prefix=dict(img=''), metainfo=METAINFO, pipeline=[]), **options)


def change(place, **fields):
    """Return what changes an entry; None takes a field out."""
    def apply(content):
        key, index = place
        entry = content[key][index]
        for name, value in fields.items():
            if value is None:
                del entry[name]
            else:
                entry[name] = value
    return apply


def person(index=4, **fields):
    return change(('annotations', index), **fields)


def everyone(**fields):
    def apply(content):
        for i in range(len(content['annotations'])):
            person(i, **fields)(content)
    return apply


def null(field):
    return lambda content: content['annotations'][4].update({field: None})
