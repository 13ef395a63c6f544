"""The semi-supervised estimator: a student, its EMAN teacher, and the three branches of a step."""
import copy
import inspect
from contextlib import nullcontext
from typing import Any, Callable, ContextManager, Dict, List, Optional, Tuple, Union

import numpy as np
import torch
from mmdet.models.data_preprocessors import MultiBranchDataPreprocessor
from mmengine.logging import MessageHub
from mmengine.model import BaseModel
from mmpose.models.heads.base_head import BaseHead
from mmpose.models.utils import check_and_update_config
from mmpose.registry import MODELS
from mmpose.utils.typing import ConfigType, OptConfigType, SampleList
from torch import Tensor

from .._moved import old_arguments, renamed, warn_of
from ..functional.branches import BRANCHES, KEYPOINT_WEIGHTS
from ..functional.cutout import keypoint_cutout
from ..functional.modes import evaluating
from ..functional.nested import map_tensors
from ..functional.normalization import Normalization
from ..functional.warp import inside_view
from .labelers import (
    Labeler,
    Seen,
    SeveralLabelers,
    build_labeler,
    remember,
    student_names,
)
from .mixing.neck import MixUnMix
from .precision import float32_outputs
from .recompute import has_checkpoints, not_reentrant
from .step import UnlabeledStep
from .targets.base import PseudoTargets, TargetMaker, check_views, target_maker_for, views_of

Losses = Dict[str, Union[Tensor, List[Tensor]]]  # by name; MMPose's heads may give a list


@MODELS.register_module()
class SemiSupervisedDataPreprocessor(MultiBranchDataPreprocessor):
    """MMDetection's ``MultiBranchDataPreprocessor`` that says which branch a batch lacks.

    Args:
        data_preprocessor (dict): Config of the preprocessor of every branch, one of MMPose's.
    """

    def __init__(self, data_preprocessor: ConfigType) -> None:
        super().__init__(dict(copy.deepcopy(data_preprocessor), _scope_='mmpose'))

    def forward(self, data: Dict[str, Any], training: bool = False) -> Dict[str, Any]:
        """Sort the samples by branch and preprocess each branch; raise ValueError if one lacks."""
        if training:
            _check_branches(data['inputs'])
        return super().forward(data, training)


