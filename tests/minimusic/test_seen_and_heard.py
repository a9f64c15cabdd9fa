"""Is what is seen what is heard? Sound, pictures and score of a clip are compared with each other, for every class.

Onsets: the sound's spectral flux, the pictures' motion and the score's notes rise at the same time. Pitch: the hand (or the
instrument) moves where the measured pitch goes. And what a video file holds has the score's pitch and level.
"""

from dataclasses import replace

import librosa
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d
from scipy.stats import zscore

from contav_lib.media import read_audio, read_frames, write_video
from contav_lib.minimusic.composition import INSTRUMENTS, Note, Score
from contav_lib.minimusic.drawing import PLAYERS, draw
from contav_lib.minimusic.drawing.body import Player
from contav_lib.minimusic.generate import FRAME_RATE, clip_score, make_clip
from contav_lib.minimusic.specimen import draw_specimen
from contav_lib.minimusic.synth import RATE, render

pytestmark = pytest.mark.slow

CLIPS = (0, 2000)  # one for training, one for testing: other specimens, other music
HOP = 64  # samples between two values of the spectral flux: 3 ms
FINE = 40.0  # pictures a second that show the lag of a drawing to within 25 ms
LATE = 0.06  # seconds by which nobody notices that a sound is late

# Where the hand, or the end of the instrument, moves as the pitch rises, in pictures that are not mirrored: right, down.
RISES = {
    "accordion": (0, 1),  # the hand on an upright keyboard
    "piano": (1, 0),
    "xylophone": (-1, 0),  # seen from the front
    "violin": (-1, 0),  # the left hand comes nearer to the body
    "cello": (0, 1),
    "erhu": (0, 1),
    "acoustic_guitar": (-1, 0),
    "banjo": (-1, 0),
    "electric_bass": (-1, 0),
    "ukulele": (-1, 0),
    "pipa": (0, 1),
    "guzheng": (0, 1),  # high strings lie near
    "bassoon": (-1, 0),  # a wind instrument is lifted by high notes
    "clarinet": (1, 0),
    "flute": (0, -1),
    "saxophone": (1, 0),
    "trumpet": (0, -1),
}
# A tuba shows its pitch by the valves, a bagpipe by the fingers, a drum kit by which drum is struck: no place follows it.
NO_PLACE = {"tuba", "bagpipe", "drum"}


@pytest.fixture(scope="module", params=INSTRUMENTS)
def clips(request, tmp_path_factory):
    """Score, sound at `RATE` and pictures at `FRAME_RATE` of clips of one class, as read from their video files."""
    label, root = request.param, tmp_path_factory.mktemp("seen_and_heard")
    read = []
    for index in CLIPS:
        make_clip(root, label, index)
        path = root / label / f"{label}_{index:04d}.mp4"
        read.append((clip_score(label, index), read_audio(path, RATE).numpy(), read_frames(path, FRAME_RATE).numpy()))
    return read


def begun(score: Score, rate: float) -> np.ndarray:
    """Velocities of the notes that began since the last of so many moments a second."""
    found = np.zeros(round(score.duration * rate))
    for note in score.notes:
        moment = int(np.ceil(note.start * rate))
        if moment < len(found):
            found[moment] += note.velocity / 127
    return found


def motion(pictures: np.ndarray) -> np.ndarray:
    """How much each picture differs from the one before (0 for the first)."""
    return np.append(0.0, np.abs(np.diff(pictures.astype(np.int16), axis=0)).mean((1, 2, 3)))


def flux(sound: np.ndarray) -> np.ndarray:
    """The sound's onset strength, `RATE / HOP` values a second; it takes no vibrato for onsets (SuperFlux, DAFx 2013)."""
    return librosa.onset.onset_strength(y=sound, sr=RATE, hop_length=HOP, n_fft=1024, n_mels=138, lag=4, max_size=3)


def lag(late: np.ndarray, early: np.ndarray, rate: float, reach: float = 0.5) -> float:
    """Seconds by which one curve comes after another, where they correlate best; sought up to `reach` seconds."""
    length, steps = min(len(late), len(early)), round(reach * rate)
    late, early = late[:length] - late[:length].mean(), early[:length] - early[:length].mean()
    lags = np.arange(-steps, steps + 1)
    return float(lags[np.correlate(np.pad(late, steps), early, "valid").argmax()] / rate)


def test_a_lag_is_found():
    early = np.random.default_rng(0).random(400)
    assert lag(np.roll(early, 3), early, 40.0) == 3 / 40
    assert lag(np.roll(early, -5), early, 40.0) == -5 / 40


def test_sound_begins_with_the_notes(clips):
    for score, sound, _ in clips:
        rate = RATE / HOP
        assert abs(lag(flux(sound), gaussian_filter1d(begun(score, rate), 3.0), rate)) < LATE


def heard_since(sound: np.ndarray, pictures: int) -> np.ndarray:
    """The spectral flux between each picture of a clip and the one before."""
    strengths = flux(sound)
    ends = np.arange(pictures) * RATE / FRAME_RATE / HOP
    return np.diff(np.interp(ends, np.arange(len(strengths)), np.cumsum(strengths)), prepend=0.0)


