#define QAT_COMPILED_HERE
#include "compiled_once.hpp"