@MODELS.register_module()
class SemiSupervisedPoseEstimator(BaseModel):
    """Train any top-down estimator on labeled and unlabeled people (Pose-MUM).

    A batch has three branches: ``sup``, labeled images; ``unsup_teacher`` and ``unsup_student``,
    a weak and a strong view of the same unlabeled images. The student learns the first by its
    head's own loss, and from the third it must reproduce what the teacher predicts in the second,
    with the images' tiles mixed on the way through its backbone. The teacher follows by
    :class:`EMANHook`. It has no gradient. It runs in evaluation mode unless ``teacher_mode`` is
    ``'train'``.

    Checkpoints hold both under ``student.`` and ``teacher.``. One of a plain MMPose model loads
    into both. Put initial weights into the estimator's own ``init_cfg``.

    Args:
        estimator (dict): Config of the top-down estimator, as MMPose has it.
        mix_unmix (dict, optional): Config of the :class:`MixUnMix` neck to put between the
            student's backbone and its own neck. Defaults to None: no mixing.
        sup_weight (float): Weight of the labeled images' loss.
        unsup_weight (float): Weight of the unlabeled images' loss, in the same unit.
            MMPose's KLDiscretLoss sums over images where the others take their mean: N times as
            many unlabeled as labeled images count N times as much there.
        burn_in (int): Iterations at the start that train on labeled images alone.
            :class:`EMANHook` keeps the teacher a copy of the student meanwhile.
        ramp_up (int): Iterations after the burn-in in which the unlabeled images' weight rises
            from 0, linearly. Outside of a Runner neither applies.
        confidence (dict, optional): Which of the teacher's keypoints count, see
            :class:`TargetMaker`. Defaults to all of them.
        keypoint_cutout (dict, optional): Arguments of :func:`functional.cutout.keypoint_cutout`,
            which hides keypoints of the strong view. ``dict()`` takes its defaults.
            ``score_threshold`` leaves out keypoints that the teacher is less sure of. Defaults to
            None: no cutout.
        teacher_mode (str): ``'eval'``, in which the teacher's targets do not depend on the batch
            (EMAN), or ``'train'``, in which it normalizes each batch by its own statistics, as the
            methods from before EMAN do.
        labeler (dict | list, optional): ``config`` and ``checkpoint`` of a frozen top-down model
            that makes the targets in place of the teacher, see :class:`ModelLabeler`; or ``file``,
            the json that it was exported to, see :class:`FileLabeler`; of several, the keypoints
            are averaged, see :class:`SeveralLabelers`. It knows all of the student's keypoints, by
            their names. The weak view has the size of its input: give the
            ``SemiSupervisedDataset`` ``weak=dict(input_size=…)``. The teacher still follows the
            student, is validated and published. Defaults to None.
        predict_on (str): ``'teacher'`` or ``'student'``, the model that predicts.
        data_preprocessor (dict, optional): Defaults to the estimator's own for every branch.
        backbone (dict, optional): Empty. MMPose's ``init_model`` looks into it, and so predicts by
            a training's own config as well. The backbone is the estimator's.
        train_cfg (dict, optional): Empty as well: ``init_model`` sets it to None.

    Attributes:
        target_maker (TargetMaker): Makes what the student has to reproduce.
        rehearses (bool): Whether a step is as after the burn-in, whatever the iteration.
        watchers (list[Callable]): Each is called with the :class:`UnlabeledStep` of every pair in
            every step that has one. They must not change anything, nor draw random numbers.

    Raises:
        ValueError: If an argument is out of its range or the estimator has no head, or one that
            is not supported.
    """

    trains_teacher = False  # by gradient, as DualPoseEstimator does

    @old_arguments('joint_cutout', kind=FutureWarning)
    def __init__(self,
                 estimator: ConfigType,
                 mix_unmix: OptConfigType = None,
                 sup_weight: float = 1.,
                 unsup_weight: float = 1.,
                 burn_in: int = 0,
                 ramp_up: int = 0,
                 confidence: OptConfigType = None,
                 keypoint_cutout: OptConfigType = None,
                 teacher_mode: str = 'eval',
                 labeler: Union[ConfigType, List[ConfigType], None] = None,
                 predict_on: str = 'teacher',
                 data_preprocessor: OptConfigType = None,
                 backbone: OptConfigType = None,
                 train_cfg: OptConfigType = None) -> None:
        for name, value in dict(backbone=backbone, train_cfg=train_cfg).items():
            if value:
                raise ValueError(f'{name} of the semi-supervised model must be empty, got {value}: '
                                 f'move it to estimator.{name}')
        if data_preprocessor is None:
            data_preprocessor = dict(
                type='mmpose.SemiSupervisedDataPreprocessor',
                data_preprocessor=estimator.get('data_preprocessor')
                or dict(type='PoseDataPreprocessor'))
        super().__init__(data_preprocessor=data_preprocessor)
        if predict_on not in ('teacher', 'student'):
            raise ValueError(f"predict_on must be 'teacher' or 'student', got {predict_on!r}")
        if teacher_mode not in ('eval', 'train'):
            raise ValueError(f"teacher_mode must be 'eval' or 'train', got {teacher_mode!r}")
        for name, value in dict(sup_weight=sup_weight, unsup_weight=unsup_weight, burn_in=burn_in,
                                ramp_up=ramp_up).items():
            if value < 0:
                raise ValueError(f'{name} must be at least 0, got {value}')

        self.teacher = _build_estimator(estimator, mix_unmix if self.trains_teacher else None)
        self.student = _build_estimator(estimator, mix_unmix)
        _check_head(self.student.head)
        self.target_maker = target_maker_for(self.student.head, confidence)
        for model in (self.student, self.teacher):
            if _mixes(model):
                model.neck.attach(model.backbone, self.target_maker.input_size)
        if not self.trains_teacher:  # else what its parts have frozen themselves stays frozen
            self.teacher.requires_grad_(False)
        self._start_teacher()

        self.labeler = None if labeler is None else self._checked_labeler(labeler)
        self._head, self._preprocessor = estimator['head'], data_preprocessor
        self.teacher_mode = teacher_mode
        self.sup_weight = sup_weight
        self.unsup_weight = unsup_weight
        self.burn_in = burn_in
        self.ramp_up = ramp_up
        self.cutout = _checked_cutout(keypoint_cutout)
        self.watchers: List[Callable[[UnlabeledStep], None]] = []
        self.rehearses = False
        self._has_checkpoints: Optional[bool] = None
        self.run_name: Optional[str] = None  # of the Runner that trains, which tells its hub
        self.semi_test_cfg = dict(predict_on=predict_on)  # switched by the val loop
        self._plain_at: Optional[str] = None  # while a plain model's weights are loaded
        self._register_load_state_dict_pre_hook(self._take_plain)
        self.register_load_state_dict_post_hook(self._pass_on_plain)

    def train(self, mode: bool = True) -> 'SemiSupervisedPoseEstimator':
        """Set the student's mode; the teacher trains only if ``teacher_mode`` says so."""
        super().train(mode)
        self.teacher.train(mode and (self.trains_teacher or self.teacher_mode == 'train'))
        return self

    @property
    def test_cfg(self) -> Dict[str, Any]:
        """How the model that predicts is tested; MMPose's inferencer writes into it."""
        return getattr(self, self.semi_test_cfg['predict_on']).test_cfg

    def init_weights(self) -> None:
        """Initialize the student, and the teacher as its copy; once, as MMEngine does."""
        if not self.student.is_init:  # each Runner.train calls it, also the second one
            self.student.init_weights()
            self._start_teacher()

    def _start_teacher(self) -> None:
        self.teacher.load_state_dict(self.student.state_dict())

    def _checked_labeler(self, config: Union[ConfigType, List[ConfigType]]) -> Labeler:
        if self.trains_teacher:
            raise ValueError(f'{type(self).__name__} has two models that teach each other, and no '
                             'room for a labeler: leave it out')
        if not self.target_maker.takes_keypoints:
            raise ValueError(f"the head {type(self.student.head).__name__} needs more than a "
                             "labeler's keypoints: leave the labeler out")
        labeler = build_labeler(config)
        if isinstance(labeler, SeveralLabelers):
            self.target_maker.check_weights("the labelers' agreement")
        return labeler

    def load_labeler(self, names: Optional[List[str]] = None) -> None:
        """Read the labeler, if there is one and it has not been read.

        Args:
            names (list[str], optional): The keypoints, outside of a training. Defaults to those
                that the Runner knows; then the checkpoints tell which file it was.

        Raises:
            FileNotFoundError: If one of its files is missing.
            ValueError: If it lacks a keypoint, or its files do not fit.
        """
        if self.labeler is not None and not self.labeler.digest:
            hub = self._hub()
            # By its config: the model may be on a device by now, and be built on none.
            views = Normalization.of(MODELS.build(copy.deepcopy(self._preprocessor)))
            self.labeler.load(names or student_names(hub), self._head, views)
            if names is None:
                remember(self.labeler, hub)

    def check_people(self, dataset: Any) -> None:
        """Read the labeler, and check that it knows the unlabeled people; for a training's start.

        Args:
            dataset (Dataset): The training's, built.

        Raises:
            FileNotFoundError: As :meth:`load_labeler`.
            ValueError: As :meth:`load_labeler`, or if a labeler's json lacks a person.
        """
        if self.labeler is not None:
            self.load_labeler()
            self.labeler.check_people(dataset)

    def _take_plain(self, state_dict: Dict[str, Any], prefix: str, *_args: Any) -> None:
        """Give a plain model's weights to the student, from which the teacher takes them.

        Not to both: MMPose's IntegralRegressionHead and DSNTHead rename a heatmap head's weights,
        and find their names by ``str.lstrip(prefix)``, which removes letters, not a prefix. Of
        ``deconv_layers`` those of ``student.`` leave the ``conv_layers`` that they look for, while
        those of ``teacher.`` leave ``onv_layers``.
        """
        for key in plain_keys(state_dict, prefix):
            value, name = state_dict.pop(key), key[len(prefix):]
            if not name.startswith('data_preprocessor.'):
                state_dict[f'{prefix}student.{name}'] = value
            self._plain_at = prefix

    def _pass_on_plain(self, _module: Any, unfit: Any) -> None:
        if self._plain_at is not None:
            own, self._plain_at = f'{self._plain_at}teacher.', None
            self._start_teacher()
            unfit.missing_keys[:] = [key for key in unfit.missing_keys if not key.startswith(own)]

    @property
    def targets(self) -> TargetMaker:
        """The old name of ``target_maker``, kept for one release."""
        warn_of('model.targets', 'model.target_maker')
        return self.target_maker

    def pairs(self) -> Dict[str, Tuple[BaseModel, BaseModel]]:
        """Return each model that is trained with the one that teaches it, by its logs' prefix."""
        return {'': (self.student, self.teacher)}

    def forward(self,
                inputs: Any,
                data_samples: Any = None,
                mode: str = 'tensor') -> Union[Losses, SampleList, Tensor]:
        """Run the three branches (``mode='loss'``) or one of the two models (any other mode).

        Args:
            inputs (Tensor | dict[str, Tensor]): Normalized images (N, 3, H, W); with
                ``mode='loss'`` those of each branch.
            data_samples (list | dict[str, list]): Their :class:`PoseDataSample` s, likewise.
            mode (str): ``'loss'``, ``'predict'`` or ``'tensor'``, as in MMPose.

        Returns:
            dict | list | Tensor: The losses and figures to log, the samples with predictions, or
            the head's output.
        """
        if mode == 'loss':
            return self.loss(inputs, data_samples)
        model = getattr(self, self.semi_test_cfg['predict_on'])
        return model(inputs, data_samples, mode=mode)

    def loss(self, inputs: Dict[str, Tensor],
             data_samples: Dict[str, SampleList]) -> Losses:
        """Compute the losses of a batch, and the figures that explain the unlabeled ones.

        Args:
            inputs (dict[str, Tensor]): Images of each branch; the two unlabeled ones in the same
                order.
            data_samples (dict[str, list[PoseDataSample]]): Their samples.

        Returns:
            dict[str, Tensor]: ``sup_…``, the head's own; ``unsup_loss``; ``unsup_weight``, what it
            has been weighted by; ``teacher_confidence``, the mean score of the teacher's keypoints;
            ``keypoints_used``, the share that count; ``keypoint_distance``, the mean
            distance of the student's keypoints from the target's, in pixels of the input.

        Raises:
            ValueError: If a branch is missing or empty, the labeler does not fit, or an unlabeled
                view has not the size that it needs.
            KeyError: If an unlabeled sample does not say how its view was made.
            RuntimeError: If a site lies in a module that is run again in the backward pass.
        """
        # In the burn-in too, so that what is wrong is told at once.
        self._check(inputs, data_samples)
        weight = self._current_unsup_weight()
        losses: Losses = {}
        with not_reentrant() if self._has_checkpoints else nullcontext():
            for prefix, (student, teacher) in self.pairs().items():
                found = self.loss_by_labels(student, inputs['sup'], data_samples['sup'])
                if weight > 0:  # else it is the burn-in
                    found.update(self.loss_by_teacher(
                        student, teacher, inputs, data_samples, weight, prefix))
                losses.update({prefix + key: value for key, value in found.items()})
        return losses

    def _check(self, inputs: Dict[str, Tensor], data_samples: Dict[str, SampleList]) -> None:
        """Check what a step needs of the batch and of the model; see :meth:`loss`."""
        _check_branches(inputs)
        weak, strong = inputs['unsup_teacher'], inputs['unsup_student']
        if self.labeler is None:
            self.target_maker.check_size(weak)
            self.target_maker.check_size(strong)
            _check_same_size(weak, strong)
        else:
            self.load_labeler()
            self.labeler.check_view(weak)
            self.target_maker.check_size(strong, encoded=True)
        check_views(data_samples['unsup_teacher'], 'flip_indices')
        check_views(data_samples['unsup_student'])
        for sample in data_samples['unsup_teacher'][:1]:
            self.target_maker.check_number(len(sample.metainfo['flip_indices']))
        for student, _ in self.pairs().values():
            if _mixes(student):
                student.neck.check_recomputed()
        if self._has_checkpoints is None:  # the Runner may have turned them on by now
            self._has_checkpoints = has_checkpoints(self.student)

    def loss_by_labels(self, student: BaseModel, images: Tensor,
                       samples: SampleList) -> Losses:
        """Compute the losses of the labeled images: the head's own, named ``sup_…``."""
        with float32_outputs(student.head):
            losses = student.loss(images, samples)
        return {'sup_' + key: _scale(value, self.sup_weight) if 'loss' in key else value
                for key, value in losses.items()}

    def loss_by_teacher(self, student: BaseModel, teacher: BaseModel, inputs: Dict[str, Tensor],
                        data_samples: Dict[str, SampleList], weight: float,
                        prefix: str = '') -> Dict[str, Tensor]:
        """Compute the loss of the unlabeled images: teach, try the strong view, compare."""
        weak, strong = inputs['unsup_teacher'], inputs['unsup_student']
        seen, targets = self.teach(
            teacher, weak, data_samples['unsup_teacher'], data_samples['unsup_student'])
        strong = self.cut_out(strong, targets)
        output, site, permutation = self.forward_mixed(student, strong)
        losses = self.compare(student, output, targets, weight)
        for watch in self.watchers:
            watch(UnlabeledStep(prefix, weak, strong, seen, map_tensors(Tensor.detach, output),
                                targets, self.target_maker, site, permutation))
        return losses

    @torch.no_grad()
    def teach(self, teacher: BaseModel, weak: Tensor, weak_samples: SampleList,
              strong_samples: SampleList) -> Tuple[Any, PseudoTargets]:
        """Let the teacher look at the weak view, and carry what it sees into the strong one.

        A labeler looks in its place. If its head is configured as the student's and has the same
        keypoints, its output is carried over as the teacher's would be, else its keypoints are.

        Args:
            teacher (BaseModel): The teacher, which runs in ``teacher_mode``.
            weak (Tensor): Its images (B, 3, H, W).
            weak_samples (list[PoseDataSample]): Their samples.
            strong_samples (list[PoseDataSample]): The strong view's, of the same images.

        Returns:
            tuple[Any, PseudoTargets]: The teacher's output, or what the labeler has :class:`Seen`,
            and what the student has to reproduce.
        """
        views = (views_of(weak_samples), views_of(strong_samples),
                 weak_samples[0].metainfo['flip_indices'])
        seen = self._seen(teacher, weak, weak_samples, self.teacher_mode == 'eval')
        targets = self.target_maker.of_keypoints(
            seen.keypoints, seen.scores, *views, weights=seen.weights) if isinstance(
                seen, Seen) else self.target_maker(seen, *views)
        if self.trains_teacher:
            # Autocast keeps the weights that it has cast, and these have no gradient: in its own
            # turn the teacher would learn nothing by them.
            torch.clear_autocast_cache()
        return seen, _weighted(targets, strong_samples)

    def weak_view(self, data_batch: Dict[str, Dict[str, Any]]) -> Tuple[Tensor, SampleList]:
        """Return the weak views of a batch, without the other branches; for hooks.

        Args:
            data_batch (dict): What the dataloader gave: ``inputs`` and ``data_samples`` by branch.

        Returns:
            tuple[Tensor, list[PoseDataSample]]: The images (B, 3, H, W), normalized, without the
            preprocessor's random augmentations, on the model's device; and their samples.
        """
        found = self.data_preprocessor(
            {key: [x for x in data_batch[key]['unsup_teacher'] if x is not None]
             for key in ('inputs', 'data_samples')}, False)
        return found['inputs'], found['data_samples']

    @torch.no_grad()
    def look(self, teacher: BaseModel, weak: Tensor, weak_samples: SampleList) -> Seen:
        """Find the keypoints that are taught; for hooks, between two steps.

        Args:
            teacher (BaseModel): The teacher, which runs in evaluation mode; or a labeler does.
            weak (Tensor): The weak view (B, 3, H, W), normalized.
            weak_samples (list[PoseDataSample]): Its samples.

        Returns:
            Seen: The keypoints, their scores, and what they count besides.
        """
        seen = self._seen(teacher, weak, weak_samples, evaluate=True)
        return seen if isinstance(seen, Seen) else Seen(*self.target_maker.keypoints(seen))

    def _seen(self, teacher: BaseModel, weak: Tensor, samples: SampleList, evaluate: bool) -> Any:
        """Return what the labeler sees, or else the teacher's output, in evaluation mode or not."""
        if self.labeler is not None:
            return self.labeler(weak, samples)
        mode = evaluating(teacher) if evaluate else nullcontext()
        with mode, float32_outputs(teacher.head):
            return teacher(weak, samples, mode='tensor')

    def cut_out(self, strong: Tensor, targets: PseudoTargets) -> Tensor:
        """Hide keypoints of the strong view, if ``keypoint_cutout`` says so.

        Those that lie outside of it, or that a labeler's json lacks, leave their turn to others.
        """
        if self.cutout is None:
            return strong
        options = dict(self.cutout)
        usable = targets.scores >= options.pop('score_threshold', 0.)
        height, width = strong.shape[2:]
        usable = usable & (targets.scores > 0) & inside_view(targets.keypoints, (height, width))
        return keypoint_cutout(strong, targets.keypoints, usable, **options)

    def forward_mixed(self, student: BaseModel,
                      strong: Tensor) -> Tuple[Any, Optional[str], Optional[Tensor]]:
        """Run the student, whose neck unmixes what was mixed on the way through its backbone.

        Args:
            student (BaseModel): The student.
            strong (Tensor): The strong view (B, 3, H, W), after the cutout.

        Returns:
            tuple[Any, str | None, Tensor | None]: The student's output; the site that was mixed and
            the permutation of the tiles, None without mixing.
        """
        with _mixing(student, strong) as site, float32_outputs(student.head):
            output = student(strong, mode='tensor', data_samples=None)
            permutation = student.neck.permutation if site else None
            return output, None if permutation is None else site, permutation

    def compare(self, student: BaseModel, output: Any, targets: PseudoTargets,
                weight: float) -> Dict[str, Tensor]:
        """Compute the consistency loss, and the figures to log; see :meth:`loss`.

        Args:
            student (BaseModel): The student, whose head's loss is used.
            output (Any): Its output.
            targets (PseudoTargets): What it has to reproduce.
            weight (float): Weight of the loss.

        Returns:
            dict[str, Tensor]: The loss and the figures.
        """
        loss = self.target_maker.loss(output, targets, student.head)
        distance, used = self.target_maker.distance(output, targets)
        return dict(
            unsup_loss=_scale(loss, weight),
            unsup_weight=loss.new_full((), weight),
            teacher_confidence=targets.scores.mean(),
            keypoints_used=used,
            keypoint_distance=distance)

    def _hub(self) -> MessageHub:
        """Return the hub of the Runner that trains: MMEngine's current one is the newest."""
        return (MessageHub.get_instance(self.run_name) if self.run_name
                else MessageHub.get_current_instance())

    def _current_unsup_weight(self) -> float:
        """Weight of the unlabeled loss at the Runner's current iteration."""
        if self.rehearses:
            return self.unsup_weight
        iteration = self._hub().get_info('iter', default=None)
        if iteration is None:
            return self.unsup_weight
        since = iteration - self.burn_in
        if since < 0:
            return 0.
        return self.unsup_weight * min(1., (since + 1) / (self.ramp_up + 1))


