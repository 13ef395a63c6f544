"""The benchmark's plan: who has labels, what is trained of a config, and what is refused."""
import json
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from helpers.benchmark_parts import (
    POSE_MUM,
    ROOT,
    SUPERVISED,
    TOTAL,
    configs_fixture,  # noqa: F401
    data_fixture,  # noqa: F401
    log,
)

sys.path.insert(0, str(ROOT / 'dev'))

import benchmark_methods as benchmark  # noqa: E402
from benchmark_records import save_records, settings_of  # noqa: E402
from benchmark_runs import (  # noqa: E402
    BenchmarkError,
    draw_labels,
    hidden_people,
    image_paths,
    parse_methods,
    plan,
)

from mmpose_mum.datasets.short_form import sources_of  # noqa: E402


def sets_of(run):
    return sources_of(run.cfg.train_dataloader.dataset)


def test_more_labels_of_a_seed_contain_fewer():
    few, many = draw_labels(1, 100, 10), draw_labels(1, 100, 20)
    assert set(few) < set(many) and many == sorted(many) and len(many) == 20
    assert draw_labels(2, 100, 10) != few
    assert type(few[0]) is int


def test_all_methods_of_a_seed_have_the_same_labels(configs, tmp_path):
    methods = {'a': configs('supervised'), 'b': configs('pose_mum')}
    runs = plan(methods, [2, 4], [5, 6], tmp_path / 'work')
    assert [(r.seed, r.num_labels, r.method) for r in runs] == [
        (s, n, m) for s in (5, 6) for n in (2, 4) for m in 'ab']
    for supervised, semi in zip(runs[::2], runs[1::2]):
        labeled, unlabeled = (part['indices'] for part in sets_of(semi))
        assert sets_of(supervised)[0]['indices'] == labeled
        assert labeled == draw_labels(semi.seed, TOTAL, semi.num_labels)
        assert sorted(labeled + unlabeled) == list(range(TOTAL))
        assert supervised.cfg.randomness.seed == semi.cfg.randomness.seed == semi.seed
    assert sets_of(runs[0])[0]['indices'] != sets_of(runs[4])[0]['indices']


def test_the_trainings_read_what_was_drawn(configs, tmp_path):
    from mmpose.registry import DATASETS
    run, = plan({'a': configs('pose_mum')}, [3], [0], tmp_path / 'work')
    names = [[Path(built.get_data_info(i)['img_path']).stem for i in range(len(built))]
             for built in (DATASETS.build(part) for part in sets_of(run))]
    assert [int(name) - 1 for name in names[0]] == draw_labels(0, TOTAL, 3)
    assert sorted(sum(names, [])) == [f'{i + 1:06d}' for i in range(TOTAL)]


def test_an_unlabeled_set_of_its_own_is_left_alone(configs, tmp_path):
    run, = plan({'a': configs('pose_mum', unlabeled='train_unlabeled')}, [TOTAL], [0], tmp_path)
    assert sets_of(run)[0]['indices'] is None
    assert 'indices' not in sets_of(run)[1]


def test_all_labels_are_for_supervised_methods(configs, tmp_path):
    run, = plan({'a': configs('supervised')}, [TOTAL], [0], tmp_path)
    assert sets_of(run)[0]['indices'] is None and run.num_total == TOTAL
    with pytest.raises(BenchmarkError, match='nothing is left unlabeled'):
        plan({'a': configs('pose_mum')}, [TOTAL], [0], tmp_path)


@pytest.mark.parametrize('number', [0, TOTAL + 1])
def test_a_number_of_labels_that_is_not_there_is_an_error(configs, tmp_path, number):
    with pytest.raises(BenchmarkError, match=f'--labels {number}: .*has {TOTAL} images'):
        plan({'a': configs('supervised')}, [number], [0], tmp_path)


def test_sets_that_leave_out_different_people_are_refused(configs, tmp_path, data):
    path = data / 'annotations/holes.json'
    content = json.loads((data / 'annotations/train.json').read_text())
    content['annotations'][2].update(keypoints=[0] * 51, num_keypoints=0)
    path.write_text(json.dumps(content))
    config = configs('pose_mum', POSE_MUM.replace('annotations/train.', 'annotations/holes.'),
                     unlabeled='holes')
    with pytest.raises(BenchmarkError, match='reads 7 images and .* set 8, .* number 2 on'):
        plan({'a': config}, [2], [0], tmp_path)


def test_methods_are_called_as_their_config_or_as_told(configs):
    path = configs('supervised')
    assert parse_methods([str(path), f'other={path}']) == {'supervised': path, 'other': path}
    for arguments, message in (([str(path)] * 2, 'two methods'), (['x.py'], 'does not exist'),
                               ([f'a/b={path}'], 'no name of a method')):
        with pytest.raises(BenchmarkError, match=message):
            parse_methods(arguments)


def test_a_changed_config_is_refused(configs, tmp_path):
    methods = {'a': configs('supervised')}
    run, = plan(methods, [2], [0], tmp_path / 'work')
    assert benchmark.prepare(run) is False
    plan(methods, [2], [0], tmp_path / 'work', {'a_variable_of_mine': 1})  # no Runner reads it
    with pytest.raises(BenchmarkError, match='(?s)a, 2 labels, seed 0: .*train_cfg.max_iters was 4'
                       ' and is now 6.*Remove that folder'):
        plan(methods, [2], [0], tmp_path / 'work', {'train_cfg.max_iters': 6})


INLINE = """
keypoints = {{i: dict(name=f'joint_{{i}}', id=i, swap='') for i in range(12)}}
metainfo = dict(dataset_name='many', keypoint_info=keypoints)
"""


