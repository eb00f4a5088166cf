// What a run would take, before it takes it.

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <unistd.h>

#include "program.hpp"
#include "walk.hpp"

namespace distill_llama {
namespace {

namespace fs = std::filesystem;

/// Bytes of memory that the machine has, and that are free for us.
double memory_of_machine() {
  return static_cast<double>(::sysconf(_SC_PHYS_PAGES)) *
         static_cast<double>(::sysconf(_SC_PAGESIZE));
}

double free_disk(const std::string& out) {
  fs::path at = fs::absolute(out);
  while (!fs::exists(at) && at.has_parent_path()) at = at.parent_path();
  std::error_code error;
  const auto space = fs::space(at, error);
  return error ? 0.0 : static_cast<double>(space.available);
}

/// Multiply-adds a second of this machine on a small product of the program's own.
double probe(qat::core::executor_reference executor) {
  constexpr std::size_t rows = 256, width = 1024;
  qat::Tensor<float> x(qat::Shape{rows, width}), w(qat::Shape{width, width}),
      y(qat::Shape{rows, width});
  qat::Tensor<float> panels(qat::Shape{qat::panel_elements(width, width)});
  std::fill_n(x.data(), x.size(), 1.0f);
  std::fill_n(w.data(), w.size(), 1.0f);
  qat::pack_panels(executor, std::as_const(w).view().matrix(), panels.data());
  const auto multiply = [&] {
    qat::float_product(executor, std::as_const(x).view().matrix(),
                       qat::float_panels<float>{panels.data(), width, width}, y.view().matrix());
  };
  multiply();
  std::size_t count = 0;
  const double begun = seconds();
  do {
    multiply();
    ++count;
  } while (seconds() - begun < 0.3);
  return static_cast<double>(count) * static_cast<double>(rows * width * width) /
         (seconds() - begun);
}

}  // namespace

void plan(const run_options& options, qat::core::executor_reference executor) {
  const std::string path = options.model.empty() ? embedded_teacher() : options.model;
  const qat::llama::Checkpoint checkpoint(path);
  const qat::llama::llama_config& c = checkpoint.config();
  const auto g = generation_of(options, c);
  const auto t = training_of(options);
  const scheme_entry& scheme = entry_for(scheme_of(options));
  const storage stored = storage_of(c, scheme, tables_of(options, c.tied_head));
  const double count = static_cast<double>(qat::llama::parameter_count(c));
  const double linear =
      count - static_cast<double>(c.vocabulary * c.hidden) * (c.tied_head ? 1.0 : 2.0);
  const double head = static_cast<double>(c.vocabulary * c.hidden);
  const double length = static_cast<double>(g.tokens);
  const double rows = static_cast<double>(t.batch) * length;
  const double tokens = rows * static_cast<double>(t.accumulation * t.rate.steps);
  // Teacher: numbers, panels, head panels. Student: numbers, two moments, gradients, codes, levels of the tables.
  const double teacher_ram = 4.0 * (count + linear + head);
  const double wide = static_cast<double>(c.intermediate), width = static_cast<double>(c.hidden);
  const double a_block = rows *
                             (14.0 * width + 2.0 * static_cast<double>(c.query_width()) +
                              6.0 * static_cast<double>(c.kv_width()) + 8.0 * wide) *
                             4.0 +
                         static_cast<double>(c.heads) * length * length * 8.0;
  const double activations = options.recompute
                                 ? a_block + rows * width * 8.0 * static_cast<double>(c.layers)
                                 : a_block * static_cast<double>(c.layers);
  const double logits = 3.0 * 256.0 * static_cast<double>(c.vocabulary) * 4.0 + 2.0 * head * 4.0;
  const double generate_ram =
      teacher_ram + 32.0 * length * static_cast<double>(c.kv_width() * c.layers) * 8.0 + logits;
  const double train_ram =
      teacher_ram + 16.0 * count + 2.0 * linear + 4.0 * head + activations + logits;
  const double disk =
      12.0 * count * static_cast<double>(options.keep + 2) + stored.bytes + 4.0 * tokens;
  const double speed = probe(executor);
  const double generate_seconds =
      static_cast<double>(g.samples) * length * (linear + head) / (0.35 * speed);
  const double train_seconds = tokens * (2.0 * linear + 3.2 * linear + 5.0 * head) / (0.85 * speed);
  nlohmann::ordered_json json{
      {"parameters", qat::llama::parameter_count(c)},
      {"scheme", scheme_of(options)},
      {"export_bytes", stored.bytes},
      {"training_tokens", tokens},
      {"memory_bytes",
       {{"generate", generate_ram}, {"train", train_ram}, {"verify", teacher_ram + 12.0 * count}}},
      {"machine_memory_bytes", memory_of_machine()},
      {"disk_bytes", disk},
      {"free_disk_bytes", free_disk(options.out)},
      {"seconds", {{"generate", generate_seconds}, {"train", train_seconds}}}};
  if (options.json) {
    std::cout << json.dump() << "\n";
  } else {
    std::printf("%s: %.1f M parameters, scheme %s, export of %s\n", path.c_str(), count / 1e6,
                scheme_of(options).c_str(), in_megabytes(stored.bytes).c_str());
    std::printf("generate  %zu sequences of up to %zu tokens: about %.0f s, %s of memory\n",
                g.samples, g.tokens, generate_seconds, in_megabytes(generate_ram).c_str());
    std::printf("train     %llu steps, %.0f tokens: about %.0f s, %s of memory\n",
                static_cast<unsigned long long>(t.rate.steps), tokens, train_seconds,
                in_megabytes(train_ram).c_str());
    std::printf("disk      %s of %s free\n", in_megabytes(disk).c_str(),
                in_megabytes(free_disk(options.out)).c_str());
    std::printf("times are extrapolated from a product of floats on this machine\n");
  }
  const double most = 0.9 * memory_of_machine();
  if (options.force) return;
  if (train_ram > most) {
    const double without =
        train_ram - activations + a_block + rows * width * 8.0 * static_cast<double>(c.layers);
    const std::string fits = !options.recompute && without <= most
                                 ? "with --recompute it would take " + in_megabytes(without)
                                 : "a batch of 1 x 128 tokens with --recompute would take about " +
                                       in_megabytes(teacher_ram + 16.0 * count + 2.0 * linear +
                                                    4.0 * head + logits + a_block * 128.0 / rows) +
                                       ", a smaller model less";
    throw UsageError("training needs " + in_megabytes(train_ram) + ", this machine has " +
                     in_megabytes(memory_of_machine()) + "; " + fits +
                     " (--force tries it all the same)");
  }
  if (disk > free_disk(options.out))
    throw UsageError("the run needs " + in_megabytes(disk) + " on disk, there are " +
                     in_megabytes(free_disk(options.out)) +
                     "; use --keep 1 or another --out (--force tries it all the same)");
}

}  // namespace distill_llama
