"""What the printer writes, Python reads, and no line is too long."""
import numpy as np
import pytest

from mmpose_mum.configs.printer import WIDTH, assignment, is_name


def test_a_value_that_fits_takes_one_line_and_items_that_do_not_take_their_own():
    text = 'a = dict(b=1., c=(2, ), d={3: None})'
    assert assignment('a', dict(b=1., c=(2, ), d={3: None})) == text
    assert assignment('steps', [dict(type='x' * 60), dict(type='y' * 60), 1, 2]) == (
        f"steps = [\n    dict(type='{'x' * 60}'),\n    dict(type='{'y' * 60}'), 1, 2]")


@pytest.mark.parametrize('depth', range(8))
def test_what_closes_outer_values_fits_behind_the_innermost(depth):
    value = 'x' * 40
    for _ in range(depth):
        value = dict(inner=[value, 1])
    text = assignment('a', value)
    scope = {}
    exec(text, scope)
    assert scope['a'] == value and max(map(len, text.splitlines())) <= WIDTH


@pytest.mark.parametrize('value', [np.zeros(1), float('nan'), float('-inf'), {1}, object()])
def test_what_is_no_literal_is_an_error_with_the_variables_name(value):
    for node in (value, [dict(b=(value, ))]):
        with pytest.raises(ValueError, match=r'^model of the config holds .*, which cannot be wri'):
            assignment('model', node)


def test_keywords_are_no_names():
    assert all(map(is_name, ('a', '_b1'))) and not any(map(is_name, ('lambda', '1a', 'a b', 1)))
    assert assignment('a', {'lambda': 1}) == "a = {'lambda': 1}"
