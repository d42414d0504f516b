import pytest

from mlpcli.data import registry
from mlpcli.data.registry import DATASETS, DatasetSpec

CLASSES = {  # data sets by their number of classes
    10: ("mnist", "fashion-mnist", "kmnist", "qmnist", "emnist-digits", "emnist-mnist"),
    26: ("emnist-letters",),
    47: ("emnist-balanced", "emnist-bymerge"),
    49: ("k49",),
    62: ("emnist-byclass",),
}


@pytest.mark.parametrize("spec", DATASETS.values(), ids=DATASETS)
def test_every_file_has_a_checksum_of_the_right_length(spec: DatasetSpec) -> None:
    for file in (*spec.files, *([spec.archive] if spec.archive else [])):
        algorithm, digest = file.checksum.split(":")
        assert len(bytes.fromhex(digest)) == {"sha256": 32, "md5": 16}[algorithm]


def test_sha256_stands_for_all_but_what_was_published_with_md5_alone() -> None:
    files = [file for spec in DATASETS.values() for file in spec.files]
    by_md5 = [file.name for file in files if file.checksum.startswith("md5")]

    assert all(name.startswith("k49-") or "qmnist-train-images" in name for name in by_md5)


def test_no_two_files_share_a_path() -> None:
    paths = [(p.folder, file.name) for p in DATASETS.values() for file in p.files]

    assert len(paths) == len(set(paths))


def test_class_names_are_as_many_as_published() -> None:
    counts = {name: len(spec.classes) for name, spec in DATASETS.items()}

    assert counts == {name: n for n, names in CLASSES.items() for name in names}
    assert all(len(set(p.classes)) == len(p.classes) for p in DATASETS.values())


def test_every_mirror_is_an_address_of_a_folder() -> None:
    for spec in DATASETS.values():
        assert all(url.startswith("http") and url.endswith("/") for url in spec.mirrors)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("MNIST", "did you mean 'mnist'?"),
        ("ylecun/mnist", "did you mean 'mnist'?"),
        ("FashionMNIST", "did you mean 'fashion-mnist'?"),
        ("zalando-datasets/fashion_mnist", "did you mean 'fashion-mnist'?"),
        ("https://host/mnist.zip", "download what is at the address, and name the file or folder"),
        ("words", "`mlp data list` shows the names"),
    ],
)
def test_a_name_as_others_spell_it_is_helped(name: str, told: str) -> None:
    assert registry.hint(name) == told
