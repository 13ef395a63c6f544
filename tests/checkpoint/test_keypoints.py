"""A checkpoint's keypoints are compared with the data's, by a real Runner."""
import pytest
import torch

from helpers.toy_runner import build, same
from mmpose_mum.checkpoint import keypoints as checkpoint_keypoints
from mmpose_mum.configs.metainfo import keypoint_names

NAMES = ['nose', 'hip', 'ankle']


def metainfo(names, key=int):
    return dict(keypoint_id2name={key(i): name for i, name in enumerate(names)})


@pytest.fixture()
def checkpoint(tmp_path):
    build(tmp_path / 'first', 5, metainfo=metainfo(NAMES)).train()
    return tmp_path / 'first/iter_5.pth'


@pytest.fixture()
def said(monkeypatch):
    found = []
    monkeypatch.setattr(checkpoint_keypoints, 'print_log', lambda text, *_: found.append(text))
    return found


def train(checkpoint, names, resume, iters=6, key=int):
    runner = build(checkpoint.parents[1] / 'second', iters, metainfo=metainfo(names, key),
                   load_from=str(checkpoint), resume=resume)
    runner.train()
    return runner


@pytest.mark.parametrize('resume', [False, True])
def test_the_same_names_in_another_order_are_refused(checkpoint, resume):
    with pytest.raises(ValueError, match=r"another order: the checkpoint has \['nose', 'hip', "
                       r"'ankle'\], and the dataset \['nose', 'ankle', 'hip'\]"):
        train(checkpoint, ['nose', 'ankle', 'hip'], resume)


@pytest.mark.parametrize('resume', [False, True])
def test_the_same_names_go_on_whatever_their_keys(checkpoint, resume, said):
    assert same(train(checkpoint, NAMES, resume), train(checkpoint, NAMES, resume, key=str))
    assert not said


def test_other_names_are_told_and_end_a_resume(checkpoint, said):
    train(checkpoint, ['nose', 'hip', 'foot'], resume=False)
    assert len(said) == 1 and "(2: 'ankle' is now 'foot')" in said[0]
    train(checkpoint, ['nose', 'hip'], resume=False)  # the head is not taken over
    assert len(said) == 1
    for names in (['nose', 'hip', 'foot'], ['nose', 'hip']):
        with pytest.raises(ValueError, match='cannot be resumed with other keypoints'):
            train(checkpoint, names, resume=True)


def test_a_test_is_of_the_same_keypoints_too(checkpoint):
    runner = build(checkpoint.parents[1] / 'test', 6, load_from=str(checkpoint), test_cfg=dict(),
                   test_dataloader=dict(dataset=dict(type='Unused')), test_evaluator=[])
    from mmengine.runner import TestLoop

    from helpers.toy_runner import Noise, Score
    data = Noise(1)
    data.metainfo = metainfo(NAMES[::-1])
    runner._test_loop = TestLoop(
        runner, torch.utils.data.DataLoader(data), [Score([1])])
    with pytest.raises(ValueError, match='another order'):
        runner.test()


@pytest.mark.parametrize('other', [
    None, {}, dict(CLASSES=('cat', )), dict(keypoint_id2name={}), dict(keypoint_id2name=['nose']),
    dict(keypoint_id2name={'left': 'nose'}), 'text'])
def test_a_checkpoint_without_such_names_fits(checkpoint, other, said):
    content = torch.load(checkpoint)
    content['meta']['dataset_meta'] = other
    torch.save(content, checkpoint)
    train(checkpoint, NAMES, resume=False)
    torch.save(content['state_dict'], checkpoint)  # weights alone
    train(checkpoint, NAMES, resume=False)
    assert not said and keypoint_names(other) == []
