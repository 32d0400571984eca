#pragma once
#if !__has_include(<hiredis/hiredis.h>)
#error MillraceRedis needs hiredis: apt-get install libhiredis-dev (Debian), dnf install hiredis-devel (Fedora), brew install hiredis (macOS)
#else

#include <sys/time.h>
#include <hiredis/hiredis.h>
#include <hiredis/async.h>

#endif
