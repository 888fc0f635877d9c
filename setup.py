"""How maskwatch is built and installed; the models and the settings go along inside the package."""

from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = next(
    line.split('"')[1]
    for line in (HERE / "edge/__init__.py").read_text().splitlines()
    if line.startswith("__version__")
)
# tflite-runtime has the wheels for 32-bit ARM, ai-edge-litert those for everything else
ARM32, NOT_ARM32 = "platform_machine == 'armv7l'", "platform_machine != 'armv7l'"
BOOKWORM_PI = "python_version < '3.12' and (platform_machine == 'aarch64' or platform_machine == 'armv7l')"
DISTRIBUTED = "distributed>=2024.8,<2028"
PYARROW = "pyarrow>=15,<27"
REMOTE = ["fsspec[http]>=2024.2", "s3fs>=2024.2"]  # versions by date, and of equal ones each fits the other

setup(
    name="maskwatch",
    version=VERSION,
    description="Detects missing face masks with a camera, notifies people nearby and publishes alerts over MQTT",
    long_description=(HERE / "README.md").read_text("utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.11",
    packages=[*find_packages(include=["edge", "edge.*"]), "edge.models", "edge.config"],
    package_dir={"edge": "edge", "edge.models": "models", "edge.config": "config"},
    package_data={
        "edge": ["py.typed"],
        "edge.batch": ["pages/*.html"],
        "edge.capture": ["interlaced.mp4"],
        "edge.capture.demo": ["*.png", "LICENSE.txt"],
        "edge.label": ["static/*"],
        "edge.privacy": ["pages/*.html"],
        "edge.show.page": ["static/*"],
        "edge.models": ["face/*", "face/*/*", "mask/*"],
        "edge.config": ["*.toml"],
    },
    entry_points={"console_scripts": ["maskwatch = edge.__main__:main"]},
    install_requires=[
        f"ai-edge-litert>=2.0,<3; {NOT_ARM32}",
        f"tflite-runtime>=2.14,<2.15; {ARM32}",
        "amqtt>=0.11,<0.13",
        "cryptography>=42,<50",
        "gpiozero>=1.6.2,<3",
        "numpy>=1.26,<3",
        # from 4.13 on the wheels decode interlaced video to black frames (edge/capture/decoder.py); 4.12 needs a numpy
        # that has no wheel for Python 3.14
        "opencv-python>=4.10,<4.13; python_version < '3.14'",
        "opencv-python>=4.10,<5; python_version >= '3.14'",
        # the picamera2 of Raspberry Pi OS Bookworm is compiled against numpy 1 and fails to import with 2
        f"numpy<2; {BOOKWORM_PI}",
        f"opencv-python<4.12; {BOOKWORM_PI}",
        "paho-mqtt>=2.1,<3",
        "pillow>=9.4,<13",
        "prometheus-client>=0.20,<1",
        "pydantic>=2.7,<3",
        "rich>=13.7,<16",
        "starlette>=0.40,<2",
        "tomlkit>=0.12,<1",
        "typer>=0.15,<1",
        "uvicorn>=0.30,<1",
    ],
    extras_require={
        "pi": ["picamera2>=0.3.18"],
        "parquet": [PYARROW],
        "remote": REMOTE,
        "cluster": [DISTRIBUTED],
        "tflite-runtime": ["tflite-runtime>=2.14,<2.15", "numpy<2", "opencv-python<4.12"],
        "train": [
            "torch>=2.6,<3",
            "tensorflow>=2.18,<2.22",
            "onnx>=1.16,<2",
            # onnx2tf names no dependency of its own: these are what it imports apart from tensorflow and onnx
            "onnx2tf>=1.28,<2",
            "tf_keras>=2.18,<2.22",
            "sng4onnx>=1,<3",
            "psutil>=6,<8",
            "onnx_graphsurgeon>=0.5,<1",
            "onnxsim>=0.4,<1",
            "onnxruntime>=1.20,<2",
            "matplotlib>=3.9,<4",
            "scikit-image>=0.24,<1",
        ],
        "mutate": ["cosmic-ray>=8.4,<9"],
        "test": [
            "pytest>=8,<10",
            "pytest-timeout>=2.3,<3",
            "hypothesis>=6,<7",
            "jinja2>=3.1,<4",
            "cyclonedx-bom>=7,<8",
            f"{DISTRIBUTED}; {NOT_ARM32}",
            "jsonschema>=4.20,<5",
            "markdown-it-py>=3,<5",
            "mypy>=1.13,<3",
            f"{PYARROW}; {NOT_ARM32}",
            *REMOTE,
            # a server of S3; boto3 is chosen with aiobotocore, which pins botocore, or pip tries versions for minutes
            f"moto[s3]>=5,<6; {NOT_ARM32}",
            f"aiobotocore[boto3]>=3,<4; {NOT_ARM32}",
            f"flask>=3,<4; {NOT_ARM32}",
            f"flask-cors>=5,<7; {NOT_ARM32}",
            "ruff>=0.9,<1",
            "setuptools>=70.1,<82",  # the first that builds a wheel without the package wheel
            f"playwright>=1.45,<2; {NOT_ARM32}",
        ],
    },
)
