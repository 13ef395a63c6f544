"""A resume that goes on with another schedule than the config's is told."""
import pytest
import torch
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.optim.scheduler import (
    CosineAnnealingLR,
    CosineAnnealingMomentum,
    LinearLR,
    MultiStepLR,
)

from mmpose_mum.checkpoint import schedule
from mmpose_mum.checkpoint.schedule import check_length, check_schedule


def optimizer(**options):
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], **{'lr': .1, **options})


def warm_up(end=9, **options):
    return LinearLR(optimizer(**options), end=end, by_epoch=False)


def steps(*milestones):
    return MultiStepLR(optimizer(), milestones=milestones, by_epoch=False)


@pytest.fixture
def told(monkeypatch):
    """What is logged."""
    texts = []
    monkeypatch.setattr(schedule, 'print_log', lambda text, *_: texts.append(text))
    return texts


def check(before, now, first=None, second=None):
    first, second = (OptimWrapper(one or optimizer()) for one in (first, second))
    check_schedule(dict(param_schedulers=[one.state_dict() for one in before],
                        optimizer=first.state_dict()), now, second)


@pytest.mark.parametrize('before, now, said', [
    ([warm_up()], [warm_up(lr=.2)], 'base_values was [0.1] and is [0.2]'),
    ([warm_up()], [warm_up(end=19)], 'LinearLR: end was 9 and is 19'),
    ([warm_up(), steps(30, 40)], [warm_up(), steps(30, 50)],
     'MultiStepLR: milestones was [30, 40] and is [30, 50]'),
    ([warm_up()], [warm_up(), steps(30)], 'schedulers: 1 in the checkpoint, 2 in the config')])
def test_what_differs_is_told(before, now, said, told):
    check(before, now)
    assert len(told) == 1 and said in told[0]


def test_the_same_settings_are_no_news_wherever_they_stand(told):
    before = [warm_up(), steps(3, 4)]
    for _ in range(5):
        for scheduler in before:
            scheduler.optimizer.step()
            scheduler.step()
    check(before, [warm_up(), steps(3, 4)])
    assert not told


def test_settings_of_the_optimizer_that_differ_are_told(told):
    before, now = optimizer(weight_decay=.1, momentum=.9), optimizer(lr=.2, momentum=.8)
    check([], [], before, now)
    assert 'SGD: lr was 0.1 and is 0.2, momentum was 0.9 and is 0.8, weight_decay was 0.1 and is ' \
        '0)' in told.pop()
    check([warm_up()], [warm_up()], before, optimizer(lr=.2, weight_decay=.1, momentum=.9))
    assert not told  # it is the schedule's
    falling = [CosineAnnealingMomentum(before, T_max=9, by_epoch=False)]
    check(falling, falling, before, optimizer(weight_decay=.1, momentum=.8))
    assert not told
    both = OptimWrapperDict(one=OptimWrapper(before), two=OptimWrapper(optimizer()))
    other = OptimWrapperDict(one=OptimWrapper(before), two=OptimWrapper(optimizer(nesterov=True,
                                                                                  momentum=.9)))
    check_schedule(dict(optimizer=both.state_dict()), None, other)
    assert 'momentum was 0 and is 0.9, nesterov was False and is True' in told.pop()


def cosine(**options):
    return CosineAnnealingLR(optimizer(), by_epoch=False, **{'eta_min': 0., 'end': 100, **options})


@pytest.mark.parametrize('schedulers, said', [
    ([warm_up(), steps(60, 90)], None),
    ([warm_up(), steps(60, 200)], None),
    ([warm_up(), steps(200, 300)], 'the first milestone of MultiStepLR, 200, is never reached'),
    ([cosine()], None),
    ([cosine(begin=50)], None),
    ([cosine(begin=50, T_max=49)], None),
    ([cosine(T_max=60, end=60), cosine(begin=60)], None),
    ([cosine(T_max=60)], 'CosineAnnealingLR ends at 60, and then rises again'),
    (dict(one=[cosine(T_max=100)], other=[cosine(T_max=150)]), 'would end only at 150'),
    ([cosine(begin=100, end=200)], None),
    ([cosine(begin=150, end=200)], 'CosineAnnealingLR would begin only at 150'),
    (None, None)])
def test_a_schedule_of_another_length_is_told(schedulers, said, told):
    check_length(schedulers, 100)
    assert len(told) == (said is not None)
    assert all('max_iters=100' in text and said in text for text in told)
