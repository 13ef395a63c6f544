"""The training's course is counted in iterations of the new training."""
import pytest
from mmengine.config import Config

from helpers.conversions import RTMPOSE, convert, load
from mmpose_mum.convert import Options
from mmpose_mum.convert.references import resolve
from mmpose_mum.convert.schedule import schedule_overrides


def course(max_iters=2000, **original):
    """Returns the overrides for a training of 100 epochs, of which one is 20 iterations here."""
    cfg = Config(dict(dict(train_cfg=dict(max_epochs=100)), **original))
    return resolve(schedule_overrides(cfg, Options('images', max_iters=max_iters)), cfg)


def scheduler(max_iters=2000, train_cfg=None, **original):
    """Returns what becomes of a training's only scheduler."""
    options = dict(train_cfg=train_cfg) if train_cfg else {}
    found, = course(max_iters, param_scheduler=original, **options)['param_scheduler']
    return found


@pytest.mark.parametrize('original, expected', [
    (dict(type='MultiStepLR', milestones=[70, 90], gamma=0.1, begin=0, end=100),
     dict(milestones=[1400, 1800], gamma=0.1, begin=0, end=2000)),
    (dict(type='CosineAnnealingLR', begin=50, end=100, T_max=50, eta_min=3e-5,
          convert_to_iter_based=True), dict(begin=1000, end=2000, T_max=1000, eta_min=3e-5)),
    (dict(type='CosineRestartLR', periods=[10, 90], restart_weights=[1, 0.5]),
     dict(periods=[200, 1800], restart_weights=[1, 0.5])),
    (dict(type='StepLR', step_size=30, _scope_='mmpose'), dict(step_size=600)),
    (dict(type='LinearLR', start_factor=0.1, end=5), dict(start_factor=0.1, end=100)),
    (dict(type='OneCycleLR', eta_max=1., total_steps=100), dict(eta_max=1., total_steps=2000)),
], ids=lambda value: value.get('type', ''))
@pytest.mark.parametrize('by_epoch', [{}, dict(by_epoch=True)], ids=['default', 'by_epoch'])
def test_epochs_become_the_same_share_of_the_training(original, expected, by_epoch):
    assert scheduler(**original, **by_epoch) == dict(
        expected, type=original['type'], by_epoch=False)


def test_an_exponential_decay_ends_where_it_did():
    found = scheduler(type='ExponentialLR', gamma=0.97)
    assert found['gamma']**2000 == pytest.approx(0.97**100) and not found['by_epoch']


def test_a_warm_up_of_epochs_in_a_short_training_ends():
    # MMEngine's LinearLR of one step stays at its first factor.
    assert scheduler(60, type='LinearLR', start_factor=.1, end=1)['end'] == 2


@pytest.mark.parametrize('kind', ['LinearLR', 'mmengine.ConstantLR'])
@pytest.mark.parametrize('max_iters, end', [(200000, 500), (5000, 500), (2000, 200), (10, 2)])
def test_a_warm_up_keeps_its_steps_but_is_at_most_a_tenth(kind, max_iters, end):
    warm_up = dict(type=kind, begin=0, end=500, by_epoch=False)
    assert scheduler(max_iters, **warm_up) == dict(warm_up, end=end)


def test_a_training_by_iterations_is_scaled_as_one_by_epochs_is():
    by_iters = dict(type='IterBasedTrainLoop', max_iters=1000)
    decay = dict(type='PolyLR', begin=100, end=1000, by_epoch=False)
    assert scheduler(train_cfg=by_iters, **decay) == dict(decay, begin=200, end=2000)
    falling = dict(type='LinearLR', start_factor=1., end_factor=.1, end=1000, by_epoch=False)
    assert scheduler(train_cfg=by_iters, **falling) == dict(falling, end=2000)  # no warm-up


@pytest.mark.parametrize('original', [
    dict(type='PolyLR', begin=100, end=1000), dict(type='OneCycleLR', eta_max=1., total_steps=9),
    dict(type='LinearLR', start_factor=1., end_factor=.1, end=1000)],
    ids=lambda value: value['type'])
def test_iterations_of_a_training_by_epochs_are_no_known_share_of_it(original):
    with pytest.raises(ValueError, match=original['type'] + ' .*by_epoch=False.*in epochs'):
        scheduler(by_epoch=False, **original)


def test_every_scheduler_of_several_is_there():
    warm_up = dict(type='LinearLR', end=50, by_epoch=False)
    found = course(param_scheduler=[warm_up, dict(type='StepLR', step_size=1)])['param_scheduler']
    assert found == [warm_up, dict(type='StepLR', step_size=20, by_epoch=False)]
    assert 'param_scheduler' not in course()


@pytest.mark.parametrize('original', [
    dict(param_scheduler=dict(type='StepLR', step_size=3)),
    dict(custom_hooks=[dict(type='PipelineSwitchHook', switch_epoch=2, switch_pipeline=[])]),
])
def test_epochs_of_a_training_that_has_none_are_named(original):
    train_cfg = dict(type='IterBasedTrainLoop', max_iters=1000)
    with pytest.raises(ValueError, match="no max_epochs: .*'max_iters': 1000"):
        course(train_cfg=train_cfg, **original)


