"""Choose unlabeled people to label next.

    mmpose-mum suggest CONFIG CHECKPOINT --num 100 --out next/

The model predicts all unlabeled people. The command chooses people who are typical of a group
without labels (`--by typical`, the default), or people whom the model doubts most (`--by doubt`).
The folder gets

    people.json   all keypoints of the chosen people, to be imported into CVAT and corrected;
                  those that the model doubts have visibility 1
    images/       the images of people.json; of videos, the frames
    ranking.csv   everybody, with each criterion
    sheet.png     the first 64 chosen people

Correct the keypoints, export them as COCO keypoints, and go on with `mmpose-mum merge`. The merged
labels refer to `images/`: keep it, and give each round a folder of its own.

Doubt is the mean rank by several criteria: `mean` and `kth`, the mean and the third lowest
confidence; `peaks`, heatmaps with several peaks; `flip`, another answer on the mirrored image;
`student`, another answer of the student; `pose`, a pose unlike the labeled ones. `--by flip pose`
takes only these two. Of the most doubted people, the command chooses those who are unlike one
another and unlike the labeled ones. It draws some more people at random.
"""
from argparse import ArgumentParser, Namespace

from ._shared import add_device, add_force, add_out, add_people, keep_existing, positive, share

WRITES_FOLDER = True
WAYS = ('typical', 'doubt')
CRITERIA = ('mean', 'kth', 'peaks', 'flip', 'student', 'pose')  # of doubt


def add_arguments(parser: ArgumentParser) -> None:
    """Say what the verb takes."""
    parser.add_argument('config', help='of a semi-supervised training, or a plain one')
    parser.add_argument('checkpoint', help='of either; a training\'s own has a student, too')
    add_out(parser, 'folder to write')
    parser.add_argument('--num', type=positive, default=100, help='people to choose (default: 100)')
    parser.add_argument('--by', nargs='+', choices=WAYS + CRITERIA, metavar='CRITERION',
                        default=['typical'], help='typical (default); doubt, by all criteria that '
                        f'the model has; or some of {", ".join(CRITERIA)}')
    add_people(parser)
    parser.add_argument('--random', type=share, default=.15, metavar='SHARE',
                        help='with doubt: share of the chosen people that is drawn at random '
                        '(default: 0.15)')
    parser.add_argument('--per-image', type=positive, default=2,
                        help='most people of an image (default: 2)')
    parser.add_argument('--gap', type=float, default=2., metavar='SECONDS',
                        help='least time between two frames of a video (default: 2)')
    parser.add_argument('--score-thr', type=float, default=.3,
                        help='a keypoint with a lower score gets visibility 1 (default: 0.3)')
    parser.add_argument('--seed', type=int, default=0, help='of the draws (default: 0)')
    add_device(parser)
    add_force(parser)


def run(args: Namespace) -> None:
    """Predict, choose, write, and say what was chosen and by what."""
    from mmengine.device import get_device

    from ..configs.plain import read_config
    from ..export.people import find_people, note_of_layout
    from ..files.video import Video, split_frame_name
    from ..suggest import choose, criteria
    from ..suggest.measure import measure
    from ..suggest.write import check_place, place_of, write_choice
    way = next((way for way in WAYS if way in args.by), None)
    if way and len(args.by) > 1:
        raise ValueError(f'--by {way} goes with no other criterion, got {" ".join(args.by)}')
    keep_existing(args.out / 'people.json', args.force)
    cfg = read_config(args.config)
    people = find_people(cfg, args.unlabeled, args.unlabeled_images)
    check_place(args.out, people)
    note = note_of_layout(cfg)  # before the work, as it may not be worth it
    if note:
        print(note)
    args.out.mkdir(parents=True, exist_ok=True)
    measured = measure(cfg, args.checkpoint, people, args.batch_size, args.device or get_device(),
                       () if way else args.by)
    for note in measured.notes:
        print(f'not measured: {note}')
    # The ranking and the sheet tell the doubt of typical people, too.
    wanted = list(measured.doubts if way else args.by)
    seen = [person for person in measured.people if person is not None]
    doubt = sum(criteria.ranks(measured.doubts[name]) for name in wanted) / len(wanted)
    videos = {frame[0] for frame in (split_frame_name(person['path']) for person in seen) if frame}
    rates = {video: Video(video).fps for video in videos}
    limits = choose.Limits([place_of(person['path'], rates) for person in seen], args.per_image,
                           args.gap)
    if way == 'typical':
        chosen = choose.choose_typical(
            measured.features, measured.labeled, args.num, limits, args.seed)
    else:
        chosen = choose.choose(doubt, measured.features, measured.labeled, args.num, limits,
                               args.random, args.seed)
    others = write_choice(args.out, measured, doubt, chosen, people, args.score_thr)
    lost = len(measured.people) - len(seen)
    at_random = sum(why == 'random' for _, why in chosen)
    how = 'typical ones' if way == 'typical' else (
        f'{len(chosen) - at_random} by {", ".join(wanted)} and {at_random} at random')
    print(f'\nwrote {args.out}: {len(chosen)} of {len(seen)} people, {how}; the labeled set has '
          f'{len(measured.labeled)} people')
    if measured.known:
        print(f'left out {measured.known} people who have labels already')
    if len(chosen) < min(args.num, len(seen)):
        print(f'{args.num} were asked for: --per-image {args.per_image} and --gap {args.gap:g} '
              'leave no more')
    if others:
        print(f'{args.out / "images"} has {others} other images, maybe of an earlier choice. They '
              'stay, as labels may refer to them. Import only the images that people.json names')
    if lost:
        print(f'left out {lost} people: their image cannot be read, or they are not in it')
