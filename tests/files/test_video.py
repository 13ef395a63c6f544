"""A frame read by its number is, to the bit, the one that decoding from the start gives."""
import multiprocessing
import os
import struct

import cv2
import numpy as np
import pytest
from torch.utils.data import DataLoader

from mmpose_mum.datasets.unlabeled import UnlabeledPoseDataset
from mmpose_mum.files import images
from mmpose_mum.files import video as V
from mmpose_mum.files.images import folder_of, image_finder, list_images

# Codecs with frames that depend on others, and without. OpenCV's seeking misses in an MPEG stream.
CODECS = [('mp4v', 'mp4'), ('MJPG', 'avi'), ('XVID', 'avi'), ('VP80', 'webm'), ('MPG1', 'mpg')]


def write_video(path, *, frames=90, fps=30., codec='mp4v', size=(64, 48)):
    """Write a video of a moving pattern, each frame's number in stripes at the top."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), fps, size)
    if not writer.isOpened():
        pytest.skip(f'this OpenCV cannot write {codec}')
    pattern = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    pattern = cv2.resize(pattern, (size[0] + frames, size[1]), interpolation=cv2.INTER_CUBIC)
    for i in range(frames):
        image = pattern[:, i:i + size[0]].copy()
        for bit in range(8):
            image[:12, bit * 8:(bit + 1) * 8] = 255 * (i >> bit & 1)
        writer.write(image)
    writer.release()
    return str(path)


def number_of(image):
    return sum(int(image[3:9, b * 8 + 2:b * 8 + 6].mean() > 128) << b for b in range(8))


def decode_all(path):
    """Decode from the start; returns the frames and their times in seconds."""
    capture, images, times = cv2.VideoCapture(path), [], []
    while capture.grab():
        times.append(capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
        images.append(capture.retrieve()[1])
    return images, np.array(times)


@pytest.mark.parametrize('codec, suffix', CODECS)
def test_frames_in_any_order_are_those_of_decoding_from_the_start(tmp_path, codec, suffix):
    path = write_video(tmp_path / f'a.{suffix}', frames=200, codec=codec)
    expected, _ = decode_all(path)
    assert [number_of(image) for image in expected] == list(range(200))
    video = V.Video(path)
    assert 180 <= len(video) <= 200 and video.fps == 30  # of an MPEG stream, an estimate
    order = np.random.default_rng(1).permutation(len(video)).tolist()
    for i in [*order, 0, 1, 0, len(video) - 1, len(video) - 1, 3]:
        np.testing.assert_array_equal(video.read(i), expected[i])


def test_each_person_of_a_frame_gets_it_without_another_search(tmp_path, monkeypatch):
    path = write_video(tmp_path / 'a.mp4', frames=60)
    video, expected = V.Video(path), decode_all(path)[0]
    first = video.read(40)
    with monkeypatch.context() as patch:
        patch.setattr(video, '_seek', None)
        np.testing.assert_array_equal(video.read(40), first)
    len(video)  # which may move on
    np.testing.assert_array_equal(video.read(40), expected[40])


def vary_frame_rate(path):
    """Let the first half of an mp4's frames pass four times as fast as the second."""
    data = bytearray(open(path, 'rb').read())
    assert data.index(b'mdat') < data.index(b'moov')  # so that no offset changes
    at = data.index(b'stts')
    entries, count, delta = struct.unpack('>III', data[at + 8:at + 20])
    assert entries == 1 and count % 2 == 0
    fast = delta * 2 // 5
    data[at + 8:at + 20] = struct.pack(
        '>IIIII', 2, count // 2, fast, count // 2, 2 * delta - fast)
    for box in (b'moov', b'trak', b'mdia', b'minf', b'stbl', b'stts'):
        start = data.index(box) - 4
        data[start:start + 4] = struct.pack('>I', struct.unpack('>I', data[start:start + 4])[0] + 8)
    open(path, 'wb').write(data)


def test_frames_of_a_variable_rate_go_by_their_time(tmp_path):
    path = write_video(tmp_path / 'a.mp4', frames=200)
    vary_frame_rate(path)
    expected, times = decode_all(path)
    assert len(expected) == 200 and np.ptp(np.diff(times)) > .01
    video = V.Video(path)
    numbers = np.round((times - times[0]) * video.fps)
    for i in np.random.default_rng(1).permutation(190).tolist():
        assert number_of(video.read(i)) == int(np.argmax(numbers >= i))


def turn(path, quarters):
    """Let an mp4 be shown turned by so many quarters clockwise: its track's display matrix."""
    data = bytearray(open(path, 'rb').read())
    at = data.index(b'tkhd') + 44
    cos, sin = [(1, 0), (0, 1), (-1, 0), (0, -1)][quarters]
    data[at:at + 36] = struct.pack(
        '>9i', cos << 16, sin << 16, 0, -sin << 16, cos << 16, 0, 0, 0, 1 << 30)
    open(path, 'wb').write(data)


@pytest.mark.parametrize('suffix', ['mp4', 'MOV', 'm4v'])
@pytest.mark.parametrize('quarters', range(4))
def test_frames_are_upright_as_a_player_shows_them(tmp_path, quarters, suffix):
    path = write_video(tmp_path / 'a.mp4', frames=200)
    lying, _ = decode_all(path)
    path = str((tmp_path / 'a.mp4').rename(tmp_path / f'a.{suffix}'))
    turn(path, quarters)
    video = V.Video(path)
    assert len(video) == 200 and video.fps == 30
    for i in [0, 199, 100, 3, 0]:  # it seeks and starts again
        np.testing.assert_array_equal(video.read(i), np.rot90(lying[i], -quarters))


def test_a_name_that_begins_like_a_protocol(tmp_path, monkeypatch):
    write_video(tmp_path / 'a.mp4', frames=9)
    (tmp_path / 'a.mp4').rename(tmp_path / '12:30.mp4')
    monkeypatch.chdir(tmp_path)
    assert number_of(V.Video('12:30.mp4').read(7)) == 7


def test_a_video_that_does_not_tell_its_length_is_counted(tmp_path, monkeypatch):
    path = write_video(tmp_path / 'a.mp4', frames=50)

    class Silent:  # cv2's own classes cannot be inherited from

        def __init__(self, *args):
            self.capture = real(*args)
            self.grab, self.retrieve = self.capture.grab, self.capture.retrieve
            self.set = self.capture.set

        def get(self, what):
            unknown = {cv2.CAP_PROP_FRAME_COUNT: -1., cv2.CAP_PROP_FPS: 0.}
            return unknown.get(what, self.capture.get(what))

    real = cv2.VideoCapture
    monkeypatch.setattr(cv2, 'VideoCapture', Silent)
    video = V.Video(path)
    assert video.fps == 25
    assert len(V.sample_frames(path, 25)) == len(video)
    assert number_of(video.read(0)) == 0


def test_frames_that_are_not_there(tmp_path):
    path = write_video(tmp_path / 'a.mp4', frames=20)
    video = V.Video(path)
    with pytest.raises(ValueError, match='a.mp4.*ends or is broken before frame 20'):
        video.read(20)
    assert number_of(video.read(19)) == 19  # it recovers
    (tmp_path / 'b.mp4').write_bytes(open(path, 'rb').read()[:3000])
    (tmp_path / 'c.mp4').write_bytes(b'')
    for name in ('b.mp4', 'c.mp4', 'none.mp4'):
        with pytest.raises(ValueError, match=f'no frame can be read from the video.*{name}'):
            V.read_frame(str(tmp_path / name), 0)


@pytest.mark.parametrize('fps, rate, expected', [
    (30., 1, [0, 30, 60]), (30., 10, list(range(0, 90, 3))), (30., 99, list(range(90))),
    (12.5, 5, [int(2.5 * i) for i in range(36)]), (30., .1, [0])])
def test_frames_are_sampled_by_time(tmp_path, fps, rate, expected):
    assert V.sample_frames(write_video(tmp_path / 'a.avi', fps=fps, codec='MJPG'), rate) == expected


def test_names_of_frames():
    assert V.frame_name('b/a.mp4', 120) == 'b/a.mp4#000120'
    assert V.split_frame_name('b/a.MP4#000120') == ('b/a.MP4', 120)
    assert V.split_frame_name('a#1.mp4#2') == ('a#1.mp4', 2)
    for name in ('a.mp4', 'a#1.jpg', 'a.jpg#1', 'a.mp4#', 'a.mp4#x', '#1'):
        assert V.split_frame_name(name) is None


def test_a_process_keeps_few_readers(tmp_path, monkeypatch):
    monkeypatch.setattr(V, '_READERS', {})
    monkeypatch.setattr(V, '_MAX_OPEN', 2)
    paths = [write_video(tmp_path / f'{i}.mp4', frames=9) for i in range(3)]
    for path, kept in zip([*paths, paths[1], paths[0]], ['0', '01', '12', '21', '10']):
        V.read_frame(path, 4)
        assert list(V._READERS[os.getpid()]) == [paths[int(i)] for i in kept]


def note_process(results):
    """A pipeline's last step: which process read the frame, and with a reader of its own."""
    reader = V._READERS[os.getpid()][results['img_path'].split('#')[0]]
    return dict(name=results['img_path'].split('/')[-1], img=results['img'], pid=os.getpid(),
                inherited=reader in V._READERS[os.getppid()].values())


@pytest.mark.skipif('fork' not in multiprocessing.get_all_start_methods(), reason='no fork')
def test_forked_workers_open_readers_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setattr(V, '_READERS', {})
    expected = {}
    for name in ('a.mp4', 'b.mp4'):
        for i, image in enumerate(decode_all(write_video(tmp_path / name))[0]):
            expected[V.frame_name(name, i)] = image
    dataset = UnlabeledPoseDataset(
        data_prefix=dict(img=str(tmp_path)), frame_rate=10,
        pipeline=[dict(type='LoadUnlabeledImage'), note_process])
    for name in ('a.mp4', 'b.mp4'):  # the parent has both open, in the middle
        V.read_frame(str(tmp_path / name), 50)
    loader = DataLoader(dataset, batch_size=4, shuffle=True, num_workers=2, collate_fn=list,
                        multiprocessing_context='fork')
    samples = [sample for batch in loader for sample in batch]
    assert len(samples) == 60 == len({sample['name'] for sample in samples})
    assert len({sample['pid'] for sample in samples} - {os.getpid()}) == 2
    assert not any(sample['inherited'] for sample in samples)
    for sample in samples:
        np.testing.assert_array_equal(sample['img'], expected[sample['name']])
    assert number_of(V.read_frame(str(tmp_path / 'a.mp4'), 51)) == 51  # the parent's are unharmed


def test_images_of_a_folder_with_images_and_videos(tmp_path, monkeypatch):
    write_video(tmp_path / 'sub' / 'clip.mp4', frames=45)
    (tmp_path / 'broken.mov').write_bytes(b'nothing')
    cv2.imwrite(str(tmp_path / 'z.png'), np.zeros((9, 9, 3), np.uint8))
    (tmp_path / 'notes.txt').write_text('no image')
    names = list_images(str(tmp_path), 1)
    assert names == ['sub/clip.mp4#000000', 'sub/clip.mp4#000030', 'z.png']
    told = []
    monkeypatch.setattr(images, 'print_log', lambda text, *_: told.append(text))
    exists = image_finder(str(tmp_path))
    assert all(map(exists, [*names, 'sub/clip.mp4#000044', 'notes.txt']))
    assert not any(map(exists, [
        'sub/clip.mp4#000045', 'broken.mov#0', 'broken.mov#9', 'none.mp4#0', 'a.png']))
    assert [str(tmp_path / 'broken.mov') in text for text in told] == [True]
    clip = str(tmp_path / 'sub' / 'clip.mp4')
    assert list_images(clip, 1) == ['clip.mp4#000000', 'clip.mp4#000030']
    assert folder_of(clip) == str(tmp_path / 'sub') and folder_of(str(tmp_path)) == str(tmp_path)


def test_broken_videos_alone_are_an_error(tmp_path):
    (tmp_path / 'broken.mov').write_bytes(b'nothing')
    with pytest.raises(ValueError, match=r'looked for.*\.mp4.*; 1 videos.*broken, .*broken.mov'):
        list_images(str(tmp_path), 1)
