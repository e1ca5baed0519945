/*
 * teleport.h - train neural networks and teleport them.
 *
 * libteleport trains neural networks and moves their weights along symmetries of the loss: to a
 * point with the same loss and another gradient, from which training goes on. This header is the whole
 * public contract and its manual. Sections run from simple to advanced; you may stop after any of them.
 *
 *   1  Version and status        what a call returns, and why it failed
 *   2  Process settings          threads, stopping
 *   3  Batches                   samples in the host's own memory
 *   4  Models                    create, copy, read, write, predict
 *   5  Data sets                 arrays, PNG image folders, IDX files, splits, augmentation
 *   6  Measuring                 loss, gradient, accuracy, confusion matrix
 *   7  Teleports                 groups, searches, the guard, the report
 *   8  Training                  optimizers, steps, schedules, runs, progress
 *   9  Test functions            teleports in the plane (experimental)
 *
 * Conventions
 *
 *   Status.    A call that can fail returns a tp_status: 0 done, negative failed, positive a normal outcome
 *              (TP_STOPPED). On failure the outputs are NULL or untouched, the object is as it was before the
 *              call, and tp_error_message() on the same thread is one sentence that names the value at fault.
 *              The library never prints, never exits and never aborts, with one stated exception: the Swift
 *              runtime ends the process when its own small objects (some hundred bytes each, some kilobytes
 *              for models of a thousand layers) get no memory. Every array whose length a caller or a file
 *              decides comes from a checked allocator instead: TP_ERROR_OUT_OF_MEMORY, before it is looked at.
 *   Handles.   A new handle is the first argument, `out` (tp_dataset_split has two). Free each handle once, in any
 *              order: objects keep what they use. NULL for a required handle is TP_ERROR_INVALID_ARGUMENT;
 *              tp_*_free(NULL) does nothing.
 *   Results.   Arguments that are written are `out` for a new handle, end in `_out` for a number, struct or text, and
 *              are buffers with a capacity for arrays.
 *   Arrays.    Row-major float, one sample a row; an image is channels x height x width in one row. Inputs are
 *              copied or only read during the call. Results go into the caller's buffers, whose `capacity`
 *              counts elements; a buffer that is too small is TP_ERROR_BUFFER_TOO_SMALL and stays untouched.
 *              A result may not lie on an input.
 *   Configs.   A config begins with struct_size. tp_*_config_init(&c, sizeof c) fills the defaults; a NULL
 *              config means defaults. A shorter struct of an older header keeps the defaults for what it
 *              lacks; a longer one of a newer header is refused unless its tail is zero. Fields named
 *              `reserved` must be zero. Output structs follow the same rule: the library writes no more than
 *              struct_size bytes. So `tp_metrics m = {.struct_size = sizeof m};` is enough for an output, while a
 *              config takes its init and then `config.field = value;`: an initializer alone would leave zeros in
 *              fields where 0 is a value (bias, shuffle, layer, momentum).
 *   Defaults.  0 and NULL in a config's field mean "not given", and give its default, unless 0 is a value of the
 *              field's own, as it is for numbers of layers, rates, decays, switches, seeds and enums. -1 says what 0
 *              then cannot: "off" where 0 means the default (held_out_tolerance, progress_interval), and "not given"
 *              where 0 is a value and the default depends on another field (epsilon, weight_decay). Other negative
 *              numbers are refused where the comment of the field does not allow them.
 *   Experimental.  What is marked so may change or go in a minor version, with a line in CHANGELOG.md; docs/abi.md
 *              lists it. All else keeps to docs/abi.md.
 *   Threads.   One handle, one thread at a time; different handles on different threads freely. Functions that
 *              take a const handle may run on many threads at once on the same handle, as long as no other
 *              thread changes it. A trainer writes its model: to predict on another thread while it trains,
 *              use tp_model_clone. tp_error_message is per thread.
 *   Numbers.   Weights and activations are float; losses are summed in double. Results are the same to the
 *              bit for equal seed, data, thread count and processor type. The locale does not matter.
 *   Strings.   Zero-terminated. Text that the library returns stays valid as long as the object it was asked
 *              of; static text for ever. Paths are bytes, passed to the system as they are.
 *
 * OpenBLAS travels inside the library, hidden from the host's own BLAS. It reads the OPENBLAS_* environment
 * variables once when the library is loaded; the library's own code reads no environment.
 */
#ifndef TELEPORT_H
#define TELEPORT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ======================================================================================================
 * 1  Version and status
 * ==================================================================================================== */

#define TP_VERSION_MAJOR 0
#define TP_VERSION_MINOR 1
#define TP_VERSION_PATCH 0

/* Version of the library that runs, as major * 10000 + minor * 100 + patch. Never fails. */
int32_t tp_version_number(void);

/* The same as text, "major.minor.patch". Static. */
const char *tp_version_string(void);

/* One line about the build: version, BLAS and the processor kernels it chose. Static. */
const char *tp_build_info(void);

/* What a call came to. Values never change; new ones are appended. */
typedef enum tp_status {
    TP_OK = 0,
    TP_STOPPED = 1,                  /* a callback, flag or request ended the work early; see tp_set_stop */
    TP_ERROR = -1,                   /* anything without a code of its own */
    TP_ERROR_INVALID_ARGUMENT = -2,  /* NULL, out of range, an unknown enum value, a bad config */
    TP_ERROR_OUT_OF_MEMORY = -3,
    TP_ERROR_BUFFER_TOO_SMALL = -4,
    TP_ERROR_SHAPE_MISMATCH = -5,    /* widths of model, batch or data set that do not fit together */
    TP_ERROR_BAD_STATE = -6,         /* right call, wrong moment: a trainer inside its own callback, say */
    TP_ERROR_UNSUPPORTED = -7,       /* a combination that has no meaning; the message says why */
    TP_ERROR_NOT_FINITE = -8,        /* NaN or infinity where a number is needed: in every float or double of a
                                        config or argument, and in what became of weights, losses and rates */
    TP_ERROR_LINEAR_ALGEBRA = -9,    /* a factorization failed */
    TP_ERROR_NOT_FOUND = -20,        /* no such file, folder, key or class */
    TP_ERROR_IO = -21,               /* the system could not read or write */
    TP_ERROR_FORMAT = -22,           /* a file that is not what it should be */
    TP_ERROR_VERSION = -23           /* a file of a newer format */
} tp_status;

/* Name of a status in words, "out of memory". Static; unknown values give "unknown status". */
const char *tp_status_string(tp_status status);

/* The sentence of the last call that failed on this thread, UTF-8, at most 1,023 bytes; "" if none did.
 * Valid until the next call on this thread. Successful calls leave it alone. */
const char *tp_error_message(void);

/* ======================================================================================================
 * 2  Process settings
 * ==================================================================================================== */

/* Threads for large training steps, evaluation and image decoding, for the whole process. 0 means the
 * processors this process may use, which is the default. At most 256. Takes effect with the next call that
 * uses threads. Safe from any thread. */
tp_status tp_set_thread_count(int32_t count);

/* Threads in use, at least 1. Safe from any thread. */
int32_t tp_thread_count(void);

/* Asked now and then, on the thread that made the call, while it works; anything but 0 stops the call. It may not use
 * the objects of that call, nor take long: up to once in 5 ms. */
typedef int32_t (*tp_stop_callback)(void *user_data);

/* What stops the calls of the calling thread, from now on: another thread or a signal handler sets *stop_flag to
 * anything but 0, or the callback answers so. Each may be NULL; both NULL takes away what was set. The flag is read
 * atomically and must live until then: let std::atomic<int32_t>, _Atomic int32_t or __atomic_store_n write it, or ask
 * your own atomics in the callback. Other threads are not concerned.
 *
 * The calls that can be stopped are tp_trainer_run, tp_trainer_teleport, tp_model_teleport, tp_model_apply_linear,
 * those that measure or predict (sections 4 and 6, tp_model_predict_images, tp_trainer_loss and the two after it),
 * tp_model_linear_gradient_norm, tp_model_scaling_gradient_norm, tp_dataset_from_image_folder,
 * tp_dataset_from_image_files, tp_dataset_get, tp_dataset_gather, tp_dataset_channel_statistics,
 * tp_dataset_normalized, tp_plane_descend and tp_plane_teleport. They ask between pieces of their work: training
 * steps, images, candidates, steps of a rollout, an ascent or a descent, and pieces of
 * at most 1,024 samples. All others run to their end; a training step is not cut short.
 *
 * A call that was stopped returns TP_STOPPED. Models, optimizer states and points are as they were before it to the
 * bit, but for tp_trainer_run, which stands where a run goes on. Handles are NULL and reports are untouched; arrays
 * that the call was to fill may be filled in part. On a net of 784-512-512-10 that takes under 50 ms. Always TP_OK. */
tp_status tp_set_stop(const volatile int32_t *stop_flag, tp_stop_callback callback, void *user_data);

/* ======================================================================================================
 * 3  Batches
 * ==================================================================================================== */

/* Samples in the host's memory. Layout frozen; always passed by pointer; only read during the call.
 * Exactly one of labels and targets is set. */
typedef struct tp_batch {
    const float *x;          /* count x x_width, one sample a row */
    int64_t x_width;         /* values a sample; the model's first width */
    const int32_t *labels;   /* count class numbers from 0, for TP_LOSS_CROSS_ENTROPY; or NULL */
    const float *targets;    /* count x target_width, for the squared errors; or NULL */
    int64_t target_width;    /* the model's last width, when targets is set; otherwise 0 */
    const float *weights;    /* count weights, finite, not negative, not all zero; NULL means 1 each */
    int64_t count;           /* samples, at least 1 */
} tp_batch;

/* With outputs o (n x k), weights a (all 1 by default) and A = sum of a:
 *   CROSS_ENTROPY       sum_i a_i * -ln softmax(o_i)[label_i] / A          natural logarithm; needs labels
 *   MEAN_SQUARED_ERROR  sum_i a_i * |o_i - target_i|^2 / (A * k)           needs targets
 *   HALF_SQUARED_ERROR  sum_i a_i * |o_i - target_i|^2 / 2                 needs targets */
typedef enum tp_loss {
    TP_LOSS_CROSS_ENTROPY = 0,
    TP_LOSS_MEAN_SQUARED_ERROR = 1,
    TP_LOSS_HALF_SQUARED_ERROR = 2
} tp_loss;

/* ======================================================================================================
 * 4  Models
 * ==================================================================================================== */

/* A net. Layers count from 0, in the order of the net; those with parameters are counted alone. A multi-layer
 * perceptron is h_0 = x, z_m = W_m h_(m-1) + b_m, h_m = f(z_m), and no activation after the last layer; layer m has
 * widths[m] inputs and widths[m + 1] outputs. tp_model_create makes nets of other shapes. */
typedef struct tp_model tp_model;

/* f, elementwise. LEAKY_RELU and RELU take the negative side at z = 0. */
typedef enum tp_activation {
    TP_ACTIVATION_IDENTITY = 0,
    TP_ACTIVATION_LEAKY_RELU = 1,    /* z > 0 ? z : negative_slope * z */
    TP_ACTIVATION_RELU = 2,
    TP_ACTIVATION_SIGMOID = 3,
    TP_ACTIVATION_TANH = 4
} tp_activation;

/* Distribution of the first weights, layer by layer. */
typedef enum tp_initialization {
    TP_INITIALIZATION_GLOROT_UNIFORM = 0,  /* W: +-sqrt(6 / (in + out)); b: 0 */
    TP_INITIALIZATION_HE_UNIFORM = 1,      /* W: +-sqrt(6 / ((1 + negative_slope^2) in)); b: 0 */
    TP_INITIALIZATION_TORCH_LINEAR = 2,    /* W and b: +-1 / sqrt(in), as torch.nn.Linear */
    TP_INITIALIZATION_UNIFORM_01 = 3       /* W and b: [0, 1), as the paper's regression */
} tp_initialization;

