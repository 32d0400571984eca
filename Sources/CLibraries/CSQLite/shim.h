#pragma once
#if !__has_include(<sqlite3.h>)
#error MillraceSQLite needs SQLite: apt-get install libsqlite3-dev (Debian), dnf install sqlite-devel (Fedora), brew install sqlite (macOS)
#else

#include <sqlite3.h>

#endif
