"""Load a TFLite model, checked against its model.toml, with the runtime that is installed."""

from __future__ import annotations

import hashlib
import importlib
import os
import time
import tomllib
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from edge.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from edge.data import Floats, Image

_T = TypeVar("_T")
_SIGN = np.uint8(0x80)
_HELD = "reference to internal data"
"""Part of the runtimes' message where somebody holds a view of a tensor. Source: interpreter.py, _ensure_safe."""
_PAUSES, _PAUSE_S = 5_000, 0.001
"""A profiler in another thread, such as that of a Dask worker, holds frames of this one, and with them the views that
are their locals, for as long as it takes to read them: milliseconds, more on a busy machine."""
_RUNTIMES = ("ai_edge_litert.interpreter", "tflite_runtime.interpreter")
"""In order of preference: on x86 tflite-runtime is 5 to 13 times slower for int8, on aarch64 1.1 to 1.7 times."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class TensorSpec(_Frozen):
    """Shape, dtype and quantisation of one tensor as model.toml states them; real = scale * (int - zero_point)."""

    name: str = ""
    shape: tuple[int, ...]
    dtype: str
    scale: float = 0.0
    zero_point: int = 0


class InputSpec(TensorSpec):
    """The input of the model; what a mask model sees of a face is a square, see `edge.crop.square_about`.

    crop_margin: what is added to the longer side of the face's box at both ends, as a share of it.
    crop_shift: how far the middle of the square lies below that of the box, likewise.
    """

    colour: str = Field(pattern="^(rgb|bgr)$")
    crop_margin: float = Field(default=0.0, ge=0, le=2)
    crop_shift: float = Field(default=0.0, ge=-1, le=1)


class DoubtSpec(_Frozen):
    """Which proposals a third model verifies once more: those whose score is now from `low` to below `high`.

    folder: of that model, from that of the first.  square: side of what it sees, in longer sides of the proposed box.
    per_frame: most of them in one frame of a camera.
    """

    folder: str = Field(min_length=1)
    low: float = Field(gt=0, le=1)
    high: float = Field(gt=0, le=1)
    square: float = Field(ge=1, le=10)
    per_frame: int = Field(ge=1)

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.low >= self.high:
            raise ValueError("low must be below high")
        return self


class VerifierSpec(_Frozen):
    """The second model of a detector, which verifies what the first one proposes (`edge/detect/cascade.py`).

    folder: of the second model, from that of the first.  proposal: least score of a proposal.
    square: side of what the second model sees, in longer sides of the proposed box.
    per_frame: most verifications in one frame of a camera.
    """

    folder: str = Field(min_length=1)
    proposal: float = Field(gt=0, le=1)
    square: float = Field(ge=1, le=10)
    per_frame: int = Field(ge=1)
    doubt: DoubtSpec | None = None

    @property
    def folders(self) -> tuple[str, ...]:
        """The folders of all models that verify, from that of the first."""
        return (self.folder, *([self.doubt.folder] if self.doubt else []))


class VariantSpec(_Frozen):
    """The same model as another file for one delegate, such as one compiled for an Edge TPU; same tensors.

    delegate: how the file name of its library begins, such as "libedgetpu".  file: next to model.toml.
    """

    delegate: str = Field(min_length=1)
    file: str = Field(pattern=r"^[\w-][\w.-]*\.tflite$")
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class ModelSpec(_Frozen):
    """The contents of a model.toml."""

    name: str
    version: str
    kind: str = Field(pattern="^(face|mask)$")
    decoder: str
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    input: InputSpec
    output: tuple[TensorSpec, ...]
    verifier: VerifierSpec | None = None
    variant: tuple[VariantSpec, ...] = ()
    labels: tuple[str, ...] = ()
    thresholds: dict[str, float] = {}
    temperature: float = 1.0
    training: dict[str, Any] = {}
    metrics: dict[str, Any] = {}

    @property
    def identity(self) -> dict[str, str]:
        """Name, version and hash: how messages and reports identify a model."""
        return {"name": self.name, "version": self.version, "sha256": self.sha256}

    def file_for(self, library: str) -> tuple[str, str]:
        """Return name and hash of the model's file for a delegate's library; empty: for none."""
        for variant in self.variant:
            if library.startswith(variant.delegate):
                return variant.file, variant.sha256
        return "model.tflite", self.sha256


class Inference(Protocol):
    """What runs a model, wherever it does."""

    @property
    def spec(self) -> ModelSpec:
        """The contents of its model.toml."""
        ...

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height of the input image."""
        ...

    def run(self, image: Image) -> list[Floats]:
        """Return the float32 outputs for one uint8 (H, W, 3) BGR image of the input's size."""
        ...

    def read(self, image: Image, decode: Callable[..., _T]) -> _T:
        """Return what `decode` makes of the outputs, of which it must keep no view."""
        ...