typedef struct tp_model_config {
    size_t struct_size;
    int32_t activation;       /* tp_activation; default LEAKY_RELU */
    float negative_slope;     /* of LEAKY_RELU, finite and >= 0; default 0.01 */
    int32_t bias;             /* 1 with biases (default), 0 without */
    int32_t initialization;   /* tp_initialization; default GLOROT_UNIFORM */
    uint64_t seed;            /* of the first weights; default 0 */
} tp_model_config;

tp_status tp_model_config_init(tp_model_config *config, size_t struct_size);

/* A new model with `count` widths, inputs first and outputs last: {784, 64, 64, 10} has three layers.
 * count is 2 to 1,024, each width at least 1. The same seed gives the same weights on every machine. */
tp_status tp_model_create_mlp(tp_model **out, const int32_t *widths, size_t count,
                              const tp_model_config *config);

/* A net of any shape from a text, which is also what files hold of it. A layer a line, or several with ';' between
 * them; '#' begins a comment that ends with its line. The first is the input, the last gives the outputs:
 *
 *   input 3x32x32                      channels x height x width; or a vector: input 784
 *   conv 32 3x3 pad same               a layer reads the one before it ...
 *   batch_norm
 *   skip = relu                        ... and has a name: the host's, or conv1, bn1, fc1, ... in order
 *   conv 32 3x3 pad same
 *   right = batch_norm
 *   add of right skip                  ... unless `of` names what it reads
 *   dense 10                           an image goes into a dense layer flattened, channels x height x width
 *
 * A line is [NAME =] KIND arguments [of A [B]]. Kinds:
 *   conv OUT KHxKW [stride S] [pad P|same] [groups G] [bias|nobias]
 *                                          without padding by default; `same` keeps the size at stride 1, of odd
 *                                          kernels; groups of as many channels as there are: depthwise
 *   dense OUT [bias|nobias]                z = W h + b
 *   batch_norm [eps E] [momentum M]        1e-5 and 0.1 by default; a convolution that it alone reads has no bias
 *                                          unless it says so
 *   max_pool K|KHxKW [stride S] [pad P]    S is the window by default
 *   avg_pool K|KHxKW [stride S] [pad P]    the zeros of the padding count
 *   global_avg_pool                        the mean of each channel, a vector
 *   relu, leaky_relu [SLOPE], tanh, sigmoid     leaky_relu's slope is 0.01 by default; z <= 0 is the negative side
 *   add of A B                             the sum of two values of one shape
 *   flatten                                an image as a vector
 *   dropout P                              in training steps each number is 0 with probability P, and the others are
 *                                          multiplied by 1 / (1 - P); else it does nothing
 * Names have letters, digits, '_' and single '.' between them, at most 64; each is given once. A text has at most
 * 64 KiB, 1,024 layers and as many activations, a line 512 bytes without its comment. Every value but the last is
 * read by some layer.
 *
 * Of config, initialization and seed are used; activation, negative_slope and bias are the text's own. Errors name
 * the line: "line 9: layer 'conv2' has 16 groups but gets 24 channels from 'pool1'". tp_model_create_mlp makes the
 * net of the text of its widths: layers fc1, fc2, ... with the same weights to the bit.
 * Complexity: O(parameters + bytes of the text). */
tp_status tp_model_create(tp_model **out, const char *text, const tp_model_config *config);

/* Copies the text of a known net to start from, with its zero: "mlp" (64 and 64 hidden units, leaky_relu), "lenet",
 * "vgg-small", "resnet-8", "resnet-14" or "resnet-20". shape is channels, height, width of the inputs; those of a
 * vector are width, 1, 1. *length_out (may be NULL) is the length without the zero, also when the buffer is too small;
 * buffer NULL with capacity 0 asks for the length alone. TP_ERROR_NOT_FOUND for another name. */
tp_status tp_architecture(const char *name, const int32_t *shape, int32_t classes, char *buffer, size_t capacity,
                          size_t *length_out);

/* An independent copy, with its metadata and what it keeps of its images. */
tp_status tp_model_clone(tp_model **out, const tp_model *model);

void tp_model_free(tp_model *model);

/* Layers with parameters (of a perceptron, widths - 1), and all their parameters; 0 for NULL. */
int32_t tp_model_layer_count(const tp_model *model);
int64_t tp_model_parameter_count(const tp_model *model);

/* Rows and columns of W_layer; what has more dimensions, or one, counts as rows x the rest. Either output may be
 * NULL. */
tp_status tp_model_layer_shape(const tp_model *model, int32_t layer, int32_t *outputs_out,
                               int32_t *inputs_out);

/* The widths, layer_count + 1 of them: inputs, rows of every layer's weights but the last's, outputs. */
tp_status tp_model_widths(const tp_model *model, int32_t *widths, size_t capacity);

/* The config that made the model, with the activation, slope and bias that its text says first (IDENTITY where it says
 * none); the caller sets config_out->struct_size first (tp_model_config_init does). */
tp_status tp_model_get_config(const tp_model *model, tp_model_config *config_out);

/* Reads layer `layer`: weights (outputs x inputs, row-major) and bias (outputs). Either may be NULL with
 * capacity 0. bias must be NULL when the layer has none. */
tp_status tp_model_get_layer(const tp_model *model, int32_t layer, float *weights,
                             size_t weights_capacity, float *bias, size_t bias_capacity);

/* Writes it. Counts must match exactly; NULL with count 0 leaves a part as it is. NaN and infinity are
 * refused with TP_ERROR_NOT_FINITE. */
tp_status tp_model_set_layer(tp_model *model, int32_t layer, const float *weights,
                             size_t weights_count, const float *bias, size_t bias_count);

/* All parameters in one array: W_0 row-major, b_0, W_1, b_1, ... The order of tp_model_gradient. */
tp_status tp_model_get_parameters(const tp_model *model, float *parameters, size_t capacity);
tp_status tp_model_set_parameters(tp_model *model, const float *parameters, size_t count);

/* The text that makes the net again, with its zero: the host's or the file's own, comments and all. Copied as by
 * tp_architecture. O(length). */
tp_status tp_model_architecture(const tp_model *model, char *buffer, size_t capacity, size_t *length_out);

/* A table for people, a layer a line: name, layer, what it reads, shape of its output, parameters; the last line has
 * the sums. Its form may change. Copied as by tp_architecture. O(layers). */
tp_status tp_model_summary(const tp_model *model, char *buffer, size_t capacity, size_t *length_out);

/* Arrays of a model by name, as PyTorch names and shapes them: "fc1.weight" (outputs x inputs), "fc1.bias",
 * "conv1.weight" (outputs x inputs / groups x height x width), "bn1.running_mean", ... Parameters and running
 * statistics, in the order of the layers; tp_model_get_parameters has the parameters alone, in the same order.
 * Tensors that the model has; 0 for NULL. O(layers). */
int32_t tp_model_tensor_count(const tp_model *model);

/* Copies the name of number `index`, 0 <= index < tp_model_tensor_count, as by tp_architecture.
 * TP_ERROR_NOT_FOUND for another index. O(layers). */
tp_status tp_model_tensor_name(const tp_model *model, int32_t index, char *buffer, size_t capacity,
                               size_t *length_out);

/* The dimensions of a tensor, at most 4; *rank_out (may be NULL) is how many there are, also when dimensions is too
 * small; 0 for a single number (num_batches_tracked). dimensions NULL with capacity 0 asks for the rank alone.
 * TP_ERROR_NOT_FOUND for a name that the model does not have. O(layers). */
tp_status tp_model_tensor_shape(const tp_model *model, const char *name, int32_t *dimensions, size_t capacity,
                                int32_t *rank_out);

/* Reads and writes a tensor, row-major. set: count must match; NaN and infinity are refused with
 * TP_ERROR_NOT_FINITE, a negative running variance or count with TP_ERROR_INVALID_ARGUMENT.
 * O(layers + count). */
tp_status tp_model_get_tensor(const tp_model *model, const char *name, float *values, size_t capacity);
tp_status tp_model_set_tensor(tp_model *model, const char *name, const float *values, size_t count);

/* Strings kept with the model, such as author and licence (class names and normalization are kept by themselves, see
 * tp_model_set_images). key and value are UTF-8; value NULL removes the key. Keys are 1 to 255 bytes, values at most
 * 1 MiB, at most 1,024 keys. Keys that begin with "teleport." are the library's own and refused. */
tp_status tp_model_set_metadata(tp_model *model, const char *key, const char *value);

/* Copies the value with its zero. *length_out (may be NULL) is its length without the zero, also when the
 * buffer is too small; buffer NULL with capacity 0 asks for the length alone. TP_ERROR_NOT_FOUND if absent. */
tp_status tp_model_get_metadata(const tp_model *model, const char *key, char *buffer, size_t capacity,
                                size_t *length_out);

/* Keys the model has; 0 for NULL. */
int32_t tp_model_metadata_count(const tp_model *model);

/* Copies the key of number `index`, 0 <= index < tp_model_metadata_count, as tp_model_get_metadata copies a value: in
 * the order of the keys' bytes, so that setting or removing one moves those after it. TP_ERROR_NOT_FOUND for another
 * index. O(length). */
tp_status tp_model_metadata_key(const tp_model *model, int32_t index, char *buffer, size_t capacity,
                                size_t *length_out);

/* Models are kept as safetensors files. Of a perceptron made of widths: layers.0.weight (outputs x inputs),
 * layers.0.bias, layers.1.weight, ... as F32, and in __metadata__ activation, negative_slope, initialization and seed
 * under teleport.*. Of any other net: its tensors by the names and dimensions of tp_model_tensor_name, as F32 and
 * counts as I64, so that PyTorch's load_state_dict takes them into modules of the same names, and in __metadata__ the
 * text under teleport.architecture, initialization and seed. How images are prepared is under teleport.images.*, class
 * names one a line under teleport.classes. The model's own strings stand beside them. A checkpoint
 * of tp_trainer_save is such a file too. Files are little-endian. */

/* Writes the model to the file `path`. What is there stays until all is written, synced and checked, and then gives
 * way at once; on failure it stays as it was. A link is followed to the file that it names; a link to nothing is
 * TP_ERROR_NOT_FOUND and stays one, for what it names is not the library's to make. A folder, a device or a file that
 * may not be written is not replaced. Weights that are not finite are not saved: TP_ERROR_NOT_FINITE. The file is
 * written as `path`.tmp first (.tmp1 to .tmp15 while others write); what a killed process left there, the next save
 * removes. A thread that pthread_cancel ends meanwhile ends after the save. */
tp_status tp_model_save(const tp_model *model, const char *path);

/* A new model from a file. Files of other programs are read where they are those of a plain perceptron, with names
 * as PyTorch gives them: 0.weight, 0.bias, 2.weight, ..., net.0.weight, ..., fc1.weight, fc2.weight, ... The order
 * of the layers is that of numbers, where the names first differ in one; names without numbers (hidden.weight,
 * out.weight) are read where the shapes leave only one order, and are TP_ERROR_UNSUPPORTED with the names where they
 * do not (encoder and decoder fit both ways round). `config` says what such files leave open, activation and
 * negative_slope; NULL means the defaults. A file of this library is read as it says, whatever `config` holds.
 * TP_ERROR_FORMAT for what is no such file, with the reason; TP_ERROR_VERSION for one of a newer format;
 * TP_ERROR_UNSUPPORTED and TP_ERROR_SHAPE_MISMATCH for tensors that make no perceptron. Metadata that
 * tp_model_set_metadata would refuse is left out. The file is not trusted: no content leads to more than an error,
 * and memory is taken only for what is there. */
tp_status tp_model_load(tp_model **out, const char *path, const tp_model_config *config);

/* Takes over the arrays of a file into a model that is there, such as one of a text: those of a state_dict of PyTorch
 * that was saved with safetensors, or of this library. Where the file has all arrays by the model's names, these
 * tell; otherwise its layers are taken in the order of the numbers in their names, as those of nn.Sequential have
 * them (0.weight, 0.bias, 1.running_mean, ...), or in the only order that the shapes allow. Every array must be there
 * and have the dimensions that the model's has, num_batches_tracked may be missing; one that has no place in the model
 * is TP_ERROR_UNSUPPORTED. Errors as of tp_model_load; on failure the model stays as it was. */