def test_pictures_move_with_the_notes_and_with_the_sound(clips):
    # Eight pictures a second are few, and music repeats itself: one lag is sought for the clips together.
    moved = np.concatenate([zscore(motion(pictures)) for _, _, pictures in clips])
    written = np.concatenate([zscore(begun(score, FRAME_RATE)) for score, _, _ in clips])
    heard = np.concatenate([zscore(heard_since(sound, len(pictures))) for _, sound, pictures in clips])
    assert abs(lag(moved, written, FRAME_RATE)) <= 1 / FRAME_RATE
    assert abs(lag(moved, heard, FRAME_RATE)) <= 1 / FRAME_RATE


def test_a_finer_drawing_moves_with_the_notes_and_with_the_sound(clips):
    score, sound, _ = clips[0]
    moved = gaussian_filter1d(motion(draw(score, np.random.default_rng(0), FINE)), 1.0)
    heard = gaussian_filter1d(flux(sound), RATE / HOP / FINE)
    heard = np.interp(np.arange(len(moved)) / FINE, np.arange(len(heard)) * HOP / RATE, heard)
    assert abs(lag(moved, gaussian_filter1d(begun(score, FINE), 1.0), FINE)) < LATE
    assert abs(lag(moved, heard, FINE)) < LATE


def melody(label: str) -> Score:
    """Eight notes over the whole range of the class's first preset, now up, now down; each dies away before the next."""
    program, low, high = INSTRUMENTS[label].presets[0]
    steps = np.array([3, 6, 1, 4, 0, 7, 2, 5]) / 7
    notes = [Note(0.2 + 1.5 * i, 0.7, round(low + step * (high - low)), 100) for i, step in enumerate(steps)]
    return Score(label, program, tuple(notes), 12.0)


def heard_pitches(sound: np.ndarray, score: Score) -> np.ndarray:
    """MIDI pitch measured in the middle of each note."""
    lowest, highest = (librosa.midi_to_hz(edge(note.pitch for note in score.notes)) for edge in (min, max))
    window = 2 ** int(np.ceil(np.log2(3.5 * RATE / lowest)))
    middles = [sound[int((note.start + 0.1) * RATE) :][: int(0.5 * RATE)] for note in score.notes]
    hertz = [librosa.yin(part, fmin=lowest / 1.5, fmax=1.5 * highest, sr=RATE, frame_length=window) for part in middles]
    return librosa.hz_to_midi(np.median(hertz, axis=1))


def seen_places(score: Score, seed: int) -> np.ndarray:
    """Where the pictures show the pitch of each note: pixels to the right and down, `[notes, 2]`.

    Each note is drawn alone, by the same chances: musician, room, camera and stroke are the same, so the pictures differ
    only where they show the pitch. The place is the middle of what is not in most of them.
    """
    pictures = []
    for note in score.notes:
        alone = Score(score.label, score.program, (replace(note, start=0.2),), 0.75)
        pictures.append(draw(alone, np.random.default_rng(seed))[-1])
    shown = np.abs(pictures - np.median(pictures, axis=0)).sum(-1)
    down, right = np.indices(shown.shape[1:])
    return np.stack([(shown * axis).sum((1, 2)) for axis in (right, down)], axis=1) / shown.sum((1, 2))[:, None]


def test_every_class_is_looked_at():
    assert RISES.keys() | NO_PLACE == INSTRUMENTS.keys()


@pytest.mark.parametrize("label", RISES)
def test_the_hand_goes_where_the_pitch_goes(label, monkeypatch):
    monkeypatch.setattr(PLAYERS[label], "mirrors", False)
    # Hands without arms: an elbow often goes the other way.
    monkeypatch.setattr(Player, "arm", lambda self, canvas, shoulder, hand, length=27: self.hand(canvas, *hand))
    score = melody(label)
    sound = render(score, draw_specimen(label, np.random.default_rng(0)), np.random.default_rng(0))
    pitches = heard_pitches(sound, score)
    for seed in range(3):
        places = seen_places(score, seed) @ RISES[label]
        assert np.corrcoef(pitches, places)[0, 1] > 0.8, (pitches, places)


def held(label: str) -> Score:
    """An A, held softly and then loudly, in whichever octave the instrument plays it."""
    program, low, high = INSTRUMENTS[label].presets[0]
    pitch = min((a for a in range(9, 128, 12) if low <= a <= high), key=lambda a: abs(a - 69))
    return Score(label, program, (Note(0.5, 1.2, pitch, 50), Note(3.5, 1.2, pitch, 98)), 6.0)


@pytest.mark.parametrize("label", [label for label in INSTRUMENTS if label != "drum"])
def test_a_video_file_holds_the_pitch_and_the_level_of_its_score(label, tmp_path):
    score, specimen = held(label), draw_specimen(label, np.random.default_rng(1))
    sound = render(score, specimen, np.random.default_rng(1))
    pictures = draw(score, np.random.default_rng(1))
    write_video(tmp_path / "held.mp4", sound, RATE, pictures, FRAME_RATE)
    heard = read_audio(tmp_path / "held.mp4", RATE).numpy()

    assert heard_pitches(heard, score) == pytest.approx([score.notes[0].pitch + specimen.detune] * 2, abs=0.3)
    assert 20 * np.log10(heard.std() / sound.std()) == pytest.approx(0.0, abs=0.3)
    soft, loud = (heard[int((note.start + 0.1) * RATE) :][: int(0.8 * RATE)].std() for note in score.notes)
    assert 20 * np.log10(loud / soft) == pytest.approx(40 * np.log10(98 / 50), abs=2.0)
