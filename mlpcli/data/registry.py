"""The table of data sets with a name: files, checksums, classes, license, source.

Checksums are SHA-256; where only an MD5 was published, the checksum begins with "md5:".
Sizes, checksums and counts: the publishers' pages and files, and the data lists of Keras,
TensorFlow Datasets, torchvision and facebookresearch/qmnist.
"""

from typing import NamedTuple

from mlpcli.errors import DataError, nearest


class File(NamedTuple):
    """A published file; its checksum decides whether a copy is right, wherever it came from."""

    name: str
    checksum: str  # "sha256:..." or "md5:..."
    size: int | None = None  # bytes, where published


class DatasetSpec(NamedTuple):
    """A data set as its authors published it."""

    folder: str  # in the cache; the six EMNIST sets share one
    images: dict[str, File]  # by split, train and test
    labels: dict[str, File]
    counts: dict[str, int]  # images
    classes: tuple[str, ...]
    mirrors: tuple[str, ...]  # folders that hold the files, best first
    license: str
    citation: str
    archive: File | None = None  # a zip that holds the files, in place of single downloads
    first_label: int = 0
    transposed: bool = False

    @property
    def files(self) -> tuple[File, ...]:
        """Every file except the archive."""
        return (*self.images.values(), *self.labels.values())


DIGITS = tuple("0123456789")
UPPER, LOWER = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), tuple("abcdefghijklmnopqrstuvwxyz")
MERGED = (*DIGITS, *UPPER, *"abdefghnqrt")  # lower case only where it differs from upper case

# SHA-256 and bytes of train images, train labels, test images, test labels
IDX_FILES = {
    "mnist": (
        ("440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609", 9912422),
        ("3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c", 28881),
        ("8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6", 1648877),
        ("f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6", 4542),
    ),
    "fashion-mnist": (
        ("3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84", 26421880),
        ("a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845", 29515),
        ("346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073", 4422102),
        ("67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5", 5148),
    ),
    "kmnist": (
        ("51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4", 18165135),
        ("e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17", 29497),
        ("edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5", 3041136),
        ("20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c", 5120),
    ),
    "emnist-balanced": (
        ("74295e75e4e9fa2c102147460ee7eb763653d5132d883a84fb88932bfb8d2db4", 28207740),
        ("b46d41e5156a0a8aaaa4d18979fdd1588850fa8571018acffd5d93b325a7d6ed", 80618),
        ("117fc12b015e37ea98bfb2cbba3f77c3782c056cdbd219b87abfc8661d7135db", 4714707),
        ("a67cac948379b67270b9a4d0a01c8ec661598accf2f2b1964340b7c83cb175cd", 13504),
    ),
    "emnist-byclass": (
        ("9e21987f03a6eb8b870187e785883ddad96947299587908f1a7ec2ca0f4be5f0", 173367313),
        ("f7ef403d48dc18a89dae0d83d11ee69cecb6e1c12c3a961d03712e495c02a8fa", 491603),
        ("5ec835bd5d5b1a66378a132e727fef20fe994b3cc666899befcca5ac766f50cd", 28908322),
        ("501e305eeeacb093b162592d80e8a2632040872360fa6d85cfcb2200d91ca92a", 81839),
    ),
    "emnist-bymerge": (
        ("39bf8c68037dad40db35348895f7e4e056e8c0a005ab78869c9fbc2c96e947be", 173375281),
        ("2c47293b9e62d6abf6ad05fbf67e40baa32adfd380b8d7b44dcc35534b64e1f1", 476444),
        ("5e5815ec1b522089134435f7c55e75a00960b58414793593ffff23efc0821683", 28905295),
        ("8bda1516255683ba9071e141947ca0c91a911176065cdd6259b0b4d8dc5b5f35", 79351),
    ),
    "emnist-digits": (
        ("f7c95004d14d81af89522e67d8f0c781dfb3bd544181c81bfe1eb6b41c35b726", 59515779),
        ("6638a6ff5fe2eefd9cca2471995b46c82986b8e4b2a70d2f5ce8e05d7edb319e", 113859),
        ("20ebe43509264f7639d37c835a3f0b009e90b29e00a099a03101abe1644a3f63", 9908519),
        ("bad1834c45d5988e270b99d43b13edc3fd898f658ffbc2caf2846ef27f7b05b0", 19960),
    ),
    "emnist-letters": (
        ("6288f418a917e007bf5fddb823a2dc7a5c6a35031401b93292a539cb12bd881f", 30804864),
        ("9759af91ea6bccdf07a6040fd085861f2ec88e37f7c3f5760f6feb57106fbe5c", 79283),
        ("50f0e93d75b99b463e9760b8345866f22587fa2c2fba472730a5ba09c693412d", 5039157),
        ("924955c31fe7fd809b7303b5c0141282955f4b8390c74cdfd5d80435e0f4b4cb", 144),
    ),
    "emnist-mnist": (
        ("5f9942f441031c0f1f2e4d162059fd6e19ea808b34c328b6d16cab0ed24c78f2", 14873795),
        ("00c6d3c2342fdffb1711e0b5656cac4ce5862d2826399d383a9bac07d612e9f8", 29480),
        ("b25640fa9e356c618132f5df347c95ef5bae6d9c2596be1de40f7e0ae1c3eac6", 2484884),
        ("bcc5385d38f083dba046f5f756e99b32f5ea7fad122c6243c71c2239873065ca", 5144),
    ),
}