tp_status tp_model_load_weights(tp_model *model, const char *path);

/* tp_model_save and tp_model_load in memory. *size_out (may be NULL) is the bytes needed, also when the buffer is too
 * small; buffer NULL with capacity 0 asks for the size alone. capacity and size count bytes; no alignment is needed. */
tp_status tp_model_save_buffer(const tp_model *model, void *buffer, size_t capacity, size_t *size_out);
tp_status tp_model_load_buffer(tp_model **out, const void *data, size_t size,
                               const tp_model_config *config);

typedef enum tp_output {
    TP_OUTPUT_RAW = 0,            /* the last layer's values (logits) */
    TP_OUTPUT_PROBABILITIES = 1   /* their softmax, row by row */
} tp_output;

/* Outputs of `count` samples of x (count x x_width) into outputs (count x last width). count 0 does nothing.
 * Complexity: one forward pass; memory for at most 1,024 samples of activations. */
tp_status tp_model_predict(const tp_model *model, const float *x, int64_t x_width, int64_t count,
                           tp_output kind, float *outputs, size_t capacity);

/* The class with the largest output of each sample, the first of equals. NaN counts as smallest. */
tp_status tp_model_predict_labels(const tp_model *model, const float *x, int64_t x_width, int64_t count,
                                  int32_t *labels, size_t capacity);

/* ======================================================================================================
 * 5  Data sets
 * ==================================================================================================== */

/* Samples owned by the library, read-only once made, so one set may serve many threads. Images stay uint8 in
 * memory, or in their files (TP_KEEP_PATHS); a sample becomes float, (pixel / 255 - mean[c]) / std[c], when it
 * is drawn. */
typedef struct tp_dataset tp_dataset;

/* From arrays that are copied: x is count x x_width; labels hold 0 .. class_count - 1 (class_count 0: the
 * largest label + 1; at most 2^24). Values must be finite. */
tp_status tp_dataset_from_labels(tp_dataset **out, const float *x, int64_t x_width,
                                 const int32_t *labels, int64_t count, int32_t class_count);

/* The same with targets, count x target_width. */
tp_status tp_dataset_from_targets(tp_dataset **out, const float *x, int64_t x_width,
                                  const float *targets, int64_t target_width, int64_t count);

typedef enum tp_bad_image {
    TP_BAD_IMAGE_FAIL = 0,        /* the first bad file in data-set order ends the call with its name */
    TP_BAD_IMAGE_SKIP = 1         /* bad files are left out and listed with tp_dataset_skipped */
} tp_bad_image;

typedef enum tp_resampling {
    TP_RESAMPLING_BILINEAR = 0,   /* pixel centres at half-integers, edges repeated */
    TP_RESAMPLING_AREA = 1        /* mean over the area that a target pixel covers; for shrinking */
} tp_resampling;

typedef enum tp_keep {
    TP_KEEP_PIXELS = 0,           /* all images of the set stay decoded in memory */
    TP_KEEP_PATHS = 1             /* an image is read from its file whenever it is drawn, for sets that do not fit; see
                                     tp_dataset_from_image_folder */
} tp_keep;

typedef struct tp_image_config {
    size_t struct_size;

    /* What the samples become. */
    int32_t channels;             /* 1 grey, 3 RGB, 4 RGBA; 0 (default): as the first image has */
    int32_t height;               /* both 0 (default): as the first image, and another size is a bad image; */
    int32_t width;                /*   both set, at most 65,535: every image is resampled to it */
    int32_t resampling;           /* tp_resampling; default BILINEAR */
    int32_t background[3];        /* 0 .. 255, R G B, under transparent pixels when alpha is dropped; black */

    /* What is refused. */
    int32_t bad_image;            /* tp_bad_image; default FAIL */
    int32_t max_width;            /* larger images are bad, before memory is taken; default 65,535 */
    int32_t max_height;           /* default 65,535 */
    int64_t max_pixels;           /* width * height; default 2^26, at most 2^46 */
    int64_t max_chunk_bytes;      /* memory libpng may take for one chunk; default 8 MiB */

    /* The floats that pixels become. */
    float mean[4];                /* per channel, default 0 */
    float std[4];                 /* per channel, positive, default 1 */

    /* Classes of a folder. */
    int32_t flat;                 /* 1: path holds images without classes, for prediction; default 0 */
    int32_t allow_empty_classes;  /* 1: a class without images, or of bad ones alone, is kept; 0 (default): an error */
    int32_t nested_classes;       /* 1: a class may hold folders alone, whose images are its own; 0 (default): an
                                     error */
    int32_t reserved;
    const char *const *class_names; /* class_count names that fix the classes and their order, so that test/ */
    size_t class_count;             /*   is read with the classes of train/; NULL and 0: the folder's own */

    /* What stays in memory, of a folder or of image files. */
    int32_t keep;                 /* tp_keep; default PIXELS */
    int32_t normalize;            /* 1: mean and std are those of the images read, as tp_dataset_normalized gives
                                     them, and none are given; default 0 */
    int64_t keep_bytes;           /* PATHS: memory for decoded images, at least one; default 2^28 */
} tp_image_config;

tp_status tp_image_config_init(tp_image_config *config, size_t struct_size);

/* Called on the calling thread now and then while a long call works, between two of its images at the latest;
 * `total` may grow while folders are listed. Anything but 0 stops the call: TP_STOPPED, and no data set is made. */
typedef int32_t (*tp_progress_callback)(int64_t done, int64_t total, void *user_data);

/* Reads a folder of PNG images as torchvision's ImageFolder does: one sub-directory a class, classes sorted by
 * bytes, files found recursively and sorted by path, `.png` in any case. Names that begin with `.` are skipped;
 * links are followed and a folder is entered once; a FIFO, socket, device or dangling link named .png is a bad
 * image, as is a file that cannot be decoded. A class folder that class_names does not name is TP_ERROR_NOT_FOUND.
 * So is a class that holds folders and no image, unless nested_classes is set: `path` is then likely a root with
 * train/ and test/, whose classes lie one level down.
 * Every PNG type is read: 1 to 16 bits, grey, RGB, palette, alpha,
 * interlaced; tRNS counts as alpha; gAMA, iCCP and sRGB are ignored. On stored values, in integers:
 *   16 to 8 bits    (v * 255 + 32895) >> 16; fewer than 8 bits are scaled to 0 .. 255
 *   over background (a * c + (255 - a) * background + 127) / 255
 *   RGB to grey     (19595 R + 38470 G + 7471 B + 32768) >> 16
 * A file whose first chunk is not IHDR, or whose image data go on more than 8 KiB after the last row, is bad. Where
 * height and width are set and memory cannot hold all images in that size, the call is TP_ERROR_OUT_OF_MEMORY
 * before any is decoded. Decoding runs on all threads. progress may be NULL.
 * With TP_KEEP_PATHS the folder is listed and the first image read, which decides what all become; with
 * TP_BAD_IMAGE_SKIP every image is decoded once, to know which are left out, and with normalize too. Samples are
 * the same to the bit as with TP_KEEP_PIXELS. Whatever draws them (runs, evaluations, tp_dataset_get) decodes them
 * on all threads, runs ahead of their steps. keep_bytes bounds the memory for decoded images, whoever draws: the
 * images that are read first stay as far as it reaches. Beside it each thread that decodes has one image in the size
 * of its file and one of the set's. A file that cannot be read when it is drawn ends that call with an error that
 * names it, as TP_BAD_IMAGE_FAIL does here; a run then stands before that mini-batch, and another run goes on there
 * once the file is back. */
tp_status tp_dataset_from_image_folder(tp_dataset **out, const char *path,
                                       const tp_image_config *config, tp_progress_callback progress,
                                       void *user_data);

/* Reads the `count` image files named, in this order, without labels. */
tp_status tp_dataset_from_image_files(tp_dataset **out, const char *const *paths, size_t count,
                                      const tp_image_config *config, tp_progress_callback progress,
                                      void *user_data);

/* Images in memory: pixels is count x shape[0] channels (1 to 4) x shape[1] height x shape[2] width, copied;
 * labels may be NULL. Of config, mean, std and class_names are used. */
tp_status tp_dataset_from_pixels(tp_dataset **out, const uint8_t *pixels, const int32_t *shape,
                                 const int32_t *labels, int64_t count, const tp_image_config *config);

/* MNIST's own format, plain or gzip: images (unsigned bytes; count, height, width) and labels (may be NULL).
 * Of config, mean, std and class_names are used. */
tp_status tp_dataset_from_idx(tp_dataset **out, const char *images_path, const char *labels_path,
                              const tp_image_config *config);

/* Splits a set in two without copying samples: the second gets round(fraction * count) samples, at least one
 * and not all; stratified 1 takes the fraction of every class and needs labels. Both keep the order of the source;
 * its list of skipped files stays with it. */
tp_status tp_dataset_split(tp_dataset **first_out, tp_dataset **second_out, const tp_dataset *dataset,
                           double fraction, int32_t stratified, uint64_t seed);

/* A new set with the same samples, which it shares, and a weight for each: `count` values, as many as it has samples,
 * finite, not negative and not all 0. weights NULL with count 0: 1 each. Runs and teleports weigh the samples by them
 * as a batch's weights do, tp_model_evaluate its loss; sets made from this one keep them. Samples of weight 0 count for
 * nothing but accuracy, confusion matrix and what layers average over a batch. O(count). */
tp_status tp_dataset_with_weights(tp_dataset **out, const tp_dataset *dataset, const float *weights, size_t count);

/* A set of the samples at `indices`, each 0 .. tp_dataset_count - 1, in this order; one may come again. Like every set
 * made from another it shares the samples, and may outlive its source. */
tp_status tp_dataset_subset(tp_dataset **out, const tp_dataset *dataset, const int64_t *indices, int64_t count);

/* A set of `count` samples drawn without putting back, in random order; 0: all. For a teleport of a loop of one's own,
 * say, with the step as the seed. Complexity: O(samples of the source). */
tp_status tp_dataset_shuffled(tp_dataset **out, const tp_dataset *dataset, int64_t count, uint64_t seed);

/* A set of the same images, whose floats have mean 0 and standard deviation 1 over the samples of `reference`, by
 * channel; a channel that is the same in all pixels keeps its size. `reference` is the training set, for itself and
 * for what it is measured on; NULL: `dataset` itself. TP_ERROR_UNSUPPORTED for arrays, TP_ERROR_SHAPE_MISMATCH for
 * another number of channels. Complexity: tp_dataset_channel_statistics of the reference. */
tp_status tp_dataset_normalized(tp_dataset **out, const tp_dataset *dataset, const tp_dataset *reference);

void tp_dataset_free(tp_dataset *dataset);

/* Samples and classes; 0 for NULL. class_count is 0 without labels. */
int64_t tp_dataset_count(const tp_dataset *dataset);
int32_t tp_dataset_class_count(const tp_dataset *dataset);

/* Shape of one sample; arrays of numbers have 1 x 1 x x_width. Each output may be NULL. */
tp_status tp_dataset_sample_shape(const tp_dataset *dataset, int32_t *channels_out, int32_t *height_out,
                                  int32_t *width_out);

/* Values a target has; 0 when the set has labels or nothing. */
int64_t tp_dataset_target_width(const tp_dataset *dataset);

/* Name of a class, or NULL when there is none. Lives as long as the set. */
const char *tp_dataset_class_name(const tp_dataset *dataset, int32_t index);

/* File that a sample was read from, or NULL. Lives as long as the set. */
const char *tp_dataset_sample_path(const tp_dataset *dataset, int64_t index);

/* Copies samples first .. first + count - 1, converted to float, into x (count x sample width), and their
 * labels or targets. Each part may be NULL with capacity 0. Asking for labels or targets that the set does not
 * have is TP_ERROR_INVALID_ARGUMENT. */
tp_status tp_dataset_get(const tp_dataset *dataset, int64_t first, int64_t count, float *x,
                         size_t x_capacity, int32_t *labels, size_t labels_capacity);