@pytest.mark.parametrize('name, text', [('supervised', SUPERVISED), ('pose_mum', POSE_MUM)])
def test_what_is_trained_is_what_was_planned(configs, tmp_path, name, text):
    run, = plan({'a': configs(name, text + INLINE)}, [2], [3], tmp_path / 'work')
    benchmark.prepare(run)
    trained = Config.fromfile(benchmark.config_of(run))
    planned = run.cfg.to_dict()
    assert trained.to_dict() == planned and trained.randomness.seed == 3
    # In this order MMPose reads the keypoints; MMEngine's dumps have 0, 1, 10, 11, 2, …
    assert list(trained.metainfo.keypoint_info) == list(range(12))
    assert str(benchmark.config_of(run).parent) == str(run.folder.parent)


def test_a_training_by_hand_is_refused(configs, tmp_path):
    log(tmp_path / 'a/labels_2/seed_0', 1, {'PCK': 0.5, 'step': 4})
    with pytest.raises(BenchmarkError, match="not the benchmark's"):
        plan({'a': configs('supervised')}, [2], [0], tmp_path)


@pytest.mark.parametrize('name', ['supervised', 'pose_mum'])
def test_people_held_out_are_validated_on_and_seen_by_no_training(configs, tmp_path, name):
    run, = plan({'a': configs(name)}, [3], [0], tmp_path / 'work', num_held=2)
    benchmark.prepare(run)
    cfg = Config.fromfile(benchmark.config_of(run))
    held = cfg.val_dataloader.dataset.indices
    assert len(held) == 2 and run.num_total == TOTAL - 2
    assert cfg.val_dataloader.dataset.ann_file == 'annotations/train.json'
    sets = sources_of(cfg.train_dataloader.dataset)
    assert not {*held} & {i for part in sets for i in part['indices']}
    assert sets[0]['indices'] == draw_labels(0, TOTAL, 3)
    hidden = hidden_people(cfg)['indices']
    assert sorted([*hidden, *held, *draw_labels(0, TOTAL, 3)]) == list(range(TOTAL))


def test_records_of_other_validations_do_not_mix(tmp_path):
    kept = dict(method='a', num_labels=2, seed=0, role='main', num_total=8, curve=[], metrics={})
    save_records(tmp_path / 'a.json', [kept])
    with pytest.raises(ValueError, match=r'held out \[0, 2\] people'):
        save_records(tmp_path / 'a.json', [dict(kept, seed=1, held_out=2)])


ROUND2 = POSE_MUM + """
first_round = 'first'
model = dict(labeler=dict(config='plain.py', checkpoint='first_round.pth'))
"""


def test_a_second_round_learns_from_the_same_labels_first_round(configs, tmp_path):
    run, = plan({'second': configs('second', ROUND2)}, [3], [4], tmp_path / 'work')
    first = tmp_path / 'work/first/labels_3/seed_4'
    with pytest.raises(BenchmarkError, match="finished training of 'first' .* train that first"):
        benchmark.prepare(run)
    first.mkdir(parents=True)
    torch.save(dict(meta={}, state_dict={'teacher.a': torch.ones(1), 'student.a': torch.zeros(1)}),
               first / 'iter_4.pth')
    (first / 'last_checkpoint').write_text(str(first / 'iter_4.pth'))
    benchmark.prepare(run)
    labeler = Config.fromfile(benchmark.config_of(run)).model.labeler
    assert labeler == dict(config='plain.py', checkpoint=str(first / 'teacher.pth'))
    assert torch.load(first / 'teacher.pth')['state_dict'] == {'a': torch.ones(1)}
    assert settings_of(run.cfg)['model']['labeler'] == 'first'


def test_suggested_people_get_labels_beside_the_drawn_ones(configs, tmp_path):
    methods = {'suggested': configs('suggested', POSE_MUM + """
suggested_by = 'first'
suggest_options = '--by flip'
""")}
    first = tmp_path / 'work/first/labels_2/seed_5'
    with pytest.raises(BenchmarkError, match='mmpose-mum suggest .*/first/labels_2/seed_5.py .*'
                                             '--num 2 --seed 5 --by flip --unlabeled .*json '
                                             '--unlabeled-images .* --out .*/seed_5/suggested'):
        plan(methods, [4], [5], tmp_path / 'work')
    drawn = draw_labels(5, TOTAL, 2)
    names = [Path(path).name for path in image_paths(sets_of(plan(
        {'a': configs('pose_mum')}, [2], [5], tmp_path / 'work')[0])[0], {})]
    suggested = [i for i in range(TOTAL) if i not in drawn][-2:]

    def suggest(numbers):
        (first / 'suggested').mkdir(parents=True, exist_ok=True)
        (first / 'suggested/people.json').write_text(json.dumps(
            dict(images=[dict(file_name=names[i]) for i in numbers])))

    suggest(suggested)
    run, = plan(methods, [4], [5], tmp_path / 'work')
    labeled, unlabeled = (part['indices'] for part in sets_of(run))
    assert labeled == sorted(drawn + suggested)
    assert sorted(labeled + unlabeled) == list(range(TOTAL))
    assert settings_of(run.cfg)['suggested_by'] == 'first'
    suggest([suggested[0], drawn[0]])
    with pytest.raises(BenchmarkError, match='1 new people, expected 2; choose them again'):
        plan(methods, [4], [5], tmp_path / 'work')
    names[suggested[0]] = 'nobody.jpg'
    suggest(suggested)
    with pytest.raises(BenchmarkError, match='has not, or more than once: nobody.jpg'):
        plan(methods, [4], [5], tmp_path / 'work')
