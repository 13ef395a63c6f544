"""Run a model over people, and measure by each criterion how much it doubts them."""
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

import numpy as np
import torch
from mmengine.config import Config

from ..checkpoint.safe_load import load_checkpoint
from ..export.people import People, find_labeled, load_plain, nobody_predicted, predict
from ..models.targets import target_maker_for
from . import criteria
from .known import have_labels


class Measured(NamedTuple):
    """Unlabeled people as the model sees them.

    Attributes:
        people: As :func:`mmpose_mum.export.people.predict` yields them; None for one
            whose image cannot be read.
        doubts: Criterion → (N, ), of those who are not None. Larger means more doubt.
        features: (N, D), of the same.
        labeled: (M, D), features of the labeled people.
        known: How many people were left out because they have labels already.
        notes: What could not be measured, and why.
    """
    people: List[Optional[dict]]
    doubts: Dict[str, np.ndarray]
    features: np.ndarray
    labeled: np.ndarray
    known: int
    notes: List[str]


class Observer:
    """Sees what the criteria need of a batch: features, heatmaps, and second answers.

    Args:
        model (torch.nn.Module): A plain top-down estimator, on its device.
        student (torch.nn.Module, optional): Another one of the same keypoints.
    """

    def __init__(self, model: torch.nn.Module, student: Optional[torch.nn.Module] = None) -> None:
        self.model, self.student = model, student
        self.maker = target_maker_for(model.head)

    def __call__(self, data: Dict[str, Any]) -> Dict[str, np.ndarray]:
        """Measure the people of a collated batch.

        Returns:
            dict: ``feature`` (B, D), ``flip`` (B, ) and, as far as there is something to measure,
            ``peaks`` (B, ) and ``student`` (B, ).
        """
        packed = self.model.data_preprocessor(data, False)
        images, samples = packed['inputs'], packed['data_samples']
        features = self.model.extract_feat(images)
        output = self.model.head.forward(features)
        found: Dict[str, np.ndarray] = dict(feature=_pooled(features))
        keypoints = self._in_image(output, samples)
        mirrored = self._in_image(
            self.model.head.forward(self.model.extract_feat(images.flip(-1))), samples,
            mirrored=True)
        sides = criteria.longer_box_sides(
            np.stack([sample.gt_instances.bboxes[0] for sample in samples]))
        found['flip'] = criteria.disagreement(keypoints, mirrored, sides)
        maps = self.maker.heatmaps(output)
        if maps is not None:
            found['peaks'] = criteria.peak_entropy(maps.float().cpu().numpy())
        if self.student is not None:
            other = self.student.head.forward(self.student.extract_feat(images))
            found['student'] = criteria.disagreement(
                keypoints, self._in_image(other, samples), sides)
        return found

    def _in_image(self, output: Any, samples: list, mirrored: bool = False) -> np.ndarray:
        """Return the keypoints (B, K, 2) of an output, in pixels of the image."""
        keypoints = self.maker.keypoints(output)[0].cpu().numpy()
        if mirrored:
            metainfo = self.model.metainfo or samples[0].metainfo
            keypoints = keypoints[:, metainfo['flip_indices']]
            keypoints[..., 0] = self.maker.input_size[0] - 1 - keypoints[..., 0]
        centers, scales = (
            np.stack([np.ravel(sample.metainfo[key]) for sample in samples])[:, None]
            for key in ('input_center', 'input_scale'))
        return keypoints / np.array(self.maker.input_size) * scales + centers - scales / 2


def measure(cfg: Config, checkpoint: str, people: People, batch_size: int, device: str,
            wanted: Sequence[str] = ()) -> Measured:
    """Predict unlabeled people and measure the doubt by every criterion there is.

    Args:
        cfg (Config): Of a semi-supervised training, or a plain one.
        checkpoint (str): Of either. Only a training's has a student to compare with.
        people (People): The unlabeled ones.
        batch_size (int): People at once.
        device (str): Where the model runs.
        wanted (Sequence[str]): Criteria without which it stops, as soon as it knows.

    Returns:
        Measured: With at least one person.

    Raises:
        FileNotFoundError: If there is no such checkpoint.
        ValueError: If the checkpoint is not the config's, no image can be read, everybody has
            labels already, or a wanted criterion cannot be measured.
    """
    lacks = _Lacks(wanted)
    model, student = _load(cfg, checkpoint, device, lacks)
    train, own, poses = None, None, np.empty(0)
    try:
        train = find_labeled(cfg)
    except (OSError, ValueError) as error:
        lacks.add('pose', f'the labeled people cannot be read ({error}). New people are chosen as '
                  'if there were none')
    if train is not None:
        own = _of_keypoints(train, people.metainfo, lacks.notes)
        poses = complete_poses(own)
        if len(poses) < 2:
            lacks.add('pose', f'only {len(poses)} labeled people have all keypoints labeled')
    observer = Observer(model, student)
    found: List[Optional[dict]] = []
    for person in predict(model, people, batch_size, observer):
        if person is not None and not any(found) and 'peaks' not in person:
            lacks.add('peaks', f'the head {type(model.head).__name__} has no heatmaps')
        found.append(person)
    if not any(found):
        raise nobody_predicted(people)
    known = 0
    if train is not None:
        are_known = have_labels(found, train)
        found = [person for person, is_known in zip(found, are_known) if not is_known]
        known = sum(are_known)
    found = _once(found, lacks.notes)
    seen = [person for person in found if person is not None]
    if not seen:
        raise ValueError(f'all {known} unlabeled people have labels already: give other ones with '
                         '--unlabeled')
    doubts = _doubts(seen, type(model.head).__name__, lacks)
    features = np.stack([person['feature'] for person in seen])
    labeled = np.empty_like(features[:0])
    if own is not None:
        of_labeled = _features(predict(model, own, batch_size, observer))
        lost = sum(map(len, own.datasets)) - len(of_labeled)
        if lost:
            lacks.notes.append(f'the features of {lost} labeled people: their images cannot be '
                               'read. New people may be like them')
        labeled = np.stack(of_labeled) if of_labeled else labeled
    if len(poses) > 1:
        boxes = np.stack([person['box'] for person in seen])
        keypoints = np.stack([person['keypoints'] for person in seen])
        doubts['pose'] = criteria.implausibility(
            criteria.centered(keypoints, boxes), criteria.fit_poses(poses))
    return Measured(found, doubts, features, labeled, known, lacks.notes)


