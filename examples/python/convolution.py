"""Trains a convolutional net on a folder of PNG images, one sub-directory a class; saves it, loads it, predicts.

    python examples/python/convolution.py FOLDER [--network resnet-8] [--epochs 10] [--predict FILE.png ...] ...

FOLDER holds `train/` and `test/`, or the classes themselves: then a fifth of every class is the test set. A tenth of
what is trained on is held back: it says when to stop. From a checkout, `make lib` comes first; nothing needs to be
installed but numpy.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "python"))

import teleport  # noqa: E402


def height_and_width(text):
    height, width = text.split("x")
    return int(height), int(width)


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--network", default="resnet-8", help="lenet, vgg-small, ..., or a file with the text of a net"
    )
    parser.add_argument("--size", type=height_and_width, help="HEIGHTxWIDTH to resample to")
    parser.add_argument("--rate", type=float, default=0.01, help="of SGD with momentum")
    parser.add_argument("--epochs", type=int, default=10, help="at most")
    parser.add_argument("--patience", type=int, default=3, help="epochs without a lower loss")
    parser.add_argument("--batch", type=int, default=32, help="samples a mini-batch")
    parser.add_argument("--shift", type=int, default=1, help="longest move of an image in pixels")
    parser.add_argument("--flip", action="store_true", help="mirror half of the images")
    parser.add_argument(
        "--teleport", action="store_true", help="one before the first step, for a rate that is too small"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", type=Path, default="net.safetensors")
    parser.add_argument("--predict", type=Path, nargs="+", help="else the first test images")
    return parser.parse_args()


def read(arguments):
    """The images to train on, those to stop by, and the test set; None: test/, read as the model says."""
    options = {"normalize": True}  # mean 0 and deviation 1 over what is read
    if arguments.size:
        options["size"] = arguments.size
    train_folder, test = arguments.folder / "train", None
    if train_folder.is_dir() and (arguments.folder / "test").is_dir():
        both = teleport.Dataset.from_image_folder(train_folder, **options)
    else:
        whole = teleport.Dataset.from_image_folder(arguments.folder, **options)
        both, test = whole.split(0.2, stratified=True, seed=arguments.seed)
    train, valid = both.split(0.1, stratified=True, seed=arguments.seed)
    return train, valid, test


def network(name, images):
    """The text of a known net for these images, or what is in a file."""
    if Path(name).is_file():
        return Path(name).read_text()
    return teleport.architecture(name, images.sample_shape, images.class_count)


def on_event(event):
    if event.kind == "epoch":
        print(
            f"{event.epoch + 1:5}  {event.loss:10.4f}  {event.valid_loss:10.4f}"
            f"  {event.valid_accuracy:9.2%}  {event.seconds:6.1f} s"
        )
    elif event.kind == "teleport":
        print("teleport:", event.teleport.explain())
    elif event.kind == "early_stop":
        print(f"no lower loss since epoch {event.epoch + 1}, whose weights are back")


def train(model, train_set, valid_set, arguments):
    trainer = teleport.Trainer(model, optimizer="momentum", learning_rate=arguments.rate)
    steps = -(-len(train_set) // arguments.batch) * arguments.epochs
    trainer.set_schedule(teleport.Schedule("cosine", interval=steps))
    flip = 0.5 if arguments.flip else 0.0
    print("epoch  train loss  valid loss  accuracy")
    trainer.run(
        train_set,
        valid_set,
        epochs=arguments.epochs,
        batch_size=arguments.batch,
        seed=arguments.seed,
        patience=arguments.patience,  # ends with the weights of the best epoch
        augment=teleport.AugmentConfig(shift=arguments.shift, flip=flip),
        teleport=teleport.TeleportConfig() if arguments.teleport else None,
        on_event=on_event,
    )


def main():
    arguments = parse_arguments()
    train_set, valid_set, test_set = read(arguments)
    print(f"{len(train_set)} images to train on, {len(valid_set)} to stop by, {train_set.class_count} classes")
    text = network(arguments.network, train_set)
    model = teleport.Model(text, initialization="he_uniform", seed=arguments.seed)
    print(model.summary(), end="")
    train(model, train_set, valid_set, arguments)
    model.save(arguments.save)

    # The file knows all that is needed: how images are prepared and what the classes are called.
    model = teleport.Model.load(arguments.save)
    if test_set is None:
        test_set = teleport.Dataset.from_image_folder(
            arguments.folder / "test", allow_empty_classes=True, **model.images
        )
    metrics = model.evaluate(test_set)
    print(f"{arguments.save}: test accuracy {metrics.accuracy:.2%} of {metrics.count} images")
    files = arguments.predict or test_set.paths[:1]
    predictions = model.predict_images(files)
    for file, name, probabilities in zip(files, predictions.names, predictions.probabilities):
        print(f"{file}: {name}, probability {probabilities.max():.3f}")


if __name__ == "__main__":
    try:
        main()
    except teleport.TeleportError as error:
        sys.exit(f"convolution.py: {error}")
