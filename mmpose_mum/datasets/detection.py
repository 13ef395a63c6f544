"""Find people in images by a detector, to crop unlabeled people by."""
import json
import os
import re
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Sequence

from mmengine.runner import CheckpointLoader
from mmengine.utils import ProgressBar

from ..configs.plain import run_config
from ..files.json_text import decode_text, parse_json
from .loading import LoadUnlabeledImage

BATCH = 8


def load_detector(config: str, checkpoint: str, device: Optional[str]):
    """Load a detector with all of its weights.

    Args:
        config (str): A path, or a name that MMDetection knows.
        checkpoint (str): A path or an address.
        device (str, optional): By default the best available.

    Returns:
        DetInferencer: The detector.

    Raises:
        ImportError: If a package is missing.
        OSError: If a file is missing.
        ValueError: If it cannot be loaded, or the checkpoint lacks some of its weights.
    """
    from mmdet.apis import DetInferencer
    try:
        inferencer = DetInferencer(
            run_config(config) if os.path.isfile(config) else config, checkpoint, device=device,
            show_progress=False)
        # The inferencer only logs what does not fit, and would find anything. A module may rename
        # what it loads, so it is loaded to see.
        content = CheckpointLoader.load_checkpoint(checkpoint, map_location='cpu')
        weights = {re.sub(r'^module\.', '', name): value
                   for name, value in content.get('state_dict', content).items()}
        missing = {*inferencer.model.load_state_dict(weights, strict=False).missing_keys}
        missing &= {name for name, _ in inferencer.model.named_parameters()}
    except (ImportError, OSError):
        raise
    except Exception as error:  # MMDetection's and PyTorch's own
        raise ValueError(f'the detector {config!r} cannot be loaded with {checkpoint!r}: '
                         f'{type(error).__name__}: {error}') from error
    if missing:
        raise ValueError(f'{checkpoint!r} lacks {len(missing)} weights of the detector {config!r}, '
                         f'such as {min(missing)}: give the checkpoint of this config')
    return inferencer


def labels_of(categories: Sequence[str], classes: Sequence[str]) -> List[int]:
    """Turn names and indices of classes into indices."""
    known = {**{str(i): i for i in range(len(classes))}, **{c: i for i, c in enumerate(classes)}}
    unknown = [category for category in categories if category not in known]
    if unknown:
        raise ValueError(f'--category {" ".join(unknown)}: the detector knows {", ".join(classes)}')
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
           score_thr: float) -> Iterator[Dict[str, Optional[list]]]:
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


def read_part(path: Path, settings: dict) -> Dict[str, Optional[list]]:
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
        raise ValueError(f'{path} was not written by an interrupted run of this tool ({error}): '
                         'move it away, or give another --out') from error
    if entries and entries[0] != settings:
        raise ValueError(f'{path} belongs to an interrupted run with other settings, {lines[0]}: '
                         'delete it, or give the same settings')
    complete = ''.join(line + '\n' for line in lines or [first])
    if text != complete:
        path.write_text(complete)
    return {name: boxes for entry in entries[1:] for name, boxes in entry.items()}
