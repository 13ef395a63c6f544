"""One pass over the loader gives both models the metrics that they get in a pass of their own."""
import json
import uuid
from unittest.mock import patch

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpose.registry import DATASETS, LOOPS, METRICS

from helpers import small_run
from mmpose_mum.engine.loops.val_loop import _evaluators_of

ONE_PASS, TWO_PASSES = 'TeacherStudentOnePassValLoop', 'mmdet.TeacherStudentValLoop'


@METRICS.register_module()
class CenterOfPredictions(BaseMetric):
    """The mean of all that was predicted, which tells any two models apart; and one by one."""

    default_prefix = 'center'

    def process(self, data_batch, data_samples):
        """Keep each sample's id and mean."""
        self.results += [(sample['id'], float(sample['pred_instances']['keypoints'].mean()))
                         for sample in data_samples]

    def compute_metrics(self, results):
        """Return them."""
        return dict(mean=sum(value for _, value in results) / len(results),
                    **{str(key): value for key, value in results})


class Notes(Hook):
    """Notes which hooks are called, and the mean of each batch's outputs and who made them."""

    def __init__(self):
        self.called, self.centers, self.predict_on = [], [], []

    def before_val(self, runner):
        """Note it."""
        self.called.append('before_val')

    def before_val_epoch(self, runner):
        """Note it."""
        self.called.append('before_val_epoch')

    def before_val_iter(self, runner, batch_idx, data_batch=None):
        """Note it."""
        self.called.append(f'before_val_iter {batch_idx}')

    def after_val_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        """Note it, and the outputs."""
        self.called.append(f'after_val_iter {batch_idx}')
        self.predict_on.append(runner.model.semi_test_cfg['predict_on'])
        self.centers += [float(output.pred_instances.keypoints.mean()) for output in outputs]

    def after_val_epoch(self, runner, metrics=None):
        """Note it, and the metrics."""
        self.called.append('after_val_epoch')
        self.metrics = metrics

    def after_val(self, runner):
        """Note it."""
        self.called.append('after_val')


@pytest.fixture(scope='module')
def runner(tmp_path_factory):
    """A Runner whose teacher and student differ, for three samples in two batches."""
    root = small_run.train().parents[1]
    cfg = Config.fromfile(str(root / 'original.py'))
    work = tmp_path_factory.mktemp('val')
    labels = small_run.write_people(work / 'people', ['a.png', 'b.png', 'c.png'])
    (work / 'labels.json').write_text(json.dumps(labels))
    cfg.merge_from_dict(dict(work_dir=str(work), experiment_name=uuid.uuid4().hex,
                             log_level='ERROR', val_cfg=dict(type=ONE_PASS)))
    cfg.val_dataloader.dataset.update(
        ann_file=str(work / 'labels.json'), data_prefix=dict(img=f'{work}/people/'))
    cfg.val_evaluator = [
        dict(type='CocoMetric', ann_file=str(work / 'labels.json'), score_mode='bbox'),
        *cfg.val_evaluator, dict(type='CenterOfPredictions')]
    # What MMEngine dumps is only made pretty by yapf, for seconds.
    with patch('mmengine.config.config.FormatCode', lambda text, **kwargs: (text, True)):
        runner = Runner.from_cfg(cfg)
    runner.load_checkpoint(str(small_run.train()))
    torch.manual_seed(1)
    for parameter in runner.model.student.parameters():
        parameter.data += .1 * torch.randn_like(parameter)
    return runner


def validate(runner, kind, **options):
    """Returns the metrics, what the hooks were told, and how often a sample was loaded."""
    loop = LOOPS.build(dict(
        type=kind, runner=runner, dataloader=runner.cfg.val_dataloader,
        evaluator=[dict(metric) for metric in runner.cfg.val_evaluator], **options))
    dataset, loaded = loop.dataloader.dataset, []
    prepare = dataset.prepare_data
    dataset.prepare_data = lambda index: loaded.append(index) or prepare(index)
    notes, before = Notes(), list(runner.hooks)
    runner._hooks = [notes]
    try:
        loop.run()
    finally:
        runner._hooks = before
    return notes.metrics, notes, loaded


