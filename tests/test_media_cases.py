"""Media as cameras, cutters and downloads leave them: what is read is what a player would show.

All films are alike: a faint 220 Hz tone with clicks, and grey pictures, white while it clicks, with a red mark in the
upper left corner.
"""

import struct
import warnings
from fractions import Fraction

import numpy as np
import pytest

from contav_lib.media import MediaError, read_audio, read_frames

RATE = 11025
PICTURES = 50  # a second, as they are read
MOMENTS = (1.0, 3.0)  # of the clicks
HOUR, YEARS = 3600.0, 1.6e9


def sound_of(seconds: float, rate: int = 44100, moments=MOMENTS) -> np.ndarray:
    time = np.arange(round(seconds * rate)) / rate
    wave = 0.05 * np.sin(2 * np.pi * 220 * time)
    for moment in moments:
        wave += 0.8 * np.sin(2 * np.pi * 2000 * time) * ((time >= moment) & (time < moment + 0.01))
    return wave.astype(np.float32)


def pictures_of(seconds: float, rate: float = 25, moments=MOMENTS) -> np.ndarray:
    times = np.arange(round(seconds * rate)) / rate
    white = [any(moment - 1e-6 <= time < moment + 0.08 for moment in moments) for time in times]
    pictures = np.where(white, 235, 60).astype(np.uint8)[:, None, None, None].repeat(48, 1).repeat(64, 2).repeat(3, 3)
    pictures[:, :12, :16] = (200, 30, 30)
    return pictures


def same(time: float) -> float:
    return time


def film(
    path,
    seconds=4.0,
    moments=MOMENTS,
    *,
    sounds=None,  # tracks `[channels, samples]`; one of `sound_of` by default; () for none
    layout="mono",
    rate=44100,
    codecs=("libx264", "aac"),
    sample_format="fltp",
    bit_rate=None,
    pictures=True,
    picture_rate=25,
    picture_time=same,  # from the time at which a packet would come to the one that it gets; None leaves it out
    sound_time=same,
    hold=0.0,  # seconds that the last picture is shown
    aspect=None,
    options=None,
    container=None,
):
    """A film, its packets moved or left out."""
    import av

    with av.open(str(path), "w", format=container) as file:
        packets = []
        if pictures:
            video = file.add_stream(codecs[0], rate=picture_rate)
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
            video.options = options or {}
            if codecs[0] == "libx264":
                video.options = {"bf": "0", "sc_threshold": "0", **(options or {})}
            if aspect:
                video.codec_context.sample_aspect_ratio = Fraction(*aspect)
        tracks = [sound_of(seconds, rate, moments)[None]] if sounds is None else sounds
        streams = [file.add_stream(codecs[1], rate=rate, layout=layout) for _ in tracks]
        for stream in streams if bit_rate else ():
            stream.bit_rate = bit_rate
        if pictures:
            coded = []
            for picture in pictures_of(seconds, picture_rate, moments):
                coded += video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24"))
            coded += video.encode(None)
            if hold:
                coded[-1].duration = int(hold / coded[-1].time_base)
            packets += [(packet, picture_time) for packet in coded]
        for stream, track in zip(streams, tracks, strict=True):
            data = np.atleast_2d(track).astype(np.float32)
            if sample_format == "s16":
                data = (data.T.reshape(1, -1) * 32767).astype(np.int16)
            elif sample_format == "flt":
                data = data.T.reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(data), format=sample_format, layout=layout)
            frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
            packets += [(packet, sound_time) for packet in stream.encode(frame) + stream.encode(None)]
        kept = []
        for packet, move in packets:
            before = float((packet.dts if packet.pts is None else packet.pts) * packet.time_base)
            after = move(before)
            if after is not None:
                ticks = round((after - before) / packet.time_base)
                packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
                kept.append((before, packet))
        for _, packet in sorted(kept, key=lambda pair: pair[0]):
            file.mux(packet)
    return path


def after(limit: float, jump: float):
    return lambda time: time + jump * (time >= limit)


def without(start: float, end: float):
    return lambda time: None if start <= time < end else time


def earlier(seconds: float, start: float):
    return lambda time: time - seconds if time >= start else None


def onsets(loudness: np.ndarray, rate: float) -> list[float]:
    """Times at which something is more than half as loud (or bright) as the most, at least 0.2 s apart."""
    found = np.flatnonzero(loudness > (loudness.max() + loudness.min()) / 2)
    return (found[np.diff(found, prepend=-rate) > 0.2 * rate] / rate).tolist()


def clicks(path) -> list[float]:
    return onsets(read_audio(path, RATE).abs().numpy(), RATE)


def flashes(path) -> list[float]:
    return onsets(read_frames(path, PICTURES).float()[:, 20:28, 28:36].mean((1, 2, 3)).numpy(), PICTURES)