tp_status tp_dataset_get_targets(const tp_dataset *dataset, int64_t first, int64_t count, float *targets,
                                 size_t capacity);

/* Weights of samples first .. first + count - 1; 1 each where the set has none. */
tp_status tp_dataset_get_weights(const tp_dataset *dataset, int64_t first, int64_t count, float *weights,
                                 size_t capacity);

/* How images are changed as mini-batches are gathered, in this order: a part is resized to the whole (linearly, to
 * bytes), mirrored, moved. What becomes of a sample is a function of seed, epoch and sample alone, whatever the
 * threads, the order and the pauses; the sample counts as in the set that was read, also in what is made from that
 * set. */
typedef struct tp_augment_config {
    size_t struct_size;
    double flip;                  /* probability of a mirror image, left to right; 0 (default) .. 1 */
    double flip_vertical;         /* the same, top to bottom */
    double crop;                  /* smallest part of the area that is cut out, up to 1, each as likely; default 1: no
                                     crop */
    double stretch;               /* sides of the part differ from the image's ratio by a factor of up to this, at most
                                     100; default 1 */
    int32_t shift;                /* longest move along each axis in pixels, both ways, each as likely; black comes in.
                                     Below both sides; default 0 */
    int32_t reserved;
    uint64_t seed;                /* of tp_dataset_gather; a run takes its own seed and the trainer's epoch instead */
    int64_t epoch;                /*   default 0 */
} tp_augment_config;

tp_status tp_augment_config_init(tp_augment_config *config, size_t struct_size);

/* As tp_dataset_get and tp_dataset_get_targets, for the samples at `indices` (count, each 0 .. tp_dataset_count - 1),
 * which may be NULL where count is 0. augment NULL: images as they are; for arrays it is TP_ERROR_UNSUPPORTED. */
tp_status tp_dataset_gather(const tp_dataset *dataset, const int64_t *indices, int64_t count,
                            const tp_augment_config *augment, float *x, size_t x_capacity, int32_t *labels,
                            size_t labels_capacity);
tp_status tp_dataset_gather_targets(const tp_dataset *dataset, const int64_t *indices, int64_t count, float *targets,
                                    size_t capacity);

/* Mean and standard deviation of pixel / 255 by channel over all pixels of all samples, from exact sums. Each of mean
 * and std has room for `capacity` channels. TP_ERROR_UNSUPPORTED for arrays. Complexity: one look at every pixel, and
 * with TP_KEEP_PATHS the decoding of what is not kept. */
tp_status tp_dataset_channel_statistics(const tp_dataset *dataset, float *mean, float *std, size_t capacity);

/* The mean and std that the set's floats are made with, given or measured, as for another set that is to be read alike.
 * Buffers and errors are those of tp_dataset_channel_statistics. */
tp_status tp_dataset_normalization(const tp_dataset *dataset, float *mean, float *std, size_t capacity);

/* Samples of each class, in the order of the labels: tp_dataset_class_count numbers. Complexity: O(samples). */
tp_status tp_dataset_class_counts(const tp_dataset *dataset, int64_t *counts, size_t capacity);

/* A text for people, a line each: samples and shape, mean and std and whether they were measured, weights, the classes
 * in the order of their labels with their counts (the first 1,000), files left out. *length_out (may be NULL) is its
 * length without the zero, also when the buffer is too small; buffer NULL with capacity 0 asks for the length alone. */
tp_status tp_dataset_summary(const tp_dataset *dataset, char *buffer, size_t capacity, size_t *length_out);

/* Files left out with TP_BAD_IMAGE_SKIP, in data-set order, each with its reason. */
int64_t tp_dataset_skipped_count(const tp_dataset *dataset);
tp_status tp_dataset_skipped(const tp_dataset *dataset, int64_t index, const char **path_out,
                             const char **reason_out);

/* Decodes one file to channels x height x width bytes. shape_out gets {channels, height, width} first, also
 * when the buffer is too small; pixels NULL with capacity 0 asks for the shape alone. */
tp_status tp_image_load(const char *path, const tp_image_config *config, uint8_t *pixels,
                        size_t capacity, int32_t *shape_out);

/* A model keeps how its images are prepared (channels, size, mean and std, resampling, background) and the names of its
 * classes, and so does its file: what is predicted from PNG files then needs nothing else. The first tp_trainer_run
 * over images sets it from `train`; so do the two calls below. From then on a set of images that is prepared otherwise,
 * or whose classes have other names, is TP_ERROR_UNSUPPORTED in tp_trainer_run, tp_model_evaluate and
 * tp_model_confusion_matrix, with a sentence that says both. Arrays are not asked, nor is resampling where one side's
 * images had their size, nor are names where one side has none. */

/* Sets it from a data set, for loops of a host's own; dataset NULL: the model forgets it, and the next run sets it
 * anew. TP_ERROR_UNSUPPORTED for arrays; TP_ERROR_SHAPE_MISMATCH where the model takes other images or has fewer
 * outputs than there are names. O(classes). */
tp_status tp_model_set_images(tp_model *model, const tp_dataset *dataset);

/* Sets it from a config: channels, height and width (0: those of the model's own input, where that is an image),
 * mean, std, resampling, background and class_names are used. Of weights that come from elsewhere, say. */
tp_status tp_model_set_image_config(tp_model *model, const tp_image_config *config);

/* Fills in the config by which image sets are read as the model's are: its class_names live until the model is freed or
 * gets others. The caller sets config_out->struct_size first (tp_image_config_init does). TP_ERROR_BAD_STATE where the
 * model has nothing of its images. O(1). */
tp_status tp_model_get_image_config(const tp_model *model, tp_image_config *config_out);

/* Name of the class that output `index` stands for, or NULL where there is none. Lives as class_names above do. */
const char *tp_model_class_name(const tp_model *model, int32_t index);

/* Predicts the `count` PNG files named, prepared as the model keeps it; of another size, they are resampled, bilinearly
 * where its own images were not. labels (count) gets the class with the largest output of each, outputs (count x last
 * width) what tp_model_predict gives; each may be NULL with capacity 0. count 0 does nothing. A file that cannot be
 * read ends the call with an error that names it, the first in order; to leave such out, read a set with
 * tp_model_get_image_config and TP_BAD_IMAGE_SKIP. TP_ERROR_BAD_STATE where the model has nothing of its images. Files
 * are decoded on all threads; memory for the paths, at most 1,024 images and their activations. */
tp_status tp_model_predict_images(const tp_model *model, const char *const *paths, size_t count, tp_output kind,
                                  float *outputs, size_t outputs_capacity, int32_t *labels, size_t labels_capacity);

/* ======================================================================================================
 * 6  Measuring
 * ==================================================================================================== */

/* The loss of the batch; one that is not finite is reported as it is, with TP_OK. Complexity: one forward pass. */
tp_status tp_model_loss(const tp_model *model, const tp_batch *batch, tp_loss loss, double *loss_out);

/* The gradient of the loss in the order of tp_model_get_parameters; loss_out may be NULL.
 * Complexity: one forward and one backward pass. */
tp_status tp_model_gradient(const tp_model *model, const tp_batch *batch, tp_loss loss, float *gradient,
                            size_t capacity, double *loss_out);

/* The Hessian of the loss times v (Pearlmutter's forward-over-reverse pass), both in the order of
 * tp_model_get_parameters. v must be finite, and the results in `product` may not overlap it. At the kinks of RELU and
 * LEAKY_RELU the second derivative counts as 0. Complexity: about three gradients, and memory for one batch's
 * activations twice. */
tp_status tp_model_hessian_vector_product(const tp_model *model, const tp_batch *batch, tp_loss loss,
                                          const float *v, size_t count, float *product, size_t capacity);

typedef struct tp_metrics {
    size_t struct_size;
    double loss;          /* over the whole set, by its samples' weights */
    double accuracy;      /* correct / count, whatever the weights; NaN for targets */
    int64_t correct;      /* samples whose label is predicted; 0 for targets */
    int64_t count;
} tp_metrics;

tp_status tp_metrics_init(tp_metrics *metrics, size_t struct_size);

/* Loss and accuracy over a data set; the caller sets metrics_out->struct_size first (tp_metrics_init does). A part of a
 * set whose weights are all 0 is TP_ERROR_INVALID_ARGUMENT. */
tp_status tp_model_evaluate(const tp_model *model, const tp_dataset *dataset, tp_loss loss,
                            tp_metrics *metrics_out);

/* counts[t * k + p]: samples of class t that are predicted as p, k the model's last width. Labels of k or more
 * are TP_ERROR_SHAPE_MISMATCH. */
tp_status tp_model_confusion_matrix(const tp_model *model, const tp_dataset *dataset, int64_t *counts,
                                    size_t capacity);

/* What a confusion matrix says of each class c: counts are class_count x class_count, as above, none negative.
 *   precision[c]  counts[c * k + c] / sum over t of counts[t * k + c]      NaN where no sample is predicted as c
 *   recall[c]     counts[c * k + c] / sum over p of counts[c * k + p]      NaN where no sample is of class c
 *   f1[c]         2 * counts[c * k + c] / (both sums)                      NaN where both are 0
 * Each output has class_count values and may be NULL; capacity is that of each. O(class_count^2). */
tp_status tp_confusion_metrics(const int64_t *counts, size_t class_count, double *precision, double *recall, double *f1,
                               size_t capacity);

/* ======================================================================================================
 * 7  Teleports
 * ==================================================================================================== */

/* Which symmetry moves the weights. */
typedef enum tp_group {
    /* Positive scaling of every hidden unit: row i of W_m and b_m times exp(s), column i of W_(m+1) times
     * exp(-s). For LEAKY_RELU, RELU and IDENTITY. Keeps the network's function for every input. */
    TP_GROUP_SCALING = 0,
    /* GL(k) on a hidden layer, through the samples of a batch (arXiv 2205.10637, equation 8, anchored form):
     * W_(m+1) times g^-1, W_m plus (f^-1(g f(z_m)) - z_m) h^+, h the layer's input. For LEAKY_RELU with a slope,
     * SIGMOID, TANH and IDENTITY (exact for every input there). Keeps the loss where the batch has no more
     * samples than the layer has inputs, and elsewhere only as far as the samples speak for others. So
     * TP_LAYER_ALL and TP_LAYER_RANDOM leave out layers with fewer inputs than samples where another has enough;
     * the report names the layer when one is left. ASCENT and LOOKAHEAD move by the Cayley transform of T,
     * (I - T/2)^-1 (I + T/2), which is exp T to second order. Of a net that is no perceptron: the dense layers in a
     * row that it ends with, of which `layer` may name a hidden one; what comes before them stays. */
    TP_GROUP_LINEAR = 1,
    /* Moves that no sample of the batch sees: the objective's derivative by W_m, projected on the null space of the
     * layer's inputs (arXiv 2502.11362). For every activation. Needs fewer samples, those held out not counted, than
     * some hidden layer has units (or samples that span fewer directions there, see null_tolerance), otherwise
     * TP_TELEPORT_NO_ROOM. Moves what comes after hidden layers; the first layer stays, however many inputs it has:
     * its derivative lies in the span of the samples. Of a net that is no perceptron: the dense layers in a row that
     * it ends with. */
    TP_GROUP_NULL_SPACE = 2,
    /* Experimental. Steps along the objective's derivative orthogonal to grad L, corrected back to the level set of
     * the batch's loss (arXiv 2403.03362). For every activation. */
    TP_GROUP_LEVEL_SET = 3,
    /* Of a trainer's coordinates instead of its model: section 8, "Frames". tp_model_teleport and
     * tp_model_check_teleport: TP_ERROR_UNSUPPORTED. tp_trainer_teleport makes new frames from the batch's inputs,
     * those of the trainer's frames if it has any; search, objective and the other fields have no meaning for it.
     * Loss and outputs do not change by one bit. In the report: `condition` the largest of what was inverted for a
     * frame, `refused` the layers without a new one, `rank` the least rank of a C, gradient_norm2_before and _after
     * |grad L|^2 by the old and the new coordinates. Complexity: two refreshes, and two times the eigenvalues of a
     * matrix of min(samples, values read) rows a layer. */
    TP_GROUP_FRAME = 4
} tp_group;

