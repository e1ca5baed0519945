"""A folder whose classes lie one level down, as train/ and test/ do, is not taken for a folder of classes."""

import pytest

import teleport
from teleport import Dataset


def message(*arguments, **options):
    with pytest.raises(teleport.NotFoundError) as caught:
        Dataset.from_image_folder(*arguments, **options)
    return str(caught.value)


def test_a_root_with_train_and_test_is_refused_and_train_is_named(add):
    root = add("train/0/a.png", "train/1/b.png", "test/0/c.png", "test/1/d.png")
    assert message(root) == (
        f"class 'test' in '{root}' holds only folders, such as '0/', and no image: "
        f"the classes may lie in '{root}/train'; nested_classes = 1 takes the images of all folders below"
    )
    assert Dataset.from_image_folder(root / "train").class_names == ["0", "1"]


def test_a_class_of_folders_without_train_beside_it_is_named_itself(add):
    root = add("b/images/a.png", "a/x.png")
    assert message(root) == (
        f"class 'b' in '{root}' holds only folders, such as 'images/', and no image: "
        f"the classes may lie in '{root}/b'; nested_classes = 1 takes the images of all folders below"
    )


def test_an_option_takes_nested_classes(add):
    root = add("train/0/a.png", "train/1/b.png", "test/0/c.png")
    read = Dataset.from_image_folder(root, nested_classes=True)
    assert read.class_names == ["test", "train"] and read.labels().tolist() == [0, 1, 1]


def test_folders_beside_images_are_read_as_before(add):
    root = add("a/1.png", "a/more/2.png", "b/1.png")
    assert len(Dataset.from_image_folder(root)) == 3


def test_flat_reads_folders_of_folders(add):
    root = add("train/0/a.png", "test/0/b.png")
    assert len(Dataset.from_image_folder(root, flat=True)) == 2
