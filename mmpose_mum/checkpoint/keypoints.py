"""Whether a checkpoint's outputs are the keypoints that a run has."""
from logging import WARNING
from typing import Optional

from mmengine.logging import print_log

from ..configs.metainfo import keypoint_names


def check_keypoints(checkpoint: dict, metainfo: Optional[dict], resumes: bool) -> None:
    """Compare the keypoints that a checkpoint was trained on with a dataset's.

    A network knows keypoints by position alone: with the names in another order it would call the
    ankles wrists, and nothing else would tell.

    Args:
        checkpoint (dict): As loaded; one without names, as of a backbone, fits.
        metainfo (dict, optional): The dataset's.
        resumes (bool): Whether the run continues with it; another run may start from a network of
            other keypoints.

    Raises:
        ValueError: If the names are the same in another order; or, on a resume, if they differ.
    """
    saved = keypoint_names((checkpoint.get('meta') or {}).get('dataset_meta'))
    names = keypoint_names(metainfo)
    if not saved or not names or saved == names:
        return
    reordered = sorted(saved) == sorted(names)
    lists = f'the checkpoint has {saved}, and the dataset {names}'
    if reordered:
        raise ValueError(
            f'the checkpoint\'s keypoints are the dataset\'s in another order: {lists}. Give the '
            'dataset a metainfo and jsons in the order of the checkpoint. To train again from its '
            "backbone only, name it in the backbone's init_cfg (type='Pretrained', "
            "prefix='backbone.') instead of load_from")
    if resumes:
        raise ValueError(
            f'a run cannot be resumed with other keypoints: {lists}. Take the metainfo that it was '
            'started with, or start a new run with this checkpoint as load_from, without resume')
    if len(saved) == len(names):
        changed = ', '.join(f'{i}: {old!r} is now {new!r}'
                            for i, (old, new) in enumerate(zip(saved, names)) if old != new)
        print_log(f'the checkpoint was trained on other keypoints; each output is now that of the '
                  f'keypoint at the same position ({changed})', 'current', WARNING)