def pitch(waveform) -> float:
    spectrum = np.abs(np.fft.rfft(waveform.numpy() * np.hanning(len(waveform)), 2**18))
    return float(spectrum.argmax() * RATE / 2**18)


# What was filmed, the clicks and flashes of a player, and the length in seconds.
CLOCK = {
    "nothing moved": ("a.mp4", {}, [1, 3], [1, 3], 4.0),
    "sound late": ("a.mkv", dict(sound_time=after(0, 0.6)), [1.6, 3.6], [1, 3], 4.6),
    "sound late, mp4": ("a.mp4", dict(sound_time=after(0, 0.6)), [1.6, 3.6], [1, 3], 4.6),
    "pictures late": ("a.mkv", dict(picture_time=after(0, 0.6)), [1, 3], [1.6, 3.6], 4.6),
    "cut at a key frame": ("a.mp4", dict(picture_time=without(0, 2), options={"g": "50"}), [1, 3], [3], 4.0),
    "cut without a key frame": ("a.mkv", dict(picture_time=without(0, 0.5), options={"g": "50"}), [1, 3], [3], 4.0),
    "no key frame, MPEG-TS": ("a.ts", dict(picture_time=without(0, 0.5), options={"g": "50"}), [1, 3], [3], 4.0),
    "cut with an edit list": (
        "a.mp4",
        dict(picture_time=earlier(1.5, 0), sound_time=earlier(1.5, 1.5)),
        [1.5],
        [1.5],
        2.5,
    ),
    "cut, pictures first": (
        "a.mkv",
        dict(picture_time=earlier(1.5, 0), sound_time=earlier(1.5, 1.5)),
        [3],
        [1, 3],
        4.0,
    ),
    "hole in the sound": ("a.mkv", dict(sound_time=without(1.5, 2.5)), [1, 3], [1, 3], 4.0),
    "hole in the sound, mp4": ("a.mp4", dict(sound_time=without(1.5, 2.5)), [1, 3], [1, 3], 4.0),
    "long hole in the sound": (
        "a.mkv",
        dict(seconds=20, moments=(1, 18), sound_time=without(2, 16)),
        [1, 18],
        [1, 18],
        20,
    ),
    "hole in the pictures": (
        "a.mkv",
        dict(seconds=20, moments=(1, 18), picture_time=without(2, 16), options={"g": "25"}),
        [1, 18],
        [1, 18],
        20,
    ),
    "pictures jump": ("a.mkv", dict(picture_time=after(2, HOUR)), [1, 3], [1, 3], 4.0),
    "both jump": ("a.mkv", dict(picture_time=after(2, HOUR), sound_time=after(2, HOUR)), [1, 3], [1, 3], 4.0),
    "both jump, MPEG-TS": ("a.ts", dict(picture_time=after(2, HOUR), sound_time=after(2, HOUR)), [1, 3], [1, 3], 4.0),
    "wall clock": ("a.mkv", dict(picture_time=after(0, YEARS), sound_time=after(0, YEARS)), [1, 3], [1, 3], 4.0),
    "wall clock of the pictures": ("a.mkv", dict(picture_time=after(0, YEARS)), [1, 3], [1, 3], 4.0),
    "wall clock of the sound": ("a.mkv", dict(sound_time=after(0, YEARS)), [1, 3], [1, 3], 4.0),
    "last picture held": ("a.mp4", dict(sounds=[sound_of(6)[None]], hold=2.0), [1, 3], [1, 3], 6.0),
    "screen recording": (
        "a.mp4",
        dict(seconds=20, moments=(1, 18), picture_time=without(1.5, 18), options={"g": "25"}),
        [1, 18],
        [1, 18],
        20,
    ),
}


@pytest.mark.parametrize("case", CLOCK)
def test_sound_and_pictures_go_by_one_clock(tmp_path, case):
    name, made, heard, seen, seconds = CLOCK[case]
    path = film(tmp_path / name, **made)
    assert clicks(path) == pytest.approx(heard, abs=0.05)
    assert flashes(path) == pytest.approx(seen, abs=0.05)
    longest = max(len(read_audio(path, RATE)) / RATE, len(read_frames(path, PICTURES)) / PICTURES)
    assert longest == pytest.approx(seconds, abs=0.1)


def test_time_stamps_that_begin_anew(tmp_path):
    one = film(tmp_path / "one.ts").read_bytes()
    (tmp_path / "two.ts").write_bytes(one + one)
    for found in clicks(tmp_path / "two.ts"), flashes(tmp_path / "two.ts"):
        assert found == pytest.approx([1, 3, 5, 7], abs=0.1)


