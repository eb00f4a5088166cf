// Exports a model in a scheme of weights, and reads exports back as fp32 levels, for other programs to compare with:
//   export_levels <model> <weights: w4, w4g32 ...> <bits of the tables: 8 or 32> <export>
//   export_levels <export> <levels>

#include <qat/llama/checkpoint.hpp>
#include <qat/llama/quantized_checkpoint.hpp>
#include <qat/llama/save_checkpoint.hpp>

#include <cstdio>
#include <exception>
#include <optional>
#include <string>

namespace {

using qat::llama::used_tables;

/// f(scheme type) for a name that begins with these weights.
template <class F>
void with_weights(const std::string& name, F&& f) {
  const std::string weights = name.substr(0, name.find('a'));
  const auto call = [&]<int Bits, int Group>() {
    f(qat::llama::with_tables<qat::named_scheme<Bits, Group, 8, 4, false, false>>{});
  };
  if (weights == "w4") return call.template operator()<4, 0>();
  if (weights == "w4g32") return call.template operator()<4, 32>();
  if (weights == "w8") return call.template operator()<8, 0>();
  if (weights == "w3") return call.template operator()<3, 0>();
  if (weights == "w2") return call.template operator()<2, 0>();
  throw std::runtime_error(weights + ": choose w2, w3, w4, w4g32 or w8");
}

void write_export(const std::string& model, const std::string& weights, bool tables,
                  const std::string& folder) {
  const auto parameters = qat::llama::load_parameters(model);
  with_weights(weights, [&]<class Scheme>(const Scheme&) {
    qat::llama::save_quantized<Scheme>({}, parameters, folder,
                                       qat::to_string(qat::describe<Scheme>()), {tables, tables},
                                       std::nullopt);
  });
}

void write_levels(const std::string& exported, const std::string& folder) {
  const auto kind = qat::llama::quantized_kind(exported);
  if (!kind) throw std::runtime_error(exported + ": no export");
  with_weights(kind->scheme, [&]<class Scheme>(const Scheme&) {
    const auto shipped = qat::llama::load_quantized<Scheme>({}, exported, kind->tables);
    qat::llama::save_hugging_face(shipped.parameters, folder, qat::llama::checkpoint_type::f32,
                                  std::nullopt);
  });
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc == 5)
      write_export(argv[1], argv[2], std::string(argv[3]) == "8", argv[4]);
    else if (argc == 3)
      write_levels(argv[1], argv[2]);
    else
      return 2;
    std::printf("wrote %s\n", argv[argc - 1]);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
  return 0;
}