def test_a_scheduler_that_waits_for_validated_epochs_is_refused():
    with pytest.raises(ValueError, match='ReduceOnPlateauLR depends on validated epochs'):
        scheduler(type='mmengine.ReduceOnPlateauLR', monitor='PCK')


def test_hooks_stay_but_for_the_average_and_watch_the_teacher():
    hooks = course(custom_hooks=[
        dict(type='EMAHook', momentum=0.1), dict(type='SyncBuffersHook', priority=1),
        dict(type='mmengine.EMAHook'),
        dict(type='EarlyStoppingHook', monitor='PCK', rule='greater')])['custom_hooks']
    assert hooks[:-3] == [
        dict(type='SyncBuffersHook', priority=1),
        dict(type='EarlyStoppingHook', monitor='teacher/PCK', rule='greater')]
    assert [hook['type'] for hook in hooks[-3:]] == [
        'LossGuardHook', 'PseudoLabelMonitorHook', 'EMANHook']


@pytest.mark.parametrize('original, expected', [
    (dict(save_best='PCK'), dict(save_best='teacher/PCK')),
    (dict(save_best=['PCK', 'AUC'], rule='greater'),
     dict(save_best=['teacher/PCK', 'teacher/AUC'])),
    (dict(save_best='auto'), {}),
    (dict(max_keep_ckpts=7), dict(max_keep_ckpts=7)),
], ids=str)
def test_the_best_checkpoint_is_the_teachers(original, expected):
    hook = course(default_hooks=dict(checkpoint=original))['default_hooks']['checkpoint']
    assert hook == dict(dict(type='SafeCheckpointHook', by_epoch=False, interval=100,
                             max_keep_ckpts=2), **expected)


def test_hooks_among_the_default_ones_are_those_of_a_teacher_too():
    found = course(default_hooks=dict(
        ema=dict(type='EMAHook'), early=dict(type='EarlyStoppingHook', monitor='PCK'),
        timer=dict(type='IterTimerHook')))['default_hooks']
    assert found['ema'] == dict(_delete_=True, type='EmptyCacheHook', after_epoch=False)
    assert found['early'] == dict(monitor='teacher/PCK')
    assert 'timer' not in found


@pytest.mark.parametrize('original, expected', [
    ({}, dict(logger=dict(type='LoggerHook', log_metric_by_epoch=False))),
    (dict(logger=dict(type='LoggerHook', interval=7)),
     dict(logger=dict(log_metric_by_epoch=False))),
    (dict(logger=None), {})], ids=str)
def test_the_log_counts_iterations_and_has_a_type_of_its_own_or_the_originals(original, expected):
    found = course(default_hooks=original)['default_hooks']
    del found['checkpoint']
    assert found == expected


def test_what_the_original_sets_to_none_is_none():
    found = course(default_hooks=dict(checkpoint=None), auto_scale_lr=None, optim_wrapper=None)
    assert 'auto_scale_lr' not in found
    assert found['default_hooks']['checkpoint'] == dict(
        _delete_=True, type='SafeCheckpointHook', by_epoch=False, interval=100, max_keep_ckpts=2)


@pytest.mark.parametrize('hooks', [None, dict(checkpoint=None), dict(logger=None)], ids=str)
def test_hooks_of_none_are_inherited(hooks, tmp_path):
    (tmp_path / 'base.py').write_text(f'default_hooks = {hooks}\n')
    changes = course(default_hooks=hooks)['default_hooks']
    (tmp_path / 'new.py').write_text(f"_base_ = './base.py'\ndefault_hooks = {changes}\n")
    found = Config.fromfile(tmp_path / 'new.py').default_hooks
    assert found.checkpoint.type == 'SafeCheckpointHook'
    assert (found.get('logger') is None) == (hooks == dict(logger=None))


def test_a_schedule_without_an_end_has_none():
    assert scheduler(type='PolyLR', end=float('inf'), power=.9) == dict(
        type='PolyLR', power=.9, by_epoch=False)


def test_only_what_the_original_validates_is_validated():
    assert 'val_cfg' not in course()
    assert course(val_dataloader=dict(batch_size=1))['val_cfg'] == dict(
        type='TeacherStudentOnePassValLoop')


def test_rtmposes_two_stages_and_its_average():
    original, cfg = load(RTMPOSE), convert(RTMPOSE, max_iters=4200)
    switch, *_, eman = cfg.custom_hooks
    assert switch.type == 'LabeledPipelineSwitchHook' and eman.type == 'EMANHook'
    assert switch.switch_iter == 3900
    assert switch.switch_pipeline == original.train_pipeline_stage2
    assert eman.momentum == 0.995 and cfg.model.burn_in == cfg.model.ramp_up == 400
    warm_up, cosine = cfg.param_scheduler
    assert warm_up.end == 420  # at most a tenth
    assert (cosine.begin, cosine.end, cosine.T_max) == (2100, 4200, 2100)
    assert 'convert_to_iter_based' not in cosine and cosine.by_epoch is False