class _Lacks:
    """What cannot be measured, in the order in which it is found out.

    Args:
        wanted (Sequence[str]): Criteria that must not lack.
    """

    def __init__(self, wanted: Sequence[str]) -> None:
        self.wanted = wanted
        self.notes: List[str] = []

    def add(self, names: str, why: str) -> None:
        """Note that some criteria cannot be measured; raise ValueError if one is wanted."""
        self.notes.append(f'{names}: {why}')
        missing = [name for name in names.split(', ') if name in self.wanted]
        if missing:
            raise ValueError(f'{", ".join(missing)} cannot be measured: {why}')


def _load(cfg: Config, checkpoint: str, device: str,
          lacks: _Lacks) -> Tuple[torch.nn.Module, Optional[torch.nn.Module]]:
    """Load the model, and the student to compare it with, if there is one."""
    content = load_checkpoint(checkpoint)
    model = load_plain(cfg, content).to(device)
    if any(key.startswith('student.') for key in content['state_dict']):
        return model, load_plain(cfg, content, 'student').to(device)
    lacks.add('student', 'the checkpoint is a plain model, without a student to compare with')
    return model, None


def _doubts(seen: List[dict], head: str, lacks: _Lacks) -> Dict[str, np.ndarray]:
    """Return the doubt (N, ) by each criterion that needs no labels."""
    scores = np.stack([person['scores'] for person in seen])
    doubts: Dict[str, np.ndarray] = {}
    if np.ptp(scores) > 0:
        doubts.update(mean=criteria.low_mean(scores), kth=criteria.low_kth(scores))
    else:
        lacks.add('mean, kth', f'the head {head} gives every keypoint the score '
                  f'{scores.flat[0]:g}, it has no confidence')
    for name in ('peaks', 'flip', 'student'):
        if name in seen[0]:
            doubts[name] = np.array([person[name] for person in seen])
    return doubts


def _features(people: Iterable[Optional[dict]]) -> List[np.ndarray]:
    """Return the features (D, ) of those who can be predicted; nothing else of them is kept."""
    return [person['feature'] for person in people if person is not None]


def complete_poses(people: People) -> np.ndarray:
    """Return the poses (M, K, 2) of labeled people with all keypoints, by their boxes."""
    return np.concatenate([np.empty((0, people.metainfo['num_keypoints'], 2)), *(
        criteria.centered(person['keypoints'][:1, :, :2], person['bbox'][:1])
        for person in _labels(people)
        if (np.reshape(person['keypoints_visible'], -1) > 0).all())])


def _of_keypoints(people: People, metainfo: Dict[str, Any], notes: List[str]) -> People:
    """Leave out labeled sets whose keypoints a converter makes the model's."""
    names = metainfo['keypoint_id2name']
    same = [dataset for dataset in people.datasets if dataset.metainfo['keypoint_id2name'] == names]
    other = sum(map(len, people.datasets)) - sum(map(len, same))
    if other:
        notes.append(f'the features and poses of {other} labeled people: their set has other '
                     'keypoints than the model. New people may be like them')
    return people._replace(datasets=same, categories=[{}] * len(same), metainfo=metainfo)


def _once(found: List[Optional[dict]], notes: List[str]) -> List[Optional[dict]]:
    """Leave out people who are in several unlabeled sets with the same box."""
    seen: Set[tuple] = set()
    kept = []
    for person in found:
        if person is not None:
            key = (person['path'], *np.round(person['box'], 2).tolist())
            if key in seen:
                continue
            seen.add(key)
        kept.append(person)
    if len(kept) < len(found):
        notes.append(f'{len(found) - len(kept)} people a second time: several unlabeled sets have '
                     'them, with the same box')
    return kept


def _labels(people: People) -> Iterator[dict]:
    for dataset in people.datasets:
        for i in range(len(dataset)):
            yield dataset.get_data_info(i)


def _pooled(features: Any) -> np.ndarray:
    """Return the mean over the pixels of a model's last map, or of its tokens: (B, D)."""
    last = features[-1] if isinstance(features, (tuple, list)) else features
    if isinstance(last, (tuple, list)):  # tokens beside a class token
        last = last[0]
    if last.dim() > 2:  # a neck may have taken the mean already
        last = last.float().flatten(2).mean(2)
    return last.float().cpu().numpy()
