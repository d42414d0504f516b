import pytest

from mlpcli.data.registry import DATASETS, Published


@pytest.mark.parametrize("published", DATASETS.values(), ids=DATASETS)
def test_every_file_has_a_sum_of_the_right_length(published: Published) -> None:
    for file in (*published.files, *([published.archive] if published.archive else [])):
        kind, digest = file.sum.split(":")
        assert len(bytes.fromhex(digest)) == {"sha256": 32, "md5": 16}[kind]


def test_sha256_stands_for_all_but_what_was_published_with_md5_alone() -> None:
    by_md5 = {
        file.name
        for published in DATASETS.values()
        for file in published.files
        if file.sum.startswith("md5")
    }

    assert all(name.startswith("k49-") or "qmnist-train-images" in name for name in by_md5)


def test_no_two_files_share_a_place() -> None:
    places = [(p.folder, file.name) for p in DATASETS.values() for file in p.files]

    assert len(places) == len(set(places))


def test_class_names_are_as_many_as_published() -> None:
    counts = {name: len(published.classes) for name, published in DATASETS.items()}

    assert counts == {
        "mnist": 10,
        "fashion-mnist": 10,
        "kmnist": 10,
        "k49": 49,
        "qmnist": 10,
        "emnist-balanced": 47,
        "emnist-byclass": 62,
        "emnist-bymerge": 47,
        "emnist-digits": 10,
        "emnist-letters": 26,
        "emnist-mnist": 10,
    }
    assert all(len(set(p.classes)) == len(p.classes) for p in DATASETS.values())


def test_every_mirror_is_an_address_of_a_folder() -> None:
    for published in DATASETS.values():
        assert all(url.startswith("http") and url.endswith("/") for url in published.mirrors)
