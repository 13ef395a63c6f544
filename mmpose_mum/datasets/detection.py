"""Find people in a folder of images and videos, for UnlabeledPoseDataset's ``bbox_file``.

    python tools/detect_people.py FOLDER --config DET_CONFIG --checkpoint FILE --out boxes.json

Any detector of MMDetection serves; one's config and checkpoint come by

    mim download mmdet --config rtmdet_m_8xb32-300e_coco --dest .

The result is a json in COCO's result format. Its ``image_id`` is the image's path below the
folder, ``clip.mp4#000120`` for a frame of a video; its ``category_id`` is 1. Started again after an
interruption, the tool goes on where it was.
"""
import argparse
import json
import os
from pathlib import Path
from typing import Dict, Iterator, List, Sequence

from mmdet.apis import DetInferencer
from mmengine.utils import ProgressBar

from mmpose_mum.coco.json_text import decode_text, parse_json
from mmpose_mum.datasets.images import folder_of, list_images
from mmpose_mum.datasets.loading import LoadUnlabeledImage

BATCH = 8


def parse_args(args=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('source', help='a folder of images and videos, or one of them')
    parser.add_argument('--config', required=True, help="a detector's config")
    parser.add_argument('--checkpoint', required=True, help="the detector's weights")
    parser.add_argument('--out', required=True, type=Path, help='json to write')
    parser.add_argument('--score-thr', type=float, default=0.3, help='lowest score to keep')
    parser.add_argument('--category', nargs='+', default=['person'],
                        help="the detector's classes that count, by name or index from 0")
    parser.add_argument('--frame-rate', type=float, default=1.,
                        help='frames to take per second of a video')
    parser.add_argument('--device', help='such as cuda:0; by default the best there is')
    return parser.parse_args(args)


def labels_of(categories: Sequence[str], classes: Sequence[str]) -> List[int]:
    """Turn names and indices of classes into indices."""
    known = {**{str(i): i for i in range(len(classes))}, **{c: i for i, c in enumerate(classes)}}
    unknown = [category for category in categories if category not in known]
    if unknown:
        raise SystemExit(f'--category {" ".join(unknown)}: the detector knows {", ".join(classes)}')
    return [known[category] for category in categories]


def boxes_of(prediction, labels: Sequence[int], score_thr: float) -> List[dict]:
    """List the boxes of one image that count."""
    found = prediction.pred_instances.cpu().numpy()
    boxes = []
    for (x1, y1, x2, y2), score, label in zip(
            found.bboxes.tolist(), found.scores.tolist(), found.labels.tolist()):
        if label in labels and score >= score_thr:
            boxes.append(dict(category_id=1, bbox=[x1, y1, x2 - x1, y2 - y1], score=score))
    return boxes


def detect(inferencer, folder: str, names: Sequence[str], labels: Sequence[int],
           score_thr: float) -> Iterator[Dict[str, list]]:
    """Yield the boxes of the images by name, None for one that cannot be read, by batches."""
    load, bar = LoadUnlabeledImage(), ProgressBar(len(names))
    for batch in (names[i:i + BATCH] for i in range(0, len(names), BATCH)):
        loaded = {name: load(dict(img_path=os.path.join(folder, name))) for name in batch}
        images = [results['img'] for results in loaded.values() if results]
        predictions = iter(inferencer(
            images, batch_size=BATCH, return_datasamples=True)['predictions'] if images else ())
        yield {name: boxes_of(next(predictions), labels, score_thr) if results else None
               for name, results in loaded.items()}
        bar.update(len(batch))


def read_part(path: Path, settings: dict) -> Dict[str, list]:
    """Read what an interrupted run has found, or start the file that collects it."""
    first = json.dumps(settings)
    try:
        text = decode_text(path.read_bytes(), path) if path.exists() else ''
        *lines, rest = text.split('\n')  # the rest is incomplete, and found again
        entries = [parse_json(line, f'line {i}') for i, line in enumerate(lines, 1)]
        if not all(isinstance(entry, dict) for entry in entries) or not (
                lines or first.startswith(rest)):
            raise ValueError('it does not begin with the settings')
    except ValueError as error:
        raise SystemExit(f'{path} is not what an interrupted run of this tool leaves ({error}): '
                         'move it away, or give another --out') from error
    if entries and entries[0] != settings:
        raise SystemExit(f'{path} is of an interrupted run with other settings, {lines[0]}: '
                         'delete it, or give the same')
    complete = ''.join(line + '\n' for line in lines or [first])
    if text != complete:
        path.write_text(complete)
    return {name: boxes for entry in entries[1:] for name, boxes in entry.items()}


def main(args=None) -> None:
    """Detect, image by image, and write the json when all is done."""
    args = parse_args(args)
    try:
        names = list_images(args.source, args.frame_rate)
    except (FileNotFoundError, ValueError) as error:
        raise SystemExit(str(error)) from error
    inferencer = DetInferencer(
        args.config, args.checkpoint, device=args.device, show_progress=False)
    labels = labels_of(args.category, inferencer.model.dataset_meta['classes'])
    args.out.parent.mkdir(parents=True, exist_ok=True)
    part = args.out.with_name(args.out.name + '.part')
    found = read_part(part, dict(
        source=args.source, config=args.config, checkpoint=args.checkpoint,
        score_thr=args.score_thr, labels=labels))
    with part.open('a') as file:
        left = [name for name in names if name not in found]
        for boxes in detect(
                inferencer, folder_of(args.source), left, labels, args.score_thr):
            found.update(boxes)
            file.write(json.dumps(boxes) + '\n')
            file.flush()
    unreadable = sum(found[name] is None for name in names)
    result = [dict(image_id=name, **box) for name in names for box in found[name] or ()]
    if not result:
        part.unlink()
        raise SystemExit(f'found no {" or ".join(args.category)} with a score of at least '
                         f'{args.score_thr:g} in {len(names)} images, {unreadable} of which '
                         'cannot be read: nothing written')
    complete = args.out.with_name(args.out.name + '.tmp')
    complete.write_text(json.dumps(result))
    complete.replace(args.out)  # at once: never a json that lacks its end
    part.unlink()
    print(f'\nwrote {args.out}: {len(result)} boxes in {len(names)} images, {unreadable} of '
          'which cannot be read')


if __name__ == '__main__':
    main()
