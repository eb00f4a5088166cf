// Writes a small random LLaMA as a folder that transformers would load: make_model <tokenizer.json> <folder>.

#include <qat/core/philox.hpp>
#include <qat/io/mapped_file.hpp>
#include <qat/io/tokenizer_json.hpp>
#include <qat/llama/save_checkpoint.hpp>

#include <cstdio>
#include <exception>
#include <string>

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  try {
    const std::string json = qat::io::read_text(argv[1]);
    const qat::io::MappedFile file(argv[1]);
    const qat::io::Tokenizer tokenizer = qat::io::tokenizer_from_json(file.bytes(), argv[1]);
    qat::llama::llama_parameters<float> parameters({.vocabulary = tokenizer.vocabulary_size(),
                                                    .hidden = 32,
                                                    .intermediate = 48,
                                                    .layers = 2,
                                                    .heads = 4,
                                                    .kv_heads = 2,
                                                    .head_size = 8,
                                                    .context = 64,
                                                    .tied_head = true,
                                                    .bos = 0});
    std::uint64_t stream = 0;
    qat::llama::for_each_parameter(parameters, [&](const std::string& name, qat::Tensor<float>& t) {
      ++stream;
      const bool norm = name.find("norm") != std::string::npos;
      for (std::size_t i = 0; i < t.size(); ++i) {
        const auto n = static_cast<int>(qat::core::random_bits(1, stream, i) >> 20) - 2048;
        t.data()[i] = norm ? 1.0f : static_cast<float>(n) * 0x1p-12f;
      }
    });
    qat::llama::save_hugging_face(parameters, argv[2], qat::llama::checkpoint_type::f32, json);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
  return 0;
}