/* How the element is found. phi is the squared norm of the loss gradient, |grad L|^2. */
typedef enum tp_search {
    /* Real training steps from a ladder of elements along the ascent's direction, on copies of the weights and
     * the optimizer's state, on half of the samples; the loss on the other half decides, and staying is always
     * a candidate. Under 64 samples both halves are the whole batch, and the report says so. */
    TP_SEARCH_LOOKAHEAD = 0,
    /* Ascent (or descent) of the objective within the radius. For the scaling group phi is known in closed
     * form after one gradient and convex, so steepest ascent ends in a corner of the box |s| <= radius. */
    TP_SEARCH_ASCENT = 1,
    /* The best of `candidates` random elements by the true objective at the moved weights, staying included. For
     * SCALING (s uniform in the box) and LINEAR (see tp_sampler). Where candidates of LINEAR move one layer and could
     * follow exactly, they are ranked from one pass over the batch, and only the best are moved and measured until one
     * holds. */
    TP_SEARCH_RANDOM = 2
} tp_search;

/* How RANDOM draws elements of the LINEAR group. */
typedef enum tp_sampler {
    TP_SAMPLER_EXPONENTIAL = 0,         /* exp(T), T of normal entries with joint Frobenius norm `radius` */
    TP_SAMPLER_DIAGONALLY_DOMINANT = 1  /* of the notebook baubels/gradient_teleportation: entries U[0, 1), each
                                           diagonal entry the sum of its row, Frobenius norm 1 */
} tp_sampler;

/* What the element is chosen for. */
typedef enum tp_objective {
    TP_OBJECTIVE_GRADIENT_NORM_MAXIMIZE = 0,
    TP_OBJECTIVE_GRADIENT_NORM_MINIMIZE = 1,
    /* Mean loss over random perturbations of the weights (arXiv 2305.13404, section 5). */
    TP_OBJECTIVE_SHARPNESS_MAXIMIZE = 2,
    TP_OBJECTIVE_SHARPNESS_MINIMIZE = 3,
    /* Experimental. Mean curvature of the group's curves exp(t M) . W at t = 0 (arXiv 2305.13404, equation 47). For
     * SCALING and LINEAR with RANDOM: it has no derivative here. */
    TP_OBJECTIVE_CURVATURE_MAXIMIZE = 4,
    TP_OBJECTIVE_CURVATURE_MINIMIZE = 5,
    /* The loss after a rollout, for RANDOM with at most 256 candidates. */
    TP_OBJECTIVE_LOOKAHEAD = 6,
    /* Of the weights alone: the batch takes part in the guard, gradient norms of the report are NaN. For SCALING with
     * ASCENT; PATH_CONDITIONING on hidden layers in a row whose activations all let factors through (LEAKY_RELU, RELU,
     * IDENTITY), else TP_ERROR_UNSUPPORTED. One unit or channel after the other goes to its best factor, a closed form,
     * for at most `steps` sweeps or until no ln factor changes by 1e-9. With `exact` the factors are rounded to powers
     * of two at the end; where that gains nothing the weights stay.
     *
     * PATH_CONDITIONING (arXiv 2602.19799) minimizes n ln(sum_i g_i exp(e_i)) - sum_i e_i over the n parameters:
     * parameter i is multiplied by exp(-e_i / 2), and g_i is the derivative by u_i of the summed outputs where each
     * parameter is replaced by its square u, each input by 1 and each activation by the identity. O(parameters), then
     * O(units) a sweep.
     * EQUAL_NORMS (arXiv 1902.10416) minimizes the sum of squared parameters: what feeds a channel, its bias included,
     * and what reads from it come to equal norms. Nets that differ by a scaling end at the same weights. O(parameters)
     * a sweep. */
    TP_OBJECTIVE_PATH_CONDITIONING = 7,
    TP_OBJECTIVE_EQUAL_NORMS = 8
} tp_objective;

/* What becomes of the optimizer's state. Plain SGD has none. */
typedef enum tp_state_policy {
    TP_STATE_KEEP = 0,
    TP_STATE_RESET = 1,          /* as if the optimizer had just been made */
    TP_STATE_TRANSFORM = 2       /* averages move as gradients do, averages of squares as their squares; SCALING */
} tp_state_policy;

/* Values of tp_teleport_config.layer besides a hidden layer's number. */
enum {
    TP_LAYER_ALL = -1,
    TP_LAYER_RANDOM = -2         /* another one for each candidate of RANDOM */
};

typedef struct tp_teleport_config {
    size_t struct_size;
    int32_t group;               /* tp_group; default SCALING */
    int32_t search;              /* tp_search; default LOOKAHEAD */
    int32_t objective;           /* tp_objective; default GRADIENT_NORM_MAXIMIZE */
    int32_t state;               /* tp_state_policy; default KEEP */

    /* What moves, and how far. */
    int32_t layer;               /* hidden layer to move, TP_LAYER_ALL (default) or TP_LAYER_RANDOM */
    int32_t exact;               /* 1: factors are powers of two, and no output changes by one bit; default 0 */
    double radius;               /* largest step, 0 < radius <= 16; 0 (default): the group's own.
                                    SCALING: bound on |s|, 1; for PATH_CONDITIONING and EQUAL_NORMS 16.
                                    LINEAR: joint Frobenius norm of T, 0.3.
                                    NULL_SPACE, LEVEL_SET: norm of the step / norm of the weights, 0.05.
                                    LOOKAHEAD tries -1, -0.5, -0.25, 0.25, 0.5, 0.75, 1, 1.5 and 2 times it */
    double null_tolerance;       /* of NULL_SPACE: singular values of a layer's input under this share of the
                                    largest count as zero; below 1; default 1e-6 */

    /* Of ASCENT. */
    int32_t steps;               /* 1 to 10,000; 0 (default): 50 for SCALING by gradient norm, 1,000 sweeps for
                                    PATH_CONDITIONING and EQUAL_NORMS, else 10 */

    /* Of RANDOM. */
    int32_t candidates;          /* 1 to 1,000,000; default 1,000 */
    int32_t sampler;             /* tp_sampler, with LINEAR; default EXPONENTIAL */
    int32_t reserved;
    uint64_t seed;               /* also of the perturbations and curves of objectives; default 0 */

    /* Of LOOKAHEAD, and of the objective LOOKAHEAD. */
    int32_t rollout_steps;       /* 3 to 10,000; default 30 */
    int32_t rollout_batch;       /* samples a rollout step; default 32 */
    double learning_rate;        /* of the rollouts of tp_model_teleport, which has no optimizer; 0: not given.
                                    A trainer uses its own rate and ignores this. */

    /* Of the objectives SHARPNESS and CURVATURE. */
    int32_t perturbations;       /* of SHARPNESS, for each norm, 1 to 10,000; default 4 */
    int32_t curves;              /* of CURVATURE, 1 to 10,000; default 8 */
    const double *perturbation_norms;  /* at most 10,000, positive; NULL (default): 0.1, 0.3, 0.5, 0.7, 0.9 */
    size_t perturbation_norm_count;

    /* The guard: what a move may change before it is put back. */
    double loss_tolerance;       /* relative, on the batch; default 1e-5 */
    double held_out_tolerance;   /* relative, on held-out samples, for moves that depend on data and whenever
                                    held_out is given; default 0.05; -1: off */
    const tp_batch *held_out;    /* samples that take no part in the search, or NULL; finite */
} tp_teleport_config;

tp_status tp_teleport_config_init(tp_teleport_config *config, size_t struct_size);

/* What a teleport came to. Unless ACCEPTED, weights and optimizer state are as before to the bit. */
typedef enum tp_teleport_outcome {
    TP_TELEPORT_NONE = 0,               /* no teleport was tried */
    TP_TELEPORT_ACCEPTED = 1,
    TP_TELEPORT_STAYED = 2,             /* no candidate was better than staying */
    TP_TELEPORT_LOSS_CHANGED = 3,       /* past loss_tolerance on the batch: put back */
    TP_TELEPORT_HELD_OUT_CHANGED = 4,   /* past held_out_tolerance on held-out samples: put back */
    TP_TELEPORT_NOT_FINITE = 5,         /* NaN or infinity in weights, loss or gradient: put back */
    TP_TELEPORT_UNDONE = 6,             /* accepted, then training diverged within watch_steps: put back */
    TP_TELEPORT_INEXACT = 7,            /* exact was asked for, but a weight left the range of normal floats */
    TP_TELEPORT_NO_ROOM = 8             /* NULL_SPACE: the samples see every change that the objective asks for, as
                                           where there are no fewer of them than hidden units; `rank` says how many
                                           directions they span */
} tp_teleport_outcome;

/* The outcome as a sentence. Static; unknown values give "unknown outcome". */
const char *tp_teleport_outcome_string(tp_teleport_outcome outcome);

/* Everything that was measured. A field that a move does not have is 0, or NaN for a double. "Direction
 * samples" are those that gave the direction: with LOOKAHEAD the first half of the batch, otherwise all. */
typedef struct tp_teleport_report {
    size_t struct_size;
    int32_t accepted;              /* 1 when the weights moved */
    int32_t outcome;               /* tp_teleport_outcome */

    /* What moved. */
    int32_t group;
    int32_t search;
    int32_t layer;                 /* the layer that moved, -1 several or all */
    int32_t rank;                  /* of the layer's input, for moves that depend on data */

    /* The search. */
    int32_t steps;                 /* steps the ascent took; PATH_CONDITIONING, EQUAL_NORMS: sweeps */
    int32_t backtracks;            /* steps taken back on the way */
    int32_t candidates;            /* elements scored, staying included */
    int32_t refused;               /* of these, how many diverged, left the range of floats or did not keep the loss.
                                      Where a RANDOM search of group LINEAR can rank its elements without moving by
                                      them, it moves by them from the best on until one will do, and those that it
                                      does not come to are not among these */
    int32_t halves_shared;         /* 1: the batch was too small to choose and score on different samples */
    int32_t reserved;
    double seconds;                /* wall clock of the whole teleport */
    double radius;                 /* length of the move in the units of the config's radius (ASCENT: all steps
                                      together); LOOKAHEAD: with the ladder's sign. 0: stayed */

    /* What it was for. */
    double gradient_norm2_before;  /* phi on the direction samples */
    double gradient_norm2_after;
    double objective_before;       /* on the direction samples */
    double objective_after;
    double score_before;           /* LOOKAHEAD: loss after the rollout from where the weights are */
    double score_after;            /*   and from where they went */

    /* What the guard saw. */
    double loss_before;            /* on the batch */
    double loss_after;
    double held_out_before;        /* on the held-out samples */
    double held_out_after;
    double output_change;          /* largest change of an output on the batch / the outputs' range there */

    /* The group's element. */
    double condition;              /* largest factor / smallest, or of g in the 2-norm, the worst layer's */
    double input_condition;        /* LINEAR: of the layer's input h, the worst layer's */
    double fit_residual;           /* LINEAR: part of the wanted change of z that no change of W gives, the worst
                                      layer's; 0: exact on the batch */

    /* FRAME, by tp_trainer_teleport: the condition of C by the old and by the new coordinates, the geometric mean over
     * the layers with a frame. tp_trainer_frame_report has them a layer. */
    double condition_before;
    double condition_after;
} tp_teleport_report;

tp_status tp_teleport_report_init(tp_teleport_report *report, size_t struct_size);

/* TP_OK when this config can teleport this model, otherwise TP_ERROR_UNSUPPORTED and a sentence that says why:
 * tanh with the scaling group, ReLU or a convolution with the linear group, no hidden layer, curvature without RANDOM.
 * A bad config is TP_ERROR_INVALID_ARGUMENT as in a teleport. */
tp_status tp_model_check_teleport(const tp_model *model, const tp_teleport_config *config);

