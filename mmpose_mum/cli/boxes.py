"""Give labeled people boxes around their keypoints.

    mmpose-mum boxes export.json --out labels.json

Annotation tools export boxes of zeros, the smallest box around the keypoints, or none. A model that
learns from such boxes sees less around a person than in other boxes. Here these people get a box
with a margin. Boxes that somebody has drawn stay. Annotations without a labeled keypoint are left
out, as are people whose labeled keypoints lie at one place, or outside of the image.
"""
from argparse import ArgumentParser, Namespace

from ._shared import add_force, add_out, keep_existing, share


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument('labels', help="json in COCO's layout, as the annotation tool exports it")
    add_out(parser, 'json to write')
    parser.add_argument('--edge', type=share, default=.1, help='margin of a new box on each side '
                        'of the keypoints, as a share of their longer side (default: 0.1)')
    add_force(parser)


def run(args: Namespace) -> None:
    """Read the labels, make boxes, write, and say what was done."""
    from ..coco.layout import as_json
    from ..coco.person_boxes import read_labels, with_boxes
    from ..files.whole import write_whole
    keep_existing(args.out, args.force)
    coco, count = with_boxes(read_labels(args.labels), args.edge)
    if not coco.annotations:
        raise ValueError(f'{args.labels!r} has no person with labeled keypoints at two places: '
                         'export the keypoints, in the layout "COCO keypoints"')
    info = dict(info=coco.info) if coco.info else {}
    write_whole(as_json(dict(
        info, images=list(coco.images.values()), annotations=coco.annotations,
        categories=list(coco.categories.values()))), args.out)
    print(f'wrote {args.out}: {len(coco.annotations)} people; {count["made"]} have a new box '
          f'around their keypoints, {count["kept"]} keep theirs')
    for number, why in ((count['deleted'], 'people who are marked as deleted'),
                        (count['unlabeled'], 'annotations without a labeled keypoint'),
                        (count['empty'], 'people whose labeled keypoints lie at one place, or '
                         'outside of the image')):
        if number:
            print(f'left out {number} {why}')
