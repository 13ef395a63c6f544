"""The hook that gives the labeled images another pipeline late in the training: RTMPose's."""
from logging import WARNING
from typing import Any, Dict, List

from mmcv.transforms import Compose
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmpose.registry import HOOKS, TRANSFORMS

from ..._moved import warn_of
from ...configs.datasets import branches_of
from ...functional.seeding import preserved
from ..loops.train_loop import restart_data


@HOOKS.register_module()
class LabeledPipelineSwitchHook(Hook):
    """MMDetection's ``PipelineSwitchHook`` for semi-supervised training, which counts iterations.

    It replaces the pipeline of the branch ``sup`` in every ``PoseMultiBranch``. The unlabeled views
    stay as they are. The first batch with the new pipeline is number ``switch_iter``, counted from
    0, whatever the workers have prefetched. The workers are restarted at the same place in the
    sampler's stream, so no sample is lost or seen twice.

    Args:
        switch_iter (int): Iterations that are trained with the original pipeline.
        switch_pipeline (list[dict]): The labeled images' pipeline from then on.

    Raises:
        ValueError: If ``switch_iter`` is negative, or when the training starts, if its data have no
            labeled branch, or the new pipeline cannot load a labeled person as the original does.
    """

    def __init__(self, switch_iter: int, switch_pipeline: List[dict]) -> None:
        if switch_iter < 0:
            raise ValueError(f'switch_iter must be at least 0, got {switch_iter}')
        self.switch_iter = switch_iter
        self.switch_pipeline = switch_pipeline
        self._has_switched = False

    def before_train(self, runner) -> None:
        """Make and try the pipelines, and switch at once when resuming after the switch."""
        self._pipelines = []
        for dataset, branches in branches_of(runner.train_dataloader.dataset, 'sup'):
            # One for each branch, as it may hold a state.
            pipeline = Compose([TRANSFORMS.build(step) for step in self.switch_pipeline])
            _check_shapes(dataset, branches, pipeline)
            self._pipelines.append((branches, pipeline))
        if not self._pipelines:
            raise ValueError('LabeledPipelineSwitchHook finds no PoseMultiBranch with a branch '
                             '`sup` in the training data, whose pipeline it could replace')
        if self.switch_iter >= runner.max_iters:
            print_log(
                f'LabeledPipelineSwitchHook has switch_iter={self.switch_iter}, but the training '
                f'ends at {runner.max_iters}: its second pipeline is never used. Change '
                'switch_iter with max_iters', 'current', WARNING)
        if runner.iter >= self.switch_iter:
            # The loop itself is about to skip as many batches as were trained before the resume.
            self._switch(runner, start_batch=0)

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        """Switch after the last batch of the original pipeline."""
        if not self._has_switched and batch_idx + 1 >= self.switch_iter:
            self._switch(runner, start_batch=batch_idx + 1)

    def _switch(self, runner, start_batch: int) -> None:
        for branches, pipeline in self._pipelines:
            branches['sup'] = pipeline
        self._has_switched = True
        runner.logger.info(f'The labeled images use their second pipeline from iteration '
                           f'{start_batch or runner.iter} on')
        restart_data(runner.train_loop, start_batch)


def _check_shapes(dataset, branches: Dict[str, Any], pipeline: Compose) -> None:
    """Load a person by both pipelines, so that a mistake is told before the training.

    Raises:
        ValueError: If the second one does not load what the first one does.
    """
    if not hasattr(dataset, 'prepare_data'):
        return
    with preserved():
        first = dataset.prepare_data(0)
        before, branches['sup'] = branches['sup'], pipeline
        try:
            second = dataset.prepare_data(0)
        except Exception as error:  # a transform may raise anything
            raise ValueError(f'the switch_pipeline of LabeledPipelineSwitchHook cannot load the '
                             f'first labeled person: {error!r}') from error
        finally:
            branches['sup'] = before
    if first and second:
        sizes = [tuple(views['inputs']['sup'].shape[-2:]) for views in (first, second)]
        if sizes[0] != sizes[1]:
            raise ValueError(
                f'the switch_pipeline of LabeledPipelineSwitchHook makes images of {sizes[1]} '
                f'pixels (height, width), and the pipeline before it {sizes[0]}: both need the '
                "input_size of the model's codec")


@HOOKS.register_module()
class LabelledPipelineSwitchHook(LabeledPipelineSwitchHook):
    """The old name of :class:`LabeledPipelineSwitchHook`, kept for one release."""

    def __init__(self, *args, **kwargs) -> None:
        warn_of('LabelledPipelineSwitchHook', 'LabeledPipelineSwitchHook', FutureWarning)
        super().__init__(*args, **kwargs)