/* Searches, moves, checks, and moves back if the check fails: then the report says accepted = 0 and why, and
 * the call still returns TP_OK. report_out may be NULL; otherwise its struct_size is set first
 * (tp_teleport_report_init does). LOOKAHEAD needs config->learning_rate.
 * The guard: |L1 - L0| <= loss_tolerance * |L0| + 1e-7 * largest logit (cross-entropy), or
 * + 1e-6 * RMS of the outputs * sqrt(|L0|) (squared errors). Moves that depend on data (every group but SCALING)
 * are also checked on samples that take no part: config->held_out, or else the last quarter of the batch, against
 * held_out_tolerance. LOOKAHEAD takes its direction from the first half of the rest and scores on the second, so
 * samples should come in random order. Samples of weight 0 count as nothing: the teleport is that of the batch
 * without them, and takes a copy of the others.
 * Source: arXiv 2205.10637, sections 4 and 5; the scaling group's closed form is the library's own.
 * Complexity of ASCENT: one gradient, two forward passes, O(parameters) for the search; of LOOKAHEAD: besides,
 * 10 rollouts, most of them cut short. */
tp_status tp_model_teleport(tp_model *model, const tp_batch *batch, tp_loss loss,
                            const tp_teleport_config *config, tp_teleport_report *report_out);

/* Channels that the scaling group moves, each with a factor of its own: of a perceptron, its hidden units. Channels
 * that layers add up are one, and what reaches the net's inputs or outputs, SIGMOID, TANH or a norm has none. 0 for
 * NULL. O(layers). */
int64_t tp_model_scaling_count(const tp_model *model);

/* For every row of a layer's weights (every output channel), the number of its channel among those of
 * tp_model_scaling_count, or -1 where it does not move. variables has one element a row. log_scale of
 * tp_model_scaling_gradient_norm has the channels in this order. O(layers + rows). */
tp_status tp_model_scaling_variables(const tp_model *model, int32_t layer, int64_t *variables, size_t capacity);

/* Applies given factors to the channels of hidden layer `layer`, 0 <= layer < layer_count - 1: scale has one
 * positive finite factor a channel; what other layers add to them moves together with them. Refused with
 * TP_ERROR_NOT_FINITE, and nothing moves, when a weight would overflow. Refused with TP_ERROR_UNSUPPORTED for channels
 * that do not move, SIGMOID's and TANH's among them; where a norm reads them, the sentence names it. */
tp_status tp_model_apply_scaling(tp_model *model, int32_t layer, const float *scale, size_t count);

/* Acts with g (k x k row-major, k units) on hidden layer `layer`, 0 <= layer < layer_count - 1, through the inputs of
 * `batch`, whose labels and targets are not read; batch may be NULL for IDENTITY. Computed in double, h^+ by
 * Cholesky of the smaller Gram matrix, or by singular values with a cut-off of 1e-6 of the largest where that is
 * ill-conditioned. No guard: compare losses yourself. Refused, and nothing moves: a g without an inverse
 * (TP_ERROR_LINEAR_ALGEBRA); RELU, values that leave the range of SIGMOID or TANH, a g that moves a unit that is
 * saturated on the batch, |z| over 15 (TANH) or 30 (SIGMOID) (TP_ERROR_UNSUPPORTED).
 * Source: arXiv 2205.10637, equation 8. Complexity: O(n inputs min(n, inputs) + k^3). */
tp_status tp_model_apply_linear(tp_model *model, int32_t layer, const float *g, size_t count,
                                const tp_batch *batch);

/* d phi / d T_m at T = 0 for g = exp(T) on every hidden layer of a perceptron (others: TP_ERROR_UNSUPPORTED): gradient
 * gets the k x k matrices row-major, layer after layer. phi_out may be NULL.
 *   d phi / d T_m = 2 [ ((Hv)_m (h^+)^T / f'(z_m)) h_m^T - W_(m+1)^T (Hv)_(m+1) ],   v = grad L
 * Complexity: one Hessian-vector product and a factorization of every hidden layer's input. */
tp_status tp_model_linear_gradient_norm(const tp_model *model, const tp_batch *batch, tp_loss loss,
                                        double *phi_out, double *gradient, size_t capacity);

/* phi(s) of the scaling group and its derivative: log_scale holds s for every hidden unit, layer after layer
 * (the sum of the hidden widths); gradient gets d phi / d s in the same order, apart from log_scale, and may be NULL
 * with capacity 0.
 *   phi(s) = sum over m, i, j of G_m[i,j]^2 exp(2 (s_in[j] - s_out[i])) + bias terms,   G = dL/dW at s = 0
 * Complexity: one gradient of the batch and O(parameters). */
tp_status tp_model_scaling_gradient_norm(const tp_model *model, const tp_batch *batch, tp_loss loss,
                                         const double *log_scale, size_t count, double *phi_out,
                                         double *gradient, size_t capacity);

/* ======================================================================================================
 * 8  Training
 * ==================================================================================================== */

/* Trains one model with one optimizer. Keeps the model: it may be freed while the trainer lives. */
typedef struct tp_trainer tp_trainer;

/* Formulas and defaults are those of torch.optim. G is the gradient of the loss; weight_decay adds weight_decay * W
 * to it, except for ADAMW, which takes learning_rate * weight_decay * W off W instead. */
typedef enum tp_optimizer {
    TP_OPTIMIZER_SGD = 0,         /* W -= learning_rate * G */
    TP_OPTIMIZER_MOMENTUM = 1,    /* M = momentum * M + G; W -= learning_rate * M */
    TP_OPTIMIZER_NESTEROV = 2,    /* M = momentum * M + G; W -= learning_rate * (G + momentum * M) */
    TP_OPTIMIZER_ADAGRAD = 3,     /* S += G^2; W -= learning_rate * G / (sqrt(S) + epsilon) */
    TP_OPTIMIZER_RMSPROP = 4,     /* S = alpha * S + (1 - alpha) * G^2; step as ADAGRAD */
    TP_OPTIMIZER_ADAM = 5,        /* M, S averages of G and G^2 by beta1, beta2, bias-corrected;
                                     W -= learning_rate * M / (sqrt(S) + epsilon) */
    TP_OPTIMIZER_ADAMW = 6,
    TP_OPTIMIZER_DOG = 7          /* r = max(r, |W - W_0|); S += |G|^2; W -= r / sqrt(S) * G, for each layer by itself:
                                     no rate to choose, learning_rate and schedule have no meaning */
} tp_optimizer;

/* An average of the weights, which is what tp_trainer_averaged_model gives and tp_trainer_run validates. A trainer that
 * averages weights is teleported by TP_GROUP_FRAME alone; other groups are TP_ERROR_UNSUPPORTED. */
typedef enum tp_average {
    TP_AVERAGE_DEFAULT = 0,       /* POLYNOMIAL for DOG, else NONE */
    TP_AVERAGE_NONE = 1,
    TP_AVERAGE_POLYNOMIAL = 2,    /* x_avg += 9 / (t + 9) * (W - x_avg) after step t */
    TP_AVERAGE_SCHEDULE_FREE = 3  /* of SGD and ADAMW (arXiv 2405.15682): steps go to z, x is their average by
                                     learning_rate^2, and gradients are taken at W = (1 - beta) z + beta x, beta
                                     momentum for SGD and beta1 for ADAMW */
} tp_average;

typedef struct tp_optimizer_config {
    size_t struct_size;
    int32_t optimizer;            /* tp_optimizer; default SGD */
    int32_t reserved;
    double learning_rate;         /* finite, >= 0; default 0.01 */
    double momentum;              /* of MOMENTUM and NESTEROV, [0, 1); default 0.9 */
    double beta1;                 /* of ADAM and ADAMW, [0, 1); default 0.9 */
    double beta2;                 /* default 0.999 */
    double alpha;                 /* of RMSPROP, [0, 1); default 0.99 */
    double epsilon;               /* >= 0; -1 (default): 1e-10 for ADAGRAD, 1e-8 for the others */
    double weight_decay;          /* >= 0; -1 (default): 0.01 for ADAMW, 0 for the others */
    double clip_norm;             /* gradients longer than this are shortened to it; 0 (default): none are */
    double initial_radius;        /* of DOG: the first r in units of 1 + |W_0|; 0 (default): 1e-6 */
    int32_t dog_layerwise;        /* of DOG: 1 (default) r and S for each layer, 0 one of each for all */
    int32_t average;              /* tp_average; default DEFAULT */
    double label_smoothing;       /* of CROSS_ENTROPY, [0, 1); default 0. The trainer's loss is then
                                     sum_i a_i * sum_j q_ij * -ln softmax(o_i)[j] / A, q_ij = label_smoothing / k and
                                     1 - label_smoothing more at j = label_i: in steps and runs, its teleports, and in
                                     tp_trainer_loss, _gradient and _hessian_vector_product. Validation and tp_model_*
                                     know the plain loss */
} tp_optimizer_config;

tp_status tp_optimizer_config_init(tp_optimizer_config *config, size_t struct_size);

tp_status tp_trainer_create(tp_trainer **out, tp_model *model, tp_loss loss,
                            const tp_optimizer_config *config);

/* What it was made with; epsilon and weight_decay as they are in use, learning_rate as it was set last. loss_out
 * and config_out may be NULL; config_out needs its struct_size. */
tp_status tp_trainer_get_config(const tp_trainer *trainer, tp_loss *loss_out,
                                tp_optimizer_config *config_out);

void tp_trainer_free(tp_trainer *trainer);

/* One training step on the host's arrays; the batch, of at most 2^31 - 1 samples, is used whole. loss_out, the loss
 * before the step, may be NULL. When the loss, an error, or the weights or averages after the step are not finite:
 * TP_ERROR_NOT_FINITE, and the weights are those of the step before; the message names the sample whose numbers are not
 * finite or, in divergence, the learning rate. The same batch gives the same weights, to the bit, as a step of
 * tp_trainer_run on these samples.
 * Complexity: one forward and one backward pass; allocates nothing once a batch of this size has been seen, but for
 * a copy of weights and averages when a gradient is first larger than 2^50. */
tp_status tp_trainer_step(tp_trainer *trainer, const tp_batch *batch, double *loss_out);

/* One step of the optimizer with a gradient from the host, in the order of tp_model_get_parameters. A gradient
 * that is not finite, or leads to weights or averages that are not, is refused with TP_ERROR_NOT_FINITE and nothing
 * changes. */
tp_status tp_trainer_apply_gradient(tp_trainer *trainer, const float *gradient, size_t count);

/* The loss that the trainer trains, its gradient, and its Hessian times v, as tp_model_loss, tp_model_gradient and
 * tp_model_hessian_vector_product (section 6): they differ where there is label_smoothing. Weight decay and clip_norm
 * are the optimizer's and no part of it. */
tp_status tp_trainer_loss(const tp_trainer *trainer, const tp_batch *batch, double *loss_out);
tp_status tp_trainer_gradient(const tp_trainer *trainer, const tp_batch *batch, float *gradient, size_t capacity,
                              double *loss_out);
tp_status tp_trainer_hessian_vector_product(const tp_trainer *trainer, const tp_batch *batch, const float *v,
                                            size_t count, float *product, size_t capacity);

/* Teleports the trainer's model: rollouts use a copy of its optimizer at its learning rate. The state before
 * an accepted teleport is kept for tp_trainer_undo_teleport until the next accepted one. */
tp_status tp_trainer_teleport(tp_trainer *trainer, const tp_batch *batch,
                              const tp_teleport_config *config, tp_teleport_report *report_out);

/* Puts weights and optimizer state back, to the bit, to where they were before the last accepted teleport;
 * steps taken since are lost, counters and learning rate stay. Teleports of a run that follow each other within
 * watch_steps are undone together. TP_ERROR_BAD_STATE when there is none. */
tp_status tp_trainer_undo_teleport(tp_trainer *trainer);

/* Ends an epoch of a loop of the host's own: tp_trainer_epoch counts it, checkpoints keep the count, and the next run
 * begins with the epoch after it, its shuffle and its teleports. No weight moves. Where a run was stopped within an
 * epoch, what is left of that is not trained: the next run begins a new one. TP_ERROR_BAD_STATE inside a callback of
 * the trainer. O(1). */
