"""A folder without .png files says what there is instead."""

import pytest

import teleport
from teleport import Dataset


def message(*arguments, **options):
    with pytest.raises(teleport.NotFoundError) as caught:
        Dataset.from_image_folder(*arguments, **options)
    return str(caught.value)


def test_a_class_of_other_files_says_what_is_there(add):
    names = [f"b/{number}.jpg" for number in range(1, 13)]
    root = add("a/1.png", "b/.hidden.gif", *names)
    assert message(root) == (
        f"class 'b' has no .png file in '{root}'; it has 12 others such as '1.jpg', only PNG is read; "
        "allow_empty_classes = 1 keeps such a class"
    )


def test_a_class_with_one_other_file_says_so(add):
    root = add("a/1.png", "b/sub/photo.JPEG")
    assert "it has 1 other, 'photo.JPEG', only PNG is read" in message(root, nested_classes=True)


def test_a_root_of_other_files_says_what_is_there(add):
    root = add("2.jpg", "1.jpg")
    assert message(root) == (
        f"folder '{root}' has no class: each needs a sub-directory of .png files "
        "(it has 2 others such as '1.jpg', only PNG is read)"
    )
    assert message(root, flat=True) == (
        f"folder '{root}' has no .png file; it has 2 others such as '1.jpg', only PNG is read"
    )
