"""What is read of a work dir: the last config, epochs as iterations, panels of all pairs."""
import json

import pytest

from mmpose_mum.report.run import names_of, panels_of, read_work_dirs


def logged(work_dir, *entries):
    path = work_dir / '1/vis_data/scalars.json'
    path.parent.mkdir(parents=True)
    path.write_text('\n'.join(map(json.dumps, entries)) + '\n')


def test_epochs_of_validations_are_counted_in_iterations(tmp_path):
    logged(tmp_path, dict(loss=1., epoch=1, iter=10, step=10), dict(PCK=.1, data_time=.1, step=1),
           dict(loss=1., epoch=2, iter=24, step=24), dict(PCK=.2, data_time=.1, step=2))
    (run, ) = read_work_dirs([tmp_path])
    assert run.metrics == dict(PCK={'': {12: .1, 24: .2}}) and run.iterations == 24


def test_iterations_of_validations_stay_what_they_are(tmp_path):
    logged(tmp_path, dict(loss=1., epoch=1, iter=10, step=10), dict(PCK=.1, data_time=.1, step=12),
           dict(loss=1., epoch=2, iter=24, step=24), dict(PCK=.2, data_time=.1, step=24))
    (run, ) = read_work_dirs([tmp_path])
    assert run.metrics == dict(PCK={'': {12: .1, 24: .2}})


def test_a_checkpoint_may_be_later_than_the_last_log(tmp_path):
    logged(tmp_path, dict(loss=1., iter=10, step=10))
    for name in ('iter_12.pth', 'last_checkpoint'):
        (tmp_path / name).write_text('/elsewhere/iter_12.pth')
    (run, ) = read_work_dirs([tmp_path])
    assert run.iterations == 12 and run.checkpoint == tmp_path / 'iter_12.pth'


def test_the_config_of_the_last_start_counts(tmp_path):
    for start, kind in enumerate('AB'):
        path = tmp_path / f'{start}/vis_data/config.py'
        path.parent.mkdir(parents=True)
        path.write_text(f'model = dict(type={kind!r})')
    (run, ) = read_work_dirs([tmp_path])
    assert run.cfg.model.type == 'B' and not run.semi and run.model == 'model'


def test_a_config_that_cannot_be_read_is_told(tmp_path):
    logged(tmp_path, dict(loss=1., iter=10, step=10))
    (tmp_path / 'my.py').write_text(
        "custom_imports = dict(imports=['no_such_module'], allow_failed_imports=False)")
    (run, ) = read_work_dirs([tmp_path])
    assert run.cfg is None and 'no_such_module' in run.lacks[0] and run.series['loss']


def test_panels_are_those_of_all_pairs_and_of_the_last_start(tmp_path):
    for name in ('1/vis_data/vis_image/unlabeled_9.png', '1/vis_data/vis_image/unlabeled_10.png',
                 '2/vis_data/vis_image/unlabeled_10.png', '2/vis_data/vis_image/other_10.png',
                 '2/vis_data/vis_image/second_unlabeled_10.png'):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text('')
    logged(tmp_path / 'x', dict(loss=1., iter=10, step=10))
    (run, ) = read_work_dirs([tmp_path / 'x'])
    found = panels_of(run._replace(folder=tmp_path))
    assert list(found) == [9, 10]
    assert [path.relative_to(tmp_path).as_posix() for path in found[10]] == [
        '2/vis_data/vis_image/unlabeled_10.png', '2/vis_data/vis_image/second_unlabeled_10.png']


def test_names_are_as_short_as_they_can_be(tmp_path):
    assert names_of([tmp_path / 'a', tmp_path / 'b']) == ['a', 'b']
    assert names_of([tmp_path / 'a/seed_0', tmp_path / 'b/seed_0']) == ['a/seed_0', 'b/seed_0']
    with pytest.raises(ValueError, match='is given twice'):
        names_of([tmp_path, tmp_path])


def start(work_dir, name, *steps, panels=(), **config):
    """Writes what a start leaves: a config, scalars of some steps, and panels."""
    folder = work_dir / name / 'vis_data'
    (folder / 'vis_image').mkdir(parents=True)
    config = dict(dict(resume=False, load_from=None, model=dict(type='A')), **config)
    (folder / 'config.py').write_text(
        ''.join(f'{key} = {value!r}\n' for key, value in config.items()))
    if steps:
        (folder / 'scalars.json').write_text(
            ''.join(json.dumps(dict(iter=step, step=step, loss=1.)) + '\n' for step in steps))
    for step in panels:
        (folder / f'vis_image/unlabeled_{step}.png').touch()


def test_a_run_starts_from_what_its_first_start_began_with_and_a_test_is_none(tmp_path):
    start(tmp_path, '1', 10, load_from='other.pth')
    start(tmp_path, '2', 10, 20, load_from='mine.pth')
    start(tmp_path, '3', 30, resume=True, seed=3)
    start(tmp_path, '4', 40, resume=True, load_from='iter_30.pth', seed=4)
    start(tmp_path, '5', load_from='iter_40.pth', seed=5)
    (run, ) = read_work_dirs([tmp_path])
    assert run.cfg.seed == 4 and run.cfg.load_from == 'mine.pth'


def test_panels_that_a_later_start_drew_again_are_left_out(tmp_path):
    start(tmp_path, '1', 10, 20, 30, panels=[10, 20, 30])
    start(tmp_path, '2', 15, panels=[15], resume=True)
    (run, ) = read_work_dirs([tmp_path])
    assert list(panels_of(run)) == [10, 15]
    start(tmp_path, '3', 40, panels=[40])  # anew
    (run, ) = read_work_dirs([tmp_path])
    assert list(panels_of(run)) == [40]
