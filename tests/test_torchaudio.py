"""torchaudio loads in a fresh interpreter, with a CPU-only torch too, and nobody's own import of it is disturbed."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


def _python(code: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_resampling_and_spectrograms_work():
    _python(
        "import torch\n"
        "from contav_lib.utils._torchaudio import torchaudio\n"
        "tone = torch.sin(torch.arange(44100) * 2 * torch.pi * 440 / 44100)\n"
        "resampled = torchaudio.functional.resample(tone, 44100, 11025)\n"
        "expected = torch.sin(torch.arange(11025) * 2 * torch.pi * 440 / 11025)\n"
        "assert torch.allclose(resampled[100:-100], expected[100:-100], atol=1e-2)\n"
        "transform = torchaudio.transforms.Spectrogram(n_fft=1022, hop_length=256, power=None)\n"
        "assert transform(resampled).shape == (512, 44)\n"
    )


def test_a_later_plain_import_gives_the_same_module():
    _python("from contav_lib.utils._torchaudio import torchaudio as ours\nimport torchaudio\nassert torchaudio is ours")


def test_a_torchaudio_imported_before_is_left_alone():
    _python(
        "import sys, types\n"
        "theirs = types.ModuleType('torchaudio')\n"
        "sys.modules['torchaudio'] = theirs\n"
        "from contav_lib.utils._torchaudio import torchaudio\n"
        "assert torchaudio is theirs and 'torchaudio._extension' not in sys.modules\n"
    )


def test_with_cuda_a_broken_installation_is_reported():
    _python(
        "import sys, torch\n"
        "torch.version.cuda = '13.0'\n"
        "class Broken:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'torchaudio': raise OSError('does not load')\n"
        "sys.meta_path.insert(0, Broken())\n"
        "try:\n"
        "    import contav_lib.utils._torchaudio\n"
        "except OSError as error:\n"
        "    assert 'does not load' in str(error)\n"
        "else:\n"
        "    raise SystemExit('the error was hidden')\n"
    )
