"""A written config reads as a person's would, and Python reads what was meant."""
import os.path as osp

import mmpose
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.config import Config

from helpers.conversions import RES50
from mmpose_mum.convert.references import Base, Changed, resolve, unscoped
from mmpose_mum.convert.writer import base_name, converted_text, find_shipped_config

CFG = Config(dict(
    model=dict(type='TopdownPoseEstimator', backbone=dict(type='ResNet', depth=50)),
    pipeline=[dict(type='LoadImage'), dict(type='Pad', size=(2, 3))]))

# Strings short enough that one of them, nested as deep as it goes here, leaves room in a line.
WORDS = st.text('abc \'"\\\n#,:()é', max_size=12)
ATOMS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False),
    WORDS, st.sampled_from([Base('model', 'backbone'), Base('pipeline', 1, 'size')]))


def branches(children):
    keys = st.one_of(st.sampled_from(['type', 'head', 'lambda']), st.integers(0, 20), WORDS)
    changes = st.dictionaries(st.sampled_from(['type', 'head', 'depth']), children, max_size=3)
    return st.one_of(
        st.lists(children, max_size=6), st.lists(children, max_size=6).map(tuple),
        st.dictionaries(keys, children, max_size=6),
        changes.map(lambda items: Changed(Base('model'), **items)))


DEEP = ATOMS
for _ in range(4):
    DEEP = st.one_of(ATOMS, branches(DEEP))


def executed(text):
    """Returns what a written config assigns, without reading the file that it inherits from."""
    title, base, rest = text.split('\n', 2)
    assert title.startswith('# ') and base.startswith('_base_ = ')
    scope = dict(_base_=CFG)
    exec(rest, scope)
    return {key: value for key, value in scope.items() if key not in ('_base_', '__builtins__')}


@settings(max_examples=150)
@given(st.dictionaries(st.sampled_from(['model', 'train_cfg', 'default_hooks']), DEEP))
def test_python_reads_the_values_that_were_written_from_lines_that_fit(overrides):
    text = converted_text(CFG, overrides, 'original.py')
    assert all(len(line) <= 100 for line in text.splitlines())
    # As text, which tells 1 from 1.0 and True, and a list from a tuple.
    assert repr(unscoped(executed(text))) == repr(unscoped(resolve(overrides, CFG)))


def test_what_fits_stays_in_one_line_and_short_items_share_one():
    steps = [dict(type=f'Step{i}', size=i) for i in range(6)]
    text = converted_text(CFG, dict(
        val_cfg=dict(type='Loop', rate=1.0, sizes=(3, )), steps=steps, model=Base('model')), 'b.py')
    assert text == '''# Pose-MUM training of b.
_base_ = 'b.py'
val_cfg = dict(type='Loop', rate=1., sizes=(3, ))
steps = [
    dict(type='Step0', size=0), dict(type='Step1', size=1), dict(type='Step2', size=2),
    dict(type='Step3', size=3), dict(type='Step4', size=4), dict(type='Step5', size=5)]

# MMPose's init_model looks into `backbone`.
model = _base_.model
'''


def test_a_line_is_filled_to_its_last_column_and_no_further():
    for length in range(80, 100):
        text = converted_text(CFG, dict(a=['x' * length, 1]), 'b.py').split('\n', 2)[2]
        assert ('\n ' not in text) == (len(f"a = ['{'x' * length}', 1]") <= 100)


def test_comments_say_what_became_of_the_originals_settings():
    cfg = Config(dict(
        CFG.to_dict(), custom_hooks=[dict(type='mmpose.EMAHook')], auto_scale_lr=dict(x=1)))
    text = converted_text(cfg, dict(custom_hooks=[], auto_scale_lr={}), 'mmpose::a/b/name.py')
    assert text == '''# Pose-MUM training of name.
_base_ = 'mmpose::a/b/name.py'
# The EMAN teacher is the average: the original's EMAHook is left out.
custom_hooks = []
# Counts unlabeled images as well.
auto_scale_lr = dict()
'''


def test_a_shipped_config_has_one_name_and_ones_own_a_relative_path(tmp_path):
    path = find_shipped_config(RES50)
    assert path.endswith(osp.basename(RES50)) and osp.isfile(path)
    assert find_shipped_config(path) == path
    assert base_name(path, 'x.py') == base_name(RES50, 'x.py') == RES50
    assert base_name(osp.relpath(path), str(tmp_path / 'x.py')) == RES50
    own = tmp_path / 'own' / 'config.py'
    own.parent.mkdir()
    own.touch()
    assert base_name(str(own), str(tmp_path / 'x.py')) == 'own/config.py'
    assert base_name(str(own), str(tmp_path / 'deep' / 'x.py')) == '../own/config.py'


def test_a_base_is_found_from_a_folder_that_is_a_link(tmp_path):
    (tmp_path / 'disk/far/real').mkdir(parents=True)
    (tmp_path / 'own').mkdir()
    (tmp_path / 'own/linked').symlink_to(tmp_path / 'disk/far/real')
    own, out = tmp_path / 'own/mine.py', tmp_path / 'own/linked/x.py'
    own.write_text('a = 1\n')
    out.write_text(f'_base_ = {base_name(str(own), str(out))!r}\n')
    assert Config.fromfile(str(out)).a == 1


@pytest.mark.parametrize('path, error, message', [
    ('mmdet::a.py', ValueError, "'mmdet::a.py' is of mmdet: expected a path, or a config"),
    ('mmpose::none.py', FileNotFoundError, "no config 'mmpose::none.py': .*configs.none.py does"),
    ('none.py', FileNotFoundError, "no config 'none.py': .*none.py does not exist"),
    (osp.dirname(mmpose.__file__), FileNotFoundError, 'does not exist'),
])
def test_a_config_that_is_not_there_is_named(path, error, message):
    for find in (find_shipped_config, lambda path: base_name(path, 'x.py')):
        with pytest.raises(error, match=message):
            find(path)
