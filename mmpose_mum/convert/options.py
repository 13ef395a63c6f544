"""The options of a conversion, and their defaults."""
import math
from dataclasses import dataclass
from typing import Optional, Sequence, Tuple, Union

from ..coco.layout import is_list
from ..functional.ema import momentum_for


@dataclass(frozen=True)
class Options:
    """Options of :func:`mmpose_mum.semi_supervised`. Only ``unlabeled`` is required.

    Paths are written into the config unchanged. A relative path starts in the folder from which you
    start the training, like ``data/coco/`` in MMPose's own configs.

    Args:
        unlabeled (str): A folder of images or videos with one person each, a video, or a json in
            COCO's layout or of a detector's results. See :class:`UnlabeledPoseDataset`.
        labeled (str, optional): Annotations to train on, in the layout that the original's dataset
            reads. If the original combines several datasets, this json replaces all of them. Then
            it needs COCO's layout, and the keypoints of the combination. Defaults to the
            original's.
        labeled_images (str, optional): Folder of the images in ``labeled``. Defaults to the folder
            of the original's (first) dataset.
        unlabeled_images (str, optional): Folder of the images, if ``unlabeled`` is a json.
            Defaults to the folder of the labeled images.
        unlabeled_ann_file (str, optional): A json in COCO's layout that names the images. A
            detector's results need it if their ``image_id`` s are numbers.
        val (str, optional): Annotations to validate and test on, in the layout that the original's
            dataset reads. Their own boxes are used, not a detector's. A combination is replaced as
            with ``labeled``. Defaults to the original's.
        val_images (str, optional): Folder of the images in ``val``. Defaults to
            ``labeled_images``, or else to the folder of the original's (first) validation dataset.
        batch_size (int, optional): Labeled images per batch and GPU, at least 1. Defaults to the
            original's.
        ratio (float): Unlabeled images per labeled image, more than 0. They come in addition.
        max_iters (int): Iterations to train, at least 1. The learning rate's epochs are scaled to
            them.
        burn_in (int, optional): Iterations on labeled images alone. Over the same number of
            iterations after it, the weight of the unlabeled images rises. Defaults to a fortieth of
            ``max_iters``, at least 400; below 2,400 iterations, to a sixth. Leeds' 2,500 and
            5,000 iterations were measured with 400. With a labeler, which is trained already, it is
            0.
        momentum (float, optional): The teacher's momentum, in [0, 1). By default the length of the
            training decides, see :func:`functional.ema.momentum_for`.
        sites (Sequence[str], optional): Where to mix. By default
            :func:`mmpose_mum.models.mixing.default_sites.default_sites` chooses.
        grid (tuple[int, int] | str): Rows and columns of tiles. Defaults to a grid that divides the
            smallest map, see :class:`MixUnMix`.
        group_size (int): Number of images that exchange tiles, at least 2.
        labeler (Sequence[str], optional): Config and checkpoint of a model that makes the targets
            in place of the teacher, see :class:`ModelLabeler`. The config is read.
        labeler_file (str, optional): The same from a json, see :class:`FileLabeler`.

    Raises:
        ValueError: If ``max_iters``, ``ratio``, ``batch_size`` or ``burn_in`` is out of its range;
            if ``val_images`` is given without ``val``, or ``unlabeled_ann_file`` without
            detections; or if ``labeler`` is not two paths, or is given with ``labeler_file``. The
            components check the other options.
    """

    unlabeled: str
    labeled: Optional[str] = None
    labeled_images: Optional[str] = None
    unlabeled_images: Optional[str] = None
    unlabeled_ann_file: Optional[str] = None
    val: Optional[str] = None
    val_images: Optional[str] = None
    batch_size: Optional[int] = None
    ratio: float = 1
    max_iters: int = 200000
    burn_in: Optional[int] = None
    momentum: Optional[float] = None
    sites: Optional[Sequence[str]] = None
    grid: Union[Tuple[int, int], str] = 'auto'
    group_size: int = 4
    labeler: Optional[Sequence[str]] = None
    labeler_file: Optional[str] = None

    def __post_init__(self) -> None:
        if self.max_iters < 1:
            raise ValueError(f'max_iters must be at least 1, got {self.max_iters}')
        if not 0 < self.ratio < math.inf:
            raise ValueError(f'ratio must be more than 0 unlabeled images per labeled image, got '
                             f'{self.ratio}')
        if self.batch_size is not None and self.batch_size < 1:
            raise ValueError(f'batch_size must be at least 1 labeled image, got '
                             f'{self.batch_size}')
        if self.val_images is not None and self.val is None:
            raise ValueError(f'val_images is {self.val_images!r}, but val, their json, is '
                             'not given: give it, or leave val_images out')
        listed = self.unlabeled.lower().endswith('.json')
        if self.unlabeled_images is not None and not listed:
            raise ValueError(f'unlabeled_images is {self.unlabeled_images!r}, the folder of a '
                             f"json's images, but unlabeled, {self.unlabeled!r}, is no json: leave "
                             'unlabeled_images out')
        if self.labeled_images is not None and self.labeled is None and not (listed or self.val):
            raise ValueError(f'labeled_images is {self.labeled_images!r}, but labeled, their json, '
                             'is not given: give it, or leave labeled_images out')
        if self.labeler is not None and (
                isinstance(self.labeler, str) or len(self.labeler) != 2):
            raise ValueError(f'labeler must be a config and a checkpoint, got {self.labeler!r}')
        if self.labeler is not None and self.labeler_file is not None:
            raise ValueError(f'labeler and labeler_file both say who makes the targets, got '
                             f'{self.labeler!r} and {self.labeler_file!r}: leave one out')
        if self.unlabeled_ann_file is not None and not is_list(self.unlabeled):
            raise ValueError(
                f'unlabeled_ann_file is {self.unlabeled_ann_file!r}, which names the images of a '
                f"detector's results, but unlabeled, {self.unlabeled!r}, is not such a json: a "
                'list of {image_id, category_id, bbox, score}')
        if self.burn_in is None:
            object.__setattr__(self, 'burn_in', 0 if self.labeler or self.labeler_file else max(
                self.max_iters // 40, min(400, self.max_iters // 6)))
        elif self.burn_in >= self.max_iters:
            raise ValueError(f'burn_in must be less than max_iters={self.max_iters}, got '
                             f'{self.burn_in}: otherwise no unlabeled image is used')
        if self.momentum is None:
            object.__setattr__(self, 'momentum', momentum_for(self.max_iters))

    @property
    def interval(self) -> int:
        """Iterations between two validations: there are at most 40, each after at least 100."""
        return self.max_iters // max(1, min(40, self.max_iters // 100))

    def batch(self, original: int) -> Tuple[int, int]:
        """Count the labeled and the unlabeled images of a batch.

        Args:
            original (int): The original's batch size.

        Returns:
            tuple[int, int]: The number of labeled and of unlabeled images, each at least 1.
        """
        labeled = self.batch_size or original
        return labeled, max(1, round(labeled * self.ratio))
