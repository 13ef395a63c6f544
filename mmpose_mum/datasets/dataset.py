"""The labeled and the unlabeled set as one dataset."""
from itertools import zip_longest
from typing import Any, Dict, List, Optional, Sequence, Tuple

from mmengine.dataset import BaseDataset, ConcatDataset
from mmpose.datasets.datasets import BaseCocoStyleDataset
from mmpose.registry import DATASETS

from ..coco.labels import check_label_sets, has_coco_people
from ..configs.datasets import leaves
from ..functional.seeding import preserved, seed_host, seeded
from .short_form import SOURCE_NAMES, Unlabeled, write_out


@DATASETS.register_module()
class SemiSupervisedDataset(ConcatDataset):
    """MMEngine's ``ConcatDataset`` of a labeled and an unlabeled set.

    In short form, ``labeled`` is the unchanged dataset of a plain model's training, and
    ``unlabeled`` says where more people are::

        dict(type='SemiSupervisedDataset', labeled=_base_.train_dataloader.dataset,
             unlabeled='folder/of/people/')

    The labeled pipeline becomes the branch ``sup``. The unlabeled set gets the labeled set's
    metainfo, and a pipeline of ``LoadUnlabeledImage``, ``WeakView`` and ``StrongView`` with the
    labeled set's crop size and padding. In long form, ``datasets`` has both sets with all of that
    written out; :func:`short_form.sources_of` does this, too.

    An error says which of the two is empty, where MMEngine would fail in its serialization. Another
    one says which keypoint differs between them, or from the metainfo. Metainfo that always differs
    is ignored.

    A sample that :class:`SemiSupervisedSampler` asks for depends on its place in the stream only.
    Its augmentation is the same in every process and after every resume, and so is the sample that
    replaces an unreadable one. The process's own random state does not change. Other indices use
    that random state, as usual.

    Args:
        datasets (Sequence[dict], optional): Configs of the labeled and the unlabeled set, in this
            order, in long form. Nothing is added to them.
        ignore_keys (Sequence[str]): Entries of the metainfo that may differ: the categories that
            a COCO json brings along, and the dataset's name.
        labeled (dict, optional): In short form, the labeled set; it may wrap or combine several.
        unlabeled (str | dict | list, optional): In short form, a folder of images and videos; a
            video; a json, COCO's or a detector's, of people in the labeled set's folder of images;
            the config of an :class:`UnlabeledPoseDataset`, in which ``type``, ``metainfo`` and
            ``pipeline`` may be missing; or a list of these.
        input_size (tuple[int, int], optional): Width and height of the views. Defaults to what the
            labeled pipeline's ``TopdownAffine`` has.
        use_udp (bool, optional): Whether the views are cropped for a UDP codec. Defaults likewise.
        load (dict, optional): Options of :class:`LoadUnlabeledImage`.
        weak (dict, optional): Options of :class:`WeakView`.
        strong (dict, optional): Options of :class:`StrongView`.

    Raises:
        ValueError: If there are not two sets, they are given in both forms, one is
            empty, their keypoints differ, a set's are not listed in order, or its people have
            others than its metainfo names.
    """

    def __init__(self,
                 datasets: Optional[Sequence[dict]] = None,
                 ignore_keys: Sequence[str] = ('CLASSES', 'dataset_name'),
                 labeled: Optional[dict] = None,
                 unlabeled: Optional[Unlabeled] = None,
                 input_size: Optional[Tuple[int, int]] = None,
                 use_udp: Optional[bool] = None,
                 load: Optional[dict] = None,
                 weak: Optional[dict] = None,
                 strong: Optional[dict] = None) -> None:
        words: Dict[str, Any] = dict(
            labeled=labeled, unlabeled=unlabeled, input_size=input_size, use_udp=use_udp,
            load=load, weak=weak, strong=strong)
        given = [key for key, value in words.items() if value is not None]
        if datasets is None:
            if labeled is None or unlabeled is None:
                raise ValueError('a SemiSupervisedDataset needs both `labeled` and `unlabeled`, or '
                                 f'`datasets`, got {given}')
            datasets = write_out(**words)
        elif given:
            raise ValueError(f'`datasets` has both sets already, got {given} as well: remove one '
                             'form. A config that inherits must use the form of its base')
        if len(datasets) != 2:
            raise ValueError(f'expected the labeled and the unlabeled set, got {len(datasets)} '
                             'datasets; put several of one kind into a ConcatDataset of their own')
        built = [DATASETS.build(dict(config, lazy_init=True)) for config in datasets]
        _check_same_keypoints(*(dataset.metainfo for dataset in built))
        check_label_sets(datasets[0], 'labeled')
        # MMEngine takes a ConcatDataset among the datasets as a config only, not when it is built.
        super().__init__(
            [dict(type=_filled, name=name, config=config, dataset=dataset)
             for name, config, dataset in zip(SOURCE_NAMES, datasets, built)],
            ignore_keys=list(ignore_keys))

    def __getitem__(self, index: int):
        """Return a sample, whose random numbers follow from the ``place`` of its index, if any."""
        place = getattr(index, 'place', None)
        if place is None:
            return _packed(super().__getitem__(index))
        with seeded(*place):
            return _packed(super().__getitem__(int(index)))

    def __getitems__(self, indices: Sequence[Any]) -> list:
        """Return the samples of a batch, the same as one by one; PyTorch's loader asks for it.

        Keeping the process' own random numbers takes as long as seeding them for a sample: for the
        samples of a batch it is done once.
        """
        if not all(hasattr(index, 'place') for index in indices):
            return [self[index] for index in indices]
        samples = []
        with preserved():
            for index in indices:
                seed_host(index.place)
                samples.append(_packed(super().__getitem__(int(index))))
        return samples


