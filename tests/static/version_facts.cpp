// The version that CMake knows is the version that the header states.
#include <qat/version.hpp>

static_assert(qat::version_major == QAT_EXPECTED_MAJOR);
static_assert(qat::version_minor == QAT_EXPECTED_MINOR);
static_assert(qat::version_patch == QAT_EXPECTED_PATCH);
