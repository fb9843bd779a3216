"""What can go wrong in inference, split by what the caller does about it.

InferenceError
├── ModelError           a model, its card or its reference is unusable: the process exits
│   └── ModelMissing     no such model is in the repository: a distant one may get it yet
├── RepositoryUnavailable (inference/repository/store.py)  a place of models can't be reached: tried again
├── ModelHangs           a run of the model does not end: the process exits, to be started again
├── DeviceUnavailable    the device asked for is not there: the process exits
├── BatchFailed          the runtime failed on a batch: its session is replaced, its images are run one by one
├── UndecodableImage     one picture is unusable: that message ends, its batch-mates go on
│                        and the batcher's answers, in `inference/runtime/batching.py`:
├── DeadlineExceeded     the frame is over its budget: it has expired
├── BatcherFull          the lane has no room: come back when there is
├── BatcherClosed        nothing is run any more: the message is given back, to be delivered again
└── ModelFailed          no result for this row:   a live frame is dropped, a recording's is delivered again
    └── RowRefused       the model takes no such row
"""

from vedette.errors import VedetteError


class InferenceError(VedetteError):
    """Anything this package raises on purpose."""


class ModelError(InferenceError):
    """A model cannot be loaded; the text names the file and, in a card, the key."""

    exit_status = 2


class ModelMissing(ModelError):
    """There is no such model; the text says which there are."""


class ModelHangs(InferenceError):
    """A run of a model has lasted longer than anything that is in hand may take."""


class DeviceUnavailable(InferenceError):
    """The device that was asked for is not there; the text says what to install."""

    exit_status = 2

    def __init__(self, device: str, reason: str) -> None:
        super().__init__(f"device {device}: {reason}")
        self.device = device
        self.reason = reason


class BatchFailed(InferenceError):
    """ONNX Runtime failed on a batch, for instance out of memory."""


class UndecodableImage(InferenceError):
    """A picture is no JPEG, is damaged or is too large; `reason` is short and fit for a message."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
