"""The average in MMEngine's Runner: resumed, loaded, saved, and beside MMEngine's own."""
import uuid

import pytest
import torch
from mmengine.dataset import DefaultSampler
from mmengine.hooks import EMAHook
from mmengine.runner import Runner
from student_teacher_pair import Pair, assert_states_equal, network, snapshot
from torch.utils.data import DataLoader

from mmpose_mum.engine import EMANHook


def images(number=64):
    generator = torch.Generator().manual_seed(5)
    return [dict(inputs=torch.randn(3, 8, 8, generator=generator)) for _ in range(number)]


def run(work_dir, max_iters, *, resume=False, hooks=(), load_from=None, **hook):
    """Trains a Pair by MMEngine's Runner and returns it."""
    data = images()
    runner = Runner(
        Pair(), str(work_dir), load_from=load_from, resume=resume,
        train_dataloader=DataLoader(
            data, batch_size=4, sampler=DefaultSampler(data, shuffle=False),
            collate_fn=lambda batch: dict(inputs=[x['inputs'] for x in batch])),
        optim_wrapper=dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=.1)),
        train_cfg=dict(by_epoch=False, max_iters=max_iters),
        default_hooks=dict(
            logger=None, timer=None, sampler_seed=None,
            checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=max_iters)),
        custom_hooks=[*hooks, EMANHook(**hook)],
        experiment_name=uuid.uuid4().hex, log_level='ERROR')
    runner.train()
    return runner


@pytest.mark.parametrize('hook', [
    dict(momentum=.9), dict(momentum=.9, interval=3), dict(momentum=.9, burn_in=7)], ids=str)
def test_a_resumed_run_is_the_uninterrupted_one_to_the_bit(tmp_path, hook):
    whole = run(tmp_path / 'whole', 10, **hook)
    run(tmp_path / 'parts', 5, **hook)
    resumed = run(tmp_path / 'parts', 10, resume=True, **hook)
    assert resumed.iter == 10
    for key in ('eman_updates', 'eman_steps'):
        assert resumed.message_hub.get_info(key) == whole.message_hub.get_info(key)
    assert_states_equal(snapshot(whole.model), snapshot(resumed.model))
    assert not torch.equal(whole.model.teacher[0].weight, whole.model.student[0].weight)


def test_mmengines_average_of_both_models_beside_it_is_an_error(tmp_path):
    with pytest.raises(ValueError, match='EMAHook beside EMANHook.*make_semi_config'):
        run(tmp_path, 1, hooks=[EMAHook()])


def test_checkpoint_holds_the_teacher_of_its_iteration(tmp_path):
    runner = run(tmp_path / 'run', 4, momentum=.9)
    saved = torch.load(tmp_path / 'run' / 'iter_4.pth')['state_dict']
    assert_states_equal(snapshot(runner.model), saved)


def test_a_teacher_loaded_into_a_runner_is_not_overwritten(tmp_path):
    pair = Pair()
    pair.teacher.load_state_dict(network(seed=1).state_dict())
    torch.save(dict(state_dict=pair.state_dict()), tmp_path / 'pair.pth')
    runner = run(tmp_path / 'run', 1, load_from=str(tmp_path / 'pair.pth'), momentum=.9)
    expected = .9 * pair.teacher[0].weight + .1 * runner.model.student[0].weight
    torch.testing.assert_close(runner.model.teacher[0].weight, expected, rtol=1e-5, atol=1e-7)