def _build_estimator(config: ConfigType, mix_unmix: OptConfigType) -> BaseModel:
    """Build the estimator, with the MixUnMix neck before its own one where asked to."""
    config = copy.deepcopy(config)
    if config.get('head') is None:
        raise ValueError(f"the estimator {config.get('type')} has no head, which pseudo "
                         'targets need. Give it one, as in MMPose\'s configs')
    if mix_unmix is not None:
        # MMPose moves an old config's `input_transform` from the head to a neck if there is none,
        # so this must have happened before one is put there.
        neck, head = check_and_update_config(config.get('neck'), config['head'])
        # Not by update(), with which a ConfigDict would merge them into what is there.
        config['neck'], config['head'] = dict(copy.deepcopy(mix_unmix), neck=neck), head
    # MMPose's accuracy runs in numpy on the host in each step: a sync, and bfloat16 has no numpy.
    config['train_cfg'] = {'compute_acc': False, **(config.get('train_cfg') or {})}
    return MODELS.build(config)


def _weighted(targets: PseudoTargets, samples: SampleList) -> PseudoTargets:
    """Weight keypoints as the dataset does, if the view tells it to."""
    weights = samples[0].metainfo.get(KEYPOINT_WEIGHTS)
    if weights is None:
        return targets
    return targets._replace(weights=targets.weights * torch.from_numpy(
        np.array(weights, np.float32)).to(targets.weights.device, non_blocking=True))


