r"""Write the Pose-MUM config of a top-down model of MMPose's kind.

    mmpose-mum convert \
        mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_res50_8xb64-210e_coco-256x192.py \
        --labeled labels.json --labeled-images images/ --val val.json \
        --unlabeled folder/of/people --out my_config.py

What is written inherits from the original, and is meant to be read and changed.
"""
from argparse import SUPPRESS, ArgumentParser, Namespace

from ._shared import add_force, add_out


def add_arguments(parser: ArgumentParser) -> None:
    """Say what the verb takes; what is not given is as in ``Options``."""
    parser.argument_default = SUPPRESS
    parser.add_argument('config', help="the original: a path, or mmpose::… for one of MMPose's")
    parser.add_argument('--unlabeled', required=True,
                        help='folder of images or videos with one person each, a video, or a '
                        "json: COCO's, or a detector's results")
    parser.add_argument('--labeled', help="json to use in place of the original's")
    parser.add_argument('--labeled-images', help='folder of the images in --labeled; defaults to '
                        "the original's")
    parser.add_argument('--unlabeled-images', help='folder of the images, if --unlabeled is a '
                        'json; defaults to that of the labeled ones')
    parser.add_argument('--unlabeled-ann-file', help="json in COCO's layout that names the images, "
                        "if --unlabeled is a detector's results with numbers as image_id")
    parser.add_argument('--val', help="json to validate and test on in place of the original's, "
                        'with its boxes')
    parser.add_argument('--val-images', help='folder of the images in --val; defaults to '
                        "--labeled-images, or else to the original's")
    add_out(parser, 'the config to write', type=str)
    parser.add_argument('--batch-size', type=int,
                        help="labeled images per GPU; defaults to the original's")
    parser.add_argument('--ratio', type=float, help='unlabeled images per labeled one, on top; '
                        'defaults to 1')
    parser.add_argument('--max-iters', type=int, help='defaults to 200000')
    parser.add_argument('--burn-in', type=int, help='iterations on labeled images alone; defaults '
                        'to a fortieth of --max-iters')
    parser.add_argument('--sites', nargs='+', help='where to mix: input and submodules of the '
                        'backbone; defaults to what is found')
    parser.add_argument('--labeler', nargs=2, metavar=('CONFIG', 'CHECKPOINT'),
                        help='a trained top-down model of any kind that makes the targets in place '
                        'of the teacher; it knows all keypoints, by name. --burn-in is 0 then')
    add_force(parser)


def run(args: Namespace) -> None:
    """Read the original, write the semi-supervised config, and check it."""
    from ..convert import Options
    from ..convert.checks import write_config
    given = vars(args)
    path, out, force = given.pop('config'), given.pop('out'), given.pop('force')
    options = Options(**given)
    cfg, original, people = write_config(path, options, out, force)
    print(summary(cfg, options, original, out, people))


def summary(cfg, options, original, out: str, people: list) -> str:
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
    if unlabeled < 2:
        lines.append('  NOTE      a single unlabeled image has none to be mixed with: give a '
                     'larger --batch-size or --ratio')
    scale = cfg.get('auto_scale_lr', {}).get('base_batch_size')
    lines += ['Train it:', f'  mim train mmpose {out}']
    if scale and scale != labeled + unlabeled:
        lines.append(f"The learning rate is the original's, for {scale} images a step on all GPUs; "
                     '--auto-scale-lr fits it to yours.')
    return '\n'.join(lines)