tp_status tp_trainer_end_epoch(tp_trainer *trainer);

/* Epochs completed, by runs and by tp_trainer_end_epoch, and steps taken; 0 for NULL. */
int64_t tp_trainer_epoch(const tp_trainer *trainer);
int64_t tp_trainer_step_count(const tp_trainer *trainer);

/* The rate of the next step, after the schedule; NaN for NULL and inside the rate callback. */
double tp_trainer_learning_rate(const tp_trainer *trainer);

/* Sets the rate that the schedule starts from. */
tp_status tp_trainer_set_learning_rate(tp_trainer *trainer, double learning_rate);

/* How the rate goes over the trainer's steps, counted from its creation. t counts from the end of the warm-up. */
typedef enum tp_schedule {
    TP_SCHEDULE_CONSTANT = 0,
    TP_SCHEDULE_STEP = 1,         /* times factor^(t / interval), rounded down */
    TP_SCHEDULE_COSINE = 2,       /* times floor + (1 - floor) (1 + cos(pi t / interval)) / 2; floor after that */
    TP_SCHEDULE_CALLBACK = 3      /* rate(step, base rate, user_data) */
} tp_schedule;

/* The rate of step `step` (from 0). Must be finite and not negative, or the step fails. Runs on the thread that
 * trains, and when the rate is asked for; lives as long as the trainer. Inside it trainer and model may be read,
 * saved and cloned; what would change either, the learning rate and the schedule included, is TP_ERROR_BAD_STATE, and
 * tp_trainer_learning_rate of this trainer is NaN. The call that asked goes on as if nothing had been tried. */
typedef double (*tp_rate_callback)(int64_t step, double base_rate, void *user_data);

typedef struct tp_schedule_config {
    size_t struct_size;
    int32_t schedule;             /* tp_schedule; default CONSTANT */
    int32_t reserved;
    int64_t warmup_steps;         /* the rate grows from 1 / warmup_steps of its value to all of it; default 0 */
    int64_t interval;             /* steps; default 1,000 */
    double factor;                /* of STEP, positive; default 0.1 */
    double floor;                 /* of COSINE, 0 to 1; default 0 */
    tp_rate_callback rate;        /* of CALLBACK */
    void *user_data;
} tp_schedule_config;

tp_status tp_schedule_config_init(tp_schedule_config *config, size_t struct_size);

/* Without a call the rate is constant. */
tp_status tp_trainer_set_schedule(tp_trainer *trainer, const tp_schedule_config *config);

/* A further handle of the model that is trained, to be freed by the caller. */
tp_status tp_trainer_model(tp_model **out, const tp_trainer *trainer);

/* A new model with the averaged weights, the host's to free; before the first step those of the model.
 * TP_ERROR_UNSUPPORTED where the trainer averages none. */
tp_status tp_trainer_averaged_model(tp_model **out, const tp_trainer *trainer);

/* Frames. Put a linear map A^T before a layer that reads h: with h_bar = (h, 1) and W_bar = [W b] the layer is V (A^T
 * h_bar), W_bar = V A^T, for every invertible A. Training goes on in V, which is W_bar -= rate * G_bar A A^T: weights,
 * outputs and files stay as they are to the bit, whatever A is, and only steps change. C is the mean of h_bar h_bar^T
 * over samples. A convolution reads a patch at each place of its input, in the order of its weights: of every sample up
 * to eight places, drawn one from each eighth of all, count as samples of C. */
typedef enum tp_frame_kind {
    TP_FRAME_WHITEN = 0,          /* A A^T = P = k (C + l I)^-1, l damping * tr(C) / rows, k so that tr(P C) = tr(C):
                                     learning rates stay near their best. A: P's symmetric root for ADAGRAD, RMSPROP,
                                     ADAM and ADAMW, else the inverse of Cholesky's factor */
    TP_FRAME_ROTATE = 1,          /* A the eigenvectors of C; of ADAGRAD, RMSPROP, ADAM and ADAMW, for others
                                     TP_ERROR_UNSUPPORTED: it would change no step */
    TP_FRAME_CENTRE = 2           /* inputs alone */
} tp_frame_kind;

/* The frame of layers that read the samples themselves. */
typedef enum tp_frame_input {
    TP_FRAME_INPUT_CENTRE = 0,    /* the mean of the inputs is subtracted in the step: A = [[I, 0], [-mean^T, 1]]; a
                                     convolution has a frame as inside, for its patches are many and small */
    TP_FRAME_INPUT_NONE = 1,
    TP_FRAME_INPUT_RANK = 2       /* centred, and whitened in the input_rank directions of the largest eigenvalues; the
                                     others are taken for as large as the next of these */
} tp_frame_input;

/* A layer inside that reads more than 256 values is whitened in `rank` directions, those of the largest eigenvalues of
 * C, with the mean of the others for all others, and has no rotated frame; a layer without bias that reads the samples
 * cannot be centred and has none. Convolutions in groups and batch norm have none. Layers without a frame step as
 * without. Weight decay acts on the weights as without frames; of a gradient that it is added to, it becomes part
 * before the frame. clip_norm bounds the gradient by the frame's coordinates, |G_bar A|. */
typedef struct tp_frame_config {
    size_t struct_size;
    int32_t kind;                 /* tp_frame_kind; default WHITEN */
    int32_t input;                /* tp_frame_input; default CENTRE */
    int64_t every;                /* steps from one refresh to the next; -1: none but by TP_GROUP_FRAME; default 200 */
    int64_t early_every;          /* the same in the first early_steps steps; default 25 */
    int64_t early_steps;          /* steps since frames were set; DOG, whose first steps are small, has none;
                                     default 200 */
    int64_t samples;              /* that C is the mean over, 1 to 65,536; default 512 */
    double damping;               /* above 0; under 1 training is near the edge of divergence; default 1 */
    int64_t warmup_steps;         /* the rate grows over these from 1 / warmup_steps of it; DOG has none; default 100 */
    int32_t outputs;              /* 1: layers with a frame and at most 256 outputs have one of these too, W_bar =
                                     B V A^T, so that W_bar -= rate * B B^T G_bar A A^T. B is made as A is, by `kind`
                                     and `damping`, of an average of G' G'^T, G' = G_bar A, over every eighth of the
                                     first early_steps steps and every 32nd after them, the last with a weight of
                                     0.1; it comes with the first refresh after a step. Not with CENTRE.
                                     0 (default): none */
    int32_t reserved;
    int64_t rank;                 /* of layers inside that read more than 256 values, 1 to 256; default 64 */
    int64_t input_rank;           /* of TP_FRAME_INPUT_RANK, 1 to 256; default 16 */
} tp_frame_config;

tp_status tp_frame_config_init(tp_frame_config *config, size_t struct_size);

/* Steps are taken in frames from now on; NULL: no longer, and averages of gradients go back to the weights'
 * coordinates. The same config again changes nothing. Refreshes use the inputs of the last `samples` samples that
 * tp_trainer_step has seen, which the trainer keeps (samples x input width floats) from the steps near a refresh; where
 * batches come to less than half their size, some may be older. tp_trainer_run draws its own. tp_trainer_apply_gradient
 * steps in the frames and sees no samples. Checkpoints keep frames, samples and watch. Complexity of a step beside one
 * without: min(batch, out) x width^2 a layer, and out x width^2 where it is not plain SGD; of a layer with a rank,
 * width^2 is twice rank x width; with `outputs` batch x out^2 more, out^2 x width where it is not plain SGD, and for
 * the average mentioned there the gradient once more and out^2 x width; of a refresh: a forward pass of `samples`
 * samples where layers inside have frames, samples x width^2 and width^3 a layer, with a rank samples x rank x width.
 * Of a convolution width is that of a patch, a step costs out x width^2, with `outputs` out^2 x width, and a refresh is
 * of 8 samples instead of one. The first refresh takes its memory; those of `outputs` some dozens of small blocks each,
 * the others and all steps none. */
tp_status tp_trainer_set_frames(tp_trainer *trainer, const tp_frame_config *config);

/* The frame of one layer, and what the last refresh or teleport of the frames came to for it. */
typedef struct tp_frame_report {
    size_t struct_size;
    int32_t framed;               /* 1: the layer has a frame */
    int32_t renewed;              /* 1: the last refresh or teleport gave it a new one */
    int32_t size;                 /* rows of C: the values that the layer or a place of it reads, and 1 for its
                                     bias; 0 for layers that no frame is for */
    int32_t rank;                 /* of C: eigenvalues above 1e-12 of the largest. This and the conditions are measured
                                     by TP_GROUP_FRAME alone: 0 and NaN after a refresh and without a frame */
    double condition_before;      /* of C by the old coordinates: its largest eigenvalue / its rank-th */
    double condition_after;       /* of C by the new coordinates, A^T C A, likewise */
    const char *reason;           /* a sentence: why the layer has no frame, or kept its old one; NULL: neither.
                                     Static */
} tp_frame_report;

tp_status tp_frame_report_init(tp_frame_report *report, size_t struct_size);

/* Of layer `layer`, 0 <= layer < layer_count, since the frames were set or loaded; checkpoints do not keep it.
 * TP_ERROR_BAD_STATE where the trainer steps in no frames. report_out needs its struct_size. */
tp_status tp_trainer_frame_report(const tp_trainer *trainer, int32_t layer, tp_frame_report *report_out);

typedef enum tp_event_kind {
    TP_EVENT_STEP = 0,            /* every progress_interval steps */
    TP_EVENT_EPOCH = 1,           /* after each epoch, with validation if there is a set for it */
    TP_EVENT_TELEPORT = 2,        /* after each teleport, and again when one is undone */
    TP_EVENT_EARLY_STOP = 3       /* once, when `patience` is used up and the best weights are back: `epoch`, valid_loss
                                     and valid_accuracy are those of the best, -1 and NaN where there is none */
} tp_event_kind;

/* Passed to the callback; valid during the call. */
typedef struct tp_event {
    size_t struct_size;
    int32_t kind;                 /* tp_event_kind */
    int32_t reserved;
    int64_t epoch;                /* of the trainer, from 0: the one that runs or has just ended */
    int64_t step;                 /* steps taken by the trainer */
    int64_t step_in_epoch;
    int64_t steps_per_epoch;
    double loss;                  /* STEP: of the last mini-batch; EPOCH: mean over the epoch's mini-batches,
                                     each before its step, by the weight of their samples; TELEPORT: NaN */
    double learning_rate;
    double seconds;               /* since tp_trainer_run began */
    double valid_loss;            /* EPOCH with a validation set, and EARLY_STOP; otherwise NaN */
    double valid_accuracy;        /* the same; NaN for targets */
    const tp_teleport_report *teleport;  /* TELEPORT, otherwise NULL */
} tp_event;

/* Runs on the thread that called tp_trainer_run. Anything but 0 stops the run after this event. Inside it the
 * trainer may be read and saved and its learning rate set, and the model read (tp_model_evaluate, tp_model_clone);
 * whatever else would change the trainer or the weights, through any handle of either, is TP_ERROR_BAD_STATE. */
typedef int32_t (*tp_event_callback)(const tp_event *event, void *user_data);

/* The weights that a run ends with when it has come to its end. Without patience and an average: always the last. */
typedef enum tp_finish {
    TP_FINISH_DEFAULT = 0,        /* with patience those of the best validation; else BEST where the trainer averages
                                     weights */
    TP_FINISH_LAST = 1,
    TP_FINISH_AVERAGE = 2,
    TP_FINISH_BEST = 3            /* whichever has the smaller loss over `train`: two more passes over it */
} tp_finish;

/* What a run came to. */
typedef struct tp_run_result {
    size_t struct_size;
    int64_t epochs;               /* completed in this run */
    int64_t best_epoch;           /* of the trainer, from 0: with patience the one of the best validation; else, and
                                     where no validation gave a finite loss, -1 */
    double best_valid_loss;       /* of that epoch; NaN with -1 */
    double best_valid_accuracy;   /* the same */
    int32_t stopped_early;        /* 1: patience was used up */
    int32_t reserved;
} tp_run_result;

