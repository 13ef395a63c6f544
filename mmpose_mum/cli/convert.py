r"""Write the Pose-MUM config of a top-down model.

    mmpose-mum convert \
        mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_res50_8xb64-210e_coco-256x192.py \
        --labeled labels.json --labeled-images images/ --val val.json \
        --unlabeled folder/of/people --out my_config.py

The new config inherits from the original. Read it and change it as you like.
"""
import shlex
from argparse import SUPPRESS, ArgumentParser, Namespace
from typing import Iterator

from ._shared import PEOPLE, add_force, add_out


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the verb; their defaults are those of ``Options``."""
    parser.argument_default = SUPPRESS
    parser.add_argument('config', help='the original: a path, or mmpose::… for a config of MMPose')
    parser.add_argument('--unlabeled', required=True, help=PEOPLE)
    parser.add_argument('--labeled', help="json to train on; by default the original's")
    parser.add_argument('--labeled-images', help='folder of the images in --labeled; by default '
                        "the original's")
    parser.add_argument('--unlabeled-images', help='folder of the images, if --unlabeled is a '
                        'json; by default that of the labeled ones')
    parser.add_argument('--unlabeled-ann-file', help="json in COCO's layout that names the images, "
                        "if --unlabeled is a detector's results with numbers as image_id")
    parser.add_argument('--val', help='json to validate and test on, with its boxes; by default '
                        "the original's")
    parser.add_argument('--val-images', help='folder of the images in --val; by default '
                        "--labeled-images, or else the original's")
    add_out(parser, 'config to write', type=str)
    parser.add_argument('--batch-size', type=int,
                        help="labeled images per GPU; by default the original's")
    parser.add_argument('--ratio', type=float, help='unlabeled images per labeled image, '
                        'added to --batch-size; by default 1')
    parser.add_argument('--max-iters', type=int, help='iterations to train; by default 200000')
    parser.add_argument('--burn-in', type=int, help='iterations on labeled images alone; by '
                        'default a fortieth of --max-iters, at least 400; below 2,400 iterations, '
                        'a sixth')
    parser.add_argument('--sites', nargs='+', help='where to mix: input and submodules of the '
                        'backbone; by default chosen automatically')
    parser.add_argument('--labeler', nargs=2, metavar=('CONFIG', 'CHECKPOINT'),
                        help='a trained top-down model of any kind that makes the targets in place '
                        'of the teacher; it must have all keypoints of the student, by name. With '
                        'it, --burn-in is 0 by default')
    parser.add_argument('--labeler-file', metavar='JSON', help='as --labeler, but the targets '
                        'are read from the json that `mmpose-mum export --score-thr 0` wrote for '
                        'the unlabeled people')
    add_force(parser)


def run(args: Namespace) -> None:
    """Read the original, write the semi-supervised config, and check it."""
    from ..convert import Options
    from ..convert.checks import write_config
    given = vars(args)
    path, out, force = given.pop('config'), given.pop('out'), given.pop('force')
    options = Options(**given)
    cfg, original, people, notes = write_config(path, options, out, force)
    print(summary(cfg, options, original, out, people, notes))


def summary(cfg, options, original, out: str, people: list, notes: list) -> str:
    """Say what was written and how to train it."""
    labeled, unlabeled = options.batch(original.train_dataloader.batch_size)
    steps = f'{options.max_iters} iterations'
    if options.burn_in:
        steps += f', the first {options.burn_in} on labels alone'
    lines = [f'Wrote {out}.',
             f'  batches   {labeled} labeled and {unlabeled} unlabeled images per GPU',
             f'  training  {steps}; the teacher has a momentum of {options.momentum}',
             f'  mixing    at {", ".join(cfg.model.mix_unmix.sites)}',
             f'  data      {", ".join(people)}']
    if options.labeler:
        lines.insert(3, f'  labeler   {options.labeler[0]}, with {options.labeler[1]}')
    if options.labeler_file:
        lines.insert(3, f'  labeler   {options.labeler_file}')
    if unlabeled < 2:
        lines.append('  NOTE      a single unlabeled image has no other to mix with: give a '
                     'larger --batch-size or --ratio')
    notes = [*notes, *_changed(cfg, original, unlabeled / labeled)]
    lines += [f'  NOTE      {note}' for note in notes]
    scale = (cfg.get('auto_scale_lr') or {}).get('base_batch_size')
    lines += ['Train it:', f'  mim train mmpose {shlex.quote(out)}']
    if scale and scale != labeled + unlabeled:
        lines.append(f"The learning rate is the original's, for {scale} images per step on all "
                     'GPUs. --auto-scale-lr adapts it to your batch.')
    return '\n'.join(lines)


def _changed(cfg, original, ratio: float) -> Iterator[str]:
    """Say what the training does otherwise than the original, without having been asked to."""
    from ..configs.components import name_of
    loader = original.train_dataloader
    for sampler in map(name_of, (loader.get('sampler'), loader.get('batch_sampler'))):
        if sampler not in ('', 'DefaultSampler', 'InfiniteSampler'):
            yield (f"the original's {sampler} is left out: each labeled image comes equally often. "
                   'To draw from several sets in other shares, use a CombinedDataset with '
                   'sample_ratio_factor')
    head = cfg.model.estimator.get('head') or {}
    loss = (head.get('pose_cfg') or head).get('loss')
    if ratio > 1 and name_of(loss) == 'KLDiscretLoss':
        weight = cfg.model.get('unsup_weight', 1)
        yield (f'KLDiscretLoss sums over the images, so the unlabeled ones count {ratio:g} times '
               f'as much: `--cfg-options model.unsup_weight={weight / ratio:g}` in the training '
               'makes up for that')