def _packed(sample: Any) -> Any:
    """Leave out what a combination adds to a sample that one of its sets has packed already."""
    if not isinstance(sample, dict) or 'inputs' not in sample:
        return sample
    return {key: sample[key] for key in ('inputs', 'data_samples') if key in sample}


def _filled(name: str, config: dict, dataset):
    """Return the dataset with its people, or raise ValueError if there are none."""
    try:
        dataset.full_init()
    except ValueError as error:
        if 'at least one array' not in str(error):  # MMEngine's, serializing nothing
            raise
    if not len(dataset):
        raise ValueError(
            f'the {name} set is empty: ann_file {config.get("ann_file", "")!r}, data_root '
            f'{config.get("data_root")!r}, data_prefix {config.get("data_prefix")!r}. Set these '
            'to a set that has people')
    if name == SOURCE_NAMES[0]:
        for part in leaves(dataset):
            _check_keypoints(part)
    return dataset


def _check_keypoints(dataset) -> None:
    """Raise ValueError if labeled people have other keypoints than the metainfo.

    For files in other layouts than COCO's, which are checked before MMPose reads them.
    """
    named = getattr(dataset, 'metainfo', {}).get('num_keypoints')
    if not isinstance(dataset, BaseCocoStyleDataset) or has_coco_people(dataset) or not named:
        return
    for i in range(len(dataset)):
        person = BaseDataset.get_data_info(dataset, i)  # MMPose's copies the metainfo each time
        found = person.get('keypoints')
        if found is not None and found.shape[-2] != named:
            raise ValueError(
                f'the annotation {person.get("id")} of {dataset.ann_file!r} has {found.shape[-2]} '
                f'keypoints, and its metainfo ({dataset.metainfo.get("dataset_name")}) names '
                f"{named}: give the sets a metainfo of the file's keypoints, and the model's head "
                'as many outputs (docs/custom_data.md)')


def _check_same_keypoints(*metainfos: dict) -> None:
    """Raise ValueError if the two sets' keypoints are not the same, or not in the order of ids."""
    keypoints = [metainfo.get('keypoint_id2name', {}) for metainfo in metainfos]
    for name, named in zip(SOURCE_NAMES, keypoints):
        _check_order(name, list(named))
    pairs = zip_longest(*(map(repr, named.values()) for named in keypoints), fillvalue='none')
    for i, (labeled, unlabeled) in enumerate(pairs):
        if labeled != unlabeled:
            raise ValueError(
                f'the labeled set has {len(keypoints[0])} keypoints and the unlabeled '
                f'{len(keypoints[1])}, and they differ from keypoint {i} on, {labeled} and '
                f'{unlabeled}: '
                "give the unlabeled set the labeled one's metainfo")


def _check_order(name: str, ids: List[int]) -> None:
    """Raise ValueError if the keypoints are not listed by their ids, as MMPose reads them."""
    if ids != sorted(ids):
        raise ValueError(
            f"the {name} set's metainfo lists its keypoints as {ids[:5]} …, and MMPose, which goes "
            'by this order and not by the ids, would flip the wrong ones. MMEngine sorts them so '
            'when it writes a config into a work dir: train with the config that it was made from')