# The display matrix, as the container stores it: a, b, c, d of x' = a x + c y, y' = b x + d y.
TURNS = {
    "upright": ((1, 0, 0, 1), (48, 64), (0, 0)),
    "90 degrees": ((0, 1, -1, 0), (64, 48), (0, -1)),
    "180 degrees": ((-1, 0, 0, -1), (48, 64), (-1, -1)),
    "270 degrees": ((0, -1, 1, 0), (64, 48), (-1, 0)),
    "mirrored": ((-1, 0, 0, 1), (48, 64), (0, -1)),
    "mirrored and turned": ((0, 1, 1, 0), (64, 48), (0, 0)),
}


@pytest.mark.parametrize("case", TURNS)
def test_pictures_are_upright(tmp_path, case):
    (a, b, c, d), size, corner = TURNS[case]
    path = film(tmp_path / "a.mp4", sounds=())
    content = bytearray(path.read_bytes())
    matrix = [value << 16 for value in (a, b, 0, c, d, 0, 0, 0, 1 << 14)]
    struct.pack_into(">9i", content, content.find(b"tkhd") + 44, *matrix)
    path.write_bytes(content)
    first = read_frames(path, PICTURES)[0].int()
    assert tuple(first.shape[:2]) == size
    redness = {(y, x): int(first[y, x, 0] - first[y, x, 1]) for y in (0, -1) for x in (0, -1)}
    assert max(redness, key=redness.__getitem__) == corner


def test_pixels_are_square(tmp_path):
    path = film(tmp_path / "a.mp4", sounds=(), aspect=(2, 1))
    assert read_frames(path, 1.0).shape[1:3] == (48, 128)
    assert read_frames(path, 1.0, longest_side=64).shape[1:3] == (24, 64)


left = sound_of(4)
still = np.zeros_like(left)
SOUNDS = {
    "44,099 Hz": ("a.mkv", dict(rate=44099, codecs=("libx264", "flac"), sample_format="s16"), 0.85),
    "one channel of two": ("a.mp4", dict(sounds=[np.stack([left, still])], layout="stereo"), 0.42),
    "opposite phase": ("a.mp4", dict(sounds=[np.stack([left, -left])], layout="stereo"), 0.85),
    "nearly opposite phase": ("a.mp4", dict(sounds=[np.stack([left, -0.9 * left])], layout="stereo"), 0.85),
    "silent first track": ("a.mkv", dict(sounds=[still[None], left[None]]), 0.85),
    "5.1, all in the centre": (
        "a.mp4",
        dict(sounds=[np.stack([still, still, left, still, still, still])], layout="5.1"),
        0.85,
    ),
    "5.1, the same everywhere": ("a.mp4", dict(sounds=[np.stack([left] * 6)], layout="5.1"), 1.0),
    "integers as floats": (
        "a.wav",
        dict(sounds=[32768 * left], codecs=("", "pcm_f32le"), sample_format="flt", pictures=False),
        1.0,
    ),
}


