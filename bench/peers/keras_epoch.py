"""A folder of PNGs to one trained epoch with Keras on TensorFlow: keras_epoch.py FOLDER THREADS"""

from __future__ import annotations

import json
import os
import sys

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402
from keras import layers  # noqa: E402

tf.config.threading.set_intra_op_parallelism_threads(int(sys.argv[2]))
tf.config.threading.set_inter_op_parallelism_threads(int(sys.argv[2]))
images = keras.utils.image_dataset_from_directory(
    sys.argv[1], color_mode="grayscale", image_size=(28, 28), batch_size=32, shuffle=True, verbose=False
)
model = keras.Sequential(
    [
        keras.Input((28, 28, 1)),
        layers.Rescaling(1 / 255),
        layers.Flatten(),
        layers.Dense(64),
        layers.LeakyReLU(0.01),
        layers.Dense(64),
        layers.LeakyReLU(0.01),
        layers.Dense(len(images.class_names)),
    ]
)
model.compile(
    optimizer=keras.optimizers.SGD(0.01),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    steps_per_execution=25,  # faster than one by one
)
history = model.fit(images.prefetch(tf.data.AUTOTUNE), epochs=1, shuffle=False, verbose=0)
print(json.dumps({"images": len(images.file_paths), "loss": history.history["loss"][0]}))
