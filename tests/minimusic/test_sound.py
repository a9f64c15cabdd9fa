from dataclasses import replace

import numpy as np
import pytest

from contav_lib.minimusic.composition import INSTRUMENTS, Note, Score
from contav_lib.minimusic.generate import clip_score, clip_specimen
from contav_lib.minimusic.sound_font import GUARD, HEADER, SOUND_FONT, mended_sound_font
from contav_lib.minimusic.specimen import ROOM_SECONDS, draw_specimen
from contav_lib.minimusic.synth import RATE, play, render

pytestmark = pytest.mark.slow

HELD_A = Score("clarinet", 71, (Note(4.0, 4.0, 69, 90),), 12.0)


def generator(seed=0):
    return np.random.default_rng(seed)


def clarinet(seed=0):
    return draw_specimen("clarinet", generator(seed))


def clip(label, number):
    return render(clip_score(label, number), clip_specimen(label, number), generator(number))


def loudness(sound):
    return 20 * np.log10(np.sqrt(np.mean(sound**2)))


def spectrum(sound):
    """Mean and spread over time of the energy in 24 bands an octave third apart, in dB."""
    blocks = sound[: len(sound) // 2048 * 2048].reshape(-1, 2048) * np.hanning(2048)
    power = np.abs(np.fft.rfft(blocks)) ** 2
    edges = np.unique(np.geomspace(4, 1024, 25).astype(int))
    bands = 10 * np.log10(np.add.reduceat(power, edges[:-1], axis=1) + 1e-6)
    bands = bands[power.sum(1) > 1e-2 * power.sum(1).mean()]
    bands -= bands.mean(1, keepdims=True)
    return np.concatenate([bands.mean(0), bands.std(0)])


@pytest.fixture(scope="module")
def clips():
    """Four clips a class, each of another specimen."""
    return {label: [clip(label, number) for number in range(4)] for label in INSTRUMENTS}


def test_every_class_is_heard_and_nothing_clips(clips):
    for label, sounds in clips.items():
        for sound in sounds:
            assert sound.dtype == np.float32
            assert sound.shape == (12 * RATE,)
            assert np.abs(sound).max() < 0.98
            assert -32 < loudness(sound) < -11, label


def test_classes_sound_different_but_clips_of_a_class_too(clips):
    features = np.array([spectrum(sound) for sounds in clips.values() for sound in sounds])
    features = (features - features.mean(0)) / features.std(0)
    labels = np.repeat(np.arange(20), 4)
    distance = np.linalg.norm(features[:, None] - features[None], axis=-1)
    np.fill_diagonal(distance, np.inf)
    right = np.mean(labels[distance.argmin(1)] == labels)
    assert 0.2 < right < 0.95  # chance is 0.05; one clip is not to stand for its class


def test_low_instruments_sound_low(clips):
    def centre(label):
        power = np.mean([np.abs(np.fft.rfft(sound)) ** 2 for sound in clips[label]], axis=0)
        return np.sum(power * np.fft.rfftfreq(12 * RATE, 1 / RATE)) / power.sum()

    high = min(centre(label) for label in ("flute", "violin", "xylophone"))
    assert max(centre(label) for label in ("tuba", "electric_bass", "cello")) < high


def test_same_chances_same_sound_and_another_specimen_another():
    score, own, other = clip_score("cello", 0), clip_specimen("cello", 0), clip_specimen("cello", 1)
    first, again = (render(score, own, generator(1)) for _ in range(2))
    assert np.array_equal(first, again)
    assert np.abs(np.corrcoef(first, render(score, other, generator(1)))[0, 1]) < 0.9


def points(font):
    """The samples' wave, int16; a chunk begins with its name and its size."""
    return np.frombuffer(font, "<i2", offset=font.index(b"smpl") + 8)


def headers(font):
    table = font.index(b"shdr") + 8
    size = int.from_bytes(font[table - 4 : table], "little")
    return np.frombuffer(font, HEADER, size // HEADER.itemsize, table)[:-1]


def test_every_sample_of_the_sound_font_ends_where_its_wave_does():
    font = mended_sound_font()
    samples = headers(font)
    assert (samples["loop_end"] + GUARD <= samples["end"]).all()
    for end in samples["end"]:
        assert not points(font)[end : end + 46 - GUARD].any()  # the format wants 46 zeros behind every sample


def test_mending_adds_headers_only_and_all_sizes_are_right():
    old, new = SOUND_FONT.read_bytes(), mended_sound_font()
    grown = len(headers(new)) - len(headers(old))
    assert grown > 0 and len(new) - len(old) == grown * HEADER.itemsize
    assert int.from_bytes(new[4:8], "little") == len(new) - 8
    tail = new.index(b"pdta")
    assert int.from_bytes(new[tail - 4 : tail], "little") == len(new) - tail
    wave = slice(old.index(b"smpl"), old.index(b"pdta") - 8)
    assert new[wave] == old[wave]
    before = headers(old)
    assert np.array_equal(headers(new)["start"][: len(before)], before["start"])


@pytest.mark.parametrize("seed", range(5))
def test_music_keeps_its_pitch_and_its_time_whatever_the_specimen(seed):
    sound = render(HELD_A, clarinet(seed), generator(seed))
    power = np.abs(np.fft.rfft(sound)) ** 2
    hertz = np.fft.rfftfreq(len(sound), 1 / RATE)
    near = (hertz > 400) & (hertz < 480)
    assert hertz[near][power[near].argmax()] == pytest.approx(440, rel=0.03)
    energy = np.add.reduceat(sound**2, np.arange(0, len(sound), RATE // 20))
    begin, end = np.flatnonzero(energy > 0.1 * energy.max())[[0, -1]] / 20
    assert begin == pytest.approx(4.0, abs=0.15)
    assert end == pytest.approx(8.0, abs=0.3)


def test_rests_hold_the_noise_of_a_microphone():
    sound = render(HELD_A, clarinet(), generator())
    assert -62 < loudness(sound[: 3 * RATE]) - loudness(sound) < -43


def test_velocity_is_heard():
    notes = tuple(Note(2.0 + 3.0 * i, 2.0, 69, velocity) for i, velocity in enumerate((40, 80, 120)))
    sound = render(Score("clarinet", 71, notes, 12.0), clarinet(), generator())
    soft, medium, loud = (loudness(sound[int((2.5 + 3 * i) * RATE) :][:RATE]) for i in range(3))
    assert 9 < medium - soft < 15
    assert 5 < loud - medium < 9


def test_the_drum_kits_differ():
    score, specimen = clip_score("drum", 3), clip_specimen("drum", 3)
    standard, brush = (render(replace(score, program=kit), specimen, generator()) for kit in (0, 40))
    assert np.abs(np.corrcoef(standard, brush)[0, 1]) < 0.99


def test_a_specimen_has_one_equaliser_and_one_room_whatever_is_played():
    """Clips 1 and 13 of training share a specimen, clips 1 and 2 do not."""
    frequency = np.fft.rfftfreq(4096, 1 / RATE)[1:]
    one, again, other = clip_specimen("cello", 1), clip_specimen("cello", 13), clip_specimen("cello", 2)
    assert np.array_equal(one.equaliser(frequency), again.equaliser(frequency))
    assert np.array_equal(one.impulse_response(RATE), again.impulse_response(RATE))
    assert clip_score("cello", 1).notes != clip_score("cello", 13).notes
    decibels = 20 * np.log10(one.equaliser(frequency) / other.equaliser(frequency))
    assert decibels[(frequency > 200) & (frequency < 4000)].std() > 1
    assert abs(np.corrcoef(one.impulse_response(RATE)[1:], other.impulse_response(RATE)[1:])[0, 1]) < 0.1


@pytest.mark.parametrize("label", INSTRUMENTS)
def test_the_direct_sound_comes_first_and_the_room_is_weaker(label):
    for seed in range(5):
        specimen = draw_specimen(label, generator(seed))
        room = specimen.impulse_response(RATE)
        assert room.shape == (round(ROOM_SECONDS * RATE),) and room[0] == 1.0
        assert not room[1 : int(specimen.delay * RATE)].any()
        assert np.sum(room[1:] ** 2) == pytest.approx(10 ** (specimen.echo / 10), rel=1e-3)
        assert specimen.echo <= -4


def test_an_equaliser_differs_between_specimens_and_not_between_classes():
    """No class has an equaliser of its own: the same chances give the same, and classes' means are alike."""
    frequency = np.geomspace(150, 4000, 60)

    def curves(label):
        gains = [draw_specimen(label, generator([place, 7])).equaliser(frequency) for place in range(200)]
        return 20 * np.log10(np.array(gains))

    flute, tuba = curves("flute"), curves("tuba")
    assert flute.std(0).min() > 1.5  # dB
    assert np.abs(flute.mean(0) - tuba.mean(0)).max() < 1.5


def test_bare_notes_begin_when_they_are_written_whatever_the_shift():
    """The tape trick plays lower and slower, then faster: nothing may move in time."""
    score = Score("xylophone", 13, (Note(1.0, 0.5, 72, 90), Note(3.0, 0.5, 76, 90)), 4.0)
    for shift in (-3.0, 0.0, 3.0):
        sound = np.abs(play(score, shift, 0.1, RATE))
        assert sound.shape == (4 * RATE,)
        for start in (1.0, 3.0):
            before, after = (sound[int((start + offset) * RATE) :][: RATE // 20] for offset in (-0.06, 0.0))
            assert after.max() > 20 * before.max(), (shift, start)


def test_other_rates():
    score = clip_score("flute", 0)
    sound = render(replace(score, duration=12.5), clip_specimen("flute", 0), generator(), 44_100)
    assert sound.shape == (12.5 * 44_100,)


def test_a_silent_score_is_an_error():
    with pytest.raises(ValueError, match="makes no sound"):
        render(Score("flute", 73, (), 12.0), draw_specimen("flute", generator()), generator())


def test_an_unknown_class_has_no_specimen():
    with pytest.raises(KeyError, match="viola"):
        draw_specimen("viola", generator())