Files = dict[str, File]  # by split, train and test


def _idx_files(name: str, prefix: str = "", test: str = "t10k") -> tuple[Files, Files]:
    """Images and labels of a set in four IDX files; prefix and test: as their names have them."""
    parts = ("train-images-idx3", "train-labels-idx1", f"{test}-images-idx3", f"{test}-labels-idx1")
    train_x, train_y, test_x, test_y = (
        File(f"{prefix}{part}-ubyte.gz", f"sha256:{digest}", size)
        for part, (digest, size) in zip(parts, IDX_FILES[name], strict=True)
    )
    return {"train": train_x, "test": test_x}, {"train": train_y, "test": test_y}


def _emnist(
    name: str, classes: tuple[str, ...], train: int, test: int, first_label: int = 0
) -> DatasetSpec:
    """One of the six sets in EMNIST's zip, with its numbers of images."""
    return DatasetSpec(
        "emnist",
        *_idx_files(name, prefix=f"{name}-", test="test"),
        counts={"train": train, "test": test},
        classes=classes,
        mirrors=(
            "https://biometrics.nist.gov/cs_links/EMNIST/",
            "https://www.itl.nist.gov/iaui/vip/cs_links/EMNIST/",
        ),
        license="not stated",
        citation="Cohen, Afshar, Tapson, van Schaik: EMNIST. arXiv:1702.05373, 2017",
        archive=File(
            "gzip.zip",
            "sha256:fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e",
            561753746,
        ),
        first_label=first_label,
        transposed=True,
    )


KUZUSHIJI = "Clanuwat et al.: Deep Learning for Classical Japanese Literature. arXiv:1812.01718"

