#include <qat/io/sha256.hpp>

#include <doctest/doctest.h>

#include <string>

#include <tests/support/files.hpp>

using qat::testing::as_bytes;

TEST_CASE("sha256: the vectors of FIPS 180-4 and the lengths around a block") {
  CHECK(qat::io::sha256({}) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(qat::io::sha256(as_bytes("abc")) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(qat::io::sha256(as_bytes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")) ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(qat::io::sha256(as_bytes(std::string(1000000, 'a'))) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("sha256: pieces of any length give the hash of the whole, and a digest does not end it") {
  const std::string text(200, 'q');
  for (std::size_t length = 0; length <= text.size(); ++length) {
    qat::io::Sha256 hash;
    hash.update(std::string_view(text).substr(0, length / 3));
    static_cast<void>(hash.digest());
    hash.update(std::string_view(text).substr(length / 3, length - length / 3));
    CHECK(qat::io::hexadecimal(hash.digest()) == qat::io::sha256(as_bytes(text.substr(0, length))));
  }
}
