"""What CocoMetric reads of a json itself is checked for it alone."""
import json

import pytest
from mmpose.registry import DATASETS, METRICS

from helpers.label_jsons import change, dataset, labels, null, person
from mmpose_mum.coco import metric as metric_module
from mmpose_mum.coco.metric import check_val_set


def hidden(**fields):
    """Adds an annotation without a labeled keypoint, which MMPose leaves out."""
    return lambda content: content['annotations'].append(
        {key: value for key, value in dict(
            content['annotations'][0], id=99, num_keypoints=0, **{'keypoints': [
                0] * len(content['annotations'][0]['keypoints']), **fields}).items()
         if value is not None})


SPOILED = [
    (hidden(area=None), '`area` of the annotation with the id 99 is missing.*use_area=False'),
    (hidden(bbox=None), '`bbox` of the annotation with the id 99 is missing.*mmpose-mum boxes'),
    (person(area=0), '`area` of the annotation with the id 4 is 0.*use_area=False'),
    (null('area'), '`area` of the annotation with the id 4 is None'),
    (person(keypoints=None), '`keypoints` of the annotation with the id 4 is missing'),
    (change(('categories', 0), id=7), r'`category_id` of .* 0 is 1, but .* \[7\]'),
    (lambda content: content.pop('categories'), r'`category_id` of the annotation .* \[\]'),
]


@pytest.mark.parametrize('spoil, words', SPOILED)
def test_what_the_metric_reads_itself_is_checked_for_it_alone(tmp_path, spoil, words):
    content, coco = labels(), dict(type='CocoMetric')
    check_val_set(dataset(tmp_path, content, test_mode=True), [dict(type='PCKAccuracy'), coco])
    spoil(content)
    bad = dataset(tmp_path, content)
    tested, with_file = dict(bad, test_mode=True), dict(coco, ann_file='labels.json')
    check_val_set(tested, dict(type='PCKAccuracy'))
    with pytest.raises(ValueError, match=words):  # a class that derives from CocoMetric
        check_val_set(tested, dict(type='mmpose.CocoWholeBodyMetric'))
    for one, metric in ((tested, coco), (bad, with_file)):
        with pytest.raises(ValueError, match=f'labels.json.*{words}'):
            check_val_set(one, [dict(type='PCKAccuracy'), metric])
        if 'area' in words:
            check_val_set(one, dict(metric, use_area=False))
    if 'id 4' not in words:  # without both, it reads only those whom the dataset keeps
        check_val_set(bad, coco)


@pytest.mark.parametrize('test_mode, read', [(True, 7), (False, None)])
def test_in_test_mode_the_metric_reads_the_whole_json(tmp_path, test_mode, read):
    content = labels()
    hidden()(content)
    built = DATASETS.build(dataset(tmp_path, content, test_mode=test_mode))
    metric = METRICS.build(dict(type='CocoMetric'))
    metric.dataset_meta = built.metainfo
    assert len(built) == 6 and (metric.coco and len(metric.coco.anns)) == read


def test_a_metric_with_the_json_of_other_images_is_told(tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(metric_module, 'print_log', lambda text, *_: told.append(text))
    content, other = labels(), tmp_path / 'other.json'
    val = dataset(tmp_path, content)
    metric, image = dict(type='CocoMetric', ann_file=str(other)), content['images'][0]
    number = len(content['images'])

    def check(**changes):
        image.update(changes)
        other.write_text(json.dumps(content))
        check_val_set(val, metric)

    check()
    check(file_name='folder/a.jpg')
    assert not told
    check(file_name='b.png')
    assert f'1 of its {number} images have another name' in told.pop() and not told
    with pytest.raises(ValueError, match=rf"other.json', where 1 of its {number} images are "
                                         "missing: 'a.png', with the id 0. Give val_evaluator"):
        check(id=77)
    check_val_set(val, dict(metric, ann_file=str(tmp_path / 'gone.json')))