tp_status tp_run_result_init(tp_run_result *result, size_t struct_size);
/* The mean of the inputs, subtracted within the step of layers that read the samples: the frame TP_FRAME_CENTRE with
 * the mean of 1,024 samples, taken once, before the first step of the first such run. Weights, outputs and what the
 * net reads stay as they are, so there is nothing to undo; the teleport is an event as those of frames are. */
typedef enum tp_centring {
    TP_CENTRING_DEFAULT = 0,      /* ON for DOG where a layer can take the mean and no other group teleports; else the
                                     trainer's own: a rate that was chosen goes on as it was chosen */
    TP_CENTRING_ON = 1,           /* whatever the optimizer is. Not together with `teleport` of another group; where no
                                     layer with a bias reads the samples TP_ERROR_UNSUPPORTED */
    TP_CENTRING_OFF = 2           /* and off again for a trainer that an earlier run has centred */
} tp_centring;

typedef struct tp_run_config {
    size_t struct_size;

    /* The training. */
    int32_t epochs;               /* to complete in this run; default 1 */
    int32_t batch_size;           /* default 32 */
    uint64_t seed;                /* of the shuffles and of the samples that teleports draw; default 0 */
    int32_t shuffle;              /* 1 (default): a new order each epoch, a function of seed and epoch alone */
    int32_t drop_last;            /* 1: leave out a last batch that is not full; default 0 */

    /* Its teleports. */
    const tp_teleport_config *teleport;  /* NULL (default): none */
    const int32_t *teleport_epochs;      /* epochs of the trainer, from 0, that begin with teleports; NULL with */
    size_t teleport_epoch_count;         /*   count 0: epoch 0; not NULL with count 0: none; at most 65,536. Those that
                                              do not come in this run wait for another */
    int32_t teleports_per_epoch;  /* before the first mini-batches of such an epoch, one each; default 1 */
    int32_t teleport_samples;     /* samples a teleport draws, at most the set's; default 2,048 */
    int32_t watch_steps;          /* a loss that stops being finite within this many steps of a teleport takes
                                     training back to before it; 0: none are watched; default 200 */

    /* How it is followed and stopped. */
    int32_t progress_interval;    /* steps between TP_EVENT_STEP; 0 (default): about 100 an epoch; -1: off */
    const volatile int32_t *stop_flag;   /* another thread sets it to anything but 0 to stop, as that of tp_set_stop;
                                            or NULL */

    /* Its checkpoints. */
    const char *checkpoint_path;  /* file that tp_trainer_save writes during the run; NULL (default): none */
    int64_t checkpoint_steps;     /* steps from one checkpoint to the next; 0 (default): not by steps */
    double checkpoint_seconds;    /* seconds from one to the next; 0 (default): not by time. Both 0: each epoch */
    int32_t checkpoint_keep;      /* checkpoints kept: checkpoint_path is the newest, then `path`.1, .2, ...;
                                     default 1, the newest alone; at most 1,000 */
    int32_t finish;               /* tp_finish; default DEFAULT */
    const tp_frame_config *frames;   /* as tp_trainer_set_frames, with refreshes from samples drawn from `train` by
                                     a generator of their own, each a TP_EVENT_TELEPORT; NULL (default): the
                                     trainer's own. Between refreshes losses are watched: where their mean is over
                                     1.5 times the best between two refreshes and 0.05 of the first, or one is not
                                     finite, training goes back to where that piece began, with half the rate: an
                                     event with TP_TELEPORT_UNDONE. Not together with `teleport` of another group */

    /* How classes are weighed: a sample's weight is its own in `train` (1 without tp_dataset_with_weights) times that
     * of its class, in steps, in the samples of teleports, which have some, and in the loss of epochs and of
     * TP_FINISH_BEST. A mini-batch without any weight is a step with gradient 0. Validation knows the weights of
     * `valid` alone. Sets with targets: TP_ERROR_UNSUPPORTED. */
    const float *class_weights;   /* one factor a class of `train`, finite, not negative; NULL (default) with */
    size_t class_weight_count;    /*   count 0: 1 each; another count than its classes: TP_ERROR_SHAPE_MISMATCH */
    int32_t balance_classes;      /* 1, with class_weights NULL: A / (k A_c), A the weight of all samples of `train`,
                                     A_c of those of the class and k the classes that have any; default 0 */

    /* Its early stop. With patience the loss over `valid` decides after each epoch: of the weights, or of their average
     * where the trainer has one. A loss below the best by more than min_delta is the new best; one that is not finite
     * is none. When the run has come to its end, early or not, the best weights are back to the bit (see `finish`); the
     * optimizer's state stays the last one. A run that is stopped waits on in the next run with patience and the same
     * `valid`, and checkpoints keep that. */
    int32_t patience;             /* validations without a new best after which the run ends; needs `valid`;
                                     0 (default): it does not end early */
    double min_delta;             /* finite, >= 0; default 0; with patience alone */
    tp_run_result *result;        /* is written when the run returns TP_OK or TP_STOPPED, struct_size set first; or NULL
                                     (default) */

    const tp_augment_config *augment;    /* changes the images of mini-batches, those of teleports, frames and
                                     measurements not; NULL (default): none. `train` must hold images */
    int32_t centring;             /* tp_centring, of runs without `frames`, which have `input` for it, of a trainer
                                     without frames of its own; default DEFAULT */
    int32_t reserved;
} tp_run_config;

tp_status tp_run_config_init(tp_run_config *config, size_t struct_size);

/* Writes a checkpoint: the model, optimizer settings and state, schedule, rate, epoch, steps, the running loss of an
 * epoch, what tp_trainer_undo_teleport and watch_steps need, and with patience the best weights and how long the run
 * has waited. Written as tp_model_save writes; an optimizer's averages that are not finite (squares of gradients above
 * 1e19) are TP_ERROR_NOT_FINITE as weights are. May be called inside the callback of a run. */
tp_status tp_trainer_save(const tp_trainer *trainer, const char *path);

/* A new trainer, with a new model (tp_trainer_model), where a checkpoint left off. Given the same data, configs and
 * thread count it goes on to the bit as if it had not stopped; a run within an epoch goes on there. A schedule
 * that was a callback must be set again with tp_trainer_set_schedule: until then steps are TP_ERROR_BAD_STATE and
 * the rate is NaN. Errors are those of tp_model_load; averages of the optimizer that are not finite are
 * TP_ERROR_NOT_FINITE, and averages of squares below zero TP_ERROR_FORMAT. Files of older versions are read. */
tp_status tp_trainer_load(tp_trainer **out, const char *path);

/* Trains for config->epochs epochs over `train`; `valid` may be NULL. A run that was stopped within an epoch
 * goes on there when it is called again with the same data and batch size, unless tp_trainer_end_epoch has ended that
 * epoch. TP_STOPPED when the callback, the flag, tp_trainer_request_stop or tp_set_stop stopped it: after a step, or
 * within a teleport, which is then put back and made again when the run goes on, or within a validation, whose numbers
 * in the epoch's event are then NaN. TP_ERROR_NOT_FINITE when the loss stopped being finite with no teleport to undo:
 * the weights are then those before the step at fault. Weights are checked after each epoch and before each checkpoint
 * as well; when they stopped being finite themselves, they go back to those that the epoch (or its part in this run)
 * began with. A checkpoint is also written when the run ends or is stopped; one that cannot be written ends the run
 * with its status, the last one stays, and another run goes on from there.
 * What can be known is checked before the first step, and nothing has changed then: the sets, the teleport with its
 * held_out (TP_ERROR_NOT_FINITE where it is not finite), whether teleports draw enough samples to hold a quarter out,
 * and whether checkpoint_path is a place for a file. */
tp_status tp_trainer_run(tp_trainer *trainer, const tp_dataset *train, const tp_dataset *valid,
                         const tp_run_config *config, tp_event_callback progress, void *user_data);

/* Stops the run or teleport that another thread has under way on this trainer, or else the next one, which then ends
 * before its first step. A request is answered once, by the first call to return TP_STOPPED after it. Safe on any
 * thread and in a signal handler, while the trainer lives; nothing for NULL. */
void tp_trainer_request_stop(tp_trainer *trainer);

/* ======================================================================================================
 * 9  Test functions (experimental)
 * ==================================================================================================== */

/* A function of the plane whose value depends on u^2 + v^2 alone, (u, v) = to_uv(x, y): SO(2) rotates (u, v) and
 * keeps the value. All in double. Callbacks run on the calling thread and may be called for any point. */
typedef struct tp_plane_function {
    size_t struct_size;
    double (*value)(const double *xy, void *user_data);
    void (*gradient)(const double *xy, double *gradient_out, void *user_data);   /* 2 values */
    void (*to_uv)(const double *xy, double *uv_out, void *user_data);
    void (*from_uv)(const double *uv, double *xy_out, void *user_data);
    void (*hessian)(const double *xy, double *hessian_out, void *user_data);     /* 4 values, row-major; or NULL */
    void (*from_uv_jacobian)(const double *uv, double *jacobian_out, void *user_data);  /* the same; or NULL */
    void *user_data;
} tp_plane_function;

/* Without hessian or from_uv_jacobian the ascent takes central differences in theta. */
tp_status tp_plane_function_init(tp_plane_function *function, size_t struct_size);

/* The caller sets function_out->struct_size first (tp_plane_function_init does).
 * Fills in 100 (x^2 - y)^2 + (x - 1)^2 with u = 10 (x^2 - y), v = x - 1, minimum at (1, 1); its callbacks need the
 * user_data that is filled in with them. */
tp_status tp_plane_rosenbrock(tp_plane_function *function_out);

/* Fills in (x + 2 y - 7)^2 + (2 x + y - 5)^2 with u and v the brackets, minimum at (1, 3); user_data likewise. */
tp_status tp_plane_booth(tp_plane_function *function_out);

typedef struct tp_plane_config {
    size_t struct_size;
    int32_t steps;                    /* of gradient descent; default 1,000 */
    int32_t theta_steps;              /* evaluations of theta a teleport, the point of the last is used; default 10 */
    double learning_rate;             /* default 1e-3 */
    double theta_learning_rate;       /* theta += rate * d |grad|^2 / d theta; default 0.1 */
    double loss_tolerance;            /* relative; a rotation that changes the value more is not made; default 1e-9 */
    const int32_t *teleport_steps;    /* steps, from 0, before which to teleport once each, in any order; those */
    size_t teleport_step_count;       /*   past the end count for nothing; at most `steps`. NULL, 0 (default): none */
    const double *theta_starts;       /* where each teleport's theta begins; NULL (default), and after the last: */
    size_t theta_start_count;         /*   uniform in [0, pi); at most `steps` */
    uint64_t seed;                    /* default 0 */
} tp_plane_config;

tp_status tp_plane_config_init(tp_plane_config *config, size_t struct_size);

/* What a teleport in the plane came to. */
typedef struct tp_plane_report {
    size_t struct_size;
    int32_t accepted;
    int32_t outcome;                  /* tp_teleport_outcome */
    double theta;
    double value_before;
    double value_after;
    double gradient_norm2_before;
    double gradient_norm2_after;
} tp_plane_report;

tp_status tp_plane_report_init(tp_plane_report *report, size_t struct_size);

/* Rotates the point xy (in and out, 2 values) by the theta that ascent on |grad|^2 reaches from `theta`. Not
 * accepted: xy stays as it is. report_out may be NULL. Source: arXiv 2205.10637, section 6.1. */
tp_status tp_plane_teleport(const tp_plane_function *function, double *xy, double theta,
                            const tp_plane_config *config, tp_plane_report *report_out);

/* Gradient descent from `start` (2 values). trajectory gets steps + 1 points of 2 values, values their values; each
 * may be NULL with capacity 0. A step's point is the one after its teleport and before its descent; the last one
 * is the end. */
tp_status tp_plane_descend(const tp_plane_function *function, const double *start,
                           const tp_plane_config *config, double *trajectory,
                           size_t trajectory_capacity, double *values, size_t values_capacity);

#ifdef __cplusplus
}
#endif

#endif /* TELEPORT_H */