def _check_head(head: BaseHead) -> None:
    if getattr(head, 'lambda_t', -1) > 0:  # DSNTHead's
        raise ValueError(
            f'the head has lambda_t={head.lambda_t}, the epoch from which it learns by its '
            'coordinates alone. A semi-supervised training counts iterations and never gets there: '
            'leave lambda_t out')


def _mixes(model: BaseModel) -> bool:
    return isinstance(getattr(model, 'neck', None), MixUnMix)


def _mixing(model: BaseModel, images: Tensor) -> ContextManager[Optional[str]]:
    """Context in which the model's forward is mixed; a null one without a MixUnMix neck."""
    return model.neck.mixing(len(images), images.device) if _mixes(model) else nullcontext()


def _checked_cutout(options: OptConfigType) -> Optional[Dict[str, Any]]:
    if options is None:
        return None
    known = {'score_threshold'} | {
        name for name, parameter in inspect.signature(keypoint_cutout).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY}
    options = renamed(options, 'num_joints')
    if set(options) - known:
        raise ValueError(f'keypoint_cutout has unknown keys {sorted(set(options) - known)}; it '
                         f'knows {", ".join(sorted(known))}')
    return options


def _check_branches(inputs: Any) -> None:
    inputs = inputs if isinstance(inputs, dict) else {}
    sizes = {name: sum(x is not None for x in inputs.get(name, ())) for name in BRANCHES}
    if not all(sizes.values()) or sizes['unsup_teacher'] != sizes['unsup_student']:
        raise ValueError(
            f'a training batch needs images in each of the branches {BRANCHES}, as many in the '
            f'second as in the third, but got {sizes}. Use SemiSupervisedSampler in the '
            'dataloader, and a PoseMultiBranch in the pipelines of both sources')


def _check_same_size(weak: Tensor, strong: Tensor) -> None:
    if weak.shape[2:] != strong.shape[2:]:
        sizes = [tuple(view.shape[:1:-1]) for view in (weak, strong)]
        raise ValueError(
            f'the weak view has the size {sizes[0]} (width, height), and the strong view '
            f'{sizes[1]}: without a labeler both need the same. Take input_size out of the entry '
            'of one view, such as weak=dict(input_size=…)')


def _scale(loss: Any, weight: float) -> Any:
    """Weight a loss, or each of a list of them."""
    return [x * weight for x in loss] if isinstance(loss, list) else loss * weight


def plain_keys(state_dict: Dict[str, Any], prefix: str) -> List[str]:
    """List the keys below ``prefix`` if they are of a plain model, without student and teacher."""
    own = [key for key in state_dict if key.startswith(prefix)]
    both = (prefix + 'student.', prefix + 'teacher.')
    return [] if any(key.startswith(both) for key in own) else own
