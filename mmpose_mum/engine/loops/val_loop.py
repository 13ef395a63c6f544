"""Validation of teacher and student that loads every batch once."""
import copy
from typing import Any, Dict, Iterator, List, Sequence, Tuple, Union

import torch
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.runner import Runner, ValLoop, autocast
from mmpose.evaluation.metrics import CocoMetric
from mmpose.registry import LOOPS
from torch import nn
from torch.utils.data import DataLoader

from ...coco.metric import check_val_set
from ..wrappers import unwrapped

MODELS = ('teacher', 'student')


@LOOPS.register_module()
class TeacherStudentOnePassValLoop(ValLoop):
    """MMDetection's ``TeacherStudentValLoop`` in one pass over the loader instead of two.

    Each batch is loaded once, and both models predict. The metrics and their names,
    ``teacher/coco/AP`` and ``student/coco/AP``, are bit-identical to those of MMDetection's loop.
    Each model has its own ``results`` in the metrics. They share the rest, such as COCO's ground
    truth, unless a ``gt_converter`` changes it.

    Hooks are called once for each batch, as in MMEngine's ``ValLoop``. A sample holds the
    predictions of one model only, so their ``outputs`` are those of the model that ``predict_on``
    names.

    Args:
        runner (Runner): The Runner. Its model has a ``teacher``, a ``student`` and a
            ``semi_test_cfg``, whose ``predict_on`` says which of the two predicts.
        dataloader (DataLoader | dict): The batches; built if it is a config.
        evaluator (Evaluator | dict | list): The metrics; built if it is a config.
        fp16 (bool): Whether to predict in half precision. Defaults to False.

    Raises:
        FileNotFoundError: If the labels do not exist.
        TypeError: If the model has no ``teacher``, ``student`` or ``semi_test_cfg``.
        ValueError: If MMPose could not read them, or would read them wrongly; see
            :func:`check_val_set`.
    """

    def __init__(self, runner: Runner, dataloader: Union[DataLoader, dict],
                 evaluator: Union[Evaluator, dict, list], fp16: bool = False) -> None:
        if isinstance(dataloader, dict) and isinstance(dataloader['dataset'], dict):
            # Before MMPose reads the labels.
            check_val_set(dataloader['dataset'], evaluator)
        super().__init__(runner, dataloader, evaluator, fp16)
        self._settings = _settings_of(runner.model)

    def run(self) -> Dict[str, float]:
        """Validate both models.

        Returns:
            dict: Each metric under its name with ``teacher/`` or ``student/`` before it.
        """
        runner = self.runner
        for metric in _metrics_in(vars(self.evaluator)):
            metric.results.clear()  # of a validation that was interrupted
        self._evaluators = dict(zip(MODELS, _evaluators_of(self.evaluator)))
        runner.call_hook('before_val')
        runner.call_hook('before_val_epoch')
        runner.model.eval()
        for i, batch in enumerate(self.dataloader):
            self.run_iter(i, batch)
        size = len(self.dataloader.dataset)
        # The chosen model comes last: a file that a metric writes (outfile_prefix) is its.
        found = {model: self._evaluators[model].evaluate(size) for model in self._ordered()}
        metrics = {f'{model}/{name}': value
                   for model in MODELS for name, value in found[model].items()}
        runner.call_hook('after_val_epoch', metrics=metrics)
        runner.call_hook('after_val')
        return metrics

    @torch.no_grad()
    def run_iter(self, idx: int, data_batch: Sequence[dict]) -> None:
        """Let both models predict a batch.

        Args:
            idx (int): Its number, from 0.
            data_batch (Sequence[dict]): As from the loader.
        """
        self.runner.call_hook('before_val_iter', batch_idx=idx, data_batch=data_batch)
        chosen = self._settings.get('predict_on', MODELS[0])
        try:
            # The chosen model comes last: its predictions are those that stay in the samples.
            for model in self._ordered():
                self._settings['predict_on'] = model
                with autocast(enabled=self.fp16):
                    outputs = self.runner.model.val_step(data_batch)
                self._evaluators[model].process(data_samples=outputs, data_batch=data_batch)
        finally:
            self._settings['predict_on'] = chosen
        self.runner.call_hook(
            'after_val_iter', batch_idx=idx, data_batch=data_batch, outputs=outputs)

    def _ordered(self) -> List[str]:
        """Return both models, the one that ``predict_on`` says last."""
        chosen = self._settings.get('predict_on', MODELS[0])
        return sorted(MODELS, key=lambda model: model == chosen)


def _settings_of(model: nn.Module) -> dict:
    """Return the dict whose ``predict_on`` says which of the two models predicts."""
    model = unwrapped(model)
    missing = [name for name in (*MODELS, 'semi_test_cfg') if not hasattr(model, name)]
    if missing:
        raise TypeError(
            f'TeacherStudentOnePassValLoop validates a model that has a teacher, a student and a '
            f'semi_test_cfg, and {type(model).__name__} has no {" and no ".join(missing)}. Set '
            "val_cfg=dict(type='ValLoop') for a plain model")
    return model.semi_test_cfg


def _evaluators_of(evaluator: Evaluator) -> Tuple[Evaluator, Evaluator]:
    """Return an evaluator for each model; the first is the Runner's, with all that it remembers."""
    if any(map(_converts, _metrics_in(vars(evaluator)))):  # its labels must stay as they are
        return _with_own_results(evaluator), _with_own_results(evaluator)
    return evaluator, _with_own_results(evaluator)


def _converts(metric: BaseMetric) -> bool:
    """Tell whether a metric writes other labels over its own at each evaluation."""
    return isinstance(metric, CocoMetric) and bool(metric.gt_converter)


def _with_own_results(evaluator: Evaluator) -> Evaluator:
    """Copy an evaluator whose metrics share all with the original's but what they collect."""
    copies: Dict[int, Any] = {}  # one of each: an evaluator may have a metric in several places

    def own(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: own(value) for key, value in part.items()}
        if isinstance(part, (list, tuple)):
            return [own(value) for value in part]
        if not isinstance(part, (Evaluator, BaseMetric)):
            return part
        if id(part) not in copies:
            copies[id(part)] = copy.copy(part)
            for name, value in vars(part).items():
                if any(_metrics_in(value)):  # as KeypointPartitionMetric and MultiDatasetEvaluator
                    setattr(copies[id(part)], name, own(value))
            if isinstance(part, BaseMetric):
                copies[id(part)].results = []
            if _converts(part):
                copies[id(part)].coco = copy.deepcopy(part.coco)
        return copies[id(part)]

    return own(evaluator)


def _metrics_in(value: Any) -> Iterator[BaseMetric]:
    """Yield the metrics in nested dicts and lists, and in one another."""
    if isinstance(value, BaseMetric):
        yield value
        value = vars(value)
    if isinstance(value, (dict, list, tuple)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _metrics_in(part)
