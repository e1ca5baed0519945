/* teleport.hpp - the handles of teleport.h as C++17 classes.
 *
 * A class owns one handle and frees it; it moves and does not copy (model::clone does). A call that fails throws
 * teleport::error with the library's sentence and its tp_status. A stop (tp_set_stop) is no failure where a status is
 * returned, run() and teleport(); where a value is, it is thrown as TP_STOPPED.
 * Arrays are teleport::span, a pointer with a size, made from any container that lies in one piece. Meaning, units and
 * thread rules are those of teleport.h, which this file includes; get() gives the handle for what has no method here:
 *
 *     teleport::check(tp_trainer_undo_teleport(trainer.get()));
 *
 * Everything is inline: nothing but libteleport is linked. */
#ifndef TELEPORT_HPP
#define TELEPORT_HPP

#include <teleport.h>

#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace teleport {

class error : public std::runtime_error {
public:
    error(tp_status status, const char *message) : std::runtime_error(message), status_(status) {}
    tp_status status() const noexcept { return status_; }

private:
    tp_status status_;
};

/* Throws where a status is a failure, and returns the others: TP_OK and TP_STOPPED. */
inline tp_status check(tp_status status) {
    if (status < 0) throw error(status, tp_error_message());
    return status;
}

/* Throws a stop as well: for calls whose result is not there after one. */
inline void finish(tp_status status) {
    if (check(status) != TP_OK) throw error(status, tp_status_string(status));
}

/* Elements that somebody else keeps. */
template <class T> class span {
public:
    constexpr span() noexcept = default;
    constexpr span(T *data, std::size_t size) noexcept : data_(data), size_(size) {}
    template <std::size_t N> constexpr span(T (&array)[N]) noexcept : data_(array), size_(N) {}
    template <class C, class = std::enable_if_t<std::is_convertible_v<decltype(std::declval<C &>().data()), T *>>>
    constexpr span(C &container) noexcept : data_(container.data()), size_(container.size()) {}
    template <class C, class = std::enable_if_t<std::is_const_v<T> &&
                                                std::is_convertible_v<decltype(std::declval<const C &>().data()), T *>>>
    constexpr span(const C &container) noexcept : data_(container.data()), size_(container.size()) {}

    constexpr T *data() const noexcept { return data_; }
    constexpr std::size_t size() const noexcept { return size_; }

private:
    T *data_ = nullptr;
    std::size_t size_ = 0;
};

/* A config or an output struct with its defaults: auto run = defaults(tp_run_config_init); run.epochs = 5; */
template <class C> C defaults(tp_status (*init)(C *, std::size_t)) {
    C config;
    check(init(&config, sizeof config));
    return config;
}

/* Samples with class numbers, or with targets. `x` holds labels.size() rows; it and the rest must outlive the batch. */
inline tp_batch labelled(span<const float> x, span<const std::int32_t> labels) {
    if (labels.size() == 0 || x.size() % labels.size() != 0)
        throw error(TP_ERROR_SHAPE_MISMATCH, "the size of x is not a multiple of the number of labels");
    tp_batch batch{};
    batch.x = x.data();
    batch.x_width = static_cast<std::int64_t>(x.size() / labels.size());
    batch.labels = labels.data();
    batch.count = static_cast<std::int64_t>(labels.size());
    return batch;
}

inline tp_batch targeted(span<const float> x, span<const float> targets, std::size_t count) {
    if (count == 0 || x.size() % count != 0 || targets.size() % count != 0)
        throw error(TP_ERROR_SHAPE_MISMATCH, "the sizes of x and targets are not multiples of the number of samples");
    tp_batch batch{};
    batch.x = x.data();
    batch.x_width = static_cast<std::int64_t>(x.size() / count);
    batch.targets = targets.data();
    batch.target_width = static_cast<std::int64_t>(targets.size() / count);
    batch.count = static_cast<std::int64_t>(count);
    return batch;
}

/* What the classes below share. */
template <class T, void (*Free)(T *)> class handle {
public:
    /* Takes over a handle of the C interface. */
    explicit handle(T *owned) noexcept : pointer_(owned) {}
    T *get() const noexcept { return pointer_.get(); }

protected:
    template <class Make, class... Arguments> static T *made(Make make, Arguments... arguments) {
        T *out = nullptr;
        finish(make(&out, arguments...));
        return out;
    }

private:
    struct deleter {
        void operator()(T *pointer) const noexcept { Free(pointer); }
    };
    std::unique_ptr<T, deleter> pointer_;
};

class dataset : public handle<tp_dataset, tp_dataset_free> {
public:
    using handle::handle;

    static dataset from_image_folder(const std::string &path, const tp_image_config *config = nullptr) {
        return dataset(made(tp_dataset_from_image_folder, path.c_str(), config, nullptr, nullptr));
    }
    static dataset from_labels(span<const float> x, span<const std::int32_t> labels, std::int32_t classes) {
        const tp_batch batch = labelled(x, labels);
        return dataset(made(tp_dataset_from_labels, batch.x, batch.x_width, batch.labels, batch.count, classes));
    }
    static dataset from_targets(span<const float> x, span<const float> targets, std::size_t count) {
        const tp_batch batch = targeted(x, targets, count);
        return dataset(
            made(tp_dataset_from_targets, batch.x, batch.x_width, batch.targets, batch.target_width, batch.count));
    }