DATASETS = {
    "mnist": DatasetSpec(
        "mnist",
        *_idx_files("mnist"),
        counts={"train": 60000, "test": 10000},
        classes=DIGITS,
        mirrors=(
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "http://yann.lecun.com/exdb/mnist/",
        ),
        license="CC BY-SA 3.0 (disputed)",
        citation="LeCun, Cortes, Burges: MNIST handwritten digit database. AT&T Labs, 2010",
    ),
    "fashion-mnist": DatasetSpec(
        "fashion-mnist",
        *_idx_files("fashion-mnist"),
        counts={"train": 60000, "test": 10000},
        classes=(
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
        mirrors=(
            "https://fashion-mnist.s3.eu-central-1.amazonaws.com/",
            "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        ),
        license="MIT",
        citation="Xiao, Rasul, Vollgraf: Fashion-MNIST. arXiv:1708.07747, 2017",
    ),
    "kmnist": DatasetSpec(
        "kmnist",
        *_idx_files("kmnist"),
        counts={"train": 60000, "test": 10000},
        classes=tuple("おきすつなはまやれを"),
        mirrors=(
            "https://codh.rois.ac.jp/kmnist/dataset/kmnist/",
            "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
        ),
        license="CC BY-SA 4.0",
        citation=KUZUSHIJI,
    ),
    "k49": DatasetSpec(
        "k49",
        images={
            "train": File("k49-train-imgs.npz", "md5:7ac088b20481cf51dcd01ceaab89d821"),
            "test": File("k49-test-imgs.npz", "md5:d352e201d846ce6b94f42c990966f374"),
        },
        labels={
            "train": File("k49-train-labels.npz", "md5:44a8e1b893f81e63ff38d73cad420f7a"),
            "test": File("k49-test-labels.npz", "md5:4da6f7a62e67a832d5eb1bd85c5ee448"),
        },
        counts={"train": 232365, "test": 38547},
        classes=tuple(
            "あいうえおかきくけこさしすせそたちつてとなにぬねの"
            "はひふへほまみむめもやゆよらりるれろわゐゑをんゝ"
        ),
        mirrors=(
            "https://codh.rois.ac.jp/kmnist/dataset/k49/",
            "http://codh.rois.ac.jp/kmnist/dataset/k49/",
        ),
        license="CC BY-SA 4.0",
        citation=KUZUSHIJI,
    ),
    "qmnist": DatasetSpec(
        "qmnist",
        images={
            "train": File(
                "qmnist-train-images-idx3-ubyte.gz", "md5:ed72d4157d28c017586c42bc6afe6370"
            ),
            "test": File(
                "qmnist-test-images-idx3-ubyte.gz",
                "sha256:43fc22bf7498b8fc98de98369d72f752d0deabc280a43a7bcc364ab19e57b375",
            ),
        },
        labels={
            "train": File(
                "qmnist-train-labels-idx2-int.gz",
                "sha256:2c05dc77f6b916b38e455e97ab129a42a444f3dbef09b278a366f82904e0dd9f",
                463024,
            ),
            "test": File(
                "qmnist-test-labels-idx2-int.gz",
                "sha256:9fbcbe594c3766fdf4f0b15c5165dc0d1e57ac604e01422608bb72c906030d06",
                526800,
            ),
        },
        counts={"train": 60000, "test": 60000},
        classes=DIGITS,
        mirrors=("https://raw.githubusercontent.com/facebookresearch/qmnist/master/",),
        license="BSD",
        citation="Yadav, Bottou: Cold Case: The Lost MNIST Digits. NeurIPS 2019, arXiv:1905.10498",
    ),
    "emnist-balanced": _emnist("emnist-balanced", MERGED, 112800, 18800),
    "emnist-byclass": _emnist("emnist-byclass", (*DIGITS, *UPPER, *LOWER), 697932, 116323),
    "emnist-bymerge": _emnist("emnist-bymerge", MERGED, 697932, 116323),
    "emnist-digits": _emnist("emnist-digits", DIGITS, 240000, 40000),
    "emnist-letters": _emnist("emnist-letters", UPPER, 124800, 20800, first_label=1),
    "emnist-mnist": _emnist("emnist-mnist", DIGITS, 60000, 10000),
}


def find(name: str) -> DatasetSpec:
    """The data set with a name; raises DataError with the nearest name."""
    if name in DATASETS:
        return DATASETS[name]
    if name == "synth":
        raise DataError("synth: is drawn by this program; there is nothing to download")
    raise DataError(f"data set {name!r}: no such name; {hint(name)}")


def hint(name: str) -> str:
    """For a message about an unknown name: the nearest one, or where all are listed."""
    near = nearest(name, ("synth", *DATASETS))
    return f"did you mean {near!r}?" if near else "`mlp download --list` shows the names"


def holds_characters(name: str) -> bool:
    """Whether the set with this name shows digits or letters, which mirroring would change."""
    return name == "synth" or (
        name in DATASETS and all(len(label) == 1 for label in DATASETS[name].classes)
    )
