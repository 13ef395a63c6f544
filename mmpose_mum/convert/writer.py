"""Write a converted config as a person would: short, with a base and with comments."""
import os
import os.path as osp
from typing import Any, Dict, List

from mmengine.config import Config

from ..configs.components import name_of
from ..configs.printer import assignment
from ..configs.shipped import find_shipped_config, shipped_configs


def converted_text(cfg: Config, overrides: Dict[str, Any], base: str) -> str:
    """Compose the text of a config that inherits from the original.

    Args:
        cfg (Config): The original.
        overrides (dict): Top-level name → value with references.
        base (str): The original's name or path, as ``_base_`` takes it.

    Returns:
        str: The text.
    """
    title = osp.splitext(osp.basename(base.rpartition('::')[2]))[0]
    comments = _comments(cfg)
    lines = [f'# Pose-MUM training of {title}.',
             assignment('_base_', base)]
    for name, value in overrides.items():
        if name in ('train_cfg', 'model', 'train_dataloader', 'val_dataloader'):
            lines.append('')
        lines += [f'# {line}' for line in comments.get(name, ())]
        twin = name.replace('test_', 'val_')
        if twin != name and value is overrides.get(twin):
            lines.append(f'{name} = {twin}')
        else:
            lines.append(assignment(name, value))
    return '\n'.join(lines) + '\n'


def base_name(path: str, out: str) -> str:
    """Return a config's name for the ``_base_`` of another one.

    Args:
        path (str): Its path, or ``mmpose::…``.
        out (str): Path of the config that inherits from it.

    Returns:
        str: ``mmpose::…`` for a config that MMPose ships, else the path relative to ``out``; the
        whole path if a symbolic link lies between them.
    """
    shipped, found = osp.join(shipped_configs(), ''), osp.abspath(find_shipped_config(path))
    real = osp.realpath(found)
    if real.startswith(shipped):
        return 'mmpose::' + real[len(shipped):].replace(os.sep, '/')
    folder = osp.dirname(osp.abspath(out))
    shared = osp.commonpath([found, folder])
    # MMEngine goes up by `..` through a link in both ways: where it lies, and where it leads to.
    linked = osp.realpath(folder) != osp.join(osp.realpath(shared), osp.relpath(folder, shared))
    return (found if linked and folder != shared else osp.relpath(found, folder)).replace(
        os.sep, '/')


def _comments(cfg: Config) -> Dict[str, List[str]]:
    comments = dict(
        train_cfg=['In iterations, as the batches have no end; teacher and student are validated.'],
        model=["MMPose's init_model looks into `backbone`."],
        train_dataloader=['A batch has labeled and unlabeled images.'],
        val_dataloader=["Boxes are the annotations' own."])
    hooks = {name_of(hook) for hook in cfg.get('custom_hooks') or []}
    if 'EMAHook' in hooks:
        comments['custom_hooks'] = ["The EMAN teacher is the average: the original's EMAHook is "
                                    'left out.']
    if cfg.get('param_scheduler'):
        comments['param_scheduler'] = ["The original's epochs, as shares of max_iters."]
    if cfg.get('work_dir'):
        comments['work_dir'] = ["Not the original's: `mim train` names one by this file."]
    if cfg.get('resume'):
        comments['resume'] = ['The original was resumed; this is another training.']
    if cfg.get('auto_scale_lr'):
        comments['auto_scale_lr'] = ['Counts unlabeled images as well.']
    if cfg.model['backbone']['type'] == 'mmcls.VisionTransformer':
        comments['model'].append("A ViT of mmcls is mmpretrain's, where that is installed alone.")
    return comments