    std::int64_t count() const { return tp_dataset_count(get()); }
    std::int32_t class_count() const { return tp_dataset_class_count(get()); }
    std::string class_name(std::int32_t index) const {
        const char *name = tp_dataset_class_name(get(), index);
        return name ? name : "";
    }
};

class model : public handle<tp_model, tp_model_free> {
public:
    using handle::handle;

    /* A perceptron by its widths, or a net of any shape by its text. */
    explicit model(span<const std::int32_t> widths, const tp_model_config *config = nullptr)
        : handle(made(tp_model_create_mlp, widths.data(), widths.size(), config)) {}
    explicit model(const std::string &text, const tp_model_config *config = nullptr)
        : handle(made(tp_model_create, text.c_str(), config)) {}
    static model load(const std::string &path, const tp_model_config *config = nullptr) {
        return model(made(tp_model_load, path.c_str(), config));
    }

    model clone() const { return model(made(tp_model_clone, static_cast<const tp_model *>(get()))); }
    void save(const std::string &path) const { check(tp_model_save(get(), path.c_str())); }

    std::vector<float> parameters() const {
        std::vector<float> values(static_cast<std::size_t>(tp_model_parameter_count(get())));
        check(tp_model_get_parameters(get(), values.data(), values.size()));
        return values;
    }
    void set_parameters(span<const float> values) {
        check(tp_model_set_parameters(get(), values.data(), values.size()));
    }

    /* `outputs` takes the outputs of `count` rows of x. */
    void predict(span<const float> x, std::size_t count, span<float> outputs, tp_output kind = TP_OUTPUT_RAW) const {
        finish(tp_model_predict(get(), x.data(), width(x, count), static_cast<std::int64_t>(count), kind,
                                outputs.data(), outputs.size()));
    }
    std::vector<std::int32_t> predict_labels(span<const float> x, std::size_t count) const {
        std::vector<std::int32_t> labels(count);
        finish(tp_model_predict_labels(get(), x.data(), width(x, count), static_cast<std::int64_t>(count),
                                       labels.data(), labels.size()));
        return labels;
    }
    tp_metrics evaluate(const dataset &data, tp_loss loss = TP_LOSS_CROSS_ENTROPY) const {
        tp_metrics metrics{};
        metrics.struct_size = sizeof metrics;
        finish(tp_model_evaluate(get(), data.get(), loss, &metrics));
        return metrics;
    }

private:
    static std::int64_t width(span<const float> x, std::size_t count) {
        if (count == 0 || x.size() % count != 0)
            throw error(TP_ERROR_SHAPE_MISMATCH, "the size of x is not a multiple of the number of samples");
        return static_cast<std::int64_t>(x.size() / count);
    }
};

class trainer : public handle<tp_trainer, tp_trainer_free> {
public:
    using handle::handle;
    using progress = std::function<bool(const tp_event &)>; /* false stops the run */

    explicit trainer(model &net, tp_loss loss = TP_LOSS_CROSS_ENTROPY, const tp_optimizer_config *config = nullptr)
        : handle(made(tp_trainer_create, net.get(), loss, config)) {}
    static trainer load(const std::string &path) { return trainer(made(tp_trainer_load, path.c_str())); }

    void save(const std::string &path) const { check(tp_trainer_save(get(), path.c_str())); }

    /* The loss before the step. */
    double step(const tp_batch &batch) {
        double loss = 0;
        finish(tp_trainer_step(get(), &batch, &loss));
        return loss;
    }
    /* TP_OK, or TP_STOPPED, which leaves the report as it was; made by defaults(tp_teleport_report_init). */
    tp_status teleport(const tp_batch &batch, const tp_teleport_config *config = nullptr,
                       tp_teleport_report *report = nullptr) {
        return check(tp_trainer_teleport(get(), &batch, config, report));
    }
    /* TP_OK, or TP_STOPPED. What `told` throws stops the run and is thrown from here. */
    tp_status run(const dataset &train, const dataset *valid = nullptr, const tp_run_config *config = nullptr,
                  const progress &told = nullptr) {
        call state{told, nullptr};
        const tp_status status = tp_trainer_run(get(), train.get(), valid ? valid->get() : nullptr, config,
                                                told ? &call::event : nullptr, &state);
        if (state.thrown) std::rethrow_exception(state.thrown);
        return check(status);
    }

    double learning_rate() const { return tp_trainer_learning_rate(get()); }
    void set_learning_rate(double rate) { check(tp_trainer_set_learning_rate(get(), rate)); }

private:
    struct call {
        const progress &told;
        std::exception_ptr thrown;

        static std::int32_t event(const tp_event *event, void *state) noexcept {
            auto &self = *static_cast<call *>(state);
            try {
                return self.told(*event) ? 0 : 1;
            } catch (...) {
                self.thrown = std::current_exception();
                return 1;
            }
        }
    };
};

} // namespace teleport

#endif /* TELEPORT_HPP */
