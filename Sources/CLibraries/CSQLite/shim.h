// Wherever pkg-config or the compiler finds it; a module map can't say that.
#include <sqlite3.h>