@pytest.mark.parametrize("case", SOUNDS)
def test_sound_is_as_high_and_as_loud_as_it_was(tmp_path, case):
    name, made, peak = SOUNDS[case]
    path = film(tmp_path / name, **made)
    waveform = read_audio(path, RATE)
    assert len(waveform) == pytest.approx(4 * RATE, abs=0.05 * RATE)
    assert clicks(path) == pytest.approx(MOMENTS, abs=0.01)
    assert pitch(waveform[: RATE // 2]) == pytest.approx(220, abs=1)
    assert waveform.abs().max() == pytest.approx(peak, rel=0.12) and waveform.abs().max() <= 1


@pytest.mark.parametrize("suffix", ["ts", "aac"])
def test_another_sampling_rate_in_the_middle(tmp_path, suffix):
    parts = [film(tmp_path / f"{rate}.{suffix}", rate=rate, pictures=suffix == "ts") for rate in (44100, 22050, 48000)]
    path = tmp_path / f"all.{suffix}"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    waveform = read_audio(path, RATE)
    assert len(waveform) == pytest.approx(12 * RATE, abs=0.3 * RATE)
    for second in 0.3, 4.3, 8.3:
        assert pitch(waveform[int(second * RATE) :][: RATE // 2]) == pytest.approx(220, abs=1)


def test_a_long_sound_is_resampled_piece_by_piece(tmp_path):
    moments = [1.0, *np.arange(59.5, 64.0, 0.5), 120.9, 130.0]
    path = film(
        tmp_path / "a.wav", 131, moments, rate=48000, codecs=("", "pcm_s16le"), sample_format="s16", pictures=False
    )
    waveform = read_audio(path, RATE)
    assert len(waveform) == 131 * RATE
    assert onsets(waveform.abs().numpy(), RATE) == pytest.approx(moments, abs=0.002)
    assert waveform[2 * RATE : 59 * RATE].diff().abs().max() < 0.01  # no click where pieces join
    assert waveform[66 * RATE : 119 * RATE].diff().abs().max() < 0.01


def test_samples_that_are_no_numbers(tmp_path):
    wave = left.copy()
    wave[5000] = np.nan
    film(tmp_path / "a.wav", sounds=[wave], codecs=("", "pcm_f32le"), sample_format="flt", pictures=False)
    with pytest.raises(MediaError, match=r"a\.wav: holds samples that are infinite or not a number"):
        read_audio(tmp_path / "a.wav")


CONTAINERS = {
    "a.ts": {},
    "camcorder.MTS": dict(container="mpegts"),
    "named.mp4": dict(container="mpegts"),
    "a.mkv": {},
    "a.mov": {},
    "a.flv": {},
    "a.avi": dict(codecs=("mpeg4", "mp3")),
    "a.webm": dict(codecs=("libvpx", "libopus"), rate=48000, sample_format="flt"),
    "a.wmv": dict(codecs=("wmv2", "wmav2"), bit_rate=64000),
    "a.mpg": dict(codecs=("mpeg1video", "mp2"), sample_format="s16"),
    "a.vob": dict(codecs=("mpeg2video", "ac3"), container="vob"),
    "a.aiff": dict(codecs=("", "pcm_s16be"), sample_format="s16", pictures=False),
    "a.caf": dict(codecs=("", "pcm_s16be"), sample_format="s16", pictures=False),
    "a.aac": dict(pictures=False),
    "a.mp3": dict(codecs=("", "mp3"), pictures=False),
    "a.ogg": dict(codecs=("", "libopus"), rate=48000, sample_format="flt", pictures=False),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_containers(tmp_path, name):
    made = CONTAINERS[name]
    path = film(tmp_path / name, **made)
    heard = clicks(path)
    assert heard == pytest.approx(MOMENTS, abs=0.06)
    if made.get("pictures", True):
        assert np.subtract(flashes(path), heard) == pytest.approx([0, 0], abs=0.05)


HALVES = {
    "a.mkv": {},
    "a.webm": dict(codecs=("libvpx", "libopus"), rate=48000, sample_format="flt"),
    "a.avi": dict(codecs=("mpeg4", "mp3")),
    "a.mp4": {},
    "a.flv": {},
    "a.wav": dict(codecs=("", "pcm_s16le"), sample_format="s16", pictures=False),
    "a.ogg": dict(codecs=("", "libopus"), rate=48000, sample_format="flt", pictures=False),
}


@pytest.mark.parametrize("name", HALVES)
def test_half_a_download(tmp_path, name):
    path = film(tmp_path / name, **HALVES[name])
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    lengths = (lambda: len(read_audio(path, RATE)) / RATE, lambda: len(read_frames(path, 8.0)) / 8)
    for seconds in lengths[: 1 + HALVES[name].get("pictures", True)]:
        if name == "a.mp4":  # its index stood at the end
            with pytest.raises(MediaError, match="truncated"):
                seconds()
        else:
            with pytest.warns(UserWarning, match=rf"{name}: is truncated: .*; what is there is used"):
                assert seconds() == pytest.approx(2, abs=0.4)


@pytest.mark.parametrize("damage", [600, 40000])
def test_damage(tmp_path, damage):
    """A few damaged packets are told and left out; many are an error."""
    path = film(tmp_path / "a.mp4", 6, options={"g": "25"})
    content = bytearray(path.read_bytes())
    start = (len(content) - damage) // 2
    content[start : start + damage] = np.random.default_rng(0).bytes(damage)
    path.write_bytes(content)
    if damage > 1000:
        with pytest.raises(MediaError, match=r"a\.mp4: .*damaged"):
            read_audio(path)
        return
    with pytest.warns(
        UserWarning, match=r"a\.mp4: \d of 2\d\d packets of its audio stream are damaged; the rest is used"
    ):
        assert clicks(path) == pytest.approx(MOMENTS, abs=0.01)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert flashes(path) == pytest.approx(MOMENTS, abs=0.03)


def test_an_unknown_codec_is_told(tmp_path):
    path = film(tmp_path / "a.mkv")
    path.write_bytes(path.read_bytes().replace(b"A_AAC", b"A_ODD").replace(b"V_MPEG4/ISO/AVC", b"V_MPEG4/ISO/ODD"))
    for read in read_audio, lambda path: read_frames(path, 8.0):
        with pytest.raises(MediaError, match=r"a\.mkv: .*codec"):
            read(path)


def test_an_unknown_container_is_told_what_to_do(tmp_path):
    (tmp_path / "odd.mp4").write_bytes(b"\x93ODD" + np.random.default_rng(0).bytes(5000))
    with pytest.raises(MediaError, match=r'odd\.mp4: is not a media file.*ffmpeg -i "odd\.mp4" -c copy'):
        read_audio(tmp_path / "odd.mp4")