def test_metrics_are_those_of_two_passes_to_the_bit(runner):
    expected, _, loaded_twice = validate(runner, TWO_PASSES)
    found, _, loaded = validate(runner, ONE_PASS)
    assert list(found) == list(expected) and found == expected
    assert {'teacher/coco/AP', 'student/PCK', 'teacher/center/mean'} < set(found)
    assert found['teacher/center/mean'] != found['student/center/mean']
    assert loaded == [0, 1, 2] and loaded_twice == [0, 1, 2, 0, 1, 2]
    again, *_ = validate(runner, ONE_PASS)  # nothing of the first is left
    assert again == found


def test_both_models_predict_in_evaluation_mode_and_without_gradients(runner, monkeypatch):
    expected, *_ = validate(runner, ONE_PASS)
    recorded = []
    for model in (runner.model.teacher, runner.model.student):
        forward = model.backbone.forward
        monkeypatch.setattr(model.backbone, 'forward', lambda x, forward=forward: recorded.append(
            torch.is_grad_enabled()) or forward(x))
    runner.model.train()
    assert validate(runner, ONE_PASS)[0] == expected
    assert recorded and not any(recorded)


@pytest.mark.parametrize('predict_on', ['teacher', 'student'])
def test_hooks_are_called_as_by_mmengines_loop_with_the_chosen_models_outputs(runner, predict_on):
    settings = runner.model.semi_test_cfg
    settings['predict_on'] = predict_on
    try:
        plain, expected, _ = validate(runner, 'ValLoop')
        metrics, notes, _ = validate(runner, ONE_PASS)
    finally:
        settings['predict_on'] = 'teacher'
    assert notes.called == expected.called
    assert notes.centers == expected.centers and set(notes.predict_on) == {predict_on}
    assert plain == {key.split('/', 1)[1]: value for key, value in metrics.items()
                     if key.startswith(predict_on)}


def test_the_file_that_a_metric_writes_is_the_chosen_models(runner, tmp_path):
    metric = runner.cfg.val_evaluator[0]
    written = {}
    for predict_on in ('teacher', 'student', 'teacher'):
        runner.model.semi_test_cfg['predict_on'] = predict_on
        for kind in ('ValLoop', ONE_PASS):
            metric['outfile_prefix'] = str(tmp_path / 'found')
            try:
                validate(runner, kind)
            finally:
                del metric['outfile_prefix']
            written[predict_on, kind] = (tmp_path / 'found.keypoints.json').read_text()
    for predict_on in ('teacher', 'student'):
        assert written[predict_on, ONE_PASS] == written[predict_on, 'ValLoop']
    assert written['teacher', ONE_PASS] != written['student', ONE_PASS]


def test_half_precision_is_that_of_two_passes(runner, monkeypatch):
    for model in (runner.model.teacher, runner.model.student):  # NumPy has no bfloat16
        monkeypatch.setattr(model.head, 'forward', lambda features, forward=model.head.forward:
                            forward(features).float())
    expected, *_ = validate(runner, TWO_PASSES, fp16=True)
    found, *_ = validate(runner, ONE_PASS, fp16=True)
    assert found == expected and found != validate(runner, ONE_PASS)[0]


def test_the_model_predicts_as_before_even_after_an_error(runner, monkeypatch):
    runner.model.semi_test_cfg['predict_on'] = 'student'

    def fail(*args, **kwargs):
        raise RuntimeError('no memory')

    monkeypatch.setattr(runner.model.teacher, 'forward', fail)
    with pytest.raises(RuntimeError, match='no memory'):
        validate(runner, ONE_PASS)
    assert runner.model.semi_test_cfg == dict(predict_on='student')
    runner.model.semi_test_cfg['predict_on'] = 'teacher'


def test_a_validation_after_one_that_was_interrupted_counts_nobody_twice(runner):
    expected = validate(runner, ONE_PASS)[0]
    loop = LOOPS.build(dict(
        type=ONE_PASS, runner=runner, dataloader=runner.cfg.val_dataloader,
        evaluator=[dict(metric) for metric in runner.cfg.val_evaluator]))
    with patch.object(runner, '_hooks', []):
        with patch.object(loop, 'run_iter', side_effect=KeyboardInterrupt):
            with pytest.raises(KeyboardInterrupt):
                loop.run()
        loop.run_iter(0, next(iter(loop.dataloader)))
        assert loop.run() == expected


