"""The weights of a plain model, out of a training's checkpoint or of its own."""
import pytest
import torch

from mmpose_mum.checkpoint.plain import plain_state_dict, weights_of

PLAIN = dict(a=torch.zeros(1))
SEMI = {'teacher.a': torch.ones(1), 'student.a': torch.full((1, ), 2.)}


def test_weights_of_a_training_are_those_of_one_of_its_models():
    assert weights_of(SEMI) == plain_state_dict(SEMI) == dict(a=SEMI['teacher.a'])
    assert weights_of(SEMI, 'student') == dict(a=SEMI['student.a'])


def test_those_of_a_plain_model_are_taken_as_they_are():
    assert weights_of(PLAIN) == weights_of(PLAIN, 'student') == PLAIN
    with pytest.raises(ValueError, match='no weights of a teacher.*a plain model already'):
        plain_state_dict(PLAIN)
