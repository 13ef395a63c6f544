"""What the guards log is found again in the log, and nothing else."""
import json
import logging
import uuid

import pytest
from mmengine.logging import MMLogger

from mmpose_mum.engine.hooks import monitor_hook
from mmpose_mum.report.guard import read_messages
from mmpose_mum.visualization.scalars import read_starts


@pytest.fixture
def logged(tmp_path):
    """A function that logs texts as a Runner does, and reads what the guards said."""
    (tmp_path / '1').mkdir()
    logger = MMLogger(uuid.uuid4().hex, logger_name='mmengine',
                      log_file=str(tmp_path / '1/1.log'))

    def log(*records):
        for level, text in records:
            logger.log(level, text)
        return read_messages(tmp_path, read_starts(tmp_path))

    yield log
    for handler in logger.handlers:
        handler.close()


def test_symptoms_and_their_ends_are_found(logged):
    best = dict(confidence=.5, loss=1., spread=.3)
    (background, why), = monitor_hook._background(.1, .1, best).items()
    (place, where), = monitor_hook._one_place(.001, .5, best).items()
    messages = logged(
        (logging.WARNING, '"FileClient" will be deprecated in future'),
        (logging.INFO, 'Iter(train) [100/400]  loss: 0.1'),
        (logging.WARNING, f'iteration 200: {background}: {why}'),
        (logging.WARNING, f'iteration 250: second_{place}: {where}'),
        (logging.INFO, f'iteration 300: "{background}" is over'),
        (logging.INFO, f'iteration 350: second_{place} is over'))  # as older runs have it
    assert [message.bad for message in messages] == [True, True, False, False]
    assert messages[0].text.startswith('iteration 200: collapse to background: teacher_confidence')
    assert messages[0].text.endswith('its cutout')
    assert messages[1].text.startswith('iteration 250: second_collapse to one place: ')
    assert messages[2].text == 'iteration 300: "collapse to background" is over'


def test_a_skipped_step_and_unlabeled_images_that_never_count_are_found(logged):
    messages = logged(
        (logging.WARNING, 'the unlabeled images never count: unsup_weight is 0'),
        (logging.ERROR, 'iteration 7: loss is nan. It is the batch of sup: a\nb.png (id 1). This '
         'step is skipped, number 1 of this run'),
        (logging.INFO, 'iteration 8: all is well'))
    assert len(messages) == 2 and all(message.bad for message in messages)
    assert messages[1].text.startswith('iteration 7: loss is nan')
    assert messages[1].text.endswith('number 1 of this run')


def test_what_a_later_start_did_again_is_not_said(logged, tmp_path):
    def scalars(folder, *steps):
        path = tmp_path / folder / 'vis_data/scalars.json'
        path.parent.mkdir(parents=True)
        path.write_text(''.join(json.dumps(dict(iter=step, step=step)) + '\n' for step in steps))
    scalars('1', 100, 200, 300)
    records = [(logging.WARNING, 'the unlabeled images never count: unsup_weight is 0'),
               (logging.WARNING, 'iteration 150: no signal: why'),
               (logging.WARNING, 'iteration 250: collapse to background: why')]
    assert len(logged(*records)) == 3
    scalars('2', 200, 300)  # resumed at 100
    assert [message.text[:13] for message in read_messages(tmp_path, read_starts(tmp_path))] == [
        'the unlabeled', 'iteration 150']
    scalars('3', 100)  # from scratch
    assert read_messages(tmp_path, read_starts(tmp_path)) == []


def test_a_start_that_was_killed_before_it_logged_has_said_it(logged, tmp_path):
    (tmp_path / '1/vis_data').mkdir()
    (tmp_path / '1/vis_data/scalars.json').write_text(json.dumps(dict(step=0, PCK=.1)) + '\n')
    record = (logging.WARNING, 'the unlabeled images never count: unsup_weight is 0')
    assert len(logged(record)) == 1
    (tmp_path / '2/vis_data').mkdir(parents=True)
    (tmp_path / '2/vis_data/scalars.json').write_text(json.dumps(dict(iter=9, step=9)) + '\n')
    assert read_messages(tmp_path, read_starts(tmp_path)) == []


def test_a_work_dir_without_a_log_said_nothing(tmp_path):
    assert read_messages(tmp_path, read_starts(tmp_path)) == []