@dataclass(frozen=True, slots=True)
class LoadedDelegate:
    """The runtime's object of a delegate, which belongs to one model; name: the file name of its library."""

    name: str
    made: Any


class Model:
    """A loaded model: `run` takes an image and returns float32 outputs in the order of model.toml."""

    def __init__(self, folder: Path, *, threads: int = 1, delegate: LoadedDelegate | None = None) -> None:
        """Load FOLDER/model.tflite, or the variant for a delegate.

        Raises:
            ModelError: a file is missing, or hash, shape, dtype or quantisation differ from FOLDER/model.toml; or the
                delegate refuses the model.
        """
        self.spec = read_spec(folder)
        file, sha256 = self.spec.file_for(delegate.name if delegate else "")
        content = _read_checked(folder / file, sha256)
        self._interpreter = _interpreter(folder / file, content, threads, delegate)
        inputs = _matched(folder, self._interpreter.get_input_details(), (self.spec.input,))
        outputs = _matched(folder, self._interpreter.get_output_details(), self.spec.output)
        self._input = self._interpreter.tensor(inputs[0]["index"])
        self._outputs = [self._interpreter.tensor(detail["index"]) for detail in outputs]
        self._write = _writer(self.spec.input)
        self._dequantise = [_dequantiser(spec) for spec in self.spec.output]

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height of the input image."""
        return self.spec.input.shape[2], self.spec.input.shape[1]

    def run(self, image: Image) -> list[Floats]:
        """Return the float32 outputs for one uint8 (H, W, 3) BGR image of the input's size.

        Raises:
            ValueError: the image has another shape.
        """
        return self.read(image, _copies)

    def read(self, image: Image, decode: Callable[..., _T]) -> _T:
        """Return what `decode` makes of the outputs for one image, as `run` takes it, without a copy of them.

        decode: must keep no view of an output: the runtime writes into the same memory with the next image, which it
        refuses to take as long as anybody holds one.
        """
        self._write(self._input(), image)
        self._invoke()
        return decode(*(to_float(view()) for to_float, view in zip(self._dequantise, self._outputs, strict=True)))

    def _invoke(self) -> None:
        """Run the model, once nobody else holds a view of a tensor.

        Raises:
            RuntimeError: somebody keeps one.
        """
        for pauses in range(_PAUSES + 1):
            try:
                self._interpreter.invoke()
            except RuntimeError as error:
                if _HELD not in str(error) or pauses == _PAUSES:
                    raise
            else:
                return
            time.sleep(_PAUSE_S)


def _copies(*outputs: Floats) -> list[Floats]:
    return [output.copy() for output in outputs]


def read_spec(folder: Path) -> ModelSpec:
    """Return FOLDER/model.toml, checked.

    Raises:
        ModelError: it is missing or not TOML, or a field is missing, unknown or of the wrong type.
    """
    path = folder / "model.toml"
    try:
        return ModelSpec.model_validate(tomllib.loads(path.read_text("utf-8")))
    except FileNotFoundError as error:
        raise ModelError(f"{path}: no such file; a model is a folder with model.tflite and model.toml") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise ModelError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: cannot be read: {error}") from error


def _read_checked(path: Path, sha256: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}; fix: install maskwatch again") from error
    actual = hashlib.sha256(content).hexdigest()
    if actual != sha256:
        raise ModelError(
            f"{path}: sha256 is {actual[:12]}…, model.toml states {sha256[:12]}…; the file is damaged or of another "
            "version; fix: install the model again"
        )
    return content


def runtime() -> str:
    """Return the name of the module that runs the models."""
    return str(_interpreter_class().__module__)


def _interpreter_class() -> Any:  # noqa: ANN401 - two runtimes, neither is typed
    for name in _RUNTIMES:
        try:
            return importlib.import_module(name).Interpreter
        except ImportError:
            continue
    raise ModelError("no TFLite runtime is installed; fix: pip install ai-edge-litert (32-bit ARM: tflite-runtime)")


def _interpreter(path: Path, content: bytes, threads: int, delegate: LoadedDelegate | None) -> Any:  # noqa: ANN401
    delegates = [delegate.made] if delegate else None
    try:
        with _without_chatter():
            interpreter = _interpreter_class()(
                model_content=content, num_threads=threads, experimental_delegates=delegates
            )
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise ModelError(f"{path}: cannot be loaded: {error}") from error
    except (ImportError, SystemError) as error:  # tflite-runtime 2.14 imports with numpy 2, and fails only here
        message = f"{runtime()} does not work with numpy {np.__version__}; fix: pip install 'numpy<2'"
        raise ModelError(message) from error
    return interpreter


@contextmanager
def _without_chatter() -> Iterator[None]:
    """Suppress the INFO lines that the runtime's C++ code writes to standard error; it has no setting for that."""
    kept = os.dup(2)
    silence = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(silence, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(silence)
        os.close(kept)


def _matched(folder: Path, details: list[dict[str, Any]], specs: tuple[TensorSpec, ...]) -> list[dict[str, Any]]:
    """Return the interpreter's tensors in the order of `specs`, matched by name if a spec has one, else by position."""
    by_name = {detail["name"]: detail for detail in details}
    matched = [by_name.get(spec.name, details[min(i, len(details) - 1)]) for i, spec in enumerate(specs)]
    for spec, detail in zip(specs, matched, strict=True):
        expected = (spec.shape, spec.dtype, round(spec.scale, 6), spec.zero_point)
        scale, zero_point = detail["quantization"]
        actual = (tuple(detail["shape"].tolist()), np.dtype(detail["dtype"]).name, round(float(scale), 6), zero_point)
        if actual != expected:
            raise ModelError(f"{folder}: tensor {detail['name']} is {actual}, model.toml states {expected}")
    return matched


def _writer(spec: InputSpec) -> Callable[[Any, Image], None]:
    """Return what writes a BGR image into the input tensor (1, H, W, 3), in its colour order, quantised."""
    table = _input_table(spec)
    flips = spec.dtype == "int8" and bool((table.view(np.uint8) == np.arange(256) ^ _SIGN).all())
    quantise = _flip_sign if flips else partial(np.take, table, mode="clip")
    to_rgb = spec.colour == "rgb"

    def write(tensor: Any, image: Image) -> None:  # noqa: ANN401
        if image.shape != tensor.shape[1:]:
            raise ValueError(f"the image has shape {image.shape}, expected {tensor.shape[1:]}")
        quantise(_rgb(image) if to_rgb else image, out=tensor[0])

    return write


def _flip_sign(image: Image, out: Any) -> None:  # noqa: ANN401
    """Write uint8 values minus 128 as int8: the same bits but the highest."""
    np.bitwise_xor(image, _SIGN, out=out.view(np.uint8))


def _rgb(image: Image) -> Image:
    import cv2  # noqa: PLC0415 - a subscriber imports this module, and needs no OpenCV

    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)  # type: ignore[return-value]


def _input_table(spec: InputSpec) -> Any:  # noqa: ANN401 - int8 or float32 (256,)
    """Return the input value for each of the 256 pixel values, so that quantising is one table look-up."""
    values = np.arange(256, dtype=np.float32)
    if spec.dtype == "float32":
        return values
    limits = np.iinfo(spec.dtype)
    return np.clip(np.round(values / spec.scale) + spec.zero_point, limits.min, limits.max).astype(spec.dtype)


def _dequantiser(spec: TensorSpec) -> Callable[[Any], Floats]:
    if spec.dtype == "float32":
        return np.asarray
    scale = np.float32(spec.scale)
    zero_point = np.float32(spec.zero_point)
    return lambda tensor: (tensor.astype(np.float32) - zero_point) * scale