def test_a_dataset_that_is_built_is_taken_as_it_is(runner):
    built = DATASETS.build(runner.cfg.val_dataloader.dataset)
    loop = LOOPS.build(dict(
        type=ONE_PASS, runner=runner, dataloader=dict(runner.cfg.val_dataloader, dataset=built),
        evaluator=[dict(metric) for metric in runner.cfg.val_evaluator]))
    with patch.object(runner, '_hooks', []):
        assert loop.run() == validate(runner, ONE_PASS)[0]


def test_a_plain_model_is_an_error_that_says_so(runner, monkeypatch):
    monkeypatch.setattr(runner, 'model', runner.model.teacher)
    with pytest.raises(TypeError, match='PoseEstimator has no teacher and no student.*ValLoop'):
        validate(runner, ONE_PASS)


class Value(BaseMetric):
    """The mean of what it is given."""

    def process(self, data_batch, data_samples):
        """Keep them."""
        self.results += data_samples

    def compute_metrics(self, results):
        """Return the mean."""
        return dict(mean=sum(results) / len(results))


class Outer(Value):
    """Passes all on to a metric in a dict, as MMPose's KeypointPartitionMetric does."""

    def __init__(self):
        super().__init__()
        self.metrics = dict(head=Value())

    def process(self, data_batch, data_samples):
        """Pass them on."""
        self.metrics['head'].process(data_batch, data_samples)

    def evaluate(self, size):
        """Ask the inner one."""
        return self.metrics['head'].evaluate(size)


class Sorting(Evaluator):
    """Finds its metrics in a dict as well, as MMPose's MultiDatasetEvaluator does."""

    def __init__(self, metrics):
        super().__init__(metrics)
        self.metrics_dict = dict(coco=self.metrics[0])

    def process(self, data_samples, data_batch=None):
        """Let the dict's process them."""
        self.metrics_dict['coco'].process(data_batch, data_samples)


@pytest.mark.parametrize('evaluator', [
    lambda: Evaluator([Outer()]), lambda: Sorting([Value()])], ids=['metric', 'evaluator'])
def test_metrics_inside_others_have_results_of_each_model(evaluator):
    first = evaluator()
    same, second = _evaluators_of(first)
    assert same is first  # what it remembers of earlier validations stays
    for one, value in ((first, 1.), (second, 3.)):
        one.process(data_samples=[value, value])
    assert first.evaluate(2) == dict(mean=1.) and second.evaluate(2) == dict(mean=3.)


def test_labels_that_a_metric_converts_are_converted_once_for_each_model(tmp_path):
    """CocoMetric writes what its gt_converter makes into the labels, at each evaluation."""
    keypoints = [number for k in range(17) for number in (10 + 5 * k, 12 + 4 * k, 2)]
    (tmp_path / 'val.json').write_text(json.dumps(dict(
        images=[dict(id=1, file_name='a.png', width=100, height=100)],
        annotations=[dict(id=1, image_id=1, category_id=1, iscrowd=0, bbox=[5, 5, 90, 90],
                          area=8100, num_keypoints=17, keypoints=keypoints)],
        categories=[dict(id=1, name='person')])))
    people = DATASETS.build(dict(
        type='CocoDataset', ann_file=str(tmp_path / 'val.json'), data_prefix=dict(img=''),
        test_mode=True, pipeline=[]))
    without_nose = dict(num_keypoints=16, mapping=[(i, i - 1) for i in range(1, 17)])
    evaluator = Evaluator([dict(
        type='CocoMetric', ann_file=str(tmp_path / 'val.json'), gt_converter=without_nose,
        pred_converter=without_nose)])
    evaluator.dataset_meta = people.metainfo
    person = people.get_data_info(0)
    for _ in range(2):  # validations
        models = _evaluators_of(evaluator)
        assert evaluator not in models
        for model in models:
            model.process([dict(
                id=1, img_id=1, ori_shape=(100, 100),
                gt_instances=dict(bbox_scores=np.ones(1), bbox_scales=np.full((1, 2), 90.)),
                pred_instances=dict(keypoints=person['keypoints'], bboxes=person['bbox'],
                                    keypoint_scores=np.ones((1, 17))))])
        assert [model.evaluate(1)['coco/AP'] for model in models] == pytest.approx([1, 1])
