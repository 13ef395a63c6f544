"""Write a choice of people: a folder that goes to an annotation tool as it is."""
import csv
import io
import json
import os
import os.path as osp
from pathlib import Path
from typing import Any, Dict, List, Tuple

import cv2
import numpy as np

from ..datasets.loading import read_image
from ..export.people import People
from ..export.pseudo_labels import coco_json
from ..files.video import saved_frame_name, split_frame_name
from ..files.whole import write_whole
from ..visualization.person import PanelVisualizer, draw_captioned
from .choose import Place
from .known import is_copy
from .measure import Measured

SHEET_COLUMNS, SHEET_PEOPLE = 8, 64  # panels in a row and in all


def place_of(path: str, frame_rate: Dict[str, float]) -> Place:
    """Return where a person was seen.

    Args:
        path (str): An image's path or a frame's name.
        frame_rate (dict): Video → its frames per second.
    """
    frame = split_frame_name(path)
    if frame is None:
        return Place(path)
    return Place(path, frame[0], frame[1] / frame_rate[frame[0]])


def check_place(out: Path, people: People) -> None:
    """Raise ValueError if what is written would count as unlabeled people from then on."""
    place = Path(osp.realpath(out))
    for dataset in people.datasets:
        source = dataset.data_prefix['img'] or '.'
        if dataset.ann_file or getattr(dataset, 'detections', None) or not osp.isdir(source):
            continue  # its people are listed
        folder = Path(osp.realpath(source))
        if folder in (place, *place.parents):
            raise ValueError(f'--out {str(out)!r} lies in {source!r}, all of whose images count as '
                             'unlabeled people: give a folder outside of it')


def write_choice(out: Path, measured: Measured, doubt: np.ndarray, chosen: List[Tuple[int, str]],
                 people: People, score_thr: float) -> int:
    """Write the json, the images, the ranking and the contact sheet.

    ``people.json`` is in COCO's layout and has all keypoints of the chosen people, those that the
    model doubts with visibility 1, and ``images/`` has the images that it names. ``ranking.csv``
    has everybody, by descending doubt. ``sheet.png`` shows the first chosen people.

    Args:
        out (Path): A folder that is there.
        measured (Measured): All unlabeled people.
        doubt (np.ndarray): (N, ), what they were ranked by.
        chosen (list[tuple[int, str]]): Of :func:`mmpose_mum.suggest.choose.choose`.
        people (People): Whose they are.
        score_thr (float): A keypoint with a lower score is doubted.

    Returns:
        int: How many other files are in ``images/``.

    Raises:
        FileExistsError: If another image has the name of one in the folder. Nothing is written.
        OSError: If a file cannot be written, or an image is gone.
    """
    seen = [person for person in measured.people if person is not None]
    content, _ = coco_json([seen[i] for i, _ in chosen], people, score_thr, keep_all=True)
    sources = _rename(content['images'], people.root, out / 'images')
    write_whole(_ranking(seen, measured.doubts, doubt, dict(chosen), people.root),
                out / 'ranking.csv')
    for to, path in sources.items():
        if not to.exists():
            _copy(path, to)
    sheet = contact_sheet([seen[i] for i, _ in chosen[:SHEET_PEOPLE]],
                          [f'{reason}, {doubt[i]:.2f}' for i, reason in chosen], people, score_thr)
    if not cv2.imwrite(str(out / 'sheet.png'), sheet):
        raise OSError(f'cannot write {out / "sheet.png"}')
    # It is written last: a choice is whole if it is there.
    write_whole(json.dumps(content, allow_nan=False), out / 'people.json')
    written = {out / 'images' / image['file_name'] for image in content['images']}
    return sum(path.is_file() and path not in written for path in (out / 'images').rglob('*'))


def _rename(images: List[dict], root: str, folder: Path) -> Dict[Path, str]:
    """Name the images of a json as they will be in a folder, and return where each comes from."""
    sources: Dict[Path, str] = {}
    for image in images:
        path = osp.join(root, image['file_name'])
        # An image outside of the root would lie outside of the folder.
        name = '/'.join(part for part in saved_frame_name(image['file_name']).split('/')
                        if part not in ('..', ''))
        to = folder / name
        if to in sources:
            raise FileExistsError(f'{path} and another image, {sources[to]}, would both become '
                                  f'{to}: rename one of them, in its json too')
        if to.exists() and not is_copy(osp.abspath(path), osp.abspath(to)):
            raise FileExistsError(
                f'{to} is a copy of another image, and {path} needs the same name. Labels may '
                'refer to it: choose an --out whose images/ is empty')
        sources[to] = path
        image['file_name'] = name
    return sources


def _copy(path: str, to: Path) -> None:
    """Write an image or a frame to a file."""
    if split_frame_name(path) is None:
        content = Path(path).read_bytes()
    else:
        content = cv2.imencode(to.suffix, read_image(path))[1].tobytes()
    write_whole(content, to)  # half a file would count as another image


def _name(person: dict, root: str) -> str:
    return osp.relpath(person['path'], root).replace(os.sep, '/')


def _ranking(seen: List[dict], doubts: Dict[str, np.ndarray], doubt: np.ndarray,
             reasons: Dict[int, str], root: str) -> str:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator='\n')
    rows.writerow(['image', 'x1', 'y1', 'x2', 'y2', 'chosen', 'doubt', *doubts])
    for i in np.argsort(-doubt, kind='stable'):
        rows.writerow([
            _name(seen[i], root),
            *(f'{value:.1f}' for value in seen[i]['box']), reasons.get(int(i), ''),
            *(f'{value:.4f}' for value in (doubt[i], *(doubts[name][i] for name in doubts)))])
    return text.getvalue()


def contact_sheet(people_seen: List[dict], captions: List[str], people: People,
                  score_thr: float) -> np.ndarray:
    """Draw people with their keypoints, row by row.

    Args:
        people_seen (list[dict]): As :func:`mmpose_mum.export.people.predict` yields them.
        captions (list[str]): A line below each.
        people (People): Whose they are.
        score_thr (float): Keypoints with a lower score are not drawn.

    Returns:
        np.ndarray: uint8 (H, W, 3), BGR.
    """
    visualizer = PanelVisualizer(people.metainfo)
    panels: List[Any] = [
        draw_captioned(visualizer, read_image(person['path']), person['box'], person['keypoints'],
                       person['scores'] >= score_thr,
                       (f'{number}. {_name(person, people.root)}', caption))
        for number, (person, caption) in enumerate(zip(people_seen, captions), 1)]
    columns = min(SHEET_COLUMNS, len(panels))
    panels += [np.full_like(panels[0], 255)] * (-len(panels) % columns)
    return cv2.vconcat([cv2.hconcat(panels[i:i + columns])
                        for i in range(0, len(panels), columns)])
