# SPDX-License-Identifier: Apache-2.0
"""Video files as cameras, editors and downloads leave them, compared with ffmpeg."""

import logging
import re
import shutil
import subprocess
import sys

import av
import cv2
import numpy as np
import pytest

from tmx_plugin.errors import DataError
from tmx_plugin.features import video as video_module
from tmx_plugin.features.video import VideoFrames

needs_ffmpeg = pytest.mark.skipif(not shutil.which('ffmpeg'), reason='ffmpeg is not installed')


#: 20 s at 25 frames a second, 64 x 48, whose grey level is the frame's number.
COUNTER = (
    '-f',
    'lavfi',
    '-i',
    "color=c=black:s=64x64:r=25:d=20,format=gray,geq=lum='mod(N*3,256)'",
)


H264 = ('-c:v', 'libx264', '-qp', '0', '-pix_fmt', 'yuv420p', '-g', '50')


def ffmpeg(*arguments):
    subprocess.run(['ffmpeg', '-v', 'error', '-y', *map(str, arguments)], check=True)
    return arguments[-1]


@pytest.fixture(scope='module')
def counter(tmp_path_factory):
    return ffmpeg(*COUNTER, *H264, tmp_path_factory.mktemp('video') / 'counter.mp4')


@pytest.fixture
def warnings(monkeypatch):
    """What is logged as a warning, by :mod:`video_index` and the reader."""
    said = []
    for module in (video_module, sys.modules['tmx_plugin.utils.video_index']):
        monkeypatch.setattr(
            module,
            'print_log',
            lambda text, logger, level: said.append(text) if level == logging.WARNING else None,
        )
    return said


def ffmpeg_frames(path, *options):
    """(n, H, W, 3) as ffmpeg, and a player, shows them."""
    raw = subprocess.run(
        [
            'ffmpeg',
            '-v',
            'error',
            '-i',
            path,
            '-map',
            '0:v:0',
            '-vsync',
            '0',
            '-f',
            'rawvideo',
            '-pix_fmt',
            'rgb24',
            *options,
            '-',
        ],
        check=True,
        capture_output=True,
    ).stdout
    height, width = VideoFrames(path).chunks(1).__next__().shape[1:3]
    return np.frombuffer(raw, dtype=np.uint8).reshape(-1, height, width, 3)


def read_all(frames):
    return np.concatenate(list(frames.chunks()))


@needs_ffmpeg
def test_same_pixels_as_ffmpeg(shared_data):
    for name in ('demo.mp4', 'pancake.mkv', 'test.mp4'):
        path = shared_data / 'videos' / name
        assert (read_all(VideoFrames(path)) == ffmpeg_frames(path)).all()


@needs_ffmpeg
@pytest.mark.parametrize(
    'name, options',
    [
        ('a.mp4', H264),
        ('a.mov', H264),
        ('a.mkv', H264),
        ('a.ts', H264),
        ('a.flv', H264),
        ('a.avi', ('-c:v', 'mpeg4', '-bf', '2')),
        ('a.mpg', ('-c:v', 'mpeg2video', '-bf', '2')),
        ('a.webm', ('-c:v', 'libvpx-vp9', '-cpu-used', '8', '-deadline', 'realtime')),
        ('a b \u00fc.avi', ('-c:v', 'mjpeg', '-q:v', '2')),
        ('a.wmv', ('-c:v', 'wmv2')),
        ('av1.mkv', ('-c:v', 'libsvtav1', '-preset', '12')),
        ('a.3gp', ('-c:v', 'libx265', '-preset', 'ultrafast', '-tag:v', 'hvc1', '-f', 'mp4')),
    ],
)
def test_constant_rate_in_any_container(tmp_path, warnings, name, options):
    path = ffmpeg(*COUNTER, '-t', 2, *options, tmp_path / name)
    frames = VideoFrames(path)
    assert (len(frames), frames.fps, frames.duration) == (50, 25, 2)
    assert np.array_equal(read_all(frames), ffmpeg_frames(path)) and not warnings


@needs_ffmpeg
def test_two_video_streams_are_read_as_the_default_one(tmp_path, warnings):
    path = ffmpeg(
        '-f',
        'lavfi',
        '-i',
        'testsrc=s=320x240:r=25:d=4',
        '-f',
        'lavfi',
        '-i',
        'testsrc=s=64x48:r=10:d=4',
        '-map',
        1,
        '-map',
        0,
        *H264,
        tmp_path / 'two.mp4',
    )
    frames = VideoFrames(path)
    picture = read_all(frames)
    assert len(frames) == len(picture) and frames.duration == 4
    # rate and pictures are of one stream, whichever players choose
    assert (len(frames), frames.fps, picture.shape[1:3]) in [
        (100, 25, (240, 320)),
        (40, 10, (48, 64)),
    ]
    assert len(warnings) == 1 and re.search(r'2 video streams; reading stream \d', warnings[0])


@needs_ffmpeg
def test_cut_without_encoding_anew(counter, tmp_path, warnings):
    path = ffmpeg('-ss', 7.3, '-t', 10, '-i', counter, '-c', 'copy', tmp_path / 'cut.mp4')
    frames = VideoFrames(path)
    expected = ffmpeg_frames(path)
    assert len(frames) == len(expected) and frames.duration == pytest.approx(10, abs=0.1)
    assert np.array_equal(read_all(frames), expected)
    assert np.array_equal(expected, ffmpeg_frames(counter)[183 : 183 + len(expected)])


@pytest.fixture
def varying(tmp_path):
    """2 s at 25 frames a second, then 3.84 s at 5."""
    return ffmpeg(
        *COUNTER,
        '-vf',
        "select='if(lt(n,50),1,not(mod(n,5)))'",
        '-t',
        6,
        '-vsync',
        'vfr',
        *H264,
        tmp_path / 'varying.mp4',
    )


