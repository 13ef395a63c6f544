"""People are found and predicted by the config and the checkpoint of one model."""
import copy

import numpy as np
import pytest
import torch
from mmengine.config import Config

from helpers import small_run
from mmpose_mum.export.people import find_people, load_plain, note_of_layout, predict


def reordered(metainfo):
    """Swap two keypoints' places."""
    metainfo = Config(dict(metainfo=metainfo)).to_dict()['metainfo']
    points = metainfo['keypoint_info']
    points[0], points[1] = dict(points[1], id=0), dict(points[0], id=1)
    return metainfo


def test_keypoints_in_another_order_are_told_by_both_lists(run, cfg):
    lists = r"\['right_knee', 'right_ankle', .* instead of \['right_ankle', 'right_knee', "
    changed = Config(cfg.to_dict())
    labels, unlabeled = changed.train_dataloader.dataset.datasets
    metainfo = reordered(labels.metainfo)
    unlabeled.metainfo = metainfo
    with pytest.raises(ValueError, match=(
            'the unlabeled set of the config has its keypoints in another order than the set that '
            f'the model is tested with: {lists}')):
        find_people(changed)
    changed.test_dataloader.dataset.metainfo = metainfo
    with pytest.raises(ValueError, match=(
            f'config has its keypoints in another order than the checkpoint: {lists}')):
        load_plain(changed, str(run))


def test_a_checkpoint_of_another_model_is_an_error(cfg, tmp_path):
    torch.save(dict(state_dict={'teacher.backbone.a': torch.zeros(1)}), str(tmp_path / 'a.pth'))
    with pytest.raises(ValueError, match="not the checkpoint's: .*missing weights: .*, such as"):
        load_plain(cfg, str(tmp_path / 'a.pth'))


def test_labels_in_a_layout_of_their_own_are_noted(cfg):
    assert note_of_layout(cfg) == ''
    whole = copy.deepcopy(cfg)
    whole.train_dataloader.dataset = dict(
        type='CocoWholeBodyDataset', ann_file='a.json', pipeline=[])
    assert 'read by CocoWholeBodyDataset' in note_of_layout(whole)


@pytest.mark.filterwarnings('ignore:skipped an unlabeled image')
def test_what_is_observed_of_a_person_stays_with_it(run, cfg, tmp_path):
    """Also behind one in its batch who cannot be read."""
    small_run.write_people(tmp_path, ['a.png', 'c.png', 'd.png'])
    (tmp_path / 'b.png').write_text('no image')

    def observe(data):
        return dict(seen=np.array([sample.img_path for sample in data['data_samples']]))

    found = list(predict(load_plain(cfg, str(run)), find_people(cfg, str(tmp_path)), 4, observe))
    assert [person and person['seen'] == person['path'] for person in found] == [
        True, None, True, True]