@needs_ffmpeg
def test_varying_rate_is_laid_on_a_regular_grid_of_time(counter, varying, warnings):
    frames = VideoFrames(varying)
    assert frames.source_frames == 70 and frames.duration == pytest.approx(5.84)
    assert len(frames) == pytest.approx(frames.duration * frames.fps, abs=1)
    assert len(warnings) == 1 and 'varies between 5 and 25' in warnings[0]
    source, found = ffmpeg_frames(counter), read_all(frames)
    for j, picture in enumerate(found):
        shown = int((j + 0.5) / frames.fps * 25)
        assert np.array_equal(picture, source[shown if shown < 50 else min(shown // 5 * 5, 145)])


@needs_ffmpeg
def test_varying_rate_resampled_covers_the_whole_duration(varying):
    frames = VideoFrames(varying, fps=25)
    assert len(frames) == pytest.approx(frames.duration * 25, abs=1) and len(frames) >= 146


@needs_ffmpeg
@pytest.mark.parametrize('filters', ['rotate=90', 'rotate=180', 'rotate=270'])
def test_upright(tmp_path, filters):
    plain = ffmpeg('-f', 'lavfi', '-i', 'testsrc=s=64x48:r=5:d=1', *H264, tmp_path / 'plain.mp4')
    path = ffmpeg('-i', plain, '-c', 'copy', '-metadata:s:v:0', filters, tmp_path / 'turned.mp4')
    assert np.array_equal(read_all(VideoFrames(path)), ffmpeg_frames(path))


@needs_ffmpeg
def test_header_that_promises_more_than_there_is(counter, tmp_path, warnings):
    whole = ffmpeg('-i', counter, '-c', 'copy', tmp_path / 'whole.mkv').read_bytes()
    path = tmp_path / 'half.mkv'
    path.write_bytes(whole[: len(whole) // 2])
    frames = VideoFrames(path)
    assert 0 < frames.duration < 15 and len(read_all(frames)) == len(frames)
    assert re.search(
        r'ends after [\d.]+ of the 20.00 s .*ffmpeg -i .*half.mkv -an -c copy', warnings[0]
    )


@needs_ffmpeg
def test_audio_only(tmp_path):
    path = ffmpeg('-f', 'lavfi', '-i', 'sine=d=1', tmp_path / 'sound.mp4')
    with pytest.raises(DataError, match='sound.mp4: expected a video stream, found audio only'):
        VideoFrames(path)


@needs_ffmpeg
def test_cover_art_is_no_video(tmp_path):
    cover = ffmpeg(
        '-f', 'lavfi', '-i', 'testsrc=s=200x200:d=1', '-frames:v', 1, tmp_path / 'cover.png'
    )
    path = ffmpeg(
        '-f',
        'lavfi',
        '-i',
        'testsrc=s=64x48:r=10:d=2',
        '-i',
        cover,
        '-map',
        1,
        '-map',
        0,
        '-c:v:0',
        'copy',
        '-disposition:v:0',
        'attached_pic',
        '-c:v:1',
        'libx264',
        tmp_path / 'covered.mp4',
    )
    assert read_all(VideoFrames(path)).shape == (20, 48, 64, 3)


@needs_ffmpeg
@pytest.mark.parametrize(
    'options',
    [('-frames:v', 1), ('-vf', 'scale=63:47', '-pix_fmt', 'yuv444p')],
    ids=['one frame', 'odd'],
)
def test_odd_but_right(tmp_path, options):
    path = ffmpeg(
        '-f',
        'lavfi',
        '-i',
        'testsrc=s=64x48:r=10:d=2',
        '-c:v',
        'libx264',
        *options,
        tmp_path / 'x.mp4',
    )
    assert np.array_equal(read_all(VideoFrames(path)), ffmpeg_frames(path))


@needs_ffmpeg
def test_interlaced_frames_stay_as_they_are(tmp_path):
    path = ffmpeg(
        '-f',
        'lavfi',
        '-i',
        'testsrc=s=64x48:r=10:d=2',
        '-c:v',
        'libx264',
        '-flags',
        '+ilme+ildct',
        '-pix_fmt',
        'yuv420p',
        tmp_path / 'x.mp4',
    )
    capture = cv2.VideoCapture(str(path))
    expected = [capture.read()[1][..., ::-1] for _ in range(20)]
    assert np.array_equal(read_all(VideoFrames(path)), expected)


@needs_ffmpeg
def test_damage_in_the_middle_shows_the_frame_before(tmp_path, warnings):
    path = ffmpeg(*COUNTER, '-t', 8, '-c:v', 'mjpeg', tmp_path / 'spots.avi')
    content = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        place = [packet.pos for packet in container.demux(video=0) if packet.size][100]
    content[place + 20 : place + 400] = bytes(380)
    path.write_bytes(content)
    frames = VideoFrames(path)
    assert len(frames) >= 199 and len(read_all(frames)) == len(frames)
    assert warnings and 'cannot be decoded; the one before is shown' in warnings[-1]


@needs_ffmpeg
def test_an_end_that_cannot_be_decoded_is_an_error(tmp_path):
    path = ffmpeg(*COUNTER, '-t', 8, '-c:v', 'libx264', '-g', 25, tmp_path / 'zeros.mkv')
    content = bytearray(path.read_bytes())
    index = video_module.read_video_index(path)
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        for packet in packets[100:]:
            found = content.find(bytes(packet))
            content[found + 4 : found + packet.size] = bytes(packet.size - 4)
    path.write_bytes(content)
    assert len(VideoFrames(path)) == len(index)
    with pytest.raises(DataError, match=r'zeros.mkv: .* of 200.*ffmpeg -i'):
        read_all(VideoFrames(path))
